import fc from "fast-check";
import assert from "node:assert/strict";
import { linearPattern } from "../../lib/schema/pattern.ts";

function matches(source: string, text: string): boolean {
  const pattern = linearPattern(source);
  assert.ok(typeof pattern === "object", `${source}: ${pattern}`);
  return pattern.test(text);
}

/** Holds each text to what the language's own engine says, as validators of JSON Schema do. */
function agrees(source: string, texts: readonly string[]): void {
  const native = new RegExp(source, "u");
  for (const text of texts) {
    assert.equal(matches(source, text), native.test(text), `${source} on ${JSON.stringify(text)}`);
  }
}

const ODD_CHARACTERS = [
  ..."aAbzZ09_-.@ /é😀ſ\u212a\t\n\r\v\f\0",
  "\u0085",
  "\u00a0",
  "\u180e",
  "\u2003",
  "\u2028",
  "\u2029",
  "\ufeff",
  "\ud83d",
  "\ude00",
];

Deno.test("linearPattern() means by each class what ECMA-262 means, for one character and in a text", () => {
  const atoms = [".", "\\s", "\\S", "\\d", "\\D", "\\w", "\\W", "[^]", "[]", "[\\b]", "[^\\s\\d]"];
  atoms.push(
    "\\p{L}",
    "\\P{Lu}",
    "\\p{Script=Latin}",
    "\\p{Alphabetic}",
    "[\\p{Nd}_-]",
    "\\u{1F600}",
  );
  atoms.push(
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\x41",
    "\\cJ",
    "\\0",
    "[a-z]",
    "[^\\r\\n]",
    "😀",
    "[😀é]",
  );
  for (const atom of atoms) {
    agrees(`^${atom}$`, ODD_CHARACTERS);
    agrees(`^x${atom}{2}`, ODD_CHARACTERS.map((character) => `x${character}${character}`));
  }
});

Deno.test("linearPattern() knows the ends of the text, not of lines, and the edges of words", () => {
  const texts = ["a", "a\n", "\na", "a\r\nb", "ab a", "a-b", "éa", "a😀", "", "b"];
  for (
    const source of ["^a$", "a$", "^a", "\\ba\\b", "\\Ba", "a\\B", "$^", "^", "(?:^|,)a(?:,|$)"]
  ) {
    agrees(source, texts);
  }
});

Deno.test("a header guard with a dot refuses every line end", () => {
  for (const source of ["^X-[A-Za-z-]+: .{1,40}$", "^X-[\\w-]+: [^\\r\\n]*$", "^X-A:.*$"]) {
    assert.ok(matches(source, "X-A: b"));
    assert.ok(!matches(source, "X-A: b\rSet-Cookie: x=1"), source);
    assert.ok(!matches(source, "X-A: b\nc"), source);
  }
  assert.ok(!matches("^X-A: .*$", "X-A: b\u2028c"));
});

Deno.test("look-aheads right after ^ are patterns of their own", () => {
  agrees("^(?!\\.)(?!.*\\.\\.)([\\w'+\\-.]*)[\\w+-]@([A-Za-z0-9][A-Za-z0-9-]*\\.)+[A-Za-z]{2,}$", [
    "a.b@c.co",
    ".a@b.co",
    "a..b@b.co",
    "a@b..co",
    "ab.co",
  ]);
  agrees("^(?!\\s*$).+", ["a", "  ", "", " a", "\u00a0"]);
  agrees("^(?=.*[A-Z])(?=.*\\d)(?=.*[^\\w\\s]).{8,}$", [
    "Abcdefg1!",
    "Abcdefg1",
    "bcdefg1!",
    "A1!",
  ]);
  agrees("^(?!con$|prn$)[a-z]+$|^(?=x)[^a]*$", ["con", "cona", "x1", "xa1", "prn", "y1"]);
  agrees("(?:^(?!a)|b)c", ["c", "bc", "ac", "abc"]);
  assert.match(String(linearPattern("^(?=a)*b")), /repeats a look-ahead|not a pattern/);
});

Deno.test("counts have no limit of their own where they count one set of characters", () => {
  const lengths = [0, 1, 19, 20, 1000, 1001, 1024, 1025, 2048, 2049];
  const texts = lengths.map((length) => "x".repeat(length));
  for (
    const count of ["{1,1024}", "{20,2048}", "{1001}", "{1001,}", "{0}", "{1024}?"]
  ) {
    agrees(`^[\\w+=,.@:/-]${count}$`, texts);
    agrees(`^x${count}y?$`, texts);
  }
  agrees("^(?:[a-z]{1,1200}-?){1,3}$", ["a".repeat(3600), "a".repeat(3601), "a-".repeat(4)]);
  assert.ok(matches("^.{0,65535}$", "x".repeat(65_535)));
  assert.ok(!matches("^.{0,65535}$", "x".repeat(65_536)));
  assert.ok(matches("^\\d{100000}$", "7".repeat(100_000)));
  assert.ok(!matches("^\\d{100000}$", "7".repeat(99_999)));
});

Deno.test("a pattern that is valid only without the flag u is read so; another language's is refused", () => {
  assert.ok(matches("^[\\w-.]+\\@x$", "a-b.c@x"));
  assert.ok(matches("^a{,3}\\-]$", "a{,3}-]"));
  assert.ok(matches("(?i)^abc$", "aBC"));
  assert.ok(matches("^(?i:ab)c$", "ABc"));
  for (
    const source of [
      "\\Aab\\z",
      "\\pL",
      "[[:alpha:]]+",
      "(?P<n>a)",
      "\\Qa\\E",
      "a++",
      "^*",
      "a{2}{3}",
    ]
  ) {
    const refusal = linearPattern(source);
    assert.match(String(refusal), /ECMA-262|not a pattern/, source);
  }
});

/** Patterns of few characters and every construct, and texts in which they often match. */
const atom = fc.constantFrom(
  ...[
    "a",
    "b",
    "_",
    ".",
    "\\s",
    "\\S",
    "\\d",
    "\\w",
    "\\W",
    "[ab]",
    "[^a]",
    "[^]",
    "[]",
    "\\b",
    "é",
  ],
  ...[
    "\\u{1F600}",
    "😀",
    "\\n",
    "\\x61",
    "\\p{L}",
    "\\P{L}",
    "[\\p{Lu}\\d]",
    "\\.",
    "[^\\r\\n]",
    "^",
    "$",
  ],
);
const quantifier = fc.constantFrom(
  "",
  "",
  "",
  "*",
  "+",
  "?",
  "{2}",
  "{0,2}",
  "{1,3}?",
  "{2,}",
  "{0}",
);
const ASSERTIONS = ["\\b", "^", "$"];
const { source } = fc.letrec<{ source: string; part: string }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 2 },
    {
      weight: 5,
      arbitrary: fc.tuple(atom, quantifier).map(([a, q]) => ASSERTIONS.includes(a) ? a : a + q),
    },
    { weight: 2, arbitrary: fc.tuple(tie("source"), quantifier).map(([s, q]) => `(?:${s})${q}`) },
    { weight: 1, arbitrary: fc.tuple(tie("source"), tie("source")).map(([s, t]) => `(${s}|${t})`) },
  ),
  source: fc.array(tie("part"), { minLength: 1, maxLength: 4 }).map((parts) => parts.join("")),
}));
const lead = fc.oneof(
  fc.constantFrom("", "^"),
  fc.tuple(fc.constantFrom("(?=", "(?!"), source).map(([look, body]) => `^${look}${body})`),
  fc.tuple(source, source).map(([one, two]) => `^(?=.*${one})(?!${two})`),
);
const text = fc.array(fc.constantFrom(..."ab_.é😀\n\r \u2028\u00a0\ufeff1-"), { maxLength: 8 })
  .map((characters) => characters.join(""));

Deno.test("linearPattern() agrees with the language's own engine on any pattern that it takes", () => {
  fc.assert(
    fc.property(
      lead,
      source,
      fc.constantFrom("", "$"),
      fc.array(text, { minLength: 8, maxLength: 8 }),
      (start, body, end, texts) => {
        agrees(start + body + end, texts);
      },
    ),
    { seed: 20240514, numRuns: 1000 },
  );
});
