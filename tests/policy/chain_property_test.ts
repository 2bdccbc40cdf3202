import fc from "fast-check";
import assert from "node:assert/strict";
import type { RuleRecord } from "../../lib/store/records/policy.ts";
import {
  MANDATE_ORIGINS,
  RESOLVED_FROM,
  type ResolvedFrom,
} from "../../lib/store/records/vocabulary.ts";
import { chain, gates, oracle, type PlainPolicy } from "../helpers/policy_oracle.ts";
import { answerOf, aPolicy, aQuestion, aRule, ask, viewOf } from "../helpers/policy_records.ts";
import { runs } from "../helpers/property_runs.ts";
import {
  anyPolicy,
  anyQuestion,
  anyRule,
  sameSelector,
  sixQuestions,
  width,
} from "../helpers/arbitrary_policy.ts";

const SEED = 20261122;

Deno.test("resolve() agrees with the description on random policies, and meets every origin but fail_safe", () => {
  const seen = new Map<ResolvedFrom, number>();
  fc.assert(
    fc.property(anyPolicy, sixQuestions, (policy, questions) => {
      const view = viewOf(policy);
      for (const question of questions) {
        const resolution = ask(view, question);
        assert.deepEqual(answerOf(resolution), oracle(policy, question));
        assert.equal(resolution.tool, view.tool(question.tool) ?? null);
        seen.set(resolution.resolved_from, (seen.get(resolution.resolved_from) ?? 0) + 1);
      }
    }),
    { ...runs(10_000), seed: SEED },
  );
  const ofMandates = new Set<ResolvedFrom>(MANDATE_ORIGINS);
  // Guards look at arguments, of which there are none here, and nobody asks with a sub-token.
  const own = RESOLVED_FROM.filter((origin) =>
    !ofMandates.has(origin) && !origin.startsWith("guard_") && origin !== "sub_token"
  );
  const rare = own.filter((origin) => (seen.get(origin) ?? 0) < 20);
  // Every approved tool is allowed and every other is a draft or gated off, so the last fallback
  // is only ever what gate_draft stands for.
  assert.deepEqual(rare, ["fail_safe"], "every other origin occurs at least 20 times");
  assert.equal(seen.has("fail_safe"), false);
});

Deno.test("resolve() explains itself without changing its answer, and marks gates and chain", () => {
  fc.assert(
    fc.property(anyPolicy, anyQuestion, (policy, question) => {
      const view = viewOf(policy);
      const { trace, ...plain } = ask(view, question, true);
      assert.deepEqual(plain, ask(view, question));
      assert.ok(trace);
      const levels = trace.map((step) => step.level);
      const inOrder = RESOLVED_FROM.filter((level) => levels.includes(level));
      assert.deepEqual([...new Set(levels)], inOrder);
      const matched = trace.filter(({ outcome }) => outcome === "matched");
      const decided = matched.find(({ level }) => level === plain.resolved_from);
      assert.ok(decided);
      assert.equal(decided.rule_id ?? null, plain.rule?.id ?? null);
      if (plain.resolved_from === "kill_switch") {
        assert.equal(trace.at(-1)?.level, "kill_switch");
        return;
      }
      const expected = gates(policy, question).map(({ resolved_from }) => resolved_from);
      const last = chain(policy, question).resolved_from;
      if (last === "gate_draft") {
        // What the walk came to, and the gate that narrows it.
        assert.equal(matched.length, expected.length + 2);
        assert.equal(matched.at(-1)?.level, last);
      } else {
        assert.deepEqual(matched.map(({ level }) => level), [...expected, last]);
      }
    }),
    { ...runs(3_000), seed: SEED },
  );
});

Deno.test("a disabled rule more widens no answer", () => {
  fc.assert(
    fc.property(anyPolicy, anyRule, sixQuestions, (before, added, questions) => {
      const disabled: RuleRecord = { ...added, id: "rul_new", permission: "disabled" };
      const others = before.rules.filter((rule) => !sameSelector(rule, disabled));
      const after = { ...before, rules: [...others, disabled] };
      for (const question of questions) {
        assert.ok(width(after, question) <= width(before, question));
      }
    }),
    { ...runs(3_000), seed: SEED },
  );
});

const hasTenantRules = (policy: PlainPolicy) =>
  policy.rules.some((rule) => rule.selector.tenant_id !== null);

Deno.test("an allowed rule less widens no answer, unless it is the last that names a tenant", () => {
  fc.assert(
    fc.property(anyPolicy, anyRule, sixQuestions, (without, removed, questions) => {
      const allowed: RuleRecord = { ...removed, id: "rul_old", permission: "allowed" };
      const after = {
        ...without,
        rules: without.rules.filter((rule) => !sameSelector(rule, allowed)),
      };
      const before = { ...after, rules: [...after.rules, allowed] };
      const gateGoes = hasTenantRules(before) && !hasTenantRules(after);
      for (const question of questions) {
        const { tenant } = question;
        if (gateGoes && tenant !== null && !before.tenants.includes(tenant)) continue;
        assert.ok(width(after, question) <= width(before, question));
      }
    }),
    { ...runs(3_000), seed: SEED },
  );
});

Deno.test("resolve() is not swayed by the order in which rules and tags arrived", () => {
  fc.assert(
    fc.property(anyPolicy, sixQuestions, (policy, questions) => {
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
    { ...runs(1_000), seed: SEED },
  );
});

Deno.test("gate_unknown_tenant asks while there are rules for tenants, and lifts nothing", () => {
  const stranger = aQuestion({ tenant: "stranger" });
  const ofOrg = aRule("rul_1", { tool_name: "t" }, "disabled");
  const ofTenant = aRule("rul_2", { tenant_id: "a", tag: "none" }, "allowed");
  const answers = (rules: RuleRecord[]) =>
    answerOf(ask(viewOf(aPolicy({ rules })), stranger)).resolved_from;
  assert.equal(answers([ofOrg]), "org_tool");
  assert.equal(answers([ofOrg, ofTenant]), "org_tool");
  assert.equal(answers([ofTenant]), "gate_unknown_tenant");
  assert.equal(answers([]), "tool_approved");
});
