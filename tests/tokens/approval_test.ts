import assert from "node:assert/strict";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import {
  changeOrg,
  consume,
  entriesOf,
  minted,
  orgWithTransfer,
  TRANSFER,
  verify,
} from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";

const APPROVER = "ada@example.com";

async function orgWithHeldTool(countersign: Countersign): Promise<TestOrg> {
  const org = await orgWithTransfer(countersign, { default_permission: "requires_approval" });
  await org.member(APPROVER);
  return org;
}

async function requested(org: TestOrg, key = org.standard): Promise<string> {
  const got = await org.post("/v1/approvals", { ...TRANSFER, reason: "pay the invoice" }, key);
  assert.equal(got.status, 201, got.text);
  return got.body.id;
}

async function decided(org: TestOrg, id: string, decision: "approve" | "deny"): Promise<void> {
  const body = { decision, decided_by: APPROVER };
  const got = await org.post(`/v1/approvals/${id}/decide`, body, org.approver);
  assert.equal(got.status, 200, got.text);
}

async function approved(org: TestOrg, key = org.standard): Promise<string> {
  const id = await requested(org, key);
  await decided(org, id, "approve");
  return id;
}

function mint(org: TestOrg, approval_id: string, fields = {}, key = org.standard): Promise<Got> {
  return org.post("/v1/tokens/mint", { ...TRANSFER, approval_id, ...fields }, key);
}

Deno.test("an approval becomes one token, which runs what was approved", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const approval_id = await requested(org);
  const early = await mint(org, approval_id);
  assertProblem(early, 409, "approval_not_approved");
  assert.equal(early.body.approval_status, "pending");
  await decided(org, approval_id, "approve");

  const got = await mint(org, approval_id);
  assert.equal(got.status, 201, got.text);
  assert.equal(got.body.approval_id, approval_id);
  const [entry] = await entriesOf(org, "token.minted");
  assert.equal(entry?.subject.approval, approval_id);

  const again = await mint(org, approval_id);
  assertProblem(again, 409, "approval_used");
  assert.equal(again.body.token_id, got.body.token_id);
  const used = await consume(org, got.body.token);
  assert.equal(used.status, 200);
  assert.equal(used.body.claims.approval_id, approval_id);
});

Deno.test("an approval minted from by 100 requests at once gives one token", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const approval_id = await approved(org);
  const got = await Promise.all(Array.from({ length: 100 }, () => mint(org, approval_id)));
  const [won, ...more] = got.filter(({ status }) => status === 201);
  assert.ok(won);
  assert.deepEqual(more, []);
  for (const answer of got) {
    if (answer === won) continue;
    assertProblem(answer, 409, "approval_used");
    assert.equal(answer.body.token_id, won.body.token_id);
  }
  assert.equal((await entriesOf(org, "token.minted")).length, 1);
});

Deno.test("an approval does not mint another action; what differs is named", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const approval_id = await approved(org);
  const changed = { arguments: { ...TRANSFER.arguments, amount: 10_000 } };
  const got = await mint(org, approval_id, changed);
  assertProblem(got, 409, "action_mismatch");
  assert.deepEqual(got.body.differs, ["/arguments/amount"]);
  assert.equal((await mint(org, approval_id)).status, 201, "it is not used up by that");
});

Deno.test("another requester does not mint from an approval", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const approval_id = await approved(org);
  assertProblem(
    await mint(org, approval_id, {}, await org.key("standard")),
    403,
    "not_the_requester",
  );
  assert.equal((await mint(org, approval_id)).status, 201);
});

Deno.test("an approval of another org, or none, is not found", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const other = await orgWithHeldTool(countersign);
  const approval_id = await approved(org);
  assertProblem(await mint(other, approval_id), 404, "not_found");
  assertProblem(await mint(other, "apr_" + "0".repeat(26)), 404, "not_found");
  assertProblem(await mint(other, "nonsense"), 404, "not_found");
});

Deno.test("an approval lapses when it is not used in time", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const approval_id = await approved(org);
  countersign.clock.advance(900_000);
  assertProblem(await mint(org, approval_id), 409, "approval_lapsed");
});

Deno.test("a denied approval mints nothing, even where the policy allows by now", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const approval_id = await requested(org);
  await decided(org, approval_id, "deny");
  assertProblem(await mint(org, approval_id), 409, "approval_not_approved");
  await org.tool("transfer", { default_permission: "allowed" });
  assertProblem(await mint(org, approval_id), 409, "approval_not_approved");
  await minted(org);
});

Deno.test("an approval never mints what the policy disables", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const approval_id = await approved(org);
  await changeOrg(org, { kill_switch: { active: true, reason: null } });
  const got = await mint(org, approval_id);
  assertProblem(got, 403, "tool_disabled");
  assert.equal(got.body.resolved_from, "kill_switch");
});

Deno.test("revoking an approval makes its unspent token void, and its kept answer stale", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const approval_id = await approved(org);
  const body = { ...TRANSFER, approval_id };
  const headers = { "idempotency-key": "pay" };
  const first = await org.post("/v1/tokens/mint", body, org.standard, headers);
  const { token } = first.body;
  assert.equal((await org.post(`/v1/approvals/${approval_id}/revoke`, {})).status, 200);
  const got = await consume(org, token);
  assertProblem(got, 403, "token_revoked");
  assert.match(got.body.detail, /approval was revoked/);
  const said = { valid: false, code: "token_revoked", reason: "approval_revoked" };
  assert.deepEqual((await verify(org, token)).body, said);
  const repeated = await org.post("/v1/tokens/mint", body, org.standard, headers);
  assertProblem(repeated, 409, "idempotency_stale");
});

Deno.test("revoking an approval whose token was consumed is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  const approval_id = await approved(org);
  const { token } = (await mint(org, approval_id)).body;
  assert.equal((await consume(org, token)).status, 200);
  const got = await org.post(`/v1/approvals/${approval_id}/revoke`, {});
  assertProblem(got, 409, "approval_used");
});

Deno.test("revoke and consume at once: one of them wins", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithHeldTool(countersign);
  for (let round = 0; round < 10; round++) {
    const approval_id = await approved(org);
    const { token } = (await mint(org, approval_id)).body;
    const revoke = () => org.post(`/v1/approvals/${approval_id}/revoke`, {});
    const race = round % 2 === 0
      ? [consume(org, token), revoke()]
      : [revoke(), consume(org, token)];
    const statuses = (await Promise.all(race)).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 1, String(statuses));
  }
});
