import assert from "node:assert/strict";
import fc from "fast-check";
import type { ResolvedFrom } from "../lib/policy/levels.ts";
import { LEVELS, RESOLVED_FROM } from "../lib/policy/levels.ts";
import { PERMISSIONS } from "../lib/policy/permission.ts";
import type { RuleRecord } from "../lib/store/records/policy.ts";
import { REQUIRED_FACTS } from "../lib/store/records/policy.ts";
import {
  anOrg,
  answerOf,
  aPolicy,
  aQuestion,
  aRule,
  ask,
  aTool,
  viewOf,
} from "./policy_fixture.ts";
import type { PlainPolicy, Question } from "./policy_oracle.ts";
import { oracle } from "./policy_oracle.ts";

// Two or three of every name, so that rules, tools and actions meet all the time; the same words
// for different parts, so that a part taken for another shows.
const NAMES = ["a", "b", "__proto__"];
const name = fc.constantFrom(...NAMES);
const nameOrNull = fc.option(name, { freq: 4 });
const permission = fc.constantFrom(...PERMISSIONS);
const permissionOrNull = fc.option(permission, { freq: 2 });
/** True one time in `odds`, so that what ends a decision early does not end them all. */
const seldom = (odds: number) => fc.noBias(fc.nat(odds - 1)).map((n) => n === 0);

const tool = fc.record({
  name,
  category: fc.option(fc.constantFrom("c", "d")),
  tags: fc.uniqueArray(name, { maxLength: 3 }),
  default_permission: permissionOrNull,
  required_tier: fc.constantFrom(0, 0, 0, 2),
  required_facts: fc.option(fc.subarray([...REQUIRED_FACTS]), { freq: 3, nil: [] }),
  status: fc.constantFrom(
    ...(["approved", "approved", "approved", "approved", "draft", "draft"] as const),
    ...(["disabled", "archived"] as const),
  ),
  killed: seldom(20),
}).map(({ killed, ...part }) => aTool({ ...part, kill_switch: { active: killed, reason: null } }));

const rule = fc.record({
  level: fc.constantFrom(...LEVELS),
  tenant_id: nameOrNull,
  values: fc.tuple(name, name, name),
  permission,
}).map(({ level, tenant_id, values, permission }) => {
  const parts = level.parts.map((part, i) => [part, values[i] ?? "a"]);
  return aRule("", { tenant_id, ...Object.fromEntries(parts) }, permission);
});

const sameSelector = (a: RuleRecord, b: RuleRecord) =>
  a.selector.tenant_id === b.selector.tenant_id &&
  a.selector.resource_id === b.selector.resource_id &&
  a.selector.tool_name === b.selector.tool_name &&
  a.selector.method === b.selector.method &&
  a.selector.tag === b.selector.tag;

const policy: fc.Arbitrary<PlainPolicy> = fc.record({
  killed: seldom(30),
  discovery: fc.constantFrom("all" as const, "mcp" as const, "off" as const),
  tools: fc.uniqueArray(tool, { selector: (t) => t.name, maxLength: 3, size: "max" }),
  categories: fc.uniqueArray(
    fc.record({ name: fc.constantFrom("c", "d"), default_permission: permissionOrNull }),
    { selector: (c) => c.name, maxLength: 2 },
  ),
  tenants: fc.subarray(NAMES, { minLength: 2 }),
  rules: fc.uniqueArray(rule, { comparator: sameSelector, maxLength: 16, size: "max" }),
}).map(({ killed, discovery, rules, ...rest }) => ({
  ...rest,
  org: anOrg({ discovery, kill_switch: { active: killed, reason: null } }),
  rules: rules.map((rule, i) => ({ ...rule, id: `rul_${i}` })),
}));

const question: fc.Arbitrary<Question> = fc.record({
  tenant: nameOrNull,
  resource: nameOrNull,
  tool: name,
  method: nameOrNull,
  trust_tier: fc.constantFrom(0, 1, 2, 3),
  agent_killed: fc.option(seldom(10), { freq: 2 }),
  via: fc.constantFrom("rest" as const, "mcp" as const, "dashboard" as const),
});
const questions = fc.array(question, { minLength: 6, maxLength: 6 });

const SEED = 20261122;

Deno.test("resolve() agrees with the description on random policies, and meets every origin but fail_safe", () => {
  const seen = new Map<ResolvedFrom, number>();
  fc.assert(
    fc.property(policy, questions, (policy, questions) => {
      const view = viewOf(policy);
      for (const question of questions) {
        const resolution = ask(view, question);
        assert.deepEqual(answerOf(resolution), oracle(policy, question));
        assert.equal(resolution.tool, view.tool(question.tool) ?? null);
        seen.set(resolution.resolved_from, (seen.get(resolution.resolved_from) ?? 0) + 1);
      }
    }),
    { numRuns: 10_000, seed: SEED },
  );
  const rare = RESOLVED_FROM.filter((origin) => (seen.get(origin) ?? 0) < 20);
  // Every approved tool is allowed and every other is a draft or gated off, so the last fallback
  // is only ever what gate_draft stands for.
  assert.deepEqual(rare, ["fail_safe"], "every other origin occurs at least 20 times");
  assert.equal(seen.has("fail_safe"), false);
});

Deno.test("resolve() explains itself without changing its answer, the last step being the match", () => {
  fc.assert(
    fc.property(policy, question, (policy, question) => {
      const view = viewOf(policy);
      const { trace, ...plain } = ask(view, question, true);
      assert.deepEqual(plain, ask(view, question));
      assert.ok(trace);
      const last = trace.at(-1);
      assert.equal(last?.outcome, "matched");
      assert.equal(last.level, plain.resolved_from);
      assert.equal(last.rule_id ?? null, plain.rule?.id ?? null);
      // Only a draft has two: what the chain said, and the gate that narrows it.
      const matches = trace.filter((step) => step.outcome === "matched").length;
      assert.equal(matches, plain.resolved_from === "gate_draft" ? 2 : 1);
      const levels = trace.map((step) => step.level);
      const inOrder = RESOLVED_FROM.filter((level) => levels.includes(level));
      assert.deepEqual([...new Set(levels)], inOrder);
    }),
    { numRuns: 3_000, seed: SEED },
  );
});

const width = (policy: PlainPolicy, question: Question) =>
  PERMISSIONS.length - PERMISSIONS.indexOf(ask(viewOf(policy), question).permission);
const hasTenantRules = (policy: PlainPolicy) =>
  policy.rules.some((rule) => rule.selector.tenant_id !== null);
/** Whether gate_unknown_tenant treats this action alike under both policies. */
const tenantGateKeeps = (before: PlainPolicy, after: PlainPolicy, { tenant }: Question) =>
  tenant === null || before.tenants.includes(tenant) ||
  hasTenantRules(before) === hasTenantRules(after);

Deno.test("a disabled rule more widens no answer, unless it turns gate_unknown_tenant on before an unregistered tenant", () => {
  fc.assert(
    fc.property(policy, rule, questions, (before, added, questions) => {
      const disabled: RuleRecord = { ...added, id: "rul_new", permission: "disabled" };
      const others = before.rules.filter((rule) => !sameSelector(rule, disabled));
      const after = { ...before, rules: [...others, disabled] };
      for (const question of questions) {
        if (!tenantGateKeeps(before, after, question)) continue;
        assert.ok(width(after, question) <= width(before, question));
      }
    }),
    { numRuns: 3_000, seed: SEED },
  );
});

Deno.test("an allowed rule less widens no answer, unless it turns gate_unknown_tenant off before an unregistered tenant", () => {
  fc.assert(
    fc.property(policy, rule, questions, (without, removed, questions) => {
      const allowed: RuleRecord = { ...removed, id: "rul_old", permission: "allowed" };
      const after = {
        ...without,
        rules: without.rules.filter((rule) => !sameSelector(rule, allowed)),
      };
      const before = { ...after, rules: [...after.rules, allowed] };
      for (const question of questions) {
        if (!tenantGateKeeps(before, after, question)) continue;
        assert.ok(width(after, question) <= width(before, question));
      }
    }),
    { numRuns: 3_000, seed: SEED },
  );
});

Deno.test("resolve() is not swayed by the order in which rules and tags arrived", () => {
  fc.assert(
    fc.property(policy, questions, (policy, questions) => {
      const turned = {
        ...policy,
        rules: policy.rules.toReversed(),
        tools: policy.tools.map((tool) => ({ ...tool, tags: tool.tags.toReversed() })),
      };
      for (const question of questions) {
        assert.deepEqual(
          answerOf(ask(viewOf(turned), question)),
          answerOf(ask(viewOf(policy), question)),
        );
      }
    }),
    { numRuns: 1_000, seed: SEED },
  );
});

Deno.test("gate_unknown_tenant stands before every rule: what its coming and going changes", () => {
  const stranger = aQuestion({ tenant: "stranger" });
  const ofOrg = aRule("rul_1", { tool_name: "t" }, "disabled");
  const ofTenant = aRule("rul_2", { tenant_id: "a", tag: "none" }, "allowed");
  const answers = (rules: RuleRecord[]) =>
    answerOf(ask(viewOf(aPolicy({ rules })), stranger)).resolved_from;
  assert.equal(answers([ofOrg]), "org_tool");
  assert.equal(answers([ofOrg, ofTenant]), "gate_unknown_tenant");
  assert.equal(answers([ofTenant]), "gate_unknown_tenant");
  assert.equal(answers([]), "tool_approved");
});
