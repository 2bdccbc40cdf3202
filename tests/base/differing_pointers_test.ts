import fc from "fast-check";
import assert from "node:assert/strict";
import { canonicalJson } from "../../lib/base/canonical.ts";
import { differingPointers, type JsonValue } from "../../lib/base/json.ts";
import { jsonValue, objectOf, reversed } from "../helpers/arbitrary_json.ts";

Deno.test("differingPointers() names the deepest places, sorted", () => {
  const cases: [a: JsonValue, b: JsonValue, pointers: string[]][] = [
    [1, 1, []],
    [0, -0, []],
    [1, 2, [""]],
    [null, {}, [""]],
    [[], {}, [""]],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, []],
    [{ a: 1, b: { c: [1, 2] } }, { a: 2, b: { c: [1, 3] } }, ["/a", "/b/c/1"]],
    [{ a: 1 }, {}, ["/a"]],
    [{}, { a: null }, ["/a"]],
    [[1, 2], [1], ["/1"]],
    [[1], [2, 3, 4], ["/0", "/1", "/2"]],
    [{ a: { b: 1 } }, { a: [1] }, ["/a"]],
    [{ "a/b": 1, "c~d": 1, "": 1 }, {}, ["/", "/a~1b", "/c~0d"]],
    [{}, { constructor: 1, toString: 2 }, ["/constructor", "/toString"]],
    [objectOf([["__proto__", { x: 1 }]]), objectOf([["__proto__", { x: 2 }]]), ["/__proto__/x"]],
    [objectOf([["__proto__", {}]]), {}, ["/__proto__"]],
  ];
  for (const [a, b, pointers] of cases) {
    assert.deepEqual(differingPointers(a, b), pointers);
    assert.deepEqual(differingPointers(b, a), pointers);
  }
});

Deno.test("differingPointers() stops at the first 50", () => {
  const many = Array.from({ length: 200 }, (_, index) => index);
  const pointers = many.map((index) => `/${index}`).sort().slice(0, 50);
  assert.deepEqual(differingPointers(many, []), pointers);
});

Deno.test("differingPointers() is empty exactly when the canonical forms are equal", () => {
  fc.assert(fc.property(jsonValue, jsonValue, (a, b) => {
    const pointers = differingPointers(a, b);
    assert.equal(pointers.length === 0, canonicalJson(a) === canonicalJson(b));
    assert.deepEqual(differingPointers(b, a), pointers);
    assert.deepEqual(pointers.toSorted(), pointers);
    assert.deepEqual(differingPointers(a, reversed(a)), []);
  }));
});
