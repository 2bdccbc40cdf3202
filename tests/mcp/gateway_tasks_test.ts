import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { grantKey } from "../../lib/store/keys.ts";
import { CallOrg } from "../helpers/call_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { grantIn, type RawAnswer, rawCall, resultOf } from "../helpers/mcp_client.ts";
import { notSent } from "../helpers/scripted_upstreams.ts";

/** Calls that wait for people, as tasks of clients that speak of such. */

const GATEWAY = "/mcp/gateway";
const CAPABILITIES = { extensions: { "io.modelcontextprotocol/tasks": {} } };

function tasking(
  countersign: Countersign,
  token: string,
  method: string,
  params: JsonObject,
  path = GATEWAY,
): Promise<RawAnswer> {
  return rawCall(countersign, method, params, { token, path, capabilities: CAPABILITIES });
}

async function called(it: CallOrg, token: string, name = "notes__wipe", args = { id: "n1" }) {
  const params = { name, arguments: args };
  return resultOf(await tasking(it.it.countersign, token, "tools/call", params));
}

const look = async (it: CallOrg, token: string, taskId: string) =>
  resultOf(await tasking(it.it.countersign, token, "tasks/get", { taskId }));

const cancel = async (it: CallOrg, token: string, taskId: string) =>
  resultOf(await tasking(it.it.countersign, token, "tasks/cancel", { taskId }));

async function pending(it: CallOrg): Promise<string[]> {
  const { body } = await it.org.get("/v1/approvals?status=pending", it.org.approver);
  return (body.data as JsonObject[]).map(({ id }) => String(id));
}

async function decide(it: CallOrg, decision: "approve" | "deny"): Promise<void> {
  const [id] = await pending(it);
  const got = await it.it.decide(id ?? assert.fail("nothing waits"), decision);
  assert.equal(got.status, 200, got.text);
}

const codeOf = (result: { content: { text: string }[] }) =>
  JSON.parse(result.content[1]?.text ?? "{}").code;

Deno.test("a call that waits for people is a task, and runs once for who looks after the yes", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const task = await called(it, token);
  assert.equal(task.resultType, "task", JSON.stringify(task));
  assert.deepEqual([task.status, task.pollIntervalMs], ["working", 5000]);
  assert.match(task.statusMessage, /REF-/);
  assert.ok(!("content" in task), "a task is no result of a tool");
  assert.equal((await called(it, token)).taskId, task.taskId, "asked again it is the same");
  assert.equal((await look(it, token, task.taskId)).status, "working");
  assert.equal(it.sent, 0);
  await decide(it, "approve");
  assert.equal(it.sent, 0, "nothing runs while nobody waits");
  it.upstreams.answer = () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    const content = '[{"type":"text","text":"done"}]';
    return {
      is: "result",
      rest: new Map(),
      meta: new Map(),
      json: bytes("{}"),
      content: bytes(content),
      structured_content: bytes('{"id":12345678901234567890}'),
      is_error: false,
    };
  };
  // All who look at once get the one run.
  const looks = await Promise.all([1, 2, 3, 4].map(() => look(it, token, task.taskId)));
  assert.equal(it.sent, 1);
  assert.deepEqual(it.upstreams.received[0]?.args, { id: "n1" });
  for (const { status } of looks) assert.ok(["working", "completed"].includes(status), status);
  const answer = await tasking(it.it.countersign, token, "tasks/get", { taskId: task.taskId });
  assert.match(answer.text, /"structuredContent":\{"id":12345678901234567890\}/);
  const done = resultOf(answer);
  assert.deepEqual([done.resultType, done.status], ["complete", "completed"]);
  assert.equal(done.result.content[0].text, "done");
  it.it.countersign.clock.advance(11 * 60_000);
  const later = await look(it, token, task.taskId);
  assert.equal(later.result.isError, true);
  assert.match(later.result.content[0].text, /has run: do not call it again/);
  assert.equal(it.sent, 1);
  assert.deepEqual((await it.told()).slice(-3), [
    "permission.checked",
    "token.consumed",
    "execution.logged",
  ]);
  // The same asked later is another call, and another question.
  const next = await called(it, token);
  assert.notEqual(next.taskId, task.taskId);
  assert.equal((await pending(it)).length, 1);
});

Deno.test("what may run without asking is no task", async () => {
  await using it = await CallOrg.start();
  const got = await called(it, await it.org.agent(), "notes__read");
  assert.deepEqual([got.resultType, got.content[0].text], ["complete", "done"]);
});

Deno.test("a no, and time that is over, are results of the task that say so", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const denied = await called(it, token);
  await decide(it, "deny");
  const expired = await called(it, token, "notes__wipe", { id: "n2" });
  it.it.countersign.clock.advance(3_600_000);
  const lapsed = await called(it, token, "notes__wipe", { id: "n3" });
  await decide(it, "approve");
  it.it.countersign.clock.advance(3_600_000);
  for (const [task, status] of [[denied, "denied"], [expired, "expired"], [lapsed, "approved"]]) {
    const { status: state, result } = await look(it, token, task.taskId);
    assert.deepEqual([state, result.isError, codeOf(result)], [
      "completed",
      true,
      "approval_not_approved",
    ], status);
    assert.ok(result.content[1].text.includes(status), result.content[1].text);
  }
  assert.equal(it.sent, 0);
});

Deno.test("to cancel a task withdraws the question, and takes back a yes that has not run yet", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const waiting = await called(it, token);
  const { _meta, ...ack } = await cancel(it, token, waiting.taskId);
  assert.deepEqual(ack, { resultType: "complete" });
  assert.equal((await look(it, token, waiting.taskId)).status, "cancelled");
  assert.deepEqual(await pending(it), []);

  const approved = await called(it, token);
  assert.notEqual(approved.taskId, waiting.taskId);
  await decide(it, "approve");
  await cancel(it, token, approved.taskId);
  assert.equal((await look(it, token, approved.taskId)).status, "cancelled");
  assert.equal(it.sent, 0);

  const ran = await called(it, token);
  await decide(it, "approve");
  assert.equal((await look(it, token, ran.taskId)).status, "completed");
  assert.equal((await cancel(it, token, ran.taskId)).resultType, "complete");
  assert.equal((await look(it, token, ran.taskId)).result.content[0].text, "done");
});

Deno.test("a yes is kept while the server is away, and lost to nobody who does not know what ran", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const { taskId } = await called(it, token);
  await decide(it, "approve");
  it.upstreams.notConnected = notSent("unreachable");
  const away = await look(it, token, taskId);
  assert.equal(away.status, "working");
  assert.match(away.statusMessage, /upstream_unreachable/);
  it.upstreams.notConnected = null;
  it.upstreams.answer = () => ({ is: "unknown", why: "cut", says: "It was cut." });
  for (let times = 0; times < 2; times++) {
    const unknown = await look(it, token, taskId);
    assert.deepEqual([unknown.status, codeOf(unknown.result)], ["completed", "outcome_unknown"]);
  }
  assert.equal(it.sent, 1);
});

Deno.test("an approval that another call used asks nobody anew", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const { taskId } = await called(it, token);
  await decide(it, "approve");
  const other = await it.call("notes/wipe", { arguments: { id: "n1" }, call_key: "k" }, token);
  assert.equal(other.body.status, "completed", other.text);
  const used = await look(it, token, taskId);
  assert.deepEqual([used.status, codeOf(used.result)], ["completed", "approval_used"]);
  assert.deepEqual(await pending(it), []);
  assert.equal(it.sent, 1);
});

Deno.test("what the rules refuse after the yes ends the task, and is decided once", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const { taskId } = await called(it, token);
  await decide(it, "approve");
  await it.org.manage("PUT", "/v1/rules", {
    selector: { tool_name: "notes/wipe" },
    permission: "disabled",
  });
  const checks = async () =>
    (await it.told()).filter((type) => type === "permission.checked").length;
  const ends = [await look(it, token, taskId), await look(it, token, taskId)];
  const before = await checks();
  for (const { status } of ends) assert.equal(status, "completed");
  await look(it, token, taskId);
  assert.equal(await checks(), before);
  assert.equal(it.sent, 0);
});

Deno.test("a task is of who called, as long as they may run tools", async () => {
  await using it = await CallOrg.start();
  const { countersign } = it.it;
  const grant = await grantIn([[it.org, "approver"]], ["mcp:run"], GATEWAY);
  const { taskId } = await called(it, grant.token);
  const strangers = [
    await it.org.agent(),
    (await grantIn([[it.org, "owner"]], ["mcp:run"], GATEWAY)).token,
    await (await countersign.org()).agent(),
  ];
  for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
    for (const token of strangers) {
      const { messages } = await tasking(countersign, token, method, { taskId });
      assert.equal(messages[0].error.code, -32602, method);
    }
    for (const wrong of ["", "x", `${it.org.id}.cal_0`, `${it.org.id}.apr_0`]) {
      const { messages } = await tasking(countersign, grant.token, method, { taskId: wrong });
      assert.equal(messages[0].error.code, -32602, `${method} ${wrong}`);
    }
    const plain = await rawCall(countersign, method, { taskId }, {
      token: grant.token,
      path: GATEWAY,
    });
    assert.equal(plain.messages[0].error.code, -32021, method);
    const asking = await grantIn([[it.org, "owner"]], ["mcp:write"], GATEWAY);
    assert.equal((await tasking(countersign, asking.token, method, { taskId })).status, 403);
  }
  await decide(it, "approve");
  await it.org.transact((transaction) => transaction.deletePolicy(grantKey(it.org.id, grant.id)));
  assert.equal((await tasking(countersign, grant.token, "tasks/get", { taskId })).status, 401);
  assert.equal(it.sent, 0);
});

Deno.test("COUNTERSIGN_MCP_TASKS=off leaves the gateway without tasks", async () => {
  await using it = await CallOrg.start({ variables: { COUNTERSIGN_MCP_TASKS: "off" } });
  const token = await it.org.agent();
  const { countersign } = it.it;
  const discovered = await tasking(countersign, token, "server/discover", {});
  assert.equal(resultOf(discovered).capabilities.extensions, undefined);
  const { messages } = await tasking(countersign, token, "tasks/get", { taskId: "x" });
  assert.equal(messages[0].error.code, -32601);
});
