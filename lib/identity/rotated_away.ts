import type { Snapshot } from "../policy/snapshot.ts";
import type { RequesterType } from "../store/records/requester.ts";

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
