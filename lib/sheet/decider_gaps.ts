import { personWords } from "../base/person.ts";
import { areTwo, canSign, hasSecondLevel, mayDecide } from "../identity/deciders.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { isStrict } from "../policy/widening.ts";
import type { ApprovalLevel } from "../store/records/approval.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { requesterWords } from "./sentence.ts";

/**
 * What the team, as it stands, cannot decide as the policy means it. Said to whoever configures,
 * before a request is stuck. Pure.
 */

/** Requests that the team, as it stands, does not decide as the policy means it. */
export type DeciderGap =
  /** Tools need a second approval, and nobody is there to give it. */
  | {
    readonly type: "no_second_level";
    readonly tools: readonly string[];
    /** Whether requests for them are refused; otherwise one approval is enough. */
    readonly refused: boolean;
  }
  /** Nobody could decide what the agents and keys ask that members answer for. */
  | {
    readonly type: "nobody_else";
    /** The members who answer for them. */
    readonly members: readonly string[];
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
  const noSecond = twice.length > 0 && !hasSecondLevel(members);
  const refused = isStrict(org);
  const gaps: DeciderGap[] = noSecond ? [{ type: "no_second_level", tools: twice, refused }] : [];
  for (const { behind, requesters } of answering(policy)) {
    const first = others(members, behind, 1);
    const people = behind.map(personWords);
    const shared = { type: "nobody_else", members: people, requesters } as const;
    if (org.separation_of_duties && first.length === 0) {
      gaps.push({ ...shared, tools: null });
      continue;
    }
    // Both levels of such a tool are separated, whatever the setting says.
    const refusedAnyway = noSecond && refused;
    const enough = noSecond ? first.length > 0 : areTwo(first, others(members, behind, 2));
    if (twice.length > 0 && !refusedAnyway && !enough) gaps.push({ ...shared, tools: twice });
  }
  return gaps;
}

function isInUse({ status }: { readonly status: string }): boolean {
  return status === "draft" || status === "approved";
}

interface Answering {
  readonly behind: readonly MemberRecord[];
  /** Names of what these members answer for together. */
  readonly requesters: string[];
}

/** All groups of members who answer for something that asks. */
function answering({ members, agents, apiKeys, grants }: Policy): Iterable<Answering> {
  const byId = new Map([...members.values()].map((member) => [member.id, member]));
  const found = new Map<string, Answering>();
  const add = (ids: readonly string[], name: string) => {
    const behind = ids.toSorted().flatMap((id) => byId.get(id) ?? []);
    if (behind.length === 0) return;
    const key = behind.map(({ id }) => id).join();
    const known = found.get(key);
    if (known === undefined) found.set(key, { behind, requesters: [name] });
    else known.requesters.push(name);
  };
  for (const { id, members_behind, name } of agents.values()) {
    add(members_behind, requesterWords({ type: "agent", id, name }));
  }
  for (const { id, members_behind, name, tier } of apiKeys.values()) {
    if (tier === "standard") add(members_behind, requesterWords({ type: "api_key", id, name }));
  }
  for (const { id, member, client_name: name } of grants.values()) {
    add([member], requesterWords({ type: "oauth_grant", id, name }));
  }
  return found.values();
}

/** Ids of who decides at a level besides these members: people who can sign. */
function others(
  members: Snapshot["members"],
  besides: readonly MemberRecord[],
  level: ApprovalLevel,
): string[] {
  return [...members.values()]
    .filter((member) => !besides.includes(member) && canSign(member))
    .filter((member) => mayDecide(member, level, members))
    .map(({ id }) => id);
}
