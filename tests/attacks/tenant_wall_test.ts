import assert from "node:assert/strict";
import * as keys from "../../lib/store/keys.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";

const INSIDE = "acme";
/** The tenant behind the wall; its name stands in nothing that is sent. */
const OUTSIDE = "globex";

/** An org that has something of a tenant on each side of the wall, and a key bound to one. */
async function walled(countersign: Countersign) {
  const org = await countersign.org();
  await org.tool("restart");
  await org.tool("wipe", { default_permission: "requires_approval" });
  const made: Record<string, string[]> = {};
  for (const tenant of [INSIDE, OUTSIDE]) {
    const rule = await addTenant(org, tenant);
    const action = { tenant_id: tenant, resource_id: `${tenant}-1` };
    const asked = await org.post("/v1/approvals", {
      ...action,
      tool_name: "wipe",
      reason: `${tenant} asked`,
    });
    const minted = await org.post("/v1/tokens/mint", { ...action, tool_name: "restart" });
    const logged = await org.post("/v1/executions/log", {
      ...action,
      tool_name: "restart",
      execution_result: "success",
    });
    const agent = await org.manage("POST", "/v1/agents", { name: tenant, tenant_ids: [tenant] });
    const key = await org.manage("POST", "/v1/api-keys", {
      name: tenant,
      tier: "standard",
      tenant_ids: [tenant],
    });
    made[tenant] = [
      rule,
      asked.body.id,
      asked.body.reference,
      minted.body.decision_id,
      logged.body.execution_id,
      agent.body.id,
      key.body.id,
      minted.body.token,
    ];
  }
  const bound = await org.key("standard", { tenant_ids: [INSIDE] });
  const boundAgent = await org.agent({ tenant_ids: [INSIDE] });
  const boundApprover = await org.key("approver", { tenant_ids: [INSIDE] });
  return { org, bound, boundAgent, boundApprover, outside: made[OUTSIDE] ?? [] };
}

function addTenant(org: TestOrg, id: string): Promise<string> {
  return org.transact((transaction) => {
    const created_at = transaction.at;
    const record = { id, name: `${id} Inc.`, metadata: { plan: id }, created_at };
    transaction.setPolicy(keys.tenantKey(org.id, id), record);
    const selector = {
      tenant_id: id,
      resource_id: null,
      tool_name: "restart",
      method: null,
      tag: null,
    };
    const rule = {
      id: transaction.id("rul"),
      selector,
      permission: "allowed",
      note: `for ${id}`,
      created_at,
      updated_at: created_at,
    };
    transaction.setPolicy(keys.ruleKey(org.id, selector), rule);
    return rule.id;
  });
}

Deno.test("attack: no route shows a bound key, agent or approver key what is behind the wall", async () => {
  await using countersign = await Countersign.start();
  const { org, bound, boundAgent, boundApprover, outside } = await walled(countersign);
  let looked = 0;
  for (const route of ROUTES) {
    if (route.callers === "open" || route.method !== "get") continue;
    const ids = route.path.includes(":") ? [...outside, OUTSIDE] : [""];
    for (const id of ids) {
      const path = route.path.replace(/:\w+(\{[^}]*\})?/, encodeURIComponent(id));
      for (const key of [bound, boundAgent, boundApprover]) {
        const got = await org.get(path, key);
        const text = got.text.replaceAll(`"instance":"${path}"`, "");
        // A refusal may repeat the tenant that was asked for; nothing else names it.
        const shown = got.status === 200 ? text : text.replaceAll(id, "");
        assert.ok(!shown.includes(OUTSIDE), `GET ${path}: ${got.text}`);
        looked++;
      }
    }
  }
  assert.ok(looked > 60);
});

Deno.test("attack: every route that takes a tenant refuses one behind the wall, and stores nothing", async () => {
  await using countersign = await Countersign.start();
  const { org, bound, boundAgent } = await walled(countersign);
  const size = async () => {
    const headers = { accept: "application/json" };
    return (await org.get("/v1/audit/checkpoint", org.standard, headers)).body.size;
  };
  const before = await size();
  const outside = { tool_name: "restart", tenant_id: OUTSIDE };
  const bodies: Record<string, unknown> = {
    "/v1/permissions/check": outside,
    "/v1/approvals": { ...outside, tool_name: "wipe", reason: "x" },
    "/v1/approvals/request": { ...outside, tool_name: "wipe", reason: "x" },
    "/v1/tokens/mint": outside,
    "/v1/executions/log": { ...outside, execution_result: "success" },
  };
  for (const key of [bound, boundAgent]) {
    for (const [path, body] of Object.entries(bodies)) {
      assertProblem(await org.post(path, body, key), 403, "tenant_not_permitted");
    }
    const batch = await org.post("/v1/permissions/check-batch", { checks: [outside] }, key);
    assert.equal(batch.body.results[0].error.code, "tenant_not_permitted");
    for (
      const path of [`/v1/approvals?tenant_id=${OUTSIDE}`, `/v1/activity?tenant_id=${OUTSIDE}`]
    ) {
      assertProblem(await org.get(path, key), 403, "tenant_not_permitted");
    }
  }
  for (const path of [`/v1/rules?tenant_id=${OUTSIDE}`, `/v1/tenants/${OUTSIDE}`, "/v1/policy"]) {
    assertProblem(await org.get(path, bound), 403, "tenant_not_permitted");
  }
  assert.equal(await size(), before);
});

Deno.test("attack: a token of a tenant behind the wall is neither consumed, seen nor reported", async () => {
  await using countersign = await Countersign.start();
  const { org, bound, boundAgent, outside } = await walled(countersign);
  const token = outside.at(-1);
  const action = { tool_name: "restart", tenant_id: OUTSIDE, resource_id: `${OUTSIDE}-1` };
  for (const key of [bound, boundAgent]) {
    for (const tenant of [{}, { tenant_id: INSIDE }, { tenant_id: null }]) {
      const body = { ...action, ...tenant, token };
      assertProblem(await org.post("/v1/tokens/consume", body, key), 403, "tenant_not_permitted");
      const report = { ...body, execution_result: "success" };
      assertProblem(await org.post("/v1/executions/log", report, key), 403, "tenant_not_permitted");
    }
    const looked = await org.post("/v1/tokens/verify", { token }, key);
    assertProblem(looked, 403, "tenant_not_permitted");
  }
  const got = await org.post("/v1/tokens/consume", { ...action, token });
  assert.equal(got.status, 200, "it was not spent");
});

Deno.test("attack: what looks like the tenant inside the wall is another tenant", async () => {
  await using countersign = await Countersign.start();
  const { org, bound } = await walled(countersign);
  const likes = [
    "Acme",
    "ACME",
    "\u0430cme",
    "acm\u0435",
    "acme ",
    "acme/",
    "acme%00",
    "ac\u0301me",
  ];
  for (const tenant_id of likes) {
    const body = { tool_name: "restart", tenant_id };
    const got = await org.post("/v1/permissions/check", body, bound);
    assert.ok([403, 422].includes(got.status), JSON.stringify(tenant_id));
  }
  for (const tenant_id of [["acme"], { id: "acme" }, 0, true, ""]) {
    const got = await org.post("/v1/permissions/check", { tool_name: "restart", tenant_id }, bound);
    assertProblem(got, 422, "invalid_request");
  }
});

Deno.test("attack: a bound approver key does not decide behind the wall", async () => {
  await using countersign = await Countersign.start();
  const { org, boundApprover, outside } = await walled(countersign);
  await org.member("ann@example.com");
  for (const id of outside.slice(1, 3)) {
    const body = { decision: "approve", decided_by: "ann@example.com" };
    const got = await org.post(`/v1/approvals/${id}/decide`, body, boundApprover);
    assertProblem(got, 404, "not_found");
  }
});
