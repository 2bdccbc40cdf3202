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
import { type CurrentCheckpoint, currentCheckpoint } from "../ledger/checkpoints.ts";
import type { Entry } from "../ledger/entry.ts";
import { LogTiles } from "../ledger/export.ts";
import { entryAbout, type LoggedEntry, loggedEntry } from "../ledger/log_reader.ts";
import { leavesFrom } from "../ledger/log_tail.ts";
import { Refusal } from "../refusal.ts";
import { approvalKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { decidedRecord } from "../store/records/approval.ts";
import { inclusionProof } from "../tlog/proof.ts";

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
  const found = await entryAbout(deps.kv, org, checkpoint.size, { ...sought, id });
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
