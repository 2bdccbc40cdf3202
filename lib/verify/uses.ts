import { isJsonObject, type JsonValue } from "../base/json.ts";
import { definitionDigest } from "./limits.ts";
import type { StoryEntry } from "./story_entry.ts";

/**
 * How often something is allowed under mandates, recounted from a log: in all, and by the minute, hour
 * and day of a scope that has the name of the tool. Those that have a tag of it are not told in a log.
 */

/** How often at most, in how many milliseconds; in all for null. */
interface Rate {
  readonly most: number;
  readonly span: number | null;
  readonly what: string;
}

const SPANS = [
  ["max_per_minute", 60_000, "a minute"],
  ["max_per_hour", 3_600_000, "an hour"],
  ["max_per_day", 86_400_000, "a day"],
] as const;

/** What was counted of one rate, in its newest window. */
interface CountedRate {
  readonly rate: Rate;
  window: number;
  used: number;
}

interface Used {
  readonly uses: CountedRate | null;
  /** Those that it was made of. */
  readonly ancestors: readonly string[];
  /** Digest of the definition that has its scopes; the mandate itself where they are its own. */
  readonly definition: string;
  /** The names of the scopes that it has; null where that is not shown. */
  readonly names: readonly JsonValue[] | null;
  /** By the name of the scope. */
  readonly rates: Map<string, readonly CountedRate[]>;
}

/** What is counted of every mandate that a log tells of from its grant on. */
export class Uses {
  readonly #mandates = new Map<string, Used>();
  /** The rates of scopes by their names, by the digest of the definition or the mandate that has them. */
  readonly #definitions = new Map<string, ReadonlyMap<string, readonly Rate[]>>();

  /**
   * Takes in how often a definition lets something be done; nothing where that is none.
   * @param mandate the one whose own it is; of a bundle all find it by its digest
   */
  learn(definition: JsonValue | undefined, mandate: string | null = null): void {
    if (!isJsonObject(definition) || !Array.isArray(definition.scopes)) return;
    const rates = new Map<string, readonly Rate[]>();
    for (const { name, limits } of definition.scopes.filter(isJsonObject)) {
      if (isJsonObject(limits)) rates.set(String(name), ratesIn(limits));
    }
    if (rates.size > 0) this.#definitions.set(mandate ?? definitionDigest(definition), rates);
  }

  /** Takes in a mandate. @param names those of its scopes, where they are shown */
  grant(entry: StoryEntry, mandate: string, names: JsonValue | undefined): void {
    const { bundle, uses, ancestors } = entry.data;
    const all = typeof uses === "number" ? { most: uses, span: null, what: "all" } : null;
    this.#mandates.set(mandate, {
      uses: all === null ? null : { rate: all, window: 0, used: 0 },
      ancestors: Array.isArray(ancestors) ? ancestors.map(String) : [],
      definition: isJsonObject(bundle) ? String(bundle.digest) : mandate,
      names: Array.isArray(names) ? names : null,
      rates: new Map(),
    });
  }

  /** Counts what an entry allows once; what is wrong with that, null for nothing. */
  count(entry: StoryEntry, mandate: string): string | null {
    const counted = this.#countedFor(entry, mandate);
    const over = counted.find(({ rate, used }) => used >= rate.most);
    for (const one of counted) one.used++;
    if (over === undefined) return null;
    const { most, what } = over.rate;
    return `is allowed, as ${over.used} things are of the ${most} that may be in ${what}`;
  }

  /** What an entry was counted for is not done after all, which its own commit says. */
  takeBack(entry: StoryEntry, mandate: string): void {
    for (const one of this.#countedFor(entry, mandate)) one.used--;
  }

  #countedFor(entry: StoryEntry, mandate: string): CountedRate[] {
    const own = this.#mandates.get(mandate);
    if (own === undefined) return [];
    const tool = entry.subject("tool") ?? "";
    const now = Date.parse(entry.at);
    const line = [own, ...own.ancestors.flatMap((id) => this.#mandates.get(id) ?? [])];
    return line.flatMap((
      one,
    ) => [...one.uses === null ? [] : [one.uses], ...this.#rates(one, tool)])
      .map((one) => {
        const { span } = one.rate;
        const window = span === null ? 0 : now - now % span;
        if (window > one.window) Object.assign(one, { window, used: 0 });
        return one;
      });
  }

  #rates({ rates, definition, names }: Used, tool: string): readonly CountedRate[] {
    if (names?.includes(tool) !== true) return [];
    const known = rates.get(tool);
    if (known !== undefined) return known;
    const counted = this.#definitions.get(definition)?.get(tool)
      ?.map((rate) => ({ rate, window: 0, used: 0 })) ?? [];
    rates.set(tool, counted);
    return counted;
  }
}

function ratesIn(limits: Readonly<Record<string, JsonValue>>): Rate[] {
  return SPANS.flatMap(([name, span, what]) => {
    const most = limits[name];
    return typeof most === "number" ? [{ most, span, what }] : [];
  });
}
