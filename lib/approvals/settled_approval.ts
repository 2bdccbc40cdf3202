import { definitionOf } from "../catalog/tool_definition.ts";
import type { DeciderPolicy } from "../identity/deciders.ts";
import { isRotatedAway } from "../identity/rotated_away.ts";
import {
  type Approvable,
  type ApprovalFault,
  approvalFault,
  levelsNow,
  useSecondsNow,
} from "../identity/standing.ts";
import type { Clocks } from "../ledger/clock.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import { settled, type Terms } from "./state.ts";

/** What of a request its standing depends on. */
type Standing =
  & Approvable
  & Pick<
    ApprovalRecord,
    "created_at" | "definition_digest" | "expires_at" | "policy_version" | "use_seconds"
  >;

const CANCELS: Readonly<Record<ApprovalFault, Terms["ended_by"]>> = {
  levels: "levels_raised",
  facts: "facts_required",
  decider: "decider_barred",
};

/**
 * The request as it stands on the policy of this moment: time may have ended it, or a change of the
 * policy; and one that waits gets the second level that its tool wants by now. The same object when
 * nothing moved it.
 */
export function settledApproval<R extends Standing>(
  record: R,
  policy: DeciderPolicy,
  clocks: Clocks,
): R {
  const progress = settled(record.progress, termsOf(record, policy, clocks.now), clocks);
  if (progress !== record.progress) return { ...record, progress };
  if (progress.state !== "pending" || levelsNow(record, policy) === record.levels) return record;
  return { ...record, levels: 2, levels_skipped: false };
}

/** What the moves of this request depend on. `now` in milliseconds. */
export function termsOf(record: Standing, policy: DeciderPolicy, now: number): Terms {
  const { levels, created_at, expires_at } = record;
  const use_seconds = useSecondsNow(record, policy);
  const ended_by = endedBy(record, policy, now);
  return { levels, created_at, expires_at, use_seconds, ended_by };
}

function endedBy(record: Standing, policy: DeciderPolicy, now: number): Terms["ended_by"] {
  const { state } = record.progress;
  if (state !== "pending" && state !== "approved") return null;
  if (isRotatedAway(policy, record.requester, record.policy_version)) return "rotated";
  if (definitionOf(policy, record.tool_name) !== record.definition_digest) return "tool_changed";
  const fault = approvalFault(record, policy, now);
  return fault === null ? null : CANCELS[fault];
}
