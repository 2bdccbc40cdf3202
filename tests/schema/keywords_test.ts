import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { argumentProblems, checkParameterSchema } from "../../lib/schema/check.ts";

/** What JSON Schema 2020-12 says of each keyword: schema, values that pass, values that fail. */
type Case = [schema: JsonValue, valid: JsonValue[], invalid: JsonValue[]];

const KEYWORD_CASES: Record<string, Case[]> = {
  "boolean schemas": [[true, [1, null], []], [false, [], [1, {}]], [{}, [1, {}], []]],
  type: [
    [{ type: "integer" }, [1, 1.0, -3], [1.5, "1", null]],
    [{ type: "number" }, [1, 1.5], ["1", true]],
    [{ type: "object" }, [{}], [[], null]],
    [{ type: "array" }, [[]], [{}, "a"]],
    [{ type: ["string", "null"] }, ["a", null], [1, false]],
  ],
  enum: [
    [{ enum: [1, "a", null, { a: 1, b: [2] }] }, [1, "a", null, { b: [2], a: 1 }], [
      true,
      "1",
      { a: 1 },
      [2],
    ]],
    [{ enum: [[false]] }, [[false]], [[0], false]],
    [{ enum: [] }, [], [1]],
  ],
  const: [
    [{ const: 0 }, [0, -0], [false, "0", null]],
    [{ const: { a: [1, { b: 2 }] } }, [{ a: [1, { b: 2 }] }], [{ a: [1] }, {
      a: [1, { b: 2 }],
      c: 1,
    }]],
    [{ const: null }, [null], [0, false]],
  ],
  numbers: [
    [{ minimum: 1.1 }, [1.1, "x"], [0.6]],
    [{ maximum: 3 }, [3], [3.5]],
    [{ exclusiveMinimum: 1 }, [1.1], [1]],
    [{ exclusiveMaximum: 1 }, [0.9], [1]],
    [{ multipleOf: 0.1 }, [0.3, 4, 0, -0.7], [0.35]],
    [{ multipleOf: 0.0001 }, [0.0075], [0.00751]],
    [{ multipleOf: 1e-8 }, [12391239123], [1e-9]],
  ],
  strings: [
    [{ minLength: 2 }, ["ab", 1], ["a", "💩"]],
    [{ maxLength: 2 }, ["ab", "💩💩"], ["abc"]],
    [{ pattern: "^a*$" }, ["aaa", "", 1], ["abc"]],
    [{ pattern: "a+" }, ["xxaayy"], ["xx"]],
    [{ pattern: "^\\u0041\\/\\d{2}$" }, ["A/12"], ["A/12\n", "B/12"]],
    [{ format: "email" }, ["annotation only"], []],
  ],
  required: [[{ required: ["a", "a b"] }, [{ a: null, "a b": 1 }, 1], [{ a: 1 }, {}]]],
  properties: [
    [{ properties: { a: { type: "string" }, b: false } }, [{ a: "x", c: 1 }, []], [{ a: 1 }, {
      b: 1,
    }]],
    [
      {
        properties: { foo: { maxItems: 3 } },
        patternProperties: { "f.o": { minItems: 2 } },
        additionalProperties: { type: "integer" },
      },
      [{ foo: [1, 2] }, { fxo: [1, 2] }, { quux: 3 }],
      [{ foo: [] }, { foo: [1, 2, 3, 4] }, { fxo: [] }, { quux: "foo" }],
    ],
    [{ patternProperties: { "^v": {} }, additionalProperties: false }, [{ v1: 1 }], [{ a: 1 }]],
    [{ propertyNames: { maxLength: 3 } }, [{ abc: 1 }, {}], [{ abcd: 1 }]],
    [{ propertyNames: false }, [{}], [{ a: 1 }]],
    [{ minProperties: 1, maxProperties: 2 }, [{ a: 1 }], [{}, { a: 1, b: 2, c: 3 }]],
  ],
  dependencies: [
    [{ dependentRequired: { a: ["b"] } }, [{ b: 1 }, { a: 1, b: 2 }, {}], [{ a: 1 }]],
    [{ dependentSchemas: { a: { minProperties: 2 } } }, [{ a: 1, b: 2 }, { b: 1 }], [{ a: 1 }]],
    [{ dependencies: { a: ["b"], c: { required: ["d"] } } }, [{ c: 1, d: 1 }], [{ a: 1 }, {
      c: 1,
    }]],
  ],
  items: [
    [{ items: { type: "integer" } }, [[1, 2], [], "x"], [[1, "x"]]],
    [{ prefixItems: [{ type: "integer" }], items: false }, [[1], []], [[1, 2], ["x"]]],
    [{ prefixItems: [{}, { type: "string" }] }, [[1, "a", 3], [1]], [[1, 2]]],
    [{ minItems: 1, maxItems: 2 }, [[1], { length: 5 }], [[], [1, 2, 3]]],
    [{ uniqueItems: true }, [[1, true, "1", [1], { a: 1 }], [0, false]], [
      [1, 1.0],
      [{ a: 1, b: 2 }, { b: 2, a: 1 }],
      [[1], [1]],
    ]],
    [{ contains: { minimum: 5 } }, [[3, 5], 1], [[1], []]],
    [{ contains: { const: 1 }, minContains: 2, maxContains: 3 }, [[1, 1]], [[1], [1, 1, 1, 1]]],
    [{ contains: { const: 1 }, minContains: 0 }, [[], [2]], []],
  ],
  combinations: [
    [{ allOf: [{ minimum: 1 }, { maximum: 3 }] }, [2], [0, 4]],
    [{ anyOf: [{ type: "integer" }, { minimum: 2 }] }, [1, 2.5, "x"], [1.5]],
    [{ oneOf: [{ type: "integer" }, { minimum: 2 }] }, [1, 2.5], [3, 1.5]],
    [{ not: { type: "integer" } }, ["x"], [1]],
    [{ not: {} }, [], [1, "x"]],
    [{ if: { exclusiveMaximum: 0 }, then: { minimum: -10 }, else: { multipleOf: 2 } }, [-1, 4], [
      -100,
      3,
    ]],
    [{ then: { const: 0 }, else: { const: 1 } }, ["neither without if"], []],
  ],
  references: [
    [{ $ref: "#/$defs/a~1b", $defs: { "a/b": { type: "integer" } } }, [1], ["x"]],
    [{ $ref: "#/$defs/p%25q", maxLength: 1, $defs: { "p%q": { type: "string" } } }, ["a"], [
      1,
      "ab",
    ]],
    [{ $ref: "#here", $defs: { x: { $anchor: "here", type: "integer" } } }, [1], ["x"]],
    [
      { properties: { next: { $ref: "#" } }, additionalProperties: false },
      [{ next: { next: {} } }],
      [
        { next: { other: 1 } },
      ],
    ],
  ],
  unevaluated: [
    [
      { allOf: [{ properties: { a: {} } }], properties: { b: {} }, unevaluatedProperties: false },
      [{ a: 1, b: 2 }],
      [{ c: 1 }],
    ],
    [
      {
        anyOf: [{ properties: { a: { const: 1 } }, required: ["a"] }, { properties: { b: {} } }],
        unevaluatedProperties: false,
      },
      [{ a: 1, b: 2 }, { b: 1 }],
      [{ a: 2 }],
    ],
    [
      {
        if: { properties: { kind: { const: "x" } }, required: ["kind"] },
        then: { properties: { x: {} } },
        else: { properties: { y: {} } },
        unevaluatedProperties: { type: "null" },
      },
      [{ kind: "x", x: 1 }, { y: 1 }, { kind: null }],
      [{ kind: "x", y: 1 }, { x: 1 }],
    ],
    [
      { properties: { a: {} }, allOf: [{ unevaluatedProperties: false }] },
      [{}],
      [{ a: 1 }],
    ],
    [{ prefixItems: [{}], contains: { const: 9 }, unevaluatedItems: false }, [[1, 9]], [[9, 2]]],
    [{ allOf: [{ items: {} }], unevaluatedItems: false }, [[1, 2]], []],
  ],
};

for (const [subject, cases] of Object.entries(KEYWORD_CASES)) {
  Deno.test(`argumentProblems() agrees with JSON Schema 2020-12 on ${subject}`, () => {
    for (const [value, valid, invalid] of cases) {
      // With an $id of its own, "#" means the subschema and not the root.
      const subschema = isJsonObject(value) ? { $id: "inner", ...value } : value;
      const schema: JsonObject = { properties: { v: subschema } };
      assert.deepEqual(checkParameterSchema(schema), []);
      for (const v of valid) {
        assert.deepEqual(argumentProblems(schema, { v }), [], JSON.stringify([value, v]));
      }
      for (const v of invalid) {
        assert.notDeepEqual(argumentProblems(schema, { v }), [], JSON.stringify([value, v]));
      }
    }
  });
}
