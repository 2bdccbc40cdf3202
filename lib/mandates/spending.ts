import type { JsonObject } from "../base/json.ts";
import type { Entry } from "../ledger/entry.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Resolution } from "../policy/chain.ts";
import { namedStep } from "../policy/trace.ts";
import { Refusal } from "../refusal.ts";
import { budgetKey } from "../store/mandate_keys.ts";
import { type BudgetRow, type ReservedAmount, reservedAmount } from "../store/records/budget.ts";
import type { MandateRecord } from "../store/records/mandate.ts";
import type { MandateOrigin, Permission } from "../store/records/vocabulary.ts";
import {
  consume,
  type Counted,
  current,
  fresh,
  hold,
  settle,
  spend,
  type Stopped,
  stopped,
  unspend,
} from "./budget.ts";
import { type Counter, ownScope } from "./counters.ts";
import { toldOf } from "./told.ts";

/**
 * What an action may cost under its mandate: asked last, when nothing else refuses it, of every limit
 * that it counts against, and counted in the commit of its decision, against all of them or none.
 */

/** How long what is given back unless it is settled waits for that, milliseconds. */
const SILENCE_MS = 60 * 60 * 1000;

/** So many budgets one action counts against at most: one that would count against more is refused. */
const MOST_BUDGETS = 12;

/** What a decision counts against limits, once it is applied. */
export interface Reservation {
  /** As the asker estimates it; null where they do not. */
  readonly estimate: number | null;
  /**
   * Whether it counts what an earlier check allowed by itself, on which its action may have been done
   * already: then no token that is never used gives it back.
   */
  readonly stays: boolean;
  readonly counters: readonly CountedAmount[];
  /** What the entry of the decision says of it. */
  readonly amounts: readonly ReservedAmount[];
}

interface CountedAmount extends Pick<Counter, "scope" | "row"> {
  readonly next: BudgetRow;
}

/** What an earlier decision counted, which a later one takes over. */
export interface TakenOver {
  readonly decision_id: string;
  readonly mandate: string;
  readonly amounts: readonly ReservedAmount[];
}

/** An answer with what it costs. */
interface Budgeted {
  readonly resolution: Resolution;
  readonly reservation: Reservation | null;
  /** Whether it passes a soft limit, for which the user is asked. */
  readonly asks: boolean;
}

/**
 * The answer with what it costs: an action that nothing else disables is stopped where it passes a
 * limit, and a human is asked where it passes a soft one. Nothing is counted yet.
 * @throws {Refusal} estimate_required
 */
export function budgeted(
  transaction: Transaction,
  resolution: Resolution,
  counters: readonly Counter[],
  { estimate, taken }: { readonly estimate: number | null; readonly taken: TakenOver | null },
): Budgeted {
  if (resolution.permission === "disabled") return { resolution, reservation: null, asks: false };
  const counted: CountedAmount[] = [];
  const amounts: ReservedAmount[] = [];
  let why: { readonly stopped: Stopped; readonly counter: Counter } | null = null;
  for (const counter of counters) {
    const row = rowNow(transaction, counter);
    if (row === null) continue;
    // Whoever asked before with the same words has counted how often already.
    if (counter.least === null && taken !== null) continue;
    const before = taken?.amounts.find(({ scope }) => scope === counter.scope);
    const micros = counter.least === null
      ? 1
      : Math.max(amountOf(estimate, counter.least), before?.micros ?? 0);
    const free = before === undefined ? row : unspend(asSpent(row, before), before);
    const because = stopped(free, micros);
    if (because === "over" || (because === "ask" && why === null)) {
      why = { stopped: because, counter };
    }
    if (because === "over") break;
    const { scope, least, forgets } = counter;
    const spent = spend(free, micros);
    const amount = { scope, window: row.window, micros };
    // Silence after a check that was taken over tells nothing of the token.
    const until = forgets && taken === null ? transaction.at + SILENCE_MS : null;
    counted.push({
      scope,
      row: counter.row,
      next: until === null ? spent : hold(spent, amount, until),
    });
    if (least !== null) amounts.push(until === null ? amount : { ...amount, until });
  }
  if (amounts.length > MOST_BUDGETS) {
    const resolved = narrowedTo("disabled", "mandate_budget", resolution);
    return { resolution: resolved, reservation: null, asks: false };
  }
  const reservation = { estimate, stays: taken !== null, counters: counted, amounts };
  if (why === null) return { resolution: withStep(resolution, null), reservation, asks: false };
  if (why.stopped === "over") {
    const origin = why.counter.least === null ? "mandate_rate" : "mandate_budget";
    const closed = narrowedTo("disabled", origin, resolution);
    return { resolution: closed, reservation: null, asks: false };
  }
  const asked = resolution.permission === "requires_approval"
    ? withStep(resolution, null)
    : narrowedTo("requires_approval", "mandate_budget", resolution);
  return { resolution: asked, reservation, asks: true };
}

/** @throws {Refusal} estimate_required */
function amountOf(estimate: number | null, least: number): number {
  if (estimate === null) throw new Refusal("estimate_required", {});
  return Math.max(estimate, least);
}

function narrowedTo(
  permission: Permission,
  origin: MandateOrigin,
  { tool, trace }: Resolution,
): Resolution {
  const narrowed = { permission, resolved_from: origin, rule: null, tool };
  return trace === undefined ? narrowed : withStep({ ...narrowed, trace }, origin);
}

function withStep(resolution: Resolution, origin: MandateOrigin | null): Resolution {
  if (resolution.trace === undefined) return resolution;
  const steps = (["mandate_rate", "mandate_budget"] as const).map((step) =>
    namedStep(step, step === origin, "")
  );
  return { ...resolution, trace: [...resolution.trace, ...steps] };
}

/** A counter's row as it stands in this commit; null for a limit that nobody set. */
function rowNow(
  transaction: Transaction,
  { row, terms }: Pick<Counter, "row" | "terms">,
): BudgetRow | null {
  const { at } = transaction;
  const found = transaction.latest(row);
  if (found !== null) return current(found, at);
  return terms === null ? null : fresh(terms, at);
}

/**
 * What an entry says of a reservation: the kind of each limit, for a leaf names no user; the ids are
 * those of the mandate that it names. Null where nothing counts.
 */
export function reservedIn(
  record: MandateRecord | null,
  amounts: readonly ReservedAmount[],
): JsonObject[] | null {
  if (record === null || amounts.length === 0) return null;
  // In the order of RFC 8785, as the leaf has them.
  return amounts.map(({ micros, scope, until, window }) => ({
    micros,
    scope: shownScope(record, scope),
    ...(until === undefined ? {} : { until }),
    window,
  }));
}

function shownScope({ id, agent }: MandateRecord, scope: string): string {
  const own = ownScope({ id });
  if (scope === own) return "mandate";
  if (scope.startsWith(`${own}:`)) return `scope:${scope.slice(own.length + 1)}`;
  // Of one that it was made of.
  const isAbove = scope.startsWith("agent:") && scope !== `agent:${agent}`;
  if (scope.startsWith("mandate:") || isAbove) return scope;
  const [kind = scope] = scope.split(":", 1);
  return kind;
}

/** The amounts that an entry of this mandate names. */
export function amountsIn(
  { id, user_id, agent, tenant: bound, ancestors }: MandateRecord,
  { subject, data }: Pick<Entry, "subject" | "data">,
): ReservedAmount[] {
  const tenant = typeof subject.tenant === "string" ? subject.tenant : bound;
  const names: Readonly<Record<string, string>> = {
    org: "org",
    mandate: `mandate:${id}`,
    user: `user:${user_id}`,
    agent: `agent:${agent}`,
    tenant: `tenant:${tenant}`,
  };
  const shown = Array.isArray(data.reserved) ? data.reserved : [];
  return shown.flatMap((one) => {
    const parsed = reservedAmount.safeParse(one);
    if (!parsed.success) return [];
    const { scope } = parsed.data;
    const isAbove = scope.startsWith("agent:") ||
      ancestors.some((above) => `${scope}:`.startsWith(`${ownScope({ id: above })}:`));
    const name = scope.startsWith("scope:")
      ? `mandate:${id}:${scope.slice(6)}`
      : isAbove
      ? scope
      : names[scope];
    return name === undefined ? [] : [{ ...parsed.data, scope: name }];
  });
}

/** Counts a reservation as spent, in the commit of what it is for. */
export function applyReservation(transaction: Transaction, { counters }: Reservation): void {
  for (const { scope, row, next } of counters) {
    transaction.setShared(row, toldOf(transaction, scope, transaction.latest(row), next));
  }
}

/** Gives back what a reservation counted in this commit, and how often. */
export function takeBack(transaction: Transaction, { counters, amounts }: Reservation): void {
  for (const { scope, row, next } of counters) {
    const amount = amounts.find((one) => one.scope === scope) ??
      { scope, window: next.window, micros: 1 };
    const counted = asSpent(transaction.latest(row) ?? next, amount);
    transaction.setShared(row, unspend(counted, amount));
  }
}

/**
 * Has a token have a reservation that was applied in this commit: held until the token is over, or
 * counted as spent.
 * @param until milliseconds; null for spent
 * @returns what the token's record says of it
 */
export function giveToToken(
  transaction: Transaction,
  { counters, amounts }: Reservation,
  until: number | null,
): ReservedAmount[] {
  for (const { scope, row, next } of counters) {
    const amount = amounts.find((one) => one.scope === scope);
    if (amount === undefined || (until === null && amount.until === undefined)) continue;
    const spent = asSpent(transaction.latest(row) ?? next, amount);
    transaction.setShared(row, until === null ? spent : hold(spent, amount, until));
  }
  return amounts.map(({ until: _silence, ...amount }) => amount);
}

/** The row with an amount spent that it would give back if nobody settled it. */
function asSpent(row: BudgetRow, amount: Counted & { readonly until?: number }): BudgetRow {
  return amount.until === undefined ? row : consume(row, amount, amount.until);
}

/** Reads the rows that amounts were counted against. */
export function loadReserved(
  reader: Reader,
  amounts: readonly ReservedAmount[],
): Promise<Shared<"budget">[]> {
  const { orgId } = reader.snapshot;
  return Promise.all(amounts.map(({ scope }) => reader.shared(budgetKey(orgId, scope))));
}

/** Counts as spent what was held for a token that is consumed in this commit. */
export function consumeReserved(
  transaction: Transaction,
  rows: readonly Shared<"budget">[],
  amounts: readonly ReservedAmount[],
  until: number,
): void {
  change(transaction, rows, amounts, (row, amount) => consume(row, amount, until));
}

/** Puts what something cost in the place of what was counted for it, and says what counts now. */
export function settleReserved(
  transaction: Transaction,
  rows: readonly Shared<"budget">[],
  amounts: readonly ReservedAmount[],
  actual: number,
): ReservedAmount[] {
  change(
    transaction,
    rows,
    amounts,
    (row, amount) => settle(asSpent(row, amount), amount, actual),
  );
  return amounts.map((amount) => ({ ...amount, micros: actual }));
}

function change(
  transaction: Transaction,
  rows: readonly Shared<"budget">[],
  amounts: readonly ReservedAmount[],
  to: (row: BudgetRow, amount: ReservedAmount) => BudgetRow,
): void {
  for (const [i, amount] of amounts.entries()) {
    const shared = rows[i];
    const row = shared === undefined ? null : transaction.latest(shared);
    // A limit that was taken off counts nothing any more.
    if (shared === undefined || row === null) continue;
    const next = to(current(row, transaction.at), amount);
    transaction.setShared(shared, toldOf(transaction, amount.scope, row, next));
  }
}
