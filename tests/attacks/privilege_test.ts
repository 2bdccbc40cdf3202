import assert from "node:assert/strict";
import type { ApiKeyRecord } from "../../lib/store/records/identity.ts";
import { apiKeyKey } from "../../lib/store/keys.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { exportLines } from "../helpers/evidence.ts";
import { assertProblem } from "../helpers/refused.ts";

const OWNER = { role: "owner", has_passkey: true } as const;

Deno.test("attack: fields that only the server sets are refused wherever a body is taken", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const agent = await org.manage("POST", "/v1/agents", { name: "a" });
  const fields = {
    id: "key_01kdvdna00e000000000000000",
    org: "org_01kdvdna00e000000000000000",
    created_at: "2020-01-01T00:00:00.000Z",
    secret_hash: "0".repeat(64),
    members_behind: ["usr_01kdvdna00e000000000000000"],
    bootstrap: true,
    kept: true,
    policy_version: 1,
    has_passkey: true,
    discovered: false,
    log_origin: "evil.example/log/x",
    decided_at: "2020-01-01T00:00:00.000Z",
    decision_id: "dec_01kdvdna00e000000000000000",
    permission_override: "allowed",
    trust_tier_of_caller: 3,
  };
  const action = { tool_name: "restart" };
  const bodies: [string, string, Record<string, unknown>][] = [
    ["POST", "/v1/api-keys", { name: "k", tier: "standard" }],
    ["POST", "/v1/agents", { name: "b" }],
    ["PATCH", `/v1/agents/${agent.body.id}`, {}],
    ["PATCH", "/v1/org", {}],
    ["PUT", "/v1/tools/restart", {}],
    ["PATCH", "/v1/tools/restart", {}],
    ["PUT", "/v1/categories/c", {}],
    ["PUT", "/v1/tenants/t", {}],
    ["PATCH", "/v1/tenants/t", {}],
    ["PUT", "/v1/resources/r", {}],
    ["PUT", "/v1/members/jo@example.com", { role: "viewer" }],
    ["PUT", "/v1/rules", { selector: { tool_name: "restart" }, permission: "disabled" }],
    ["POST", "/v1/permissions/check", action],
    ["POST", "/v1/approvals", { ...action, reason: "x" }],
    ["POST", "/v1/tokens/mint", action],
    ["POST", "/v1/tokens/verify", { token: "x" }],
    ["POST", "/v1/tokens/consume", { ...action, token: "x" }],
    ["POST", "/v1/executions/log", { ...action, execution_result: "success" }],
    ["POST", "/v1/approvals/x/decide", { decision: "approve", decided_by: "jo@example.com" }],
  ];
  for (const [method, path, body] of bodies) {
    for (const [name, value] of Object.entries(fields)) {
      // A mint may name the check whose reservation it takes over.
      if (path === "/v1/tokens/mint" && name === "decision_id") continue;
      const key = /decide/.test(path)
        ? org.approver
        : /permissions|approvals|tokens|executions/.test(path)
        ? org.standard
        : org.management;
      const got = await countersign.request(method, path, {
        key,
        body: { ...body, [name]: value },
      });
      assert.equal(`${got.status} ${got.body.code}`, "422 invalid_request", `${path} ${name}`);
    }
  }
});

Deno.test("attack: a management key makes nothing that is an owner's to make", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.member("jo@example.com", OWNER);
  await org.member("al@example.com", { role: "admin" });
  const attempts: [string, string, unknown][] = [
    ["POST", "/v1/api-keys", { name: "k", tier: "approver" }],
    ["POST", "/v1/api-keys", { name: "k", tier: "standard", audit_private: true }],
    ["POST", "/v1/api-keys", { name: "k", tier: "management", audit_private: true }],
    ["PUT", "/v1/members/jo@example.com", { role: "viewer" }],
    ["PUT", "/v1/members/JO@EXAMPLE.COM", { role: "approver" }],
    ["PUT", "/v1/members/al@example.com", { role: "viewer" }],
    ["DELETE", "/v1/members/jo@example.com", undefined],
    ["DELETE", "/v1/members/al@example.com", undefined],
    ["PATCH", "/v1/org", { allow_personal_ids: true }],
  ];
  for (const [method, path, body] of attempts) {
    assertProblem(await org.manage(method, path, body), 403, "owner_required");
  }
  for (const role of ["owner", "admin", "OWNER", ["owner"], null]) {
    const got = await org.manage("PUT", "/v1/members/eve@example.com", { role });
    assertProblem(got, 422, "invalid_request");
  }
  const { body } = await org.manage("GET", "/v1/members");
  assert.deepEqual(
    body.data.map(({ email, role }: { email: string; role: string }) => `${email} ${role}`),
    ["al@example.com admin", "jo@example.com owner"],
  );
});

Deno.test("attack: a management key does not ask, mint, consume, report or decide, not even by a key it makes", async () => {
  await using it = await ApprovalOrg.start();
  const { org } = it;
  const { id } = await it.pending();
  for (
    const path of [
      "/v1/permissions/check",
      "/v1/permissions/check-batch",
      "/v1/approvals",
      "/v1/tokens/mint",
      "/v1/tokens/verify",
      "/v1/tokens/consume",
      "/v1/executions/log",
      `/v1/approvals/${id}/decide`,
      `/v1/approvals/${id}/cancel`,
    ]
  ) assertProblem(await org.post(path, {}, org.management), 403, "wrong_tier");
  const made = await org.manage("POST", "/v1/api-keys", { name: "k", tier: "standard" });
  assertProblem(await it.decide(id, "approve", {}, made.body.key), 403, "wrong_tier");
  assertProblem(await it.cancel(id, made.body.key), 403, "not_the_requester");
});

Deno.test("attack: no key releases a kill switch once an owner has a passkey, by any road", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const stopped = { active: true, reason: "stop" };
  const go = { active: false, reason: null };
  const described = { annotations_acknowledged: true, default_permission: "allowed" };
  await org.manage("PUT", "/v1/tools/restart", { ...described, kill_switch: stopped });
  await org.manage("PUT", "/v1/tools/draft", { kill_switch: stopped });
  const agent = await org.manage("POST", "/v1/agents", { name: "a", kill_switch: stopped });
  await org.manage("PATCH", "/v1/org", { kill_switch: stopped });
  await org.member("jo@example.com", OWNER);
  const version = (await org.manage("GET", "/v1/policy")).headers.get("etag") ?? "";
  const tools = [
    { name: "restart", ...described, kill_switch: go },
    { name: "draft", kill_switch: go },
  ];
  const attempts: [string, string, unknown][] = [
    ["PATCH", "/v1/org", { kill_switch: go }],
    ["PATCH", "/v1/tools/restart", { kill_switch: go }],
    ["PUT", "/v1/tools/restart", { ...described, kill_switch: go }],
    ["POST", "/v1/tools", { name: "restart", ...described, kill_switch: go }],
    // Removed and asked for again it would come back without its switch.
    ["DELETE", "/v1/tools/draft", undefined],
    ["PATCH", `/v1/agents/${agent.body.id}`, { kill_switch: go }],
    ["PUT", "/v1/policy?dry_run=false", { tools }],
  ];
  for (const [method, path, body] of attempts) {
    const got = await org.manage(method, path, body, { "if-match": version });
    assertProblem(got, 403, "owner_required");
  }
  // Describing the tool again, as an agent does at its start, leaves the switch on.
  assert.equal((await org.manage("PUT", "/v1/tools/restart", described)).status, 200);
  assert.equal((await org.get("/v1/tools/restart")).body.kill_switch.active, true);
  const { body } = await org.post("/v1/permissions/check", { tool_name: "restart" });
  assert.equal(body.resolved_from, "kill_switch");
});

Deno.test("attack: an agent neither configures, nor maps the policy, nor reads the log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const agent = await org.agent();
  for (
    const path of [
      "/v1/org",
      "/v1/policy",
      "/v1/tools",
      "/v1/rules",
      "/v1/tenants",
      "/v1/members",
      "/v1/api-keys",
      "/v1/agents",
      "/v1/audit/entries",
      "/v1/audit/export",
    ]
  ) assertProblem(await org.get(path, agent), 403, "wrong_tier");
  const explained = { tool_name: "restart", explain: true };
  assertProblem(await org.post("/v1/permissions/check", explained, agent), 403, "wrong_tier");
});

Deno.test("attack: an approver key decides only for members with the right, whatever they are called", async () => {
  await using it = await ApprovalOrg.start();
  const { org } = it;
  await org.member("vi@example.com", { role: "viewer", groups: [1] });
  const { id } = await it.pending();
  const names = [
    "vi@example.com",
    "nobody@example.com",
    "ann@example.com ",
    "\u0430nn@example.com",
    "ann@example.com\u0000",
    it.ann.id,
    "__proto__",
    "constructor",
  ];
  for (const decided_by of names) {
    assertProblem(await it.decide(id, "approve", { decided_by }), 403, "not_an_approver");
  }
  await org.member("bo@example.com", { groups: [1] });
  // Ann was an approver of everything only while group 1 was empty.
  assertProblem(await it.decide(id, "approve"), 403, "not_an_approver");
  assert.equal((await it.get(id)).body.status, "pending");
});

Deno.test("attack: two approver keys do not give both levels", async () => {
  await using it = await ApprovalOrg.start();
  const { org } = it;
  await org.tool("nuke", {
    default_permission: "requires_approval",
    requires_second_approval: true,
  });
  await org.member("bo@example.com", { groups: [2] });
  const { id } = await it.pending({ tool_name: "nuke" });
  const second = await org.key("approver");
  const two = { decided_by: "bo@example.com" };
  assertProblem(await it.decide(id, "approve"), 403, "passkey_required");
  assertProblem(await it.decide(id, "approve", two, second), 403, "passkey_required");
  assertProblem(await it.mint(id, { tool_name: "nuke" }), 409, "approval_not_approved");
});

Deno.test("attack: the member behind a requester does not decide where duties are separated", async () => {
  await using it = await ApprovalOrg.start();
  const { org } = it;
  await it.settings({ separation_of_duties: true });
  const agent = await org.agent({ members_behind: [it.ann.id] });
  const { id } = await it.pending({}, agent);
  assertProblem(await it.decide(id, "approve"), 403, "self_approval");
  assertProblem(
    await it.decide(id, "approve", { decided_by: "ANN@EXAMPLE.COM" }),
    403,
    "self_approval",
  );
  // Switching the separation off afterwards does not help what was asked under it.
  const loosened = { separation_of_duties: false };
  assertProblem(await org.manage("PATCH", "/v1/org", loosened), 403, "owner_required");
  await it.settings(loosened);
  assertProblem(await it.decide(id, "approve"), 403, "self_approval");
});

Deno.test("attack: nothing is decided after the deadline, after a change of the tool, or twice", async () => {
  await using it = await ApprovalOrg.start();
  const { org, countersign } = it;
  const late = await it.pending({ timeout_seconds: 60, method: "A" });
  countersign.clock.advance(60_000);
  assertProblem(await it.decide(late.id, "approve"), 409, "approval_not_pending");

  const changed = await it.pending({ method: "B" });
  const approved = await it.approved({ method: "C" });
  const patch = { description: "now it deletes everything" };
  assert.equal((await org.manage("PATCH", `/v1/tools/${TOOL}`, patch)).status, 200);
  assertProblem(await it.decide(changed.id, "approve"), 409, "approval_not_pending");
  assertProblem(await it.mint(approved.id, { method: "C" }), 409, "approval_not_approved");
  assert.equal((await it.get(approved.id)).body.ended_because, "tool_changed");

  const twice = await it.approved({ method: "D" });
  assertProblem(await it.decide(twice.id, "deny"), 409, "approval_not_pending");
  assertProblem(await it.decide(twice.id, "approve"), 409, "approval_not_pending");
});

Deno.test("attack: private parts go to nobody without the right, and a lost right ends an export", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  await org.post("/v1/permissions/check", { tool_name: "restart", reason: "because" });
  for (const key of [org.standard, org.management]) {
    assert.ok((await exportLines(org, key)).every((line) => line.private === null));
    const rows = (await org.get("/v1/audit/entries", key)).body.data;
    assert.ok(rows.every((row: { private: unknown }) => row.private === null));
  }
  const reader = await org.key("standard", { audit_private: true });
  assert.ok((await exportLines(org, reader)).some((line) => line.private?.reason !== undefined));
  await withdraw(org);
  assert.ok((await exportLines(org, reader)).every((line) => line.private === null));
});

/** Takes `audit_private` from every key. */
function withdraw(org: TestOrg): Promise<void> {
  return org.transact((transaction) => {
    for (const record of transaction.snapshot.apiKeys.values()) {
      const next: ApiKeyRecord = { ...record, audit_private: false };
      transaction.setPolicy(apiKeyKey(org.id, record.id), next);
    }
  });
}
