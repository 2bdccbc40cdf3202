import type { Caller } from "../identity/caller.ts";
import { clocksAt } from "../ledger/clock.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { approvalKey, approvalOrgCountKey, approvalPendingPrefix } from "../store/keys.ts";
import { type Kv, listRecords, readRecord, readRecords } from "../store/kv.ts";
import {
  approvalFacts,
  approvalRecord,
  orgCount,
  type WaitingFacts,
  waitingRow,
} from "../store/records/approval.ts";
import { noted, seeAll, waitsFor } from "./list.ts";
import { isVisible, type SeenApproval } from "./seen.ts";
import { settledApproval } from "./state.ts";

/**
 * What waits in an org, by its index alone: one row for each request, whatever its page holds. A list
 * is filtered, sorted, grouped and counted by these; the requests themselves are read for the rows
 * that are shown.
 */

/** One request that waits. */
export interface Waiting {
  readonly facts: WaitingFacts;
  /** Whether the member who looks can decide it where it stands. */
  readonly mine: boolean;
}

/**
 * Every request that waits and that a caller may know of, the oldest first.
 * @throws {MalformedRecord} {StoreUnavailable}
 */
export async function readWaiting(
  services: Pick<Services, "deps" | "ledgers">,
  caller: Caller,
  snapshot: Snapshot,
): Promise<Waiting[]> {
  const { kv, now } = services.deps;
  const waiting: Waiting[] = [];
  for (const facts of await indexed(kv, snapshot.orgId)) {
    if (!isVisible(caller, facts)) continue;
    const settled = settledApproval(facts, snapshot, clocksAt(now()));
    const current = settled === facts ? facts : await noted(services, snapshot.orgId, settled);
    if (current.progress.state !== "pending") continue;
    waiting.push({ facts: current, mine: waitsFor(caller, current, snapshot, now()) });
  }
  return waiting;
}

/** The requests of these ids as this caller may see them; those that are gone are left out. */
export async function readSeen(
  services: Pick<Services, "deps">,
  caller: Caller,
  snapshot: Snapshot,
  ids: readonly string[],
  { withArguments = true }: { readonly withArguments?: boolean } = {},
): Promise<SeenApproval[]> {
  const keys = ids.map((id) => approvalKey(snapshot.orgId, id));
  const records = await Array.fromAsync(readRecords(services.deps.kv, keys, approvalRecord));
  const found = records.flatMap((record) =>
    record !== null && isVisible(caller, record) ? [record] : []
  );
  return await seeAll(services, caller, snapshot, found, withArguments);
}

/** What an index held when its version was this; the version is that of the row of counts. */
interface Known {
  readonly version: string;
  readonly facts: readonly WaitingFacts[];
}

/** Indexes that are remembered of one store: those of the orgs that were looked at last. */
const MOST_KNOWN = 16;

const known = new WeakMap<Kv, Map<string, Known>>();

/**
 * The rows of an org's index. Every commit that changes one of them writes the org's count of what
 * waits, so the rows that were read last are those of now for as long as that row is the same: then
 * it alone is read, however many people look at the same inbox.
 */
async function indexed(kv: Kv, org: string): Promise<readonly WaitingFacts[]> {
  const ofStore = known.getOrInsertComputed(kv, () => new Map());
  // Before the rows, which may then be newer than it, and never older.
  const count = await readRecord(kv, approvalOrgCountKey(org), orgCount);
  const last = ofStore.get(org);
  if (last !== undefined && last.version === count?.versionstamp) return last.facts;
  const facts = await readIndex(kv, org);
  ofStore.delete(org);
  if (count !== null) ofStore.set(org, { version: count.versionstamp, facts });
  for (const oldest of ofStore.keys()) {
    if (ofStore.size <= MOST_KNOWN) break;
    ofStore.delete(oldest);
  }
  return facts;
}

async function readIndex(kv: Kv, org: string): Promise<WaitingFacts[]> {
  const rows = await Array.fromAsync(
    listRecords(kv, { prefix: approvalPendingPrefix(org) }, waitingRow),
    ({ value }) => value,
  );
  const bare = rows.filter(({ facts }) => facts === undefined);
  if (bare.length === 0) return rows.flatMap(({ facts }) => facts ?? []);
  const keys = bare.map(({ id }) => approvalKey(org, id));
  const read = await Array.fromAsync(readRecords(kv, keys, approvalFacts));
  const found = new Map(read.flatMap((facts) => facts === null ? [] : [[facts.id, facts]]));
  return rows.flatMap(({ id, facts }) => facts ?? found.get(id) ?? []);
}
