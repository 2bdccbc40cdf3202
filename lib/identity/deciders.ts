import { canSign, mayDecide, mayNameUnenrolled } from "../approvals/deciders.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import type { ApprovalRecord, LevelDecision } from "../store/records/approval.ts";
import type { ApiKeyRecord, MemberRecord } from "../store/records/identity.ts";
import { isSuperseded } from "./caller.ts";
import { requesterNow } from "./requester_now.ts";

/** Who decides a level, or did: a member, or an approver key that names one. */
export type Decider = Pick<LevelDecision, "level" | "member" | "asserted_by">;

/** A member who decides by their passkey the level at which a request stands. */
export function byPasskey(
  { id }: { readonly id: string },
  { progress }: Pick<ApprovalRecord, "progress">,
): Decider {
  return { level: progress.level, member: id, asserted_by: null };
}

/** What of a request says who may decide it. */
export type Decided = Pick<
  ApprovalRecord,
  | "decisions"
  | "duties_separated"
  | "levels"
  | "levels_skipped"
  | "members_behind"
  | "requester"
  | "tool_name"
>;

/** What of a policy says who may decide. */
export type DeciderPolicy = Pick<
  Snapshot,
  "org" | "members" | "apiKeys" | "agents" | "grants" | "tools"
>;

/**
 * Why somebody may not decide a level of a request on the policy of this moment; null if they may.
 * The one answer to that question: for a passkey on the page, for an approver key over REST, and
 * once more for every decision when what it approved is to be minted. Of what the request froze and
 * what holds now the stricter counts. `now` in milliseconds.
 */
export function decisionBar(
  record: Decided,
  decider: Decider,
  policy: DeciderPolicy,
  now: number,
): AnyRefusal | null {
  const member = policy.members.values().find(({ id }) => id === decider.member);
  return memberBar(record, member, decider, policy, now);
}

/** The same of a member whom the caller has found already; undefined for somebody who is none. */
export function memberBar(
  record: Decided,
  member: MemberRecord | undefined,
  { level, asserted_by }: Pick<Decider, "level" | "asserted_by">,
  policy: DeciderPolicy,
  now: number,
): AnyRefusal | null {
  const decidedBefore = record.decisions.some((said) =>
    said.level !== level &&
    (said.member === member?.id || (asserted_by !== null && said.asserted_by === asserted_by))
  );
  if (decidedBefore) return new Refusal("already_decided_level", {});
  const key = asserted_by === null ? null : policy.apiKeys.get(asserted_by);
  const keyBarred = key === null ? null : keyBar(record, key, policy, now);
  if (keyBarred !== null) return keyBarred;
  if (member === undefined || !mayDecide(member, level, policy.members)) {
    return new Refusal("not_an_approver", { level });
  }
  if (!canSign(member) && !(key && mayNameUnenrolled(key, member, policy))) {
    return new Refusal("not_an_approver", { level });
  }
  if (isSeparated(record, policy) && allBehind(record, policy).has(member.id)) {
    return new Refusal("self_approval", {});
  }
  const { held_until } = member;
  return held_until !== null && held_until > now
    ? new Refusal("recovery_held", { until: new Date(held_until).toISOString() })
    : null;
}

/** Why an approver key speaks for nobody here; undefined is one that is gone. */
function keyBar(
  record: Decided,
  key: ApiKeyRecord | undefined,
  policy: DeciderPolicy,
  now: number,
): AnyRefusal | null {
  if (!policy.org.api_decisions) {
    return new Refusal("passkey_required", {
      why: "The organization takes decisions under a passkey only (api_decisions is off).",
    });
  }
  if (isForTwo(record, policy)) {
    return new Refusal("passkey_required", {
      why: "What two people have to approve is decided under their passkeys, never through a key.",
    });
  }
  const inForce = key?.tier === "approver" && (key.expires_at ?? Infinity) > now &&
    !isSuperseded(key, policy);
  return inForce ? null : new Refusal("invalid_credentials", {});
}

/** Whether two people were to approve a request when it was made, or are to now. */
function isForTwo(
  { levels, levels_skipped, tool_name }: Decided,
  { tools }: DeciderPolicy,
): boolean {
  return levels === 2 || levels_skipped || tools.get(tool_name)?.requires_second_approval === true;
}

/** Whether none of those who answer for the requester may decide this request. */
export function isSeparated(record: Decided, policy: DeciderPolicy): boolean {
  // Switching the setting off does not loosen what was asked under it.
  return record.duties_separated || policy.org.separation_of_duties || isForTwo(record, policy);
}

/**
 * Ids of those who answer for the requester: who did when it was asked, and who came to know its
 * secret since.
 */
export function allBehind(
  { members_behind, requester }: Pick<Decided, "members_behind" | "requester">,
  policy: DeciderPolicy,
): ReadonlySet<string> {
  return new Set([...members_behind, ...requesterNow(policy, requester)?.members_behind ?? []]);
}
