import { Buffer } from "node:buffer";
import { isId } from "../base/id.ts";
import { idTime } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import { type Caller, isWithinWall, requireTier } from "../identity/caller.ts";
import { type Entry, privatePartsFrom, saltedDigest } from "../ledger/entry.ts";
import { leavesOfTime, type LoggedEntry, loggedEntry, readHead } from "../ledger/log_reader.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { approvalKey, runTokenKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { bundleEditionKey, mandateKey } from "../store/mandate_keys.ts";
import { approvalRecord } from "../store/records/approval.ts";
import { bundleEdition, type MandateRecord, mandateRecord } from "../store/records/mandate.ts";
import { runTokenRecord } from "../store/records/token.ts";
import { type ClaimedMandate, type Claims, claimsOf, ENGINE, receiptId } from "./claims.ts";
import {
  evidenceDigest,
  type SignedClaims,
  type SignedJws,
  signReceipt,
  type Wire,
} from "./jws.ts";
import { keyOfTime, listReceiptKeys, makeFirstKey, receiptSigner } from "./receipt_keys.ts";

/**
 * Receipts are made when they are asked for: the entry is found by the time that its id carries, and
 * signed by the key of that time. Nothing of it lies on the way of a check.
 */

type Stores = Pick<Services, "deps" | "ledgers">;

/** A receipt, and the entry that it is of. */
export interface IssuedReceipt {
  readonly claims: Claims;
  readonly receipt: SignedJws | SignedClaims;
  readonly entry: LoggedEntry;
  /** The key that signed it. */
  readonly kid: string;
}

/** The digest that names the rules by which decisions are made. */
export const ENGINE_VERSION = `sha256:${evidenceDigest({ ...ENGINE })}`;

/**
 * The signed receipt of an entry.
 * @throws {Refusal} not_found where there is none, or it is not this caller's to see; wrong_tier;
 *   erased where it would name a user whose id was erased
 */
export async function issueReceipt(
  stores: Stores,
  caller: Caller,
  log: string,
  id: string,
  wire: Wire,
): Promise<IssuedReceipt> {
  if (caller.type !== "member") requireTier(caller, ["standard", "management", "agent"]);
  const { deps } = stores;
  const entry = await entryOf(deps, caller.org, id);
  const about = entry === null ? null : await aboutOf(deps, caller.org, entry.entry);
  if (entry === null || about === null || !maySee(caller, entry.entry, about)) throw notFound(id);
  const { record } = about;
  const claims = claimsOf({
    ...entry,
    log,
    mandate: record === null ? null : await claimedMandate(deps, caller.org, record, id),
    engine_version: ENGINE_VERSION,
  });
  if (claims === null) throw notFound(id);
  const { kid, jwk } = await signerAt(stores, caller.org, Date.parse(entry.entry.at));
  return { claims, receipt: signReceipt(claims, { kid, jwk }, wire), entry, kid };
}

/** The entry whose id has this body. */
async function entryOf({ kv }: Deps, org: string, id: string): Promise<LoggedEntry | null> {
  const time = isId(id, "rcp") ? idTime(id) : null;
  if (time === null) return null;
  const { size } = await readHead(kv, org);
  const needle = Buffer.from(id.slice(4));
  for await (const stored of leavesOfTime(kv, org, size, time)) {
    const { buffer, byteOffset, length } = stored.leaf;
    if (!Buffer.from(buffer, byteOffset, length).includes(needle)) continue;
    const logged = loggedEntry(stored);
    if (receiptId(logged.entry) === id) return logged;
  }
  return null;
}

/** What an entry is about, as far as it matters to its receipt and to who may see that. */
interface About {
  readonly record: MandateRecord | null;
  /** Whose it is among agents. */
  readonly owner: string;
}

/** Null for an entry that has no receipt. */
async function aboutOf({ kv }: Deps, org: string, entry: Entry): Promise<About | null> {
  const { type, subject, data, actor } = entry;
  const under = async (id: unknown): Promise<MandateRecord | null> =>
    typeof id === "string"
      ? (await readRecord(kv, mandateKey(org, id), mandateRecord))?.value ?? null
      : null;
  if (type === "permission.checked") {
    // One that is unknown, or not for whoever asked, is named and not told of.
    const isKnown = typeof data.mandate_seq === "number";
    return { record: isKnown ? await under(subject.mandate) : null, owner: actor.id };
  }
  if (type === "approval.decided" && typeof subject.approval === "string") {
    const found = await readRecord(kv, approvalKey(org, subject.approval), approvalRecord);
    if (found === null) return null;
    const { mandate, requester } = found.value;
    return { record: await under(mandate?.id), owner: requester.id };
  }
  if (type === "execution.logged" && typeof subject.token === "string") {
    const found = await readRecord(kv, runTokenKey(org, subject.token), runTokenRecord);
    if (found === null) return null;
    return { record: await under(found.value.mandate_id), owner: found.value.minter.id };
  }
  const record = await under(subject.mandate);
  if (record === null) return null;
  return { record, owner: type === "token.minted" ? actor.id : record.agent };
}

/** Agents see what they asked, and what became of their mandates; nobody sees beyond their wall. */
function maySee(caller: Caller, { subject }: Entry, { record, owner }: About): boolean {
  if (caller.tier === "agent" && owner !== caller.id) return false;
  const tenant = typeof subject.tenant === "string" ? subject.tenant : record?.tenant ?? null;
  return isWithinWall(caller, tenant);
}

/** What a receipt tells of a mandate: whom it is of as its grant has it in the log's private part. */
async function claimedMandate(
  deps: Deps,
  org: string,
  record: MandateRecord,
  receipt_id: string,
): Promise<ClaimedMandate> {
  const user_id = await grantedBy(deps, org, record);
  if (user_id === null) throw new Refusal("erased", { receipt_id });
  const { id, agent, bundle, own_scopes } = record;
  if (bundle === null) {
    const own = { agent, default_expiry_seconds: null, scopes: own_scopes ?? [] };
    const definition_sha256 = evidenceDigest(own);
    return {
      id,
      user_id,
      agent,
      policy_ref: { policy_id: id, policy_version: 1, definition_sha256 },
    };
  }
  const key = bundleEditionKey(org, bundle.id, bundle.edition);
  const edition = await readRecord(deps.kv, key, bundleEdition);
  if (edition === null) throw new Refusal("erased", { receipt_id });
  return {
    id,
    user_id,
    agent,
    policy_ref: {
      policy_id: bundle.id,
      policy_version: bundle.edition,
      // Of what its author wrote, where it was translated from that.
      definition_sha256: edition.value.source_sha256 ??
        evidenceDigest(edition.value.definition),
    },
  };
}

/** The user who granted a mandate, while the log's private part has them; null afterwards. */
async function grantedBy(
  deps: Deps,
  org: string,
  { id, created_at }: MandateRecord,
): Promise<string | null> {
  const { size } = await readHead(deps.kv, org);
  for await (const stored of leavesOfTime(deps.kv, org, size, created_at)) {
    const { index, entry } = loggedEntry(stored);
    if (entry.type !== "mandate.granted" || entry.subject.mandate !== id) continue;
    for await (const { parts } of privatePartsFrom(deps, org, index, index + 1)) {
      const part = parts.user_id;
      const isWhole = part !== undefined && typeof part.value === "string" &&
        saltedDigest(part.salt, part.value) === entry.data.user_id_digest;
      return isWhole ? part.value as string : null;
    }
  }
  return null;
}

/** The signer of what happened at a time (milliseconds); the first of an org is made now. */
async function signerAt({ deps, ledgers }: Stores, org: string, time: number) {
  const find = async () => keyOfTime(await listReceiptKeys(deps.kv, org), time);
  let key = await find();
  if (key === null) {
    await ledgers.transact(org, makeFirstKey(deps, org));
    key = await find();
  }
  if (key === null) throw new RangeError(`No key for receipts of ${new Date(time).toISOString()}`);
  return receiptSigner(deps, org, key);
}

function notFound(id: string): Refusal<"not_found"> {
  return new Refusal("not_found", { what: `receipt ${JSON.stringify(id)}` });
}
