import type { Snapshot } from "../policy/snapshot.ts";
import type { ApprovalRecord, Stand } from "../store/records/approval.ts";
import type { RequesterType } from "../store/records/identity.ts";
import { REQUIRED_FACTS, type RequiredFact, type ToolRecord } from "../store/records/policy.ts";
import {
  answersInForce,
  type Decided,
  type DeciderPolicy,
  decisionBar,
  levelsFor,
  mayAppConfirm,
} from "./deciders.ts";

/**
 * Whether what people approved still counts on the policy of this moment. A policy that was tightened
 * since counts at once; one that was loosened asks no less of what was asked before.
 */

/**
 * Why what people approved does not count on the policy of this moment:
 * - `levels`: the tool wants a second person by now, and one approved;
 * - `facts`: the tool requires a fact by now that the request lacks, which nobody was shown;
 * - `decider`: somebody who approved could not do so any more: they left, lost the right or the level,
 *   recovered their account, or came to answer for the requester; or their approver key is void, or
 *   the passkey of an end user went.
 */
export type ApprovalFault = "levels" | "facts" | "decider";

/** What of a request says whether its approval counts. */
export type Approvable =
  & Decided
  & Pick<ApprovalRecord, "progress" | "missing_facts" | "tenant" | "resource" | "method">;

/**
 * What is wrong with a request by now, null for nothing: asked of one that is pending, before anybody
 * decides it, and of one that was approved, before its token is minted and before that is consumed.
 * A pending one only grows by the levels that it lacks. `now` in milliseconds.
 * @param user_key_gone whether the passkey that answered for the user speaks for them no longer
 */
export function approvalFault(
  record: Approvable,
  policy: DeciderPolicy,
  now: number,
  user_key_gone: boolean,
): ApprovalFault | null {
  const tool = policy.tools.get(record.tool_name);
  const missing = tool === undefined ? [] : missingFacts(tool, record);
  if (missing.some((fact) => !record.missing_facts.includes(fact))) return "facts";
  const approvals = record.decisions.filter(({ decision }) => decision === "approve");
  const isPending = record.progress.state === "pending";
  if (!isPending && approvals.length < levelsNow(record, policy)) return "levels";
  const barred = approvals.some((said) => decisionBar(record, said, policy, now) !== null);
  return barred || isUserBarred(record, policy, now, user_key_gone) ? "decider" : null;
}

/** Whether the yes of the end user is none any more: whatever answered for them is out of force. */
function isUserBarred(
  { user_seat, progress }: Approvable,
  policy: DeciderPolicy,
  now: number,
  user_key_gone: boolean,
): boolean {
  const answer = user_seat?.answer ?? null;
  if (answer === null) return user_seat !== null && progress.state !== "pending";
  if (answer.decision === "deny") return false;
  const { asserted_by } = answer;
  if (asserted_by === null) return user_key_gone;
  return !mayAppConfirm(policy.org) ||
    !answersInForce(policy.apiKeys.get(asserted_by), policy, now);
}

/** How many levels a request has on the policy of this moment; never fewer than it was made with. */
export function levelsNow(
  { levels, levels_skipped, tool_name }: Pick<Decided, "levels" | "levels_skipped" | "tool_name">,
  { tools, org, members }: DeciderPolicy,
): Stand {
  const tool = tools.get(tool_name);
  // Where the policy asks no member, a tool that wants two of them asks none.
  if (levels === 0 || !tool?.requires_second_approval) return levels;
  // A level is skipped only where somebody asks, with an entry; never for what waits already.
  return levels_skipped ? levelsFor(tool, org, members)?.levels ?? 2 : 2;
}

/**
 * For how long an approval of this request is good if it were given at `now`, seconds; never for longer
 * than it was asked for, or than its mandate lasts.
 */
export function useSecondsNow(
  { use_seconds, tool_name, mandate }: Pick<
    ApprovalRecord,
    "use_seconds" | "tool_name" | "mandate"
  >,
  { tools, org }: Pick<DeciderPolicy, "tools" | "org">,
  now: number,
): number {
  const ofTool = tools.get(tool_name)?.approval_use_seconds ?? org.approval_use_seconds;
  const left = mandate === null ? Infinity : Math.floor((mandate.expires_at - now) / 1000);
  return Math.max(0, Math.min(use_seconds, ofTool, left));
}

/** The facts that a tool requires and an action lacks. */
export function missingFacts(
  { required_facts }: Pick<ToolRecord, "required_facts">,
  facts: { readonly [F in RequiredFact]: string | null },
): RequiredFact[] {
  return REQUIRED_FACTS.filter((fact) => required_facts.includes(fact) && facts[fact] === null);
}

/**
 * Whether a rotation voided what this requester asked, or was given, under a policy version. Told
 * by the version, which every commit checks: times of one millisecond would not tell before from
 * after.
 */
export function isRotatedAway(
  { agents }: Pick<Snapshot, "agents">,
  { type, id }: { readonly type: RequesterType; readonly id: string },
  policyVersion: number,
): boolean {
  const agent = type === "agent" ? agents.get(id) : undefined;
  return agent !== undefined && policyVersion < agent.void_before;
}
