import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalJson } from "../../lib/base/canonical.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { jsonObject } from "../helpers/arbitrary_json.ts";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { rawCall } from "../helpers/mcp_client.ts";
import { OfficialServer } from "../helpers/official_server.ts";
import { runs } from "../helpers/property_runs.ts";
import { assertProblem } from "../helpers/refused.ts";
import { listedTool, resultOf } from "../helpers/scripted_upstreams.ts";

Deno.test("attack, G2: one approval is used by twenty calls at once, and one runs", async () => {
  await using it = await CallOrg.start();
  const waiting = await it.call(WIPE);
  await it.yes(waiting);
  const all = await Promise.all(Array.from({ length: 20 }, () => it.call(WIPE)));
  assert.equal(it.sent, 1);
  assert.equal(all.filter(({ status }) => status === 200).length, 1);
  await it.log();
});

Deno.test("attack, G2: one key is used by twenty calls at once, and one runs", async () => {
  await using it = await CallOrg.start();
  const all = await Promise.all(
    Array.from({ length: 20 }, () => it.call(READ, { call_key: "k", wait: 5 })),
  );
  assert.equal(it.sent, 1);
  for (const { status, body, text } of all) {
    if (status === 429) continue;
    assert.equal(status, 200, text);
    assert.equal(body.result.content[0].text, "done");
  }
});

Deno.test("attack: a key of another caller names nothing of theirs", async () => {
  await using it = await CallOrg.start();
  const first = await it.call(READ, { call_key: "k" });
  const other = await it.call(READ, { call_key: "k" }, await it.org.agent());
  assert.notEqual(other.body.call_id, first.body.call_id);
  assert.equal(it.sent, 2);
});

Deno.test("G3: the bytes that are sent are those that were decided about, whatever they are", async () => {
  await using it = await CallOrg.start();
  it.upstreams.tools = [listedTool("read"), listedTool("wipe")];
  await it.org.manage("POST", "/v1/upstreams/notes/refresh");
  await it.approve();
  await fc.assert(
    fc.asyncProperty(jsonObject, async (args) => {
      const { received } = it.upstreams;
      received.length = 0;
      const got = await it.call(READ, { arguments: args });
      if (got.status === 422) return;
      assert.equal(got.status, 200, got.text);
      const sent = received[0]?.args ?? assert.fail("nothing was sent");
      assert.equal(canonicalJson(sent), canonicalJson(args));
      const entries = (await it.org.get("/v1/activity?limit=3")).body.data;
      const consumed = entries.find(({ type }: { type: string }) => type === "token.consumed");
      const facts = { tool: READ, tenant: null, resource: null, method: null };
      const digest = actionDigest(it.org.id, { ...facts, arguments: sent });
      assert.equal(consumed.entry?.data?.action_digest ?? consumed.data?.action_digest, digest);
    }),
    runs(25),
  );
});

Deno.test("attack, G3: arguments that two readers take for two are sent by none of the ways in", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const { countersign } = it.it;
  const doubled = `{"id":"n1","i\\u0064":"n2"}`;
  const rest = await countersign.request("POST", "/v1/calls", {
    key: it.org.standard,
    body: `{"tool_name":"${READ}","arguments":${doubled}}`,
  });
  assertProblem(rest, 422, "duplicate_key");
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  };
  const mcp = await countersign.request("POST", "/mcp/gateway", {
    headers: {
      authorization: `Bearer ${token}`,
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "notes__read",
    },
    body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"notes__read",` +
      `"arguments":${doubled},"_meta":${JSON.stringify(meta)}}}`,
  });
  assert.doesNotMatch(mcp.text, /done/);
  assert.equal(it.sent, 0);
});

Deno.test("attack, G13: one yes is used over REST and over MCP at once, and one runs", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const waiting = await it.call(WIPE, { arguments: { id: "n1" } }, token);
  await it.yes(waiting);
  const leaving = new AbortController();
  const params = { name: "notes__wipe", arguments: { id: "n1" } };
  const options = { token, path: "/mcp/gateway", signal: leaving.signal };
  // Those that do not run are held for people, of whom nobody comes.
  const held = Array.from(
    { length: 2 },
    () => rawCall(it.it.countersign, "tools/call", params, options).catch(() => null),
  );
  await Promise.all(
    Array.from({ length: 2 }, () => it.call(WIPE, { arguments: { id: "n1" } }, token)),
  );
  await Promise.race([Promise.any(held), it.call(WIPE, { arguments: { id: "n1" } }, token)]);
  leaving.abort();
  await Promise.all(held);
  assert.equal(it.sent, 1);
  await it.log();
});

Deno.test("attack, G7: what the caller proves themselves by never reaches the upstream", async () => {
  await using server = new OfficialServer();
  await using countersign = await Countersign.start({
    variables: { COUNTERSIGN_PRIVATE_HOSTS: server.host },
  });
  const org = await countersign.org();
  await org.manage("PUT", "/v1/upstreams/notes", { kind: "mcp", url: server.url });
  const [tool] = (await org.get("/v1/upstreams/notes/tools")).body.data;
  const { name, definition_digest } = tool;
  const approved = { name, definition_digest, default_permission: "allowed" };
  await org.manage("POST", "/v1/upstreams/notes/approve", { tools: [approved] });
  const headers = {
    authorization: "Basic of-another",
    cookie: "session=1",
    "x-forwarded-for": "::1",
  };
  const got = await org.post(
    "/v1/calls",
    { tool_name: name, arguments: { text: "hello" } },
    org.standard,
    headers,
  );
  assert.equal(got.body.result?.content[0].text, "Noted: hello", got.text);
  const [run] = server.runs;
  const seen = JSON.stringify([...run?.headers ?? []]);
  for (const secret of [org.standard, org.id, "of-another", "session=1", "::1"]) {
    assert.ok(!seen.includes(secret), seen);
  }
  const { status } = await org.post("/v1/calls", { tool_name: name, arguments: {} });
  assert.equal(status, 422);
  assert.equal(server.runs.length, 1);
});

Deno.test("attack: who called is shut out while it runs, and what came of it is told all the same", async () => {
  await using it = await CallOrg.start();
  const made = await it.org.manage("POST", "/v1/agents", { name: "robot" });
  it.upstreams.answer = async () => {
    await it.org.manage("DELETE", `/v1/agents/${made.body.id}`);
    return resultOf([{ type: "text", text: "too late" }]);
  };
  await it.call(READ, {}, made.body.token);
  const last = (await it.log()).at(-1)?.entry;
  assert.deepEqual([last?.type, last?.data.execution_result], ["execution.logged", "success"]);
});

Deno.test("attack: whoever calls leaves, to have a half of it done", async () => {
  await using it = await CallOrg.start();
  const waiting = await it.call(WIPE);
  await it.yes(waiting);
  for (const [tool, ends] of [[WIPE, false], [READ, true]] as const) {
    const leaving = new AbortController();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    it.upstreams.answer = async ({ options: { signal } }) => {
      const aborted = new Promise<void>((left) => signal.addEventListener("abort", () => left()));
      leaving.abort();
      await (ends ? aborted : it.org.get("/v1/org"));
      resolve(signal.aborted);
      return signal.aborted
        ? { is: "unknown", why: "stopped", says: "It was called off." }
        : resultOf([]);
    };
    const { origin } = it.it.countersign;
    await fetch(`${origin}/v1/calls`, {
      method: "POST",
      headers: { "x-api-key": it.org.standard },
      body: JSON.stringify({ tool_name: tool }),
      signal: leaving.signal,
    }).catch(() => {});
    assert.equal(await promise, ends, tool);
  }
});

Deno.test("attack: one caller takes all places of an upstream", async () => {
  await using it = await CallOrg.start();
  const began = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  it.upstreams.answer = async () => {
    if (it.sent === 4) began.resolve();
    await end.promise;
    return resultOf([]);
  };
  const running = Array.from({ length: 4 }, () => it.call(READ));
  await began.promise;
  assertProblem(await it.call(READ), 429, "too_many_running");
  const other = it.call(READ, {}, await it.org.agent());
  end.resolve();
  for (const { status, text } of await Promise.all([...running, other])) {
    assert.equal(status, 200, text);
  }
});

Deno.test("attack: a token of a call is presented by somebody else", async () => {
  await using it = await CallOrg.start();
  const { body } = await it.call(READ);
  const consume = { token: body.token_id, tool_name: READ };
  assertProblem(await it.org.post("/v1/tokens/consume", consume), 400, "token_invalid");
  assert.ok(!JSON.stringify(body).includes("cs_run_"));
});
