import { encodeCrockford } from "../base/id.ts";
import type { Caller } from "../identity/caller.ts";
import { byPasskey, decisionBar } from "../identity/deciders.ts";
import { ClockRefused, clocksAt } from "../ledger/clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { approvalKey, approvalPendingPrefix, approvalPrefix } from "../store/keys.ts";
import { type Kv, listRecords, readRecords } from "../store/kv.ts";
import { approvalByMandatePrefix } from "../store/mandate_keys.ts";
import {
  approvalPointer,
  type ApprovalRecord,
  approvalRecord,
  type WaitingFacts,
} from "../store/records/approval.ts";
import { settle } from "./advance.ts";
import { loadArgumentsOf } from "./frozen_view.ts";
import {
  isVisible,
  loadApproval,
  type LoadedApproval,
  seen,
  type SeenApproval,
  seesArguments,
} from "./seen.ts";
import { type ApprovalStatus, settledApproval, statusOf } from "./state.ts";

/**
 * Requests in lists, the newest first, as far as one caller may know of them.
 */

/** Which requests are wanted; null where it does not matter. */
export interface ApprovalFilter {
  readonly status: ApprovalStatus | null;
  readonly tool: string | null;
  readonly tenant: string | null;
  /** Id of the key or agent that asked. */
  readonly requester: string | null;
  /** Made at or after, milliseconds. */
  readonly since: number | null;
  /** Made before, milliseconds. */
  readonly until: number | null;
  /** Only what the member who looks can decide now. */
  readonly waits_for_me: boolean;
}

/** Every request. */
export const NO_FILTER: ApprovalFilter = {
  status: null,
  tool: null,
  tenant: null,
  requester: null,
  since: null,
  until: null,
  waits_for_me: false,
};

/** Rows that one page looks at, so that a rare filter cannot hold the store. */
const MAX_LOOKED_AT = 2000;

/**
 * The requests that a caller may know of, the newest first, from after the id `after` on. `next` is
 * where the following page starts; a page can have fewer than `limit` where few of many match.
 */
export async function listApprovals(
  services: Services,
  caller: Caller,
  snapshot: Snapshot,
  { filter, limit, after, withArguments = true }: {
    readonly filter: ApprovalFilter;
    readonly limit: number;
    readonly after: string | null;
    /** False where nobody will look at arguments: they are then not read. */
    readonly withArguments?: boolean;
  },
): Promise<{ items: SeenApproval[]; next: string | null }> {
  const { deps } = services;
  const org = snapshot.orgId;
  const see = (records: readonly ApprovalRecord[]) =>
    seeAll(services, caller, snapshot, records, withArguments);
  const matching: ApprovalRecord[] = [];
  let last: string | null = null;
  let lookedAt = 0;
  for await (const stored of newestFirst(deps.kv, org, filter, after)) {
    if (matching.length === limit || lookedAt === MAX_LOOKED_AT) {
      return { items: await see(matching), next: last };
    }
    last = stored.id;
    lookedAt++;
    if (!isVisible(caller, stored) || !isOf(stored, filter)) continue;
    const settled = settledApproval(stored, snapshot, clocksAt(deps.now()));
    const record = settled === stored ? stored : await noted(services, org, settled);
    if (filter.status !== null && statusOf(record.progress) !== filter.status) continue;
    if (filter.waits_for_me && !waitsFor(caller, record, snapshot, deps.now())) continue;
    matching.push(record);
  }
  return { items: await see(matching), next: null };
}

/**
 * Whoever finds that a request has ended, or has another level, notes it; while the clock is in doubt
 * they only see it.
 */
export async function noted<R extends Pick<ApprovalRecord, "id">>(
  { ledgers }: Pick<Services, "ledgers">,
  org: string,
  record: R,
): Promise<R | ApprovalRecord> {
  try {
    return await ledgers.transact<LoadedApproval | null, R | ApprovalRecord>(org, {
      load: (reader: Reader) => loadApproval(reader, record.id),
      plan: (transaction, loaded) => loaded === null ? record : settle(transaction, loaded).record,
    });
  } catch (error) {
    if (error instanceof ClockRefused) return record;
    throw error;
  }
}

async function* newestFirst(
  kv: Kv,
  org: string,
  { since, until, ...filter }: ApprovalFilter,
  after: string | null,
): AsyncGenerator<ApprovalRecord> {
  const status = filter.waits_for_me ? "pending" : filter.status;
  const prefix = status === "pending" ? approvalPendingPrefix(org) : approvalPrefix(org);
  const ends = [after, until === null ? null : floorId(until)].filter((end) => end !== null);
  // The store refuses a range that ends before it starts, which a span or a cursor may ask for.
  if (since !== null && ends.some((end) => end < floorId(since))) return;
  const selector = {
    prefix,
    ...(since === null ? {} : { start: [...prefix, floorId(since)] }),
    ...(ends.length === 0 ? {} : { end: [...prefix, ends.sort()[0] ?? ""] }),
  };
  const range = "start" in selector && "end" in selector
    ? { start: selector.start, end: selector.end }
    : selector;
  const options = { reverse: true, batchSize: 100 };
  if (status !== "pending") {
    for await (const { value } of listRecords(kv, range, approvalRecord, options)) yield value;
    return;
  }
  const ids: string[] = [];
  for await (const { value } of listRecords(kv, range, approvalPointer, options)) {
    ids.push(value.id);
  }
  yield* requestsOf(kv, org, ids);
}

/** So many waiting requests lie close together, mostly: a list of all between them is quicker. */
const WORTH_LISTING = 20;

/** The requests of these ids, which descend. */
async function* requestsOf(
  kv: Kv,
  org: string,
  ids: readonly string[],
): AsyncGenerator<ApprovalRecord> {
  const [newest, oldest] = [ids[0], ids.at(-1)];
  const found = new Map<string, ApprovalRecord>();
  if (newest !== undefined && oldest !== undefined && ids.length >= WORTH_LISTING) {
    const between = {
      start: approvalKey(org, oldest) as Deno.KvKey,
      // Nothing sorts between a text and the same text with the character 0 behind it.
      end: approvalKey(org, `${newest}\0`) as Deno.KvKey,
    };
    const bounds = { reverse: true, batchSize: 200, limit: 2 * ids.length };
    for await (const { value } of listRecords(kv, between, approvalRecord, bounds)) {
      found.set(value.id, value);
    }
  }
  const missing = ids.filter((id) => !found.has(id)).map((id) => approvalKey(org, id));
  for await (const record of readRecords(kv, missing, approvalRecord)) {
    if (record !== null) found.set(record.id, record);
  }
  for (const id of ids) {
    const record = found.get(id);
    if (record !== undefined) yield record;
  }
}

/** The smallest id that a request made at this millisecond can have. */
function floorId(at: number): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.max(at, 0)) << 16n);
  return `apr_${encodeCrockford(bytes)}`;
}

/** Whether a member can decide a request where it stands; a hold after a recovery does not count. */
export function waitsFor(
  caller: Caller,
  record: WaitingFacts,
  snapshot: Snapshot,
  now: number,
): boolean {
  if (caller.type !== "member" || record.progress.state !== "pending") return false;
  const bar = decisionBar(record, byPasskey(caller, record), snapshot, now);
  return bar === null || bar.code === "recovery_held";
}

function isOf(record: ApprovalRecord, filter: ApprovalFilter): boolean {
  const { tool, tenant, requester, since, until } = filter;
  return (tool === null || record.tool_name === tool) &&
    (tenant === null || record.tenant === tenant) &&
    (requester === null || record.requester.id === requester) &&
    (since === null || record.created_at >= since) &&
    (until === null || record.created_at < until);
}

/** Requests as this caller may see them, in the same order. @throws {CannotOpen} */
export async function seeAll(
  { deps }: Pick<Services, "deps">,
  caller: Caller,
  snapshot: Snapshot,
  records: readonly ApprovalRecord[],
  withArguments: boolean,
): Promise<SeenApproval[]> {
  const inside = withArguments ? records.filter((record) => seesArguments(caller, record)) : [];
  const sealed = await loadArgumentsOf(deps.kv, snapshot.orgId, inside);
  return records.map((record) =>
    seen({ record, arguments: sealed.get(record.id) ?? null }, caller, {
      snapshot,
      sealer: deps.sealer,
    })
  );
}

/** How many requests of a mandate are looked at for those that are open. */
const MAX_UNDER = 200;

/**
 * The requests that are open under a mandate, the oldest first: pending, or approved and not used.
 * @throws {MalformedRecord}
 */
export async function openUnder(
  { kv, now, snapshot }: Reader,
  mandate: string,
  limit: number,
): Promise<ApprovalRecord[]> {
  const { orgId } = snapshot;
  const rows = listRecords(
    kv,
    { prefix: approvalByMandatePrefix(orgId, mandate) },
    approvalPointer,
    { limit: MAX_UNDER },
  );
  const keys = await Array.fromAsync(rows, ({ value }) => approvalKey(orgId, value.id));
  const found = await Array.fromAsync(readRecords(kv, keys, approvalRecord));
  return found.flatMap((record) => {
    if (record === null) return [];
    const settled = settledApproval(record, snapshot, clocksAt(now));
    const { state } = settled.progress;
    return state === "pending" || state === "approved" ? [settled] : [];
  }).slice(0, limit);
}
