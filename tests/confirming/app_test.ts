import assert from "node:assert/strict";
import { ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign } from "../helpers/countersign.ts";
import { checked, granted } from "../helpers/mandates.ts";
import { grantIn } from "../helpers/mcp_client.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";

/** The application answers for its user by an approver key; never who asked. */

Deno.test("B9: an approver key answers for the user, and neither the key, the agent nor the grant that asked", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const { org } = it;
  const asked = await it.ask();
  const yes = { decision: "approve" };
  assert.equal((await it.answer(asked.nonce, yes)).status, 401);
  for (const key of [org.standard, org.management, await org.agent()]) {
    const got = await it.answer(asked.nonce, yes, key);
    assert.deepEqual([got.status, got.body.code], [403, "wrong_tier"], got.text);
  }
  // No grant says anything over REST, whoever is behind it.
  const { token } = await grantIn([[org, "owner"]]);
  const byGrant = await it.answer(asked.nonce, yes, token);
  assert.deepEqual([byGrant.status, byGrant.body.code], [401, "invalid_credentials"]);
  const foreign = (await countersign.org()).approver;
  const gone = await it.answer(asked.nonce, yes, foreign);
  assert.deepEqual([gone.status, gone.body.code], [410, "confirmation_gone"]);

  const got = await it.answer(asked.nonce, yes, org.approver);
  assert.equal(got.status, 200, got.text);
  const read = await org.get(`/v1/confirmations/${asked.confirmation.id}`);
  assert.equal(read.body.status, "approved");
  const [entry] = await entriesOf(org, "approval.decided");
  assert.deepEqual([entry?.data.seat, entry?.data.level], ["user", 0]);
  assert.equal(entry?.data.asserted_by, entry?.actor.id);
  assert.equal(entry?.subject.mandate, it.mandate);
});

Deno.test("an agent gets no nonce, and asking again hands the application the same one", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const { org } = it;
  const made = await org.manage("POST", "/v1/agents", { name: "shopper" });
  const mandate = await granted(org, {
    bundle: undefined,
    agent: made.body.id,
    scopes: [{ tool: "refund", decision: "confirm" }],
  });
  const answer = await checked(org, mandate, { request: true, reason: "x" }, made.body.token);
  assert.equal(answer.permission, "requires_approval");
  assert.equal("nonce" in answer, false);
  assert.match(answer.confirmation.id, /^cnf_/);

  const first = await it.ask();
  const again = await it.ask();
  assert.equal(again.nonce, first.nonce);
});

Deno.test("B7: seats are decided in order, user then members, and a denial at any ends it", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign, {
    agent: "shop-assistant",
    scopes: [{
      tool: "refund",
      decision: "confirm",
      conditions: [{
        when: [{ field: "/amount", op: "gt", value: 5 }],
        decision: "escalate",
      }],
    }],
  });
  const { org } = it;
  const decide = (id: string, decision: string) =>
    org.post(
      `/v1/approvals/${id}/decide`,
      { decision, decided_by: "ann@example.com" },
      org.approver,
    );
  const asked = await it.ask({ arguments: { amount: 9 } });
  assert.deepEqual(asked.seats, ["user", "level_1"]);
  assert.deepEqual([asked.approval.level, asked.approval.levels], [0, 1]);
  // Members do not decide before the user, and nobody mints before both.
  assert.equal((await decide(asked.approval.id, "approve")).body.code, "not_an_approver");
  const other = await org.key("approver");
  assert.equal((await it.answer(asked.nonce, { decision: "approve" }, other)).status, 200);
  const mint = () =>
    org.post("/v1/tokens/mint", {
      tool_name: "refund",
      arguments: { amount: 9 },
      mandate_id: it.mandate,
      approval_id: asked.approval.id,
    });
  assert.equal((await mint()).body.code, "approval_not_approved");
  const decided = await decide(asked.approval.id, "approve");
  assert.deepEqual([decided.status, decided.body.status], [200, "approved"], decided.text);
  assert.equal((await mint()).status, 201);

  // One approver key answers at most one seat.
  const second = await it.ask({ arguments: { amount: 10 } });
  await it.answer(second.nonce, { decision: "approve" }, org.approver);
  assert.equal((await decide(second.approval.id, "approve")).body.code, "already_decided_level");

  // The user's no ends it, and so does a member's.
  const third = await it.ask({ arguments: { amount: 11 } });
  const denied = await it.answer(third.nonce, { decision: "deny" });
  assert.equal(denied.status, 200, denied.text);
  assert.equal((await org.get(`/v1/approvals/${third.approval.id}`)).body.status, "denied");
  const fourth = await it.ask({ arguments: { amount: 12 } });
  await it.answer(fourth.nonce, { decision: "approve" }, other);
  await decide(fourth.approval.id, "deny");
  assert.equal((await org.get(`/v1/approvals/${fourth.approval.id}`)).body.status, "denied");
});
