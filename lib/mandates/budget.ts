import type { BudgetRow, Period } from "../store/records/budget.ts";

/**
 * The counter of a limit: what is reserved, spent, given back, in windows that open by the time of the
 * log's entries and never again. Integers only. Pure.
 */

const MINUTE_MS = 60_000;

const DAY_MS = 24 * 60 * MINUTE_MS;

/** 1 January 1970 was a Thursday: weeks begin on Mondays. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** When the window that a time is in began, in UTC; 0 for one that never ends. */
export function windowStart(period: Period, at: number): number {
  switch (period) {
    case "total":
      return 0;
    case "minute":
      return at - at % MINUTE_MS;
    case "hour":
      return at - at % (60 * MINUTE_MS);
    case "day":
      return at - at % DAY_MS;
    case "week":
      return Math.max(0, at - (at - FIRST_MONDAY_MS + 7 * DAY_MS) % (7 * DAY_MS));
    case "month":
      return monthOf(at).start;
  }
}

interface Month {
  readonly start: number;
  readonly end: number;
}

/** The month that was asked for last: it is mostly asked for again. */
let lastMonth: Month = { start: 0, end: 0 };

/** The month that a time is in, in UTC. */
function monthOf(at: number): Month {
  if (at >= lastMonth.start && at < lastMonth.end) return lastMonth;
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  lastMonth = { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
  return lastMonth;
}

/** When a window ends, whenever it began; null for one that never does. */
export function windowEnd(period: Period, began: number): number | null {
  const start = windowStart(period, began);
  switch (period) {
    case "total":
      return null;
    case "minute":
      return start + MINUTE_MS;
    case "hour":
      return start + 60 * MINUTE_MS;
    case "day":
      return start + DAY_MS;
    case "week":
      return start === 0 ? FIRST_MONDAY_MS : start + 7 * DAY_MS;
    case "month":
      return monthOf(start).end;
  }
}

/** A new counter of nothing. */
export function fresh(
  { limit, period, ask_above }: Pick<BudgetRow, "limit" | "period" | "ask_above">,
  at: number,
): BudgetRow {
  return {
    limit,
    period,
    ask_above,
    window: windowStart(period, at),
    settled: 0,
    held: [],
    told: 0,
  };
}

/**
 * The counter at the time of an entry: in its newest window, without what is held by tokens that are
 * over. A time before the window is in it all the same: a window that was left never opens again.
 */
export function current(row: BudgetRow, at: number): BudgetRow {
  const window = windowStart(row.period, at);
  if (window > row.window) return { ...row, window, settled: 0, held: [], told: 0 };
  const isOver = row.held.some(([minute]) => minute * MINUTE_MS <= at);
  if (!isOver) return row;
  return { ...row, held: row.held.filter(([minute]) => minute * MINUTE_MS > at) };
}

/** What is held by tokens that are not spent yet. */
export function heldIn({ held }: BudgetRow): number {
  return held.reduce((sum, [, micros]) => plus(sum, micros), 0);
}

/** What counts against the limit. */
export function countedIn(row: BudgetRow): number {
  return plus(row.settled, heldIn(row));
}

/** How much more may be reserved; nothing where more was spent than the limit. */
export function available(row: BudgetRow): number {
  return Math.max(0, row.limit - countedIn(row));
}

/** How far what was spent lies above the limit. */
export function overrun(row: BudgetRow): number {
  return Math.max(0, countedIn(row) - row.limit);
}

/** Why an amount is not reserved: it passes the limit, or what a human is asked above. */
export type Stopped = "over" | "ask";

/** Whether an amount may be reserved now; null for yes. */
export function stopped(row: BudgetRow, amount: number): Stopped | null {
  const counted = countedIn(row);
  if (amount > row.limit - counted) return "over";
  return row.ask_above !== null && amount > row.ask_above - counted ? "ask" : null;
}

/** Counts an amount as spent, whether or not there is room for it. */
export function spend(row: BudgetRow, amount: number): BudgetRow {
  return { ...row, settled: plus(row.settled, amount) };
}

/** What an earlier entry counted: how much, and in which window. */
export interface Counted {
  readonly window: number;
  readonly micros: number;
}

/** Takes back what was counted as spent; what was counted in a window that is over stays there. */
export function unspend(row: BudgetRow, { window, micros }: Counted): BudgetRow {
  if (window !== row.window) return row;
  return { ...row, settled: Math.max(0, row.settled - micros) };
}

/** Has what was counted as spent held for a token that is over at `until`, milliseconds. */
export function hold(row: BudgetRow, counted: Counted, until: number): BudgetRow {
  if (counted.window !== row.window) return row;
  const minute = minuteOf(until);
  const before = row.held.find(([at]) => at === minute)?.[1] ?? 0;
  const others = row.held.filter(([at]) => at !== minute);
  const held: BudgetRow["held"] = [...others, [minute, plus(before, counted.micros)]];
  return { ...unspend(row, counted), held: held.sort(([a], [b]) => a - b) };
}

/** Counts as spent what was held for a token: it was consumed, and its action may run. */
export function consume(row: BudgetRow, counted: Counted, until: number): BudgetRow {
  if (counted.window !== row.window) return row;
  const minute = minuteOf(until);
  const held = row.held.map(([at, micros]): [number, number] =>
    at === minute ? [at, Math.max(0, micros - counted.micros)] : [at, micros]
  ).filter(([, micros]) => micros > 0);
  return spend({ ...row, held }, counted.micros);
}

/**
 * Puts what something cost in fact in the place of what was counted for it: it may be more, and pass the
 * limit, after which nothing is reserved any more.
 */
export function settle(row: BudgetRow, counted: Counted, actual: number): BudgetRow {
  if (counted.window !== row.window) return row;
  return spend(unspend(row, counted), actual);
}

/** The minute at whose beginning a token that is over at `until` surely is. */
function minuteOf(until: number): number {
  return Math.ceil(until / MINUTE_MS);
}

/** A sum that stays exact: beyond 2^53 - 1 it is as large as numbers go. */
function plus(a: number, b: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, a + b);
}
