import assert from "node:assert/strict";
import { turns } from "../../lib/store/system.ts";

Deno.test("others get their turn once enough was done, and not before", async () => {
  let now = 100;
  let timers = 0;
  const timer = () => {
    timers++;
    return { elapsed: Promise.resolve(), cancel: () => {} };
  };
  const turn = turns({ timer, monotonic: () => now });
  for (let step = 0; step < 7; step++) {
    assert.equal(turn(), null);
    now += 1;
  }
  now += 1;
  const others = turn();
  assert.ok(others !== null);
  now += 500;
  await others;
  assert.equal(turn(), null, "what others took is not counted");
  assert.equal(timers, 1);
});
