import assert from "node:assert/strict";
import { codePoints, directionOf } from "../../lib/base/direction.ts";

Deno.test("directionOf() tells letters that run left from those that run right", () => {
  for (const text of ["", "5 %", "abc", "Grüße", "日本語", "Привет", "pay_1-2"]) {
    assert.equal(directionOf(text), "right", text);
  }
  for (const text of ["محمد", "שלום", "محمد، 12", "ދިވެހި"]) {
    assert.equal(directionOf(text), "left", text);
  }
  for (const text of ["محمد@example.com", "a\u05d0", "مرحبا Northgate"]) {
    assert.equal(directionOf(text), "both", text);
  }
});

Deno.test("codePoints() lists characters in the order of the bytes, ASCII in one", () => {
  assert.deepEqual(codePoints("مح@example.com\u200b😀", 100), [
    { point: "U+0645", text: "م", kind: "Arabic letter" },
    { point: "U+062D", text: "ح", kind: "Arabic letter" },
    { point: null, text: "@example.com", kind: "ASCII" },
    { point: "U+200B", text: "\u200b", kind: "Other control" },
    { point: "U+1F600", text: "😀", kind: "Other symbol" },
  ]);
  assert.deepEqual(codePoints("ב ב", 9)[1], { point: null, text: " ", kind: "Space" });
  assert.equal(codePoints("م".repeat(500), 200).length, 200);
});
