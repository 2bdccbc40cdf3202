import type { CommitMark } from "../store/commit.ts";
import { commitMarkKey, logSegmentKey } from "../store/keys.ts";
import type { Outcome, Waiting } from "./commit.ts";
import type { Transaction } from "./transaction.ts";

/** One try of a commit, and what its operations come to if it lands. */
export interface Attempt {
  readonly mark: CommitMark;
  /** Whether the mark is a row of its own, not the segment of the entries. */
  readonly marksItself: boolean;
  readonly outcomes: ReadonlyMap<Waiting, Outcome>;
  readonly topics: readonly string[];
}

/**
 * The attempt to commit a transaction. Its entries tell that it landed; without entries, and after an
 * attempt whose answer was lost, it has a row for that.
 * @param name tells it from every other attempt
 * @param common the same for all attempts at one batch, so that only one of those that write it lands
 */
export function attemptOf(
  transaction: Transaction,
  outcomes: ReadonlyMap<Waiting, Outcome>,
  { name, common, again }: {
    readonly name: string;
    readonly common: string;
    readonly again: boolean;
  },
): Attempt {
  const { leaves, base, snapshot, topics } = transaction;
  const marksItself = again || leaves.length === 0;
  const key = marksItself ? commitMarkKey(common) : logSegmentKey(snapshot.orgId, base);
  return { mark: { key, name }, marksItself, outcomes, topics };
}
