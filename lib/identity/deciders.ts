import type { Snapshot } from "../policy/snapshot.ts";
import { isStrict } from "../policy/widening.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import type {
  ApprovalLevel,
  ApprovalRecord,
  LevelDecision,
  Stand,
} from "../store/records/approval.ts";
import type { ApiKeyRecord, MemberRecord, RequesterType } from "../store/records/identity.ts";
import type { OrgRecord, ToolRecord } from "../store/records/policy.ts";
import { hasExpired, isSuperseded, ownerEnrolled } from "./caller.ts";

/**
 * Who may decide a request, at which of its levels, and why not. `decisionBar` is the one answer,
 * asked when somebody decides and again of every decision when what it approved is to be used.
 * Pure: it looks at the request and at the policy it is given.
 */

type Members = Snapshot["members"];

/**
 * Whether a member has the right to decide at a level: owners and admins do, approvers at the level
 * of their group. While group Level 1 is empty, every approver is in it.
 */
export function mayDecide(member: MemberRecord, level: ApprovalLevel, members: Members): boolean {
  switch (member.role) {
    case "owner":
    case "admin":
      return true;
    case "approver":
      return member.groups.includes(level) || (level === 1 && !isLevelOneNamed(members));
    case "viewer":
      return false;
  }
}

/** The levels at which a member may decide. */
export function levelsOf(member: MemberRecord, members: Members): ApprovalLevel[] {
  return ([1, 2] as const).filter((level) => mayDecide(member, level, members));
}

/**
 * Whether somebody is in group Level 1. Who was only invited counts: whoever names the group means
 * that not every approver decides.
 */
function isLevelOneNamed(members: Members): boolean {
  for (const { role, groups } of members.values()) {
    if (role !== "viewer" && groups.includes(1)) return true;
  }
  return false;
}

/** Whether a member has accepted the membership under a passkey: who has not decides nothing. */
export function canSign({ account, has_passkey }: MemberRecord): boolean {
  return account !== null && has_passkey;
}

/** Whether group Level 2 has somebody who could decide: a person who only was invited could not. */
export function hasSecondLevel(members: Members): boolean {
  for (const member of members.values()) {
    if (member.role !== "viewer" && member.groups.includes(2) && canSign(member)) return true;
  }
  return false;
}

/**
 * The one exception to who may be named by an approver key: the key that the operator handed over by
 * environment may name the owner whom they named there, until an owner has a passkey. So a
 * deployment without a browser can decide at all; from the first passkey on the key is out of force.
 */
function mayNameUnenrolled(
  { bootstrap, tier, members_behind }: ApiKeyRecord,
  { id, role }: MemberRecord,
  snapshot: Pick<Snapshot, "members">,
): boolean {
  return bootstrap && tier === "approver" && role === "owner" && members_behind.includes(id) &&
    !ownerEnrolled(snapshot);
}

/** How many levels a request for a tool has; null when it needs a second one that nobody is at. */
export function levelsFor(
  tool: ToolRecord,
  org: OrgRecord,
  members: Members,
): { levels: ApprovalLevel; levels_skipped: boolean } | null {
  if (!tool.requires_second_approval) return { levels: 1, levels_skipped: false };
  if (hasSecondLevel(members)) return { levels: 2, levels_skipped: false };
  return isStrict(org) ? null : { levels: 1, levels_skipped: true };
}

/** Who decides a level, or did: a member, or an approver key that names one. */
export interface Decider extends Pick<LevelDecision, "member" | "asserted_by"> {
  /** 0 is the end user's seat, at which no member decides. */
  readonly level: Stand;
}

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
  | "user_seat"
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
function memberBar(
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
  // One key answers for one person only, be it the end user.
  const answered = asserted_by !== null && record.user_seat?.answer?.asserted_by === asserted_by;
  if (decidedBefore || answered) return new Refusal("already_decided_level", {});
  const key = asserted_by === null ? null : policy.apiKeys.get(asserted_by);
  const keyBarred = key === null ? null : keyBar(record, key, policy, now);
  if (keyBarred !== null) return keyBarred;
  if (level === 0 || member === undefined || !mayDecide(member, level, policy.members)) {
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
  return answersInForce(key, policy, now) ? null : new Refusal("invalid_credentials", {});
}

/** Whether an approver key may speak for anybody now; undefined is one that is gone. */
export function answersInForce(
  key: ApiKeyRecord | undefined,
  policy: Pick<DeciderPolicy, "members">,
  now: number,
): boolean {
  return key?.tier === "approver" && !hasExpired(key, now) && !isSuperseded(key, policy);
}

/**
 * Whether the application may say yes for users by an approver key: the organization leaves it to them,
 * and lets such keys decide at all.
 */
export function mayAppConfirm(
  { confirm_by, api_decisions }: Pick<OrgRecord, "confirm_by" | "api_decisions">,
): boolean {
  return confirm_by === "app" && api_decisions;
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

/** A hold ends by itself, and the key that needs no passkey does not expire: no time matters here. */
const ANY_TIME = 0;

/**
 * Whether there are people who could decide all that is still open of a pending request, when holds
 * after a recovery are over.
 */
export function someoneCanDecide(
  record: Decided & Pick<ApprovalRecord, "progress">,
  policy: DeciderPolicy,
): boolean {
  const at = (level: ApprovalLevel) => eligible(record, level, policy);
  if (record.levels === 0) return true;
  if (record.progress.level === 2) return at(2).length > 0;
  const first = at(1);
  return record.levels === 1 ? first.length > 0 : areTwo(first, at(2));
}

/** Whether two different people can take the two levels: one who could do both is not enough. */
export function areTwo(first: readonly string[], second: readonly string[]): boolean {
  return first.length > 0 && second.length > 0 && new Set([...first, ...second]).size > 1;
}

/** Ids of who could decide a level: by a passkey, or through the key that needs none. */
function eligible(
  record: Decided,
  level: ApprovalLevel,
  policy: DeciderPolicy,
): string[] {
  const keys = policy.apiKeys.values()
    .filter(({ bootstrap, tier }) => bootstrap && tier === "approver")
    .map(({ id }) => id);
  const ways = [null, ...keys];
  return [...policy.members.values()]
    .filter((member) =>
      ways.some((asserted_by) => {
        const bar = memberBar(record, member, { level, asserted_by }, policy, ANY_TIME);
        return bar === null || bar.code === "recovery_held";
      })
    )
    .map(({ id }) => id);
}

/** What bounds who asked for something, as the policy of this moment has them. */
export interface RequesterNow {
  /** Milliseconds; null when it does not expire. */
  readonly expires_at: number | null;
  /** The tenants that it may name; null when it may name any. */
  readonly tenant_ids: readonly string[] | null;
  readonly trust_tier: number;
  readonly kill_switch: { readonly active: boolean } | null;
  readonly members_behind: readonly string[];
}

/** The requester of a request by its id; null when there is none such any more. */
export function requesterNow(
  { agents, apiKeys, grants }: Pick<Snapshot, "agents" | "apiKeys" | "grants">,
  { type, id }: { readonly type: RequesterType; readonly id: string },
): RequesterNow | null {
  switch (type) {
    case "agent":
      return agents.get(id) ?? null;
    case "api_key": {
      const key = apiKeys.get(id);
      return key === undefined ? null : { ...key, kill_switch: null };
    }
    case "oauth_grant": {
      const grant = grants.get(id);
      if (grant === undefined) return null;
      const unbound = { expires_at: null, tenant_ids: null, trust_tier: 0, kill_switch: null };
      return { ...unbound, members_behind: [grant.member] };
    }
  }
}

/** A member whom something can be sent to. */
export interface Hearer extends MemberRecord {
  readonly account: string;
}

/** Whether something can be sent to a member: they have accepted the membership. */
export function hasAccount(member: MemberRecord): member is Hearer {
  return member.account !== null;
}
