import { isJsonObject, type JsonValue } from "../base/json.ts";
import { type Finding, shown } from "./finding.ts";
import type { LogClock, StoryEntry, Told } from "./story_entry.ts";

/**
 * Lines of mandates as a log tells of them: one that was made of another says no more than that, is
 * over with it, and what is spent under it is spent under all above it.
 */

/** So many mandates stand in a line at most. */
const MOST_GENERATIONS = 4;

/** A mandate as far as those made of it are held against it. */
interface Above {
  /** The entry that granted it. */
  readonly index: number;
  readonly ancestors: readonly string[];
  readonly expires_at: string | null;
  readonly tenant: string | null;
  readonly agent: string | null;
  /** The limit of its own budget; null where it has none. */
  readonly limit: number | null;
  /** The entry that ended it. */
  readonly ended: number | null;
}

export class Lines {
  readonly #known = new Map<string, Above>();

  constructor(readonly told: Told, readonly clock: LogClock) {}

  /** Takes in an entry about a mandate, or says what is wrong with it. */
  take(entry: StoryEntry): Finding | null {
    const id = entry.subject("mandate");
    if (id === null) return null;
    switch (entry.type) {
      case "mandate.granted":
        return this.#granted(entry, id);
      case "mandate.revoked":
      case "mandate.superseded": {
        const known = this.#known.get(id);
        if (known !== undefined) this.#known.set(id, { ...known, ended: entry.index });
        return null;
      }
      case "permission.checked":
        return entry.data.permission === "allowed" ? this.#allowed(entry, id) : null;
      default:
        return null;
    }
  }

  #granted(entry: StoryEntry, id: string): Finding | null {
    const { data, index } = entry;
    const ancestors = textsIn(data.ancestors);
    const granted: Above = {
      index,
      ancestors,
      expires_at: entry.time("expires_at"),
      tenant: entry.subject("tenant"),
      agent: entry.text("agent"),
      limit: limitIn(data.budget),
      ended: null,
    };
    this.#known.set(id, granted);
    const [parent] = ancestors;
    if (parent === undefined) {
      if (entry.actor.type !== "agent") return null;
      return entry.finding("mandate_widened", "lets an agent grant a mandate that is of no other");
    }
    const above = this.#known.get(parent);
    if (above === undefined) {
      const what = `is made of the mandate ${shown(parent)}, which no entry grants`;
      return this.told.miss(entry.finding("mandate_widened", what));
    }
    if (entry.actor.type === "agent" && entry.actor.id !== above.agent) {
      const what = `hands on the mandate ${shown(parent)} of entry ${above.index}, which is of ` +
        "another agent";
      return entry.finding("mandate_widened", what, above.index);
    }
    const wide = widerThan(above, granted, parent);
    if (wide !== null) {
      return entry.finding("mandate_widened", `${wide} (entry ${above.index})`, above.index);
    }
    return this.#over(entry, parent, `is made of the mandate ${shown(parent)}`);
  }

  #allowed(entry: StoryEntry, id: string): Finding | null {
    const scopes = new Set(scopesIn(entry.data.reserved));
    for (const above of this.#known.get(id)?.ancestors ?? []) {
      const what = `allows something under a mandate that is made of ${shown(above)}`;
      const over = this.#over(entry, above, what);
      if (over !== null) return over;
      const known = this.#known.get(above);
      if (known === undefined || known.limit === null || scopes.has(`mandate:${above}`)) continue;
      const spent = `${what} by entry ${known.index}, and spends nothing of that`;
      return entry.finding("mandate_widened", spent, known.index);
    }
    return null;
  }

  /** What is wrong with resting on a mandate that is over, or on what one above it rests on. */
  #over(entry: StoryEntry, id: string, what: string): Finding | null {
    const known = this.#known.get(id);
    if (known === undefined) return null;
    if (known.ended !== null) {
      return entry.finding(
        "mandate_over",
        `${what}, which entry ${known.ended} ended`,
        known.ended,
      );
    }
    const { expires_at } = known;
    if (expires_at === null || !this.clock.hasPassed(expires_at)) return null;
    return entry.finding("mandate_over", `${what}, which was over at ${expires_at}`);
  }
}

/** What of a mandate is more than in the one that it is made of; null for nothing. */
function widerThan(above: Above, { ancestors, ...own }: Above, parent: string): string | null {
  if (ancestors.length >= MOST_GENERATIONS) {
    return `is the mandate number ${ancestors.length + 1} of a line`;
  }
  if (ancestors.slice(1).join() !== above.ancestors.join()) {
    return `names another line than that of ${shown(parent)}, which it is made of`;
  }
  const isLater = own.expires_at === null ||
    (above.expires_at !== null && own.expires_at > above.expires_at);
  if (isLater) return `lasts longer than the mandate ${shown(parent)}, which it is made of`;
  if (above.tenant !== null && own.tenant !== above.tenant) {
    return `is of another tenant than the mandate ${shown(parent)}, which it is made of`;
  }
  const isDearer = own.limit !== null && above.limit !== null && own.limit > above.limit;
  return isDearer ? `may cost more than the mandate ${shown(parent)}, which it is made of` : null;
}

function textsIn(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function limitIn(budget: JsonValue | undefined): number | null {
  return isJsonObject(budget) && typeof budget.limit_micros === "number"
    ? budget.limit_micros
    : null;
}

function scopesIn(reserved: JsonValue | undefined): string[] {
  const all = Array.isArray(reserved) ? reserved : [];
  return all.filter(isJsonObject).flatMap(({ scope }) => typeof scope === "string" ? [scope] : []);
}
