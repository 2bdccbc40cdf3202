import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { BUNDLE, CHECK, checked, granted, shop } from "../helpers/mandates.ts";
import { McpClient } from "../helpers/mcp_client.ts";

/** Requests for approval under a mandate: keyed by it, and good for nothing else. */

const ASKING = { ...BUNDLE, scopes: [{ tool: "refund", decision: "escalate" }] };

Deno.test("what is asked under one mandate is not what is asked under another, or under none", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), ASKING);
  await org.manage("PATCH", "/v1/tools/refund", { default_permission: "requires_approval" });
  const [one, other] = [await granted(org), await granted(org)];
  const ask = async (mandate: string | null) =>
    (await checked(org, mandate, { request: true, reason: "please" })).approval;
  const [under, elsewhere, bare] = [await ask(one), await ask(other), await ask(null)];
  assert.equal(new Set([under.id, elsewhere.id, bare.id]).size, 3);
  assert.deepEqual([under.mandate_id, elsewhere.mandate_id, bare.mandate_id], [one, other, null]);
  assert.equal((await ask(one)).id, under.id);
  assert.equal((await checked(org, one)).next.wait, `/v1/approvals/${under.id}?wait=50`);

  const decided = await org.post(`/v1/approvals/${under.id}/decide`, {
    decision: "approve",
    decided_by: "ann@example.com",
  }, org.approver);
  assert.equal(decided.status, 200, decided.text);
  const mint = (fields: object) =>
    org.post("/v1/tokens/mint", { tool_name: "refund", approval_id: under.id, ...fields });
  for (const fields of [{}, { mandate_id: other }]) {
    const got = await mint(fields);
    assert.deepEqual([got.body.code, got.body.differs], ["action_mismatch", ["/mandate_id"]]);
  }
  const got = await mint({ mandate_id: one });
  assert.deepEqual([got.status, got.body.mandate_id], [201, one], got.text);
  const consumed = await org.post("/v1/tokens/consume", {
    token: got.body.token,
    tool_name: "refund",
  });
  assert.equal(consumed.body.claims.mandate_id, one, consumed.text);
});

Deno.test("whoever approves is shown the mandate, and its digest is part of what they approve", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), ASKING);
  const id = await granted(org);
  const asked = await org.post("/v1/approvals", {
    tool_name: "refund",
    mandate_id: id,
    reason: "please",
  });
  assert.equal(asked.status, 201, asked.text);
  const { body } = await org.get(`/v1/approvals/${asked.body.id}`, org.approver);
  const { view } = body.review;
  assert.deepEqual([view.mandate.id, view.mandate.user_id, view.mandate.agent], [
    id,
    "u1",
    "shop-assistant",
  ]);
});

Deno.test("a check with mint uses what was approved under its mandate, once", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), ASKING);
  const id = await granted(org);
  const asking = { mint: true, request: true, reason: "please" };
  const { approval } = await checked(org, id, asking);
  await org.post(`/v1/approvals/${approval.id}/decide`, {
    decision: "approve",
    decided_by: "ann@example.com",
  }, org.approver);
  const { token } = await checked(org, id, asking);
  assert.match(token, /^cs_run_/);
  assert.equal("token" in await checked(org, id, asking), false);
});

Deno.test("what was approved at one estimate is no next step for a higher one: it is asked anew, over MCP too", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), ASKING);
  const made = await org.manage("POST", "/v1/agents", { name: "shopper" });
  const mandate_id = await granted(org, {
    bundle: undefined,
    agent: made.body.id,
    scopes: [{ tool: "refund", decision: "escalate" }],
    budget: { limit_micros: 100, period: "total" },
  });
  const { token } = made.body;
  const asking = (estimated_cost_micros: number) => ({
    tool_name: "refund",
    mandate_id,
    estimated_cost_micros,
    reason: "It arrived broken",
  });
  const asked = await org.post("/v1/approvals", asking(5), token);
  assert.equal(asked.status, 201, asked.text);
  const decided = await org.post(`/v1/approvals/${asked.body.id}/decide`, {
    decision: "approve",
    decided_by: "ann@example.com",
  }, org.approver);
  assert.equal(decided.status, 200, decided.text);
  const next = async (cost: number) => (await org.post(CHECK, asking(cost), token)).body.next;
  assert.equal((await next(5)).approval_id, asked.body.id);
  assert.deepEqual(await next(6), { request_approval: "/v1/approvals" });

  await using agent = await McpClient.connect(countersign.origin, token, "modern");
  const ask = async (cost: number) =>
    (await agent.call("request_approval", { ...asking(cost), wait_seconds: 0 })).data;
  assert.deepEqual([(await ask(5)).status, (await ask(5)).id], ["approved", asked.body.id]);
  const anew = await ask(6);
  assert.equal(anew.status, "pending");
  assert.notEqual(anew.id, asked.body.id);
  const again = await agent.call("check_permission", { ...asking(7), request: true });
  assert.equal(again.data.approval_id, anew.id);
});
