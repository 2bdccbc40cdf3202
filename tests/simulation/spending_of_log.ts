import type { Entry } from "../../lib/ledger/entry.ts";
import { text, timeOf } from "./evidence.ts";
import { type GrantedMandate, MandatesOfLog } from "./mandate_invariants.ts";

/**
 * What was spent, counted once more from the entries alone and without any counter: all amounts are
 * kept, and added up anew for each limit and each moment.
 */

/** How long what is given back unless somebody settles it counts, milliseconds. */
const SILENCE_MS = 60 * 60 * 1000;

/** What one decision lets be spent, and what became of it. */
export interface Spent {
  /** Of the decision; of the token where an approval was used. */
  readonly entry: Entry;
  readonly mandate: GrantedMandate;
  readonly tool: string;
  readonly estimate: number;
  /** Whether it has what an earlier decision reserved. */
  readonly isTakenOver: boolean;
  /** Whether a check allowed it, and no token has it. */
  isOfCheck: boolean;
  /** Until when its token holds it, unless that is consumed; null for no such token. */
  held: number | null;
  /** What it cost, as far as somebody said. */
  cost: number | null;
  isConsumed: boolean;
  /** Whether another decision has it now. */
  isHad: boolean;
  /** Whether its own request says that it is not done after all. */
  isTakenBack: boolean;
}

/** A limit, and what counts against it. */
export interface Limit {
  readonly name: string;
  readonly period: string;
  /** Whether silence gives back what a check reserved. */
  readonly forgets: boolean;
  /** From which place in the log on it counts. */
  readonly since: number;
  micros: number;
  readonly counts: (spent: Spent) => boolean;
}

/** When the window of a time begins. */
function windowOf(period: string, at: number): number {
  const day = new Date(at).toISOString().slice(0, 10);
  if (period === "day") return Date.parse(day);
  return period === "month" ? Date.parse(`${day.slice(0, 7)}-01`) : 0;
}

/** All that a log lets be spent so far, and what limits it. */
export class SpendingOfLog {
  readonly mandates = new MandatesOfLog();
  readonly #spent = new Map<string, Spent>();
  readonly #tokens = new Map<string, Spent>();
  /** What needed an approval, by decisions. */
  readonly #asked = new Map<string, Entry>();
  readonly #limits = new Map<string, Limit>();

  get all(): Spent[] {
    return [...this.#spent.values()];
  }

  get limits(): Limit[] {
    return [...this.#limits.values()];
  }

  /** Takes the next entry into account; gives what it lets be spent. */
  take(entry: Entry): Spent | null {
    this.mandates.take(entry);
    const { type, data, subject } = entry;
    switch (type) {
      case "permission.checked":
        return this.#decide(entry);
      case "token.minted":
        return this.#mint(entry);
      case "token.consumed":
      case "execution.logged": {
        const spent = this.#tokens.get(text(subject.token));
        if (spent === undefined) return null;
        spent.isConsumed = true;
        if (typeof data.cost_micros === "number") spent.cost = data.cost_micros;
        return null;
      }
      case "budget.settled": {
        const spent = this.#spent.get(text(subject.decision));
        if (spent === undefined) return null;
        spent.cost = Number(data.actual_cost_micros);
        spent.isTakenBack ||= data.request_id === spent.entry.data.request_id;
        return null;
      }
      default:
        this.#limit(entry);
        return null;
    }
  }

  /** What counts against a limit at a time. */
  counted({ period, forgets, since, counts }: Limit, at: number): number {
    let sum = 0;
    for (const spent of this.#spent.values()) {
      const isNow = windowOf(period, timeOf(spent.entry)) === windowOf(period, at);
      if (spent.entry.index > since && isNow && counts(spent)) sum += amountOf(spent, at, forgets);
    }
    return sum;
  }

  #decide(entry: Entry): Spent | null {
    const { data } = entry;
    if (data.permission !== "allowed") {
      this.#asked.set(entry.id, entry);
      return null;
    }
    const before = this.#spent.get(text(data.took_over));
    if (before !== undefined) before.isHad = true;
    return this.#begin(entry.id, entry, entry);
  }

  #mint(entry: Entry): Spent | null {
    const { data, subject } = entry;
    const decision = text(data.decision_id);
    const asked = this.#asked.get(decision);
    const begun = asked === undefined ? null : this.#begin(decision, entry, asked);
    const spent = begun ?? this.#spent.get(decision);
    if (spent === undefined) return null;
    this.#tokens.set(text(subject.token), spent);
    spent.isOfCheck = false;
    // What a check allowed by itself stays spent, whatever becomes of the token.
    if (!spent.isTakenOver) {
      spent.held = Date.parse(text(data.held_until) || text(data.expires_at));
    }
    return begun;
  }

  /** @param of where it is said what it may cost */
  #begin(decision: string, entry: Entry, of: Entry): Spent | null {
    const mandate = this.mandates.get(text(entry.subject.mandate));
    if (mandate === undefined || this.#spent.has(decision)) return null;
    const { estimated_cost_micros: estimate } = of.data;
    const isTakenOver = text(entry.data.took_over) !== "";
    const spent: Spent = {
      entry,
      mandate,
      tool: text(entry.subject.tool),
      estimate: typeof estimate === "number" ? estimate : 0,
      isTakenOver,
      isOfCheck: !isTakenOver,
      held: null,
      cost: null,
      isConsumed: false,
      isHad: false,
      isTakenBack: false,
    };
    this.#spent.set(decision, spent);
    return spent;
  }

  #limit({ type, index, data, subject }: Entry): void {
    const budget = type === "mandate.granted" ? data.budget : data;
    const { limit_micros, period, on_silence } = (budget ?? {}) as Record<string, unknown>;
    const id = text(subject.mandate);
    const agent = text(subject.agent);
    const set = agent === "" ? "org" : `agent:${agent}`;
    if (type === "budget.removed") this.#limits.delete(set);
    const isSet = type === "budget.set" || type === "mandate.granted";
    if (!isSet || typeof limit_micros !== "number") return;
    const name = type === "budget.set" ? set : id;
    const before = this.#limits.get(name);
    if (before !== undefined) {
      before.micros = limit_micros;
      return;
    }
    this.#limits.set(name, {
      name,
      period: text(period),
      forgets: on_silence === "release",
      since: index,
      micros: limit_micros,
      counts: ({ mandate }) =>
        name === id
          ? mandate.line.includes(id)
          : name === "org" || this.mandates.lineOf(mandate).some((one) => one.agent === agent),
    });
  }
}

/** What counts of it at a time; `forgets` where silence gives it back. */
function amountOf(spent: Spent, at: number, forgets: boolean): number {
  if (spent.isHad) return 0;
  if (spent.cost !== null) return spent.cost;
  if (spent.held !== null && !spent.isConsumed && at >= spent.held) return 0;
  if (forgets && spent.isOfCheck && at >= timeOf(spent.entry) + SILENCE_MS) return 0;
  return spent.estimate;
}
