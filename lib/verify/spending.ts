import { idTime } from "../base/id.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { type Finding, type FindingCode, shown } from "./finding.ts";
import { type CountedRow, Limits, NEVER, type Standing } from "./limits.ts";
import { privateValue } from "./private_parts.ts";
import { Remembered, type StoryEntry, type Told } from "./story_entry.ts";
import { Uses } from "./uses.ts";

/**
 * What is spent under mandates, recounted from a log: every amount that a decision reserves fits its
 * limits at that moment, and is settled, given back or had by a later decision once. What can still
 * change what counts is kept in mind.
 */

/** How far spending could be recounted. */
export interface SpendingCounts {
  /** Amounts that were held against their limit. */
  readonly checked: number;
  /** Amounts whose limit the log does not show: it stands in a private part, or came before. */
  readonly unchecked: number;
}

/** An amount that an entry says it counts, and the row of ours that it counts in. */
interface Amount {
  readonly scope: string;
  /** Null where the log does not show its limit. */
  readonly row: CountedRow | null;
  /** The window of the row when it was counted. */
  readonly window: number;
  readonly micros: number;
  /** When it is given back unless somebody says what became of it, milliseconds; null for never. */
  readonly until: number | null;
}

/** What one decision has reserved. */
interface Reserved {
  readonly index: number;
  readonly mandate: string;
  readonly by: string;
  readonly amounts: readonly Amount[];
  /** Whether a check allowed it by itself before: then no token of it gives it back. */
  readonly stays: boolean;
  /** The token that has it, and until when that holds it, milliseconds by the log; null for spent. */
  readonly token: string | null;
  readonly held: number | null;
  /** The entry that settled it, gave it back or had it. */
  readonly had: number | null;
}

/** The decision that something is reserved for. */
interface Asked {
  readonly id: string;
  /**
   * Whether no human was asked: it may not pass what one is asked above, and what nobody settles may
   * be given back.
   */
  readonly alone: boolean;
  readonly estimate: number;
}

/** A decision that was allowed, until its commit is over. */
interface Allowed {
  readonly entry: StoryEntry;
  readonly mandate: string;
  /** Whether it counts as a use of its mandate: what an earlier one allowed does not once more. */
  readonly isUse: boolean;
}

/** Recounts what is spent under mandates. */
export class Spending {
  readonly #limits = new Limits();
  readonly #reserved = new Remembered<Reserved>();
  /** The decisions whose reservations tokens have. */
  readonly #tokens = new Remembered<string>();
  /** What was estimated in this commit for what needs an approval, by decisions. */
  readonly #estimates = new Map<string, number>();
  /** The decisions of this commit that were allowed, by their ids. */
  readonly #allowed = new Map<string, Allowed>();
  readonly #uses = new Uses();
  #commit = "";
  /** When something was last let go of, for it counts no more (RFC 3339). */
  #forgot = "";
  #checked = 0;
  #unchecked = 0;

  constructor(readonly told: Told) {}

  get counts(): SpendingCounts {
    return { checked: this.#checked, unchecked: this.#unchecked };
  }

  /** What counts against the limits of one mandate at a time. */
  standings(mandate: string, at: string): Standing[] {
    return this.#limits.standings(mandate, at);
  }

  /** Takes in a definition of scopes that stands apart from the log. */
  learn(definition: JsonValue | undefined, mandate: string | null = null): void {
    this.#limits.learn(definition, mandate);
    this.#uses.learn(definition, mandate);
  }

  /** Takes in an entry (the id of a decision's is the decision's), or says what is wrong with it. */
  take(entry: StoryEntry, id: string, parts: JsonObject | null): Finding | null {
    const { cost_micros } = entry.data;
    switch (entry.type) {
      case "bundle.published":
        this.learn(privateValue(parts, "definition"));
        return null;
      case "budget.set":
      case "budget.removed":
        this.#limits.set(entry, privateValue(parts, "user_id"));
        return null;
      case "mandate.granted":
        this.#grant(entry, parts);
        return null;
      case "permission.checked":
        return this.#decide(entry, id);
      case "token.minted":
        return this.#mint(entry);
      case "token.consumed":
        return entry.subject("call") === null ? this.#consume(entry) : this.#mint(entry);
      case "token.returned":
        return this.#settleToken(entry, 0);
      case "execution.logged":
        return typeof cost_micros === "number" ? this.#settleToken(entry, cost_micros) : null;
      case "budget.settled":
        return this.#settle(entry);
      default:
        return null;
    }
  }

  #grant(entry: StoryEntry, parts: JsonObject | null): void {
    const mandate = entry.subject("mandate") ?? "";
    const names = privateValue(parts, "scopes");
    this.learn(privateValue(parts, "definition"), mandate);
    this.#limits.grant(entry, privateValue(parts, "user_id"), names);
    this.#uses.grant(entry, mandate, names);
  }

  #decide(entry: StoryEntry, id: string): Finding | null {
    const mandate = entry.subject("mandate");
    const { permission, reserved, mandate_seq } = entry.data;
    if (mandate === null || typeof mandate_seq !== "number") return null;
    const told = entry.data.estimated_cost_micros;
    const estimate = typeof told === "number" ? told : 0;
    if (entry.at !== this.#commit) {
      this.#estimates.clear();
      this.#allowed.clear();
    }
    this.#commit = entry.at;
    if (permission === "allowed") {
      const isUse = entry.text("took_over") === null;
      this.#allowed.set(id, { entry, mandate, isUse });
      return this.#reserve(entry, mandate, { id, alone: true, estimate }) ??
        (isUse ? this.#use(entry, mandate) : null);
    }
    this.#estimates.set(id, estimate);
    if (reserved === undefined) return null;
    return entry.finding("budget_miscounted", "counts something that it does not allow");
  }

  #use(entry: StoryEntry, mandate: string): Finding | null {
    const wrong = this.#uses.count(entry, mandate);
    return wrong === null ? null : entry.finding("budget_overspent", wrong);
  }

  /**
   * Counts what an entry reserves, or says why it may not, or should have.
   */
  #reserve(entry: StoryEntry, mandate: string, asked: Asked): Finding | null {
    const { id } = asked;
    this.#forget(entry.at);
    const rows = this.#limits.rowsFor(entry, mandate);
    const from = entry.text("took_over");
    const before = from === null ? [] : this.#takeOver(entry, mandate, from);
    if ("code" in before) return before;
    const amounts: Amount[] = [];
    for (const amount of amountsIn(entry.data.reserved)) {
      const { scope, micros, until } = amount;
      const row = rows.get(scope) ?? this.#limits.scopeRow(entry, mandate, scope);
      const least = before.find((one) => one.scope === scope)?.micros ?? 0;
      const wrong = micros < least
        ? this.#cheaper(entry, from ?? "", micros)
        : row === null
        ? null
        : miscounted(entry, row, amount, asked) ?? misgiven(entry, row, amount, asked);
      if (wrong !== null) return wrong;
      row?.add(micros);
      if (until !== null) row?.hold(micros, until);
      amounts.push({ scope, row, window: row?.window ?? 0, micros, until });
    }
    const left = [...rows.keys()].find((scope) => !amounts.some((one) => one.scope === scope));
    if (left !== undefined) {
      return entry.finding("budget_miscounted", `counts nothing against the budget of ${left}`);
    }
    const known = amounts.filter(({ row }) => row !== null).length;
    this.#checked += known;
    this.#unchecked += amounts.length - known;
    const until = amounts.map(({ row }) => row?.ends(entry.at) ?? NEVER).sort().at(-1);
    if (until === undefined) return null;
    const { index, actor } = entry;
    const stays = from !== null;
    this.#reserved.set(
      id,
      { index, mandate, by: actor.id, amounts, stays, token: null, held: null, had: null },
      until,
    );
    return null;
  }

  #cheaper(entry: StoryEntry, from: string, micros: number): Finding {
    const earlier = this.#reserved.get(from)?.index ?? null;
    const what = `has ${micros} in the place of more, which entry ${earlier} reserved`;
    return entry.finding("budget_released", what, earlier);
  }

  /** What an earlier decision reserved, which this one has now: it is taken off its rows. */
  #takeOver(entry: StoryEntry, mandate: string, from: string): Finding | readonly Amount[] {
    const known = this.#reserved.get(from);
    const wrong = (what: string, earlier: number | null) =>
      entry.finding("budget_released", `takes over what ${shown(from)} reserved, ${what}`, earlier);
    if (known === undefined) {
      return this.#miss(wrong("of which no entry tells", null), from, mandate) ?? [];
    }
    const { index, had, token, amounts } = known;
    if (had !== null) return wrong(`which entry ${had} had`, had);
    if (token !== null) return wrong("which a token has", index);
    if (known.mandate !== mandate) return wrong(`by entry ${index} under another mandate`, index);
    for (const amount of amounts) change(amount, entry.at, (row) => row.add(-amount.micros));
    this.#reserved.set(from, { ...known, had: entry.index });
    return amounts;
  }

  /** A token has what its decision reserved; where a human was asked, its own entry reserves. */
  #mint(entry: StoryEntry): Finding | null {
    const mandate = entry.subject("mandate");
    const token = entry.subject("token");
    const decision = entry.text("decision_id");
    if (mandate === null || token === null || decision === null) return null;
    const isCounted = this.#reserved.get(decision) !== undefined;
    const finding = isCounted ? null : this.#reserve(entry, mandate, {
      id: decision,
      alone: false,
      estimate: this.#estimates.get(decision) ?? 0,
    });
    const isAsked = entry.at === this.#commit && this.#estimates.delete(decision);
    const over = finding === null && isAsked ? this.#use(entry, mandate) : finding;
    const known = this.#reserved.get(decision);
    if (over !== null || known === undefined) return over;
    const held = entry.type === "token.minted" && !known.stays
      ? Date.parse(entry.time("held_until") ?? entry.time("expires_at") ?? entry.at)
      : null;
    const amounts = known.amounts.map((amount) =>
      change(amount, entry.at, (row) => {
        if (held !== null) row.hold(amount.micros, held);
      })
    );
    this.#reserved.set(decision, { ...known, amounts, token, held });
    this.#tokens.set(token, decision, this.#reserved.until(decision));
    return null;
  }

  /** What a token held is spent, for its action may run. */
  #consume(entry: StoryEntry): Finding | null {
    const { decision = "", known } = this.#ofToken(entry);
    const held = known?.held ?? null;
    if (known === undefined || held === null) return null;
    if (Date.parse(entry.at) >= held) {
      const what = `consumes what entry ${known.index} reserved until ${
        new Date(held).toISOString()
      }`;
      return entry.finding("budget_released", what, known.index);
    }
    for (const amount of known.amounts) {
      change(amount, entry.at, (row) => row.consume(amount.micros, held));
    }
    this.#reserved.set(decision, { ...known, held: null });
    return null;
  }

  /** Puts what a run cost in the place of what was counted for it: a late report does so once more. */
  #settleToken(entry: StoryEntry, actual: number): null {
    const { decision = "", known } = this.#ofToken(entry);
    if (known !== undefined) this.#count(entry, decision, known, actual);
    return null;
  }

  #ofToken(entry: StoryEntry): { readonly decision?: string; readonly known?: Reserved } {
    const decision = this.#tokens.get(entry.subject("token") ?? "");
    const known = decision === undefined ? undefined : this.#reserved.get(decision);
    return decision === undefined || known === undefined ? {} : { decision, known };
  }

  /** Puts what something cost in the place of what its decision reserved, which nobody else has. */
  #settle(entry: StoryEntry): Finding | null {
    const decision = entry.subject("decision") ?? "";
    const under = entry.subject("mandate") ?? "";
    const known = this.#reserved.get(decision);
    const wrong = (what: string, earlier: number | null = null) =>
      entry.finding("settlement_unfounded", `settles ${shown(decision)}, ${what}`, earlier);
    const isTakenBack = this.#takeBack(entry, decision, under);
    if (known === undefined && isTakenBack) return null;
    if (known === undefined) {
      const none = wrong("of which no entry tells that it reserved something");
      return this.#miss(none, decision, under);
    }
    const { index, had, token, mandate, by } = known;
    if (had !== null) return wrong(`which entry ${had} had already`, had);
    if (token !== null) return wrong("whose reservation a token has", index);
    if (mandate !== under) {
      return wrong(`which reserved under the mandate ${shown(mandate)} by entry ${index}`, index);
    }
    if (by !== entry.actor.id) return wrong(`which entry ${index} gives to ${by}`, index);
    const { actual_cost_micros: actual } = entry.data;
    this.#count(entry, decision, known, typeof actual === "number" ? actual : 0);
    return null;
  }

  /** Whether an entry says that what its own request was allowed in this commit is not done after all. */
  #takeBack(entry: StoryEntry, decision: string, mandate: string): boolean {
    const allowed = entry.at === this.#commit ? this.#allowed.get(decision) : undefined;
    const isTakenBack = allowed?.mandate === mandate && allowed.entry.actor.id === entry.actor.id &&
      allowed.entry.text("request_id") === entry.text("request_id") &&
      entry.data.actual_cost_micros === 0;
    if (allowed === undefined || !isTakenBack) return false;
    this.#allowed.delete(decision);
    if (allowed.isUse) this.#uses.takeBack(allowed.entry, mandate);
    return true;
  }

  #count(entry: StoryEntry, decision: string, known: Reserved, actual: number): void {
    const amounts = known.amounts.map((amount) => ({
      ...change(amount, entry.at, (row) => row.add(actual - amount.micros)),
      micros: actual,
    }));
    this.#reserved.set(decision, { ...known, amounts, had: entry.index });
  }

  /** Lets go of what counts in no window any more. */
  #forget(now: string): void {
    if (this.#reserved.forget(now)) this.#forgot = now;
    this.#tokens.forget(now);
  }

  /** What is wrong with resting on a decision that is not known, unless it may only be forgotten. */
  #miss(finding: Finding, decision: string, mandate: string): Finding | null {
    const made = idTime(decision) ?? 0;
    if (this.#forgot !== "" && made <= Date.parse(this.#forgot)) {
      this.#unchecked++;
      return null;
    }
    // All that is reserved under a mandate is so after its grant.
    return this.#limits.knows(mandate) ? finding : this.told.miss(finding);
  }
}

/**
 * Changes the row of an amount, unless the window that it was counted in is over: what became of it is
 * known from now on, so that silence gives back nothing.
 */
function change(amount: Amount, at: string, by: (row: CountedRow) => void): Amount {
  const { row, window, micros, until } = amount;
  if (row !== null && row.at(at).window === window) {
    if (until !== null) row.consume(micros, until);
    by(row);
  }
  return { ...amount, until: null };
}

/** What is wrong with an amount that an entry counts in a row. */
function miscounted(
  entry: StoryEntry,
  row: CountedRow,
  { scope, window, micros }: ToldAmount,
  { alone, estimate }: Asked,
): Finding | null {
  const wrong = (code: FindingCode, what: string) =>
    entry.finding(code, `counts ${micros} against the budget of ${scope}, ${what}`);
  const { limit, ask_above, least } = row.limit;
  const { counted } = row;
  if (!row.isNow(window, entry.at)) {
    return wrong("budget_miscounted", `in a window of ${shown(window)}, not of ${row.window}`);
  }
  const cost = Math.max(least, estimate);
  if (micros < cost) return wrong("budget_miscounted", `and not ${cost}`);
  if (micros > limit - counted) {
    return wrong("budget_overspent", `of which ${counted} of ${limit} are spent`);
  }
  if (!alone || ask_above === null || micros <= ask_above - counted) return null;
  return wrong("budget_overspent", `with ${counted} spent; above ${ask_above} a human is asked`);
}

/** What is wrong with when an amount is given back. */
function misgiven(
  entry: StoryEntry,
  row: CountedRow,
  { scope, micros, until }: ToldAmount,
  { alone }: Asked,
): Finding | null {
  // Silence after a check that was taken over tells nothing of its token.
  const right = alone && entry.text("took_over") === null ? row.silentUntil(entry.at) : null;
  if (until === right) return null;
  const what = `counts ${micros} against the budget of ${scope}, given back at ${
    until ?? "no time"
  } and not at ${right ?? "no time"}`;
  return entry.finding("budget_miscounted", what);
}

interface ToldAmount {
  readonly scope: string;
  readonly window: JsonValue | undefined;
  readonly micros: number;
  /** Null where it is not given back; 0 where that is no time. */
  readonly until: number | null;
}

/** The amounts that an entry says it counts. What is no amount counts as more than there can be. */
function amountsIn(reserved: JsonValue | undefined): ToldAmount[] {
  const all = Array.isArray(reserved) ? reserved : [];
  return all.filter(isJsonObject).map(({ scope, window, micros, until }) => ({
    scope: String(scope),
    window,
    micros: typeof micros === "number" && Number.isSafeInteger(micros) && micros >= 0
      ? micros
      : Number.MAX_SAFE_INTEGER,
    until: until === undefined ? null : typeof until === "number" ? until : 0,
  }));
}
