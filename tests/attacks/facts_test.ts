import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { grantIn, rawTool, resultOf } from "../helpers/mcp_client.ts";
import { assertProblem } from "../helpers/refused.ts";

type Facts = { tenant_id?: string; resource_id?: string; method?: string };

/** Every way by which an asker could get further with an action is shut, and says so. */
async function assertDisabled(org: TestOrg, tool_name: string, facts: Facts, from: string) {
  const action = { tool_name, ...facts };
  for (const secret of [org.standard, await org.agent({ name: crypto.randomUUID() })]) {
    const checked = await org.post("/v1/permissions/check", { ...action, mint: true }, secret);
    assert.equal(checked.body.permission, "disabled", JSON.stringify(facts));
    assert.equal(checked.body.resolved_from, from, JSON.stringify(facts));
    assert.equal(checked.body.token, undefined);
    const asked = await org.post("/v1/approvals", { ...action, reason: "please" }, secret);
    assertProblem(asked, 403, "tool_disabled");
    assertProblem(await org.post("/v1/tokens/mint", action, secret), 403, "tool_disabled");
  }
}

async function put(org: TestOrg, path: string, body: unknown): Promise<void> {
  const got = await org.manage("PUT", path, body);
  assert.ok(got.status < 300, got.text);
}

const rule = (org: TestOrg, selector: Record<string, string>, permission: string) =>
  put(org, "/v1/rules", { selector, permission });

Deno.test("attack: a made-up tenant gets nobody to ask for what the organization disabled", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wipe");
  await org.tool("off", { default_permission: "disabled" });
  await org.tool("hidden", { status: "disabled" });
  await org.tool("trusted", { required_tier: 3 });
  await put(org, "/v1/tenants/acme", { name: "Acme" });
  await rule(org, { tenant_id: "acme", method: "GET" }, "allowed");
  await rule(org, { tool_name: "wipe" }, "disabled");
  for (const tenant_id of ["made-up", "ACME", "__proto__"]) {
    await assertDisabled(org, "wipe", { tenant_id }, "org_tool");
    await assertDisabled(org, "off", { tenant_id }, "tool_default");
    await assertDisabled(org, "hidden", { tenant_id }, "gate_tool_disabled");
    await assertDisabled(org, "trusted", { tenant_id }, "gate_tier");
  }
  const { token } = await grantIn([[org, "owner"]]);
  const asked = await rawTool(countersign, token, "request_approval", {
    tool_name: "wipe",
    tenant_id: "made-up",
    reason: "please",
  });
  assert.equal(resultOf(asked).structuredContent.code, "tool_disabled");
});

Deno.test("attack: leaving out a fact that the tool requires gets nobody to ask for what is disabled", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const required_facts = ["tenant", "resource", "method"];
  await org.tool("wipe", { required_facts });
  await org.tool("off", { required_facts, default_permission: "disabled" });
  await org.tool("by_category", {
    required_facts,
    category: "dangerous",
    default_permission: null,
  });
  await put(org, "/v1/categories/dangerous", { default_permission: "disabled" });
  await rule(org, { tool_name: "wipe" }, "disabled");
  const partial: Facts[] = [{}, { method: "GET" }, { resource_id: "r", tenant_id: "acme" }];
  for (const facts of partial) {
    await assertDisabled(org, "wipe", facts, "org_tool");
    await assertDisabled(org, "off", facts, "tool_default");
    await assertDisabled(org, "by_category", facts, "category_default");
  }
});

Deno.test("attack: another spelling of a method passes neither a rule nor a tool's list", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wipe");
  await org.tool("listed", { methods: ["GET", "head"] });
  await rule(org, { tool_name: "wipe", method: "DELETE" }, "disabled");
  for (const method of ["DELETE", "delete", "Delete", "dELETE"]) {
    await assertDisabled(org, "wipe", { method }, "org_tool_method");
    await assertDisabled(org, "listed", { method }, "gate_method");
  }
  for (const method of ["GETT", "GET,HEAD", "get head", "__proto__"]) {
    await assertDisabled(org, "listed", { method }, "gate_method");
  }
  // Leaving it out is none of them either; and no rule lifts the gate.
  await rule(org, { tool_name: "listed" }, "allowed");
  await assertDisabled(org, "listed", {}, "gate_method");
  for (const method of ["get", "HEAD"]) {
    const { body } = await org.post("/v1/permissions/check", { tool_name: "listed", method });
    assert.equal(body.resolved_from, "org_tool");
    assert.equal(body.permission, "allowed");
  }
});

Deno.test("attack: a token for a method that the tool does not take any more is not spent", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wipe");
  const action = { tool_name: "wipe", method: "delete" };
  const minted = await org.post("/v1/tokens/mint", action);
  assert.equal(minted.status, 201, minted.text);
  const narrowed = await org.manage("PATCH", "/v1/tools/wipe", { methods: ["GET"] });
  assert.equal(narrowed.status, 200, narrowed.text);
  const spent = await org.post("/v1/tokens/consume", { ...action, token: minted.body.token });
  assertProblem(spent, 403, "token_revoked");
  assert.equal(spent.body.reason, "policy");
  // What it was minted for is what was sent, to the letter.
  await org.manage("PATCH", "/v1/tools/wipe", { methods: null });
  const again = await org.post("/v1/tokens/mint", action);
  const other = { ...action, method: "DELETE", token: again.body.token };
  assertProblem(await org.post("/v1/tokens/consume", other), 409, "action_mismatch");
});
