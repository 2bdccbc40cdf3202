import { Buffer } from "node:buffer";
import { idTime, isId } from "../base/id.ts";
import type { JsonObject } from "../base/json.ts";
import type { Deps } from "../deps.ts";
import type { CallerOperation } from "../identity/acting.ts";
import {
  actorOf,
  type Caller,
  type Client,
  isWithinWall,
  privateClient,
  requireAllTenants,
  requireTier,
} from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import {
  type CurrentCheckpoint,
  currentCheckpoint,
  listLogKeys,
  publicLogKey,
} from "../ledger/checkpoints.ts";
import type { Entry } from "../ledger/entry.ts";
import { LogTiles } from "../ledger/export.ts";
import { leavesOfTime, type LoggedEntry, loggedEntry, readActivity } from "../ledger/log_reader.ts";
import { leavesFrom } from "../ledger/log_tail.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { approvalKey, logKeyKey, orgKey } from "../store/keys.ts";
import { type Kv, readRecord } from "../store/kv.ts";
import { decidedRecord } from "../store/records/approval.ts";
import { type LogKeyRecord, logKeyRecord } from "../store/records/log.ts";
import { orgRecord } from "../store/records/policy.ts";
import {
  jwkThumbprint,
  parsePublicJwk,
  type PublishedLogKey,
  publishedLogKey,
} from "../tlog/log_key.ts";
import { inclusionProof } from "../tlog/proof.ts";
import { ROTATION_TYPE } from "../verify/trusted_keys.ts";

/**
 * What proves an entry to a stranger: receipts, the keys of a log and how they handed over, and
 * who may read a range of entries with or without private parts.
 */

/** One entry with all that proves it to a stranger. */
export interface IssuedReceipt extends LoggedEntry {
  readonly checkpoint: CurrentCheckpoint;
  readonly inclusion: readonly Uint8Array[];
}

/** Where the entry about an id stands: in which millisecond, and how it is known there. */
interface Sought {
  readonly time: number;
  readonly is: (entry: Entry) => boolean;
  /** Whose it is, where that is not the entry's own actor. */
  readonly owner?: string;
}

/**
 * The receipt of a decision (`dec_`), of an approval's newest decision (`apr_`) or of an execution
 * (`exe_`). Ids carry the millisecond of their entry, so no index is needed to find it.
 *
 * @param origin the name of the org's log
 * @throws {Refusal} not_found when there is none, or it is not this caller's to see; wrong_tier
 */
export async function receiptOf(
  deps: Deps,
  caller: Caller,
  origin: string,
  id: string,
): Promise<IssuedReceipt> {
  const { org } = caller;
  if (!isId(id, "apr")) requireTier(caller, ["standard", "management", "agent"]);
  const sought = await soughtBy(deps, org, id);
  if (sought === null) throw notFound(id);
  const checkpoint = await currentCheckpoint(deps, org, origin);
  const found = await find(deps, org, checkpoint.size, id, sought);
  if (found === null || !maySee(caller, found.entry, sought.owner)) throw notFound(id);
  return await proven(deps, org, found, checkpoint);
}

/**
 * The receipt of whatever entry stands at an index, for who may read the whole log.
 * @param origin the name of the org's log
 * @throws {Refusal} not_found beyond the log's end
 */
export async function receiptAt(
  deps: Deps,
  org: string,
  origin: string,
  index: number,
): Promise<IssuedReceipt> {
  const checkpoint = await currentCheckpoint(deps, org, origin);
  if (index < checkpoint.size) {
    for await (const stored of leavesFrom(deps.kv, org, index, index + 1)) {
      return await proven(deps, org, loggedEntry(stored), checkpoint);
    }
  }
  throw new Refusal("not_found", { what: `entry ${index}` });
}

async function proven(
  { kv }: Deps,
  org: string,
  found: LoggedEntry,
  checkpoint: CurrentCheckpoint,
): Promise<IssuedReceipt> {
  const tiles = new LogTiles(kv, org, checkpoint.size);
  const inclusion = await inclusionProof(tiles, found.index, checkpoint.size);
  return { ...found, checkpoint, inclusion };
}

async function soughtBy(deps: Deps, org: string, id: string): Promise<Sought | null> {
  const time = idTime(id);
  if (time === null) return null;
  if (isId(id, "dec")) return { time, is: (entry) => entry.id === id };
  if (isId(id, "exe")) return { time, is: ({ subject }) => subject.execution === id };
  if (!isId(id, "apr")) return null;
  const record = await readRecord(deps.kv, approvalKey(org, id), decidedRecord);
  const decided = record?.value.decisions.at(-1);
  if (record === null || decided === undefined) return null;
  return {
    time: decided.at,
    is: ({ type, subject }) => type === "approval.decided" && subject.approval === id,
    owner: record.value.requester.id,
  };
}

/** The last such entry of its millisecond: two levels can be decided in the same one. */
async function find(
  { kv }: Deps,
  org: string,
  size: number,
  id: string,
  { time, is }: Sought,
): Promise<LoggedEntry | null> {
  const needle = Buffer.from(id);
  let found: LoggedEntry | null = null;
  for await (const stored of leavesOfTime(kv, org, size, time)) {
    const { buffer, byteOffset, length } = stored.leaf;
    // Far cheaper to see than to parse: most entries of a busy millisecond are about other ids.
    if (!Buffer.from(buffer, byteOffset, length).includes(needle)) continue;
    const logged = loggedEntry(stored);
    if (is(logged.entry)) found = logged;
  }
  return found;
}

/** Agents see what they asked themselves; nobody sees beyond the tenants they are bound to. */
function maySee(caller: Caller, { actor, subject }: Entry, owner: string = actor.id): boolean {
  if (caller.tier === "agent" && owner !== caller.id) return false;
  return isWithinWall(caller, typeof subject.tenant === "string" ? subject.tenant : null);
}

function notFound(id: string): Refusal<"not_found"> {
  return new Refusal("not_found", { what: `decision or execution ${JSON.stringify(id)}` });
}

/** Begins the sentence that asks a member for their passkey. */
export const READING_PRIVATE = "Reading what the log keeps private";

/** Which entries are read, and whether with their private parts. */
interface LogRange {
  readonly from: number;
  /** Not included. */
  readonly to: number;
  /** Where the reader may see them when absent. */
  readonly withPrivate?: boolean;
}

/**
 * Admits a reader of a range of entries, and answers whether the private parts may go along. Where
 * they do, the entry that says so is stored before any of them leaves.
 *
 * @param asked what the reader gave to name the range, as the entry is to tell it
 * @throws {Refusal} tenant_not_permitted; role_required and fresh_assertion_required for a member
 *   who asks for private parts
 */
export function readLogOperation(
  range: LogRange,
  asked: JsonObject,
  client: Client,
): CallerOperation<void, { readonly withPrivate: boolean }> {
  return {
    plan(transaction, caller) {
      requireAllTenants(caller);
      const wanted = range.withPrivate ?? caller.audit_private;
      if (wanted) demand(caller, "read_private", READING_PRIVATE);
      const withPrivate = wanted && caller.audit_private;
      if (withPrivate && range.from < range.to) {
        transaction.append({
          type: "audit.private_read",
          actor: actorOf(caller),
          subject: {},
          data: { ...asked, from: range.from, to: range.to, request_id: client.request_id },
          private: { client: privateClient(client) },
        });
      }
      return { withPrivate };
    },
  };
}

/**
 * Admits the same reader once more, for the next piece of a long answer. A fresh assertion counts
 * for all of it: a download takes longer than one lasts.
 * @throws {Refusal} when the credential was revoked, bound to tenants, or may not see private parts
 */
export function readOnOperation(
  { withPrivate }: { readonly withPrivate: boolean },
): CallerOperation<void, void> {
  return {
    plan(_transaction, caller) {
      requireAllTenants(caller);
      if (!withPrivate) return;
      demand(caller, "read_private_on");
      if (caller.type !== "member" && !caller.audit_private) {
        throw new Refusal("invalid_credentials", {});
      }
    },
  };
}

type Stores = Pick<Services, "deps" | "ledgers">;

/**
 * The public keys of an org's log as anybody may have them, the retired ones too, oldest first, each
 * with where it ended.
 * @throws {Refusal} not_found when there is no such org
 */
export async function publishedKeysOf(services: Stores, org: string): Promise<PublishedLogKey[]> {
  const { deps } = services;
  const record = isId(org, "org") ? await readRecord(deps.kv, orgKey(org), orgRecord) : null;
  if (record === null) {
    throw new Refusal("not_found", { what: `organization ${JSON.stringify(org)}` });
  }
  const keys = await withRetirements(services, org, await listLogKeys(deps, org));
  return keys.map((key) => publishedLogKey(publicLogKey(record.value.log_origin, key)));
}

/**
 * The same keys, and for those that were retired before their end was kept, what the log tells of
 * it. That is stored, so a log is searched once. Of what it does not tell nothing is said, and
 * whoever verifies takes such a key for nothing.
 */
async function withRetirements(
  { deps, ledgers }: Stores,
  org: string,
  keys: LogKeyRecord[],
): Promise<LogKeyRecord[]> {
  const isOpen = ({ status, retirement }: LogKeyRecord) =>
    status === "retired" && retirement === undefined;
  if (!keys.some(isOpen)) return keys;
  const handovers = await listHandovers(deps.kv, org);
  return await Promise.all(keys.map(async (key) => {
    if (!isOpen(key)) return key;
    const retirement = retirementBy(handovers.get(key.kid));
    await ledgers.transact(org, {
      load: (reader) => reader.get(logKeyKey(org, key.kid), logKeyRecord),
      plan(transaction, row) {
        if (row === null || !isOpen(row.value)) return;
        transaction.set(logKeyKey(org, key.kid), { ...row.value, retirement });
      },
    });
    return { ...key, retirement };
  }));
}

function retirementBy(handover: KeyHandover | undefined): LogKeyRecord["retirement"] {
  if (handover === undefined) return null;
  const { index, at, successor } = handover;
  return { size: index, at, successor };
}

/** What the log says of how a key handed over. */
interface KeyHandover {
  /** Of the entry that says it. */
  readonly index: number;
  /** Milliseconds. */
  readonly at: number;
  /** The `kid` of the new key. */
  readonly successor: string;
}

const MOST_AT_ONCE = 100;

/** How each key of an org's log handed over, by its `kid`; of two entries about one key the first. */
async function listHandovers(kv: Kv, org: string): Promise<Map<string, KeyHandover>> {
  const handovers = new Map<string, KeyHandover>();
  let position: number | null = 0;
  while (position !== null) {
    const { entries, next } = await readActivity(kv, org, {
      facets: [{ facet: "type", value: ROTATION_TYPE }],
      since: null,
      until: null,
      order: "asc",
      limit: MOST_AT_ONCE,
      position,
    });
    for (const { index, entry: { at, data } } of entries) {
      const newKey = parsePublicJwk(data.new_key);
      if (newKey === null || typeof data.old_kid !== "string") continue;
      if (handovers.has(data.old_kid)) continue;
      handovers.set(data.old_kid, { index, at: Date.parse(at), successor: jwkThumbprint(newKey) });
    }
    position = next;
  }
  return handovers;
}
