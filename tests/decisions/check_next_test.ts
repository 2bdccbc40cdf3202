import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { rawTool, resultOf } from "../helpers/mcp_client.ts";

const ASK = { tool_name: TOOL, reason: "it is old" };
const MINUTE = 60_000;

/** What an agent is told to do next, by every way of asking. */
async function told(it: ApprovalOrg, agent: string, action: JsonObject) {
  const rest = await it.org.post("/v1/permissions/check", action, agent);
  assert.equal(rest.body.permission, "requires_approval", rest.text);
  const { body } = await it.org.post("/v1/permissions/check-batch", { checks: [action] }, agent);
  const [inBatch] = body.results;
  assert.deepEqual(inBatch.next, rest.body.next, "in a batch as alone");
  const answer = await rawTool(it.countersign, agent, "check_permission", action);
  return { rest: rest.body.next, mcp: resultOf(answer).structuredContent };
}

Deno.test("next of a check: ask, wait, mint, and after a denial when to ask again", async () => {
  await using it = await ApprovalOrg.start();
  const agent = await it.org.agent();
  const action = { tool_name: TOOL, arguments: { id: 1 } };
  const ask = () => it.pending({ ...ASK, arguments: { id: 1 } }, agent);

  const first = await told(it, agent, action);
  assert.deepEqual(first.rest, { request_approval: "/v1/approvals" });
  assert.match(first.mcp.next, /request_approval/);

  const { id } = await ask();
  const pending = await told(it, agent, action);
  assert.deepEqual(pending.rest, { wait: `/v1/approvals/${id}?wait=50` });
  assert.equal(pending.mcp.approval_id, id);
  assert.match(pending.mcp.next, new RegExp(`check_approval_status with reference ${id}`));
  const other = await told(it, agent, { tool_name: TOOL, arguments: { id: 2 } });
  assert.deepEqual(other.rest, { request_approval: "/v1/approvals" }, "of another action");
  const stranger = await told(it, await it.org.agent(), action);
  assert.deepEqual(stranger.rest, { request_approval: "/v1/approvals" }, "of another requester");
  assert.ok(!JSON.stringify(stranger).includes(id));

  await it.decide(id, "approve");
  const approved = await told(it, agent, action);
  assert.deepEqual(approved.rest, { mint: "/v1/tokens/mint", approval_id: id });
  assert.match(approved.mcp.next, new RegExp(`mint_run_token .*${id}`));
  const minted = await it.org.post("/v1/tokens/mint", {
    ...action,
    ...approved.rest,
    mint: undefined,
  }, agent);
  assert.equal(minted.status, 201, minted.text);
  assert.deepEqual((await told(it, agent, action)).rest, { request_approval: "/v1/approvals" });

  const again = await ask();
  await it.decide(again.id, "deny");
  it.countersign.clock.advance(3 * MINUTE);
  const denied = await told(it, agent, action);
  assert.deepEqual(denied.rest, { retry_after_seconds: 420 });
  assert.equal(denied.mcp.retry_after_seconds, 420);
  assert.match(denied.mcp.next, /denied it just now: do not run it/);
  const refused = await it.ask({ ...ASK, arguments: { id: 1 } }, agent);
  assert.equal(refused.body.next.retry_after_seconds, 420, "as asking is refused");
  it.countersign.clock.advance(7 * MINUTE);
  assert.deepEqual((await told(it, agent, action)).rest, { request_approval: "/v1/approvals" });
  assert.equal((await it.ask({ ...ASK, arguments: { id: 1 } }, agent)).status, 201);
});

Deno.test("next of a check: a request that ended, or an approval that lapsed, is asked anew", async () => {
  await using it = await ApprovalOrg.start();
  const agent = await it.org.agent();
  const next = async () => (await told(it, agent, { tool_name: TOOL })).rest;
  const { id } = await it.pending(ASK, agent);
  await it.cancel(id, agent);
  assert.deepEqual(await next(), { request_approval: "/v1/approvals" });
  const timed = await it.pending({ ...ASK, timeout_seconds: 60 }, agent);
  it.countersign.clock.advance(2 * MINUTE);
  assert.deepEqual(await next(), { request_approval: "/v1/approvals" }, timed.id);
  await it.approved(ASK, agent);
  it.countersign.clock.advance(24 * 60 * MINUTE);
  assert.deepEqual(await next(), { request_approval: "/v1/approvals" });
});

Deno.test("next of a check that asks, joins, or waited: what the request has come to", async () => {
  await using it = await ApprovalOrg.start();
  const agent = await it.org.agent();
  const check = (fields: JsonObject = {}) =>
    it.org.post("/v1/permissions/check", { ...ASK, request: true, ...fields }, agent);
  const asked = await check();
  const { id } = asked.body.approval;
  assert.deepEqual(asked.body.next, { wait: `/v1/approvals/${id}?wait=50` });
  assert.deepEqual((await check()).body.next, asked.body.next);
  await it.decide(id, "approve");
  const answer = await rawTool(it.countersign, agent, "check_permission", {
    ...ASK,
    request: true,
  });
  assert.equal(
    resultOf(answer).structuredContent.approval_id,
    id,
    "over MCP it joins what is ready",
  );
  const minted = await check({ mint: true });
  assert.ok(minted.body.token);

  const held = check({ mint: true, wait: 20 });
  let pending: { id: string } | undefined;
  while (pending === undefined) {
    const { body } = await it.org.get("/v1/approvals?status=pending", agent);
    pending = body.data[0];
  }
  await it.decide(pending.id, "deny");
  assert.deepEqual((await held).body.next, { retry_after_seconds: 600 });
});

Deno.test("next of a check: what is kept by an idempotency key is answered as it was", async () => {
  await using it = await ApprovalOrg.start();
  const check = () =>
    it.org.post("/v1/permissions/check", { tool_name: TOOL }, it.org.standard, {
      "idempotency-key": "k",
    });
  const first = await check();
  await it.pending(ASK);
  const again = await check();
  assert.deepEqual([again.text, again.headers.get("idempotent-replayed")], [first.text, "true"]);
});

Deno.test("next of a check: nothing is read for what was surely not asked about before", async () => {
  const inner = await Deno.openKv(":memory:");
  const store = new FailingStore(inner);
  let reads = 0;
  store.fault = ({ kind }) => {
    if (kind === "read") reads++;
    return null;
  };
  {
    await using it = await ApprovalOrg.start({ kv: store });
    await it.org.tool("read_file");
    await it.org.tool("drop_table", { default_permission: "disabled" });
    const agent = await it.org.agent();
    const readsOf = async (tool_name: string, id: number) => {
      const before = reads;
      const asked = { tool_name, arguments: { id } };
      const got = await it.org.post("/v1/permissions/check", asked, agent);
      assert.equal(got.status, 200, got.text);
      return reads - before;
    };
    await readsOf("read_file", 0);
    assert.deepEqual([await readsOf("read_file", 1), await readsOf("drop_table", 1)], [0, 0]);
    assert.deepEqual([await readsOf(TOOL, 1), await readsOf(TOOL, 2)], [1, 0]);
    await it.pending({ arguments: { id: 3 } }, agent);
    assert.deepEqual([await readsOf(TOOL, 1), await readsOf(TOOL, 4)], [0, 0]);
    assert.notEqual(await readsOf(TOOL, 3), 0);
  }
  inner.close();
});
