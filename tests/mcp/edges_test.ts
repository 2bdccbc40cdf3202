import assert from "node:assert/strict";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { grantIn, rawPost, rawTool, said } from "../helpers/mcp_client.ts";

const LIST = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });

/** The structured answer of a tool. */
Deno.test("Accept: what takes JSON and streams is served, however it is written", async () => {
  await using it = await ApprovalOrg.start();
  const authorization = `Bearer ${await it.org.agent()}`;
  const answered = async (accept: string) =>
    (await rawPost(it.countersign, LIST, { authorization, accept })).status;
  for (
    const accept of [
      "*/*",
      "Application/JSON, Text/Event-Stream",
      "application/*, text/*;q=0.5",
      "text/event-stream;q=0.1,application/json;charset=utf-8",
      "application/json, */*; q=0.1",
    ]
  ) assert.equal(await answered(accept), 200, accept);
  for (const accept of ["application/json", "text/html", "*/*;q=0", "text/*"]) {
    assert.equal(await answered(accept), 406, accept);
  }
});

Deno.test("batches: revision 2025-03-26 has them, the others have not", async () => {
  await using it = await ApprovalOrg.start();
  const authorization = `Bearer ${await it.org.agent()}`;
  const batch = `[${LIST}]`;
  const of = (revision?: string) =>
    rawPost(it.countersign, batch, {
      authorization,
      ...(revision === undefined ? {} : { "mcp-protocol-version": revision }),
    });
  assert.equal((await of()).status, 200);
  assert.equal((await of("2025-03-26")).status, 200);
  for (const revision of ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"]) {
    const answer = await of(revision);
    assert.equal(answer.status, 400, revision);
    const [{ id, error }] = answer.messages;
    assert.deepEqual([id, error.code], [null, -32600]);
    assert.match(error.message, /send one message in each request/);
  }
  // Of two with one id a client is told of one, so none of them is done.
  const mint = (id: number | string) => ({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name: "mint_run_token", arguments: { tool_name: "read_file" } },
  });
  await it.org.tool("read_file");
  const mints = (...ids: (number | string)[]) =>
    rawPost(it.countersign, JSON.stringify(ids.map(mint)), { authorization });
  const twice = await mints(1, 2, 1);
  assert.equal(twice.status, 400);
  assert.match(twice.messages[0].error.message, /same id/);
  assert.equal((await it.entries("token.minted")).length, 0);
  assert.equal((await mints(1, "1")).messages.length, 2);
});

Deno.test("check_permission takes what a request says: reference, context, a shorter time", async () => {
  await using it = await ApprovalOrg.start();
  const agent = await it.org.agent();
  const { approval } = await said(it.countersign, agent, "check_permission", {
    tool_name: TOOL,
    reason: "it is old",
    request: true,
    reference_id: "ticket-4711",
    context: { host: "prod-01" },
    timeout_seconds: 120,
  });
  assert.equal(approval.reference_id, "ticket-4711");
  const asked = (await it.get(approval.id, it.org.approver)).body;
  assert.equal(Date.parse(asked.expires_at) - Date.parse(asked.created_at), 120_000);
  assert.deepEqual(asked.review.view.context, { host: "prod-01" });
  const [checked] = await it.entries("permission.checked");
  assert.equal(checked?.data.reference_id, "ticket-4711");
});

Deno.test("a run token over MCP: minted for a time, consumed once, logged with cost and output", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.tool("read_file");
  const agent = await it.org.agent();
  const action = { tool_name: "read_file", arguments: { path: "/etc/hosts" } };
  const { token, token_id, expires_at } = await said(it.countersign, agent, "mint_run_token", {
    ...action,
    ttl_seconds: 30,
  });
  assert.equal(Date.parse(expires_at) - it.countersign.clock.now, 30_000);

  const { token: another } = await said(it.countersign, agent, "mint_run_token", action);
  const consume = (args = {}) =>
    said(it.countersign, agent, "consume_run_token", { token, ...action, ...args });
  assert.equal((await consume({ arguments: { path: "/" } })).code, "action_mismatch");
  const consumed = await consume();
  assert.equal(consumed.token_id, token_id);
  assert.equal(consumed.claims.action_digest.slice(0, 7), "sha256:");
  assert.match(consumed.next, /Run exactly this action now, once/);
  const again = await consume();
  assert.equal(again.code, "token_used");
  assert.match(again.next, /Do not run the action again/);

  // Another agent, another grant: no token of theirs, as one that never was.
  for (const stranger of [await it.org.agent(), (await grantIn([[it.org, "owner"]])).token]) {
    const stolen = await said(it.countersign, stranger, "consume_run_token", {
      ...action,
      token: another,
    });
    const made = await said(it.countersign, stranger, "consume_run_token", {
      ...action,
      token: "cs_run_x",
    });
    assert.equal(stolen.code, "token_invalid");
    assert.deepEqual({ ...stolen, request_id: "" }, { ...made, request_id: "" });
  }
  assert.equal((await consume({ token: another })).code, undefined, "it is still good for its own");

  const output_digest = `sha256:${"0".repeat(64)}`;
  const logged = await said(it.countersign, agent, "log_execution", {
    tool_name: "read_file",
    token,
    execution_result: "success",
    cost_micros: 1200,
    output_digest,
  });
  assert.equal(logged.binding, "checked");
  const [entry] = await it.entries("execution.logged");
  assert.deepEqual([entry?.data.cost_micros, entry?.data.output_digest], [1200, output_digest]);
});

Deno.test("consume_run_token needs mcp:write", async () => {
  await using it = await ApprovalOrg.start();
  const { token } = await grantIn([[it.org, "owner"]], ["mcp:read"]);
  const args = { tool_name: TOOL, token: "cs_run_x" };
  const answer = await rawTool(it.countersign, token, "consume_run_token", args);
  assert.equal(answer.status, 403);
});
