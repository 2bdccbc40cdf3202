import assert from "node:assert/strict";
import { aPolicy, aQuestion, aRule, ask, aTool, viewOf } from "../helpers/policy_records.ts";

Deno.test("resolve() explains a decision step by step", () => {
  const policy = aPolicy({
    tools: [aTool({ tags: ["z", "g"], required_tier: 1, required_facts: ["resource"] })],
    rules: [aRule("rul_1", { tag: "g" }, "allowed")],
  });
  const { trace } = ask(viewOf(policy), aQuestion({ resource: "server prod" }), true);
  const rows = trace?.map(({ level, key, outcome, rule_id }) =>
    [level, key, outcome, ...rule_id === undefined ? [] : [rule_id]].join(" | ")
  );
  assert.deepEqual(rows, [
    "kill_switch | org | no_rule",
    "kill_switch | agent | skipped",
    "kill_switch | tool=t | no_rule",
    "gate_unknown_tool | tool=t | no_rule",
    "gate_tool_disabled | tool=t | no_rule",
    "gate_tier | trust_tier=3 required_tier=1 | no_rule",
    "gate_unknown_tenant | tenant=? | skipped",
    'gate_incomplete | resource="server prod" | no_rule',
    "gate_method | method=? | skipped",
    "gate_mandate | tool=t | skipped",
    'tenant_resource_tool_method | tenant=? resource="server prod" tool=t method=? | skipped',
    'tenant_resource_tool | tenant=? resource="server prod" tool=t | skipped',
    'tenant_resource_method | tenant=? resource="server prod" method=? | skipped',
    'tenant_resource | tenant=? resource="server prod" | skipped',
    "tenant_tool_method | tenant=? tool=t method=? | skipped",
    "tenant_tool | tenant=? tool=t | skipped",
    "tenant_method | tenant=? method=? | skipped",
    "tenant_tag | tenant=? tag=g tag=z | skipped",
    'org_resource_tool_method | resource="server prod" tool=t method=? | skipped',
    'org_resource_tool | resource="server prod" tool=t | no_rule',
    'org_resource_method | resource="server prod" method=? | skipped',
    'org_resource | resource="server prod" | no_rule',
    "org_tool_method | tool=t method=? | skipped",
    "org_tool | tool=t | no_rule",
    "org_method | method=? | skipped",
    "org_tag | tag=g | matched | rul_1",
  ]);
  assert.equal("trace" in ask(viewOf(policy), aQuestion()), false);
});

Deno.test("resolve() shows in a draft's trace what the gate narrowed", () => {
  const policy = aPolicy({ rules: [aRule("rul_1", { tool_name: "new" }, "allowed")] });
  const { trace } = ask(viewOf(policy), aQuestion({ tool: "new" }), true);
  assert.deepEqual(trace?.slice(-2), [
    { level: "org_tool", key: "tool=new", outcome: "matched", rule_id: "rul_1" },
    { level: "gate_draft", key: "tool=new", outcome: "matched" },
  ]);
});
