import fc from "fast-check";
import assert from "node:assert/strict";
import {
  type ApprovalEvent,
  eventOf,
  eventsOf,
  moved,
  settled,
  type Terms,
} from "../../lib/approvals/state.ts";
import { clocksAt } from "../../lib/ledger/clock.ts";
import type { ApprovalRecord, Progress } from "../../lib/store/records/approval.ts";
import type { ApprovalEventType } from "../../lib/store/records/event.ts";

const MOVES: readonly ApprovalEvent[] = [
  { type: "approve" },
  { type: "deny" },
  { type: "withdraw" },
  { type: "use", token_id: "rtk" },
  { type: "return", token_id: "rtk" },
  { type: "revoke", token_spent: false },
];

const story = fc.record({
  levels: fc.constantFrom(0 as const, 1 as const, 2 as const),
  hasUser: fc.boolean(),
  steps: fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 4000 }),
      move: fc.oneof(
        { weight: 3, arbitrary: fc.constant<ApprovalEvent>({ type: "approve" }) },
        { weight: 5, arbitrary: fc.constantFrom(...MOVES) },
      ),
      isChanged: fc.boolean(),
    }),
    { maxLength: 10 },
  ),
});

Deno.test("a request's record tells the very events that its moves had, whenever somebody looks", () => {
  const met = new Set<string>();
  fc.assert(
    fc.property(story, ({ levels, hasUser, steps }) => {
      const record = (progress: Progress): Pick<ApprovalRecord, "levels" | "progress"> => ({
        levels,
        progress,
      });
      let progress: Progress = { state: "pending", level: hasUser || levels === 0 ? 0 : 1 };
      const told: ApprovalEventType[] = [];
      let at = 0;
      const go = (next: Progress | string, before: Progress | null) => {
        if (typeof next === "string" || next === before) return;
        progress = next;
        const event = levels === 0 ? null : eventOf(before, next);
        if (event !== null) told.push(event);
        assert.deepEqual(eventsOf(record(next)), told, JSON.stringify(next));
        told.forEach((one) => met.add(one));
      };
      go(progress, null);
      for (const { wait, move, isChanged } of steps) {
        at += wait;
        const ended_by = isChanged && wait > 3000 ? "tool_changed" as const : null;
        const terms: Terms = { levels, created_at: 0, expires_at: 9000, use_seconds: 3, ended_by };
        go(settled(progress, terms, clocksAt(at)), progress);
        go(moved(progress, move, terms, clocksAt(at)), progress);
      }
    }),
    { numRuns: 3000, seed: 11 },
  );
  assert.equal(met.size, 6, [...met].join());
});
