import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { BUNDLE, CHECK, checked, grant, granted, published, shop } from "../helpers/mandates.ts";

const NOWHERE = "mdt_01jd8x2v6nfy0s6g9q4t3hw7ke";

Deno.test("a mandate and a policy that both allow are allowed, and the entry says under which", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  const first = await checked(org, id);
  assert.equal(first.permission, "allowed");
  assert.equal(first.resolved_from, "tool_default");
  assert.deepEqual(first.mandate, { id, seq: 2, self_granted: false });
  assert.deepEqual(first.chain, {
    permission: "allowed",
    resolved_from: "tool_default",
    rule_id: null,
  });
  assert.equal((await checked(org, id)).mandate.seq, 3);
  const [entry] = await entriesOf(org, "permission.checked");
  assert.equal(entry?.subject.mandate, id);
  assert.equal(entry?.data.mandate_seq, 2);
  assert.equal(entry?.data.agent_asserted, true);
  assert.deepEqual(entry?.data.chain, first.chain);
  const read = await org.get(`/v1/mandates/${id}`);
  assert.deepEqual([read.body.checks, read.body.seq, read.body.state], [2, 3, "active"]);
});

Deno.test("a check without a mandate says nothing of any, and its entry has no member more", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const got = await checked(org, null);
  assert.equal("mandate" in got || "chain" in got, false);
  const [entry] = await entriesOf(org, "permission.checked");
  assert.deepEqual(Object.keys(entry?.subject ?? {}).sort(), [
    "method",
    "resource",
    "tenant",
    "tool",
  ]);
  assert.equal("mandate_seq" in (entry?.data ?? {}), false);
});

Deno.test("attack: what one agent was granted is nothing to another, however it is asked", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const own = (await org.manage("POST", "/v1/agents", { name: "own" })).body;
  const scopes = [{ tool: "refund", decision: "allow" }];
  const id = await granted(org, { bundle: undefined, agent: own.id, scopes });
  const other = await org.agent();
  const body = { tool_name: "refund", mandate_id: id };
  const nobodys = { ...body, mandate_id: NOWHERE };
  assert.equal((await org.post(CHECK, body, own.token)).body.permission, "allowed");
  for (const path of [CHECK, "/v1/tokens/mint"]) {
    const told = async (asked: object) => {
      const { status, body: { code, permission, resolved_from } } = await org.post(
        path,
        asked,
        other,
      );
      return [status, code, permission, resolved_from];
    };
    const [theirs, unknown] = [await told(body), await told(nobodys)];
    assert.deepEqual(theirs, unknown, path);
    assert.notEqual(theirs[2], "allowed", path);
    assert.notEqual(theirs[0], 201, path);
  }
  assert.equal((await org.get(`/v1/mandates/${id}`)).body.checks, 1);
});

Deno.test("what a mandate does not cover is refused, whatever the policy says", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wire");
  await shop(org, {
    agent: "shop-assistant",
    scopes: [
      {
        tool: "refund",
        decision: "allow",
        resources: ["order-*"],
        conditions: [
          { when: [{ field: "/amount", op: "gt", value: 100 }], decision: "escalate" },
          { when: [{ field: "/currency", op: "not_in", value: ["EUR"] }], decision: "deny" },
        ],
      },
    ],
  });
  const id = await granted(org);
  const asked = async (fields: object) => {
    const { permission, resolved_from } = await checked(org, id, fields);
    return [permission, resolved_from];
  };
  const args = { amount: 5, currency: "EUR" };
  const resource_id = "order-7";
  assert.deepEqual(await asked({ resource_id, arguments: args }), ["allowed", "tool_default"]);
  assert.deepEqual(await asked({ tool_name: "wire" }), ["disabled", "mandate_scope"]);
  assert.deepEqual(await asked({ arguments: args }), ["disabled", "mandate_resource"]);
  assert.deepEqual(await asked({ resource_id: "user-7", arguments: args }), [
    "disabled",
    "mandate_resource",
  ]);
  assert.deepEqual(await asked({ resource_id, arguments: { ...args, amount: 101 } }), [
    "requires_approval",
    "mandate_condition",
  ]);
  assert.deepEqual(await asked({ resource_id, arguments: { amount: 5 } }), [
    "disabled",
    "mandate_condition",
  ]);
});

Deno.test("explain tells by its steps that the mandate said no, and what the policy said", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), {
    ...BUNDLE,
    scopes: [{ tool: "refund", decision: "deny" }],
  });
  const id = await granted(org);
  const { resolved_from, chain, trace } = await checked(org, id, { explain: true });
  assert.equal(resolved_from, "mandate_scope");
  assert.equal(chain.permission, "allowed");
  const matched = trace.filter(({ outcome }: { outcome: string }) => outcome === "matched");
  assert.deepEqual(matched.map(({ level }: { level: string }) => level), [
    "tool_default",
    "mandate_scope",
  ]);
});

Deno.test("a tool that requires a mandate is closed without one, and opened by nothing else", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const set = await org.manage("PATCH", "/v1/tools/refund", { requires_mandate: true });
  assert.equal(set.status, 200, set.text);
  const id = await granted(org);
  const none = await checked(org, null);
  assert.deepEqual([none.permission, none.resolved_from], ["disabled", "gate_mandate"]);
  const unknown = await checked(org, NOWHERE);
  assert.deepEqual([unknown.permission, unknown.resolved_from], ["disabled", "mandate_not_found"]);
  assert.equal((await checked(org, id)).permission, "allowed");
  // Registering it again, as an agent does at its start, leaves it closed.
  const again = await org.manage("PUT", "/v1/tools/refund", {
    annotations_acknowledged: true,
    default_permission: "allowed",
  });
  assert.equal(again.body.requires_mandate, true);
  assert.equal((await checked(org, null)).resolved_from, "gate_mandate");
});

Deno.test("only an owner opens a tool that requires a mandate, once one has a passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  await org.manage("PATCH", "/v1/tools/refund", { requires_mandate: true });
  await org.signedIn("owner");
  const got = await org.manage("PATCH", "/v1/tools/refund", { requires_mandate: false });
  assert.deepEqual([got.status, got.body.code], [403, "owner_required"]);
  const key = await org.post("/v1/api-keys", {
    name: "granter",
    tier: "standard",
    may_grant: true,
  }, org.management);
  assert.deepEqual([key.status, key.body.code], [403, "owner_required"]);
});

Deno.test("a key that is bound to mandates asks under these only, and under its one without naming it", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const [one, other] = [await granted(org), await granted(org)];
  const keyFor = async (mandate_ids: unknown) => {
    const body = { name: "bound", tier: "standard", mandate_ids };
    return (await org.post("/v1/api-keys", body, org.management)).body.key as string;
  };
  const bound = await keyFor([one]);
  assert.equal((await checked(org, null, {}, bound)).mandate.id, one);
  assert.equal((await checked(org, other, {}, bound)).resolved_from, "mandate_not_found");
  const required = await keyFor("required");
  assert.equal((await checked(org, null, {}, required)).resolved_from, "gate_mandate");
  assert.equal((await checked(org, other, {}, required)).permission, "allowed");
});

Deno.test("an edition never changes: another content is another edition, and mandates keep theirs", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const old = await granted(org);
  const same = await org.manage("PUT", "/v1/bundles/shop", BUNDLE);
  assert.deepEqual([same.status, same.body.edition, same.body.audit], [200, 1, null]);
  const denying = { ...BUNDLE, scopes: [{ tool: "refund", decision: "deny" }] };
  const next = await org.manage("PUT", "/v1/bundles/shop", denying, { "if-match": '"1"' });
  assert.deepEqual([next.status, next.body.edition], [201, 2]);
  const stale = await org.manage("PUT", "/v1/bundles/shop", BUNDLE, { "if-match": '"1"' });
  assert.deepEqual([stale.status, stale.body.code, stale.body.edition], [
    412,
    "bundle_edition_exists",
    2,
  ]);
  assert.equal((await checked(org, old)).permission, "allowed");
  assert.equal((await checked(org, await granted(org))).permission, "disabled");
  const first = await org.get("/v1/bundles/shop?edition=1");
  assert.deepEqual([first.body.edition, first.body.newest_edition], [1, 2]);
  assert.equal((await org.get("/v1/bundles/shop?edition=3")).status, 404);

  assert.equal((await org.manage("DELETE", "/v1/bundles/shop")).status, 200);
  assert.equal((await grant(org)).status, 404);
  assert.equal((await checked(org, old)).permission, "allowed");
});

Deno.test("a mandate says itself what it allows, or takes some of the scopes of its bundle", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("read_file");
  await shop(org, {
    ...BUNDLE,
    scopes: [...BUNDLE.scopes, { tool: "read_file", decision: "allow" }],
  });
  const some = await granted(org, { scopes: ["read_file"] });
  assert.equal((await checked(org, some)).resolved_from, "mandate_scope");
  assert.equal((await checked(org, some, { tool_name: "read_file" })).permission, "allowed");
  const none = await grant(org, { scopes: ["wire"] });
  assert.deepEqual([none.status, none.body.errors[0].path], [422, "/scopes/0"]);
  const own = await org.post("/v1/mandates", { user_id: "u1", ...BUNDLE }, org.management);
  assert.equal(own.status, 201, own.text);
  assert.equal(own.body.bundle, null);
  assert.equal((await checked(org, own.body.id)).permission, "allowed");
});

Deno.test("what is granted is refused with the place that is wrong", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const wrong: readonly [object, number, string][] = [
    [{ user_id: "ann@example.com" }, 422, "/user_id"],
    [{ user_id: "u\u200b1" }, 422, "/user_id"],
    [{ expires_at: "2020-01-01T00:00:00Z" }, 422, "/expires_at"],
    [{ expires_at: "2040-01-01T00:00:00Z" }, 422, "/expires_at"],
  ];
  for (const [fields, status, path] of wrong) {
    const got = await grant(org, fields);
    assert.deepEqual([got.status, got.body.errors?.[0]?.path], [status, path], got.text);
  }
  const agent = { ...BUNDLE, agent: "agt_somebody" };
  assert.equal((await org.manage("PUT", "/v1/bundles/other", agent)).status, 422);
  const nobody = await grant(org, {}, org.standard);
  assert.deepEqual([nobody.status, nobody.body.code], [403, "wrong_tier"]);
  assert.equal((await grant(org, { bundle: { id: "none" } })).status, 404);
});

Deno.test("a standard key that may grant does, and what it grants says so of itself", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const made = await org.post("/v1/api-keys", {
    name: "app",
    tier: "standard",
    may_grant: true,
  }, org.management);
  assert.equal(made.body.may_grant, true, made.text);
  const { key } = made.body;
  const got = await grant(org, {}, key);
  assert.equal(got.status, 201, got.text);
  assert.equal((await checked(org, got.body.id, {}, key)).mandate.self_granted, true);
  assert.equal((await checked(org, got.body.id)).mandate.self_granted, false);
});

Deno.test("mandates are listed by user, agent and state, a page at a time", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  await published(org, "other", { ...BUNDLE, agent: "other" });
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift(await granted(org, { user_id: `u${i % 2}` }));
  const other = await granted(org, { bundle: { id: "other" } });
  await org.post(`/v1/mandates/${ids[0]}/revoke`, { by: "user" });
  const list = async (query: string) => {
    const { body } = await org.get(`/v1/mandates?${query}`);
    return body.data.map(({ id }: { id: string }) => id);
  };
  assert.deepEqual(await list(""), [other, ...ids]);
  assert.deepEqual(await list("user_id=u0"), [ids[0], ids[2], ids[4]]);
  assert.deepEqual(await list("agent=other"), [other]);
  assert.deepEqual(await list("state=revoked"), [ids[0]]);
  assert.deepEqual(await list("user_id=u0&state=active"), [ids[2], ids[4]]);
  const paged: string[] = [];
  for (let cursor = "";;) {
    const { body } = await org.get(`/v1/mandates?limit=2${cursor}`);
    paged.push(...body.data.map(({ id }: { id: string }) => id));
    if (body.next_cursor === null) break;
    cursor = `&cursor=${body.next_cursor}`;
  }
  assert.deepEqual(paged, [other, ...ids]);
});

Deno.test("many checks under one mandate at once are numbered without a gap", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  const body = { tool_name: "refund", mandate_id: id };
  const batch = { checks: [body, body, { ...body, mandate_id: NOWHERE }, body] };
  const [results] = await Promise.all([
    org.post("/v1/permissions/check-batch", batch),
    ...Array.from({ length: 40 }, () => org.post(CHECK, body)),
  ]);
  assert.equal(results.status, 200);
  const entries = await entriesOf(org, "permission.checked");
  const seqs = entries.flatMap(({ data }) => data.mandate_seq ?? []);
  assert.deepEqual(seqs, Array.from({ length: 43 }, (_, i) => i + 2));
});
