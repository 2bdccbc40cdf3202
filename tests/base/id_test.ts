import fc from "fast-check";
import assert from "node:assert/strict";
import { decodeCrockford, IdMaker, idTime, isId } from "../../lib/base/id.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { runs } from "../helpers/property_runs.ts";

const LATEST = 2 ** 48 - 1;

Deno.test("an id is a prefix and a UUIDv7 of its time", () => {
  const ids = new IdMaker(systemRandom);
  const times = fc.oneof(fc.integer({ min: 0, max: LATEST }), fc.constantFrom(0, 1, LATEST));
  fc.assert(
    fc.property(times, (at) => {
      const id = ids.make("dec", at);
      assert.ok(isId(id, "dec"));
      assert.equal(idTime(id), at);
      const bytes = decodeCrockford(id.slice(4)) ?? assert.fail("no id");
      assert.equal(bytes[6]! >>> 4, 7, "the version");
      assert.equal(bytes[8]! >>> 6, 2, "the variant");
    }),
    runs(300),
  );
  for (const at of [-1, LATEST + 1, 1.5, NaN, Infinity]) {
    assert.throws(() => ids.make("dec", at), RangeError);
  }
});

Deno.test("ids sort in the order they were made, and none is made twice", () => {
  const ids = new IdMaker(systemRandom);
  const made: string[] = [];
  for (let i = 0; i < 20_000; i++) made.push(ids.make("ent", 1_764_470_000_000 + (i >> 12)));
  assert.deepEqual(made.toSorted(), made);
  assert.equal(new Set(made).size, made.length);
});

Deno.test("a counter whose lower part is full goes on in its upper part", () => {
  const full = (bytes: number) => new Uint8Array(bytes).fill(0xff);
  const ids = new IdMaker(full);
  const [first, second, third] = [0, 0, 0].map(() => ids.make("req", 7));
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  assert.ok(first < second && second < third);
  assert.equal(idTime(third), 7);
});

Deno.test("a clock that was set back begins anew, and two makers never agree", () => {
  const [one, other] = [new IdMaker(systemRandom), new IdMaker(systemRandom)];
  const made = [5, 4, 5, 5].flatMap((at) => [one.make("req", at), other.make("req", at)]);
  assert.equal(new Set(made).size, made.length);
  assert.deepEqual(made.map(idTime), [5, 5, 4, 4, 5, 5, 5, 5]);
});
