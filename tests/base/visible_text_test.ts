import fc from "fast-check";
import assert from "node:assert/strict";
import { alertText } from "../../lib/alerts/send.ts";
import { confusableMark } from "../../lib/base/confusables.ts";
import {
  externalIdProblem,
  visibleLine,
  visibleSegments,
  visibleText,
  withinQuotes,
} from "../../lib/base/text.ts";
import { subjectLine } from "../../lib/outside/mailer.ts";

const names = (text: string) =>
  visibleSegments(text).flatMap(({ hidden }) => hidden === null ? [] : [hidden]);

/** Text in which hidden characters are as frequent as letters. */
const anyText = fc.array(
  fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 4 }),
    fc.constantFrom(
      "\u202e",
      "\u200b",
      "\u2066",
      "\ufeff",
      "\x00",
      "\x1b",
      "\u{e0041}",
      "\n",
      "\t",
    ),
    fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit)),
    fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
  ),
).map((parts) => parts.join(""));

Deno.test("visibleSegments() loses nothing of any text when its segments are joined", () => {
  fc.assert(fc.property(anyText, (text) => {
    const segments = visibleSegments(text);
    assert.equal(segments.map((segment) => segment.text).join(""), text);
    assert.ok(segments.every((segment) => segment.text.length > 0));
  }));
});

Deno.test("visibleSegments() leaves nothing hidden in what is shown as it is", () => {
  fc.assert(fc.property(anyText, (text) => {
    for (const { text: shown, hidden } of visibleSegments(text)) {
      if (hidden !== null) continue;
      assert.ok(shown.isWellFormed());
      // What no id may hold for being invisible, no page shows as if it were nothing.
      assert.doesNotMatch(externalIdProblem(shown.replace(/[\n\t]/g, "x")) ?? "", /invisible/);
    }
  }));
});

Deno.test("visibleSegments() names the characters that attacks on readers are made of", () => {
  const named = {
    "\u202e": "U+202E RIGHT-TO-LEFT OVERRIDE",
    "\u2066": "U+2066 LEFT-TO-RIGHT ISOLATE",
    "\u200b": "U+200B ZERO WIDTH SPACE",
    "\u200d": "U+200D ZERO WIDTH JOINER",
    "\u2028": "U+2028 LINE SEPARATOR",
    "\ufeff": "U+FEFF ZERO WIDTH NO-BREAK SPACE (BYTE ORDER MARK)",
    "\u00ad": "U+00AD SOFT HYPHEN",
    "\ufe0f": "U+FE0F VARIATION SELECTOR-16",
    "\u{e0100}": "U+E0100 VARIATION SELECTOR-17",
    "\u{e0061}": "U+E0061 TAG a",
    "\u2800": "U+2800 BRAILLE PATTERN BLANK",
    "\u3164": "U+3164 HANGUL FILLER",
    "\ue000": "U+E000 private use character",
    "\ud83d": "U+D83D half of a surrogate pair",
    "\x00": "U+0000 NULL",
    "\x1b": "U+001B ESCAPE",
    "\r": "U+000D CARRIAGE RETURN",
    "\x7f": "U+007F DELETE",
    "\x90": "U+0090 control character",
    "\u{1d173}": "U+1D173 invisible character",
  };
  for (const [character, name] of Object.entries(named)) {
    assert.deepEqual(visibleSegments(`a${character}b`), [
      { text: "a", hidden: null },
      { text: character, hidden: name },
      { text: "b", hidden: null },
    ]);
  }
});

Deno.test("visibleSegments() keeps lines, tabs and every script's letters as text", () => {
  const text = "line one\n\tline two: naïve Größe 日本語 עברית العربية हिन्दी 😀 a\u00a0b";
  assert.deepEqual(visibleSegments(text), [{ text, hidden: null }]);
  assert.deepEqual(visibleSegments(""), []);
});

Deno.test("visibleSegments() counts a run of one character instead of repeating its name", () => {
  assert.deepEqual(names("a\u200b\u200b\u200b\u200cb\u200b"), [
    "U+200B ZERO WIDTH SPACE ×3",
    "U+200C ZERO WIDTH NON-JOINER",
    "U+200B ZERO WIDTH SPACE",
  ]);
  assert.deepEqual(names("\u{e0041}\u{e0041}\ud83d\ud83d"), [
    "U+E0041 TAG A ×2",
    "U+D83D half of a surrogate pair ×2",
  ]);
  // The second half belongs to the pair that follows.
  assert.deepEqual(visibleSegments("\ud83d\ud83d\ude00"), [
    { text: "\ud83d", hidden: "U+D83D half of a surrogate pair" },
    { text: "\ud83d\ude00", hidden: null },
  ]);
});

Deno.test("confusableMark() tells a name that imitates another one", () => {
  assert.equal(confusableMark("p\u0430ypal"), "“\u0430” (U+0430, Cyrillic) looks like “a”");
  assert.equal(confusableMark("g\u03bf\u03bfgle"), "“\u03bf” (U+03BF, Greek) looks like “o”");
  assert.equal(
    confusableMark("\u0430\u0441\u0435-1"),
    "Is written in Cyrillic letters that look like the Latin “ace-1”",
  );
  assert.equal(confusableMark("acm\uff45"), "“\uff45” (U+FF45) looks like “e”");
  assert.equal(
    confusableMark("server-\u0436"),
    "Mixes Latin letters with Cyrillic ones such as “\u0436” (U+0436)",
  );
});

Deno.test("confusableMark() has nothing to say of honest names in any script", () => {
  for (const text of ["", "acme-1", "Größe", "сервер-7", "Αθήνα", "日本", "עברית", "naïve", "m²"]) {
    assert.equal(confusableMark(text), null, text);
  }
});

Deno.test("visibleText() writes out what visibleSegments() names, and nothing else", () => {
  fc.assert(fc.property(anyText, (text) => {
    const expected = visibleSegments(text).map(({ text: part, hidden }) =>
      hidden === null ? part : `⟨${hidden.split(" ")[0]}⟩`.repeat([...part].length)
    ).join("");
    assert.equal(visibleText(text, { lines: true }), expected);
    assert.equal(visibleText(visibleText(text)), visibleText(text));
  }));
});

Deno.test("visibleText() writes out line ends and tabs where a text is one line", () => {
  assert.equal(visibleText("pay\u202e001\u202c now"), "pay⟨U+202E⟩001⟨U+202C⟩ now");
  assert.equal(visibleText("\ud800 😀 \udc00"), "⟨U+D800⟩ 😀 ⟨U+DC00⟩");
  assert.equal(visibleText(" plain é "), " plain é ");
  assert.equal(visibleText("a\r\n\tb"), "a⟨U+000D⟩⟨U+000A⟩⟨U+0009⟩b");
  assert.equal(visibleText("a\n\tb", { lines: true }), "a\n\tb");
});

Deno.test("pages, mail, push and titles agree on every character that is hidden", () => {
  for (let code = 0; code < 0xe0200; code++) {
    const character = String.fromCodePoint(code);
    // Line ends are a space where there is one line.
    if (/[\n-\r\x85\u2028\u2029]/.test(character)) continue;
    const text = `a${character}b`;
    const onPage = visibleSegments(text).some(({ hidden }) => hidden !== null);
    const { mail, push } = alertText("new_request", {
      approval: "apr_1",
      reference: "REF-1",
      tool: "t",
      reason: text,
      dangers: null,
      outcome: null,
      expires_at: 0,
      origin: "https://countersign.example",
    });
    for (
      const written of [visibleLine(text), mail.text, push.body, subjectLine({ subject: text })]
    ) {
      if (written.includes("⟨U+") !== onPage) assert.fail(`U+${code.toString(16)}: ${written}`);
    }
  }
});

Deno.test("visibleLine() is one line, cut between characters", () => {
  assert.equal(visibleLine(" a \r\n\t b\n"), "a b");
  assert.equal(visibleLine("a\u2028b\ufeffc"), "a b⟨U+FEFF⟩c");
  assert.equal(visibleLine("🎉🎉🎉", 3), "🎉🎉🎉");
  assert.equal(visibleLine("🎉🎉🎉🎉", 3), "🎉🎉…");
});

Deno.test("withinQuotes() leaves nothing by which a name ends its quotation marks", () => {
  const forged = withinQuotes('Editor” was verified by Countersign. "A" «B» „C‟ ＂');
  assert.equal(forged, "Editor’ was verified by Countersign. ’A’ ’B’ ’C’ ’");
  assert.equal(withinQuotes("Ann's editor"), "Ann's editor");
});
