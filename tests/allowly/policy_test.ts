import fc from "fast-check";
import assert from "node:assert/strict";
import { evaluation } from "../../lib/allowly/evaluation.ts";
import { type ActionPolicy, definitionOf, readPolicy } from "../../lib/allowly/policy.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { conditionProblem, tightened } from "../../lib/mandates/conditions.ts";
import { Refusal } from "../../lib/refusal.ts";
import { SCOPE_DECISIONS } from "../../lib/store/records/mandate.ts";
import { action, policy } from "../helpers/allowly.ts";
import { runs } from "../helpers/property_runs.ts";

/** Policies of clients, and the definitions of bundles that say the same. */

const SEED = 20261130;

/** What is wrong with a policy, by its places. */
function problems(value: JsonObject): string[] {
  try {
    readPolicy(value);
    return [];
  } catch (error) {
    assert.ok(error instanceof Refusal && error.code === "invalid_request");
    return error.data.errors.map(({ path }) => path);
  }
}

const SAMPLES: Readonly<Record<string, readonly JsonValue[]>> = {
  string: ["", "a", "b", "\n", "é😀"],
  integer: [-1, 0, 1, 5, 2 ** 53 - 1],
  boolean: [true, false],
  null: [null],
  list: [[], ["a"], ["b", 1], [null, true]],
};

const FIELDS = { s: "string", i: "integer", b: "boolean", n: "null", l: "list", "a/~b": "string" };

const fieldName = fc.constantFrom(...Object.keys(FIELDS));

function sampleOf(type: string): fc.Arbitrary<JsonValue> {
  return fc.constantFrom(...SAMPLES[type] ?? []);
}

const condition: fc.Arbitrary<JsonObject> = fieldName.chain((field) => {
  const type = FIELDS[field as keyof typeof FIELDS];
  const single = ["eq", "ne", ...(type === "integer" ? ["gt", "gte", "lt", "lte"] : [])];
  const scalars = fc.array(fc.constantFrom(...Object.values(SAMPLES).flat().filter(isScalar)), {
    minLength: 1,
    maxLength: 3,
  });
  const of = (op: fc.Arbitrary<string>, value: fc.Arbitrary<JsonValue>) =>
    fc.record({ field: fc.constant(field), op, value });
  const exists = of(fc.constant("exists"), fc.boolean());
  if (type === "list") {
    return fc.oneof(
      exists,
      of(fc.constant("empty"), fc.boolean()),
      of(fc.constantFrom("contains_any", "contains_none"), scalars),
    );
  }
  return fc.oneof(
    exists,
    of(fc.constantFrom(...single), sampleOf(type)),
    of(fc.constantFrom("in", "not_in"), fc.array(sampleOf(type), { maxLength: 3 })),
  );
});

function isScalar(value: JsonValue): boolean {
  return typeof value !== "object" || value === null;
}

const decision = fc.constantFrom(...SCOPE_DECISIONS);

const rules = fc.array(
  fc.record({ decision, conditions: fc.array(condition, { minLength: 1, maxLength: 3 }) }),
  {
    maxLength: 4,
  },
);

/** A context in which each field is there and of its type. */
const context = fc.record(
  Object.fromEntries(Object.entries(FIELDS).map(([name, type]) => [name, sampleOf(type)])),
);

function written(
  said: { decision: string; rules: { decision: string; conditions: JsonObject[] }[] },
) {
  const target = (decision: string) =>
    decision === "confirm" ? "agent_owner" : decision === "escalate" ? "member:m1" : null;
  return action("do", {
    decision: said.decision,
    fields: FIELDS,
    rules: said.rules.map(({ decision, conditions }, i) => ({
      id: `r${i}`,
      decision,
      target: target(decision),
      conditions,
    })),
  });
}

/** What a condition says of a field that is there and of its type, word for word. */
function isMet({ field, op, value }: JsonObject, context: JsonObject): boolean {
  const actual = context[String(field)] ?? null;
  const list = Array.isArray(value) ? value : [];
  const items = Array.isArray(actual) ? actual : [];
  switch (op) {
    case "eq":
      return actual === value;
    case "ne":
      return actual !== value;
    case "gt":
      return Number(actual) > Number(value);
    case "gte":
      return Number(actual) >= Number(value);
    case "lt":
      return Number(actual) < Number(value);
    case "lte":
      return Number(actual) <= Number(value);
    case "in":
      return list.includes(actual);
    case "not_in":
      return !list.includes(actual);
    case "exists":
      return value === true;
    case "empty":
      return (items.length === 0) === value;
    case "contains_any":
      return list.some((one) => items.includes(one));
    default:
      return !list.some((one) => items.includes(one));
  }
}

Deno.test("an evaluation is what a naive reading of the policy says, and what the mandate does", () => {
  fc.assert(
    fc.property(decision, rules, context, (decision, rules, context) => {
      const { policy: read } = readPolicy(policy(written({ decision, rules })));
      const [entry] = read.actions;
      assert.ok(entry);
      const told = evaluation(entry.policy, context)?.result as JsonObject;

      const rank = (one: string) => SCOPE_DECISIONS.findIndex((known) => known === one);
      const met = rules.map(({ conditions }) => conditions.some((one) => isMet(one, context)));
      const strictest = Math.max(
        rank(decision),
        ...rules.map((rule, i) => met[i] ? rank(rule.decision) : 0),
      );
      const first = rules.findIndex((rule, i) => met[i] && rank(rule.decision) === strictest);
      assert.equal(told.decision, SCOPE_DECISIONS[strictest]);
      assert.equal(told.matched_rule_id, first === -1 ? null : `r${first}`);

      const [scope] = definitionOf(read).scopes;
      assert.ok(scope);
      assert.equal(tightened(scope.decision, scope.conditions, context), told.decision);
      for (const { when } of scope.conditions) {
        for (const one of when) assert.equal(conditionProblem(one), null);
      }
    }),
    { seed: SEED, ...runs(3000) },
  );
});

Deno.test("a context without a field, or with one of another type, is answered no wider by mandate and evaluation", () => {
  const odd = fc.dictionary(fieldName, fc.constantFrom(...Object.values(SAMPLES).flat(), 1.5, {}));
  fc.assert(
    fc.property(decision, rules, odd, (decision, rules, context) => {
      const { policy: read } = readPolicy(policy(written({ decision, rules })));
      const [scope] = definitionOf(read).scopes;
      const [entry] = read.actions;
      assert.ok(scope && entry);
      const told = evaluation(entry.policy, context);
      // A fraction in the context has no canonical form to commit to.
      if (told === null) return;
      const { decision: said } = told.result as JsonObject;
      assert.equal(tightened(scope.decision, scope.conditions, context), said);
    }),
    { seed: SEED, ...runs(3000) },
  );
});

Deno.test("a definition keeps guards and expiry, and a policy that cannot be kept to is refused by its place", () => {
  const guards = { resource_pattern: "doc-*", max_per_day: 3 };
  const days = {
    ...policy(action("a", { guards }), action("b", { decision: "deny", guards })),
    default_expiry_days: 2,
  };
  assert.deepEqual(definitionOf(readPolicy(days).policy), {
    agent: "shop-assistant",
    default_expiry_seconds: 172_800,
    scopes: [
      {
        name: "a",
        decision: "allow",
        resources: ["doc-*"],
        conditions: [],
        limits: { max_per_day: 3 },
      },
      { name: "b", decision: "deny", resources: null, conditions: [], limits: { max_per_day: 3 } },
    ],
  });
  const rule = (more: JsonObject): JsonObject => ({
    id: "r",
    decision: "deny",
    target: null,
    conditions: [{ field: "n", op: "eq", value: 1 }],
    ...more,
  });
  const of = (more: Parameters<typeof action>[1]) => policy(action("a", more));
  const fields = { n: "integer" };
  const cases: [JsonObject, string][] = [
    [{}, "/profile"],
    [{ ...of({}), more: 1 }, "/more"],
    [{ ...of({}), agent_id: "two words" }, "/agent_id"],
    [{ ...of({}), default_expiry_days: 3651 }, "/default_expiry_days"],
    [policy(), "/actions"],
    [policy(action("a"), action("a")), "/actions/1/policy/action"],
    [policy(action("confirm")), "/actions/0/policy/action"],
    [policy(action("a b")), "/actions/0/policy/action"],
    [of({ decision: "confirm", target: "member:x" }), "/actions/0/policy/target"],
    [of({ decision: "escalate", target: "member: " }), "/actions/0/policy/target"],
    [of({ fields: { n: "number" } }), "/actions/0/policy/fields/n"],
    [of({ guards: { allowed_initiators: ["x"] } }), "/actions/0/guards/allowed_initiators"],
    [of({ guards: { other: 1 } }), "/actions/0/guards/other"],
    [of({ rules: [rule({})] }), "/actions/0/policy/rules/0/conditions/0"],
    [of({ fields, rules: [rule({}), rule({})] }), "/actions/0/policy/rules/1/id"],
    [of({ fields, rules: [rule({ conditions: [] })] }), "/actions/0/policy/rules/0/conditions"],
    [policy({ ...action("a"), executable_operations: [{}] }), "/actions/0/executable_operations"],
    [of({ fields: { "\0": "null" } }), ""],
    [of({ fields: { "x": "y".repeat(70_000) } }), "/actions/0/policy/fields/x"],
  ];
  for (const [value, place] of cases) {
    assert.equal(problems(value)[0], place, JSON.stringify(value).slice(0, 300));
  }
});

Deno.test("names of Object.prototype are fields as any other", () => {
  const value = JSON.parse(JSON.stringify(policy(action("a"))));
  value.actions[0].policy.fields = JSON.parse('{"__proto__": "integer", "constructor": "string"}');
  value.actions[0].policy.rules = [{
    id: "r",
    decision: "deny",
    target: null,
    conditions: [{ field: "__proto__", op: "gt", value: 1 }],
  }];
  const { policy: read, text } = readPolicy(value);
  assert.ok(text.includes('"__proto__":"integer"'));
  const [entry] = read.actions;
  const of = (context: string) =>
    evaluation(entry?.policy as ActionPolicy, JSON.parse(context))?.result as JsonObject;
  assert.equal(of('{"__proto__": 2}').decision, "deny");
  assert.equal(of('{"__proto__": 1}').decision, "allow");
  assert.deepEqual(Object.keys(of('{"__proto__": 2}').evaluated_fields as JsonObject), [
    "__proto__",
  ]);
});
