import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { canonicalJson } from "../../lib/base/canonical.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { assertProblem } from "../helpers/refused.ts";

Deno.test("an approval lives: absent, asked, read, decided, used up", async () => {
  await using it = await ApprovalOrg.start();
  assertProblem(await it.get("apr_00000000000000000000000000"), 404, "not_found");

  const args = { server: "db-1", force: true };
  const created = await it.ask({
    arguments: args,
    resource_id: "db-1",
    method: "DELETE",
    reference_id: "ticket-9",
    context: { ticket: "9" },
  });
  assert.equal(created.status, 201, created.text);
  const { id, reference } = created.body;
  assert.match(id, /^apr_[0-9a-z]{26}$/);
  assert.match(reference, /^REF-[0-9A-HJKMNP-TV-Z]{8}-[0-9A-HJKMNP-TV-Z]{4}$/);
  const { decision_id, action_digest, view_digest, requested_by, ...rest } = created.body;
  assert.match(decision_id, /^dec_/);
  assert.match(action_digest, /^sha256:[0-9a-f]{64}$/);
  assert.match(view_digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal(requested_by.type, "api_key");
  assert.deepEqual(rest, {
    id,
    reference,
    status: "pending",
    level: 1,
    levels: 1,
    levels_skipped: false,
    mandate_id: null,
    estimated_cost_micros: null,
    tool_name: TOOL,
    tenant_id: null,
    resource_id: "db-1",
    method: "DELETE",
    arguments: args,
    reason: "it is old",
    reference_id: "ticket-9",
    resolved_from: "tool_default",
    rule_id: null,
    created_at: "2026-01-01T00:00:00.000Z",
    expires_at: "2026-01-01T01:00:00.000Z",
    decided_at: null,
    use_before: null,
    decisions: [],
    token_id: null,
    ended_because: null,
    review_url: `${it.countersign.services.settings.url.origin}/approvals/${id}`,
    warning: null,
  });

  assert.deepEqual((await it.get(id)).body, created.body);
  assert.deepEqual((await it.get(reference)).body, created.body);
  assert.deepEqual((await it.get(reference.toLowerCase())).body, created.body);

  it.countersign.clock.advance(60_000);
  const decided = await it.decide(id, "approve", { note: "fine" });
  assert.equal(decided.status, 200, decided.text);
  assert.equal(decided.body.status, "approved");
  assert.equal(decided.body.decided_at, "2026-01-01T00:01:00.000Z");
  assert.equal(decided.body.use_before, "2026-01-01T00:16:00.000Z");
  const [decision] = decided.body.decisions;
  assert.equal(decision.decided_by, it.ann.id);
  assert.equal(decision.note, "fine");
  assert.match(decision.asserted_by, /^key_/);

  const action = { arguments: args, resource_id: "db-1", method: "DELETE" };
  const minted = await it.mint(id, action);
  assert.equal(minted.status, 201, minted.text);
  const used = await it.get(id);
  assert.equal(used.body.status, "approved");
  assert.equal(used.body.token_id, minted.body.token_id);
  assertProblem(await it.mint(id, action), 409, "approval_used");

  const types = (await it.entries()).map(({ type }) => type).filter((type) =>
    /^(approval|permission|token)/.test(type)
  );
  assert.deepEqual(types.slice(0, 3), [
    "permission.checked",
    "approval.created",
    "approval.decided",
  ]);
});

Deno.test("POST /v1/approvals writes its decision and its request in one commit", async () => {
  await using it = await ApprovalOrg.start();
  const { id, decision_id, view_digest } = await it.pending();
  const [created] = await it.entries("approval.created", id);
  const checked = (await it.entries("permission.checked")).at(-1);
  assert.equal(checked?.id, decision_id);
  assert.equal(created?.index, (checked?.index ?? 0) + 1);
  assert.equal(created?.data.decision_id, decision_id);
  assert.equal(created?.data.view_digest, view_digest);
  assert.equal(created?.subject.tool, TOOL);
  assert.ok(created?.data.reason_digest);
  assert.equal(created?.data.reason, undefined);
});

Deno.test("POST /v1/approvals/request does the same", async () => {
  await using it = await ApprovalOrg.start();
  const body = { tool_name: TOOL, reason: "why not" };
  assert.equal((await it.org.post("/v1/approvals/request", body)).status, 201);
  assert.equal((await it.org.post("/v1/approvals", body)).status, 200);
  assert.equal((await it.org.post("/v1/approvals/request", body)).status, 200);
});

Deno.test("POST /v1/approvals refuses what the policy allows, and records the decision", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.tool("read", { default_permission: "allowed" });
  assertProblem(await it.ask({ tool_name: "read" }), 409, "approval_not_required");
  const [checked] = await it.entries("permission.checked");
  assert.equal(checked?.data.permission, "allowed");
  assert.equal((await it.entries("approval.created")).length, 0);
});

Deno.test("POST /v1/approvals refuses what the policy disables, and records the decision", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.tool("drop_all", { default_permission: "disabled" });
  const got = await it.ask({ tool_name: "drop_all" }, it.org.standard, {
    "idempotency-key": "once",
  });
  assertProblem(got, 403, "tool_disabled");
  assert.equal(got.body.resolved_from, "tool_default");
  assert.equal((await it.entries("permission.checked")).length, 1);
});

Deno.test("POST /v1/approvals names each argument that does not fit the tool", async () => {
  await using it = await ApprovalOrg.start();
  const parameters = {
    type: "object",
    properties: { n: { type: "integer" } },
    required: ["n"],
    additionalProperties: false,
  };
  await it.org.tool("typed", { default_permission: "requires_approval", parameters });
  const got = await it.ask({ tool_name: "typed", arguments: { n: "7", x: 1 } });
  assertProblem(got, 422, "invalid_arguments");
  const paths = got.body.errors.map(({ path }: { path: string }) => path);
  assert.ok(paths.includes("/arguments/n"), got.text);
  assert.equal((await it.ask({ tool_name: "typed", arguments: { n: 7 } })).status, 201);
});

Deno.test("asking about an unknown tool makes a draft and a request", async () => {
  await using it = await ApprovalOrg.start();
  const got = await it.ask({ tool_name: "never_heard_of" });
  assert.equal(got.status, 201, got.text);
  assert.equal(got.body.resolved_from, "gate_draft");
  assert.equal((await it.entries("tool.auto_created")).length, 1);
  assert.equal((await it.get(got.body.id)).body.status, "pending");
});

Deno.test("POST /v1/approvals answers tool_not_registered with discovery off, and at its cap", async () => {
  await using it = await ApprovalOrg.start();
  for (let n = 0; n < 10; n++) assert.equal((await it.ask({ tool_name: `new_${n}` })).status, 201);
  assertProblem(await it.ask({ tool_name: "new_10" }), 409, "tool_not_registered");
  await it.settings({ discovery: "off" });
  assertProblem(await it.ask({ tool_name: "new_11" }), 409, "tool_not_registered");
});

Deno.test("POST /v1/approvals takes fields only as they are described", async () => {
  await using it = await ApprovalOrg.start();
  const body = { tool_name: TOOL, reason: "r" };
  const refused = async (fields: Record<string, unknown>, path: string) => {
    const got = await it.org.post("/v1/approvals", { ...body, ...fields });
    assertProblem(got, 422, "invalid_request");
    assert.ok(got.body.errors.some((error: { path: string }) => error.path === path), got.text);
  };
  await refused({ reason: undefined }, "/reason");
  await refused({ reason: "" }, "/reason");
  // Whoever decides would read nothing.
  for (const blank of [" ", "\n\t", "\u200b", "\u00a0\u2060\u202e", "\u0000", "\ufe0f\u3164"]) {
    await refused({ reason: blank }, "/reason");
  }
  await refused({ reason: "x".repeat(2001) }, "/reason");
  await refused({ context: [] }, "/context");
  await refused({ context: { text: "x".repeat(16 * 1024) } }, "/context");
  await refused({ timeout_seconds: 59 }, "/timeout_seconds");
  await refused({ timeout_seconds: 7 * 24 * 3600 + 1 }, "/timeout_seconds");
  await refused({ timeout_seconds: 3601 }, "/timeout_seconds");
  await refused({ arguments: { text: "x".repeat(32 * 1024) } }, "/arguments");
  await refused({ surprise: 1 }, "/surprise");
  const deep = `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`;
  const got = await it.org.post(
    "/v1/approvals",
    `{"tool_name":"${TOOL}","reason":"r","context":${deep}}`,
  );
  assert.ok(got.status === 400 || got.status === 422, got.text);
});

Deno.test("a timeout is the tool's, else the org's, and a request may shorten it", async () => {
  await using it = await ApprovalOrg.start();
  const seconds = (approval: { created_at: string; expires_at: string }) =>
    (Date.parse(approval.expires_at) - Date.parse(approval.created_at)) / 1000;
  assert.equal(seconds(await it.pending()), 3600);
  assert.equal(seconds(await it.pending({ method: "A", timeout_seconds: 60 })), 60);
  await it.org.tool("slow", {
    default_permission: "requires_approval",
    approval_timeout_seconds: 86_400,
    approval_use_seconds: 60,
  });
  const { id, ...slow } = await it.pending({ tool_name: "slow" });
  assert.equal(seconds(slow as { created_at: string; expires_at: string }), 86_400);
  const decided = await it.decide(id, "approve");
  assert.equal(Date.parse(decided.body.use_before) - Date.parse(decided.body.decided_at), 60_000);
});

Deno.test("asking again joins the pending request and appends what is said", async () => {
  await using it = await ApprovalOrg.start();
  const first = await it.pending({ arguments: { a: 1 }, context: { n: 1 } });
  it.countersign.clock.advance(1000);
  const again = await it.ask({ arguments: { a: 1 }, reason: "now it burns", context: { n: 2 } });
  assert.equal(again.status, 200);
  assert.equal(again.body.id, first.id);
  assert.equal(again.body.reason, "it is old");
  assert.notEqual(again.body.view_digest, first.view_digest);

  const { review, view_digest } = (await it.get(first.id, it.org.approver)).body;
  assert.equal(review.view.reason, "it is old");
  assert.deepEqual(review.view.context, { n: 1 });
  assert.deepEqual(review.asked_again, [{
    at: "2026-01-01T00:00:01.000Z",
    reason: "now it burns",
    context: { n: 2 },
    reference_id: null,
  }]);
  assert.equal(review.asked_times, 2);
  const sha = (value: Parameters<typeof canonicalJson>[0]) =>
    "sha256:" + hash("sha256", canonicalJson(value), "hex");
  assert.equal(view_digest, sha(review.view));
  assert.equal(review.view.asked_again[0].digest, sha(review.asked_again[0]));

  const [entry] = await it.entries("approval.asked_again", first.id);
  assert.equal(entry?.data.view_digest, view_digest);
  assert.equal(entry?.data.decision_id, (await it.entries("permission.checked")).at(-1)?.id);
});

Deno.test("only the same requester and the same action join", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending({ arguments: { a: 1 } });
  assert.notEqual((await it.pending({ arguments: { a: 2 } })).id, id);
  const other = await it.org.key("standard");
  assert.notEqual((await it.pending({ arguments: { a: 1 } }, other)).id, id);
  assert.equal((await it.cancel(id)).body.status, "cancelled");
  assert.notEqual((await it.pending({ arguments: { a: 1 } })).id, id);
});

Deno.test("the largest request fits the store, and its view comes back whole", async () => {
  await using it = await ApprovalOrg.start();
  const parameters = { type: "object", description: "é".repeat(15_900) };
  await it.org.tool("large", { default_permission: "requires_approval", parameters });
  const args = { text: "é".repeat(16_000) };
  const context = { text: "é".repeat(8_000) };
  const { id, view_digest } = await it.pending({
    tool_name: "large",
    arguments: args,
    context,
    reason: "€".repeat(2000),
  });
  const { review } = (await it.get(id, it.org.approver)).body;
  assert.deepEqual(review.view.arguments, args);
  assert.deepEqual(review.view.context, context);
  assert.deepEqual(review.view.tool.parameters, parameters);
  const digest = "sha256:" + hash("sha256", canonicalJson(review.view), "hex");
  assert.equal(digest, view_digest);
});

Deno.test("a reason and a context are scrubbed in the answer, the view and the log", async () => {
  await using it = await ApprovalOrg.start();
  const secret = "bob@example.com";
  const { id, reason } = await it.pending({
    reason: `asked by ${secret}`,
    context: { from: secret },
  });
  assert.equal(reason, "asked by [e-mail]");
  const { text, body } = await it.get(id, it.org.approver);
  assert.ok(!text.includes(secret), text);
  assert.equal(body.review.view.context.from, "[e-mail]");
  assert.ok(!JSON.stringify(await it.entries()).includes(secret));
  const again = await it.ask({ reason: `again ${secret}` });
  assert.equal(again.status, 200);
  assert.ok(!(await it.get(id, it.org.approver)).text.includes(secret));
});

Deno.test("the store holds no reason, context or arguments in clear", async () => {
  await using it = await ApprovalOrg.start();
  const word = "w0mbat";
  const { id } = await it.pending({
    reason: `${word} one`,
    context: { a: `${word} two` },
    arguments: { a: `${word} three` },
  });
  await it.ask({ reason: `${word} four`, arguments: { a: `${word} three` } });
  await it.decide(id, "deny", { note: `${word} five` });
  const decoder = new TextDecoder();
  for await (const { key, value } of it.countersign.services.deps.kv.list({ prefix: [] })) {
    const text = JSON.stringify(
      value,
      (_, part) => part instanceof Uint8Array ? decoder.decode(part) : part,
    );
    assert.ok(!text?.includes(word), JSON.stringify(key));
  }
});

Deno.test("unicode tricks in ids are refused, and in a reason they are kept as sent", async () => {
  await using it = await ApprovalOrg.start();
  for (const resource_id of ["db\u200b1", "db\u202e1", "db\u00001", "e\u0301", " db"]) {
    assertProblem(await it.ask({ resource_id }), 422, "invalid_request");
  }
  assertProblem(await it.ask({ tool_name: "delete_servеr" }), 422, "invalid_request");
  const reason = "harmless \u202e evil \u200b text";
  assert.equal((await it.pending({ reason })).reason, reason);
});

Deno.test("arguments named like members of every object are shown as they are", async () => {
  await using it = await ApprovalOrg.start();
  const raw = '{"__proto__":{"admin":true},"constructor":1}';
  const got = await it.org.post(
    "/v1/approvals",
    `{"tool_name":"${TOOL}","reason":"r","arguments":${raw}}`,
  );
  assert.equal(got.status, 201);
  assert.ok(got.text.includes('"__proto__":{"admin":true}'), got.text);
  const read = await it.get(got.body.id, it.org.approver);
  assert.equal(read.text.split('"__proto__":{"admin":true}').length, 3);
});

Deno.test("an idempotency key repeats the request instead of joining it", async () => {
  await using it = await ApprovalOrg.start();
  const headers = { "idempotency-key": "k1" };
  const first = await it.ask({}, it.org.standard, headers);
  const second = await it.ask({}, it.org.standard, headers);
  assert.equal(first.status, 201);
  assert.equal(second.status, 201);
  assert.deepEqual(second.body, first.body);
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  assert.equal((await it.entries("approval.asked_again")).length, 0);
});
