import { ownerEnrolled } from "../identity/owner_enrolled.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { ApprovalLevel } from "../store/records/approval.ts";
import type { ApiKeyRecord, MemberRecord } from "../store/records/identity.ts";
import type { OrgRecord, ToolRecord } from "../store/records/policy.ts";

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
export function mayNameUnenrolled(
  { bootstrap, tier, members_behind }: ApiKeyRecord,
  { id, role }: MemberRecord,
  snapshot: Pick<Snapshot, "members">,
): boolean {
  return bootstrap && tier === "approver" && role === "owner" && members_behind.includes(id) &&
    !ownerEnrolled(snapshot);
}

/**
 * Whether a second level that nobody is at is refused: always, unless an owner chose otherwise under
 * a passkey. A record of before, which holds false although nobody chose it, is strict.
 */
export function isStrict({ strict_levels, strict_levels_by }: OrgRecord): boolean {
  return strict_levels || strict_levels_by === null;
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
