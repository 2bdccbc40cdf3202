import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";
import type { Got } from "../helpers/countersign.ts";
import { McpClient } from "../helpers/mcp_client.ts";
import { assertProblem } from "../helpers/refused.ts";

/** What was tried to get more by a sub-token than it was made for, or than its maker may. */

const CHECK = "/v1/permissions/check";
const SUB = "/v1/sub-tokens";

/** An org with an agent that makes sub-tokens. */
async function staged() {
  const calls = await CallOrg.start();
  const { org } = calls;
  const made = await org.manage("POST", "/v1/agents", { name: "night shift", trust_tier: 1 });
  const agent: string = made.body.token;
  const make = (fields: JsonObject = {}, key = agent): Promise<Got> =>
    org.post(SUB, { name: "a step", ttl_seconds: 600, ...fields }, key);
  const token = async (fields: JsonObject = {}): Promise<string> => {
    const got = await make(fields);
    assert.equal(got.status, 201, got.text);
    return got.body.token;
  };
  const check = (key: string, fields: JsonObject = {}) =>
    org.post(CHECK, { tool_name: READ, ...fields }, key);
  const verdict = async (key: string, fields: JsonObject = {}) => {
    const { status, body } = await check(key, fields);
    return status === 200 ? `${body.permission} ${body.resolved_from}` : body.code;
  };
  return {
    calls,
    org,
    agent,
    id: made.body.id as string,
    make,
    token,
    check,
    verdict,
    [Symbol.asyncDispose]: () => calls[Symbol.asyncDispose](),
  };
}

Deno.test("attack: max_uses is raced by forty parallel checks on two nodes, and exactly as many as it says are decided", async () => {
  await using it = await staged();
  const { org, calls } = it;
  const node = calls.it.countersign;
  await using other = await node.another();
  const secret = await it.token({ max_uses: 7 });
  const asked = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      (i % 2 === 0 ? node : other).request("POST", CHECK, {
        key: secret,
        body: { tool_name: READ },
      })),
  );
  const codes = asked.map(({ status, body }) => status === 200 ? body.permission : body.code);
  assert.equal(codes.filter((code) => code === "allowed").length, 7, codes.join());
  assert.equal(codes.filter((code) => code === "invalid_credentials").length, 33, codes.join());
  const [listed] = (await org.get(SUB, it.agent)).body.data;
  assert.deepEqual([listed.use_count, listed.state], [7, "used_up"]);
  const uses = (await calls.log()).flatMap(({ entry }) =>
    entry.actor.sub_token === listed.id ? [entry.data.sub_token_use] : []
  );
  assert.deepEqual(uses, [1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("attack: what a sub-token does not name is not got by leaving it out, or by what looks like it", async () => {
  await using it = await staged();
  await it.org.tool("plain");
  const narrow = await it.token({
    tools: [READ, "plain"],
    methods: ["GET"],
    resources: ["a"],
    tenant_ids: ["acme"],
  });
  const named = { method: "get", resource_id: "a", tenant_id: "acme" };
  const inside = { ...named, tool_name: "plain" };
  assert.equal(await it.verdict(narrow, inside), "allowed tool_default");
  const outside: JsonObject[] = [
    {},
    // What is sent to an upstream are its arguments: what is only said of them reaches nothing.
    { ...named, tool_name: READ },
    { ...inside, method: null },
    { ...inside, resource_id: null },
    { ...inside, tenant_id: null },
    { ...inside, method: "POST" },
    { ...inside, resource_id: "A" },
    // CYRILLIC SMALL LETTER A, FULLWIDTH LATIN SMALL LETTER A, and one with an accent.
    { ...inside, resource_id: "\u0430" },
    { ...inside, resource_id: "\uff41" },
    { ...inside, resource_id: "\u00e1" },
    { ...inside, tenant_id: "Acme" },
    { ...inside, tenant_id: "\u0430cme" },
    { ...inside, tool_name: WIPE },
    { ...inside, tool_name: `${READ}x` },
  ];
  for (const fields of outside) {
    assert.equal(await it.verdict(narrow, fields), "disabled sub_token", JSON.stringify(fields));
  }
  // What it does not reach is no tool that anybody is shown.
  const tools = (await it.org.get("/v1/tools")).body.data as { name: string }[];
  assert.ok(!tools.some(({ name }) => name === `${READ}x`));
});

Deno.test("attack: a sub-token wider than its maker, or made by a sub-token, is not made", async () => {
  await using it = await staged();
  const { org } = it;
  const changed = await org.manage("PATCH", `/v1/agents/${it.id}`, {
    tenant_ids: ["acme", "zeta"],
    expires_at: new Date(it.calls.it.countersign.clock.now + 1000_000).toISOString(),
  });
  assert.equal(changed.status, 200, changed.text);
  const wider: [JsonObject, string][] = [
    [{ trust_tier: 2 }, "/trust_tier"],
    [{ tenant_ids: ["acme", "other"] }, "/tenant_ids/1"],
    [{ ttl_seconds: 1001 }, "/ttl_seconds"],
  ];
  for (const [fields, path] of wider) {
    const got = await it.make(fields);
    assertProblem(got, 422, "sub_token_too_wide");
    assert.equal(got.body.path, path);
  }
  for (const fields of [{ tools: [] }, { tools: ["a b"] }, { ttl_seconds: 86401 }, { scope: {} }]) {
    assertProblem(await it.make(fields), 422, "invalid_request");
  }
  const secret = await it.token();
  const [whole] = (await org.get(SUB, it.agent)).body.data;
  assert.deepEqual([whole.tenant_ids, whole.trust_tier], [["acme", "zeta"], 1]);
  const own: Got[] = [await it.make({}, secret), await org.get(SUB, secret)];
  own.push(await org.get(`${SUB}/${whole.id}`, secret));
  for (const got of own) assertProblem(got, 403, "wrong_tier");
  // What was left out stays as it was: a maker who may more later does not hand that on.
  await org.manage("PATCH", `/v1/agents/${it.id}`, { tenant_ids: null, trust_tier: 3 });
  await org.tool("trusted", { required_tier: 2 });
  const trusted = { tool_name: "trusted", tenant_id: "acme" };
  assert.equal(await it.verdict(it.agent, trusted), "allowed tool_default");
  assert.equal(await it.verdict(secret, trusted), "disabled gate_tier");
  assert.equal(await it.verdict(secret, { tenant_id: "other" }), "disabled sub_token");
});

Deno.test("attack: a sub-token is taken where it is good for something, and nowhere else", async () => {
  await using it = await staged();
  const { org } = it;
  const secret = await it.token();
  const good = new Set([
    "post /v1/permissions/check",
    "post /v1/calls",
    "get /v1/calls/:id",
    "get /v1/approvals/:id",
    "post /v1/approvals/:id/cancel",
  ]);
  const taken: string[] = [];
  for (const route of ROUTES) {
    if (route.callers === "open") continue;
    const path = route.path.replaceAll(/:\w+(\{[^}]*\})?/g, "none");
    const got = await it.calls.it.countersign.request(route.method.toUpperCase(), path, {
      key: secret,
      ...(route.method === "get" ? {} : { body: {} }),
    });
    if (got.status !== 403 || got.body.code !== "wrong_tier") {
      taken.push(`${route.method} ${route.path}`);
    }
  }
  assert.deepEqual(taken.sort(), [...good].sort());
  // Nor is it a key of another form: one letter less, or the prefix of an agent.
  for (const forged of [secret.slice(0, -1), secret.replace("st_", "cs_agent_"), "st_"]) {
    assertProblem(await it.check(forged), 401, "invalid_credentials");
  }
  // Its requests are its own: neither its maker's nor another sub-token's may it see or use.
  const another = await it.token();
  const asked = { tool_name: WIPE, reason: "because", request: true, mint: true };
  const ofMaker = (await it.check(it.agent, asked)).body.approval.id;
  const own = (await it.check(secret, asked)).body.approval.id;
  const ofAnother = (await it.check(another, asked)).body.approval.id;
  assert.equal(new Set([ofMaker, own, ofAnother]).size, 3);
  for (const id of [ofMaker, ofAnother]) {
    assertProblem(await org.get(`/v1/approvals/${id}`, secret), 404, "not_found");
    const cancel = await org.post(`/v1/approvals/${id}/cancel`, undefined, secret);
    assertProblem(cancel, 404, "not_found");
  }
  const read = await org.get(`/v1/approvals/${own}`, secret);
  const [{ id: listed }] = (await org.get(SUB, it.agent)).body.data.slice(1);
  assert.deepEqual(read.body.requested_by, {
    type: "agent",
    id: it.id,
    name: "night shift › a step",
    sub_token_id: listed,
  });
  // The approval is for what asked: not for its maker, who may see and withdraw it.
  assert.equal((await it.calls.it.decide(own, "approve")).status, 200);
  const mint = { tool_name: WIPE, approval_id: own };
  assertProblem(await org.post("/v1/tokens/mint", mint, it.agent), 403, "not_the_requester");
  assert.equal((await it.check(another, asked)).body.token, undefined);
  assert.equal((await it.check(it.agent, asked)).body.token, undefined);
  const minted = await it.check(secret, asked);
  assert.ok(minted.body.token.startsWith("cs_run_"), minted.text);
  const withdrawn = await org.post(`/v1/approvals/${ofAnother}/cancel`, undefined, it.agent);
  assert.equal(withdrawn.body.status, "cancelled");
  // It cannot spend what its maker was given either, though it has the text.
  await using mcp = await McpClient.connect(it.calls.it.countersign.origin, another);
  const { token } = minted.body;
  const spent = await mcp.call("consume_run_token", { token, tool_name: WIPE });
  assert.equal(spent.data.code, "token_invalid");
  await it.calls.log();
});

Deno.test("attack: what ends, stops or tightens its maker is in force for a sub-token with the next question", async () => {
  await using it = await staged();
  const { org, calls: { it: { countersign } } } = it;
  const { clock } = countersign;
  await using other = await countersign.another();
  const path = `/v1/agents/${it.id}`;
  const elsewhere = (body: JsonObject) =>
    other.request("PATCH", path, { key: org.management, body });
  const secret = await it.token();
  const mint = async () => (await it.check(secret, { mint: true })).body.token as string;
  const consumed = async (token: string) =>
    (await org.post("/v1/tokens/consume", { token, tool_name: READ })).body.code ?? "consumed";
  const before = await mint();
  assert.equal(await consumed(await mint()), "consumed");

  const stopped = (await org.manage("POST", "/v1/agents", { name: "stopped" })).body;
  const ofStopped = (await it.make({}, stopped.token)).body.token;
  await other.request("PATCH", `/v1/agents/${stopped.id}`, {
    key: org.management,
    body: { kill_switch: { active: true, reason: null } },
  });
  assert.equal(await it.verdict(ofStopped), "disabled kill_switch");
  await elsewhere({ tenant_ids: ["acme"] });
  assert.equal(await it.verdict(secret, { tenant_id: "zeta" }), "tenant_not_permitted");
  await elsewhere({ tenant_ids: null, trust_tier: 0 });
  await org.tool("trusted", { required_tier: 1 });
  assert.equal(await it.verdict(secret, { tool_name: "trusted" }), "disabled gate_tier");
  await elsewhere({ trust_tier: 1 });
  assert.equal(await it.verdict(secret, { tool_name: "trusted" }), "allowed tool_default");
  assert.equal(await consumed(before), "consumed");

  // Its own end, to the millisecond, and that of what was minted with it.
  const short = await it.token({ ttl_seconds: 10 });
  const late = (await it.check(short, { mint: true })).body.token;
  clock.advance(9_999);
  assert.equal(await it.verdict(short), "allowed tool_default");
  clock.advance(1);
  assert.equal(await it.verdict(short), "invalid_credentials");
  assert.equal(await consumed(late), "token_revoked");
  // A clock that is set back brings nothing to life that the log has seen end.
  clock.set(-5);
  assert.equal(await it.verdict(short), "invalid_credentials");
  clock.set(5);

  const revoked = await it.token();
  const unspent = (await it.check(revoked, { mint: true })).body.token;
  const { id } = (await org.get(SUB, it.agent)).body.data[0];
  for (const stranger of [await org.agent(), org.standard]) {
    assertProblem(await org.get(`${SUB}/${id}`, stranger), 404, "not_found");
    const got = await countersign.request("DELETE", `${SUB}/${id}`, { key: stranger });
    assertProblem(got, 404, "not_found");
  }
  const gone = await other.request("DELETE", `${SUB}/${id}`, { key: it.agent });
  assert.equal(gone.body.state, "revoked", gone.text);
  assert.equal(await it.verdict(revoked), "invalid_credentials");
  assert.equal(await consumed(unspent), "token_revoked");

  // A rotation that keeps nothing voids what the old token made, one that keeps does not.
  const rotated = await org.manage("POST", `${path}/rotate`, { keep_requests: true });
  assert.equal(await it.verdict(secret), "allowed tool_default");
  await org.manage("POST", `${path}/rotate`);
  assert.equal(await it.verdict(secret), "invalid_credentials");
  assert.equal(await it.verdict(rotated.body.token), "invalid_credentials");
  const listed = (await org.manage("GET", SUB)).body.data as { state: string }[];
  assert.deepEqual(listed.map(({ state }) => state), ["revoked", "expired", "active", "revoked"]);

  const key = await org.key("standard");
  const ofKey = (await it.make({}, key)).body.token;
  assert.equal(await it.verdict(ofKey), "allowed tool_default");
  // The order of the keys is that of their making.
  const keyId = (await org.manage("GET", "/v1/api-keys")).body.data.at(-1).id;
  await other.request("DELETE", `/v1/api-keys/${keyId}`, { key: org.management });
  assert.equal(await it.verdict(ofKey), "invalid_credentials");
  await it.calls.log();
});

Deno.test("attack: a call that waits is one use, a repetition none, and no sub-token is good in another organization", async () => {
  await using it = await staged();
  const { org, calls } = it;
  const secret = await it.token({ max_uses: 2, tools: [READ, WIPE] });
  const key = { "idempotency-key": "again" };
  const once = await org.post(CHECK, { tool_name: READ }, secret, key);
  const again = await org.post(CHECK, { tool_name: READ }, secret, key);
  assert.deepEqual(again.body, once.body);
  const pending = await calls.call(WIPE, { call_key: "one" }, secret);
  assert.equal(pending.status, 202, pending.text);
  // Used up, it begins nothing, goes on with what it began, and sees what it asked.
  assert.equal(await it.verdict(secret), "invalid_credentials");
  assertProblem(await calls.call(WIPE, { call_key: "two" }, secret), 401, "invalid_credentials");
  assert.equal((await org.get(`/v1/approvals/${pending.body.approval.id}`, secret)).status, 200);
  // Its maker's call of the same key is another.
  const ofMaker = await calls.call(WIPE, { call_key: "one" }, it.agent);
  assert.notEqual(ofMaker.body.call_id, pending.body.call_id);
  await calls.yes(pending);
  const ran = await calls.call(WIPE, { call_key: "one" }, secret);
  assert.equal(ran.body.status, "completed", ran.text);
  assert.equal(ran.body.call_id, pending.body.call_id);
  assert.equal((await calls.read(ran.body.call_id, secret)).body.status, "completed");
  const repeated = await calls.call(WIPE, { call_key: "one" }, secret);
  assert.equal(repeated.body.call_id, ran.body.call_id);
  assert.equal(calls.sent, 1);
  const [{ use_count, state, id }] = (await org.get(SUB, it.agent)).body.data;
  assert.deepEqual([use_count, state], [2, "used_up"]);
  const told = (await calls.log()).flatMap(({ entry: { actor, type, data } }) =>
    actor.sub_token === id ? [[type, actor.id, data.sub_token_use]] : []
  );
  assert.deepEqual(told, [
    ["permission.checked", it.id, 1],
    ["permission.checked", it.id, 2],
    ["approval.created", it.id, undefined],
    ["permission.checked", it.id, null],
    ["token.consumed", it.id, undefined],
  ]);

  const foreign = await calls.it.countersign.org();
  const ofIt = await it.token();
  const [{ id: listed }] = (await org.get(SUB, it.agent)).body.data;
  for (const one of [foreign.standard, foreign.management]) {
    assertProblem(await foreign.get(`${SUB}/${listed}`, one), 404, "not_found");
    assert.deepEqual((await foreign.get(SUB, one)).body.data, []);
  }
  const elsewhere = await calls.it.countersign.request("POST", CHECK, {
    key: ofIt,
    body: { tool_name: READ, org: foreign.id },
  });
  assert.equal(elsewhere.status, 422);
});
