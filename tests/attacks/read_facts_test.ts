import assert from "node:assert/strict";
import type { JsonValue } from "../../lib/base/json.ts";
import { READ } from "../helpers/call_org.ts";
import { FACTS, FactsOrg } from "../helpers/facts_org.ts";
import { granted, published } from "../helpers/mandates.ts";
import { grantIn, rawTool, resultOf } from "../helpers/mcp_client.ts";
import { assertProblem } from "../helpers/refused.ts";

/** Whoever calls a tool of an upstream says what it is about by what is sent, and by nothing else. */

Deno.test("attack: arguments name another tenant than the caller may act for", async () => {
  await using it = await FactsOrg.start();
  const bound = await it.org.agent({ tenant_ids: ["acme"] });
  const two = await it.org.agent({ name: "two", tenant_ids: ["acme", "beta"] });
  await using host = await it.host(bound);
  const own = { customer: "acme" };
  assert.equal((await it.call(own, {}, bound)).status, 200);
  assert.equal((await it.call(own, {}, two)).status, 200);
  const listed = await host.client.listTools();
  assert.equal(listed.tools.length, 1);
  // Also where none is named: the tool would not know of the one that the wall fills in.
  for (const customer of ["zeta", "Acme", "\u0430cme", null, undefined]) {
    const args = customer === undefined ? {} : { customer };
    for (const key of [bound, two]) {
      assertProblem(await it.call(args, {}, key), 403, "tenant_not_permitted");
      assertProblem(await it.check(args, {}, key), 403, "tenant_not_permitted");
      if (customer === "zeta") {
        const stated = await it.call(args, { tenant_id: "acme" }, key);
        assertProblem(stated, 422, "invalid_request", "/tenant_id");
      }
    }
    const got = await host.client.callTool({ name: "notes__read", arguments: args });
    assert.match(JSON.stringify(got), /tenant_not_permitted/);
  }
  assert.equal(it.ran, 2);
});

Deno.test("attack: what stands for a fact is something that the upstream may take for another text", async () => {
  await using it = await FactsOrg.start();
  await it.rule({ resource_id: "db-1" }, "disabled");
  await it.rule({ method: "wipe" }, "disabled");
  const key = await it.org.agent();
  await using host = await it.host(key);
  const wrong: JsonValue[] = [
    ["db-1"],
    { toString: "db-1" },
    1,
    true,
    "",
    " db-1",
    "db-1\n",
    "db\u200b-1",
    "db-1\u0000",
    "e\u0301",
    "\ud800",
    "x".repeat(129),
  ];
  for (const host_ of wrong) {
    const shown = JSON.stringify(host_);
    const args = { at: { host: host_ } };
    for (const fields of [{}, { resource_id: "web-1" }]) {
      const got = await it.call(args, fields);
      // Half a character is refused as no JSON that anybody takes.
      assert.ok(got.status === 422 || got.status === 400, shown + got.text);
      assert.equal((await it.check(args, fields)).status, got.status, shown);
      if (host_ !== "\ud800") assertProblem(got, 422, "invalid_request", "/arguments/at/host");
    }
    if (host_ === "\ud800") continue;
    const got = await host.client.callTool({ name: "notes__read", arguments: args });
    assert.equal(got.isError, true, shown);
  }
  for (const verb of ["wipe ", "w\u0131pe", ["wipe"], "wipe\t"]) {
    assertProblem(await it.call({ verb }), 422, "invalid_request", "/arguments/verb");
  }
  // In any case it is the same method, and another resource is another one.
  assertProblem(await it.call({ verb: "WIPE" }), 403, "tool_disabled");
  assertProblem(await it.call({ at: { host: "db-1" } }), 403, "tool_disabled");
  assert.equal(it.ran, 0);
  const entries = await it.told("permission.checked");
  assert.deepEqual(entries.map((entry) => (entry as { method: string }).method), ["WIPE", null]);
});

Deno.test("attack: a pointer finds nothing that an object has of itself", async () => {
  await using it = await FactsOrg.start(null);
  const facts = { resource: "/__proto__/host", method: "/constructor/name" };
  // The parameters have no such members, so the place is refused; where they say nothing it is taken.
  assertProblem(await it.patch({ facts }), 422, "invalid_request", "/facts/resource");
  const open = { facts, parameters: null, required_facts: ["resource"] };
  assert.equal((await it.patch(open)).status, 200);
  const bare = await it.check({});
  assert.equal(bare.body.resolved_from, "gate_incomplete", bare.text);
  await it.rule({ resource_id: "db-1" }, "disabled");
  const body = `{"tool_name":"${READ}","arguments":{"__proto__":{"host":"db-1"}}}`;
  const { org, calls: { it: { countersign } } } = it;
  const own = await countersign.request("POST", "/v1/permissions/check", {
    key: org.standard,
    body,
  });
  assert.equal(own.body.resolved_from, "org_resource", own.text);
});

Deno.test("attack: what an asker only says of a call opens nothing that it would not be let into without", async () => {
  await using it = await FactsOrg.start(null);
  const { org } = it;
  assert.equal((await it.patch({ default_permission: "disabled" })).status, 200);
  for (const selector of [{ resource_id: "web-1" }, { method: "GET" }]) {
    await it.rule(selector, "allowed");
  }
  await it.rule({ tool_name: READ, resource_id: "web-1", method: "GET" }, "allowed");
  const stated = { resource_id: "web-1", method: "GET" };
  for (const fields of [stated, { resource_id: "web-1" }, { method: "GET" }, {}]) {
    assertProblem(await it.call({}, fields), 403, "tool_disabled");
    assert.equal((await it.check({}, fields)).body.resolved_from, "tool_default");
    assertProblem(
      await org.post("/v1/tokens/mint", { tool_name: READ, ...fields }),
      403,
      "tool_disabled",
    );
  }
  // Nor does it answer for what the tool requires, or for what a sub-token reaches.
  const gates = { default_permission: "allowed", required_facts: ["resource"] };
  assert.equal((await it.patch(gates)).status, 200);
  assert.equal((await it.check({}, stated)).body.resolved_from, "gate_incomplete");
  const { token: granting } = await grantIn([[org, "owner"]]);
  const { countersign } = it.calls.it;
  const told = await rawTool(countersign, granting, "check_permission", {
    tool_name: READ,
    ...stated,
  });
  assert.match(resultOf(told).structuredContent.next, /a fact that its upstream is not sent/);
  assert.equal((await it.patch({ required_facts: [], methods: ["GET"] })).status, 200);
  assert.equal((await it.check({}, stated)).body.resolved_from, "gate_method");
  assert.equal((await it.patch({ methods: null })).status, 200);
  // A mandate for one resource is none for a call that is only said to be of it.
  const scopes = [{ tool: READ, decision: "allow", resources: ["web-*"] }];
  await published(org, "shop", { agent: "shop-assistant", scopes });
  const mandate_id = await granted(org);
  const under = await it.check({}, { ...stated, mandate_id });
  assert.equal(under.body.resolved_from, "mandate_resource", under.text);
  const made = await org.post("/v1/sub-tokens", {
    name: "web",
    ttl_seconds: 600,
    resources: ["web-1"],
  }, await org.agent());
  const { token } = made.body;
  assert.equal((await it.check({}, stated, token)).body.resolved_from, "sub_token");
  // It narrows all the same, and what is read is believed.
  await it.rule({ resource_id: "db-1" }, "disabled");
  assertProblem(await it.call({}, { resource_id: "db-1" }), 403, "tool_disabled");
  assert.equal((await it.patch({ facts: FACTS })).status, 200);
  const read = { at: { host: "web-1" } };
  const called = await it.call(read, { mandate_id });
  assert.equal(called.body.status, "completed", called.text);
  assert.equal((await it.check(read, {}, token)).body.permission, "allowed");
  await using host = await it.host(token);
  assert.equal((await host.client.listTools()).tools.length, 1);
  const inside = await host.client.callTool({ name: "notes__read", arguments: read });
  assert.notEqual(inside.isError, true);
  const outside = await host.client.callTool({
    name: "notes__read",
    arguments: { at: { host: "db-2" } },
  });
  assert.equal(outside.isError, true);
  assert.equal(it.ran, 2);
});
