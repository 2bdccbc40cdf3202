import fc from "fast-check";
import assert from "node:assert/strict";
import {
  available,
  consume,
  countedIn,
  current,
  fresh,
  heldIn,
  hold,
  settle,
  spend,
  stopped,
  unspend,
  windowEnd,
  windowStart,
} from "../../lib/mandates/budget.ts";
import { type BudgetRow, PERIODS } from "../../lib/store/records/budget.ts";
import { runs } from "../helpers/property_runs.ts";

/** The counter against one that remembers every reservation by itself. */

const SEED = 20261130;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

type State = "spent" | "held" | "gone";

interface Reservation {
  readonly window: string;
  micros: number;
  state: State;
  until: number;
}

/** The name of the window of a time, as a calendar says it. */
function windowName(period: string, at: number): string {
  const text = new Date(at).toISOString();
  switch (period) {
    case "minute":
      return text.slice(0, 16);
    case "hour":
      return text.slice(0, 13);
    case "day":
      return text.slice(0, 10);
    case "month":
      return text.slice(0, 7);
    case "week": {
      const monday = new Date(at);
      while (monday.getUTCDay() !== 1) monday.setUTCDate(monday.getUTCDate() - 1);
      return monday.toISOString().slice(0, 10);
    }
    default:
      return "";
  }
}

/** What counts in a window: all that was spent, and what is held and not over. */
function counted(all: readonly Reservation[], window: string, at: number): number {
  let sum = 0;
  for (const one of all) {
    const isHeld = one.state === "held" && Math.ceil(one.until / MINUTE) * MINUTE > at;
    if (one.window === window && (one.state === "spent" || isHeld)) sum += one.micros;
  }
  return sum;
}

const amount = fc.integer({ min: 0, max: 40 });
const which = fc.nat(1000);
const step = fc.record({
  passes: fc.oneof(
    fc.integer({ min: 0, max: 3 * MINUTE }),
    fc.integer({ min: 0, max: 2 * DAY }),
    fc.integer({ min: 0, max: 40 * DAY }),
  ),
  what: fc.constantFrom("reserve", "reserve", "mint", "consume", "settle", "take_back" as const),
  amount,
  which,
  lasts: fc.integer({ min: 10_000, max: 60 * MINUTE }),
});

Deno.test("a budget counts what a record of every reservation counts, and never passes its limit unsettled", () => {
  let refused = 0;
  let released = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...PERIODS),
      fc.integer({ min: 20, max: 120 }),
      fc.array(step, { maxLength: 30 }),
      fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2028, 2, 1) }),
      (period, limit, steps, start) => {
        let at = start;
        let row: BudgetRow = fresh({ limit, period, ask_above: null }, at);
        const all: Reservation[] = [];
        const rows = new Map<Reservation, { window: number; micros: number }>();
        let overrun = false;
        for (const { passes, what, amount, which, lasts } of steps) {
          at += passes;
          const before = row;
          row = current(row, at);
          if (row.window === before.window && heldIn(row) < heldIn(before)) released++;
          const window = windowName(period, at);
          const of = (state: State) => all.filter((one) => one.state === state);
          const pick = (from: readonly Reservation[]) => from[which % Math.max(1, from.length)];
          if (what === "reserve") {
            const isFree = counted(all, window, at) + amount <= limit;
            assert.equal(stopped(row, amount) === null, isFree);
            if (isFree) {
              row = spend(row, amount);
              const made: Reservation = { window, micros: amount, state: "spent", until: 0 };
              all.push(made);
              rows.set(made, { window: row.window, micros: amount });
            } else refused++;
          }
          const spent = pick(of("spent"));
          // A token is minted in the commit of its decision, so in its window.
          if (what === "mint" && spent !== undefined && spent.window === window) {
            row = hold(row, rows.get(spent)!, at + lasts);
            Object.assign(spent, { state: "held", until: at + lasts });
          }
          const token = pick(of("held").filter(({ until }) => until > at));
          if (what === "consume" && token !== undefined) {
            row = consume(row, rows.get(token)!, token.until);
            token.state = "spent";
          }
          if (what === "settle" && spent !== undefined) {
            row = settle(row, rows.get(spent)!, amount);
            spent.micros = amount;
            rows.set(spent, { window: rows.get(spent)!.window, micros: amount });
            overrun ||= counted(all, window, at) > limit;
          }
          if (what === "take_back" && spent !== undefined) {
            row = unspend(row, rows.get(spent)!);
            spent.state = "gone";
          }
          assert.equal(countedIn(row), counted(all, window, at));
          assert.equal(available(row), Math.max(0, limit - countedIn(row)));
          assert.ok(overrun || countedIn(row) <= limit);
          assert.ok(row.held.length <= 62);
        }
      },
    ),
    { ...runs(2_000), seed: SEED },
  );
  assert.ok(refused > 300 && released > 80, `${refused} ${released}`);
});

Deno.test("a window begins and ends as a calendar in UTC has it, and the next one begins where it ends", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PERIODS),
      fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2100, 0, 1) }),
      (period, at) => {
        const start = windowStart(period, at);
        const end = windowEnd(period, start) ?? Infinity;
        assert.ok(start <= at && at < end);
        assert.equal(windowName(period, at), windowName(period, Math.max(start, 1)));
        if (end === Infinity) return;
        assert.equal(windowStart(period, end), end);
        assert.equal(windowStart(period, end - 1), start);
        assert.notEqual(windowName(period, end), windowName(period, at));
      },
    ),
    { ...runs(5_000), seed: SEED },
  );
});

Deno.test("no window opens twice in a thousand days of a clock that steps back and forth", () => {
  const opened: number[] = [];
  let row = fresh({ limit: 10, period: "day", ask_above: null }, Date.UTC(2026, 0, 1));
  for (let day = 0; day < 1000; day++) {
    for (const minutes of [5, -5, 0, 5, 3]) {
      row = current(row, Date.UTC(2026, 0, 2 + day) + minutes * MINUTE);
      if (opened.at(-1) !== row.window) opened.push(row.window);
      if (stopped(row, 10) === null) row = spend(row, 10);
    }
    assert.equal(row.settled, 10);
  }
  assert.equal(new Set(opened).size, opened.length);
  assert.ok(opened.length <= 1001);
});

Deno.test("amounts as large as numbers go are counted exactly or stop everything", () => {
  const most = Number.MAX_SAFE_INTEGER;
  let row = fresh({ limit: most, period: "total", ask_above: null }, 0);
  assert.equal(stopped(row, most), null);
  row = spend(row, most - 1);
  assert.equal(stopped(row, 2), "over");
  assert.equal(stopped(row, 1), null);
  row = settle(row, { window: 0, micros: 1 }, most);
  assert.equal(stopped(row, 1), "over");
  assert.equal(available(row), 0);
});

Deno.test("above the soft limit a human is asked, above the hard one nobody", () => {
  const row = spend(fresh({ limit: 10, period: "total", ask_above: 5 }, 0), 3);
  assert.deepEqual([2, 3, 7, 8].map((amount) => stopped(row, amount)), [
    null,
    "ask",
    "ask",
    "over",
  ]);
});
