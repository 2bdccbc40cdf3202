import { type ActivityBudget, type ActivityQuery, readActivity } from "../ledger/activity.ts";
import type { LoggedEntry } from "../ledger/log_reader.ts";
import type { Kv } from "../store/kv.ts";

/** Which changes are asked for. */
export interface ChangesQuery {
  /** Types of entries, any of them. */
  readonly types: readonly string[];
  /** Values that an entry must have, all of them. */
  readonly facets?: ActivityQuery["facets"];
  readonly limit: number;
}

/** Far less than the log's own pages may look at: this stands at the end of other pages. */
const BUDGET: ActivityBudget = { pages: 20, summaries: 1000 };

/**
 * The latest entries of some types, the newest first. `complete` is false when older ones may be
 * there: past the limit, or too far back to be looked for here.
 */
export async function recentChanges(
  kv: Kv,
  org: string,
  { types, facets = [], limit }: ChangesQuery,
): Promise<{ readonly entries: LoggedEntry[]; readonly complete: boolean }> {
  const found = await Promise.all(types.map((value) =>
    readActivity(kv, org, {
      facets: [{ facet: "type", value }, ...facets],
      since: null,
      until: null,
      order: "desc",
      limit,
      position: null,
    }, BUDGET)
  ));
  const entries = found.flatMap((one) => one.entries).sort((a, b) => b.index - a.index);
  return {
    entries: entries.slice(0, limit),
    complete: entries.length <= limit && found.every(({ next }) => next === null),
  };
}
