import { definitionOf } from "../catalog/tool_definition.ts";
import { isRotatedAway } from "../identity/rotated_away.ts";
import type { Clocks } from "../ledger/clocks.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import { settled, type Terms } from "./state.ts";

/** What of a request its standing depends on. */
type Standing = Pick<
  ApprovalRecord,
  | "progress"
  | "levels"
  | "created_at"
  | "expires_at"
  | "use_seconds"
  | "tool_name"
  | "definition_digest"
  | "requester"
  | "policy_version"
>;

/**
 * The request as it stands on the policy of this moment: time may have ended it, or a change of the
 * policy. The same object when nothing moved it.
 */
export function settledApproval<R extends Standing>(
  record: R,
  policy: Snapshot,
  clocks: Clocks,
): R {
  const progress = settled(record.progress, termsOf(record, policy), clocks);
  return progress === record.progress ? record : { ...record, progress };
}

/** What the moves of this request depend on. */
export function termsOf(record: Standing, policy: Snapshot): Terms {
  const { levels, created_at, expires_at, use_seconds } = record;
  return { levels, created_at, expires_at, use_seconds, ended_by: endedBy(record, policy) };
}

function endedBy(record: Standing, policy: Snapshot): Terms["ended_by"] {
  if (isRotatedAway(policy, record.requester, record.policy_version)) return "rotated";
  const definition = definitionOf(policy, record.tool_name);
  return definition === record.definition_digest ? null : "tool_changed";
}
