import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { ApiOrg } from "../helpers/api_org.ts";
import { READ } from "../helpers/call_org.ts";
import { FACTS, FactsOrg } from "../helpers/facts_org.ts";
import { assertProblem } from "../helpers/refused.ts";

/** Facts that are read from the arguments: how they are said, and that every way in goes by them. */

const PATH = `/v1/tools/${READ}`;

const WEB = { customer: "acme", at: { host: "web-1" }, verb: "restart" };

const FACTS_OF_WEB = { tenant: "acme", resource: "web-1", method: "restart" };

Deno.test("where facts are read is said of a tool of an upstream, kept by who leaves it out, and loosened by no key", async () => {
  await using it = await FactsOrg.start(null);
  const { org } = it;
  assert.equal((await org.get(PATH)).body.facts, undefined);
  const wrong: [JsonObject, string][] = [
    [{ resource: "at/host" }, "/facts/resource"],
    [{ resource: "" }, "/facts/resource"],
    [{ resource: "/a~2b" }, "/facts/resource"],
    [{ resource: "/at/hosst" }, "/facts/resource"],
    [{ resource: "/at/port" }, "/facts/resource"],
    [{ resource: "/at" }, "/facts/resource"],
    [{ resource: null }, "/facts/resource"],
    [{ tool: "/at" }, "/facts"],
  ];
  for (const [facts, path] of wrong) {
    const got = await it.patch({ facts });
    assertProblem(got, 422, "invalid_request");
    assert.ok(got.text.includes(path), got.text);
  }
  await org.tool("plain");
  const plain = await org.manage("PATCH", "/v1/tools/plain", { facts: { resource: "/host" } });
  assertProblem(plain, 422, "invalid_request", "/facts");

  // Reading one more is a tightening, which a key may.
  const { tenant, resource } = FACTS;
  assert.deepEqual((await it.patch({ facts: { resource } })).body.facts, { resource });
  assert.equal((await it.patch({ facts: { resource, tenant } })).status, 200);
  for (const facts of [{}, { resource }, { resource: "/note", tenant }]) {
    assertProblem(await it.patch({ facts }), 403, "owner_required");
    const put = { status: "approved", annotations_acknowledged: true, facts };
    assertProblem(await org.manage("PUT", PATH, put), 403, "owner_required");
  }
  // Whoever does not name them leaves them, by each route.
  assert.deepEqual((await it.patch({ tags: ["x"] })).body.facts, { resource, tenant });
  const put = { status: "approved", annotations_acknowledged: true, default_permission: "allowed" };
  assert.deepEqual((await org.manage("PUT", PATH, put)).body.facts, { resource, tenant });

  const exported = await org.get("/v1/policy", org.management);
  const apply = (tools: JsonObject[]) =>
    org.manage("PUT", "/v1/policy?dry_run=false", { ...exported.body, tools }, {
      "if-match": exported.headers.get("etag") ?? "",
    });
  const row = exported.body.tools.find(({ name }: JsonObject) => name === READ);
  assert.deepEqual(row.facts, { resource, tenant });
  const others = exported.body.tools.filter(({ name }: JsonObject) => name !== READ);
  const { facts: _own, ...silent } = row;
  for (const same of [silent, row]) {
    assert.deepEqual((await apply([...others, same])).body.changed.tools, []);
  }
  assertProblem(await apply([...others, { ...row, facts: { resource } }]), 403, "owner_required");
  const added = await apply([...others, { ...row, facts: FACTS }]);
  assert.equal(added.status, 200, added.text);
  assert.deepEqual((await org.get(PATH)).body.facts, FACTS);
  const entry = (await it.calls.log()).findLast(({ entry }) => entry.type === "tool.set")?.entry;
  assert.deepEqual((entry?.data as JsonObject).changed, { facts: FACTS });
});

Deno.test("a call is decided, recorded and run by what its arguments say, over REST and at the gateway", async () => {
  await using it = await FactsOrg.start();
  const { org } = it;
  await it.rule({ resource_id: "db-1" }, "disabled");
  await it.rule({ method: "wipe" }, "requires_approval");
  const key = await org.agent();
  await using host = await it.host(key);
  const { tools } = await host.client.listTools();
  assert.deepEqual(tools.map(({ name }) => name), ["notes__read"]);
  const atGateway = async (args: JsonObject) =>
    JSON.stringify(await host.client.callTool({ name: "notes__read", arguments: args }));

  assert.equal((await it.call(WEB)).body.status, "completed");
  assert.equal((await it.call(WEB, { resource_id: "web-1", method: "RESTART" })).status, 200);
  assert.ok(!(await atGateway(WEB)).includes('"isError":true'));
  assert.equal(it.ran, 3);
  const said = [FACTS_OF_WEB, FACTS_OF_WEB, FACTS_OF_WEB];
  assert.deepEqual(await it.told("permission.checked"), said);
  assert.deepEqual(await it.told("token.consumed"), said);

  const db = { ...WEB, at: { host: "db-1" } };
  const refused = await it.call(db);
  assertProblem(refused, 403, "tool_disabled");
  assert.equal(refused.body.resolved_from, "org_resource");
  assert.match(await atGateway(db), /tool_disabled/);
  assertProblem(
    await it.call(db, { resource_id: "web-1" }),
    422,
    "invalid_request",
    "/resource_id",
  );
  assertProblem(await it.call(WEB, { method: "GET" }), 422, "invalid_request", "/method");
  assertProblem(await it.call(WEB, { tenant_id: "zeta" }), 422, "invalid_request", "/tenant_id");
  assert.equal(it.ran, 3);

  // What people are shown and approve is what was read, and the next same call runs by it, stated or not.
  const wipe = { ...WEB, verb: "wipe" };
  const held = await it.call(wipe, { reason: "too old" });
  assert.equal(held.body.resolved_from, "org_method", held.text);
  const { resource_id, tenant_id, method } = held.body.approval;
  assert.deepEqual([resource_id, tenant_id, method], ["web-1", "acme", "wipe"]);
  await it.calls.yes(held);
  const ran = await it.call(wipe, { resource_id: "web-1", tenant_id: "acme" });
  assert.equal(ran.body.status, "completed", ran.text);
  assert.equal(it.ran, 4);
});

Deno.test("a fact that nothing stands for is missing, and a kept key answers whatever is stated of it", async () => {
  await using it = await FactsOrg.start();
  await it.patch({ required_facts: ["resource"] });
  for (const args of [{}, { at: {} }, { at: { host: null } }, { at: 7 }, { at: ["web-1"] }]) {
    const got = await it.check({ ...args, customer: "acme", verb: "restart" });
    assert.equal(got.body.resolved_from, "gate_incomplete", got.text);
    const stated = await it.check(args, { resource_id: "web-1" });
    assertProblem(stated, 422, "invalid_request", "/resource_id");
  }
  const first = await it.call(WEB, { call_key: "k" });
  assert.equal(first.status, 200, first.text);
  const again = await it.call(WEB, { call_key: "k", resource_id: "web-1" });
  assert.equal(again.body.call_id, first.body.call_id, again.text);
  const other = await it.call({ ...WEB, at: { host: "web-2" } }, { call_key: "k" });
  assertProblem(other, 422, "idempotency_mismatch");
  assert.equal(it.ran, 1);
});

Deno.test("a check, a request for approval, a token and its use go by the same facts as the call", async () => {
  await using it = await FactsOrg.start();
  const { org } = it;
  await it.rule({ resource_id: "db-1" }, "disabled");
  const action = { tool_name: READ, arguments: WEB };
  const explained = await it.check({ ...WEB, at: { host: "db-1" } }, { explain: true });
  assert.equal(explained.body.resolved_from, "org_resource", explained.text);
  assertProblem(
    await org.post("/v1/permissions/check", { ...action, resource_id: "db-1" }),
    422,
    "invalid_request",
    "/resource_id",
  );
  const minted = await org.post("/v1/tokens/mint", action);
  assert.equal(minted.status, 201, minted.text);
  const { token } = minted.body;
  const verify = async (fields: JsonObject) =>
    (await org.post("/v1/tokens/verify", { token, ...fields })).body.valid;
  assert.equal(await verify(action), true);
  assert.equal(await verify({ ...action, resource_id: "web-1" }), true);
  assert.equal(await verify({ ...action, resource_id: "db-1" }), false);
  assert.equal(await verify({ ...action, arguments: { ...WEB, at: { host: "db-1" } } }), false);
  const used = await org.post("/v1/tokens/consume", { token, ...action });
  assert.equal(used.status, 200, used.text);
  const report = { token, ...action, execution_result: "success" };
  const logged = await org.post("/v1/executions/log", report);
  assert.equal(logged.body.binding, "checked", logged.text);

  // Several at once: one that is stated otherwise does not touch the others.
  const { body } = await org.post("/v1/permissions/check-batch", {
    checks: [action, { ...action, resource_id: "db-1" }],
  });
  const [good, bad] = body.results;
  assert.equal(good?.permission, "allowed", JSON.stringify(body));
  assert.equal(bad.error.errors[0].path, "/resource_id", JSON.stringify(body));

  // A request for approval over REST is the call's.
  await it.patch({ default_permission: "requires_approval" });
  const asked = await org.post("/v1/approvals", { ...action, reason: "please" });
  assert.equal(asked.status, 201, asked.text);
  assert.equal(asked.body.resource_id, "web-1");
  assert.equal((await it.calls.it.decide(asked.body.id, "approve")).status, 200);
  assert.equal((await it.call(WEB)).body.status, "completed");
});

Deno.test("an approval does not outlive where its facts were read, nor does a token", async () => {
  await using it = await FactsOrg.start({ resource: FACTS.resource });
  const { org } = it;
  // Read elsewhere besides, its facts are the same: but nobody was shown that they would be read there.
  const args = { at: { host: "web-1" } };
  const minted = await org.post("/v1/tokens/mint", { tool_name: READ, arguments: args });
  await it.patch({ default_permission: "requires_approval" });
  const held = await it.call(args, { call_key: "k" });
  assert.equal(held.status, 202, held.text);
  await it.calls.yes(held);
  await it.patch({ default_permission: "allowed" });
  assert.equal((await it.patch({ facts: FACTS })).status, 200);
  const { token } = minted.body;
  const used = await org.post("/v1/tokens/consume", { token, tool_name: READ, arguments: args });
  assertProblem(used, 403, "token_revoked");
  assert.equal(used.body.reason, "tool_changed");
  await it.patch({ default_permission: "requires_approval" });
  const again = await it.call(args);
  assert.equal(again.status, 202, again.text);
  assert.notEqual(again.body.approval.id, held.body.approval.id);
  const old = await org.get(`/v1/approvals/${held.body.approval.id}`);
  assert.equal(old.body.status, "cancelled", old.text);
  assert.equal(it.ran, 0);
});

Deno.test("an upstream that changes a tool, or takes it back, does not get rid of what is read of it", async () => {
  await using it = await FactsOrg.start();
  const { org } = it;
  const offered = async (...tools: JsonObject[]) => {
    it.tools.splice(0, it.tools.length, ...tools);
    const got = await org.manage("POST", "/v1/upstreams/notes/refresh");
    assert.equal(got.status, 200, got.text);
    const { body } = await org.get(PATH);
    return [body.status, body.facts];
  };
  // Of the parameters by now none is a host: it is read there all the same, and what is stated is not it.
  const renamed = { name: "read", inputSchema: { type: "object", properties: { server: {} } } };
  assert.deepEqual(await offered(renamed), ["draft", FACTS]);
  const stated = await it.call({ server: "db-1" }, { resource_id: "web-1" });
  assertProblem(stated, 422, "invalid_request", "/resource_id");
  assert.deepEqual(await offered(), ["archived", FACTS]);
  assert.deepEqual(await offered(renamed), ["draft", FACTS]);
  await it.calls.approve();
  const required = await it.patch({ required_facts: ["resource"] });
  assert.deepEqual([required.body.status, required.body.facts], ["approved", FACTS]);
  assert.equal((await it.check({ server: "db-1" })).body.resolved_from, "gate_incomplete");
});

Deno.test("an operation's method is a fact of checks, requests and tokens, too", async () => {
  await using it = await ApiOrg.start();
  const { org } = it;
  await it.approve(["notes/readNote"], { default_permission: "requires_approval" });
  const tool_name = "notes/readNote";
  const own = { facts: { method: "/id" } };
  const path = `/v1/tools/${tool_name}`;
  assertProblem(await org.manage("PATCH", path, own), 422, "invalid_request", "/facts/method");
  assert.equal((await org.manage("PATCH", path, { facts: { resource: "/id" } })).status, 200);
  const action = { tool_name, arguments: { id: "n1" } };
  assertProblem(
    await org.post("/v1/approvals", { ...action, method: "DELETE", reason: "please" }),
    422,
    "invalid_request",
    "/method",
  );
  const asked = await org.post("/v1/approvals", { ...action, method: "get", reason: "please" });
  assert.deepEqual([asked.body.method, asked.body.resource_id], ["GET", "n1"], asked.text);
  assert.equal((await it.it.decide(asked.body.id, "approve")).status, 200);
  assert.equal((await it.call("readNote", { id: "n1" })).body.status, "completed");

  const rule = { selector: { method: "GET" }, permission: "disabled" };
  assert.equal((await org.manage("PUT", "/v1/rules", rule)).status, 201);
  const checked = await org.post("/v1/permissions/check", action);
  assert.equal(checked.body.resolved_from, "org_method", checked.text);
  assertProblem(await org.post("/v1/tokens/mint", action), 403, "tool_disabled");
  assertProblem(await it.call("readNote", { id: "n1" }), 403, "tool_disabled");
});
