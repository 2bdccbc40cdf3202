import fc from "fast-check";
import assert from "node:assert/strict";
import { canonicalBytes } from "../../lib/base/canonical.ts";
import { hasMoreBytes } from "../../routes/fields/action.ts";
import { jsonValue } from "../helpers/arbitrary_json.ts";

Deno.test("a value that surely fits its limit is not written, and no other passes for one", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 }).filter((one) => one.isWellFormed());
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const value = fc.oneof(jsonValue, text, number, fc.dictionary(text, number));
  fc.assert(
    fc.property(value, fc.integer({ min: -3, max: 3 }), (value, near) => {
      const bytes = canonicalBytes(value).length;
      assert.equal(hasMoreBytes(value, bytes + near), near < 0);
    }),
    { numRuns: 2000 },
  );
});
