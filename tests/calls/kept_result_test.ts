import fc from "fast-check";
import assert from "node:assert/strict";
import { joinBytes } from "../../lib/base/bytes.ts";
import { keepResult, readKeptResult } from "../../lib/calls/kept_result.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { runs } from "../helpers/property_runs.ts";

Deno.test("a result that is kept in pieces is the same bytes, in whatever parts it came", async () => {
  await using it = await DecisionOrg.start();
  const { services } = it.countersign;
  const part = fc.record({
    length: fc.constantFrom(0, 1, 59_999, 60_000, 60_001, 130_000),
    byte: fc.nat(255),
  })
    .map(({ length, byte }) => new Uint8Array(length).fill(byte));
  let calls = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
      const id = `cal_${calls++}`;
      const kept = await keepResult(services, it.org.id, id, parts);
      const whole = joinBytes(parts);
      assert.equal(kept.pieces, Math.max(1, Math.ceil(whole.length / 60_000)));
      const read = await readKeptResult(services, it.org.id, id, kept);
      assert.ok(
        read !== null && read.length === whole.length && read.every((byte, i) => byte === whole[i]),
      );
    }),
    runs(25),
  );
});
