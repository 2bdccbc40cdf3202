import assert from "node:assert/strict";
import type { JsonValue } from "../../lib/base/json.ts";
import { approvalKey } from "../../lib/store/keys.ts";
import type { ApprovalRecord } from "../../lib/store/records/approval.ts";
import { parseReceipt, verifyReceipt } from "../../lib/verify/verify_receipt.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { grow, plainDraft, publishedKeys } from "../helpers/evidence.ts";

async function check(org: TestOrg, key = org.standard, fields = {}): Promise<string> {
  const body = { tool_name: "restart_service", ...fields };
  const got = await org.post("/v1/permissions/check", body, key);
  assert.equal(got.status, 200, got.text);
  return got.body.decision_id;
}

async function verdictOn(org: TestOrg, receipt: JsonValue) {
  const parsed = parseReceipt(receipt);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  return await verifyReceipt(parsed.receipt, (await publishedKeys(org)).keys);
}

async function assertNotFound(org: TestOrg, id: string, key = org.standard): Promise<void> {
  const got = await org.get(`/v1/receipts/${id}`, key);
  assert.deepEqual([got.status, got.body.code], [404, "not_found"], id);
}

/** As much of an approval as a receipt looks at, decided at some levels, with the entries. */
async function decidedApproval(
  org: TestOrg,
  requester: string,
  levels: number,
  tenant: string | null = null,
): Promise<string> {
  return await org.transact((transaction) => {
    const id = transaction.id("apr");
    const decisions = Array.from({ length: levels }, (_, i) => ({
      level: i === 0 ? 1 as const : 2 as const,
      decision: "approve" as const,
      member: "usr_x",
      asserted_by: null,
      at: transaction.at,
      note: null,
      quick_reason: null,
    }));
    const record: Pick<ApprovalRecord, "decisions" | "requester"> = {
      decisions,
      requester: { type: "agent", id: requester, name: "agent" },
    };
    transaction.set(approvalKey(org.id, id), record);
    for (const { level } of decisions) {
      transaction.append({
        type: "approval.decided",
        actor: { type: "member", id: "usr_x" },
        subject: { approval: id, tenant },
        data: { level, decision: "approve" },
      });
    }
    return id;
  });
}

Deno.test("GET /v1/receipts/:id proves a decision to a stranger who pinned the key", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const ids = [];
  for (let i = 0; i < 5; i++) {
    countersign.clock.advance(i * 3);
    await grow(org, Array.from({ length: 150 }, (_, n) => plainDraft(n)), 50);
    ids.push(await check(org), await check(org));
  }
  for (const id of ids) {
    const got = await org.get(`/v1/receipts/${id}`);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.body.entry.id, id);
    assert.equal(got.body.index, got.body.entry.index);
    const verdict = await verdictOn(org, got.body);
    assert.ok(verdict.ok, JSON.stringify(verdict));
  }
  const { body } = await org.get(`/v1/receipts/${ids[3]}`);
  const forged = { ...body, entry: { ...body.entry, type: "permission.granted" } };
  const verdict = await verdictOn(org, forged);
  assert.equal(verdict.ok ? "ok" : verdict.finding.code, "leaf_hash_mismatch");
});

Deno.test("a receipt from before and one from after a change of the key both verify", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const id = await check(org);
  const before = await org.get(`/v1/receipts/${id}`);
  await org.manage("POST", "/v1/audit/rotate-key");
  const after = await org.get(`/v1/receipts/${id}`);
  assert.notEqual(before.body.key.kid, after.body.key.kid);
  for (const { body } of [before, after]) assert.ok((await verdictOn(org, body)).ok);
});

Deno.test("a receipt of an execution is its entry's", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  countersign.clock.advance(5);
  const id = await org.transact((transaction) => {
    const execution = transaction.id("exe");
    transaction.append({
      type: "execution.logged",
      actor: { type: "api_key", id: "key_x" },
      subject: { execution, tool: "restart_service" },
      data: { execution_result: "success" },
    });
    return execution;
  });
  const got = await org.get(`/v1/receipts/${id}`);
  assert.equal(got.body.entry.subject.execution, id);
  assert.ok((await verdictOn(org, got.body)).ok);
});

Deno.test("a receipt of an approval is that of its newest decision, for approver keys too", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await decidedApproval(org, "agt_x", 2);
  for (const key of [org.standard, org.management, org.approver]) {
    const got = await org.get(`/v1/receipts/${id}`, key);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.body.entry.data.level, 2);
    assert.ok((await verdictOn(org, got.body)).ok);
  }
  await assertNotFound(org, await decidedApproval(org, "agt_x", 0));
});

Deno.test("an agent gets receipts of what it asked itself only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const [one, other] = [await org.agent(), await org.agent()];
  const id = await check(org, one);
  const own = await org.get(`/v1/receipts/${id}`, one);
  assert.equal(own.status, 200, own.text);
  await assertNotFound(org, id, other);
  const approval = await decidedApproval(org, own.body.entry.actor.id, 1);
  assert.equal((await org.get(`/v1/receipts/${approval}`, one)).status, 200);
  await assertNotFound(org, approval, other);
});

Deno.test("a key bound to tenants gets receipts of theirs only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const walled = await org.key("standard", { tenant_ids: ["acme"] });
  const inside = await check(org, org.standard, { tenant_id: "acme" });
  assert.equal((await org.get(`/v1/receipts/${inside}`, walled)).status, 200);
  await assertNotFound(org, await check(org, org.standard, { tenant_id: "globex" }), walled);
  await assertNotFound(org, await check(org), walled);
});

Deno.test("another org's ids, and what is no id, have no receipt", async () => {
  await using countersign = await Countersign.start();
  const [org, other] = [await countersign.org(), await countersign.org()];
  await other.tool("restart_service");
  await assertNotFound(org, await check(other));
  await assertNotFound(org, await decidedApproval(other, "agt_x", 1));
  const far = "dec_7" + "z".repeat(25);
  for (const id of [far, "dec_x", "tol_" + "0".repeat(26), "__proto__", "%00"]) {
    await assertNotFound(org, id);
  }
});
