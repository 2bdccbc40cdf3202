import {
  type ActivityBudget,
  type ActivityQuery,
  type LoggedEntry,
  loggedEntry,
  readActivity,
  readHead,
} from "../ledger/log_reader.ts";
import { leavesFrom } from "../ledger/log_tail.ts";
import type { Kv } from "../store/kv.ts";
import { type ActivityFilters, facetsOf, fits } from "./filters.ts";

/** Entries that may have come since the last look and are looked at one by one. */
const MAX_STEP = 500;

/**
 * The newest entries that fit some filters, followed as the log grows: the first look reads the log
 * as a page does, each further one only what came since. Not for two looks at once.
 */
export class NewestEntries {
  #entries: readonly LoggedEntry[] = [];
  /** Size of the log at the last look; null before the first. */
  #seen: number | null = null;

  constructor(
    readonly kv: Kv,
    readonly org: string,
    readonly filters: ActivityFilters,
    readonly limit: number,
  ) {}

  /** The newest ones of this moment, the newest first. */
  async look(): Promise<readonly LoggedEntry[]> {
    const { size } = await readHead(this.kv, this.org);
    this.#entries = this.#seen === null || size - this.#seen > MAX_STEP
      ? await this.#read()
      : [...await this.#since(this.#seen, size), ...this.#entries].slice(0, this.limit);
    this.#seen = size;
    return this.#entries;
  }

  /** Entries that came while it read are found once more by the next look, unless told apart. */
  async #read(): Promise<readonly LoggedEntry[]> {
    const { since, until } = this.filters;
    const { entries } = await readActivity(this.kv, this.org, {
      facets: facetsOf(this.filters),
      since,
      until,
      order: "desc",
      limit: this.limit,
      position: null,
    });
    return entries;
  }

  async #since(from: number, to: number): Promise<LoggedEntry[]> {
    const known = this.#entries[0]?.index ?? -1;
    const found: LoggedEntry[] = [];
    for await (const stored of leavesFrom(this.kv, this.org, from, to)) {
      if (stored.index <= known) continue;
      const logged = loggedEntry(stored);
      if (fits(logged.entry, this.filters)) found.unshift(logged);
    }
    return found;
  }
}

/** Which changes are asked for. */
interface ChangesQuery {
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
