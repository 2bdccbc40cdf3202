import fc from "fast-check";
import assert from "node:assert/strict";
import { externalIdProblem, looksLikeEmail, visibleText } from "../../lib/base/text.ts";

const HIDDEN: [name: string, code: number][] = [
  ["null", 0x0],
  ["line feed", 0xa],
  ["delete", 0x7f],
  ["C1 control", 0x85],
  ["soft hyphen", 0xad],
  ["combining grapheme joiner", 0x34f],
  ["Arabic letter mark", 0x61c],
  ["Hangul filler", 0x115f],
  ["Mongolian vowel separator", 0x180e],
  ["zero width space", 0x200b],
  ["zero width joiner", 0x200d],
  ["right-to-left mark", 0x200f],
  ["line separator", 0x2028],
  ["paragraph separator", 0x2029],
  ["left-to-right embedding", 0x202a],
  ["right-to-left override", 0x202e],
  ["word joiner", 0x2060],
  ["unassigned but ignorable", 0x2065],
  ["first strong isolate", 0x2068],
  ["pop directional isolate", 0x2069],
  ["Hangul filler", 0x3164],
  ["variation selector 16", 0xfe0f],
  ["byte order mark", 0xfeff],
  ["interlinear annotation anchor", 0xfff9],
  ["tag letter", 0xe0041],
  ["variation selector 256", 0xe01ef],
];

const hex = (code: number) => code.toString(16).toUpperCase().padStart(4, "0");

Deno.test("externalIdProblem() accepts ordinary names of any script", () => {
  const names = [
    "server-prod-01",
    "a b",
    "é",
    "Zürich",
    "東京",
    "اسم",
    "हिन्दी",
    "😀",
    "",
    "a/b:c.d_e~",
  ];
  for (const name of names) assert.equal(externalIdProblem(name.normalize("NFC")), null, name);
});

Deno.test("externalIdProblem() names an invisible character and its position", () => {
  for (const [name, code] of HIDDEN) {
    assert.equal(
      externalIdProblem(`ab${String.fromCodePoint(code)}c`),
      `Text holds U+${hex(code)} at position 2, which is invisible or changes how the text is ` +
        `shown; remove it`,
      name,
    );
  }
});

Deno.test("externalIdProblem() refuses halves of characters, outer white space and other forms", () => {
  assert.equal(
    externalIdProblem("😀\ud83d"),
    "Text holds half of a surrogate pair, U+D83D at position 2; send whole characters",
  );
  assert.equal(
    externalIdProblem(" a"),
    "Text starts with white space U+0020 at position 0; trim it",
  );
  assert.equal(externalIdProblem("a "), "Text ends with white space U+0020 at position 1; trim it");
  assert.equal(
    externalIdProblem("a\u3000"),
    "Text ends with white space U+3000 at position 1; trim it",
  );
  assert.equal(
    externalIdProblem("Cafe\u0301"),
    "Text is not in Unicode normalization form NFC from U+0065 at position 3 on; " +
      "normalize it to NFC",
  );
  assert.match(externalIdProblem("\u212b") ?? "", /NFC from U\+212B at position 0/);
});

Deno.test("externalIdProblem() leaves only texts that are visible, NFC and trimmed, or say what they hide", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const sound = text === text.normalize("NFC") && text === text.trim() &&
      text === visibleText(text);
    // Private use and the blank Braille pattern are shown by their code, and may be in an id.
    if (externalIdProblem(text) === null) {
      assert.equal(
        visibleText(text.replace(/[\p{Co}\u2800]/gu, "x")),
        text.replace(/[\p{Co}\u2800]/gu, "x"),
      );
    } else assert.ok(!sound);
  }));
});

Deno.test("looksLikeEmail() finds addresses, also inside a longer id", () => {
  const personal = [
    "jane@example.com",
    "jane.doe+x@mail.example.co.uk",
    "user:jane@example.com",
    "mailto:jane@example.com",
    "Jane <jane@example.com>",
    "jane@example.com.",
    "jane@example.com/7",
    `"jane doe"@example.com`,
    "jane%40example.com",
    "jane＠example.com",
    "李@例え.テスト",
    "a@b@example.com",
    "jane@xn--r8jz45g.xn--zckzah",
  ];
  for (const text of personal) assert.ok(looksLikeEmail(text), text);
});

Deno.test("looksLikeEmail() lets other ids with an at sign pass", () => {
  const impersonal = [
    "",
    "@",
    "acme",
    "server@rack",
    "pkg@1.2.3",
    "@scope/pkg",
    "npm:@scope/pkg@1.2.3",
    "root@10.0.0.1",
    "@example.com",
    "a @example.com",
    "a@.com",
    "a@ example.com",
    "a@example.",
    "a@example.c",
    "50%40",
  ];
  for (const text of impersonal) assert.ok(!looksLikeEmail(text), text);
  assert.ok(!looksLikeEmail("a@".repeat(100_000)));
  assert.ok(!looksLikeEmail(`a@${"b.".repeat(100_000)}`));
});
