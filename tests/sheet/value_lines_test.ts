import fc from "fast-check";
import assert from "node:assert/strict";
import { characterCount, foldedLines, isLong, textLines } from "../../lib/sheet/value_lines.ts";

const text = fc.array(fc.constantFrom("a", "b", "", "\n", "\n\n\n\n\n\n", "\r\n", "\r"))
  .map((parts) => parts.join(""));

Deno.test("textLines() loses no character but the line ends that it names", () => {
  fc.assert(fc.property(text, (text) => {
    const { lines, crlf } = textLines(text);
    assert.equal(lines.join(crlf ? "\r\n" : "\n"), text);
  }));
  assert.deepEqual(textLines("a\r\nb\r\n"), { lines: ["a", "b", ""], crlf: true });
  assert.deepEqual(textLines("a\r\nb\n"), { lines: ["a\r", "b", ""], crlf: false });
});

Deno.test("foldedLines() leaves out only what equals the line before, and says which lines", () => {
  fc.assert(fc.property(text, (text) => {
    const { lines } = textLines(text);
    const unfolded = foldedLines(lines).flatMap((shown) =>
      shown.fold
        ? Array.from({ length: shown.to - shown.from + 1 }, () => lines[shown.from - 2])
        : [lines[shown.number - 1]]
    );
    assert.deepEqual(unfolded, lines);
  }));
  assert.deepEqual(foldedLines(["a", "b", "b", "b", "b", "b", "c"]), [
    { fold: false, number: 1 },
    { fold: false, number: 2 },
    { fold: true, from: 3, to: 6 },
    { fold: false, number: 7 },
  ]);
  assert.equal(foldedLines(["b", "b", "b"]).length, 3);
  assert.equal(foldedLines(["a", "a ", " a", "a\t", "a"]).length, 5);
});

Deno.test("characterCount() counts characters as Unicode does", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.equal(characterCount(text), [...text].length);
  }));
});

Deno.test("isLong() is for more than 200 characters or 4 lines, wherever they stand in a value", () => {
  assert.equal(isLong("x".repeat(200)), false);
  assert.equal(isLong("x".repeat(201)), true);
  assert.equal(isLong("a\nb\nc\nd"), false);
  assert.equal(isLong("a\nb\nc\nd\ne"), true);
  assert.equal(isLong({ deep: [{ text: "x".repeat(201) }] }), true);
  assert.equal(isLong([1, 2, true, null]), false);
  assert.equal(isLong([1, 2, 3, 4, 5]), true);
});
