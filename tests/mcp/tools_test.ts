import assert from "node:assert/strict";
import { governText } from "../../lib/onboarding/govern.ts";
import { MCP_TOOLS } from "../../routes/mcp/tools.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { type Era, ERAS, grantIn, McpClient } from "../helpers/mcp_client.ts";

/** A test in both eras of the protocol, with a client that checks every result by its schema. */
function inBothEras(
  name: string,
  run: (it: ApprovalOrg, client: McpClient, era: Era) => Promise<void>,
): void {
  for (const era of ERAS) {
    Deno.test(`${name} (${era})`, async () => {
      await using it = await ApprovalOrg.start();
      await using client = await McpClient.connect(
        it.countersign.origin,
        await it.org.agent(),
        era,
      );
      await run(it, client, era);
    });
  }
}

inBothEras("every tool is listed with title, hints and schemas", async (_it, { client }) => {
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name), [
    "list_my_tools",
    "check_permission",
    "request_approval",
    "list_pending_approvals",
    "check_approval_status",
    "cancel_approval",
    "mint_run_token",
    "consume_run_token",
    "log_execution",
  ]);
  const hints = new Map(tools.map(({ name, annotations }) => [name, annotations]));
  const flags = (name: string) => {
    const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = hints.get(name) ?? {};
    return [readOnlyHint, destructiveHint, idempotentHint, openWorldHint];
  };
  const looks = [true, false, true, false];
  const asks = [false, false, true, false];
  const once = [false, false, false, false];
  assert.deepEqual(flags("list_my_tools"), looks);
  assert.deepEqual(flags("check_permission"), asks);
  assert.deepEqual(flags("request_approval"), asks);
  assert.deepEqual(flags("list_pending_approvals"), looks);
  assert.deepEqual(flags("check_approval_status"), looks);
  assert.deepEqual(flags("cancel_approval"), asks);
  assert.deepEqual(flags("mint_run_token"), once);
  assert.deepEqual(flags("consume_run_token"), [false, true, false, false]);
  assert.deepEqual(flags("log_execution"), once);
  for (const { name, title, description, inputSchema, outputSchema } of tools) {
    assert.ok(name.length <= 64 && title && description, name);
    assert.equal(inputSchema.type, "object", name);
    assert.equal(outputSchema?.type, "object", name);
  }
});

inBothEras("an action goes from the question to the log", async (it, client) => {
  await it.org.tool("read_file", { category: null, risk_level: "low" });
  const args = { path: "/etc/hosts" };
  const action = { tool_name: "read_file", resource_id: "host-1", arguments: args };
  const checked = await client.call("check_permission", action);
  assert.equal(checked.data.permission, "allowed");
  assert.equal(checked.data.org, it.org.id);
  assert.match(checked.text, /mint_run_token/);

  const minted = await client.call("mint_run_token", action);
  assert.match(minted.data.token, /^cs_run_/);
  assert.match(minted.text, /once before .* log_execution/);

  const logged = await client.call("log_execution", {
    tool_name: "read_file",
    token: minted.data.token,
    execution_result: "success",
    duration_ms: 12,
  });
  assert.deepEqual([logged.data.attested, logged.data.token_id], [true, minted.data.token_id]);

  const again = await client.call("log_execution", {
    tool_name: "read_file",
    token: minted.data.token,
    execution_result: "success",
  });
  assert.deepEqual([again.isError, again.data.code], [true, "already_logged"]);
});

inBothEras("an approved action is minted by its reference", async (it, client) => {
  const action = { tool_name: TOOL, resource_id: "server-1" };
  const asked = await client.call("request_approval", {
    ...action,
    reason: "it is old",
    wait_seconds: 0,
  });
  assert.equal(asked.data.status, "pending");
  assert.match(
    asked.text,
    new RegExp(`check_approval_status with reference ${asked.data.reference}`),
  );
  assert.ok(asked.text.includes(asked.data.review_url));

  const early = await client.call("mint_run_token", {
    ...action,
    reference: asked.data.reference,
  });
  assert.deepEqual([early.isError, early.data.code], [true, "approval_not_approved"]);

  await it.decide(asked.data.id, "approve");
  const approved = await client.call("check_approval_status", { reference: asked.data.reference });
  assert.equal(approved.data.status, "approved");
  assert.match(approved.text, /mint_run_token with the same action and reference/);

  const other = await client.call("mint_run_token", {
    ...action,
    resource_id: "server-2",
    reference: asked.data.reference,
  });
  assert.deepEqual([other.isError, other.data.code], [true, "action_mismatch"]);
  const minted = await client.call("mint_run_token", {
    ...action,
    reference: asked.data.reference,
  });
  assert.equal(minted.data.approval_id, asked.data.id);
  const used = await client.call("check_approval_status", { reference: asked.data.id });
  assert.match(used.text, /counts once/);
});

inBothEras("a denial is an answer, and says what was noted", async (it, client) => {
  const asked = await client.call("request_approval", {
    tool_name: TOOL,
    reason: "it is old",
    wait_seconds: 0,
  });
  await it.decide(asked.data.id, "deny", { note: "keep it until Friday" });
  const denied = await client.call("check_approval_status", { reference: asked.data.id });
  assert.deepEqual([denied.isError, denied.data.status], [false, "denied"]);
  assert.equal(denied.data.decisions[0].note, "keep it until Friday");
  assert.match(denied.text, /Denied: do not run/);
  const again = await client.call("request_approval", {
    tool_name: TOOL,
    reason: "please",
    wait_seconds: 0,
  });
  assert.deepEqual([again.isError, again.data.code], [true, "recently_denied"]);
  assert.equal(again.data.retry_after_seconds, 600);
  assert.equal(again.data.approval_id, asked.data.id);
});

inBothEras(
  "check_permission with request asks in the same step, and joins",
  async (_it, client) => {
    const action = { tool_name: TOOL, method: "DELETE" };
    const plain = await client.call("check_permission", action);
    assert.equal(plain.data.approval, null);
    assert.match(plain.text, /request_approval/);

    const bare = await client.call("check_permission", { ...action, request: true });
    assert.deepEqual([bare.isError, bare.data.code], [true, "invalid_request"]);
    assert.equal(bare.data.errors[0].path, "/reason");

    const asked = await client.call("check_permission", {
      ...action,
      request: true,
      reason: "old",
    });
    const { reference, status } = asked.data.approval;
    assert.deepEqual([asked.data.permission, status], ["requires_approval", "pending"]);
    assert.match(asked.text, new RegExp(reference));
    const joined = await client.call("check_permission", {
      ...action,
      request: true,
      reason: "now",
    });
    assert.equal(joined.data.approval.reference, reference);
  },
);

inBothEras("asking again after the decision finds what was approved", async (it, client) => {
  const action = { tool_name: TOOL, method: "DELETE" };
  const ask = { ...action, reason: "it is old" };
  const asked = await client.call("request_approval", { ...ask, wait_seconds: 0 });
  await it.decide(asked.data.id, "approve");
  const again = await client.call("request_approval", ask);
  assert.deepEqual([again.data.id, again.data.status], [asked.data.id, "approved"]);
  const checked = await client.call("check_permission", { ...ask, request: true });
  assert.equal(checked.data.approval.id, asked.data.id);
  await client.call("mint_run_token", { ...action, reference: asked.data.id });
  const anew = await client.call("request_approval", { ...ask, wait_seconds: 0 });
  assert.notEqual(anew.data.id, asked.data.id, "it counts once");
});

inBothEras("pending requests are one's own, without arguments", async (it, client) => {
  const mine = await client.call("request_approval", {
    tool_name: TOOL,
    arguments: { host: "secret-host" },
    reason: "mine",
    wait_seconds: 0,
  });
  await it.pending({ reason: "somebody else's" });
  const listed = await client.call("list_pending_approvals");
  assert.deepEqual(
    listed.data.approvals.map(({ id, reason }: { id: string; reason: string }) => [id, reason]),
    [[mine.data.id, "mine"]],
  );
  assert.ok(!JSON.stringify(listed.data).includes("secret-host"));
  const cancelled = await client.call("cancel_approval", { reference: mine.data.reference });
  assert.deepEqual([cancelled.data.status, cancelled.data.ended_because], [
    "cancelled",
    "withdrawn",
  ]);
  const twice = await client.call("cancel_approval", { reference: mine.data.reference });
  assert.deepEqual([twice.isError, twice.data.code], [true, "approval_not_pending"]);
  const empty = await client.call("list_pending_approvals");
  assert.deepEqual(empty.data.approvals, []);
});

inBothEras("refusals say what to do in the tools there are", async (it, client) => {
  const wrong = await client.call("check_permission", { tool_name: "two words", arguments: [] });
  assert.deepEqual([wrong.isError, wrong.data.code], [true, "invalid_request"]);
  assert.deepEqual(
    wrong.data.errors.map(({ path }: { path: string }) => path),
    ["/tool_name", "/arguments"],
  );
  assert.match(wrong.text, /Correct the arguments/);
  await it.org.tool("free");
  const free = await client.call("request_approval", { tool_name: "free", reason: "x" });
  assert.equal(free.data.code, "approval_not_required");
  assert.match(free.data.next, /mint_run_token/);
  const needs = await client.call("mint_run_token", { tool_name: TOOL });
  assert.equal(needs.data.code, "approval_required");
  assert.match(needs.data.next, /request_approval/);
  await it.org.tool("off", { default_permission: "disabled" });
  const off = await client.call("check_permission", { tool_name: "off" });
  assert.deepEqual([off.isError, off.data.permission], [false, "disabled"]);
  assert.match(off.text, /forbids/);
  const wait = await client.call("check_approval_status", { reference: "x", wait_seconds: 46 });
  assert.deepEqual([wait.data.code, wait.data.errors[0].path], [
    "invalid_request",
    "/wait_seconds",
  ]);
});

inBothEras("a tool, resource or prompt that is not there is a fault of the protocol", async (
  _it,
  { client },
) => {
  const faults = [
    () => client.callTool({ name: "decide_approval", arguments: {} }),
    () => client.readResource({ uri: "countersign://other" }),
    () => client.getPrompt({ name: "other" }),
    () => client.getPrompt({ name: "govern", arguments: { org: "org_other" } }),
  ];
  for (const fault of faults) {
    await assert.rejects(fault, (error: { code?: unknown }) => typeof error.code === "number");
  }
});

inBothEras("the status tells what the connection reaches, and no personal data", async (
  it,
  { client },
) => {
  const { resources } = await client.listResources();
  assert.deepEqual(resources.map(({ uri }) => uri), ["countersign://status"]);
  const { contents: [content] } = await client.readResource({ uri: "countersign://status" });
  assert.ok(content !== undefined && "text" in content);
  const status = JSON.parse(content.text);
  assert.equal(status.ready, true);
  assert.equal(status.connection.type, "agent");
  assert.deepEqual(status.organizations.map(({ id }: { id: string }) => id), [it.org.id]);
  assert.ok(status.protocol_versions.includes("2026-07-28"));
  assert.ok(!content.text.includes("@"));
});

inBothEras("the prompt govern is the procedure", async (_it, { client }) => {
  const { prompts } = await client.listPrompts();
  assert.deepEqual(prompts.map(({ name }) => name), ["govern"]);
  const { messages: [message] } = await client.getPrompt({ name: "govern" });
  assert.deepEqual(message?.content, { type: "text", text: governText() });
});

inBothEras("discovery for MCP only registers what is asked about here, and not over REST", async (
  it,
  client,
) => {
  await it.org.manage("PATCH", "/v1/org", { discovery: "mcp" });
  const rest = await it.org.post("/v1/permissions/check", { tool_name: "unknown" });
  assert.equal(rest.body.resolved_from, "gate_unknown_tool");
  const { data } = await client.call("check_permission", { tool_name: "unknown" });
  assert.deepEqual([data.resolved_from, data.tool.status], ["gate_draft", "draft"]);
});

Deno.test("govern names every tool, and the organization where it is given", () => {
  const text = governText({ org: "org_1" });
  assert.ok(text.includes('Pass `org: "org_1"`'));
  for (const { name } of MCP_TOOLS) assert.ok(text.includes(`\`${name}\``), name);
});

Deno.test("list_my_tools pages through many tools, the approved ones only", async () => {
  await using it = await ApprovalOrg.start();
  for (let i = 100; i < 160; i++) await it.org.tool(`tool_${i}`);
  await it.org.tool("draft", { status: "draft" });
  await it.org.tool("archived", { status: "archived" });
  await using client = await McpClient.connect(it.countersign.origin, await it.org.agent());
  const first = await client.call("list_my_tools");
  assert.equal(first.data.tools.length, 50);
  assert.match(first.text, /next_cursor/);
  const second = await client.call("list_my_tools", { cursor: first.data.next_cursor });
  const names = [...first.data.tools, ...second.data.tools]
    .map(({ tool_name }: { tool_name: string }) => tool_name);
  assert.equal(names.length, 61);
  assert.deepEqual(names, names.toSorted());
  assert.equal(second.data.next_cursor, null);
  const bad = await client.call("list_my_tools", { cursor: "nonsense" });
  assert.equal(bad.data.code, "invalid_request");
});

Deno.test("with several organizations a call names one, and is told which there are", async () => {
  await using it = await ApprovalOrg.start();
  const second = await it.countersign.org();
  const { token } = await grantIn([[it.org, "admin"], [second, "approver"]]);
  await using client = await McpClient.connect(it.countersign.origin, token);
  const refused = await client.call("check_permission", { tool_name: TOOL });
  assert.deepEqual([refused.isError, refused.data.code], [true, "org_required"]);
  assert.deepEqual(
    refused.data.organizations.map(({ id }: { id: string }) => id),
    [it.org.id, second.id],
  );
  assert.ok(refused.text.includes(second.id));
  for (const org of [it.org, second]) {
    const { data } = await client.call("check_permission", { tool_name: TOOL, org: org.id });
    assert.equal(data.org, org.id);
  }
});

Deno.test("what a grant asks is asked by the grant, with its member behind it", async () => {
  await using it = await ApprovalOrg.start();
  const grant = await grantIn([[it.org, "approver"]]);
  await using client = await McpClient.connect(it.countersign.origin, grant.token);
  const { data } = await client.call("request_approval", {
    tool_name: TOOL,
    reason: "x",
    wait_seconds: 0,
  });
  assert.deepEqual(data.requested_by, { type: "oauth_grant", id: grant.id, name: "Some host" });
  const seen = await it.org.get(`/v1/approvals/${data.id}`, it.org.approver);
  assert.equal(seen.body.requested_by.id, grant.id);
});
