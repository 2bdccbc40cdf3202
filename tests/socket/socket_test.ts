import assert from "node:assert/strict";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { SocketClient, SocketTimers } from "../helpers/socket_client.ts";

Deno.test("a frame is answered as the same request over HTTP, by the same routes", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  await org.tool("read_notes");
  await using socket = await SocketClient.open(countersign, org.standard);
  assert.equal(socket.socket.protocol, "countersign.v1");
  const checked = await socket.ask("POST", "/v1/permissions/check", { tool_name: "read_notes" });
  assert.equal(checked.status, 200);
  assert.equal(checked.body.permission, "allowed");
  assert.deepEqual(Object.keys(checked), ["id", "status", "body"]);

  const tools = await socket.ask("GET", "/v1/tools?limit=1");
  assert.deepEqual(tools.body, (await org.get("/v1/tools?limit=1")).body);
  const unknown = await socket.ask("GET", "/v1/approvals/apr_00000000000000000000000000");
  assert.equal(`${unknown.status} ${unknown.body.code}`, "404 not_found");
  const barred = await socket.ask("PUT", "/v1/tools/read_notes", {});
  assert.equal(`${barred.status} ${barred.body.code}`, "403 wrong_tier");
  const wrong = await socket.ask("POST", "/v1/permissions/check", { tool_name: 7 });
  assert.equal(wrong.body.errors[0].path, "/tool_name");
  // The JSON alone of what a request may have as text.
  const checkpoint = await socket.ask("GET", "/v1/audit/checkpoint");
  assert.equal(typeof checkpoint.body.note, "string", JSON.stringify(checkpoint));
});

Deno.test("a key that was sent is found over HTTP, and the reverse: one way in is as good as the other", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  await org.tool("read_notes");
  await using socket = await SocketClient.open(countersign, org.standard);
  const action = { tool_name: "read_notes" };
  const key = { idempotency_key: "once" };
  const minted = await socket.ask("POST", "/v1/tokens/mint", action, key);
  assert.equal(minted.status, 201);
  const again = await socket.ask("POST", "/v1/tokens/mint", action, key);
  assert.deepEqual([again.body, again.replayed], [minted.body, true]);
  const overHttp = await org.post("/v1/tokens/mint", action, org.standard, {
    "idempotency-key": "once",
  });
  assert.deepEqual(overHttp.body, minted.body);
  const other = await socket.ask("POST", "/v1/tokens/mint", { tool_name: "other" }, key);
  assert.equal(other.body.code, "idempotency_mismatch");
});

Deno.test("what streams, what is a page, and what is none of the API is refused by name, and did nothing", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  await using socket = await SocketClient.open(countersign, org.management);
  const before = (await it.entries()).length;
  const paths = [
    "/v1/audit/export",
    "/v1/audit/export?since=2026-01-01T00:00:00.000Z",
    "/v1/audit/./export/",
    "/v1/audit/%65xport",
    "/v1/mandates/mnd_1/lo%67",
    "/v1/%77s",
    "/v1/mandates/mnd_1/log",
    "/v1/ws",
    "/v1/../approvals",
    "/v1/%2e%2e/mcp",
    "//evil.example/v1/tools",
    "/\\evil.example/v1/tools",
    "/mcp",
    "/oauth/token",
    "/healthz",
    "/openapi.json",
    "/allowly/v1/policies",
    "/v2/tools",
  ];
  for (const path of paths) {
    const { status, body } = await socket.ask("GET", path);
    assert.equal(`${status} ${body.code}`, "404 not_over_socket", path);
  }
  assert.equal((await socket.ask("POST", "/oauth/token", {})).body.code, "not_over_socket");
  assert.equal((await socket.ask("GET", "/v1/nothing")).body.code, "route_not_found");
  assert.equal((await socket.ask("GET", "/v1/tools", {})).body.errors[0].path, "/body");
  assert.equal((await it.entries()).length, before);
});

Deno.test("whoever subscribes hears of their own requests, each event once, whatever node it was", async () => {
  const timers = new SocketTimers();
  await using it = await ApprovalOrg.start({ deps: { timer: timers.timer } });
  await using other = await it.countersign.another();
  const { countersign, org } = it;
  const agent = await org.agent();
  const before = await it.pending({ arguments: { n: 0 } }, agent);
  await using socket = await SocketClient.open(countersign, agent);
  await using colleague = await SocketClient.open(countersign, org.standard);
  const subscribed = await socket.ask("SUBSCRIBE", "/v1/approvals");
  assert.deepEqual(subscribed, { id: 1, status: 200, body: { subscribed: "/v1/approvals" } });
  assert.equal((await socket.ask("SUBSCRIBE", "/v1/approvals")).status, 200);
  await colleague.ask("SUBSCRIBE", "/v1/approvals");

  const made = await it.pending({ arguments: { n: 1 } }, agent);
  assert.deepEqual(await socket.next(), {
    event: "approval.created",
    data: {
      approval: made.id,
      reference: made.reference,
      tool_name: TOOL,
      reason: "it is old",
      level: 1,
      expires_at: made.expires_at,
      url: `${countersign.origin}/approvals/${made.id}`,
    },
  });
  // On the other node, of which this one hears nothing but by the store.
  const decide = (id: string, decision: string, note: string | null) =>
    other.request("POST", `/v1/approvals/${id}/decide`, {
      key: org.approver,
      body: { decision, decided_by: "ann@example.com", note },
    });
  assert.equal((await decide(before.id, "deny", "not today")).status, 200);
  const denied = await socket.next();
  const { event, data: { approval, outcome, decided_by, note } } = denied;
  assert.deepEqual(
    [event, approval, outcome, note],
    ["approval.decided", before.id, "denied", "not today"],
  );
  assert.match(decided_by, /^key_/);
  // Made, approved and taken back there, between two looks.
  const there = await other.request("POST", "/v1/approvals", {
    key: agent,
    body: { tool_name: TOOL, reason: "there", arguments: { n: 2 } },
  });
  await decide(there.body.id, "approve", null);
  await other.request("POST", `/v1/approvals/${there.body.id}/revoke`, { key: agent });
  const came = [await socket.next(), await socket.next(), await socket.next()];
  assert.deepEqual(came.map(({ event }) => event), [
    "approval.created",
    "approval.decided",
    "approval.revoked",
  ]);
  assert.ok(came.every(({ data }) => data.approval === there.body.id));

  // What time does is an event as well.
  countersign.clock.advance(2 * 60 * 60 * 1000);
  const expired = await socket.next();
  assert.deepEqual([expired.event, expired.data.approval], ["approval.expired", made.id]);

  // Of all that the colleague has heard nothing: the next thing is of its own.
  const own = await it.pending({ arguments: { n: 3 } });
  assert.equal((await colleague.next()).data.approval, own.id);
  for (const key of [org.management, org.approver]) {
    await using decider = await SocketClient.open(countersign, key);
    const { status, body } = await decider.ask("SUBSCRIBE", "/v1/approvals");
    assert.equal(`${status} ${body.code}`, "403 wrong_tier");
  }
  const elsewhere = await socket.ask("SUBSCRIBE", "/v1/tools");
  assert.equal(elsewhere.body.errors[0].path, "/path");
});

Deno.test("a process that stops answers what is under way, closes with 1001, and takes no more", async () => {
  const stopping = new AbortController();
  const timers = new SocketTimers();
  await using it = await ApprovalOrg.start({
    deps: { timer: timers.timer },
    stopping: stopping.signal,
  });
  const { countersign, org } = it;
  const idle = await SocketClient.open(countersign, org.standard);
  const socket = await SocketClient.open(countersign, org.standard);
  const { id } = await it.pending();
  const isHeld = timers.begun(45_000);
  const held = socket.ask("GET", `/v1/approvals/${id}?wait=45`);
  await isHeld;
  stopping.abort();
  assert.equal((await held).body.status, "pending");
  assert.deepEqual(await socket.closed, { code: 1001, reason: "stopping" });
  assert.deepEqual(await idle.closed, { code: 1001, reason: "stopping" });
  await countersign.services.sockets.none();
});
