import assert from "node:assert/strict";
import { evidenceDigest, evidenceJson } from "../../lib/receipts/jws.ts";

Deno.test("evidenceJson() writes every control character the long way, and orders by UTF-16", () => {
  assert.equal(
    evidenceJson({ "｡": 1, "😀": '\n\t\b\f\r\u0000\u001f\u007f"\\/\\n', a: [true, null, -0] }),
    '{"a":[true,null,0],"😀":"\\u000a\\u0009\\u0008\\u000c\\u000d\\u0000\\u001f\u007f\\"\\\\/\\\\n","｡":1}',
  );
});

Deno.test("evidenceJson() refuses what another reader may take for something else", () => {
  const deep = (levels: number): string => levels === 0 ? "1" : `[${deep(levels - 1)}]`;
  for (const value of [0.5, 2 ** 53, -(2 ** 53), NaN, "\ud800", { "\udc00": 1 }]) {
    assert.throws(() => evidenceJson(value as never), TypeError);
  }
  assert.equal(evidenceJson(2 ** 53 - 1), "9007199254740991");
  assert.equal(evidenceJson(JSON.parse(deep(31))), deep(31));
  assert.throws(() => evidenceJson(JSON.parse(deep(32))), TypeError);
});

Deno.test("evidenceDigest() is the SHA-256 of that text", () => {
  assert.equal(
    evidenceDigest({ amount: 5 }),
    "7e84cbf0f7a7c92c037058665d66152f8eb8580ab2534e52c877bccceb9cc7bf",
  );
});
