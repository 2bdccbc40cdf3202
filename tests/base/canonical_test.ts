import canonicalize from "canonicalize";
import fc from "fast-check";
import assert from "node:assert/strict";
import { canonicalBytes, canonicalForm, canonicalJson } from "../../lib/base/canonical.ts";
import { isDeeper, type JsonValue } from "../../lib/base/json.ts";
import { jsonObject, jsonValue, objectOf, reversed } from "../helpers/arbitrary_json.ts";

Deno.test("canonicalJson() equals an independent implementation for any value", () => {
  fc.assert(
    fc.property(jsonValue, (value) => assert.equal(canonicalJson(value), canonicalize(value))),
    { numRuns: 1000 },
  );
});

Deno.test("canonicalJson() equals an independent implementation for any double", () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      (value) => assert.equal(canonicalJson(value), canonicalize(value)),
    ),
    { numRuns: 1000 },
  );
});

Deno.test("canonicalJson() is idempotent, blind to member order, and leaves its input alone", () => {
  fc.assert(fc.property(jsonObject, (value) => {
    const before = JSON.stringify(value);
    const text = canonicalJson(value);
    assert.equal(canonicalJson(JSON.parse(text)), text);
    assert.equal(canonicalJson(reversed(value)), text);
    assert.equal(JSON.stringify(value), before);
  }));
});

Deno.test("canonicalForm() gives the text, and the value as whoever parses that has it", () => {
  fc.assert(fc.property(jsonObject, (value) => {
    const form = canonicalForm(value);
    assert.equal(form.text, canonicalJson(value));
    assert.equal(JSON.stringify(form.value), JSON.stringify(JSON.parse(form.text)));
    const again = canonicalForm(form.value);
    assert.equal(again.text, form.text);
  }));
  const ordered = { a: [1, { b: 2 }], c: "d" };
  assert.equal(canonicalForm(ordered).value, ordered, "not taken apart");
  assert.throws(() => canonicalForm({ a: "\ud800" }), TypeError);
});

Deno.test("isDeeper() counts the levels of arrays and objects alike", () => {
  const levels = (value: JsonValue): number =>
    typeof value !== "object" || value === null
      ? 0
      : 1 + Math.max(0, ...Object.values(value).map(levels));
  fc.assert(fc.property(jsonObject, fc.nat(6), (value, most) => {
    assert.equal(isDeeper(value, most), levels(value) > most);
    assert.equal(isDeeper([[], value], most), 1 + levels(value) > most || most < 2);
  }));
});

Deno.test("canonicalJson() writes the numbers of RFC 8785 appendix B", () => {
  const samples: [ieee754: string, text: string][] = [
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555554", "333333333.33333325"],
    ["41b3de4355555555", "333333333.3333333"],
    ["41b3de4355555556", "333333333.3333334"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ];
  for (const [ieee754, text] of samples) {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt(`0x${ieee754}`));
    assert.equal(canonicalJson(view.getFloat64(0)), text, ieee754);
  }
  for (const value of [NaN, Infinity, -Infinity]) {
    assert.throws(() => canonicalJson({ value }), new TypeError(`Number ${value} is not JSON`));
  }
});

Deno.test("canonicalJson() sorts names by UTF-16 units, not by code points or value", () => {
  // RFC 8785 section 3.2.3: the astral name sorts by its high surrogate, before U+FB33.
  const names = ["€", "\r", "\ufb33", "1", "😀", "\u0080", "ö", "10", "9", "__proto__", ""];
  const sorted = ["", "\r", "1", "10", "9", "__proto__", "\u0080", "ö", "€", "😀", "\ufb33"];
  const expected = `{${sorted.map((name) => `${JSON.stringify(name)}:0`).join()}}`;
  assert.equal(canonicalJson(objectOf(names.map((name) => [name, 0]))), expected);
  assert.equal(
    canonicalJson({ z: [objectOf(names.map((name) => [name, 0]))], a: 1 }),
    `{"a":1,"z":[${expected}]}`,
  );
});

Deno.test("canonicalJson() sorts objects of every size and depth", () => {
  for (const size of [0, 1, 2, 24, 25, 60]) {
    const names = Array.from({ length: size }, (_, index) => `k${(index * 37) % 101}`);
    const value = objectOf(names.map((name) => [name, { b: [{ d: 1, c: 2 }], a: name }]));
    assert.equal(canonicalJson(value), canonicalize(value));
  }
  assert.equal(
    canonicalJson({ a: 1, b: { d: 1, c: 2 }, c: [1, { b: 1, a: 2 }] }),
    `{"a":1,"b":{"c":2,"d":1},"c":[1,{"a":2,"b":1}]}`,
  );
});

Deno.test("canonicalJson() escapes what RFC 8785 says and nothing else", () => {
  assert.equal(
    canonicalJson('\b\t\n\f\r"\\/\u0000\u001f\u007f\u2028€😀\\ud800'),
    `"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\u007f\u2028€😀\\\\ud800"`,
  );
});

Deno.test("canonicalJson() throws for what is not JSON", () => {
  const cases: [value: unknown, message: RegExp][] = [
    [undefined, /type undefined is not JSON/],
    [{ a: 1, b: undefined }, /Member "b" is undefined/],
    [{ b: undefined, a: 1 }, /Member "b" is undefined/],
    [{ "1": undefined }, /Member "1" is undefined/],
    [[1, undefined], /Member 1 is undefined/],
    [new Array(1), /Member 0 is undefined/],
    [{ "1": [undefined] }, /Member 0 is undefined/],
    [{ a: 1n }, /type bigint is not JSON/],
    [{ a: () => 1 }, /type function is not JSON/],
    [{ toJSON: () => 1 }, /type function is not JSON/],
    [{ "1": Symbol() }, /type symbol is not JSON/],
    [{ at: new Date(0) }, /class Date is not JSON/],
    [new Uint8Array(2), /class Uint8Array is not JSON/],
    [new Map(), /class Map is not JSON/],
    ["\ud800", /lone surrogate/],
    [["\ude00\ud83d"], /lone surrogate/],
    [{ "\ud800": 1 }, /lone surrogate/],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => canonicalJson(value as JsonValue), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("canonicalJson() writes an object without prototype", () => {
  assert.equal(canonicalJson(Object.assign(Object.create(null), { b: 1, a: 2 })), `{"a":2,"b":1}`);
});

Deno.test("canonicalBytes() is the UTF-8 of canonicalJson()", () => {
  assert.deepEqual(canonicalBytes({ b: "€", a: 1 }), new TextEncoder().encode(`{"a":1,"b":"€"}`));
});
