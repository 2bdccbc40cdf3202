import assert from "node:assert/strict";
import { isPlausibleSecret, secretHash } from "../../lib/identity/credentials.ts";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";
import { CHECK, checked, granted, shop } from "../helpers/mandates.ts";
import { McpClient } from "../helpers/mcp_client.ts";
import { SocketClient } from "../helpers/socket_client.ts";
import { assertProblem } from "../helpers/refused.ts";

const SUB = "/v1/sub-tokens";

Deno.test("A sub-token is made, used over REST and MCP, read, listed, revoked, and each is in the log", async () => {
  await using calls = await CallOrg.start();
  const { org } = calls;
  const { origin, services, clock } = calls.it.countersign;
  const agent = await org.agent({ name: "night shift", rate_limit_per_minute: 600 });
  const asked = { name: "a step", ttl_seconds: 600, max_uses: 9, tools: [READ] };
  const made = await org.post(SUB, asked, agent);
  assert.equal(made.status, 201, made.text);
  const { token, id, parent, ...fields } = made.body;
  assert.match(id, /^sub_/);
  assert.match(parent, /^agt_/);
  assert.match(token, /^st_[0-9a-z]{39}$/);
  assert.ok(isPlausibleSecret(token));
  const last = token.endsWith("0") ? "1" : "0";
  assert.ok(!isPlausibleSecret(token.slice(0, -1) + last), "the checksum tells it from noise");
  assert.deepEqual(fields, {
    name: "a step",
    state: "active",
    tools: [READ],
    tags: null,
    methods: null,
    resources: null,
    tenant_ids: null,
    trust_tier: 0,
    max_uses: 9,
    use_count: 0,
    last_used_at: null,
    created_at: "2026-01-01T00:00:00.000Z",
    expires_at: "2026-01-01T00:10:00.000Z",
    revoked_at: null,
  });

  clock.advance(1000);
  const read = await calls.call(READ, {}, token);
  assert.equal(read.body.status, "completed", read.text);
  assert.equal(read.headers.get("ratelimit-policy"), '"minute";q=600;w=60');
  await using mcp = await McpClient.connect(origin, token);
  const said = await mcp.call("check_permission", { tool_name: WIPE });
  assert.deepEqual([said.data.permission, said.data.resolved_from], ["disabled", "sub_token"]);
  await using gateway = await McpClient.connect(origin, token, "modern", "/mcp/gateway");
  const { tools } = await gateway.client.listTools();
  assert.deepEqual(tools.map(({ name }) => name), ["notes__read"]);
  const ran = await gateway.client.callTool({ name: "notes__read", arguments: {} });
  assert.notEqual(ran.isError, true);
  await assert.rejects(gateway.client.callTool({ name: "notes__wipe", arguments: {} }));

  await using socket = await SocketClient.open({ origin }, token);
  assert.equal((await socket.ask("SUBSCRIBE", "/v1/approvals")).status, 200);
  const overSocket = await socket.ask("POST", CHECK, { tool_name: WIPE });
  assert.equal(overSocket.body.resolved_from, "sub_token");
  assert.equal((await socket.ask("GET", "/v1/tools")).body.code, "wrong_tier");

  const one = await org.get(`${SUB}/${id}`, agent);
  const used = { use_count: 4, last_used_at: "2026-01-01T00:00:01.000Z" };
  assert.deepEqual(one.body, { id, parent, ...fields, ...used });
  for (const who of [agent, org.management]) {
    assert.deepEqual((await org.get(SUB, who)).body, { data: [one.body], next_cursor: null });
  }
  assert.deepEqual((await org.get(SUB)).body.data, []);
  const second = await org.post(SUB, asked, agent);
  const first = await org.get(`${SUB}?limit=1`, agent);
  assert.equal(first.body.data[0].id, second.body.id);
  const rest = await org.get(`${SUB}?limit=1&cursor=${first.body.next_cursor}`, agent);
  assert.deepEqual(rest.body, { data: [one.body], next_cursor: null });

  const revoked = await org.manage("DELETE", `${SUB}/${id}`);
  const ended = { state: "revoked", revoked_at: "2026-01-01T00:00:01.000Z" };
  assert.deepEqual(revoked.body, { ...one.body, ...ended });
  assert.deepEqual((await org.manage("DELETE", `${SUB}/${id}`)).body, revoked.body);
  assertProblem(await org.post(CHECK, { tool_name: READ }, token), 401, "invalid_credentials");

  const rows = await Array.fromAsync(services.deps.kv.list({ prefix: [] }));
  const text = JSON.stringify(rows, (_, value) => value instanceof Uint8Array ? null : value);
  assert.ok(!text.includes(token) && text.includes(secretHash(token)));
  const about = (await calls.log()).flatMap(({ entry: { type, subject, actor } }) =>
    subject.sub_token === id ? [[type, actor.type]] : []
  );
  assert.deepEqual(about, [["sub_token.created", "agent"], ["sub_token.revoked", "api_key"]]);
  const sentences = (await org.get("/v1/activity?limit=200", org.management)).text;
  assert.ok(!sentences.includes(token));
});

Deno.test("A hundred sub-tokens of a maker are in force; one that was revoked or used up makes room", async () => {
  await using calls = await CallOrg.start();
  const { org } = calls;
  const agent = await org.agent();
  const asked = { name: "a step", ttl_seconds: 600, max_uses: 1 };
  const made = await Promise.all(Array.from({ length: 100 }, () => org.post(SUB, asked, agent)));
  assert.deepEqual([...new Set(made.map(({ status }) => status))], [201]);
  assertProblem(await org.post(SUB, asked, agent), 409, "too_many_sub_tokens");
  assert.equal((await org.post(SUB, asked)).status, 201, "another maker has room of its own");
  await org.post(CHECK, { tool_name: READ }, made[0]?.body.token);
  assert.equal((await org.post(SUB, asked, agent)).status, 201);
  assertProblem(await org.post(SUB, asked, agent), 409, "too_many_sub_tokens");
  await org.manage("DELETE", `${SUB}/${made[1]?.body.id}`);
  assert.equal((await org.post(SUB, asked, agent)).status, 201);
  calls.it.countersign.clock.advance(600_000);
  assert.equal((await org.post(SUB, asked, agent)).status, 201);
});

Deno.test("A sub-token of an agent that is bound to mandates stays bound, and counts against them", async () => {
  await using calls = await CallOrg.start();
  const org = await shop(calls.org, {
    agent: "shop-assistant",
    scopes: [{ tool: "refund", decision: "allow", limits: { max_per_hour: 2 } }],
  } as never);
  const mandate = await granted(org);
  const made = async (mandate_ids: unknown) => {
    const key = await org.manage("POST", "/v1/api-keys", {
      name: "bound",
      tier: "standard",
      mandate_ids,
    });
    const sub = await org.post(SUB, { name: "a step", ttl_seconds: 600 }, key.body.key);
    assert.equal(sub.status, 201, sub.text);
    return { key: key.body.key as string, token: sub.body.token as string };
  };
  const required = await made("required");
  assert.equal((await checked(org, null, {}, required.token)).resolved_from, "gate_mandate");
  const bound = await made([mandate]);
  const other = await granted(org);
  for (const who of [bound.token, bound.key]) {
    assert.equal((await checked(org, other, {}, who)).resolved_from, "mandate_not_found");
  }
  // Named by neither: its maker's only one is asked under, and its limit is one for both.
  const answers = [];
  for (const who of [bound.token, bound.key, bound.token]) {
    answers.push((await checked(org, null, {}, who)).permission);
  }
  assert.deepEqual(answers, ["allowed", "allowed", "disabled"]);
  await calls.log();
});
