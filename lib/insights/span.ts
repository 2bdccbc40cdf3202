import { DAY_MS, utcDay } from "../ledger/check_counts.ts";

/** Whole UTC days up to now; the last one is not over. */
export interface Span {
  /** Start of the first day, milliseconds. */
  readonly since: number;
  /** Now, milliseconds. */
  readonly until: number;
  readonly days: number;
}

/** The `days` UTC days that end with the one `now` is in. */
export function spanOf(now: number, days: number): Span {
  return { since: (utcDay(now) - days + 1) * DAY_MS, until: now, days };
}

/** The date that a day is written as: `2026-01-31`. */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}
