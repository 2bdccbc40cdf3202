import { z } from "zod";
import { settledApproval } from "../approvals/settled_approval.ts";
import { readChecks } from "../insights/read_checks.ts";
import { spanOf } from "../insights/span.ts";
import { clocksAt } from "../ledger/clock.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { approvalKey, approvalPendingPrefix, approvalPrefix } from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { approvalFields, approvalPointer } from "../store/records/approval.ts";
import { withMembersBehind } from "../store/records/members_behind.ts";
import { type ApprovalFacts, foldInsights, type Insights } from "./insights.ts";

/** Days that the Overview looks back. */
export const INSIGHT_DAYS = 30;

/** Requests that are looked at, the newest ones. */
const MAX_APPROVALS = 5000;

/** Longer than any request is pending, milliseconds: what was made before has ended before. */
const LONGEST_PENDING_MS = 7 * 24 * 60 * 60 * 1000;

const approvalFacts = z.preprocess(
  withMembersBehind,
  approvalFields.pick({
    id: true,
    reference: true,
    progress: true,
    levels: true,
    levels_skipped: true,
    duties_separated: true,
    tool_name: true,
    tenant: true,
    resource: true,
    method: true,
    missing_facts: true,
    requester: true,
    members_behind: true,
    resolved_from: true,
    rule_id: true,
    definition_digest: true,
    policy_version: true,
    created_at: true,
    expires_at: true,
    use_seconds: true,
    decisions: true,
  }),
);

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
  const rows = listRecords(kv, { prefix: approvalPendingPrefix(org) }, approvalPointer);
  for await (const { value: { id } } of rows) {
    const record = known(id) ?? (await readRecord(kv, approvalKey(org, id), approvalFacts))?.value;
    if (record !== undefined) found.push(record);
  }
  return found;
}

/** What a request has become by `now`, whether or not anybody noted it. */
function standing(snapshot: Snapshot, now: number) {
  return (stored: StoredFacts): StoredFacts & ApprovalFacts =>
    settledApproval(stored, snapshot, clocksAt(now));
}
