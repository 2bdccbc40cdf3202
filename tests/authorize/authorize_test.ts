import assert from "node:assert/strict";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";

const CHECK = "/v1/permissions/check";
const held = { tool_name: "refund", arguments: { amount: 5 }, reason: "customer complained" };

async function orgWith(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  await org.tool("read_file");
  await org.tool("refund", { default_permission: "requires_approval" });
  await org.tool("drop_table", { default_permission: "disabled" });
  await org.member("ann@example.com");
  return org;
}

async function decide(org: TestOrg, id: string, decision: "approve" | "deny"): Promise<Got> {
  const body = { decision, decided_by: "ann@example.com" };
  return await org.post(`/v1/approvals/${id}/decide`, body, org.approver);
}

/** Waits until the org has a pending request, which another call made. */
async function pendingId(org: TestOrg): Promise<string> {
  for (;;) {
    const { body } = await org.get("/v1/approvals?status=pending");
    if (body.data.length > 0) return body.data[0].id;
  }
}

Deno.test("check with mint answers with a token when the action is allowed", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const got = await org.post(CHECK, { tool_name: "read_file", mint: true });
  assert.equal(got.status, 200);
  assert.equal(got.body.permission, "allowed");
  const consumed = await org.post("/v1/tokens/consume", {
    token: got.body.token,
    tool_name: "read_file",
  });
  assert.equal(consumed.status, 200);
  assert.equal(consumed.body.token_id, got.body.token_id);
});

Deno.test("check with mint gives no token for what is held or disabled", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  for (const tool_name of ["refund", "drop_table", "never_seen"]) {
    const got = await org.post(CHECK, { tool_name, mint: true });
    assert.equal(got.status, 200);
    assert.notEqual(got.body.permission, "allowed");
    assert.equal("token" in got.body, false);
  }
});

Deno.test("check with request makes the approval, and joins it when asked again", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const first = await org.post(CHECK, { ...held, request: true });
  assert.equal(first.body.permission, "requires_approval");
  assert.equal(first.body.approval.status, "pending");
  const second = await org.post(CHECK, { ...held, request: true });
  assert.equal(second.body.approval.id, first.body.approval.id);
});

Deno.test("check with request needs a reason", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const got = await org.post(CHECK, { tool_name: "refund", request: true });
  assert.equal(got.status, 422);
  assert.equal(got.body.errors[0].path, "/reason");
});

Deno.test("check with request is refused where no request can be made", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const ask = (fields: object) => org.post(CHECK, { ...held, request: true, ...fields });

  await org.manage("PATCH", "/v1/org", { strict_levels: true });
  const twice = { default_permission: "requires_approval", requires_second_approval: true };
  await org.tool("wire", twice);
  const second = await ask({ tool_name: "wire" });
  assert.deepEqual([second.status, second.body.code], [409, "no_second_level"]);

  for (let i = 0; i < 20; i++) assert.equal((await ask({ resource_id: `r${i}` })).status, 200);
  const full = await ask({ resource_id: "r20" });
  assert.deepEqual([full.status, full.body.code], [429, "too_many_pending"]);
  assert.match(full.headers.get("retry-after") ?? "", /^[1-9][0-9]*$/);

  const agent = await org.agent();
  for (let i = 0; i < 10; i++) await org.post(CHECK, { tool_name: `new_${i}` }, agent);
  const capped = { ...held, tool_name: "new_10" };
  const verdict = await org.post(CHECK, capped, agent);
  assert.equal(verdict.body.permission, "requires_approval");
  assert.equal(verdict.body.tool, null);
  const asked = await org.post(CHECK, { ...capped, request: true }, agent);
  assert.deepEqual([asked.status, asked.body.code], [409, "tool_not_registered"]);
});

Deno.test("check with request asks nobody for what is allowed or disabled", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  for (const tool_name of ["read_file", "drop_table"]) {
    const got = await org.post(CHECK, { tool_name, request: true, reason: "why not" });
    assert.equal(got.status, 200);
    assert.equal("approval" in got.body, false);
  }
});

Deno.test("check with mint, request and wait answers with the token once it is approved", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const waiting = org.post(CHECK, { ...held, mint: true, request: true, wait: 30 });
  const id = await pendingId(org);
  assert.equal((await decide(org, id, "approve")).status, 200);
  const got = await waiting;
  assert.equal(got.status, 200);
  assert.equal(got.body.approval.id, id);
  assert.equal(got.body.approval.status, "approved");
  const { token } = got.body;
  const consume = { token, tool_name: "refund", arguments: { amount: 5 } };
  assert.equal((await org.post("/v1/tokens/consume", consume)).status, 200);
});

Deno.test("check uses an approval that came after its wait was over, once", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const body = { ...held, mint: true, request: true };
  const first = await org.post(CHECK, body);
  assert.equal(first.body.approval.status, "pending");
  assert.equal("token" in first.body, false);
  const { id } = first.body.approval;
  await decide(org, id, "approve");

  const other = await org.key("standard");
  const foreign = await org.post(CHECK, body, other);
  assert.notEqual(foreign.body.approval.id, id);
  assert.equal("token" in foreign.body, false);
  const changed = await org.post(CHECK, { ...body, arguments: { amount: 6 } });
  assert.notEqual(changed.body.approval.id, id);

  const second = await org.post(CHECK, body);
  assert.equal(second.body.approval.id, id);
  assert.equal(second.body.approval.token_id, second.body.token_id);
  const consume = { token: second.body.token, tool_name: "refund", arguments: { amount: 5 } };
  assert.equal((await org.post("/v1/tokens/consume", consume)).status, 200);

  const third = await org.post(CHECK, body);
  assert.notEqual(third.body.approval.id, id);
  assert.equal(third.body.approval.status, "pending");
});

Deno.test("check does not use an approval that has lapsed or was revoked", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const body = { ...held, mint: true, request: true };
  for (const end of ["lapse", "revoke"]) {
    const { id } = (await org.post(CHECK, body)).body.approval;
    await decide(org, id, "approve");
    if (end === "lapse") countersign.clock.advance(15 * 60_000);
    else await org.post(`/v1/approvals/${id}/revoke`, {});
    const got = await org.post(CHECK, body);
    assert.equal("token" in got.body, false);
    assert.notEqual(got.body.approval.id, id);
    assert.equal(got.body.approval.status, "pending");
    await org.post(`/v1/approvals/${got.body.approval.id}/cancel`, {});
  }
});

Deno.test("check with wait answers without a token when it is denied", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const waiting = org.post(CHECK, { ...held, mint: true, request: true, wait: 30 });
  await decide(org, await pendingId(org), "deny");
  const got = await waiting;
  assert.equal(got.status, 200);
  assert.equal(got.body.approval.status, "denied");
  assert.equal("token" in got.body, false);
});

Deno.test("a held check with an idempotency key is in progress, then repeats its token", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const body = { ...held, mint: true, request: true, wait: 30 };
  const key = { "idempotency-key": "one" };
  const waiting = org.post(CHECK, body, org.standard, key);
  const id = await pendingId(org);
  const meanwhile = await org.post(CHECK, body, org.standard, key);
  assert.equal(meanwhile.status, 409);
  assert.equal(meanwhile.body.code, "idempotency_in_progress");
  const other = await org.post(CHECK, { ...body, reason: "another" }, org.standard, key);
  assert.equal(other.body.code, "idempotency_mismatch");

  await decide(org, id, "approve");
  const got = await waiting;
  assert.equal(got.status, 200);
  const again = await org.post(CHECK, body, org.standard, key);
  assert.equal(again.status, 200);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.body.token, got.body.token);

  const consume = { token: got.body.token, tool_name: "refund", arguments: { amount: 5 } };
  assert.equal((await org.post("/v1/tokens/consume", consume)).status, 200);
  const spent = await org.post(CHECK, body, org.standard, key);
  assert.equal(spent.body.code, "idempotency_stale");
});

Deno.test("a held check whose node died can be repeated, and joins the same request", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const body = { ...held, mint: true, request: true, wait: 1 };
  const key = { "idempotency-key": "lost" };
  const abort = new AbortController();
  const lost = fetch(`${countersign.services.settings.url.origin}${CHECK}`, {
    method: "POST",
    headers: { "x-api-key": org.standard, ...key },
    body: JSON.stringify({ ...body, wait: 60 }),
    signal: abort.signal,
  }).catch(() => null);
  const id = await pendingId(org);
  abort.abort();
  await lost;
  // The disconnect ends the hold, which keeps the pending answer: no repetition hangs on it.
  for (;;) {
    const again = await org.post(CHECK, { ...body, wait: 60 }, org.standard, key);
    if (again.status === 409) continue;
    assert.equal(again.status, 200);
    assert.equal(again.body.approval.id, id);
    break;
  }
});

Deno.test("check-batch decides everything on one policy version", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const checks = ["read_file", "refund", "drop_table", "new_one", "new_one"].map((tool_name) => ({
    tool_name,
  }));
  const got = await org.post("/v1/permissions/check-batch", { checks });
  assert.equal(got.status, 200);
  const { results } = got.body;
  assert.deepEqual(
    results.map((result: { permission: string }) => result.permission),
    ["allowed", "requires_approval", "disabled", "requires_approval", "requires_approval"],
  );
  assert.equal(
    new Set(results.map((result: { policy_version: number }) => result.policy_version)).size,
    1,
  );
  assert.equal(results[3].tool.id, results[4].tool.id);
});

Deno.test("check-batch answers a tenant outside the wall in its place", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const walled = await org.key("standard", { tenant_ids: ["acme"] });
  const checks = [{ tool_name: "read_file" }, { tool_name: "read_file", tenant_id: "globex" }];
  const got = await org.post("/v1/permissions/check-batch", { checks }, walled);
  assert.equal(got.body.results[0].permission, "allowed");
  assert.equal(got.body.results[1].error.code, "tenant_not_permitted");
});

Deno.test("check-batch takes 1 to 100 checks, and none of what acts on the answer", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const checks = Array.from({ length: 101 }, () => ({ tool_name: "read_file" }));
  for (const bad of [[], checks, [{ tool_name: "read_file", mint: true }]]) {
    const got = await org.post("/v1/permissions/check-batch", { checks: bad });
    assert.equal(got.status, 422);
  }
  const got = await org.post("/v1/permissions/check-batch", { checks: checks.slice(1) });
  assert.equal(got.body.results.length, 100);
});

Deno.test("an agent cannot map the policy by the trace", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const agent = await org.agent();
  const refused = await org.post(CHECK, { tool_name: "read_file", explain: true }, agent);
  assert.equal(refused.status, 403);
  assert.equal(refused.body.code, "wrong_tier");
  const explained = await org.post(CHECK, { tool_name: "read_file", explain: true });
  assert.equal(explained.body.trace.at(-1).outcome, "matched");
});
