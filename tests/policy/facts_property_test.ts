import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { resolve } from "../../lib/policy/chain.ts";
import { factsWiden, isProblems, readFacts } from "../../lib/policy/facts.ts";
import {
  REQUIRED_FACTS,
  type ToolFacts,
  type ToolRecord,
  type ToolUpstream,
} from "../../lib/store/records/policy.ts";
import { anyPolicy, sixQuestions, widthOf } from "../helpers/arbitrary_policy.ts";
import { oracle, type PlainPolicy, type Question } from "../helpers/policy_oracle.ts";
import { aTool, viewOf } from "../helpers/policy_records.ts";
import { runs } from "../helpers/property_runs.ts";

/** Facts that are read, and facts that are only stated, against what is said of both. */

const UPSTREAM: ToolUpstream = {
  name: "u",
  tool: "t",
  definition_digest: "d",
  generation: 1,
  exposed_name: "u__t",
  since: 0,
  drifted: false,
  first: true,
};

const anyFacts: fc.Arbitrary<ToolFacts> = fc.record({
  tenant: fc.constantFrom("/t", "/in/t"),
  resource: fc.constantFrom("/r", "/in/r", "/list/0"),
  method: fc.constantFrom("/m", "/in/m"),
}, { requiredKeys: [] });

const ownMethod = fc.option(fc.constantFrom("A", "GET"), { freq: 4, nil: undefined });

interface World {
  readonly policy: PlainPolicy;
  readonly question: Question;
}

interface Asked {
  readonly policy: PlainPolicy;
  readonly questions: readonly Question[];
}

/** Policies all of whose tools are of an upstream and read some facts. */
const asked: fc.Arbitrary<Asked> = fc.record({
  policy: anyPolicy,
  questions: sixQuestions,
  facts: anyFacts,
  method: ownMethod,
}).map(({ policy, questions, facts, method }) => ({
  questions,
  policy: {
    ...policy,
    tools: policy.tools.map((tool): ToolRecord => ({
      ...tool,
      facts,
      upstream: { ...UPSTREAM, ...(method === undefined ? {} : { method }) },
    })),
  },
}));

function answer({ policy, question }: World) {
  const { agent_killed, trust_tier, via, mandated = false, ...action } = question;
  const kill_switch = agent_killed === null ? null : { active: agent_killed };
  return resolve(viewOf(policy), action, { trust_tier, kill_switch }, { via, mandated });
}

/** The facts of a question that nothing vouches for. */
function onlyStated({ policy, question }: World): ("resource" | "method")[] {
  const tool = policy.tools.find(({ name }) => name === question.tool);
  if (tool === undefined) return [];
  return (["resource", "method"] as const).filter((fact) =>
    question[fact] !== null && tool.facts?.[fact] === undefined &&
    !(fact === "method" && tool.upstream?.method !== undefined)
  );
}

Deno.test("what is only stated narrows: the answer is the strictest of all that leave some of it out", () => {
  let narrowed = 0;
  fc.assert(
    fc.property(asked, ({ policy, questions }) => {
      for (const question of questions) {
        const word = onlyStated({ policy, question });
        const all = word.reduce<Question[]>(
          (known, fact) => [...known, ...known.map((one) => ({ ...one, [fact]: null }))],
          [question],
        );
        const widths = all.map((one) => widthOf(oracle(policy, one).permission));
        const found = widthOf(answer({ policy, question }).permission);
        assert.equal(found, Math.min(...widths));
        if (found < widths[0]!) narrowed++;
        // So whatever is stated more lets nothing more through.
        for (const fact of word) {
          const less = answer({ policy, question: { ...question, [fact]: null } });
          assert.ok(found <= widthOf(less.permission));
        }
      }
    }),
    runs(2_000),
  );
  assert.ok(narrowed > 8, `it narrowed ${narrowed} times`);
});

const text = fc.constantFrom(
  "a",
  "A",
  "GET",
  "b",
  "__proto__",
  " a",
  "a\u200b",
  "",
  "x".repeat(129),
);

const value: fc.Arbitrary<JsonValue> = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom<JsonValue>(null, 1, true, ["a"], { a: "a" }) },
);

const args: fc.Arbitrary<JsonObject> = fc.record({
  t: value,
  r: value,
  m: value,
  in: fc.record({ t: value, r: value, m: value }, { requiredKeys: [] }),
  list: fc.array(value, { maxLength: 1 }),
}, { requiredKeys: [] }) as fc.Arbitrary<JsonObject>;

const stated = fc.option(fc.constantFrom("a", "A", "GET", "b"), { freq: 2 });

/** What stands at a place, found by going there by hand. */
function at(
  value: JsonValue | undefined,
  [name, ...rest]: readonly string[],
): JsonValue | undefined {
  if (name === undefined) return value;
  if (typeof value !== "object" || value === null) return undefined;
  const own = Object.entries(value).find(([key]) => key === name)?.[1];
  return at(own, rest);
}

const GOOD = new Set(["a", "A", "GET", "b", "__proto__"]);

Deno.test("readFacts() takes a fact from its place and from nowhere else, or refuses", () => {
  let refused = 0;
  let read = 0;
  fc.assert(
    fc.property(
      anyFacts,
      ownMethod,
      args,
      fc.record({ tenant: stated, resource: stated, method: stated }),
      (facts, method, given, said) => {
        const upstream = { ...UPSTREAM, ...(method === undefined ? {} : { method }) };
        const found = readFacts({ facts, upstream }, { ...said, tool: "t", arguments: given });
        const same = (fact: string, a: string, b: string) =>
          fact === "method" ? a.toLowerCase() === b.toLowerCase() : a === b;
        let isRefused = false;
        const expected: Record<string, string | null> = { ...said };
        for (const fact of REQUIRED_FACTS) {
          const pointer = facts[fact];
          const isOwn = fact === "method" && method !== undefined;
          if (!isOwn && pointer === undefined) continue;
          const there = isOwn ? method : at(given, pointer!.split("/").slice(1)) ?? null;
          const word = said[fact];
          if (there === null) isRefused ||= word !== null;
          else if (typeof there !== "string" || !GOOD.has(there)) isRefused = true;
          else if (word !== null && !same(fact, word, there)) isRefused = true;
          else expected[fact] = there;
        }
        assert.equal(isProblems(found), isRefused);
        if (isProblems(found)) {
          refused++;
          assert.ok(found.length > 0);
          return;
        }
        read++;
        const { tenant, resource, method: taken } = found;
        assert.deepEqual({ tenant, resource, method: taken }, expected);
        assert.equal(found.arguments, given);
      },
    ),
    runs(4_000),
  );
  assert.ok(refused > 500 && read > 500, `${refused} refused, ${read} read`);
});

Deno.test("to be read less, or elsewhere, is a loosening; to be read as well is none", () => {
  const tool = (facts?: ToolFacts) => aTool({ ...(facts === undefined ? {} : { facts }) });
  const cases: [ToolFacts | undefined, ToolFacts | undefined, boolean][] = [
    [undefined, { resource: "/a" }, false],
    [{ resource: "/a" }, { resource: "/a", method: "/b" }, false],
    [{ resource: "/a" }, { resource: "/b" }, true],
    [{ resource: "/a", method: "/b" }, { resource: "/a" }, true],
    [{ resource: "/a" }, undefined, true],
    [{ resource: "/a" }, { tenant: "/a" }, true],
  ];
  for (const [old, next, widens] of cases) {
    assert.equal(factsWiden(tool(old), tool(next)), widens, JSON.stringify([old, next]));
  }
  assert.equal(factsWiden(tool({ resource: "/a" }), null), true);
  assert.equal(factsWiden(tool(), null), false);
});
