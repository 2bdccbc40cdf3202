import fc from "fast-check";
import assert from "node:assert/strict";
import { clocksAt } from "../../lib/ledger/clock.ts";
import type { RunTokenStatus } from "../../lib/store/records/token.ts";
import { moved, MOVES, type Standing, stateAt, type TokenEvent } from "../../lib/tokens/state.ts";

const TTL = 300;
const REPORT_WITHIN = 1000;

/** What is promised of a token, as a list of what happened and no states. */
class NaiveToken {
  consumedAt: number | null = null;
  isRevoked = false;
  /** Given back, because its run was never sent: nothing is said of it any more. */
  isReturned = false;
  reports: string[] = [];

  #isFree(now: number): boolean {
    return this.consumedAt === null && !this.isRevoked && now < TTL;
  }

  /** Whether the event is accepted. */
  take(event: TokenEvent, now: number): boolean {
    switch (event) {
      case "consume":
        if (!this.#isFree(now)) return false;
        this.consumedAt = now;
        return true;
      case "revoke":
        if (!this.#isFree(now)) return false;
        this.isRevoked = true;
        return true;
      case "return":
        if (this.consumedAt === null || this.isReturned) return false;
        if (this.reports.length > 0 || this.#isOverdue(now)) return false;
        this.isReturned = true;
        return true;
      case "report_deadline":
        if (!this.#isOverdue(now)) return false;
        this.reports.push("unknown");
        return true;
      case "report":
      case "report_unknown":
        return this.#report(event === "report" ? "known" : "unknown", now);
    }
  }

  #report(said: string, now: number): boolean {
    if (this.isReturned) return false;
    if (this.consumedAt === null) {
      if (!this.#isFree(now)) return false;
      this.consumedAt = now;
    } else if (this.#isOverdue(now)) {
      this.reports.push("unknown");
    }
    if (this.reports.length > 1 || this.reports[0] === "known") return false;
    this.reports.push(said);
    return true;
  }

  #isOverdue(now: number): boolean {
    return this.consumedAt !== null && !this.isReturned && this.reports.length === 0 &&
      now >= this.consumedAt + REPORT_WITHIN;
  }
}

const events = Object.keys(MOVES.minted) as TokenEvent[];
const steps = fc.array(
  fc.record({ event: fc.constantFrom(...events), wait: fc.constantFrom(0, 1, 150, 299, 1000) }),
  { maxLength: 12 },
);

Deno.test("moved() accepts what a naive reading of the rules accepts", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(steps, (story) => {
      const naive = new NaiveToken();
      let token: Standing = { status: "minted", minted_at: 0, expires_at: TTL };
      let now = 0;
      for (const { event, wait } of story) {
        now += wait;
        const next = moved(token, event, clocksAt(now));
        const isMove = next in MOVES;
        seen.add(`${stateAt(token, clocksAt(now))} ${event}`);
        assert.equal(isMove, naive.take(event, now), `${token.status} ${event} at ${now}`);
        if (!isMove) continue;
        const wasSpent = token.consumed_at !== undefined && token.report_due_at !== undefined;
        const isSpent = next !== "minted" && next !== "revoked";
        token = {
          minted_at: 0,
          expires_at: TTL,
          status: next as RunTokenStatus,
          ...(wasSpent
            ? { consumed_at: token.consumed_at, report_due_at: token.report_due_at }
            : isSpent
            ? { consumed_at: now, report_due_at: now + REPORT_WITHIN }
            : {}),
        };
      }
    }),
    { numRuns: 5000, seed: 4711 },
  );
  assert.equal(seen.size, Object.keys(MOVES).length * events.length, "every cell was tried");
});

Deno.test("moved() leads nowhere back: no event makes a token unspent again", () => {
  for (const [state, row] of Object.entries(MOVES)) {
    for (const next of Object.values(row)) assert.notEqual(next, "minted", state);
  }
});

Deno.test("stateAt() counts the very millisecond of an end as ended", () => {
  const minted: Standing = { status: "minted", minted_at: 0, expires_at: 300 };
  assert.equal(stateAt(minted, clocksAt(299)), "minted");
  assert.equal(stateAt(minted, clocksAt(300)), "expired");
  const consumed: Standing = {
    ...minted,
    status: "consumed",
    consumed_at: 200,
    report_due_at: 900,
  };
  assert.equal(stateAt(consumed, clocksAt(899)), "consumed");
  assert.equal(stateAt(consumed, clocksAt(900)), "unknown");
});
