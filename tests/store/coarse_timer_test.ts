import assert from "node:assert/strict";
import { CoarseTimer } from "../../lib/store/system.ts";

/** A timer whose ticks the test makes. */
class Ticks {
  #elapse: (() => void) | null = null;
  asked = 0;

  readonly timer = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#elapse = resolve;
    this.asked++;
    return { elapsed: promise, cancel: () => this.#elapse = null };
  };

  get runs(): boolean {
    return this.#elapse !== null;
  }

  async tick(): Promise<void> {
    const elapse = this.#elapse;
    this.#elapse = null;
    elapse?.();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

const late = () => new Error("late");

Deno.test("a coarse timer refuses what has not come by its tick, and rests once nobody waits", async () => {
  const ticks = new Ticks();
  const timer = new CoarseTimer(ticks, 1000);
  const never = new Promise<never>(() => {});
  const came = Promise.withResolvers<string>();
  const outcome = (promise: Promise<unknown>) =>
    promise.then((value) => value, (error: Error) => error.message);
  const first = outcome(timer.within(2, never, late));
  await ticks.tick();
  const second = outcome(timer.within(2, never, late));
  const third = outcome(timer.within(3, came.promise, late));
  assert.equal(ticks.asked, 2, "one timer for all");
  await ticks.tick();
  assert.equal(await first, "late");
  came.resolve("came");
  assert.equal(await third, "came");
  assert.ok(ticks.runs, "one still waits");
  await ticks.tick();
  assert.equal(await second, "late");
  assert.ok(!ticks.runs, "nobody waits");
  const failed = Promise.reject(new Error("failed"));
  assert.equal(await outcome(timer.within(1, failed, late)), "failed");
  assert.equal(await timer.within(1, Promise.resolve("came"), late), "came");
  assert.equal(ticks.asked, 4, "the timer of who came before serves who comes until its tick");
  await ticks.tick();
  assert.ok(!ticks.runs, "nobody waited");
});
