import assert from "node:assert/strict";
import { discovers } from "../../lib/policy/chain.ts";
import type { Permission, ResolvedFrom } from "../../lib/store/records/vocabulary.ts";
import {
  anOrg,
  answer,
  aPolicy,
  aQuestion,
  aRule,
  ask,
  aTool,
  decides,
  FULL,
  viewOf,
} from "../helpers/policy_records.ts";

const ON = { active: true, reason: "stop" };

Deno.test("resolve() puts kill switches before everything", () => {
  const killed = [aTool({ kill_switch: ON, status: "archived" })];
  const stoppedOrg = anOrg({ kill_switch: ON, discovery: "off" });
  decides({ org: stoppedOrg }, {}, "disabled", "kill_switch");
  decides({ org: stoppedOrg }, { tool: "unknown" }, "disabled", "kill_switch");
  decides({}, { agent_killed: true }, "disabled", "kill_switch");
  decides(
    { org: anOrg({ discovery: "off" }) },
    { agent_killed: true, tool: "unknown" },
    "disabled",
    "kill_switch",
  );
  decides({ tools: killed }, {}, "disabled", "kill_switch");
  decides({}, { agent_killed: false }, "allowed", "tool_approved");
});

Deno.test("resolve() answers for an unknown tool by the org's discovery and the way in", () => {
  const table = [
    ["all", "rest", true],
    ["all", "mcp", true],
    ["all", "dashboard", true],
    ["mcp", "rest", false],
    ["mcp", "mcp", true],
    ["mcp", "dashboard", false],
    ["off", "rest", false],
    ["off", "mcp", false],
    ["off", "dashboard", false],
  ] as const;
  for (const [discovery, via, discovered] of table) {
    const org = anOrg({ discovery });
    assert.equal(discovers(org, via), discovered);
    if (discovered) {
      decides({ org }, { tool: "new", via }, "requires_approval", "gate_draft");
    } else {
      decides({ org }, { tool: "new", via }, "disabled", "gate_unknown_tool");
    }
  }
});

Deno.test("resolve() judges an unknown tool as a draft that rules can only disable", () => {
  const rule = (permission: Permission) => [aRule("rul_1", { resource_id: "r" }, permission)];
  const question = { tool: "new", resource: "r" };
  decides({ rules: rule("allowed") }, question, "requires_approval", "gate_draft");
  decides({ rules: rule("requires_approval") }, question, "requires_approval", "gate_draft");
  assert.deepEqual(answer({ rules: rule("disabled") }, question), {
    permission: "disabled",
    resolved_from: "org_resource",
    rule_id: "rul_1",
  });
  assert.equal(ask(viewOf(aPolicy()), aQuestion(question)).tool, null);
});

Deno.test("resolve() names the strictest gate, of equally strict ones the first", () => {
  const rules = [aRule("rul_1", { tenant_id: "a", tool_name: "t" }, "requires_approval")];
  const strict = aTool({ required_tier: 2, required_facts: ["resource"] });
  const low = { trust_tier: 1, tenant: "stranger" };
  const enough = { trust_tier: 2, tenant: "stranger" };
  for (const status of ["disabled", "archived"] as const) {
    const tools = [{ ...strict, status }];
    decides({ tools, rules }, low, "disabled", "gate_tool_disabled");
  }
  const tools = [strict];
  decides({ tools, rules }, low, "disabled", "gate_tier");
  decides({ tools, rules }, enough, "requires_approval", "gate_unknown_tenant");
  decides({ tools, rules }, { tenant: "a" }, "requires_approval", "gate_incomplete");
  const complete = answer({ tools, rules }, { tenant: "a", resource: "r" });
  assert.equal(complete.resolved_from, "tenant_tool");
});

Deno.test("resolve() lets a written disabled stand, whatever an asker invents or leaves out", () => {
  const off = { tool_name: "t" };
  const ofTenant = aRule("rul_1", { tenant_id: "a", method: "m" }, "allowed");
  const disabled = aRule("rul_2", off, "disabled");
  const rules = [ofTenant, disabled];
  const stands = { permission: "disabled", resolved_from: "org_tool", rule_id: "rul_2" };
  assert.deepEqual(answer({ rules }, { tenant: "stranger" }), stands);
  for (const fact of ["tenant", "resource", "method"] as const) {
    const tools = [aTool({ required_facts: [fact] })];
    assert.deepEqual(answer({ rules, tools }, { ...FULL, method: "x", [fact]: null }), stands);
  }
  const tools = [aTool({ default_permission: "disabled", required_facts: ["tenant"] })];
  decides({ tools, rules: [ofTenant] }, {}, "disabled", "tool_default");
  decides({ tools, rules: [ofTenant] }, { tenant: "stranger" }, "disabled", "tool_default");
});

Deno.test("resolve() refuses a trust tier below the tool's, or that is no number", () => {
  for (const required_tier of [0, 1, 2, 3]) {
    for (const trust_tier of [0, 1, 2, 3, NaN]) {
      const { resolved_from } = answer({ tools: [aTool({ required_tier })] }, { trust_tier });
      assert.equal(
        resolved_from,
        trust_tier >= required_tier ? "tool_approved" : "gate_tier",
      );
    }
  }
});

Deno.test("resolve() asks about an unregistered tenant only where tenants have rules", () => {
  const ofOrg = [aRule("rul_1", { method: "m" }, "allowed")];
  const ofTenant = [aRule("rul_1", { tenant_id: "x", method: "m" }, "allowed")];
  decides({ rules: ofOrg }, { tenant: "x" }, "allowed", "tool_approved");
  decides({ rules: ofTenant }, { tenant: "x" }, "requires_approval", "gate_unknown_tenant");
  decides({ rules: ofTenant }, { tenant: "a" }, "allowed", "tool_approved");
  decides({ rules: ofTenant }, {}, "allowed", "tool_approved");
});

Deno.test("resolve() asks a person when a required fact is missing", () => {
  for (const fact of ["tenant", "resource", "method"] as const) {
    const tools = [aTool({ required_facts: [fact] })];
    decides({ tools }, { ...FULL, [fact]: null }, "requires_approval", "gate_incomplete");
    decides({ tools }, FULL, "allowed", "tool_approved");
    decides({ tools }, { ...FULL, [fact]: "" }, "allowed", "tool_approved");
  }
});

Deno.test("resolve() falls back in order", () => {
  const categories = [
    { name: "set", default_permission: "disabled" as const },
    { name: "unset", default_permission: null },
  ];
  const table: [Parameters<typeof aTool>[0], Permission, ResolvedFrom][] = [
    [
      { default_permission: "requires_approval", category: "set" },
      "requires_approval",
      "tool_default",
    ],
    [{ default_permission: "allowed", category: "set" }, "allowed", "tool_default"],
    [{ category: "set" }, "disabled", "category_default"],
    [{ category: "unset" }, "allowed", "tool_approved"],
    [{ category: "absent" }, "allowed", "tool_approved"],
    [{}, "allowed", "tool_approved"],
  ];
  for (const [tool, permission, resolvedFrom] of table) {
    decides({ tools: [aTool(tool)], categories }, {}, permission, resolvedFrom);
  }
});

Deno.test("resolve() lets nothing but disabled stand for a draft", () => {
  const categories = [{ name: "off", default_permission: "disabled" as const }];
  const draft = (part: Parameters<typeof aTool>[0] = {}) => [aTool({ ...part, status: "draft" })];
  decides({ tools: draft() }, {}, "requires_approval", "gate_draft");
  decides(
    { tools: draft({ default_permission: "allowed" }) },
    {},
    "requires_approval",
    "gate_draft",
  );
  decides({ tools: draft({ default_permission: "disabled" }) }, {}, "disabled", "tool_default");
  decides({ tools: draft({ category: "off" }), categories }, {}, "disabled", "category_default");
  for (const permission of ["allowed", "requires_approval"] as const) {
    const rules = [aRule("rul_1", { tool_name: "t" }, permission)];
    decides({ tools: draft(), rules }, {}, "requires_approval", "gate_draft");
  }
  const rules = [aRule("rul_1", { tool_name: "t" }, "disabled")];
  assert.equal(answer({ tools: draft(), rules }).rule_id, "rul_1");
});
