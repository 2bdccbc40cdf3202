import assert from "node:assert/strict";
import { allAtOnce, atOnce } from "../../lib/base/at_once.ts";

Deno.test("atOnce() goes on in the same turn where nothing is to be waited for, and else when all has come", async () => {
  const sum = (a: number, b: number) => a + b;
  assert.equal(atOnce([1, 2], sum), 3);
  const later = atOnce([1, Promise.resolve(2)], sum);
  assert.ok(later instanceof Promise);
  assert.equal(await later, 3);
  // What goes on may have to wait itself.
  assert.equal(await atOnce([Promise.resolve(1)], (one) => Promise.resolve(one + 1)), 2);
});

Deno.test("atOnce() throws what goes wrong where it goes on, and rejects with what did not come", async () => {
  const fail = () => {
    throw new RangeError("no");
  };
  assert.throws(() => atOnce([1], fail), RangeError);
  await assert.rejects(async () => await atOnce([Promise.resolve(1)], fail), RangeError);
  await assert.rejects(
    async () => await atOnce([Promise.reject(new TypeError("gone")), 1], () => 1),
    TypeError,
  );
});

Deno.test("allAtOnce() is the list where all of it is here, and a promise of it where one is not", async () => {
  assert.deepEqual(allAtOnce([1, 2]), [1, 2]);
  assert.deepEqual(await allAtOnce([1, Promise.resolve(2)]), [1, 2]);
  assert.deepEqual(allAtOnce([]), []);
});
