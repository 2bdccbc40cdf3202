import { readActivity } from "../ledger/activity.ts";
import { type LoggedEntry, loggedEntry, readHead } from "../ledger/log_reader.ts";
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
