import { settledApproval } from "../approvals/state.ts";
import { clocksAt } from "../ledger/clock.ts";
import { checkedPermission, decodeLeaf, utcDay, withCheck } from "../ledger/entry.ts";
import { missingPage, readHead } from "../ledger/log_reader.ts";
import { leavesFrom, PAGE_ENTRIES } from "../ledger/log_tail.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { approvalKey, approvalPendingPrefix, approvalPrefix, logPageKey } from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { approvalFacts, waitingRow } from "../store/records/approval.ts";
import { type DayChecks, logPage } from "../store/records/log.ts";
import { type ApprovalFacts, foldInsights, type Insights, spanOf } from "./insights.ts";

/**
 * Reads the facts of the Overview's numbers, within a budget that no org can stretch.
 */

/** Days that the Overview looks back. */
const INSIGHT_DAYS = 30;

/** Requests that are looked at, the newest ones. */
const MAX_APPROVALS = 5000;

/** Longer than any request is pending, milliseconds: what was made before has ended before. */
const LONGEST_PENDING_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * The Overview's numbers of an org's last days, for who was shown to be a member. Work is bounded by
 * count, whatever the org did: the newest 5,000 requests and a million entries of the log.
 * @param maxApprovals in place of 5,000
 * @throws {MalformedRecord}
 */
export async function readInsights(
  { deps }: Pick<Services, "deps">,
  snapshot: Snapshot,
  { days = INSIGHT_DAYS, maxApprovals = MAX_APPROVALS }: {
    readonly days?: number;
    readonly maxApprovals?: number;
  } = {},
): Promise<Insights> {
  const { kv } = deps;
  const org = snapshot.orgId;
  const span = spanOf(deps.now(), days);
  const [{ checks, truncated }, recent] = await Promise.all([
    readChecks(kv, org, span.since),
    recentApprovals(kv, org, span.since - LONGEST_PENDING_MS, maxApprovals),
  ]);
  const now = standing(snapshot, span.until);
  const approvals = recent.approvals.map(now);
  const known = new Map(approvals.map((approval) => [approval.id, approval]));
  const pending = await pendingApprovals(kv, org, (id) => known.get(id));
  return foldInsights({
    approvals,
    waiting: pending.map(now).filter(({ progress }) => progress.state === "pending"),
    checks,
    truncated: { approvals: recent.truncated, checks: truncated },
  }, span);
}

type StoredFacts = ReturnType<typeof approvalFacts.parse>;

/** Those made since, the newest first. */
async function recentApprovals(
  kv: Kv,
  org: string,
  since: number,
  limit: number,
): Promise<{ approvals: StoredFacts[]; truncated: boolean }> {
  const approvals: StoredFacts[] = [];
  const options = { reverse: true, batchSize: 200 };
  const rows = listRecords(kv, { prefix: approvalPrefix(org) }, approvalFacts, options);
  for await (const { value } of rows) {
    if (value.created_at < since) break;
    if (approvals.length === limit) return { approvals, truncated: true };
    approvals.push(value);
  }
  return { approvals, truncated: false };
}

/** Those that were pending when they were last written, the oldest first. */
async function pendingApprovals(
  kv: Kv,
  org: string,
  known: (id: string) => StoredFacts | undefined,
): Promise<StoredFacts[]> {
  const found: StoredFacts[] = [];
  const rows = listRecords(kv, { prefix: approvalPendingPrefix(org) }, waitingRow);
  for await (const { value: { id, facts } } of rows) {
    const record = known(id) ?? facts ??
      (await readRecord(kv, approvalKey(org, id), approvalFacts))?.value;
    if (record !== undefined) found.push(record);
  }
  return found;
}

/** What a request has become by `now`, whether or not anybody noted it. */
function standing(snapshot: Snapshot, now: number) {
  return (stored: StoredFacts): StoredFacts & ApprovalFacts =>
    settledApproval(stored, snapshot, clocksAt(now));
}

/** How much is looked at: a million entries by their pages' summaries, few of them one by one. */
interface CheckBudget {
  /** Summaries of pages. */
  readonly summaries: number;
  /** Pages whose entries are read, because their summary has no counts yet. */
  readonly pages: number;
}

const BUDGET: CheckBudget = { summaries: 4000, pages: 40 };

/**
 * How many checks had which answer on each day from the one on that `since` (milliseconds) is in,
 * from the summaries of the log's pages and the entries of its open one. `truncated` when the budget
 * ended before the span: then the oldest are missing.
 * @throws {MalformedRecord}
 */
export async function readChecks(
  kv: Kv,
  org: string,
  since: number,
  budget: CheckBudget = BUDGET,
): Promise<{ readonly checks: DayChecks[]; readonly truncated: boolean }> {
  const { size } = await readHead(kv, org);
  const open = Math.floor(size / PAGE_ENTRIES);
  const found = [...await countedPage(kv, org, open, size)];
  const within = ({ day }: DayChecks) => day >= utcDay(since);
  let expected = open - 1;
  let pages = 0;
  let summaries = 0;
  const full = { start: logPageKey(org, 0), end: logPageKey(org, open) };
  const listed = { reverse: true, batchSize: 200 };
  for await (const { key, value } of listRecords(kv, full, logPage, listed)) {
    if (Number(key[2]) !== expected) throw missingPage(org, expected);
    if (value.last_at < since) break;
    const counted = value.checks !== undefined;
    if (summaries === budget.summaries || (!counted && pages === budget.pages)) {
      return { checks: found.filter(within), truncated: true };
    }
    summaries++;
    if (!counted) pages++;
    found.push(...value.checks ?? await countedPage(kv, org, expected, size));
    expected--;
  }
  return { checks: found.filter(within), truncated: false };
}

/** The counts of one page, from its entries. */
async function countedPage(
  kv: Kv,
  org: string,
  page: number,
  size: number,
): Promise<readonly DayChecks[]> {
  let counts: readonly DayChecks[] = [];
  const end = Math.min((page + 1) * PAGE_ENTRIES, size);
  for await (const { leaf, at } of leavesFrom(kv, org, page * PAGE_ENTRIES, end)) {
    const permission = checkedPermission(decodeLeaf(leaf));
    if (permission !== null) counts = withCheck(counts, permission, at);
  }
  return counts;
}
