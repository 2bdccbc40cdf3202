import { toHex } from "../base/bytes.ts";
import { canonicalBytes } from "../base/canonical.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import type { StoryEntry } from "./story_entry.ts";

/**
 * The limits that a log tells of, each with what counts against it: the service's counters once more,
 * written down apart from them.
 */

const MINUTE_MS = 60_000;

const DAY_MS = 24 * 60 * MINUTE_MS;

/** When the window began that a time (RFC 3339) is in, milliseconds; null for a period of another name. */
function windowOf(period: string, at: string): number | null {
  const day = Date.parse(at.slice(0, 10));
  switch (period) {
    case "total":
      return 0;
    case "day":
      return day;
    case "week":
      return Math.max(0, day - (new Date(day).getUTCDay() + 6) % 7 * DAY_MS);
    case "month":
      return Date.parse(`${at.slice(0, 7)}-01`);
    default:
      return null;
  }
}

/** When what is in the window of a time counts no more (RFC 3339); in a period without end, never. */
function windowEnd(period: string, at: string): string {
  const [year = 0, month = 0] = at.split("-").map(Number);
  switch (period) {
    case "day":
      return new Date(Date.parse(at.slice(0, 10)) + DAY_MS).toISOString();
    case "week":
      return new Date((windowOf("week", at) ?? 0) + 7 * DAY_MS).toISOString();
    case "month":
      return new Date(Date.UTC(year, month)).toISOString();
    default:
      return NEVER;
  }
}

/** Behind every time that a log can tell. */
export const NEVER = "9999-12-31T23:59:59.999Z";

/** A limit as an entry or a definition sets it. */
interface Limit {
  readonly limit: number;
  readonly period: string;
  /** Above it a human is asked; null where nobody is. */
  readonly ask_above: number | null;
  /** A lower estimate counts as this. */
  readonly least: number;
  /** Whether it gives back what a check without a token reserved and nobody settles. */
  readonly forgets: boolean;
}

/** How long it waits for that to be settled, milliseconds. */
const SILENCE_MS = 60 * MINUTE_MS;

/** Reads a limit; null for what is none. */
function limitIn(value: JsonValue | undefined): Limit | null {
  if (!isJsonObject(value)) return null;
  const { limit_micros, period, ask_above_micros = null, min_estimate_micros = 0 } = value;
  const { on_silence = "spent" } = value;
  if (typeof limit_micros !== "number" || typeof period !== "string") return null;
  return {
    limit: limit_micros,
    period,
    ask_above: typeof ask_above_micros === "number" ? ask_above_micros : null,
    least: typeof min_estimate_micros === "number" ? min_estimate_micros : 0,
    forgets: on_silence === "release",
  };
}

/** What counts against one limit so far. */
export class CountedRow {
  #window = 0;
  #settled = 0;
  /** What tokens hold, by the minute in which the last of them is over. */
  readonly #held = new Map<number, number>();

  /** @param opened when it was set, milliseconds; 0 for one whose windows begin with the calendar's */
  constructor(public limit: Limit, opened: number) {
    this.#window = opened;
  }

  /** The row at the time of an entry: a new window begins empty, and what is over holds nothing. */
  at(at: string): this {
    const window = windowOf(this.limit.period, at) ?? 0;
    if (window > this.#window) {
      this.#window = window;
      this.#settled = 0;
      this.#held.clear();
    }
    const now = Date.parse(at);
    for (const minute of this.#held.keys()) {
      if (minute * MINUTE_MS <= now) this.#held.delete(minute);
    }
    return this;
  }

  get window(): number {
    return this.#window;
  }

  /** Whether a window that an entry names is the one of its time. */
  isNow(window: JsonValue | undefined, at: string): boolean {
    // Of a budget that was set, first windows began with the calendar's in logs of before.
    return window === this.#window || window === windowOf(this.limit.period, at);
  }

  /** When nothing that counts now does so any more. */
  ends(at: string): string {
    return windowEnd(this.limit.period, at);
  }

  /** When it gives back what a check reserves at a time (RFC 3339), milliseconds; null for never. */
  silentUntil(at: string): number | null {
    return this.limit.forgets ? Date.parse(at) + SILENCE_MS : null;
  }

  get settled(): number {
    return this.#settled;
  }

  get held(): number {
    let sum = 0;
    for (const micros of this.#held.values()) sum += micros;
    return sum;
  }

  get counted(): number {
    return this.#settled + this.held;
  }

  /** Counts an amount as spent, or takes a negative one back. */
  add(micros: number): void {
    this.#settled = Math.max(0, this.#settled + micros);
  }

  /** Has an amount that is spent held until a time of the log, milliseconds. */
  hold(micros: number, until: number): void {
    const minute = minuteOf(until);
    this.add(-micros);
    this.#held.set(minute, (this.#held.get(minute) ?? 0) + micros);
  }

  /** Counts an amount that is held as spent, or was given back already. */
  consume(micros: number, until: number): void {
    const minute = minuteOf(until);
    const held = this.#held.get(minute);
    if (held !== undefined) this.#held.set(minute, Math.max(0, held - micros));
    this.add(micros);
  }
}

/** The minute at whose beginning what is held until a time surely is free. */
function minuteOf(until: number): number {
  return Math.ceil(until / MINUTE_MS);
}

/** A mandate, as far as what it may cost goes by it. */
interface Spender {
  readonly id: string;
  readonly agent: string;
  readonly tenant: string | null;
  /** Null where its private part is not shown. */
  readonly user: string | null;
  /** Its own budget; null where it has none. */
  readonly own: CountedRow | null;
  /** Digest of the definition that has its scopes; the mandate itself where they are its own. */
  readonly definition: string;
  /** Those that it was made of, its parent first. */
  readonly ancestors: readonly JsonValue[];
  /** The names of the scopes that it has; null where that is not shown. */
  readonly names: readonly JsonValue[] | null;
  readonly scopes: Map<string, CountedRow>;
}

/** What counts against one limit of a mandate. */
export interface Standing {
  /** `mandate`, or `scope:` and its name. */
  readonly scope: string;
  readonly limit: number;
  readonly period: string;
  readonly settled: number;
  readonly held: number;
}

/** Every limit that a log tells of. */
export class Limits {
  /** Those that the org sets, by their names. */
  readonly #set = new Map<string, CountedRow>();
  readonly #spenders = new Map<string, Spender>();
  /** Limits of scopes by their names, by the digest of the definition or the mandate that has them. */
  readonly #definitions = new Map<string, ReadonlyMap<string, Limit>>();

  /**
   * Takes in what a definition limits; nothing where that is none.
   * @param mandate the one whose own it is; of a bundle all find it by its digest
   */
  learn(definition: JsonValue | undefined, mandate: string | null = null): void {
    if (!isJsonObject(definition) || !Array.isArray(definition.scopes)) return;
    const limits = new Map<string, Limit>();
    for (const scope of definition.scopes.filter(isJsonObject)) {
      const limit = limitIn(scope.budget);
      if (limit !== null) limits.set(String(scope.name), limit);
    }
    this.#definitions.set(mandate ?? definitionDigest(definition), limits);
  }

  /** Takes in a budget that is set or taken off. @param user whose it is, where that is shown */
  set(entry: StoryEntry, user: JsonValue | undefined): void {
    const kind = entry.subject("budget") ?? "";
    const id = kind === "user" ? user : entry.subject(kind);
    if (kind !== "org" && typeof id !== "string") return;
    const name = kind === "org" ? kind : `${kind}:${id}`;
    // What an org sets forgets nothing, whatever is beside it in a mandate.
    const said = limitIn(entry.data);
    const limit = said === null ? null : { ...said, forgets: false };
    const old = this.#set.get(name);
    if (limit === null) this.#set.delete(name);
    else if (old?.limit.period === limit.period) old.limit = limit;
    else this.#set.set(name, new CountedRow(limit, Date.parse(entry.at)));
  }

  /** Whether the log tells of a mandate from its grant on. */
  knows(mandate: string): boolean {
    return this.#spenders.has(mandate);
  }

  /** Takes in a mandate. @param user whose it is, and the names of its scopes, where they are shown */
  grant(entry: StoryEntry, user: JsonValue | undefined, names: JsonValue | undefined): void {
    const id = entry.subject("mandate") ?? "";
    const { bundle, budget, ancestors } = entry.data;
    const own = limitIn(budget);
    this.#spenders.set(id, {
      id,
      agent: entry.text("agent") ?? "",
      tenant: entry.subject("tenant"),
      user: typeof user === "string" ? user : null,
      own: own === null ? null : new CountedRow(own, 0),
      definition: isJsonObject(bundle) ? String(bundle.digest) : id,
      ancestors: Array.isArray(ancestors) ? ancestors : [],
      names: Array.isArray(names) ? names : null,
      scopes: new Map(),
    });
  }

  /**
   * The rows that what an entry allows under a mandate has to count in, as far as the log shows them,
   * at its time and by the names that entries have for them.
   */
  rowsFor(entry: StoryEntry, mandate: string): Map<string, CountedRow> {
    const spender = this.#spenders.get(mandate);
    if (spender === undefined) return new Map();
    const tenant = entry.subject("tenant") ?? spender.tenant;
    const tool = entry.subject("tool") ?? "";
    const named: [string, CountedRow | null | undefined][] = [
      ["org", this.#set.get("org")],
      ["agent", this.#set.get(`agent:${spender.agent}`)],
      ["user", this.#set.get(`user:${spender.user}`)],
      ["tenant", this.#set.get(`tenant:${tenant}`)],
      ["mandate", spender.own],
      [`scope:${tool}`, this.#ownScope(spender, tool)],
    ];
    // What is spent under one is spent under all that it was made of.
    for (const above of this.#above(spender)) {
      const { id, agent, own } = above;
      if (agent !== spender.agent) named.push([`agent:${agent}`, this.#set.get(`agent:${agent}`)]);
      named.push([`mandate:${id}`, own], [`mandate:${id}:${tool}`, this.#ownScope(above, tool)]);
    }
    const rows = new Map<string, CountedRow>();
    for (const [name, row] of named) if (row != null) rows.set(name, row.at(entry.at));
    return rows;
  }

  /**
   * The row of a scope that an entry names: it may have a tag of the tool, or not be known to be the
   * mandate's. Null where its limit is not shown.
   */
  scopeRow(entry: StoryEntry, mandate: string, scope: string): CountedRow | null {
    const spender = this.#spenders.get(mandate);
    if (spender === undefined) return null;
    const [, above = mandate, name = ""] = /^(?:scope|mandate:([^:]+)):([^]+)$/.exec(scope) ?? [];
    const of = above === mandate ? spender : this.#above(spender).find(({ id }) => id === above);
    return of === undefined ? null : this.#scopeRow(of, name)?.at(entry.at) ?? null;
  }

  #above({ ancestors }: Spender): Spender[] {
    return ancestors.flatMap((id) => this.#spenders.get(String(id)) ?? []);
  }

  /** The row of a scope that a mandate is known to have. */
  #ownScope(spender: Spender, name: string): CountedRow | null {
    return spender.names?.includes(name) === true ? this.#scopeRow(spender, name) : null;
  }

  #scopeRow({ definition, scopes }: Spender, name: string): CountedRow | null {
    const known = scopes.get(name);
    if (known !== undefined) return known;
    const limit = this.#definitions.get(definition)?.get(name);
    if (limit === undefined) return null;
    const row = new CountedRow(limit, 0);
    scopes.set(name, row);
    return row;
  }

  /** What counts against the limits of one mandate at a time. */
  standings(mandate: string, at: string): Standing[] {
    const { own = null, scopes = new Map<string, CountedRow>() } = this.#spenders.get(mandate) ??
      {};
    const rows = Array.from(scopes, ([name, row]): [string, CountedRow] => [`scope:${name}`, row]);
    if (own !== null) rows.unshift(["mandate", own]);
    return rows.map(([scope, row]) => {
      const { limit: { limit, period }, settled, held } = row.at(at);
      return { scope, limit, period, settled, held };
    });
  }
}

/** The digest by which a mandate names the definition that it has its scopes of. */
export function definitionDigest(definition: JsonObject): string {
  return `sha256:${toHex(sha256(canonicalBytes(definition)))}`;
}
