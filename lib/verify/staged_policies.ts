import type { Finding } from "./finding.ts";
import type { StoryEntry } from "./story_entry.ts";

/** A policy that is being written beside the one that is read. */
interface StagedPolicy {
  /** How many entries of changes there are so far. */
  readonly told: number;
}

/**
 * Policies of several commits: `policy.staged`, an entry for each change, and `policy.applied`, which
 * makes all of them hold. Each names the others by the index of the first, the generation.
 */
export class StagedPolicies {
  readonly #open = new Map<number, StagedPolicy>();

  /** Takes in an entry of such a policy, or says what is wrong with it. */
  take(entry: StoryEntry): Finding | null {
    const { type, data: { generation, changes } } = entry;
    if (type === "policy.staged") {
      this.#open.set(entry.index, { told: 0 });
      return null;
    }
    const isChange = type.endsWith(".staged");
    if (!isChange && type !== "policy.applied" && type !== "policy.dropped") return null;
    const begun = typeof generation === "number" ? generation : -1;
    const policy = this.#open.get(begun);
    if (policy === undefined) {
      return entry.finding("policy_incomplete", "is of a policy that is not being applied");
    }
    if (isChange) {
      this.#open.set(begun, { told: policy.told + 1 });
      return null;
    }
    this.#open.delete(begun);
    if (type === "policy.dropped" || policy.told === changes) return null;
    const what = `applies the policy of entry ${begun} with ${policy.told} changes, not ${changes}`;
    return entry.finding("policy_incomplete", what, begun);
  }
}
