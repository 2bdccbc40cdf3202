import assert from "node:assert/strict";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import {
  argumentProblems,
  checkParameterSchema,
  MAX_SCHEMA_BYTES,
  MAX_SCHEMA_DEPTH,
} from "../../lib/schema/check.ts";
import { MAX_PROBLEMS } from "../../lib/schema/evaluation.ts";
import { linearPattern } from "../../lib/schema/pattern.ts";

/** Parsed from text as the server does it: `__proto__` becomes a member like any other. */
function parsed(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  assert.ok(isJsonObject(value));
  return value;
}

function accepts(schema: JsonObject, args: JsonObject): void {
  assert.deepEqual(checkParameterSchema(schema), []);
  assert.deepEqual(argumentProblems(schema, args), []);
}

/** Asserts one problem or more, the first at `path`. Returns its message. */
function refuses(schema: JsonObject, args: JsonObject, path = ""): string {
  const [first] = argumentProblems(schema, args);
  assert.equal(first?.path, path);
  return first.message;
}

function refusesSchema(schema: JsonObject, path: string, message: RegExp): void {
  const [first] = checkParameterSchema(schema);
  assert.equal(first?.path, path);
  assert.match(first.message, message);
  assert.match(refuses(schema, {}), /schema is not usable/);
}

function tooComplex(schema: JsonObject, args: JsonObject): void {
  assert.deepEqual(checkParameterSchema(schema), []);
  const problems = argumentProblems(schema, args);
  assert.equal(problems.length, 1);
  assert.equal(problems[0]?.path, "");
  assert.match(problems[0].message, /too complex to check/);
}

Deno.test("argumentProblems() names every problem of a call and passes the corrected one", () => {
  const schema: JsonObject = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: {
      to: { type: "string", pattern: "^[^@]+@[^@]+$" },
      amount: { type: "integer", minimum: 1, maximum: 500 },
      tags: { type: "array", items: { type: "string", maxLength: 3 }, uniqueItems: true },
    },
    required: ["to", "amount"],
    additionalProperties: false,
  };
  assert.deepEqual(checkParameterSchema(schema), []);
  assert.deepEqual(
    argumentProblems(schema, { to: "nobody", tags: ["ab", "long", "ab"], "a/~b": 1 }),
    [
      { path: "", message: 'lacks the required property "amount"' },
      { path: "/to", message: "does not match the pattern ^[^@]+@[^@]+$" },
      { path: "/tags/1", message: "has 4 characters, expected at most 3" },
      { path: "/tags/2", message: "is equal to an earlier item" },
      {
        path: "/a~1~0b",
        message: "is not among the properties that the schema allows",
      },
    ],
  );
  accepts(schema, { to: "a@example.com", amount: 500, tags: ["ab"] });
});

Deno.test("argumentProblems() says why no alternative matched", () => {
  const schema: JsonObject = {
    properties: {
      when: { anyOf: [{ type: "null" }, { properties: { day: { type: "integer" } } }] },
    },
  };
  assert.equal(
    refuses(schema, { when: { day: "x" } }, "/when"),
    "matches none of the 2 alternatives of anyOf " +
      "(is an object, expected null; /day is a string, expected integer)",
  );
});

Deno.test("argumentProblems() stops at 20 problems and never quotes text of the arguments", () => {
  const args = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, "secret"]));
  const problems = argumentProblems({ additionalProperties: { enum: ["a"], maxLength: 1 } }, args);
  assert.equal(problems.length, MAX_PROBLEMS);
  assert.doesNotMatch(JSON.stringify(problems), /secret/);
});

Deno.test("argumentProblems() follows $dynamicRef to the outermost dynamic anchor", () => {
  const tree: JsonObject = {
    $id: "tree",
    $dynamicAnchor: "node",
    properties: { children: { items: { $dynamicRef: "#node" } } },
  };
  const strict: JsonObject = {
    $id: "https://example.com/strict",
    $dynamicAnchor: "node",
    $ref: "tree",
    unevaluatedProperties: false,
    $defs: { tree },
  };
  accepts(strict, { children: [{ children: [] }] });
  refuses(strict, { children: [{ daat: 1 }] }, "/children/0/daat");
  accepts(tree, { children: [{ daat: 1 }] });
});

Deno.test("checkParameterSchema() reads draft-07 as 2020-12 where the two agree", () => {
  const schema: JsonObject = {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
    properties: {
      pair: {
        type: "array",
        items: [{ type: "string" }, { type: "number" }],
        additionalItems: false,
      },
      user: { $ref: "#/definitions/user" },
      boss: { $ref: "#user" },
    },
    definitions: { user: { $id: "#user", type: "object", required: ["id"] } },
  };
  accepts(schema, { pair: ["a", 1], user: { id: 1 }, boss: { id: 1 } });
  refuses(schema, { pair: ["a", 1, 2] }, "/pair/2");
  refuses(schema, { user: {} }, "/user");
  refuses(schema, { boss: {} }, "/boss");
});

Deno.test("checkParameterSchema() refuses malformed keywords and says where", () => {
  refusesSchema(
    { properties: { a: { type: "text" } } },
    "/properties/a/type",
    /not one or several/,
  );
  refusesSchema({ type: [], properties: {} }, "/type", /expected "object"/);
  refusesSchema({ type: ["object", "null"] }, "/type", /expected "object"/);
  refusesSchema({ properties: [] }, "/properties", /an empty array, expected an object/);
  refusesSchema({ properties: { a: 1 } }, "/properties/a", /a number, expected a schema/);
  refusesSchema({ properties: { a: { required: true } } }, "/properties/a/required", /a boolean/);
  refusesSchema(
    { properties: { a: { minLength: -1 } } },
    "/properties/a/minLength",
    /whole number/,
  );
  refusesSchema({ properties: { a: { multipleOf: 0 } } }, "/properties/a/multipleOf", /greater/);
  refusesSchema({ properties: { a: { enum: "x" } } }, "/properties/a/enum", /expected an array/);
  refusesSchema(
    { properties: { a: { exclusiveMinimum: true } } },
    "/properties/a/exclusiveMinimum",
    /number/,
  );
  refusesSchema({ anyOf: [] }, "/anyOf", /non-empty array/);
  refusesSchema({ properties: { a: { items: [{}] } } }, "/properties/a/items", /prefixItems/);
  refusesSchema({ title: 7 }, "/title", /expected a string/);
  refusesSchema(
    { $defs: { a: { $anchor: "x" }, b: { $anchor: "x" } } },
    "/$defs/b/$anchor",
    /already/,
  );
  refusesSchema({ $defs: { a: { $id: "x" }, b: { $id: "x" } } }, "/$defs/b/$id", /already/);
  refusesSchema({ $recursiveRef: "#" }, "/$recursiveRef", /2019-09/);
  refusesSchema({ $schema: "https://json-schema.org/draft/2019-09/schema" }, "/$schema", /2020-12/);
});

Deno.test("attack: a remote or dangling $ref is refused when the tool is registered", () => {
  const outside = /outside of this schema/;
  refusesSchema({ $ref: "https://example.com/x.json" }, "/$ref", outside);
  refusesSchema(
    { properties: { a: { $ref: "file:///etc/passwd" } } },
    "/properties/a/$ref",
    outside,
  );
  refusesSchema({ $ref: "other.json#/a" }, "/$ref", outside);
  refusesSchema({ $dynamicRef: "https://example.com/#node" }, "/$dynamicRef", outside);
  refusesSchema({ $ref: "http://[" }, "/$ref", outside);
  refusesSchema({ $ref: "#/$defs/none" }, "/$ref", /no subschema/);
  refusesSchema({ $ref: "#none" }, "/$ref", /no subschema/);
  refusesSchema({ $ref: "#/constructor" }, "/$ref", /no subschema/);
  refusesSchema({ $ref: "#/x", x: { type: "object" } }, "/$ref", /no subschema/);
  const own = "https://example.com/tool";
  accepts({ $id: own, $ref: `${own}#/$defs/a`, $defs: { a: { required: ["a"] } } }, { a: 1 });
});

Deno.test("attack: patterns that need backtracking are refused, catastrophic ones run in linear time", () => {
  for (const source of ["(?=a)b", "(?!a)b", "(?<=a)b", "^(?<!a)b", "x(y(?=z))", "^a(?!b)"]) {
    refusesSchema(
      { properties: { a: { pattern: source } } },
      "/properties/a/pattern",
      /look-around/,
    );
  }
  for (const source of ["(a)\\1", "(?<n>a)\\k<n>", "(a)-\\@\\1"]) {
    refusesSchema(
      { patternProperties: { [source]: {} } },
      `/patternProperties/${source}`,
      /back-ref/,
    );
  }
  refusesSchema({ properties: { a: { pattern: "(" } } }, "/properties/a/pattern", /not a pattern/);
  accepts({ properties: { a: { pattern: "[(?=]\\(\\?=\\\\1" } } }, { a: "((?=\\1" });
  const schema: JsonObject = { properties: { a: { pattern: "(a+)+$" } } };
  assert.deepEqual(checkParameterSchema(schema), []);
  assert.match(refuses(schema, { a: `${"a".repeat(32_000)}!` }, "/a"), /does not match/);
});

Deno.test("attack: counted repetitions that expand to a huge program are refused before compilation", () => {
  const bombs = ["(?:ab){1000}".repeat(2), `(${"abc".repeat(300)}){1000}`, "((a{30}b){30}){30}"];
  for (const source of bombs) assert.match(String(linearPattern(source)), /expands to about/);
  assert.match(String(linearPattern("(".repeat(5_000) + ")".repeat(5_000))), /nests more than/);
  for (const source of ["^.{1,1000}$", "^(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$", "\\d{4}-\\d\\d"]) {
    assert.equal(typeof linearPattern(source), "object", source);
  }
  const many = Array.from({ length: 2_000 }, (_, i) => [`a${i}`, {}]);
  refusesSchema(
    { patternProperties: Object.fromEntries(many) },
    "/patternProperties/a405",
    /together/,
  );
});

Deno.test("attack: a large pattern over a large text is too complex", () => {
  tooComplex({ properties: { a: { pattern: "(?:[ab]a?){800}c" } } }, { a: "ab".repeat(16_000) });
});

Deno.test("attack: doubling $ref, self reference and recursive anyOf end as too complex", () => {
  const $defs: JsonObject = { d40: {} };
  for (let i = 0; i < 40; i++) {
    const next = { $ref: `#/$defs/d${i + 1}` };
    $defs[`d${i}`] = { allOf: [next, next] };
  }
  tooComplex({ $ref: "#/$defs/d0", $defs }, {});
  tooComplex({ $ref: "#" }, {});
  tooComplex({ not: { $ref: "#" } }, {});
  tooComplex({ anyOf: [{ $ref: "#" }, true] }, {});
  tooComplex({ $dynamicAnchor: "a", $dynamicRef: "#a" }, {});
  tooComplex(
    { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } },
    {},
  );

  const branch: JsonObject = { properties: { n: { $ref: "#" } } };
  let deep: JsonObject = {};
  for (let i = 0; i < 30; i++) deep = { n: deep };
  tooComplex({ anyOf: [{ ...branch, required: ["x"] }, { allOf: [branch, branch] }] }, deep);
});

Deno.test("attack: wide schemas times wide arguments stay within the budget", () => {
  const items = Array.from({ length: 10_000 }, () => 1);
  tooComplex({ properties: { a: { items: { not: { anyOf: Array(4_000).fill(false) } } } } }, {
    a: items,
  });
  const wide = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`k${i}`, 1]));
  tooComplex({
    allOf: Array(300).fill({ additionalProperties: true }),
    unevaluatedProperties: false,
  }, wide);
  tooComplex({ properties: { a: { allOf: Array(1_000).fill({ minLength: 5 }) } } }, {
    a: "😀".repeat(8_000),
  });
});

Deno.test("attack: a huge enum and uniqueItems over a large array are checked without pairing", () => {
  const schema: JsonObject = {
    properties: {
      pick: { enum: Array.from({ length: 5_000 }, (_, i) => i) },
      list: { uniqueItems: true },
    },
  };
  const list = Array.from({ length: 4_000 }, (_, i) => ({ i }));
  accepts(schema, { pick: 4_999, list });
  refuses(schema, { list: [...list, { i: 0 }] }, "/list/4000");
  const message = refuses(schema, { pick: 5_000 }, "/pick");
  assert.ok(message.length < 300, message);
});

Deno.test("attack: a schema of 32 KiB is accepted, one byte more is not", () => {
  const filled = (bytes: number): JsonObject => {
    const empty = JSON.stringify({ description: "é" }).length + 1;
    return { description: "é" + "x".repeat(bytes - empty) };
  };
  assert.deepEqual(checkParameterSchema(filled(MAX_SCHEMA_BYTES)), []);
  refusesSchema(filled(MAX_SCHEMA_BYTES + 1), "", /is 32769 bytes, at most 32768/);
});

Deno.test("attack: a deeply nested schema or argument neither passes nor overflows the stack", () => {
  const nested = (levels: number): JsonObject => {
    let schema: JsonObject = {};
    for (let i = 1; i < levels; i++) schema = { not: schema };
    return schema;
  };
  assert.deepEqual(checkParameterSchema(nested(MAX_SCHEMA_DEPTH)), []);
  refusesSchema(nested(MAX_SCHEMA_DEPTH + 1), "", /deeper than 64/);
  refusesSchema(nested(50_000), "", /deeper than 64/);

  const tree: JsonObject = {
    $defs: {
      n: { anyOf: [{ type: "null" }, { allOf: [{ properties: { n: { $ref: "#/$defs/n" } } }] }] },
    },
    $ref: "#/$defs/n",
  };
  let args: JsonObject = {};
  for (let i = 1; i < 32; i++) args = { n: args };
  accepts(tree, args);
  for (let i = 0; i < 50_000; i++) args = { n: args };
  tooComplex(tree, args);
  tooComplex({ properties: { n: { const: {} } } }, args);
});

Deno.test("attack: __proto__ and constructor are property names like any other", () => {
  const schema = parsed(
    `{"properties":{"__proto__":{"type":"integer"},"constructor":{"type":"string"}},
      "additionalProperties":false}`,
  );
  accepts(schema, {});
  accepts(schema, parsed(`{"__proto__":1,"constructor":"x"}`));
  refuses(schema, parsed(`{"__proto__":"x"}`), "/__proto__");
  refuses(schema, parsed(`{"constructor":{}}`), "/constructor");
  refuses(schema, parsed(`{"toString":1}`), "/toString");

  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    const requires: JsonObject = { required: [name] };
    assert.match(refuses(requires, {}), /lacks the required property/);
    accepts(requires, parsed(`{"${name}":1}`));
    const closed: JsonObject = { properties: { a: {} }, unevaluatedProperties: false };
    refuses(closed, parsed(`{"${name}":1}`), `/${name}`);
    accepts({ dependentRequired: { [name]: ["b"] } }, {});
  }
  assert.notDeepEqual(
    argumentProblems({ const: parsed(`{"__proto__":1}`) }, {}),
    [],
  );
  refusesSchema(
    parsed(`{"properties":{"__proto__":{"type":"x"}}}`),
    "/properties/__proto__/type",
    /x|not/,
  );
});

Deno.test("argumentProblems() shortens a pointer that is too long to an enclosing one", () => {
  const name = "k".repeat(2_000);
  refuses({ properties: { a: { additionalProperties: false } } }, { a: { [name]: 1 } }, "/a");
});
