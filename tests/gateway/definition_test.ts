import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalJson } from "../../lib/base/canonical.ts";
import {
  definitionDigest,
  differences,
  exposedName,
  gatewayName,
  smallDifference,
  TOOL_LIMITS,
} from "../../lib/gateway/definition.ts";
import { toolName } from "../../routes/fields/action.ts";
import { jsonObject } from "../helpers/arbitrary_json.ts";
import { readOffers } from "../helpers/offered.ts";
import { runs } from "../helpers/property_runs.ts";
import { listedTool } from "../helpers/scripted_upstreams.ts";

const PLACE = {
  name: "notes",
  kind: "mcp",
  url: "https://notes.example.com/mcp",
  headers: {},
  credential: null,
} as const;

const anyName = fc.string({ unit: "grapheme", maxLength: 150 });

Deno.test("a name as agents are told it is one that hosts take, and itself where it can be", () => {
  fc.assert(
    fc.property(anyName, anyName, (a, b) => {
      const [x, y] = [exposedName(a), exposedName(b)];
      assert.match(x, /^[A-Za-z0-9_.-]{1,64}$/);
      if (/^[A-Za-z0-9_.-]{1,64}$/.test(a)) assert.equal(x, a);
      if (a !== b && x !== a && y !== b) assert.notEqual(x, y);
    }),
    runs(300),
  );
});

Deno.test("names that differ only behind the cut stay apart", () => {
  const long = "x".repeat(80);
  const one = exposedName(gatewayName("notes", `${long}_one`));
  const two = exposedName(gatewayName("notes", `${long}_two`));
  assert.notEqual(one, two);
  assert.equal(one.length, 64);
});

Deno.test("G5: a definition has another digest exactly where it differs anywhere", () => {
  fc.assert(
    fc.property(jsonObject, jsonObject, (a, b) => {
      const same = canonicalJson(a) === canonicalJson(b);
      assert.equal(definitionDigest(PLACE, a) === definitionDigest(PLACE, b), same);
      assert.equal(differences(a, b).length === 0, same);
    }),
    runs(200),
  );
});

Deno.test("G5: the same definition somewhere else is another one", () => {
  const definition = { name: "read", inputSchema: { type: "object" } };
  const here = definitionDigest(PLACE, definition);
  for (const other of [{ url: "https://other.example.com/mcp" }, { headers: { "x-team": "a" } }]) {
    assert.notEqual(definitionDigest({ ...PLACE, ...other }, definition), here);
  }
});

Deno.test("of any list each tool is taken under names of its own, or refused with why", () => {
  const segment = fc.constantFrom(
    "read",
    "write",
    "..",
    "",
    "a b",
    "a\u200bb",
    "é",
    "x".repeat(70),
  );
  const name = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, jsonObject), { maxLength: 30 }), (listed) => {
      const tools = listed.map(([name, more]) => listedTool(name, { ...more }));
      const { offers, refused } = readOffers(PLACE, tools);
      assert.equal(offers.length + refused.length, tools.length);
      for (const { catalog_name } of offers) assert.ok(toolName.safeParse(catalog_name).success);
      const bare = offers.map(({ tool }) => exposedName(tool));
      assert.equal(new Set(bare).size, bare.length);
      for (const { why } of refused) assert.match(why, /^(has|is|would) /);
    }),
    runs(100),
  );
});

const REFUSED: readonly (readonly [string, Parameters<typeof listedTool>, RegExp])[] = [
  ["a schema that is none", ["a", { inputSchema: { type: "array" } }], /inputSchema/],
  ["no schema", ["a", { inputSchema: null }], /no inputSchema/],
  ["half a surrogate pair", ["a", { description: "\ud800" }], /what JSON does not/],
  ["a name with a zero-width space", ["re\u200bad", {}], /other characters/],
  ["a name that is a path", ["../read", {}], /read as a path/],
  ["a long name", ["x".repeat(130), {}], /longer name/],
  [
    "a large definition",
    ["a", { title: "x".repeat(TOOL_LIMITS.definition_bytes) }],
    /definition of \d+ bytes/,
  ],
];

for (const [what, tool, why] of REFUSED) {
  Deno.test(`a tool with ${what} is refused, and the others are taken`, () => {
    const { offers, refused } = readOffers(
      PLACE,
      [listedTool(...tool), listedTool("good")],
    );
    assert.deepEqual(offers.map(({ tool }) => tool), ["good"]);
    assert.match(refused[0]?.why ?? "", why);
  });
}

Deno.test("a definition that nests without end is refused before anything follows it down", () => {
  const deep = JSON.parse('{"a":'.repeat(5000) + "1" + "}".repeat(5000));
  const { refused } = readOffers(PLACE, [listedTool("a", { _meta: deep })]);
  assert.match(refused[0]?.why ?? "", /nests deeper/);
});

Deno.test("of more tools than are taken the first are", () => {
  const tools = Array.from({ length: TOOL_LIMITS.tools + 150 }, (_, i) => listedTool(`tool${i}`));
  const { offers, refused } = readOffers(PLACE, tools);
  assert.deepEqual([offers.length, refused.length], [TOOL_LIMITS.tools, 100]);
});

Deno.test("what is hidden in a description is seen in the catalog", () => {
  const { offers } = readOffers(
    PLACE,
    [listedTool("a", { description: "Reads\u202e. \u200b" })],
  );
  assert.equal(offers[0]?.description, "Reads⟨U+202E⟩. ⟨U+200B⟩");
});

Deno.test("titles and white space alone are told apart from words, and from letters that hide", () => {
  const old = {
    name: "read",
    title: "Read",
    description: "Reads a note.\nOnly one.",
    annotations: { title: "Read", readOnlyHint: true },
    inputSchema: { type: "object", properties: { id: { description: "Its id" } } },
  };
  const properties = { id: { description: "Its\n  id" } };
  for (
    const [more, small] of [
      [{}, null],
      [{ title: "Read it" }, "titles"],
      [{ annotations: { readOnlyHint: true } }, "titles"],
      [{ description: " Reads a  note. Only\tone." }, "white space"],
      [{ inputSchema: { type: "object", properties } }, "white space"],
      [{ title: "Wipe", description: "Reads a note. Only one." }, "titles and white space"],
      [{ description: "Reads anote. Only one." }, null],
      [{ description: "Reads a\u200b note.\nOnly one." }, null],
      [{ description: "Reads a\ufeffnote.\nOnly one." }, null],
      [{ annotations: { title: "Read", readOnlyHint: false } }, null],
      [{ title: "Read it", outputSchema: {} }, null],
    ] as const
  ) assert.equal(smallDifference(old, { ...old, ...more }), small, JSON.stringify(more));
});
