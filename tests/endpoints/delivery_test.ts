import assert from "node:assert/strict";
import fc from "fast-check";
import {
  begun,
  concluded,
  KEPT_ATTEMPTS,
  MAX_WAIT_MS,
  newDelivery,
  replayed,
  SCHEDULE_MS,
  type TryOutcome,
} from "../../lib/endpoints/delivery.ts";
import type { EndpointDelivery } from "../../lib/store/records/endpoint.ts";
import type { EventRecord } from "../../lib/store/records/event.ts";

const EVENT: EventRecord = {
  id: "evt_1",
  happening: { type: "approval.created", approval: "apr_1" },
  created_at: 0,
  expires_at: 1,
};
const FAILED: TryOutcome = {
  type: "failed",
  status: 500,
  error: "no",
  for_good: false,
  wait_ms: 0,
};
const HOUR = 3600_000;

const queued = () => newDelivery({ kind: "webhook", id: "whk_1" }, EVENT, { now: 0 });

/** Tries until it ended, each outcome in turn; the times at which it was tried. */
function tried(
  outcomes: (turn: number) => TryOutcome,
  chance: (turn: number) => number,
): { readonly times: number[]; readonly end: EndpointDelivery } {
  const times: number[] = [];
  let delivery: EndpointDelivery = queued();
  while (delivery.state === "queued") {
    const now: number = delivery.next_at;
    const turn = times.push(now) - 1;
    assert.ok(turn < 100);
    const under = begun(delivery, now);
    delivery = concluded(under, outcomes(turn), { now, chance: chance(turn) });
  }
  return { times, end: delivery };
}

Deno.test("eight tries over 27 hours, each a tenth sooner or later, and then it has failed", () => {
  fc.assert(fc.property(
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
      minLength: 8,
      maxLength: 8,
    }),
    (chances) => {
      const { times, end } = tried(() => FAILED, (turn) => chances[turn] ?? 0);
      assert.equal(times.length, SCHEDULE_MS.length);
      times.forEach((time, turn) => {
        const wait = time - (times[turn - 1] ?? 0);
        const due = SCHEDULE_MS[turn] ?? 0;
        assert.ok(
          wait >= Math.floor(due * 0.9) && wait <= Math.ceil(due * 1.1),
          `${turn}: ${wait}`,
        );
      });
      assert.equal(end.state, "failed");
      assert.equal(end.attempts.length, 8);
    },
  ));
  const { times } = tried(() => FAILED, () => 0.5);
  assert.equal(Math.round((times.at(-1) ?? 0) / HOUR), 27);
});

Deno.test("what a host asks for is waited, up to an hour, and never less than the schedule", () => {
  for (
    const [asked, waited] of [[0, 5000], [3000, 5000], [90_000, 90_000], [9 * HOUR, MAX_WAIT_MS]]
  ) {
    const { times } = tried(() => ({ ...FAILED, wait_ms: asked ?? 0 }) as TryOutcome, () => 0.5);
    assert.equal(times[1], waited);
  }
});

Deno.test("a host without room costs no try, and is no try that is shown", () => {
  const { times, end } = tried(
    (turn) => turn < 20 ? { type: "busy" } : { type: "sent", status: 204 },
    () => 0.5,
  );
  assert.equal(times.length, 21);
  assert.equal(end.state, "sent");
  assert.deepEqual(end.attempts, [{ at: times.at(-1), status: 204, error: null }]);
});

Deno.test("an answer that settles it is the last try", () => {
  const gone = tried(() => ({ type: "gone", status: 410, error: "gone" }), () => 0);
  assert.equal(gone.times.length, 1);
  assert.equal(gone.end.state, "failed");
  const refused = tried(() => ({ ...FAILED, for_good: true }) as TryOutcome, () => 0);
  assert.equal(refused.times.length, 1);
});

Deno.test("sent again it begins anew, keeps its event, and shows its newest tries", () => {
  let delivery: EndpointDelivery = queued();
  for (let round = 0; round < 5; round++) {
    let next = replayed(delivery, round);
    assert.equal(next.event, "evt_1");
    assert.equal(next.replay, true);
    assert.equal(next.next_at, round);
    for (;;) {
      const after = concluded(begun(next, 0), FAILED, { now: 0, chance: 0 });
      delivery = after;
      if (after.state !== "queued") break;
      next = after;
    }
  }
  assert.equal(delivery.attempts.length, KEPT_ATTEMPTS);
});
