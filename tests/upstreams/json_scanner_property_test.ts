import fc from "fast-check";
import assert from "node:assert/strict";
import { systemTimer } from "../../lib/store/system.ts";
import { readForeign } from "../../lib/upstreams/foreign_json.ts";
import { MAX_VALUES, Scanner } from "../../lib/upstreams/json_scanner.ts";
import { jsonValue } from "../helpers/arbitrary_json.ts";
import { runs } from "../helpers/property_runs.ts";

/** The scanner of foreign JSON, beside the parser of the platform. */

const encoder = new TextEncoder();

/** What the platform says of a text. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What the scanner says of it, in steps of so many bytes. */
function scanned(text: string, step: number): string | null {
  const scanner = new Scanner(encoder.encode(text));
  for (let until = 0;; until += step) {
    const fault = scanner.run(until);
    if (fault !== null || scanner.isDone) return fault;
  }
}

const ODD = fc.constantFrom(
  ...'{}[]:,"\\ \t\n\r0123456789-+.eEtrufalsn\u0000\u001f\u007f\u2028é/bx'.split(""),
  ...["\\u00e9", "\\ud800", "\\u00g0", "\\x", "true", "nul", "1e5", "01", "-", "1.", ".5", "//"],
);

/** JSON in which something was put, taken out or doubled, so that it may be none any more. */
const nearJson = fc.record({
  value: jsonValue,
  space: fc.constantFrom("", " ", "\n"),
  at: fc.nat(),
  out: fc.nat(3),
  put: fc.array(ODD, { maxLength: 3 }),
}).map(({ value, space, at, out, put }) => {
  const text = JSON.stringify(value, null, space);
  const place = at % (text.length + 1);
  return text.slice(0, place) + put.join("") + text.slice(place + out);
});

/** A text of which a member of an object that is looked into may stand twice is another matter. */
const inArray = (text: string) => `[${text}]`;

Deno.test("G11: scanner: it takes what JSON.parse takes and nothing else, whatever steps it goes in", () => {
  fc.assert(
    fc.property(
      fc.oneof(nearJson, fc.array(ODD, { maxLength: 8 }).map((parts) => parts.join(""))),
      fc.integer({ min: 1, max: 30 }),
      (text, step) => {
        const whole = inArray(text.toWellFormed());
        assert.equal(scanned(whole, step), isJson(whole) ? null : "malformed", whole);
      },
    ),
    runs(3000),
  );
});

Deno.test("scanner: each of these is what JSON.parse says that it is", () => {
  const texts = [
    ..."0 -0 -1 1.5 1e5 1E+5 1e-05 0.10 01 -01 1. .5 1e 1e+ - -a +1 0x1 1a NaN Infinity".split(" "),
    ...'"" "a" "\\"" "\\\\" "\\/" "\\b\\f\\n\\r\\t" "\\u00E9" "\\ud800" "\\u12" "\\u12g4" "\\a" "\\'
      .split(" "),
    ...["true", "false", "null", "tru", "truex", "True", '"\t"', '"\u007f"', '"\u2028"', '"a'],
    ...[
      "",
      " ",
      "{}",
      "[]",
      "{ }",
      "[ ]",
      "[,]",
      "[1,]",
      "[1 2]",
      "{,}",
      '{"a"}',
      '{"a":}',
      "{a:1}",
    ],
    ...[
      '{"a":1,}',
      '{"a":1 "b":2}',
      "{1:2}",
      "[1}",
      '{"a":1]',
      "[[]",
      "[]]",
      "[1],",
      "[1]x",
      "\ufeff[]",
    ],
    ...["[1]\n", "\u00a0[1]", "[\u000b1]", "[1]\u0000", "[nullnull]", "[-0.0e-0]"],
  ];
  for (const text of texts) {
    assert.equal(scanned(text, 1), isJson(text) ? null : "malformed", JSON.stringify(text));
  }
  assert.equal(scanned("[".repeat(64) + "]".repeat(64), 7), null);
  assert.equal(scanned("[".repeat(65) + "]".repeat(65), 7), "too_many_values");
  assert.equal(scanned("[".repeat(100_000), 1000), "too_many_values");
  assert.equal(scanned(`[${"0,".repeat(MAX_VALUES)}0]`, 1000), "too_many_values");
});

Deno.test("foreign JSON: what is no UTF-8 is none", async () => {
  for (
    const bytes of [[0xff], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf5, 0x80, 0x80, 0x80], [
      0xe2,
      0x82,
    ]]
  ) {
    const text = Uint8Array.from([...encoder.encode('{"a":"'), ...bytes, ...encoder.encode('"}')]);
    assert.equal(await readForeign(text, systemTimer), "malformed");
  }
});

Deno.test("foreign JSON: content is typed where each of its blocks is an object with a type", async () => {
  const block = fc.oneof(
    fc.constantFrom(
      '{"type":"text"}',
      '{"a":{"type":1},"type":"x"}',
      '{"\\u0074ype":"x"}',
      '{"type":1,"type":"x"}',
    ),
    fc.constantFrom(
      '{"type":1}',
      '{"type":"x","type":1}',
      "{}",
      '{"a":{"type":"x"}}',
      "[]",
      '"type"',
    ),
    fc.constantFrom('{"b":["type","x"]}', "null", '[{"type":"x"}]', '{"type":{"type":"x"}}'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(block, { maxLength: 4 }),
      fc.constantFrom("", " "),
      async (all, space) => {
        const content = `[${all.join(`,${space}`)}]`;
        const text = `{"id":1,"result":{"x":[1],${space}"content":${content},"y":[{}]}}`;
        const read = await readForeign(encoder.encode(text), systemTimer);
        assert(typeof read !== "string", read as string);
        const expected = JSON.parse(content).every((one: unknown) =>
          typeof one === "object" && one !== null && !Array.isArray(one) && "type" in one &&
          typeof one.type === "string"
        );
        assert.equal(read.isTyped("result", "content"), expected, content);
        assert.equal(
          new TextDecoder().decode(read.part("result", "content") ?? undefined),
          content,
        );
      },
    ),
    runs(300),
  );
});

Deno.test("foreign JSON: of _meta each member is told by itself, and long parts make no values", async () => {
  const text =
    '{"result":{"_meta":{"a":{"n":1.50},"b" : [9007199254740993]},"more":{"_meta":{"c":1}}}}';
  const read = await readForeign(encoder.encode(text), systemTimer);
  assert(typeof read !== "string");
  const textOf = (...path: string[]) => new TextDecoder().decode(read.part(...path) ?? undefined);
  assert.deepEqual(read.names("result", "_meta"), ["a", "b"]);
  assert.equal(textOf("result", "_meta", "a"), '{"n":1.50}');
  assert.equal(textOf("result", "_meta", "b"), "[9007199254740993]");
  assert.deepEqual(read.names("result"), ["_meta", "more"]);
  assert.equal(read.names("result", "more"), null);
  assert.equal(read.part("result", "more", "_meta"), null);
  const twice = encoder.encode('{"result":{"_meta":{"a":1,"a":2}}}');
  assert.equal(await readForeign(twice, systemTimer), "malformed");
  const long = encoder.encode(JSON.stringify({ id: "x".repeat(70_000), method: "x" }));
  const found = await readForeign(long, systemTimer);
  assert(typeof found !== "string");
  assert.deepEqual([found.small("id"), found.small("method"), found.small("none")], [
    null,
    "x",
    undefined,
  ]);
});
