import assert from "node:assert/strict";
import { bundleEditionKey } from "../../lib/store/mandate_keys.ts";
import { bundleEdition } from "../../lib/store/records/mandate.ts";
import { Countersign, type Got } from "../helpers/countersign.ts";
import { BUNDLE, CHECK, checked, grant, granted, published, shop } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { setAsAnotherNode } from "../helpers/stored_log.ts";

const NOWHERE = "mdt_01jd8x2v6nfy0s6g9q4t3hw7ke";

/** An answer without what differs between any two. */
function plain({ status, body }: Got): unknown {
  const { decision_id: _id, decided_at: _at, audit: _audit, ...rest } = body;
  return { status, rest };
}

Deno.test("attack: a mandate of another org, user, tenant or agent is answered as one that there is not", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const stranger = await shop(await countersign.org());
  await org.manage("PATCH", "/v1/tools/refund", { requires_mandate: true });
  const made = await org.manage("POST", "/v1/agents", { name: "one" });
  const another = await org.manage("POST", "/v1/agents", { name: "two" });
  await published(org, "agents", { ...BUNDLE, agent: made.body.id });
  const walled = await org.key("standard", { tenant_ids: ["acme"] });
  const ids = {
    org: await granted(stranger),
    user: await granted(org),
    tenant: await granted(org, { tenant_id: "globex" }),
    agent: await granted(org, { bundle: { id: "agents" } }),
  };
  const asks: readonly [string, string, object, string][] = [
    ["org", ids.org, {}, org.standard],
    ["user", ids.user, { user_id: "u2" }, org.standard],
    ["tenant", ids.tenant, { tenant_id: "acme" }, org.standard],
    ["no tenant", ids.tenant, {}, org.standard],
    ["wall", ids.user, {}, walled],
    ["agent", ids.agent, {}, another.body.token],
    ["label as an agent", ids.user, {}, another.body.token],
  ];
  for (const [what, mandate_id, fields, key] of asks) {
    const ask = (mandate_id: string) =>
      org.post(CHECK, { tool_name: "refund", mandate_id, mint: true, ...fields }, key);
    const [got, unknown] = [await ask(mandate_id), await ask(NOWHERE)];
    assert.equal(got.body.permission, "disabled", what);
    assert.equal(got.body.resolved_from, "mandate_not_found", what);
    assert.deepEqual(plain(got), plain(unknown), what);
  }
  const entries = await entriesOf(org, "permission.checked");
  assert.ok(entries.every(({ data }) => data.mandate_seq === null));
  // Whose it is may use it.
  const own = await checked(org, ids.agent, {}, made.body.token);
  assert.equal(own.permission, "allowed");
  // A key may know of a mandate for an agent, and is none.
  assert.equal((await checked(org, ids.agent)).resolved_from, "mandate_agent");
  for (const [id, key] of [[ids.tenant, walled], [ids.org, org.standard]] as const) {
    for (const path of [`/v1/mandates/${id}`, `/v1/mandates/${NOWHERE}`]) {
      const got = await org.get(path, key);
      assert.deepEqual([got.status, got.body.code], [404, "mandate_not_found"]);
    }
    const revoked = await org.post(`/v1/mandates/${id}/revoke`, { by: "user" }, key);
    assert.deepEqual([revoked.status, revoked.body.code], [404, "mandate_not_found"]);
  }
});

Deno.test("attack: an edition that was swapped in the store stops every check under it", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), {
    ...BUNDLE,
    scopes: [{ tool: "refund", decision: "deny" }],
  });
  const id = await granted(org);
  const { kv } = countersign.services.deps;
  const key = bundleEditionKey(org.id, "shop", 1);
  const edition = bundleEdition.parse((await kv.get([...key])).value);
  const scopes = [{ name: "refund", decision: "allow", resources: null, conditions: [] }];
  const definition = { ...edition.definition, scopes };
  await setAsAnotherNode(kv, org.id, key, { ...edition, definition });
  const got = await org.post(CHECK, { tool_name: "refund", mandate_id: id, mint: true });
  assert.deepEqual([got.status, got.body.code], [503, "store_unavailable"]);
  assert.equal((await entriesOf(org, "permission.checked")).length, 0);
  assert.equal((await grant(org)).status, 503);
  // And what needs no mandate goes on.
  assert.equal((await checked(org, null)).permission, "allowed");
});

Deno.test("attack: a bundle's new edition, and a replacement, give nothing to mandates that there are", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wire");
  await shop(org);
  const id = await granted(org);
  await published(org, "shop", { ...BUNDLE, scopes: [{ tool: "wire", decision: "allow" }] });
  assert.equal((await checked(org, id, { tool_name: "wire" })).resolved_from, "mandate_scope");
  await grant(org, { replaces: id });
  assert.equal((await checked(org, id, { tool_name: "wire" })).resolved_from, "mandate_superseded");
});

Deno.test("attack: a mandate opens nothing that a kill switch, a gate or a rule closes", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  const closed: readonly [object, string][] = [
    [{ kill_switch: { active: true } }, "kill_switch"],
    [{ kill_switch: { active: false }, required_tier: 3 }, "gate_tier"],
    [{ required_tier: 0, methods: ["GET"] }, "gate_method"],
    [{ methods: null, default_permission: "disabled" }, "tool_default"],
    [{ default_permission: "requires_approval" }, "tool_default"],
  ];
  for (const [fields, origin] of closed) {
    assert.equal((await org.manage("PATCH", "/v1/tools/refund", fields)).status, 200);
    const got = await checked(org, id, { mint: true });
    assert.notEqual(got.permission, "allowed");
    assert.equal(got.resolved_from, origin);
    assert.equal("token" in got, false);
    assert.equal(got.chain.resolved_from, origin);
  }
});

Deno.test("attack: what is too large for the store is refused with words, by whichever form that is", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const metadata = { note: "m".repeat(4000) };
  const scopes = (fill: string, length: number) =>
    Array.from({ length: 100 }, (_, i) => ({
      tool: `t${i}`.padEnd(128, "x"),
      decision: "allow",
      conditions: [{
        when: [{ field: "/a", op: "eq", value: fill.repeat(length) }],
        decision: "deny",
      }],
    }));
  const { agent } = BUNDLE;
  const seen = new Set<string>();
  // Letters of one byte, of two in text alone, of three and of six there; numbers.
  for (
    const [fill, lengths] of [["v", [120, 300]], ["é", [90, 280]], ["漢", [60, 140]], [
      "\u0001",
      [30, 250],
    ]] as const
  ) {
    for (const length of lengths) {
      const body = { agent, scopes: scopes(fill, length) };
      const bundle = await org.manage("PUT", "/v1/bundles/large", body);
      const inline = await org.manage("POST", "/v1/mandates", { user_id: "u1", ...body, metadata });
      const granted = await grant(org, { bundle: { id: "large" }, metadata });
      for (const [what, got] of Object.entries({ bundle, inline, granted })) {
        if (what === "granted" && seen.size === 0) continue;
        const isClear = got.status === 422 && got.body.errors?.[0].path === "/scopes";
        assert.ok(got.status <= 201 || isClear, `${what} ${fill} ${length} ${got.text}`);
        seen.add(`${what} ${got.status}`);
      }
      if (inline.status !== 201) continue;
      const part = await org.manage("POST", "/v1/mandates", {
        parent: inline.body.id,
        scopes: body.scopes,
        metadata,
      });
      assert.ok(part.status === 201 || part.status === 422, part.text);
    }
  }
  for (const one of ["bundle 201", "bundle 422", "inline 201", "inline 422"]) {
    assert.ok(seen.has(one), [...seen].join());
  }
});

Deno.test("attack: definitions that are too large, too many, twice or no definitions are refused", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const scope = BUNDLE.scopes[0];
  const conditions = (field: string) => ({
    ...BUNDLE,
    scopes: [{
      ...scope,
      conditions: [{ when: [{ field, op: "eq", value: 1 }], decision: "deny" }],
    }],
  });
  const wrong = [
    { ...BUNDLE, scopes: [] },
    { ...BUNDLE, scopes: [scope, scope] },
    { ...BUNDLE, scopes: Array.from({ length: 101 }, (_, i) => ({ ...scope, tool: `t${i}` })) },
    { ...BUNDLE, scopes: [{ ...scope, tag: "x" }] },
    { ...BUNDLE, scopes: [{ ...scope, decision: "allowed" }] },
    { ...BUNDLE, scopes: [{ tool: "refund", decision: "deny", resources: ["a*"] }] },
    { ...BUNDLE, agent: "ann@example.com" },
    { ...BUNDLE, agent: "" },
    { ...BUNDLE, budget: { limit_micros: 1 } },
    conditions("no pointer"),
    conditions("/" + "x".repeat(70_000)),
  ];
  for (const body of wrong) {
    const got = await org.manage("PUT", "/v1/bundles/wrong", body);
    assert.equal(got.status, 422, JSON.stringify(body).slice(0, 200));
    const { agent, scopes } = body;
    const inline = await org.manage("POST", "/v1/mandates", { user_id: "u1", agent, scopes });
    if (!("budget" in body)) assert.equal(inline.status, 422, inline.text);
  }
  const twice = `{"agent":"a","agent":"b","scopes":[{"tool":"refund","decision":"allow"}]}`;
  assert.equal((await org.manage("PUT", "/v1/bundles/wrong", twice)).status, 422);
  assert.equal((await org.get("/v1/bundles/wrong")).status, 404);
  for (const id of ["Shop", "a b", "x".repeat(65)]) {
    const got = await org.manage("PUT", `/v1/bundles/${encodeURIComponent(id)}`, BUNDLE);
    assert.equal(got.status, 422, id);
  }
});
