import type { Snapshot } from "../policy/snapshot.ts";
import type { ApprovalLevel } from "../store/records/approval.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { hasGroup, mayDecide } from "./deciders.ts";

/** Requests that the team, as it stands, does not decide as the policy means it. */
export type DeciderGap =
  /** Tools need a second approval, and nobody is there to give it. */
  | {
    readonly type: "no_second_level";
    readonly tools: readonly string[];
    /** Whether requests for them are refused; otherwise one approval is enough. */
    readonly refused: boolean;
  }
  /** Nobody could decide what a member's own agents and keys ask. */
  | {
    readonly type: "nobody_else";
    /** E-mail address of the member who answers for them. */
    readonly member: string;
    /** Names of those agents, keys and clients. */
    readonly requesters: readonly string[];
    /** The tools that it is so for; null for all. */
    readonly tools: readonly string[] | null;
  };

type Policy = Pick<
  Snapshot,
  "members" | "agents" | "apiKeys" | "grants" | "org" | "tools"
>;

/** What the team cannot decide although people would have to. */
export function deciderGaps(policy: Policy): DeciderGap[] {
  const { members, org } = policy;
  const twice = [...policy.tools.values()]
    .filter((tool) => tool.requires_second_approval && isInUse(tool))
    .map(({ name }) => name)
    .sort();
  const noSecond = twice.length > 0 && !hasGroup(members, 2);
  const gaps: DeciderGap[] = noSecond
    ? [{ type: "no_second_level", tools: twice, refused: org.strict_levels }]
    : [];
  for (const [member, requesters] of requestersBehind(policy)) {
    const first = others(members, member, 1);
    const shared = { type: "nobody_else", member: member.email, requesters } as const;
    if (org.separation_of_duties && first.length === 0) {
      gaps.push({ ...shared, tools: null });
      continue;
    }
    // Both levels of such a tool are separated, whatever the setting says.
    const refusedAnyway = noSecond && org.strict_levels;
    const enough = noSecond ? first.length > 0 : areTwo(first, others(members, member, 2));
    if (twice.length > 0 && !refusedAnyway && !enough) gaps.push({ ...shared, tools: twice });
  }
  return gaps;
}

function isInUse({ status }: { readonly status: string }): boolean {
  return status === "draft" || status === "approved";
}

/** Every member who answers for something that asks, and the names of what does. */
function requestersBehind(
  { members, agents, apiKeys, grants }: Policy,
): Map<MemberRecord, string[]> {
  const byId = new Map([...members.values()].map((member) => [member.id, member]));
  const behind = new Map<MemberRecord, string[]>();
  const add = (id: string | null, name: string) => {
    const member = id === null ? undefined : byId.get(id);
    if (member !== undefined) behind.set(member, [...behind.get(member) ?? [], name]);
  };
  for (const { member_behind, name } of agents.values()) add(member_behind, name);
  for (const { member_behind, name, tier } of apiKeys.values()) {
    if (tier === "standard") add(member_behind, name);
  }
  for (const { member, client_name } of grants.values()) add(member, client_name);
  return behind;
}

/** Ids of who decides at a level besides one member: people who can sign in. */
function others(
  members: Snapshot["members"],
  besides: MemberRecord,
  level: ApprovalLevel,
): string[] {
  return [...members.values()]
    .filter(({ id, account }) => id !== besides.id && account !== null)
    .filter((member) => mayDecide(member, level, members))
    .map(({ id }) => id);
}

/** Whether two different people can take the two levels. */
function areTwo(first: readonly string[], second: readonly string[]): boolean {
  return first.length > 0 && second.length > 0 && new Set([...first, ...second]).size > 1;
}
