import fc from "fast-check";
import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import type { Entry } from "../../lib/ledger/entry.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";
import { rawCall, resultOf, said } from "../helpers/mcp_client.ts";
import { runs } from "../helpers/property_runs.ts";
import { SocketClient } from "../helpers/socket_client.ts";

/**
 * One enforcement point, however it is asked: REST, a socket and MCP give the same decision, the same
 * entries and the same result.
 */

/** What differs between any two requests: ids, times and digests. */
const OF_ONE_REQUEST =
  /^(?:id|leaf_hash|seq|at|time|index|request_id|decision_id|call_id|token_id|execution_id|approval_id|kid|nonce|.*_digest|digest|duration_ms|issued_at|expires_at|reference)$/;

/** A value without what differs between any two requests; ids in texts are all the same. */
function likened(value: unknown): unknown {
  if (typeof value === "string") return value.replace(/\b[a-z]{3}_[0-9a-z]{26}\b/g, "<id>");
  if (Array.isArray(value)) return value.map(likened);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => !OF_ONE_REQUEST.test(name))
      .map(([name, member]) => [name, likened(member)]),
  );
}

const likenedEntries = (entries: readonly Entry[]) =>
  entries.map(({ type, actor, subject, data }) => likened({ type, actor, subject, data }));

const question = fc.record({
  tool_name: fc.constantFrom("free", "asked", "closed", "draft", "ruled", "stopped"),
  method: fc.option(fc.constantFrom("GET", "DELETE"), { nil: undefined }),
  resource_id: fc.option(fc.constantFrom("prod", "test"), { nil: undefined }),
  arguments: fc.option(fc.dictionary(fc.constantFrom("a", "b"), fc.integer(), { maxKeys: 2 }), {
    nil: undefined,
  }),
});

Deno.test("property: REST, a socket and MCP give the same decision and the same entry for any question", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  await org.tool("free");
  await org.tool("asked", { default_permission: "requires_approval" });
  await org.tool("closed", { default_permission: "disabled" });
  await org.tool("draft", { status: "draft", default_permission: null });
  await org.tool("ruled", { methods: ["GET"], required_facts: ["resource"] });
  await org.tool("stopped", { kill_switch: { active: true, reason: "loose" } });
  for (
    const [fields, permission] of [
      [{ resource_id: "prod", method: "DELETE" }, "disabled"],
      [{ tool_name: "free", method: "DELETE" }, "requires_approval"],
      [{ resource_id: "test" }, "allowed"],
    ] as const
  ) {
    const made = await org.manage("PUT", "/v1/rules", { selector: fields, permission });
    assert.ok(made.status < 300, made.text);
  }
  const agent = await org.agent();
  await using socket = await SocketClient.open(countersign, agent);
  let seen = (await it.entries()).length;
  const entriesSince = async () => {
    const all = await it.entries();
    const fresh = all.slice(seen);
    seen = all.length;
    return likenedEntries(fresh);
  };
  const decision = ({ permission, resolved_from }: JsonObject) => ({ permission, resolved_from });
  const met = new Set<string>();
  await fc.assert(
    fc.asyncProperty(question, async (given) => {
      const asked = JSON.parse(JSON.stringify(given)) as JsonObject;
      const rest = await org.post("/v1/permissions/check", asked, agent);
      const ofRest = await entriesSince();
      const ws = await socket.ask("POST", "/v1/permissions/check", asked);
      const ofWs = await entriesSince();
      const mcp = await said(countersign, agent, "check_permission", asked);
      const ofMcp = await entriesSince();
      assert.equal(rest.status, 200, rest.text);
      assert.deepEqual(likened(ws.body), likened(rest.body));
      assert.deepEqual(decision(mcp), decision(rest.body));
      assert.ok(ofRest.length > 0);
      assert.deepEqual(ofWs, ofRest);
      assert.deepEqual(ofMcp, ofRest);
      met.add(String(rest.body.resolved_from));
    }),
    { ...runs(25), seed: 5 },
  );
  assert.ok(met.size >= 5, [...met].join());
});

Deno.test("REST, a socket and MCP run a call alike: the same entries and the same result", async () => {
  await using it = await CallOrg.start();
  const { countersign } = it.it;
  const agent = await it.org.agent();
  await using socket = await SocketClient.open(countersign, agent);
  const entriesOf = async (call: () => Promise<unknown>) => {
    const before = (await it.it.entries()).length;
    const result = await call();
    return [result, likenedEntries((await it.it.entries()).slice(before))] as const;
  };
  const args = { id: "n1" };
  const [rest, ofRest] = await entriesOf(async () =>
    (await it.call(READ, { arguments: args }, agent)).body.result
  );
  const [ws, ofWs] = await entriesOf(async () => {
    const body = { tool_name: READ, arguments: args };
    return (await socket.ask("POST", "/v1/calls", body)).body.result;
  });
  const [mcp, ofMcp] = await entriesOf(async () => {
    const name = "notes__read";
    const asked = { name, arguments: args };
    const options = { token: agent, path: "/mcp/gateway" };
    const answer = await rawCall(countersign, "tools/call", asked, options);
    const { content, isError = false } = resultOf(answer);
    return { content, is_error: isError };
  });
  assert.deepEqual(ws, rest);
  assert.deepEqual(mcp, rest);
  assert.ok(ofRest.length >= 3, JSON.stringify(ofRest));
  assert.deepEqual(ofWs, ofRest);
  assert.deepEqual(ofMcp, ofRest);

  // What people have to approve waits the same, and runs once the yes is there.
  const body = { tool_name: WIPE, arguments: args, reason: "old" };
  const pending = await socket.ask("POST", "/v1/calls", body, { idempotency_key: "k" });
  assert.equal(pending.status, 202);
  assert.equal((await it.it.decide(pending.body.approval.id, "approve")).status, 200);
  const sent = it.sent;
  const done = await socket.ask("POST", "/v1/calls", body, { idempotency_key: "k" });
  assert.deepEqual([done.status, done.body.status, it.sent], [200, "completed", sent + 1]);
  const again = await it.org.post("/v1/calls", body, agent, { "idempotency-key": "k" });
  assert.deepEqual([again.body.call_id, it.sent], [done.body.call_id, sent + 1]);
  await it.log();
});
