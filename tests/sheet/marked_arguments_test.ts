import fc from "fast-check";
import assert from "node:assert/strict";
import { type JsonObject, valueAtPointer } from "../../lib/base/json.ts";
import { type MarkedArgument, markedArguments } from "../../lib/sheet/arguments.ts";
import { jsonObject } from "../helpers/arbitrary_json.ts";

function at(marked: readonly MarkedArgument[], pointer: string): MarkedArgument {
  const found = marked.find((argument) => argument.pointer === pointer);
  assert.ok(found, `there is no row for ${pointer}`);
  return found;
}

function outside(schema: JsonObject | null, args: JsonObject): string[] {
  return markedArguments(schema, args).filter(({ inSchema }) => !inSchema)
    .map(({ pointer }) => pointer);
}

Deno.test("markedArguments() shows raw names beside what the schema says of them", () => {
  const marked = markedArguments({
    type: "object",
    properties: {
      amount_cents: { type: "integer", title: "Amount", description: "In cents" },
      when: { type: "string", format: "date-time" },
      speed: { enum: ["slow", "fast"] },
      mode: { const: "live" },
    },
  }, { amount_cents: 500, when: "2026-01-01T00:00:00Z", speed: "fast", mode: "live" });
  assert.deepEqual(at(marked, "/amount_cents"), {
    pointer: "/amount_cents",
    name: "amount_cents",
    depth: 0,
    value: 500,
    title: "Amount",
    description: "In cents",
    inSchema: true,
    format: null,
    options: null,
    members: [],
  });
  assert.equal(at(marked, "/when").format, "date-time");
  assert.deepEqual(at(marked, "/speed").options, ["slow", "fast"]);
  assert.deepEqual(at(marked, "/mode").options, ["live"]);
});

Deno.test("markedArguments() marks what is outside of the schema at any depth", () => {
  const schema = {
    properties: {
      order: { properties: { id: {} }, additionalProperties: true },
      lines: { items: { properties: { sku: { title: "Article" } } } },
      pair: { prefixItems: [{ type: "string" }, true] },
      free: true,
    },
  };
  const args = {
    order: { id: 1, note: { deep: true } },
    lines: [{ sku: "a", price: 0 }],
    pair: ["x", "y", "z"],
    free: { member: 1 },
    force: true,
  };
  assert.deepEqual(outside(schema, args), [
    "/order/note",
    "/order/note/deep",
    "/lines/0/price",
    "/pair/2",
    "/free/member",
    "/force",
  ]);
  assert.equal(at(markedArguments(schema, args), "/lines/0/sku").title, "Article");
});

Deno.test("markedArguments() takes additionalProperties with a schema as a description", () => {
  const schema = { properties: { id: {} }, additionalProperties: { title: "Label" } };
  const marked = markedArguments(schema, { id: 1, team: "x" });
  assert.deepEqual(at(marked, "/team").title, "Label");
  assert.ok(at(marked, "/team").inSchema);
});

Deno.test("markedArguments() asks who may run patterns whether one fits a name", () => {
  const schema = { patternProperties: { "^x-": { title: "Extension" } } };
  const args = { "x-a": 1, y: 2 };
  assert.deepEqual(outside(schema, args), ["/x-a", "/y"]);
  const marked = markedArguments(schema, args, (pattern, name) => {
    assert.equal(pattern, "^x-");
    return name.startsWith("x-");
  });
  assert.deepEqual(marked.map(({ title }) => title), ["Extension", null]);
});

Deno.test("markedArguments() follows local references, anchors and branches", () => {
  const schema = {
    $ref: "#/$defs/base",
    allOf: [{ properties: { b: { $ref: "#named" } } }],
    oneOf: [{ properties: { c: { title: "C" } } }],
    then: { properties: { d: {} } },
    $defs: {
      base: { properties: { "a/b": { $ref: "#/$defs/t~1x%20y", title: "Own" } } },
      "t/x y": { title: "Referred", description: "far" },
      other: { $anchor: "named", title: "Anchored" },
    },
  };
  const marked = markedArguments(schema, { "a/b": 1, b: 2, c: 3, d: 4, e: 5 });
  assert.deepEqual(marked.map(({ pointer, title, inSchema }) => [pointer, title, inSchema]), [
    ["/a~1b", "Own", true],
    ["/b", "Anchored", true],
    ["/c", "C", true],
    ["/d", null, true],
    ["/e", null, false],
  ]);
  assert.equal(at(marked, "/a~1b").description, "far");
});

Deno.test("markedArguments() ends on references that lead back to themselves", () => {
  const tree = {
    title: "Tree",
    properties: { kids: { items: { $ref: "#" } } },
    allOf: [{ $ref: "#" }],
    $defs: { loop: { $ref: "#/$defs/loop" } },
  };
  const args = { kids: [{ kids: [{ kids: [], other: 1 }] }] };
  assert.deepEqual(outside(tree, args), ["/kids/0/kids/0/other"]);
  assert.equal(at(markedArguments(tree, args), "/kids/0/kids/0").title, "Tree");
});

Deno.test("markedArguments() takes the names of Object.prototype for names", () => {
  const args = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": {"length": 3}}');
  assert.deepEqual(outside({ properties: {} }, args), [
    "/__proto__",
    "/constructor",
    "/toString",
    "/toString/length",
  ]);
});

Deno.test("markedArguments() describes nothing by no schema", () => {
  assert.deepEqual(outside(null, { a: { b: 1 } }), ["/a", "/a/b"]);
});

Deno.test("markedArguments() lists every value of any arguments under its pointer, by any schema", () => {
  fc.assert(fc.property(jsonObject, jsonObject, (schema, args) => {
    const marked = markedArguments(schema, args);
    for (const { pointer, value } of marked) {
      assert.equal(valueAtPointer(args, pointer), value);
    }
    assert.equal(marked.length, countBelow(args));
  }));
});

function countBelow(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, next) => sum + 1 + countBelow(next), 0);
}
