import assert from "node:assert/strict";
import { joinBytes } from "../../lib/base/bytes.ts";
import { wireResult } from "../../lib/calls/run_call.ts";
import { withResult } from "../../routes/fields/call.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { listedTool, notSent, resultOf } from "../helpers/scripted_upstreams.ts";
import { assertProblem } from "../helpers/refused.ts";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";

Deno.test("a call that is allowed runs once, and is told in three entries", async () => {
  await using it = await CallOrg.start();
  const got = await it.call(READ, { arguments: { id: "n1" } });
  assert.equal(got.status, 200, got.text);
  const { call_id, decision_id, token_id, execution_id, ...rest } = got.body;
  assert.deepEqual(rest, {
    status: "completed",
    tool_name: READ,
    permission: "allowed",
    resolved_from: "tool_default",
    redactions: [],
    findings: [],
    result: { content: [{ type: "text", text: "done" }], is_error: false },
  });
  assert.match(call_id, /^cal_/);
  assert.deepEqual(it.upstreams.received.map(({ tool, args }) => [tool.name, args]), [
    ["read", { id: "n1" }],
  ]);
  assert.deepEqual(await it.told(), ["permission.checked", "token.consumed", "execution.logged"]);
  const consumed = (await it.log()).find(({ entry }) => entry.type === "token.consumed")?.entry;
  assert.deepEqual(
    [consumed?.subject.call, consumed?.subject.token, consumed?.data.decision_id],
    [call_id, token_id, decision_id],
  );
  const logged = (await it.log()).find(({ entry }) => entry.type === "execution.logged")?.entry;
  assert.deepEqual([logged?.subject.execution, logged?.subject.call], [execution_id, call_id]);
  assert.equal(logged?.data.execution_result, "success");
  assert.match(String(logged?.data.output_digest), /^sha256:/);
  const read = await it.read(call_id);
  assert.deepEqual([read.body.status, read.body.result_gone], ["completed", true]);
  assertProblem(await it.read(call_id, await it.org.agent()), 404, "not_found");
});

Deno.test("a call that people have to approve waits, and the same call runs once after the yes", async () => {
  await using it = await CallOrg.start();
  const waiting = await it.call(WIPE, { arguments: { id: "n1" }, reason: "It is old." });
  assert.equal(waiting.status, 202, waiting.text);
  assert.equal(waiting.body.status, "pending");
  const again = await it.call(WIPE, { arguments: { id: "n1" } });
  assert.equal(again.body.call_id, waiting.body.call_id);
  assert.equal(it.sent, 0);
  await it.yes(waiting);
  const ran = await it.call(WIPE, { arguments: { id: "n1" } });
  assert.equal(ran.status, 200, ran.text);
  assert.equal(ran.body.call_id, waiting.body.call_id);
  assert.equal(it.sent, 1);
  const next = await it.call(WIPE, { arguments: { id: "n1" } });
  assert.equal(next.status, 202);
  assert.notEqual(next.body.call_id, waiting.body.call_id);
  assert.equal(it.sent, 1);
  await it.log();
});

Deno.test("a held call runs as soon as people have decided", async () => {
  await using it = await CallOrg.start();
  const held = it.call(WIPE, { wait: 30 });
  let approval: string | undefined;
  while (approval === undefined) {
    const { body } = await it.org.get("/v1/approvals?status=pending");
    approval = body.data[0]?.id;
  }
  await it.it.decide(approval, "approve");
  const got = await held;
  assert.equal(got.status, 200, got.text);
  assert.equal(it.sent, 1);
});

Deno.test("what was denied is refused, and nothing is sent", async () => {
  await using it = await CallOrg.start();
  const waiting = await it.call(WIPE, { call_key: "k1" });
  await it.it.decide(waiting.body.approval.id, "deny");
  assertProblem(await it.call(WIPE, { call_key: "k1" }), 409, "approval_not_approved");
  assertProblem(await it.call(WIPE), 409, "recently_denied");
  assert.equal((await it.read(waiting.body.call_id)).body.status, "refused");
  assert.equal(it.sent, 0);
  await it.log();
});

Deno.test("a key names one call: asked again it answers the same and sends nothing", async () => {
  await using it = await CallOrg.start();
  const headers = { "idempotency-key": "order-77" };
  const body = { tool_name: READ, arguments: { id: "n1" } };
  const first = await it.org.post("/v1/calls", body, undefined, headers);
  const second = await it.call(READ, { arguments: { id: "n1" }, call_key: "order-77" });
  assert.deepEqual(second.body, first.body);
  assert.equal(it.sent, 1);
  assertProblem(
    await it.call(READ, { arguments: { id: "n2" }, call_key: "order-77" }),
    422,
    "idempotency_mismatch",
  );
  assertProblem(
    await it.org.post("/v1/calls", { ...body, call_key: "other" }, undefined, headers),
    422,
    "invalid_request",
    "/call_key",
  );
  it.it.countersign.clock.advance(11 * 60_000);
  const later = await it.call(READ, { arguments: { id: "n1" }, call_key: "order-77" });
  assert.equal(later.body.result_gone, true, later.text);
  assert.equal(later.body.result, undefined);
  assert.equal(it.sent, 1);
});

Deno.test("while it runs its key answers 202, and then with its result", async () => {
  await using it = await CallOrg.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  it.upstreams.answer = async () => {
    began.resolve();
    await promise;
    return resultOf([{ type: "text", text: "slow" }]);
  };
  const running = it.call(READ, { call_key: "k" });
  await began.promise;
  const meanwhile = await it.call(READ, { call_key: "k" });
  assert.deepEqual([meanwhile.status, meanwhile.body.status], [202, "running"]);
  const held = it.call(READ, { call_key: "k", wait: 30 });
  resolve();
  assert.equal((await running).body.result.content[0].text, "slow");
  assert.equal((await held).body.result?.content[0].text, "slow");
  assert.equal(it.sent, 1);
});

Deno.test("what is not sent gives the permission back, and its key is free", async () => {
  await using it = await CallOrg.start();
  const waiting = await it.call(WIPE, { call_key: "k" });
  await it.yes(waiting);
  it.upstreams.answer = () => notSent("unreachable");
  const failed = await it.call(WIPE, { call_key: "k" });
  assertProblem(failed, 502, "upstream_unreachable");
  // Once, and once more.
  assert.equal(it.sent, 2);
  const read = await it.read(failed.body.call_id);
  assert.deepEqual([read.body.status, read.body.refusal], ["returned", "upstream_unreachable"]);
  it.upstreams.answer = () => resultOf([]);
  const ran = await it.call(WIPE, { call_key: "k" });
  assert.equal(ran.status, 200, ran.text);
  assert.equal(ran.body.permission, "requires_approval");
  assert.deepEqual((await it.told()).filter((type) => type.startsWith("token.")), [
    "token.consumed",
    "token.returned",
    "token.consumed",
  ]);
});

Deno.test("a dead upstream costs no permission: nothing is decided before it is connected", async () => {
  await using it = await CallOrg.start();
  const waiting = await it.call(WIPE);
  await it.yes(waiting);
  it.upstreams.notConnected = notSent("unreachable");
  assertProblem(await it.call(WIPE), 502, "upstream_unreachable");
  assertProblem(await it.call(READ), 502, "upstream_unreachable");
  assert.equal((await it.it.get(waiting.body.approval.id)).body.status, "approved");
  it.upstreams.notConnected = null;
  assert.equal((await it.call(WIPE)).status, 200);
  assert.ok(!(await it.told()).includes("token.returned"));
});

Deno.test("G5: a tool that changed since it was approved is a draft to the very next call", async () => {
  await using it = await CallOrg.start();
  it.upstreams.tools = [listedTool("read", { description: "Reads, and sends it away." })];
  it.it.countersign.clock.advance(61_000);
  const got = await it.call(READ);
  assert.deepEqual([got.status, got.body.resolved_from], [202, "gate_draft"], got.text);
  assert.equal(it.sent, 0);
});

Deno.test("what is disabled, unknown, no upstream's, paused or misfit is refused, and nothing is sent", async () => {
  await using it = await CallOrg.start();
  assertProblem(await it.call(READ, { arguments: { id: 7 } }), 422, "invalid_arguments");
  await it.org.tool("mine", { default_permission: "allowed" });
  assertProblem(await it.call("mine"), 409, "not_of_an_upstream");
  await it.org.manage("PATCH", `/v1/tools/${READ}`, { status: "disabled" });
  assertProblem(await it.call(READ, { call_key: "k" }), 403, "tool_disabled");
  assertProblem(await it.call(READ, { call_key: "k" }), 403, "tool_disabled");
  await it.put({ status: "paused" });
  assertProblem(await it.call(WIPE), 409, "upstream_paused");
  assert.equal(it.sent, 0);
  await it.log();
});

Deno.test("a call that asks no people costs the store one look and two commits", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new FailingStore(kv);
  {
    await using it = await CallOrg.start({ kv: store, deps: { timer: store.timer } });
    // What a caller ever asked for, and when the upstream was listed, is known from then on.
    await it.call(READ);
    const kinds: string[] = [];
    store.fault = ({ kind }) => {
      kinds.push(kind);
      return null;
    };
    assert.equal((await it.call(READ, { arguments: { id: "n1" } })).status, 200);
    assert.deepEqual(kinds, ["read", "commit", "commit"]);
  }
  kv.close();
});

Deno.test("G11: a result goes to its caller in the bytes in which it came, and no second copy is made of it", () => {
  const outcome = resultOf([{ type: "text", text: "x".repeat(1000) }]);
  assert.ok(outcome.is === "result");
  const parts = withResult({ call_id: "cal_1" }, wireResult(outcome));
  assert.ok(parts.includes(outcome.content));
  assert.deepEqual(JSON.parse(new TextDecoder().decode(joinBytes(parts))), {
    call_id: "cal_1",
    result: { content: [{ type: "text", text: "x".repeat(1000) }], is_error: false },
  });
});
