import fc from "fast-check";
import assert from "node:assert/strict";
import { canonicalJson } from "../../lib/base/canonical.ts";
import { parseStrictJson } from "../../lib/base/strict_json.ts";
import { decodeUtf8 } from "../../lib/base/text.ts";
import { jsonValue } from "../helpers/arbitrary_json.ts";

/** `ok`, or code and path. */
function verdict(text: string, maxDepth?: number): string {
  const result = parseStrictJson(text, maxDepth === undefined ? {} : { maxDepth });
  return result.ok ? "ok" : `${result.code} ${result.path}`;
}

function message(text: string): string {
  const result = parseStrictJson(text);
  return result.ok ? "ok" : result.message;
}

Deno.test("parseStrictJson() answers the value of JSON.parse when the text is sound", () => {
  const texts = [
    "null",
    " true\r\n\t",
    "false",
    `""`,
    `"\\"\\\\\\/\\b\\f\\n\\r\\t\\u20aC"`,
    "[]",
    "{}",
    "[ ]",
    "{ }",
    "[[],{},[{}]]",
    `{"a" : [ 1 , -2.5e-3 , {"b":null} ] , "c":{"a":"a"}}`,
    `{"":{"":1}}`,
    `"😀 \\ud83d\\ude00"`,
  ];
  for (const text of texts) {
    assert.deepEqual(parseStrictJson(text), { ok: true, value: JSON.parse(text) }, text);
  }
});

Deno.test("parseStrictJson() keeps __proto__ and constructor as own members", () => {
  const result = parseStrictJson(`{"__proto__":{"admin":true},"constructor":1,"toString":2}`);
  assert.ok(result.ok);
  assert.deepEqual(Object.entries(result.value as object), [
    ["__proto__", { admin: true }],
    ["constructor", 1],
    ["toString", 2],
  ]);
  assert.equal(Object.getPrototypeOf(result.value), Object.prototype);
  assert.equal(verdict(`{"__proto__":1,"__proto__":2}`), "duplicate_key /__proto__");
});

Deno.test("parseStrictJson() refuses bad syntax and names the position", () => {
  const cases: [text: string, path: string, part: string][] = [
    ["", "", "Text ends where a value should be, at position 0"],
    ["  ", "", "position 2"],
    ["{", "", "Text ends where a member name"],
    [`{"a"`, "", `":" should be, at position 4`],
    [`{"a":`, "/a", "position 5"],
    [`{"a":1`, "/a", `"," or "}" should be, at position 6`],
    [`{"a":1,}`, "", `Found "}" instead of a member name in double quotes at position 7`],
    [`{"a":1 "b":2}`, "/a", "position 7"],
    [`{a:1}`, "", "position 1"],
    [`{'a':1}`, "", "position 1"],
    ["[1,]", "/1", "position 3"],
    ["[,]", "/0", "position 1"],
    ["[1}", "/0", `instead of "," or "]" at position 2`],
    [`{"a":[1]]`, "/a", "position 8"],
    ["[1 2]", "/0", "position 3"],
    ["1 2", "", "instead of the end at position 2"],
    ["]", "", "position 0"],
    ["01", "", "position 1"],
    ["-", "", "Text ends where a digit should be, at position 1"],
    ["+1", "", "position 0"],
    [".5", "", "position 0"],
    ["1.", "", "position 2"],
    ["1.e2", "", "position 2"],
    ["1e", "", "position 2"],
    ["1e+", "", "position 3"],
    ["--1", "", "position 1"],
    ["0x10", "", "position 1"],
    ["NaN", "", "position 0"],
    ["tru", "", "position 0"],
    ["nulll", "", "position 4"],
    [`"a`, "", "no closing quote; it starts at position 0"],
    [`"\\x"`, "", "position 1"],
    [`"\\`, "", "position 1"],
    [`"\\u12G4"`, "", "position 1"],
    [`"\\u12`, "", "position 1"],
    [`"a\nb"`, "", "Control character U+000A must be escaped in a string at position 2"],
    ["\ufeff1", "", `Found "⟨U+FEFF⟩" instead of a value at position 0`],
    ["[1\u00a0]", "/0", "position 2"],
    ["// a\n1", "", "position 0"],
  ];
  for (const [text, path, part] of cases) {
    assert.throws(() => JSON.parse(text), SyntaxError, text);
    assert.equal(verdict(text), `malformed_json ${path}`, text);
    assert.ok(message(text).includes(part), `${text}: ${message(text)}`);
  }
});

Deno.test("parseStrictJson() refuses a member name twice in one object, after unescaping", () => {
  assert.equal(verdict(`{"a":1,"a":1}`), "duplicate_key /a");
  assert.equal(verdict(`{"a":1,"\\u0061":2}`), "duplicate_key /a");
  assert.equal(verdict(`{"\\/":1,"/":2}`), "duplicate_key /~1");
  assert.equal(verdict(`{"x":[0,{"b~":1,"c":{},"b\\u007e":2}]}`), "duplicate_key /x/1/b~0");
  assert.equal(verdict(`{"😀":1,"\\ud83d\\ude00":2}`), "duplicate_key /😀");
  assert.equal(verdict(`{"":1,"":2}`), "duplicate_key /");
  assert.equal(verdict(`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`), "ok");
  assert.equal(verdict(`{"é":1,"e\u0301":2}`), "ok", "names are compared byte for byte");
  assert.equal(
    message(`{"a":1, "a":2}`),
    `Member name "a" at position 8 is already in this object; send each name once`,
  );
});

Deno.test("parseStrictJson() finds a duplicate among many names", () => {
  for (const size of [7, 8, 9, 10, 500]) {
    const members = Array.from({ length: size }, (_, index) => `"n${index}":${index}`);
    assert.equal(verdict(`{${members.join()}}`), "ok");
    for (const twin of [0, size - 1]) {
      assert.equal(verdict(`{${members.join()},"n${twin}":0}`), `duplicate_key /n${twin}`);
    }
  }
});

Deno.test("parseStrictJson() refuses lone surrogates in strings and names", () => {
  const half = "invalid_request ";
  assert.equal(verdict(`"\\ud83d"`), half);
  assert.equal(verdict(`"\\uDE00\\uD83D"`), half);
  assert.equal(verdict(`"\ud83d"`), half);
  assert.equal(verdict(`["a","\udc00"]`), `${half}/1`);
  assert.equal(verdict(`{"\\ud800":1}`), half);
  assert.equal(verdict(`{"a":"\\ud83dx\\ude00"}`), `${half}/a`);
  assert.equal(verdict(`"\\ud83d\\ude00"`), "ok");
  assert.equal(verdict(`"\ud83d\\ude00"`), "ok", "half raw, half escaped is a whole character");
  assert.equal(verdict(`"\\\\ud83d"`), "ok", "a backslash and five letters");
});

Deno.test("parseStrictJson() accepts numbers that a double holds", () => {
  const sound =
    "0 -0 0.0 -0.0e5 1.10 1e2 1E+2 9007199254740991 -9007199254740991 0.1 123456789012345 " +
    "9007199254740991.000 90071992547409910e-1 1.7976931348623157e308 5e-324 1E30 1e21 2e-3 " +
    "0.000000000000000000000000001 333333333.3333333 0e999999999999999999999 0.30000000000000004";
  for (const text of sound.split(" ")) {
    assert.deepEqual(parseStrictJson(text), { ok: true, value: Number(text) }, text);
  }
});

Deno.test("parseStrictJson() refuses numbers that would change", () => {
  const unsound =
    "9007199254740992 -9007199254740992 9007199254740993 9007199254740992.0 1e16 1e20 " +
    "1000000000000000000000 1e400 -1e400 1e-400 0.12345678901234567890 0.1000000000000000055 " +
    "333333333.33333329 1.7976931348623158e308 1e999999999999999999999 2e-324 4503599627370497.51";
  for (const text of unsound.split(" ")) {
    assert.equal(verdict(`{"n":${text}}`), "invalid_request /n", text);
  }
  assert.equal(
    message("9007199254740993"),
    "Integer 9007199254740993 is beyond ±9007199254740991; send it as a string",
  );
  assert.equal(
    message("1e400"),
    "Number 1e400 does not fit a double exactly (nearest: Infinity); " +
      "send it as a string or with fewer digits",
  );
});

Deno.test("parseStrictJson() refuses what nests deeper than maxDepth", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  assert.equal(verdict(nested(64)), "ok");
  assert.equal(verdict(nested(65)), `invalid_request ${"/0".repeat(64)}`);
  assert.equal(verdict("1", 0), "ok");
  assert.equal(verdict("[]", 0), "invalid_request ");
  assert.equal(verdict(`{"a":[[],[{}]]}`, 3), "invalid_request /a/1/0");
  assert.equal(verdict(`{"a":[[],[{}]]}`, 4), "ok");
  assert.equal(verdict(nested(100_000), 200_000), "ok", "no recursion");
});

Deno.test("parseStrictJson() refuses floods at the first place", () => {
  assert.equal(verdict("[".repeat(256 * 1024)), `invalid_request ${"/0".repeat(64)}`);
  assert.equal(verdict(`{"a":`.repeat(10_000)), `invalid_request ${"/a".repeat(64)}`);
  assert.equal(verdict("9".repeat(256 * 1024)), "invalid_request ");
  assert.equal(verdict(`0.${"0".repeat(256 * 1024)}1`), "invalid_request ");
  assert.ok(message("9".repeat(256 * 1024)).length < 200);
  assert.ok(message(`{"${"k".repeat(9999)}":1,"${"k".repeat(9999)}":1}`).length < 200);
});

Deno.test("parseStrictJson() gives back any value from its canonical text", () => {
  fc.assert(fc.property(jsonValue, (value) => {
    const text = canonicalJson(value);
    const result = parseStrictJson(text);
    if (result.ok) return assert.deepEqual(result.value, JSON.parse(text));
    // Only a double that RFC 8785 prints as a large integer may be refused.
    assert.match(result.message, /^Integer -?\d{16,21} is beyond/);
  }));
});

const indent = fc.constantFrom("", " ", "\t");
const damage = fc.record({
  at: fc.nat(),
  remove: fc.nat({ max: 2 }),
  insert: fc.constantFrom(...'{}[],:"\\0-1.eE+tfnu \u0000\ud83d\u2028', "\\u", '"a":1', ""),
});

Deno.test("parseStrictJson() calls malformed only what JSON.parse refuses, and accepts the same", () => {
  const check = (text: string) => {
    const result = parseStrictJson(text);
    if (result.ok) return assert.deepEqual(result.value, JSON.parse(text));
    if (result.code === "malformed_json") assert.throws(() => JSON.parse(text), SyntaxError, text);
    else assert.ok(result.message.length > 0 && result.path.isWellFormed());
  };
  fc.assert(
    fc.property(jsonValue, indent, fc.array(damage, { maxLength: 3 }), (value, space, damages) => {
      let text = JSON.stringify(value, null, space);
      for (const { at, remove, insert } of damages) {
        const from = at % (text.length + 1);
        text = text.slice(0, from) + insert + text.slice(from + remove);
      }
      check(text);
    }),
    { numRuns: 1000 },
  );
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'{}[],:"\\01-.e a') }), check), {
    numRuns: 1000,
  });
});

Deno.test("decodeUtf8() decodes UTF-8 and refuses anything else", () => {
  const bytes = (...parts: (string | number)[]) =>
    Uint8Array.from(
      parts.flatMap((part) =>
        typeof part === "number" ? part : [...new TextEncoder().encode(part)]
      ),
    );
  const refused = (message: string) => ({ ok: false, code: "malformed_json", path: "", message });

  assert.deepEqual(decodeUtf8(bytes(`"é€😀\ufffd"`)), { ok: true, text: `"é€😀\ufffd"` });
  assert.deepEqual(decodeUtf8(bytes()), { ok: true, text: "" });
  assert.deepEqual(decodeUtf8(bytes(`"\ufeff"`)), { ok: true, text: `"\ufeff"` });
  assert.deepEqual(
    decodeUtf8(bytes("\ufeff{}")),
    refused("Text starts with a byte order mark; leave it out"),
  );
  const cases: [Uint8Array, number][] = [
    [bytes('"a', 0xff, '"'), 2],
    [bytes("é€😀\ufffd", 0xc0, 0xaf), 12],
    [bytes(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80), 0],
    [bytes("ab", 0xe2, 0x82), 2],
  ];
  for (const [bad, at] of cases) {
    assert.deepEqual(
      decodeUtf8(bad),
      refused(`Text is not UTF-8 at byte ${at}; send JSON as UTF-8`),
    );
  }
  assert.deepEqual(decodeUtf8(bytes("ok")), { ok: true, text: "ok" }, "after a refusal");
});
