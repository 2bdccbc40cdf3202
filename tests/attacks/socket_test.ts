import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { makeSecret } from "../../lib/identity/credentials.ts";
import * as keys from "../../lib/store/keys.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { RawRequest } from "../helpers/raw_request.ts";
import { OPCODES, rawFrame, RawSocket } from "./raw_socket.ts";
import { BEAT_MS, SocketClient, SocketTimers } from "../helpers/socket_client.ts";

const CHECK = { id: 1, method: "POST", path: "/v1/permissions/check", body: { tool_name: "read" } };

async function withTool(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  await org.tool("read");
  return org;
}

/** The status and code by which a request for a socket is refused. */
async function refusal(
  { server, services }: Countersign,
  headers: Record<string, string>,
  path = "/v1/ws",
): Promise<string> {
  using request = await RawRequest.open(server.addr.port);
  const all = {
    host: services.settings.url.host,
    upgrade: "websocket",
    connection: "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": "countersign.v1",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  await request.send([`GET ${path} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
  const { status, text } = await request.answer();
  return `${status} ${JSON.parse(text).code}`;
}

/** That the service answers, over a new socket and over HTTP. */
async function assertLives(countersign: Countersign, org: TestOrg): Promise<void> {
  const key = await org.key("standard");
  await using socket = await SocketClient.open(countersign, key);
  const answer = await socket.ask("POST", CHECK.path, CHECK.body);
  assert.equal(answer.body.permission, "allowed");
  assert.equal((await org.post(CHECK.path, CHECK.body)).status, 200);
}

Deno.test("attack: a page of another site gets no socket, whatever it presents; one that is named exactly does", async () => {
  const named = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";
  await using countersign = await Countersign.start({
    variables: { COUNTERSIGN_WS_ORIGINS: `https://app.example, ${named}` },
  });
  const org = await withTool(countersign);
  const authorization = `Bearer ${org.standard}`;
  const cookie = `countersign_session=${(await org.signedIn("owner")).secret}`;
  for (
    const origin of [
      "https://evil.example",
      "https://app.example.evil.example",
      "https://app.example:8443",
      "http://app.example",
      "HTTPS://APP.EXAMPLE",
      "https://app.example/",
      "chrome-extension://other",
      "null",
      "",
    ]
  ) {
    const answer = await refusal(countersign, { origin, authorization, cookie });
    assert.equal(answer, "403 origin_not_allowed", origin);
  }
  for (const origin of ["https://app.example", named, countersign.origin]) {
    assert.equal(await refusal(countersign, { origin, cookie }), "401 missing_credentials");
    const client = await SocketClient.tried(countersign, {
      key: org.standard,
      headers: { origin },
    });
    assert.ok(client !== null, origin);
    await client[Symbol.asyncDispose]();
  }
});

Deno.test("attack: no cookie, no address and no wrong secret opens a socket, and no credential is said back", async () => {
  await using countersign = await Countersign.start();
  const org = await withTool(countersign);
  const authorization = `Bearer ${org.standard}`;
  const cookie = `countersign_session=${(await org.signedIn("owner")).secret}`;
  const offered = (...protocols: string[]) => ({ "sec-websocket-protocol": protocols.join(", ") });
  const made = makeSecret("standard", systemRandom);
  const tried: readonly [Record<string, string>, string, string?][] = [
    [{}, "401 missing_credentials"],
    [{ cookie }, "401 missing_credentials"],
    [{ authorization: `Bearer ${made}` }, "401 invalid_credentials"],
    [{ authorization: `Basic ${org.standard}` }, "401 missing_credentials"],
    [offered("countersign.v1", `bearer.${made}`), "401 invalid_credentials"],
    [offered("countersign.v1", "bearer."), "401 invalid_credentials"],
    [offered(`bearer.${org.standard}`), "422 invalid_request"],
    [offered("countersign.v2"), "422 invalid_request"],
    [
      offered("countersign.v1", `bearer.${org.standard}`, `bearer.${org.management}`),
      "422 invalid_request",
    ],
    [{ authorization, ...offered("countersign.v1", `bearer.${made}`) }, "422 invalid_request"],
    [{}, "422 invalid_request", `/v1/ws?token=${org.standard}`],
    [{ authorization }, "422 invalid_request", `/v1/ws?access_token=${org.standard}`],
    [{ authorization, upgrade: "h2c" }, "426 upgrade_required"],
    [{ authorization, connection: "keep-alive" }, "426 upgrade_required"],
    [{ authorization, "sec-websocket-version": "8" }, "426 upgrade_required"],
    [{ authorization, host: "evil.example" }, "421 misdirected_request"],
  ];
  for (const [headers, expected, path] of tried) {
    assert.equal(await refusal(countersign, headers, path), expected, JSON.stringify(headers));
  }
  const plain = await org.get("/v1/ws");
  assert.equal(`${plain.status} ${plain.body.code}`, "426 upgrade_required");
  assert.equal(plain.headers.get("upgrade"), "websocket");
  const page = await SocketClient.tried(countersign, { key: org.standard, carried: true });
  assert.equal(page?.socket.protocol, "countersign.v1");
  await page?.[Symbol.asyncDispose]();
  await countersign.services.sockets.none();
});

Deno.test("attack: of 25 sockets a credential has 20, the others a clear answer, and each its place back", async () => {
  await using countersign = await Countersign.start();
  const org = await withTool(countersign);
  const open = () => SocketClient.tried(countersign, { key: org.standard });
  const tried = await Promise.all(Array.from({ length: 25 }, open));
  const sockets = tried.filter((socket) => socket !== null);
  assert.equal(sockets.length, 20);
  const authorization = `Bearer ${org.standard}`;
  assert.equal(await refusal(countersign, { authorization }), "429 too_many_sockets");
  await assertLives(countersign, org);
  await Promise.all(sockets.map((socket) => socket[Symbol.asyncDispose]()));
  await countersign.services.sockets.none();
  const again = await open();
  assert.ok(again !== null);
  await again[Symbol.asyncDispose]();
});

Deno.test("attack: an id in flight again does nothing, and so does a frame beyond those that may be", async () => {
  const timers = new SocketTimers();
  await using it = await ApprovalOrg.start({ deps: { timer: timers.timer } });
  const { id } = await it.pending();
  await using socket = await SocketClient.open(it.countersign, it.org.standard);
  const path = `/v1/approvals/${id}?wait=45`;
  for (let frame = 0; frame < 32; frame++) socket.send({ id: `w${frame}`, method: "GET", path });
  const twice = { id: "w0", method: "POST", path: "/v1/tokens/mint", body: { tool_name: TOOL } };
  const size = (await it.entries()).length;
  socket.send(twice);
  const replayed = await socket.next();
  assert.deepEqual([replayed.id, replayed.status, replayed.body.code], ["w0", 409, "id_in_flight"]);
  socket.send({ ...twice, id: "w32" });
  const full = await socket.next();
  assert.deepEqual([full.id, full.status, full.body.code], ["w32", 429, "too_many_frames"]);
  assert.equal(full.body.next.retry_after_seconds, 1);
  assert.equal((await it.entries()).length, size);
  await it.decide(id, "deny");
  const answers = await Promise.all(Array.from({ length: 32 }, () => socket.next()));
  assert.equal(new Set(answers.map(({ id }) => id)).size, 32);
  assert.ok(answers.every(({ body }) => body.status === "denied"));
  // Answered, an id may be used anew.
  socket.send({ id: "w0", method: "GET", path: "/v1/tools" });
  assert.equal((await socket.next()).status, 200);
});

Deno.test("attack: what another org has is not there, by frames or by listening", async () => {
  const timers = new SocketTimers();
  await using it = await ApprovalOrg.start({ deps: { timer: timers.timer } });
  const second = await it.countersign.org();
  await second.tool(TOOL, { default_permission: "requires_approval" });
  await using stranger = await SocketClient.open(it.countersign, second.standard);
  await stranger.ask("SUBSCRIBE", "/v1/approvals");
  const { id } = await it.approved();
  const tried: readonly [string, string, JsonObject?][] = [
    ["GET", `/v1/approvals/${id}`],
    ["POST", `/v1/approvals/${id}/cancel`],
    ["POST", `/v1/approvals/${id}/revoke`],
  ];
  for (const [method, path, body] of tried) {
    const answer = await stranger.ask(method, path, body);
    assert.equal(`${answer.status} ${answer.body.code}`, "404 not_found", path);
  }
  const minted = await stranger.ask("POST", "/v1/tokens/mint", {
    tool_name: TOOL,
    approval_id: id,
  });
  assert.equal(minted.body.code, "not_found");
  const body = { tool_name: TOOL, reason: "mine" };
  const own = await second.post("/v1/approvals", body);
  assert.equal((await stranger.next()).data.approval, own.body.id);
});

Deno.test("attack: large, binary, fragmented and deep frames end a socket or are answered, and nothing else", async () => {
  await using countersign = await Countersign.start();
  const org = await withTool(countersign);
  const text = JSON.stringify(CHECK);
  const large = JSON.stringify({ ...CHECK, body: { tool_name: "x".repeat(256 * 1024) } });
  const half = large.length >> 1;
  const ends: readonly [string, readonly Uint8Array[], number][] = [
    ["large", [rawFrame(OPCODES.text, large)], 1009],
    ["binary", [rawFrame(OPCODES.binary, text)], 1003],
    [
      "large in pieces",
      [
        rawFrame(OPCODES.text, large.slice(0, half), { fin: false }),
        rawFrame(OPCODES.goes_on, large.slice(half)),
      ],
      1009,
    ],
  ];
  for (const [what, frames, code] of ends) {
    using socket = await RawSocket.open(countersign, org.standard);
    await socket.send(...frames);
    assert.equal((await socket.close())?.code, code, what);
  }
  {
    using socket = await RawSocket.open(countersign, org.standard);
    await socket.send(
      rawFrame(OPCODES.text, text.slice(0, 20), { fin: false }),
      rawFrame(OPCODES.ping, "still here"),
      rawFrame(OPCODES.goes_on, text.slice(20)),
    );
    for await (const { opcode, payload } of socket.frames()) {
      if (opcode !== OPCODES.text) continue;
      assert.match(new TextDecoder().decode(payload), /^{"id":1,.*"permission":"allowed"/);
      break;
    }
  }
  // What breaks the protocol itself is the runtime's to end.
  for (
    const frames of [
      [rawFrame(OPCODES.text, text, { masked: false })],
      [rawFrame(7, text)],
      [rawFrame(OPCODES.goes_on, text)],
      [rawFrame(OPCODES.text, new Uint8Array([0xff, 0xfe]))],
      [systemRandom(4096)],
    ]
  ) {
    using socket = await RawSocket.open(countersign, org.standard);
    await socket.send(...frames);
  }
  await using socket = await SocketClient.open(countersign, org.standard);
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  for (
    const [frame, code] of [
      [`{"id":1,"method":"POST","path":"/v1/permissions/check","body":${deep}}`, "invalid_request"],
      [`{"id":1,"id":2,"method":"GET","path":"/v1/tools"}`, "duplicate_key"],
      ["{", "malformed_json"],
      ["null", "invalid_request"],
      ["[]", "invalid_request"],
      [`{"id":1,"method":"get","path":"/v1/tools"}`, "invalid_request"],
      [`{"id":1,"method":"CONNECT","path":"/v1/tools"}`, "invalid_request"],
      [`{"id":1.5,"method":"GET","path":"/v1/tools"}`, "invalid_request"],
      [`{"id":"","method":"GET","path":"/v1/tools"}`, "invalid_request"],
      [`{"id":1,"method":"GET","path":"v1/tools"}`, "invalid_request"],
      [`{"id":1,"method":"GET","path":"/v1/tools","headers":{"host":"x"}}`, "invalid_request"],
      [`{"id":1,"method":"POST","path":"/v1/approvals","body":{},"idempotency_key":"a b"}`, ""],
    ] as const
  ) {
    socket.send(frame);
    const { body } = await socket.next();
    if (code !== "") assert.equal(body.code, code, frame.slice(0, 80));
    else assert.equal(body.status, 422);
  }
  await assertLives(countersign, org);
});

Deno.test("attack: 10,000 frames of garbage end their sockets one after the other, and the process lives", async () => {
  const logged: string[] = [];
  await using countersign = await Countersign.start({
    deps: { log: (level, message) => void (level === "error" && logged.push(message)) },
  });
  const org = await withTool(countersign);
  const limited = await org.key("standard", { rate_limit_per_minute: 50 });
  const counted = await SocketClient.open(countersign, limited);
  const answers: string[] = [];
  for (let frame = 0; frame < 60; frame++) {
    counted.send(`{"id":${frame}}`);
    const { id, body } = await counted.next();
    assert.equal(id, frame);
    answers.push(body.code);
  }
  // Opening it was one of the fifty.
  assert.deepEqual(answers.map((code) => code === "rate_limited").indexOf(true), 49);
  await counted[Symbol.asyncDispose]();
  // What is sent on after that, the runtime answers by a reset.
  for (let sockets = 0; sockets < 100; sockets++) {
    await using socket = await SocketClient.open(countersign, org.standard);
    const frames = sockets === 0 ? 100 : 120;
    for (let frame = 0; frame < frames; frame++) {
      socket.send(systemRandom(frame % 40).toBase64());
    }
    const closed = await socket.closed;
    if (sockets > 0) continue;
    assert.deepEqual(closed, { code: 1008, reason: "Too many frames were none" });
  }
  await assertLives(countersign, org);
  assert.deepEqual(logged, []);
});

Deno.test("attack: a peer that reads nothing is let go before much waits for it", async () => {
  await using countersign = await Countersign.start();
  const org = await withTool(countersign);
  for (let tool = 0; tool < 40; tool++) {
    await org.tool(`tool ${tool}`, { description: "d".repeat(2000) });
  }
  let most = 0;
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (this: WebSocket, data: string) {
    send.call(this, data);
    most = Math.max(most, this.bufferedAmount);
  };
  using socket = await RawSocket.open(countersign, org.standard);
  // What the system's own buffers take is not the process's: so much is asked that it does not fit.
  let isOpen = true;
  for (let id = 0; isOpen && id < 50_000; id++) {
    const frame = { id, method: "GET", path: "/v1/tools?limit=200" };
    isOpen = await socket.send(rawFrame(OPCODES.text, JSON.stringify(frame)));
  }
  assert.ok(!isOpen, "it was let go");
  await countersign.services.sockets.none();
  WebSocket.prototype.send = send;
  assert.ok(most > 900_000 && most <= 1024 * 1024, String(most));
  await assertLives(countersign, org);
});

Deno.test("attack: a socket that goes in the middle of a mint leaves one token, which its key finds", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  await org.tool("read");
  const body = { tool_name: "read" };
  for (const attempt of ["one", "two", "three"]) {
    const key = { "idempotency-key": attempt };
    using socket = await RawSocket.open(countersign, org.standard);
    const frame = {
      id: 1,
      method: "POST",
      path: "/v1/tokens/mint",
      body,
      idempotency_key: attempt,
    };
    await socket.send(rawFrame(OPCODES.text, JSON.stringify(frame)));
    let found = await org.post("/v1/tokens/mint", body, org.standard, key);
    while (found.status === 409) {
      found = await org.post("/v1/tokens/mint", body, org.standard, key);
    }
    assert.equal(found.status, 201, found.text);
  }
  await countersign.services.sockets.none();
  assert.equal((await it.entries("token.minted")).length, 3);
});

Deno.test("attack: a credential that was revoked, or has expired, loses its sockets within two seconds", async () => {
  const timers = new SocketTimers();
  await using it = await ApprovalOrg.start({ deps: { timer: timers.timer } });
  await using other = await it.countersign.another();
  const { countersign, org } = it;
  const id = async () => (await org.manage("GET", "/v1/api-keys?limit=200")).body.data.at(-1).id;
  const revoke = async (key: string) => {
    const got = await other.request("DELETE", `/v1/api-keys/${key}`, { key: org.management });
    assert.equal(got.status, 200);
  };
  const ended = { code: 1008, reason: "invalid_credentials" };
  /** How a socket was closed by its next beat, or that it lives to see the one after that. */
  const afterBeat = ({ closed }: SocketClient) => {
    const goesOn = async () => {
      for (let beat = 0; beat < 2; beat++) {
        const next = timers.begun(BEAT_MS);
        await timers.beat();
        await next;
      }
      return "goes on";
    };
    return Promise.race([closed, goesOn()]);
  };
  {
    const socket = await SocketClient.open(countersign, await org.key("standard"));
    await socket.ask("SUBSCRIBE", "/v1/approvals");
    await revoke(await id());
    assert.deepEqual(await afterBeat(socket), ended);
  }
  {
    // A frame is soon enough as well, and does nothing.
    const socket = await SocketClient.open(countersign, await org.key("standard"));
    await revoke(await id());
    const answer = await socket.ask("POST", "/v1/approvals", { tool_name: TOOL, reason: "late" });
    assert.equal(answer.status, 401);
    assert.deepEqual(await socket.closed, ended);
  }
  {
    const expires_at = countersign.clock.now + 10_000;
    const socket = await SocketClient.open(countersign, await org.key("standard", { expires_at }));
    countersign.clock.advance(9_999);
    assert.equal(await afterBeat(socket), "goes on");
    assert.equal((await socket.ask("GET", "/v1/tools")).status, 200);
    countersign.clock.advance(1);
    assert.deepEqual(await afterBeat(socket), ended);
  }
  {
    // A rotation ends what the token before it opened.
    const agent = await org.agent({ name: "rotated" });
    const socket = await SocketClient.open(countersign, agent);
    const { data } = (await org.manage("GET", "/v1/agents")).body;
    const rotated = await org.manage("POST", `/v1/agents/${data.at(-1).id}/rotate`, {});
    assert.ok(rotated.status < 300, rotated.text);
    assert.deepEqual(await afterBeat(socket), ended);
  }
  // A kill switch stops what an agent does, over a socket as over HTTP, and not that it may ask.
  await using socket = await SocketClient.open(countersign, await org.agent());
  await org.transact((transaction) => {
    const org = { ...transaction.snapshot.org, kill_switch: { active: true, reason: "loose" } };
    transaction.setPolicy(keys.orgKey(it.org.id), org);
  });
  assert.equal(await afterBeat(socket), "goes on");
  const { body } = await socket.ask("POST", "/v1/permissions/check", { tool_name: TOOL });
  assert.deepEqual([body.permission, body.resolved_from], ["disabled", "kill_switch"]);
});

Deno.test("attack: a store that fails ends sockets, never the process, and nothing is allowed meanwhile", async () => {
  const timers = new SocketTimers();
  const store = new FailingStore(await Deno.openKv(":memory:"));
  await using countersign = await Countersign.start({ kv: store, deps: { timer: timers.timer } });
  const org = await withTool(countersign);
  const socket = await SocketClient.open(countersign, org.standard);
  const listening = await SocketClient.open(countersign, await org.agent());
  await listening.ask("SUBSCRIBE", "/v1/approvals");
  store.fault = () => "fails";
  const answer = await socket.ask("POST", CHECK.path, CHECK.body);
  assert.equal(`${answer.status} ${answer.body.code}`, "503 store_unavailable");
  await timers.beat();
  const later = { code: 1013, reason: "store_unavailable" };
  assert.deepEqual([await socket.closed, await listening.closed], [later, later]);
  store.fault = () => null;
  await assertLives(countersign, org);
  store.inner.close();
});

Deno.test("attack: an error in a handler ends its socket, never the process", async () => {
  const logged: unknown[] = [];
  await using countersign = await Countersign.start({
    deps: { log: (_level, message, about) => void logged.push([message, about?.code]) },
  });
  const org = await withTool(countersign);
  const socket = await SocketClient.open(countersign, org.standard);
  // What no input brings about: the limits themselves fail.
  const { rateLimits } = countersign.services;
  const { take } = rateLimits;
  rateLimits.take = () => {
    throw new RangeError("broken");
  };
  socket.send("none");
  assert.deepEqual(await socket.closed, { code: 1011, reason: "internal_error" });
  rateLimits.take = take;
  assert.deepEqual(logged, [["A request failed", "internal_error"]]);
  await assertLives(countersign, org);
});

Deno.test("attack: an entry names the client that opened the socket, by the proxy that is trusted", async () => {
  await using countersign = await Countersign.start({
    variables: { COUNTERSIGN_TRUSTED_PROXY: "1" },
  });
  const org = await withTool(countersign);
  const socket = await SocketClient.tried(countersign, {
    key: org.standard,
    headers: { "x-forwarded-for": "203.0.113.9, 192.0.2.7", "user-agent": "a program" },
  });
  assert.ok(socket !== null);
  await socket.ask("POST", CHECK.path, CHECK.body);
  await socket[Symbol.asyncDispose]();
  const key = await org.key("management", { audit_private: true });
  const { data } = (await org.get("/v1/audit/entries?limit=100", key)).body;
  const row = data.find(({ entry }: { entry: { type: string } }) =>
    entry.type === "permission.checked"
  );
  const { ip, user_agent } = row.private.client.value;
  assert.deepEqual([ip, user_agent], ["192.0.2.7", `Deno/${Deno.version.deno}, a program`]);
});
