import fc from "fast-check";
import assert from "node:assert/strict";
import { draftToolRecord } from "../../lib/policy/draft_tool.ts";
import {
  agentWidens,
  categoryWidens,
  liftsTenantGate,
  orgWidens,
  type RuleStep,
  ruleWidens,
  tenantWidens,
  toolWidens,
} from "../../lib/policy/widening.ts";
import type { AgentRecord } from "../../lib/store/records/identity.ts";
import {
  type CategoryRecord,
  type OrgRecord,
  REQUIRED_FACTS,
  type RuleRecord,
  TOOL_STATUSES,
  type ToolRecord,
} from "../../lib/store/records/policy.ts";
import { LEVELS, type Permission, PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import type { PlainPolicy, Question } from "../helpers/policy_oracle.ts";
import { anOrg, aRule, ask, aTool, viewOf } from "../helpers/policy_records.ts";
import { runs } from "../helpers/property_runs.ts";

const NAMES = ["a", "b"];
const name = fc.constantFrom(...NAMES);
const permission = fc.constantFrom(...PERMISSIONS);
const permissionOrNull = fc.option(permission, { freq: 2 });
const switchedOn = fc.constantFrom(false, false, false, true)
  .map((active) => ({ active, reason: null }));

const tool: fc.Arbitrary<ToolRecord> = fc.record({
  category: fc.option(fc.constantFrom("c", "d")),
  tags: fc.uniqueArray(name, { maxLength: 2 }),
  default_permission: permissionOrNull,
  required_tier: fc.constantFrom(0, 0, 1, 3),
  required_facts: fc.subarray([...REQUIRED_FACTS], { maxLength: 2 }),
  methods: fc.constantFrom<string[] | null>(null, null, null, ["a"], ["A", "b"], ["B"]),
  status: fc.constantFrom(...TOOL_STATUSES, "approved" as const, "approved" as const),
  kill_switch: switchedOn,
}).map((part) => aTool({ ...part, name: "a" }));

const fields = fc.subarray(
  [
    "category",
    "tags",
    "default_permission",
    "required_tier",
    "required_facts",
    "methods",
    "status",
    "kill_switch",
  ] as const,
  { minLength: 1, maxLength: 2 },
);

const category = (of: string): fc.Arbitrary<CategoryRecord> =>
  fc.record({ name: fc.constant(of), default_permission: permissionOrNull });

const rule: fc.Arbitrary<RuleRecord> = fc.record({
  level: fc.constantFrom(...LEVELS),
  tenant_id: fc.option(name, { freq: 2 }),
  values: fc.tuple(name, name, name),
  permission,
}).map(({ level, tenant_id, values, permission }) => {
  const parts = level.parts.map((part, i) => [part, values[i] ?? "a"]);
  const selector = { tenant_id, ...Object.fromEntries(parts) };
  return aRule(`rul_${JSON.stringify(selector)}`, selector, permission);
});

const org: fc.Arbitrary<OrgRecord> = fc.record({
  discovery: fc.constantFrom("all" as const, "mcp" as const, "off" as const),
  kill_switch: switchedOn,
}).map(anOrg);

const policy: fc.Arbitrary<PlainPolicy> = fc.record({
  org,
  tools: fc.option(tool, { nil: null }).map((one) => one === null ? [] : [one]),
  categories: fc.tuple(category("c"), category("d")),
  tenants: fc.subarray(NAMES),
  rules: fc.uniqueArray(rule, { selector: ({ id }) => id, maxLength: 8 }),
});

/** One change of a policy, and what is to be said of it. */
interface Change {
  readonly before: PlainPolicy;
  readonly after: PlainPolicy;
  readonly widens: boolean;
}

const change: fc.Arbitrary<Change> = fc.tuple(
  policy,
  fc.oneof(
    fc.tuple(tool, fields).map(([next, only]) => ({ kind: "tool" as const, next, only })),
    fc.constant({ kind: "removal" as const }),
    category("c").map((next) => ({ kind: "category" as const, next })),
    org.map((next) => ({ kind: "org" as const, next })),
    name.map((id) => ({ kind: "tenant" as const, id })),
    rule.map((next) => ({ kind: "rule" as const, next })),
    fc.nat(7).map((at) => ({ kind: "rule_removal" as const, at })),
  ),
).map(([before, made]): Change => {
  const view = viewOf(before);
  switch (made.kind) {
    case "tool": {
      const old = before.tools[0] ?? null;
      // Of a few fields: nearly every tool that differs in all of them is wider in one.
      const taken = Object.fromEntries(made.only.map((field) => [field, made.next[field]]));
      const next = old === null ? made.next : { ...old, ...taken };
      const widens = toolWidens(old, next, view);
      return { before, after: { ...before, tools: [next] }, widens };
    }
    case "removal": {
      // Only drafts are removed; any other tool is archived.
      const old = { ...(before.tools[0] ?? aTool({ name: "a" })), status: "draft" as const };
      const draft = { ...before, tools: [old] };
      const widens = toolWidens(old, null, view);
      return { before: draft, after: { ...before, tools: [] }, widens };
    }
    case "category": {
      const [old, other] = before.categories;
      const categories = other === undefined ? [made.next] : [made.next, other];
      const widens = categoryWidens(old ?? null, made.next);
      return { before, after: { ...before, categories }, widens };
    }
    case "org":
      return {
        before,
        after: { ...before, org: made.next },
        widens: orgWidens(before.org, made.next),
      };
    case "tenant": {
      const { id } = made;
      const record = { id, name: null, metadata: {}, created_at: 0 };
      const known = before.tenants.includes(id);
      const tenants = known ? before.tenants.filter((other) => other !== id) : [
        ...before.tenants,
        id,
      ];
      const widens = known
        ? tenantWidens(record, null, view.rules)
        : tenantWidens(null, record, view.rules);
      return { before, after: { ...before, tenants }, widens };
    }
    case "rule":
      return ruleStep(before, {
        old: before.rules.find(({ id }) => id === made.next.id) ?? null,
        next: made.next,
      });
    case "rule_removal":
      return ruleStep(before, { old: before.rules[made.at] ?? null, next: null });
  }
});

function ruleStep(before: PlainPolicy, step: RuleStep): Change {
  const { old, next } = step;
  const rest = before.rules.filter((other) => other !== old);
  const after = { ...before, rules: next === null ? rest : [...rest, next] };
  const lifts = liftsTenantGate(viewOf(before).rules, [step]);
  return { before, after, widens: lifts || ruleWidens(old, next) };
}

/** Every question that the few names make. */
const QUESTIONS: readonly Question[] = [null, ...NAMES].flatMap((tenant) =>
  [null, ...NAMES].flatMap((resource) =>
    [null, ...NAMES].flatMap((method) =>
      [0, 1, 3].flatMap((trust_tier) =>
        (["rest", "mcp"] as const).map((via) => ({
          tenant,
          resource,
          method,
          tool: "a",
          trust_tier,
          via,
          agent_killed: null,
        }))
      )
    )
  )
);

const width = (given: Permission) => PERMISSIONS.length - PERMISSIONS.indexOf(given);

Deno.test("A change that is not said to widen lets no action through that was held before", () => {
  fc.assert(
    fc.property(change, ({ before, after, widens }) => {
      if (widens) return;
      const [was, is] = [viewOf(before), viewOf(after)];
      for (const question of QUESTIONS) {
        const [old, next] = [ask(was, question), ask(is, question)];
        assert.ok(
          width(next.permission) <= width(old.permission),
          `${old.permission} became ${next.permission} for ${JSON.stringify(question)}`,
        );
      }
    }),
    runs(10_000),
  );
});

Deno.test("ruleWidens() is what a table of all cases says", () => {
  const cases: readonly [Permission | null, Permission | null, boolean][] = [
    [null, "allowed", true],
    [null, "requires_approval", true],
    [null, "disabled", false],
    ["allowed", "allowed", false],
    ["allowed", "requires_approval", false],
    ["allowed", "disabled", false],
    ["allowed", null, false],
    ["requires_approval", "allowed", true],
    ["requires_approval", "requires_approval", false],
    ["requires_approval", "disabled", false],
    ["requires_approval", null, true],
    ["disabled", "allowed", true],
    ["disabled", "requires_approval", true],
    ["disabled", "disabled", false],
    ["disabled", null, true],
    [null, null, false],
  ];
  const of = (permission: Permission | null) =>
    permission === null ? null : { permission, note: null };
  for (const [old, next, widens] of cases) {
    assert.equal(ruleWidens(of(old), of(next)), widens, `${old} to ${next}`);
  }
  for (const permission of ["allowed", "requires_approval", "disabled"] as const) {
    const isRead = permission === "requires_approval";
    assert.equal(ruleWidens(of(permission), { permission, note: "fine" }), isRead, permission);
  }
});

Deno.test("liftsTenantGate() names the last rule with a tenant, and no other", () => {
  const first = aRule("rul_1", { tenant_id: "a", tool_name: "t" }, "disabled");
  const second = aRule("rul_2", { tenant_id: "b", tool_name: "t" }, "allowed");
  const ofOrg = aRule("rul_3", { tool_name: "t" }, "disabled");
  const rules = (...list: RuleRecord[]) =>
    viewOf({ org: anOrg(), tools: [], categories: [], tenants: [], rules: list }).rules;
  const made = (next: RuleRecord) => ({ old: null, next });
  const gone = (old: RuleRecord) => ({ old, next: null });
  assert.equal(liftsTenantGate(rules(ofOrg), [made(first)]), false);
  assert.equal(
    liftsTenantGate(rules(ofOrg), [made(aRule("rul_4", { tag: "x" }, "disabled"))]),
    false,
  );
  assert.equal(liftsTenantGate(rules(ofOrg, first), [made(second)]), false);
  assert.equal(liftsTenantGate(rules(ofOrg, first, second), [gone(first)]), false);
  assert.equal(liftsTenantGate(rules(ofOrg, first, second), [gone(first), gone(second)]), true);
  assert.equal(liftsTenantGate(rules(ofOrg, first), [gone(first)]), true);
  assert.equal(liftsTenantGate(rules(ofOrg, first), [gone(first), made(second)]), false);
  assert.equal(liftsTenantGate(rules(ofOrg, first), [gone(ofOrg)]), false);
});

/** A tool that every single change below makes wider, or (the other way round) stricter. */
const STRICT = aTool({
  status: "draft",
  kill_switch: { active: true, reason: null },
  default_permission: "disabled",
  required_tier: 2,
  required_facts: ["tenant", "method"],
  methods: ["GET", "POST"],
  requires_second_approval: true,
  approval_timeout_seconds: 60,
  approval_use_seconds: 60,
  risk_level: "critical",
  annotations: { read_only: false, destructive: true, idempotent: false, open_world: true },
});
const AROUND = viewOf({ org: anOrg(), tools: [], categories: [], tenants: [], rules: [] });

Deno.test("toolWidens() says so of each single field that lets more through, one way only", () => {
  const wider: readonly Partial<ToolRecord>[] = [
    { status: "approved" },
    { kill_switch: { active: false, reason: null } },
    { default_permission: "requires_approval" },
    { default_permission: "allowed" },
    { default_permission: null },
    { required_tier: 1 },
    { required_facts: ["method"] },
    { methods: ["get", "POST", "PUT"] },
    { methods: null },
    { requires_second_approval: false },
    { approval_timeout_seconds: 61 },
    { approval_timeout_seconds: null },
    { approval_use_seconds: 61 },
    { approval_use_seconds: null },
    { risk_level: "high" },
    { annotations: { ...STRICT.annotations, read_only: true } },
    { annotations: { ...STRICT.annotations, destructive: false } },
    { annotations: { ...STRICT.annotations, idempotent: true } },
    { annotations: { ...STRICT.annotations, open_world: false } },
  ];
  for (const fields of wider) {
    const next = { ...STRICT, ...fields };
    assert.equal(toolWidens(STRICT, next, AROUND), true, JSON.stringify(fields));
    assert.equal(toolWidens(next, STRICT, AROUND), false, `back from ${JSON.stringify(fields)}`);
  }
  const eitherWay: readonly Partial<ToolRecord>[] = [
    { category: "c" },
    { tags: ["a"] },
    { parameters: { type: "object" } },
    { description: "other" },
  ];
  for (const fields of eitherWay) {
    const next = { ...STRICT, ...fields };
    assert.equal(toolWidens(STRICT, next, AROUND), true, JSON.stringify(fields));
    assert.equal(toolWidens(next, STRICT, AROUND), true, `back from ${JSON.stringify(fields)}`);
  }
  const neither: readonly Partial<ToolRecord>[] = [
    { updated_at: 7 },
    { discovered: true },
    { tags: [] },
    { methods: ["post", "Get"] },
  ];
  for (const fields of neither) {
    assert.equal(toolWidens(STRICT, { ...STRICT, ...fields }, AROUND), false);
  }
});

Deno.test("toolWidens() takes a new tool for wider, and one out of use for no danger", () => {
  assert.equal(toolWidens(null, STRICT, AROUND), true);
  for (const status of ["disabled", "archived"] as const) {
    assert.equal(toolWidens(null, { ...STRICT, status }, AROUND), false);
    assert.equal(toolWidens(STRICT, aTool({ status }), AROUND), false);
    assert.equal(toolWidens({ ...STRICT, status }, STRICT, AROUND), true);
  }
});

Deno.test("toolWidens() lets a discovered draft go, and not one that was narrowed", () => {
  const draft = draftToolRecord("t", "tol_t", 0);
  assert.equal(toolWidens(draft, null, AROUND), false);
  assert.equal(toolWidens({ ...draft, default_permission: "disabled" }, null, AROUND), true);
  assert.equal(toolWidens(null, null, AROUND), false);
});

Deno.test("toolWidens() measures a missing default by the category's", () => {
  const around = (default_permission: Permission | null) => ({
    ...AROUND,
    category: () => ({ name: "c", default_permission }),
  });
  const own = aTool({ category: "c", default_permission: "requires_approval" });
  const none = aTool({ category: "c" });
  assert.equal(toolWidens(own, none, around("disabled")), false);
  assert.equal(toolWidens(own, none, around("allowed")), true);
  assert.equal(toolWidens(own, none, around(null)), true);
  assert.equal(toolWidens(none, own, around("disabled")), true);
  assert.equal(toolWidens(none, own, around(null)), false);
});

Deno.test("orgWidens() says so of each single setting that lets more through, one way only", () => {
  const strict = anOrg({
    discovery: "off",
    separation_of_duties: true,
    strict_levels: true,
    api_decisions: false,
    allow_personal_ids: false,
    approval_timeout_seconds: 60,
    approval_use_seconds: 60,
    kill_switch: { active: true, reason: null },
  });
  const wider: readonly Partial<OrgRecord>[] = [
    { discovery: "mcp" },
    { discovery: "all" },
    { discovery_max_per_hour: 51 },
    { discovery_max_per_caller_per_hour: 11 },
    { discovery_max_untriaged: 501 },
    { separation_of_duties: false },
    { strict_levels: false, strict_levels_by: "usr_1" },
    { api_decisions: true },
    { allow_personal_ids: true },
    { approval_timeout_seconds: 61 },
    { approval_use_seconds: 61 },
    { kill_switch: { active: false, reason: null } },
  ];
  for (const fields of wider) {
    const next = { ...strict, ...fields };
    assert.equal(orgWidens(strict, next), true, JSON.stringify(fields));
    assert.equal(orgWidens(next, strict), false, `back from ${JSON.stringify(fields)}`);
  }
  for (
    const fields of [{ name: "other" }, { report_within_seconds: 9 }, { retain_arguments: true }]
  ) {
    assert.equal(orgWidens(strict, { ...strict, ...fields }), false, JSON.stringify(fields));
  }
});

Deno.test("agentWidens() says so of each single field that lets more through, one way only", () => {
  const strict: AgentRecord = {
    id: "agt_1",
    name: "a",
    secret_hash: "h",
    trust_tier: 0,
    tenant_ids: ["a"],
    expires_at: 10,
    rate_limit_per_minute: 10,
    kill_switch: { active: true, reason: null },
    void_before: 0,
    mandate_ids: null,
    members_behind: [],
    created_at: 0,
  };
  const wider: readonly Partial<AgentRecord>[] = [
    { trust_tier: 1 },
    { tenant_ids: ["a", "b"] },
    { tenant_ids: null },
    { expires_at: 11 },
    { expires_at: null },
    { rate_limit_per_minute: 11 },
    { rate_limit_per_minute: null },
    { kill_switch: { active: false, reason: null } },
  ];
  for (const fields of wider) {
    const next = { ...strict, ...fields };
    assert.equal(agentWidens(strict, next), true, JSON.stringify(fields));
    assert.equal(agentWidens(next, strict), false, `back from ${JSON.stringify(fields)}`);
  }
  assert.equal(agentWidens(strict, { ...strict, tenant_ids: ["b"] }), true);
  assert.equal(agentWidens(strict, { ...strict, name: "other" }), true);
  assert.equal(agentWidens(strict, { ...strict, members_behind: ["usr_1"] }), false);
});
