import assert from "node:assert/strict";
import { draftToolRecord } from "../../lib/policy/draft_tool.ts";
import { type Selector, toolRecord } from "../../lib/store/records/policy.ts";
import type { ResolvedFrom } from "../../lib/store/records/vocabulary.ts";
import type { Question } from "../helpers/policy_oracle.ts";
import { answer, aRule, aTool, decides, FULL } from "../helpers/policy_records.ts";

// Most specific first: the order of this table is the order of the walk.
const WALK: readonly [ResolvedFrom, Partial<Selector>][] = [
  ["tenant_resource_tool_method", {
    tenant_id: "a",
    resource_id: "r",
    tool_name: "t",
    method: "m",
  }],
  ["tenant_resource_tool", { tenant_id: "a", resource_id: "r", tool_name: "t" }],
  ["tenant_resource_method", { tenant_id: "a", resource_id: "r", method: "m" }],
  ["tenant_resource", { tenant_id: "a", resource_id: "r" }],
  ["tenant_tool_method", { tenant_id: "a", tool_name: "t", method: "m" }],
  ["tenant_tool", { tenant_id: "a", tool_name: "t" }],
  ["tenant_method", { tenant_id: "a", method: "m" }],
  ["tenant_tag", { tenant_id: "a", tag: "g" }],
  ["org_resource_tool_method", { resource_id: "r", tool_name: "t", method: "m" }],
  ["org_resource_tool", { resource_id: "r", tool_name: "t" }],
  ["org_resource_method", { resource_id: "r", method: "m" }],
  ["org_resource", { resource_id: "r" }],
  ["org_tool_method", { tool_name: "t", method: "m" }],
  ["org_tool", { tool_name: "t" }],
  ["org_method", { method: "m" }],
  ["org_tag", { tag: "g" }],
];

const WALK_RULES = WALK.map(([name, selector], i) =>
  aRule(`rul_${name}`, selector, i % 2 === 0 ? "disabled" : "allowed")
);

Deno.test("resolve() prefers each level to every one after it", () => {
  const tools = [aTool({ tags: ["g"], default_permission: "requires_approval" })];
  for (const [i, rule] of WALK_RULES.entries()) {
    assert.deepEqual(answer({ tools, rules: WALK_RULES.slice(i) }, FULL), {
      permission: rule.permission,
      resolved_from: WALK[i]?.[0],
      rule_id: rule.id,
    });
  }
  decides({ tools }, FULL, "requires_approval", "tool_default");
});

Deno.test("resolve() takes the first level that the action has the parts for", () => {
  const tagged = [aTool({ tags: ["g"] })];
  const table: [Partial<Question>, ResolvedFrom][] = [
    [{ tenant: "a", resource: "r", method: "m" }, "tenant_resource_tool_method"],
    [{ tenant: "a", resource: "r" }, "tenant_resource_tool"],
    [{ tenant: "a", method: "m" }, "tenant_tool_method"],
    [{ tenant: "a" }, "tenant_tool"],
    [{ resource: "r", method: "m" }, "org_resource_tool_method"],
    [{ resource: "r" }, "org_resource_tool"],
    [{ method: "m" }, "org_tool_method"],
    [{}, "org_tool"],
    [{ tenant: "a", tool: "u", resource: "r", method: "m" }, "tenant_resource_method"],
    [{ tenant: "a", tool: "u", resource: "r" }, "tenant_resource"],
    [{ tenant: "a", tool: "u", method: "m" }, "tenant_method"],
    [{ tenant: "a", tool: "u" }, "tenant_tag"],
    [{ tool: "u" }, "org_tag"],
    [{ tool: "untagged" }, "tool_approved"],
    [{ tenant: "a", resource: "other", method: "other" }, "tenant_tool"],
    [{ tenant: "b", resource: "r", method: "m" }, "org_resource_tool_method"],
  ];
  const tools = [...tagged, aTool({ name: "u", tags: ["g"] }), aTool({ name: "untagged" })];
  for (const [question, expected] of table) {
    const { resolved_from } = answer({ tools, tenants: ["a", "b"], rules: WALK_RULES }, question);
    assert.equal(resolved_from, expected, JSON.stringify(question));
  }
});

Deno.test("resolve() compares names exactly", () => {
  const rules = [
    aRule("rul_1", { tool_name: "T" }, "disabled"),
    aRule("rul_2", { resource_id: "r/t" }, "disabled"),
    aRule("rul_3", { resource_id: "", tool_name: "t" }, "disabled"),
  ];
  decides({ rules }, { resource: "r" }, "allowed", "tool_approved");
  assert.equal(answer({ rules }, { resource: "" }).rule_id, "rul_3");
});

Deno.test("resolve() lets the strictest of several tags win, the first in order among equals", () => {
  const rules = [
    aRule("rul_allowed", { tag: "a" }, "allowed"),
    aRule("rul_second", { tag: "c" }, "requires_approval"),
    aRule("rul_first", { tag: "b" }, "requires_approval"),
    aRule("rul_disabled", { tag: "d" }, "disabled"),
  ];
  const table: [string[], string | null][] = [
    [["a"], "rul_allowed"],
    [["a", "b"], "rul_first"],
    [["c", "b", "a"], "rul_first"],
    [["a", "c"], "rul_second"],
    [["a", "b", "c", "d"], "rul_disabled"],
    [["other"], null],
    [["other", "a"], "rul_allowed"],
  ];
  for (const [tags, expected] of table) {
    for (const order of [tags, tags.toReversed()]) {
      assert.equal(answer({ tools: [aTool({ tags: order })], rules }).rule_id, expected);
    }
  }
  const tools = [aTool({ tags: ["a", "d"] })];
  const ofTenant = aRule("rul_tenant", { tenant_id: "a", tag: "a" }, "allowed");
  const answered = answer({ tools, rules: [...rules, ofTenant] }, { tenant: "a" });
  assert.equal(answered.resolved_from, "tenant_tag");
});

Deno.test("draftToolRecord() assumes the worst of a tool, and is decided as the unknown one was", () => {
  const draft = draftToolRecord("new", "tol_1", 1_700_000_000_000);
  assert.deepEqual(toolRecord.parse(draft), draft);
  assert.equal(draft.status, "draft");
  assert.equal(draft.discovered, true);
  assert.equal(draft.risk_level, "high");
  assert.equal(draft.default_permission, "requires_approval");
  assert.equal(draft.annotations_acknowledged, false);
  assert.deepEqual(draft.annotations, {
    read_only: false,
    destructive: true,
    idempotent: false,
    open_world: true,
  });
  for (const rules of [[], ...WALK_RULES.map((rule) => [rule])]) {
    assert.deepEqual(
      answer({ rules, tools: [draftToolRecord("t", "tol_2", 0)] }, FULL),
      answer({ rules, tools: [] }, FULL),
    );
  }
});
