import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { HeldTimers, WAIT_MS } from "../helpers/held_timers.ts";
import { grantIn, McpClient, type RawAnswer, rawCall, resultOf } from "../helpers/mcp_client.ts";

const TASKS = { extensions: { "io.modelcontextprotocol/tasks": {} } };
const ASK = { tool_name: TOOL, reason: "it is old" };
const SCHEMA_MEMBERS = ["status", "reference", "next", "org"];

/** A request by a client that declares tasks. */
function tasking(
  countersign: Countersign,
  token: string,
  method: string,
  params: JsonObject,
): Promise<RawAnswer> {
  return rawCall(countersign, method, params, { token, capabilities: TASKS });
}

/** Asks for an approval, and gets the task of it. */
async function taskOf(it: ApprovalOrg, token: string, fields: JsonObject = {}) {
  const params = { name: "request_approval", arguments: { ...ASK, ...fields } };
  const task = resultOf(await tasking(it.countersign, token, "tools/call", params));
  assert.equal(task.resultType, "task", JSON.stringify(task));
  return task;
}

const look = async (it: ApprovalOrg, token: string, taskId: string) =>
  resultOf(await tasking(it.countersign, token, "tasks/get", { taskId }));

const approvalOf = (taskId: string) => taskId.split(".")[1] ?? "";

Deno.test("a client that declares tasks gets one at once, and its result when somebody decides", async () => {
  await using it = await ApprovalOrg.start();
  const token = await it.org.agent();
  const task = await taskOf(it, token);
  assert.deepEqual([task.status, task.ttlMs, task.pollIntervalMs], ["working", null, 5000]);
  assert.match(task.statusMessage, /REF-/);
  assert.ok(!("content" in task) && !("task" in task), "a task is no result of a tool");
  const working = await look(it, token, task.taskId);
  assert.deepEqual([working.resultType, working.status], ["complete", "working"]);
  it.countersign.clock.advance(1000);
  await it.decide(approvalOf(task.taskId), "approve");
  const done = await look(it, token, task.taskId);
  assert.equal(done.status, "completed");
  assert.ok(done.lastUpdatedAt > done.createdAt);
  const { structuredContent, content } = done.result;
  for (const member of SCHEMA_MEMBERS) assert.ok(member in structuredContent, member);
  assert.equal(structuredContent.status, "approved");
  assert.match(content[0].text, /mint_run_token/);
  const minted = await tasking(it.countersign, token, "tools/call", {
    name: "mint_run_token",
    arguments: { tool_name: TOOL, reference: structuredContent.reference },
  });
  assert.match(resultOf(minted).structuredContent.token, /^cs_run_/);
});

Deno.test("denied and expired are results of a task, not failures", async () => {
  await using it = await ApprovalOrg.start();
  const token = await it.org.agent();
  const denied = await taskOf(it, token, { method: "A" });
  await it.decide(approvalOf(denied.taskId), "deny");
  const expired = await taskOf(it, token, { method: "B" });
  it.countersign.clock.advance(3_600_000);
  for (const [task, status] of [[denied, "denied"], [expired, "expired"]] as const) {
    const got = await look(it, token, task.taskId);
    assert.deepEqual([got.status, got.result.structuredContent.status], ["completed", status]);
  }
});

Deno.test("to cancel a task is to withdraw its request, and once it has ended nothing", async () => {
  await using it = await ApprovalOrg.start();
  const token = await it.org.agent();
  const cancel = (taskId: string) => tasking(it.countersign, token, "tasks/cancel", { taskId });
  const { taskId } = await taskOf(it, token);
  const { _meta, ...ack } = resultOf(await cancel(taskId));
  assert.deepEqual(ack, { resultType: "complete" });
  assert.equal((await look(it, token, taskId)).status, "cancelled");
  assert.equal((await it.get(approvalOf(taskId))).body.ended_because, "withdrawn");
  assert.equal(resultOf(await cancel(taskId)).resultType, "complete");

  const approved = await taskOf(it, token);
  await it.decide(approvalOf(approved.taskId), "approve");
  assert.equal(resultOf(await cancel(approved.taskId)).resultType, "complete");
  assert.equal(
    (await look(it, token, approved.taskId)).result.structuredContent.status,
    "approved",
  );
});

Deno.test("a task asks nothing: what is sent to it is acknowledged, and decides nothing", async () => {
  await using it = await ApprovalOrg.start();
  const token = await it.org.agent();
  const { taskId } = await taskOf(it, token);
  const update = await tasking(it.countersign, token, "tasks/update", {
    taskId,
    inputResponses: { decision: { action: "accept", content: { decision: "approve" } } },
  });
  assert.equal(resultOf(update).resultType, "complete");
  assert.equal((await look(it, token, taskId)).status, "working");
});

Deno.test("a task is found by who asked, and by nobody else", async () => {
  await using it = await ApprovalOrg.start();
  const second = await it.countersign.org();
  const mine = await grantIn([[it.org, "admin"], [second, "admin"]]);
  const { taskId } = await taskOf(it, mine.token, { org: it.org.id });
  assert.equal((await look(it, mine.token, taskId)).status, "working");
  const strangers = [
    await it.org.agent(),
    await second.agent(),
    (await grantIn([[it.org, "owner"]])).token,
  ];
  const unknown = ["nonsense", "", `${it.org.id}.apr_0`, taskId.replace(it.org.id, second.id)];
  for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
    for (const stranger of strangers) {
      const { messages } = await tasking(it.countersign, stranger, method, { taskId });
      assert.equal(messages[0].error.code, -32602, method);
    }
    for (const taskId of unknown) {
      const { messages } = await tasking(it.countersign, mine.token, method, { taskId });
      assert.equal(messages[0].error.code, -32602, `${method} ${taskId}`);
    }
  }
  assert.equal((await look(it, mine.token, taskId)).status, "working");
});

Deno.test("a task outlives its node", async () => {
  await using it = await ApprovalOrg.start();
  const { services, clock, secret } = it.countersign;
  const token = await it.org.agent();
  const { taskId } = await taskOf(it, token);
  await using other = await Countersign.start({ kv: services.deps.kv, clock, secret });
  const got = resultOf(await tasking(other, token, "tasks/get", { taskId }));
  assert.equal(got.status, "working");
});

Deno.test("without the capability there is no task, and no method of one", async () => {
  await using it = await ApprovalOrg.start();
  const token = await it.org.agent();
  const { taskId } = await taskOf(it, token);
  for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
    const answer = await rawCall(it.countersign, method, { taskId }, { token });
    assert.equal(answer.status, 400);
    assert.equal(answer.messages[0].error.code, -32021, method);
  }
  const asked = await tasking(it.countersign, token, "tools/call", {
    name: "request_approval",
    arguments: { ...ASK, method: "NOW", wait_seconds: 0 },
  });
  assert.equal(resultOf(asked).resultType, "complete", "nobody waits for this one");
  await using legacy = await McpClient.connect(it.countersign.origin, token, "legacy");
  const { data } = await legacy.call("request_approval", { ...ASK, wait_seconds: 0 });
  assert.equal(data.status, "pending");
});

Deno.test("scope challenge: who may only read looks at a task, and cannot cancel it", async () => {
  await using it = await ApprovalOrg.start();
  const { token } = await grantIn([[it.org, "admin"]], ["mcp:read"]);
  const taskId = `${it.org.id}.apr_0`;
  const { messages } = await tasking(it.countersign, token, "tasks/get", { taskId });
  assert.equal(messages[0].error.code, -32602);
  for (const method of ["tasks/update", "tasks/cancel"]) {
    assert.equal((await tasking(it.countersign, token, method, { taskId })).status, 403);
  }
});

Deno.test("COUNTERSIGN_MCP_TASKS=off holds the call of a client that declares tasks", async () => {
  const timers = new HeldTimers(5);
  await using it = await ApprovalOrg.start({
    deps: { timer: timers.timer },
    variables: { COUNTERSIGN_MCP_TASKS: "off" },
  });
  const token = await it.org.agent();
  const asked = await tasking(it.countersign, token, "tools/call", {
    name: "request_approval",
    arguments: { ...ASK, wait_seconds: WAIT_MS / 1000 },
  });
  assert.equal(resultOf(asked).structuredContent.status, "pending");
  const discovered = await tasking(it.countersign, token, "server/discover", {});
  assert.equal(resultOf(discovered).capabilities.extensions, undefined);
  const { messages } = await tasking(it.countersign, token, "tasks/get", { taskId: "x" });
  assert.equal(messages[0].error.code, -32601);
});
