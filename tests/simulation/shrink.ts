import { FAULT_NAMES } from "./faults.ts";
import { type Plan, run } from "./run.ts";

/** Parts of an org's actors that a run can do without. */
export const ACTOR_NAMES: readonly string[] = [
  ...["caller0", "caller1", "caller2", "approver", "owner", "auditor", "person"],
  ...["grantor", "spender0", "spender1", "subscriber"],
  ...["runner0", "runner1", "connector"],
  ...["head", "ruler", "member0", "member1", "member2", "member3", "releaser0", "releaser1"],
  ...["application", "user0", "user1", "user2", "giver", "shopkeeper", "hearers"],
];

/** How finely the end of a run is looked for, milliseconds. */
const SHORTEST_MS = 1000;

/**
 * Takes away from a plan what its failure does not need: kinds of faults, actors, and time at its end.
 * Each has chance of its own, so that the rest stays as it was.
 * @param progress called with what was tried
 * @returns a plan that breaks the same promise
 */
export async function shrink(
  plan: Plan,
  invariant: string,
  progress: (tried: string) => void,
): Promise<Plan> {
  let least = plan;
  /** How long things went wrong, at most, until the least so far broke it. */
  let needed = plan.suffering_ms;
  const stillBreaks = async (smaller: Plan) => {
    try {
      const { broken, suffered_ms } = await run(smaller);
      if (!broken.some((one) => one.invariant === invariant)) return false;
      needed = Math.min(smaller.suffering_ms, Math.ceil(suffered_ms));
      return true;
    } catch {
      return false;
    }
  };
  for (const fault of FAULT_NAMES) {
    const { faults, actors } = least.without;
    const smaller = { ...least, without: { faults: [...faults, fault], actors } };
    progress(`without ${fault}`);
    if (await stillBreaks(smaller)) least = smaller;
  }
  for (const actor of ACTOR_NAMES) {
    const { faults, actors } = least.without;
    const smaller = { ...least, without: { faults, actors: [...actors, actor] } };
    progress(`without ${actor}`);
    if (await stillBreaks(smaller)) least = smaller;
  }
  // A run ends at the step that broke it; what would have come after is needed for nothing.
  let works = least.suffering_ms;
  progress(`${needed} ms`);
  if (await stillBreaks({ ...least, suffering_ms: needed })) works = needed;
  let fails = 0;
  while (works - fails > SHORTEST_MS) {
    const middle = Math.round((works + fails) / 2);
    progress(`${middle} ms`);
    if (await stillBreaks({ ...least, suffering_ms: middle })) works = middle;
    else fails = middle;
  }
  return { ...least, suffering_ms: works };
}
