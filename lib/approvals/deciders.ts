import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusals/refusal.ts";
import type { ApprovalLevel, ApprovalRecord } from "../store/records/approval.ts";
import type { MemberRecord } from "../store/records/identity.ts";
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
      return member.groups.includes(level) || (level === 1 && !hasGroup(members, 1));
    case "viewer":
      return false;
  }
}

/** The levels at which a member may decide. */
export function levelsOf(member: MemberRecord, members: Members): ApprovalLevel[] {
  return ([1, 2] as const).filter((level) => mayDecide(member, level, members));
}

/** Whether a member has decided a level of this request already. */
export function hasDecided({ decisions }: Pick<ApprovalRecord, "decisions">, id: string): boolean {
  return decisions.some(({ member }) => member === id);
}

/** Why a member may not decide a pending request at the level where it stands; null if they may. */
export function decisionBar(
  record: Pick<ApprovalRecord, "decisions" | "duties_separated" | "member_behind" | "progress">,
  { id, levels }: { readonly id: string; readonly levels: readonly ApprovalLevel[] },
  org: OrgRecord,
): Refusal | null {
  const { level } = record.progress;
  if (hasDecided(record, id)) return new Refusal("already_decided_level", {});
  if (!levels.includes(level)) return new Refusal("not_an_approver", { level });
  const isBehind = id === record.member_behind;
  return isBehind && isSeparated(record, org) ? new Refusal("self_approval", {}) : null;
}

/** Whether somebody who can decide is in the group of a level. */
export function hasGroup(members: Members, level: ApprovalLevel): boolean {
  for (const { role, groups } of members.values()) {
    if (role !== "viewer" && groups.includes(level)) return true;
  }
  return false;
}

/** How many levels a request for a tool has; null when it needs a second one that nobody is at. */
export function levelsFor(
  tool: ToolRecord,
  org: OrgRecord,
  members: Members,
): { levels: ApprovalLevel; levels_skipped: boolean } | null {
  if (!tool.requires_second_approval) return { levels: 1, levels_skipped: false };
  if (hasGroup(members, 2)) return { levels: 2, levels_skipped: false };
  return org.strict_levels ? null : { levels: 1, levels_skipped: true };
}

/** Whether the member behind the requester may not decide this request. */
export function isSeparated(
  record: Pick<ApprovalRecord, "duties_separated">,
  org: OrgRecord,
): boolean {
  // Switching the setting off does not loosen what was asked under it.
  return record.duties_separated || org.separation_of_duties;
}

/** Whether there are people who could decide all that is still open of a request. */
export function someoneCanDecide(
  record: Pick<
    ApprovalRecord,
    "duties_separated" | "levels" | "member_behind" | "decisions" | "progress"
  >,
  org: OrgRecord,
  members: Members,
): boolean {
  const barred = new Set(record.decisions.map(({ member }) => member));
  if (record.member_behind !== null && isSeparated(record, org)) barred.add(record.member_behind);
  const at = (level: ApprovalLevel) =>
    [...members.values()]
      .filter((member) => !barred.has(member.id) && mayDecide(member, level, members))
      .map(({ id }) => id);
  if (record.progress.level === 2) return at(2).length > 0;
  const first = at(1);
  if (record.levels === 1) return first.length > 0;
  const second = at(2);
  // Two different people: one who could do both is not enough.
  return first.length > 0 && second.length > 0 && new Set([...first, ...second]).size > 1;
}
