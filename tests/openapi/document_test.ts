import fc from "fast-check";
import assert from "node:assert/strict";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { type ReadDocument, readDocument } from "../../lib/openapi/document.ts";
import { argumentProblems, checkParameterSchema } from "../../lib/schema/check.ts";
import { documentOf, NOTES } from "../helpers/api_server.ts";
import { jsonValue } from "../helpers/arbitrary_json.ts";
import { runs } from "../helpers/property_runs.ts";

/** Documents as tools: what is kept, what is refused, and that it ends. */

const noTurn = () => Promise.resolve();

async function read(document: JsonObject): Promise<ReadDocument> {
  const read = await readDocument(document, noTurn);
  assert.ok(typeof read !== "string", String(read));
  return read;
}

/** The schema of the arguments of an operation with this body. */
async function schemaOf(schema: JsonValue, openapi = "3.0.3", schemas: JsonObject = {}) {
  const content = { "application/json": { schema } };
  const post = { operationId: "it", requestBody: { required: true, content } };
  const { operations: [it], refused } = await read(
    documentOf({ "/": { post } }, { openapi, components: { schemas } }),
  );
  const found = it?.definition["inputSchema"] as JsonObject | undefined;
  return { schema: found, refused };
}

Deno.test("what 3.0 says in words of its own means the same afterwards", async () => {
  const { schema } = await schemaOf(
    {
      type: "object",
      required: ["n", "id", "made"],
      properties: {
        id: { type: "string", nullable: true, enum: ["a"] },
        made: { type: "string", readOnly: true },
        n: {
          type: "number",
          minimum: 1,
          exclusiveMinimum: true,
          maximum: 9,
          exclusiveMaximum: false,
        },
        ref: { $ref: "#/components/schemas/R", description: "not read in 3.0" },
        of: { allOf: [{ $ref: "#/components/schemas/R" }], nullable: true },
        type: { type: "string", "x-own": 1, example: "e", xml: { name: "n" } },
      },
    },
    "3.0.3",
    { R: { type: "integer" } },
  );
  assert.ok(schema !== undefined);
  assert.deepEqual(checkParameterSchema(schema), []);
  const body = (fields: JsonObject) =>
    argumentProblems(schema, { body: { n: 2, id: "a", ...fields } });
  assert.deepEqual(body({}), []);
  assert.deepEqual(body({ id: null, of: null, ref: 1 }), []);
  for (const wrong of [{ id: "b" }, { n: 1 }, { n: 9.5 }, { ref: "x" }, { of: "x" }] as const) {
    assert.notEqual(body(wrong).length, 0, JSON.stringify(wrong));
  }
  assert.deepEqual(body({ n: 9 }), []);
  assert.deepEqual(Object.keys(schema["$defs"]!), ["R"]);
  assert.ok(!JSON.stringify(schema).match(/x-own|example|xml|not read|made/));
});

Deno.test("schemas that are parts of themselves, and of each other, have an end", async () => {
  const { schema } = await schemaOf({ $ref: "#/components/schemas/Tree" }, "3.1.0", {
    Tree: {
      type: "object",
      properties: {
        left: { $ref: "#/components/schemas/Tree" },
        leaf: { $ref: "#/components/schemas/Leaf" },
        own: { $ref: "#/components/schemas/Tree/properties/leaf" },
      },
      additionalProperties: false,
    },
    Leaf: { anyOf: [{ type: "string" }, { $ref: "#/components/schemas/Tree" }] },
    Loop: { $ref: "#/components/schemas/Loop" },
  });
  assert.ok(schema !== undefined);
  assert.deepEqual(checkParameterSchema(schema), []);
  const valid = { left: { left: { leaf: "x", own: { leaf: "y" } } } };
  assert.deepEqual(argumentProblems(schema, { body: valid }), []);
  assert.notEqual(argumentProblems(schema, { body: { left: { right: 1 } } }).length, 0);
  const loop = documentOf({ "/a": { $ref: "#/paths/~1b" }, "/b": { $ref: "#/paths/~1a" } });
  assert.match((await read(loop)).refused[0]!.why, /more than 8 times/);
});

Deno.test("arguments are called as their parameters, each by one name, and hold nothing else", async () => {
  const named = (place: string) => ({ name: "id", in: place, schema: { type: "string" } });
  const { operations: [it] } = await read(documentOf({
    "/{id}": {
      parameters: [{ ...named("path"), required: true }, { ...named("query"), description: "old" }],
      post: {
        parameters: [named("query"), named("header"), { name: "body", in: "query", schema: {} }],
        requestBody: { content: { "text/xml": {}, "application/json": { schema: {} } } },
      },
    },
  }));
  assert.equal(it?.name, "post_id");
  const schema = it!.definition["inputSchema"] as JsonObject;
  assert.deepEqual(Object.keys(schema["properties"]!), [
    "body",
    "header_id",
    "id",
    "query_body",
    "query_id",
  ]);
  assert.deepEqual(schema["required"], ["id"]);
});

Deno.test("names that are made are distinct, at most 60 characters, and no paths", async () => {
  const long = "/a/very/long/path".repeat(9);
  const paths = ["/a/b", "/a_b", "/a-b", "/{a}/b", long, `${long}/x`, "/"];
  const { operations } = await read(documentOf(
    Object.fromEntries(paths.map((path) => [path, {
      parameters: path === "/{a}/b" ? [{ name: "a", in: "path", required: true }] : [],
      get: {},
    }])),
  ));
  const names = operations.map(({ name }) => name);
  assert.equal(new Set(names).size, paths.length);
  for (const name of names) assert.match(name, /^[A-Za-z0-9_.-]{1,60}$/);
});

Deno.test("a schema that is too large loses its words, then what is deepest, then is refused", async () => {
  const property = (words: number, at: number) =>
    [`p${at}`, { type: "string", description: "word ".repeat(words) }] as const;
  const wide = (count: number, words: number) => ({
    type: "object",
    properties: Object.fromEntries(Array.from({ length: count }, (_, at) => property(words, at))),
  });
  const size = async (schema: JsonObject) =>
    JSON.stringify((await schemaOf(schema)).schema ?? "").length;
  assert.ok(await size(wide(10, 100)) > 5000);
  const cut = await size(wide(60, 150));
  assert.ok(cut > 9000 && cut < 31_000, `${cut}`);
  const nested = (levels: number): JsonObject =>
    levels === 0
      ? wide(300, 0)
      : { type: "object", properties: { a: nested(levels - 1), b: wide(40, 9) } };
  assert.ok(await size(nested(12)) < 31_000);
  const { refused } = await schemaOf(wide(3000, 0));
  assert.match(refused[0]!.why, /larger than 31000 bytes/);
});

Deno.test("documents made to cost: many operations of one large closure are looked at once", async () => {
  // Each of 400 schemas refers to all: followed for each operation anew, that is 64 million.
  const names = Array.from({ length: 400 }, (_, at) => `S${at}`);
  const all = Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/schemas/${name}` }]),
  );
  const schemas = Object.fromEntries(names.map((name) => [name, { properties: all }]));
  const content = { "application/json": { schema: { $ref: "#/components/schemas/S0" } } };
  const paths = Object.fromEntries(
    Array.from({ length: 400 }, (_, at) => [`/p${at}`, { post: { requestBody: { content } } }]),
  );
  const found = await read(documentOf(paths, { components: { schemas } }));
  assert.deepEqual([found.operations.length, found.refused.length], [0, 400]);
  let deep: JsonValue = {};
  for (let at = 0; at < 100; at++) deep = { allOf: [deep] };
  const value = await schemaOf({ const: deep });
  assert.match(value.refused[0]!.why, /value of more than 64 levels/);
  const nested = await schemaOf(deep);
  assert.match(nested.refused[0]!.why, /more than 40 levels/);
  const many = Object.fromEntries(Array.from({ length: 3001 }, (_, at) => [`/${at}`, { get: {} }]));
  assert.match(String(await readDocument(documentOf(many), noTurn)), /more than 3000 operations/);
});

Deno.test("documents made to cost: of what has no room no more is looked at than there is room for", async () => {
  /** The object, and how many of its members were looked at. */
  const counted = (object: JsonObject) => {
    const looks = { count: 0 };
    const get = (target: JsonObject, name: string) => {
      looks.count++;
      return Reflect.get(target, name);
    };
    return { looks, object: new Proxy(object, { get } as ProxyHandler<JsonObject>) };
  };
  const many = (of: (at: number) => JsonValue) =>
    Object.fromEntries(Array.from({ length: 70_000 }, (_, at) => [`p${at}`, of(at)]));
  const text = () => ({ type: "string" });
  const tooLarge = /schema is larger than 31000 bytes/;
  const shapes: ((inner: JsonObject) => JsonValue)[] = [
    (properties) => ({ properties }),
    (schema) => schema,
    (object) => ({ const: object }),
  ];
  for (const shape of shapes) {
    const { looks, object } = counted(many(text));
    const { refused } = await schemaOf(shape(object));
    assert.match(refused[0]!.why, tooLarge);
    assert.ok(looks.count < 40_000, String(looks.count));
    // The same where it is referred to.
    const named = await schemaOf({ $ref: "#/components/schemas/S" }, "3.1.0", { S: shape(object) });
    assert.match(named.refused[0]!.why, tooLarge);
    assert.ok(looks.count < 80_000, String(looks.count));
  }
  const { looks, object } = counted(many(text));
  const media = { "multipart/form-data": { schema: { properties: object } } };
  const parameters = Array.from({ length: 201 }, () => ({ name: "q", in: "query" }));
  const servers = [{
    url: `https://a/${"{v}".repeat(600)}`,
    variables: { v: { default: "x".repeat(1_000_000) } },
  }];
  const { refused, operations } = await read(documentOf({
    "/form": { post: { requestBody: { content: media } } },
    "/many": { get: { parameters } },
    [`/${"a".repeat(4000)}`]: { get: {} },
    "/elsewhere": { get: { servers } },
  }));
  assert.deepEqual(refused.map(({ why }) => why.split(" ").slice(0, 4).join(" ")), [
    "takes arguments whose schema",
    "has more than 200",
    "has a path of",
  ]);
  assert.equal(looks.count, 0);
  assert.match(String(operations[0]!.definition["description"]), /^.{10,40}$/);
  const empty = Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`/${at}`, {}]));
  assert.match(String(await readDocument(documentOf(empty), noTurn)), /more than 10000 paths/);
});

Deno.test("a name of a path that no parameter describes is told from a parameter that no path has", async () => {
  const id = { name: "id", in: "path", required: true, schema: { type: "string" } };
  const { refused } = await read(documentOf({
    "/bills/{id}": { delete: {} },
    "/bills": { get: { parameters: [id] } },
  }));
  assert.deepEqual(refused.map(({ why }) => why), [
    "has {id} in its path, and no parameter that describes it",
    'describes "id" as a part of its path, where it isn\'t',
  ]);
});

Deno.test("of what stands in another order, or has names of digits, the text is that of RFC 8785", async () => {
  const node = {
    properties: {
      z: { $ref: "#/components/schemas/Node" },
      "10": { nullable: true, default: { b: [{ d: 1, c: 2 }], a: "’" } },
      "9": { type: "number", minimum: 0, exclusiveMinimum: true, title: "Nine" },
    },
    enum: [{ y: 1, x: 2 }],
  };
  const body = { properties: { it: { $ref: "#/components/schemas/Node" } } };
  const encoding = { "10": { style: "form", explode: true }, "9": { explode: false } };
  const content = { "application/x-www-form-urlencoded": { schema: body, encoding } };
  const post = { operationId: "it", tags: ["b", "a"], summary: "It", requestBody: { content } };
  const schemas = { Node: node };
  const { operations } = await read(documentOf({ "/": { post } }, { components: { schemas } }));
  const { definition, texts } = operations[0]!;
  assert.equal(texts.definition, canonicalJson(definition));
  assert.equal(texts.schema, canonicalJson(definition["inputSchema"]!));
  assert.match(texts.schema, /^\{"\$defs":\{"Node":\{"enum":\[\{"x":2,"y":1\}\]/);
  assert.equal(JSON.stringify(definition), JSON.stringify(JSON.parse(texts.definition)));
});

Deno.test("what would make references mean something else is refused by name", async () => {
  for (const name of ["$id", "$anchor", "$dynamicRef"]) {
    const { refused } = await schemaOf({ [name]: "https://elsewhere.example/" }, "3.1.0");
    assert.match(refused[0]!.why, new RegExp(`\\${name}`));
  }
});

Deno.test("whatever stands in a document, it is read or refused, and what is read can be stored", async () => {
  const anywhere = fc.record({ at: fc.nat(), put: jsonValue });
  await fc.assert(
    fc.asyncProperty(fc.array(anywhere, { minLength: 1, maxLength: 3 }), async (faults) => {
      const document = structuredClone(NOTES);
      for (const { at, put } of faults) {
        const places = placesIn(document);
        const { holder, name } = places[at % places.length]!;
        holder[name as never] = put as never;
      }
      const found = await readDocument(document, noTurn);
      if (typeof found === "string") return;
      for (const { definition, texts } of found.operations) {
        assert.equal(typeof (definition["http"] as JsonObject)["path"], "string");
        assert.equal(texts.definition, canonicalJson(definition));
        assert.equal(texts.schema, canonicalJson(definition["inputSchema"]!));
        const stored = JSON.parse(texts.definition);
        assert.equal(JSON.stringify(definition), JSON.stringify(stored), "in the same order");
      }
    }),
    runs(150),
  );
});

interface Spot {
  readonly holder: JsonObject | JsonValue[];
  readonly name: string;
}

function placesIn(value: JsonValue): Spot[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [
    { holder: value, name },
    ...placesIn(member),
  ]);
}
