import fc from "fast-check";
import assert from "node:assert/strict";
import {
  type ApprovalEvent,
  moved,
  MOVES,
  settled,
  statusOf,
  type Terms,
} from "../../lib/approvals/state.ts";
import { clocksAt } from "../../lib/ledger/clock.ts";
import type { Progress } from "../../lib/store/records/approval.ts";
import { type Happening, tell } from "./oracle.ts";

const WHATS: readonly Happening["what"][] = [
  "approve",
  "deny",
  "withdraw",
  "mint",
  "revoke",
  "consume token",
  "change tool",
  "look",
];

const story = fc.record({
  levels: fc.constantFrom(1 as const, 2 as const),
  lifetime: fc.integer({ min: 1, max: 20 }),
  use_seconds: fc.integer({ min: 1, max: 8 }),
  steps: fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 6 }),
      what: fc.oneof(
        { weight: 4, arbitrary: fc.constant<Happening["what"]>("approve") },
        { weight: 3, arbitrary: fc.constant<Happening["what"]>("mint") },
        { weight: 6, arbitrary: fc.constantFrom(...WHATS) },
      ),
    }),
    { minLength: 1, maxLength: 12 },
  ),
});

/** The state machine, driven as the operations drive it. */
class Machine {
  progress: Progress = { state: "pending", level: 1 };
  #changed = false;
  #spent = false;

  constructor(readonly terms: Omit<Terms, "ended_by">) {}

  happen({ at, what }: Happening): string {
    if (what === "change tool") this.#changed = true;
    const ended_by = this.#changed ? "tool_changed" as const : null;
    const terms = { ...this.terms, ended_by };
    this.progress = settled(this.progress, terms, clocksAt(at));
    const event = eventOf(what, this.#spent);
    if (what === "consume token" && this.progress.state === "used") this.#spent = true;
    if (event === null) return "ok";
    const next = moved(this.progress, event, terms, clocksAt(at));
    if (typeof next === "string") return next;
    this.progress = next;
    return "ok";
  }
}

function eventOf(what: Happening["what"], token_spent: boolean): ApprovalEvent | null {
  switch (what) {
    case "approve":
    case "deny":
    case "withdraw":
      return { type: what };
    case "mint":
      return { type: "use", token_id: "rtk" };
    case "revoke":
      return { type: "revoke", token_spent };
    default:
      return null;
  }
}

Deno.test("the state machine does what the naive telling says, for any story", () => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(story, ({ levels, lifetime, use_seconds, steps }) => {
      const terms = { levels, use_seconds, created_at: 0, expires_at: lifetime * 1000 };
      const machine = new Machine(terms);
      const happenings: Happening[] = [];
      let at = 0;
      for (const { wait, what } of steps) {
        at += wait * 1000;
        happenings.push({ at, what });
        const answer = machine.happen({ at, what });
        const told = tell(happenings, terms);
        const { progress } = machine;
        reached.add(`${progress.state} ${what} ${answer}`);
        assert.deepEqual({
          status: statusOf(progress),
          level: progress.level,
          use_before: "use_before" in progress ? progress.use_before : told.use_before,
          used: progress.state === "used" ||
            (progress.state === "revoked" && progress.token_id !== null),
          answer,
        }, told);
      }
    }),
    { numRuns: 20_000, seed: 7 },
  );
  const states = new Set([...reached].map((text) => text.split(" ")[0]));
  assert.deepEqual([...states].sort(), Object.keys(MOVES).sort());
  for (const code of ["approval_used", "approval_lapsed", "approval_not_approved"]) {
    assert.ok([...reached].some((text) => text.endsWith(code)), code);
  }
});

Deno.test("no move leads out of an ended state", () => {
  const ended: Progress[] = [
    { state: "denied", level: 1, decided_at: 1 },
    { state: "expired", level: 1, ended_at: 1 },
    { state: "cancelled", level: 1, decided_at: null, ended_at: 1, because: "withdrawn" },
    { state: "revoked", level: 1, decided_at: 1, use_before: 2, ended_at: 1, token_id: null },
  ];
  const events: ApprovalEvent[] = [
    { type: "approve" },
    { type: "deny" },
    { type: "withdraw" },
    { type: "use", token_id: "rtk" },
    { type: "revoke", token_spent: false },
  ];
  for (const progress of ended) {
    for (const ended_by of [null, "tool_changed", "rotated", "decider_barred"] as const) {
      for (const event of events) {
        const terms = {
          levels: 1 as const,
          created_at: 0,
          expires_at: 5,
          use_seconds: 1,
          ended_by,
        };
        assert.equal(typeof moved(progress, event, terms, clocksAt(10)), "string");
        assert.equal(settled(progress, terms, clocksAt(10)), progress);
      }
    }
  }
});

Deno.test("time counts by itself: an event after the deadline is refused without a sweep", () => {
  const terms = {
    levels: 1 as const,
    created_at: 0,
    expires_at: 1000,
    use_seconds: 1,
    ended_by: null,
  };
  const pending: Progress = { state: "pending", level: 1 };
  assert.equal(moved(pending, { type: "approve" }, terms, clocksAt(1000)), "approval_not_pending");
  const approved = moved(pending, { type: "approve" }, terms, clocksAt(999));
  assert.ok(typeof approved !== "string");
  assert.equal(
    moved(approved, { type: "use", token_id: "t" }, terms, clocksAt(1999)),
    "approval_lapsed",
  );
  const used = moved(approved, { type: "use", token_id: "t" }, terms, clocksAt(1998));
  assert.equal(typeof used === "string" ? used : used.state, "used");
});

Deno.test("what was used and never sent can be used again, by its own token's word and in its time", () => {
  const terms = {
    levels: 1 as const,
    created_at: 0,
    expires_at: 1000,
    use_seconds: 1,
    ended_by: null,
  };
  const granted = { level: 1 as const, decided_at: 0, use_before: 1000 };
  const used: Progress = { ...granted, state: "used", used_at: 10, token_id: "rtk_a" };
  const back = moved(used, { type: "return", token_id: "rtk_a" }, terms, clocksAt(20));
  assert.deepEqual(back, { ...granted, state: "approved" });
  const other = moved(used, { type: "return", token_id: "rtk_b" }, terms, clocksAt(20));
  assert.equal(other, "approval_not_approved");
  const approved: Progress = { ...granted, state: "approved" };
  const twice = moved(approved, { type: "return", token_id: "rtk_a" }, terms, clocksAt(20));
  assert.equal(twice, "approval_not_approved");
  const late = moved(used, { type: "return", token_id: "rtk_a" }, terms, clocksAt(2000));
  assert.ok(typeof late !== "string");
  assert.equal(settled(late, terms, clocksAt(2000)).state, "lapsed");
});

Deno.test("a request of two levels needs two approvals", () => {
  const terms = {
    levels: 2 as const,
    created_at: 0,
    expires_at: 1000,
    use_seconds: 1,
    ended_by: null,
  };
  const first = moved({ state: "pending", level: 1 }, { type: "approve" }, terms, clocksAt(0));
  assert.deepEqual(first, { state: "pending", level: 2 });
  assert.ok(typeof first !== "string");
  const second = moved(first, { type: "approve" }, terms, clocksAt(1));
  assert.deepEqual(second, { state: "approved", level: 2, decided_at: 1, use_before: 1001 });
});
