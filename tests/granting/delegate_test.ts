import assert from "node:assert/strict";
import { sweep } from "../../lib/server/due_worker.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { BUNDLE, checked, granted, shop } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** Handing a mandate on: a part of it for another agent, narrower only, ended and spent with it. */

const SCOPES = [{ tool: "refund", decision: "allow" }];

/** What may be handed on of a bundle that limits everything that can be limited. */
const LIMITED = {
  agent: "shop-assistant",
  scopes: [{
    tool: "refund",
    decision: "confirm",
    resources: ["order-*", "cart-1"],
    budget: { limit_micros: 50, period: "day", ask_above_micros: 40 },
    limits: { max_per_hour: 5 },
  }],
};

function handOn(org: TestOrg, parent: string, fields: object = {}, key = org.management) {
  return org.post("/v1/mandates", { parent, scopes: SCOPES, ...fields }, key);
}

async function handedOn(org: TestOrg, parent: string, fields: object = {}): Promise<string> {
  const got = await handOn(org, parent, fields);
  assert.equal(got.status, 201, got.text);
  return got.body.id;
}

Deno.test("a part of a mandate is a mandate: it knows its parent, and is asked together with it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wire");
  await shop(org, {
    agent: "shop-assistant",
    scopes: [{ tool: "refund", decision: "allow", resources: ["order-*"] }],
  });
  const parent = await granted(org, { tenant_id: "acme" });
  const got = await handOn(org, parent, { agent: "helper" });
  assert.equal(got.status, 201, got.text);
  const { id, depth, user_id, tenant_id, expires_at } = got.body;
  assert.deepEqual([got.body.parent, depth, user_id, tenant_id], [parent, 2, "u1", "acme"]);
  assert.equal(expires_at, (await org.get(`/v1/mandates/${parent}`)).body.expires_at);
  const asked = async (fields: object) =>
    (await checked(org, id, { tenant_id: "acme", ...fields })).resolved_from;
  assert.equal(await asked({ resource_id: "order-7" }), "tool_default");
  // It says nothing of resources, and its parent does.
  assert.equal(await asked({ resource_id: "user-7" }), "mandate_resource");
  assert.equal(await asked({ tool_name: "wire" }), "mandate_scope");
  const { data } = (await org.get(`/v1/mandates?parent=${parent}`, org.management)).body;
  assert.deepEqual(data.map((one: { id: string }) => one.id), [id]);
  const log = await verifiedLog(countersign.services.deps, org.id);
  const [entry] = log.filter(({ entry }) => entry.subject.mandate === id);
  assert.deepEqual(entry?.entry.data.ancestors, [parent]);
});

Deno.test("whatever says more than its parent is refused, and named", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wire");
  await shop(org, LIMITED);
  const parent = await granted(org, {
    tenant_id: "acme",
    budget: { limit_micros: 100, period: "total" },
  });
  const [scope] = LIMITED.scopes;
  const wide: [string, object][] = [
    ["/user_id", { user_id: "u2" }],
    ["/tenant_id", { tenant_id: "globex" }],
    ["/expires_at", { expires_at: "2026-02-01T00:00:00Z" }],
    ["/budget", { budget: { limit_micros: 101, period: "total" } }],
    ["/scopes/1", { scopes: [scope, { tool: "wire", decision: "deny" }] }],
    ["/scopes/0", { scopes: [{ tag: "refund", decision: "confirm" }] }],
    ["/scopes/0/decision", { scopes: [{ ...scope, decision: "allow" }] }],
    ["/scopes/0/resources", { scopes: [{ ...scope, resources: ["order-7", "*"] }] }],
    ["/scopes/0/resources", { scopes: [{ ...scope, resources: ["cart-*"] }] }],
    ["/scopes/0/budget", { scopes: [{ ...scope, budget: { limit_micros: 51, period: "day" } }] }],
    ["/scopes/0/budget", {
      scopes: [{
        ...scope,
        budget: { limit_micros: 50, period: "day", ask_above_micros: 41 },
      }],
    }],
    ["/scopes/0/limits", { scopes: [{ ...scope, limits: { max_per_hour: 6 } }] }],
  ];
  for (const [path, fields] of wide) {
    const got = await handOn(org, parent, { scopes: LIMITED.scopes, ...fields });
    assert.deepEqual([got.status, got.body.code, got.body.path], [422, "mandate_too_wide", path]);
  }
  for (
    const fields of [
      {},
      { scopes: [{ tool: "refund", decision: "escalate", resources: ["order-1*", "cart-1"] }] },
      { budget: { limit_micros: 100, period: "day" } },
    ]
  ) await handedOn(org, parent, { scopes: LIMITED.scopes, ...fields });
});

Deno.test("a line has four mandates at most", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  let id = await granted(org);
  for (let depth = 2; depth <= 4; depth++) id = await handedOn(org, id);
  assert.equal((await checked(org, id)).permission, "allowed");
  const got = await handOn(org, id);
  assert.deepEqual([got.status, got.body.code, got.body.most], [422, "mandate_too_deep", 4]);
});

Deno.test("its own agent hands a mandate on, and who may grant; nobody else", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const [own, other] = [await org.agent(), await org.agent({ tenant_ids: ["acme"] })];
  const agents = (await org.manage("GET", "/v1/agents")).body.data;
  const [agent, second] = agents.map(({ id }: { id: string }) => id).sort();
  const body = { user_id: "u1", agent, scopes: SCOPES };
  const parent = (await org.post("/v1/mandates", body, org.management)).body.id;
  const made = await handOn(org, parent, { agent: second }, own);
  assert.equal(made.status, 201, made.text);
  assert.equal((await handOn(org, parent, {}, other)).body.code, "mandate_not_found");
  assert.equal((await handOn(org, parent, {}, org.standard)).body.code, "wrong_tier");
  assert.equal((await handOn(org, parent, {}, org.approver)).body.code, "wrong_tier");
  const granter = await org.key("standard", { may_grant: true });
  assert.equal((await handOn(org, parent, {}, granter)).status, 201);
  // The second agent has it now, and hands it on no further than it may reach.
  const next = await handOn(org, made.body.id, { agent: "helper" }, other);
  assert.deepEqual([next.status, next.body.tenant_id], [201, "acme"], next.text);
  assert.equal((await org.post("/v1/mandates", body, own)).body.code, "wrong_tier");
  const stranger = await countersign.org();
  assert.equal((await handOn(stranger, parent)).body.code, "mandate_not_found");
  await verifiedLog(countersign.services.deps, org.id);
});

for (const how of ["revoked", "superseded", "expired"] as const) {
  Deno.test(`what is made of a mandate ends with it: ${how}`, async () => {
    const kv = await Deno.openKv(":memory:");
    await using one = await Countersign.start({ kv });
    await using other = await Countersign.start({ kv, secret: one.secret, clock: one.clock });
    const org = await shop(await one.org(), {
      ...BUNDLE,
      scopes: [{ tool: "refund", decision: "allow" }],
    });
    await org.tool("mail", { default_permission: "requires_approval" });
    const scopes = [...SCOPES, { tool: "mail", decision: "allow" }];
    const body = {
      user_id: "u1",
      agent: "shop-assistant",
      scopes,
      expires_at: "2026-01-01T01:00:00.000Z",
    };
    const parent = (await org.post("/v1/mandates", body, org.management)).body.id;
    const child = await handedOn(org, parent, { scopes });
    const last = await handedOn(org, child, { scopes });
    const { token } = await checked(org, last, { mint: true });
    const { approval } = await checked(org, last, {
      tool_name: "mail",
      request: true,
      reason: "please",
    });
    if (how === "revoked") {
      await org.post(`/v1/mandates/${parent}/revoke`, { by: "user" }, org.management);
    } else if (how === "superseded") {
      const got = await org.post("/v1/mandates", { ...body, replaces: parent }, org.management);
      assert.equal(got.status, 201, got.text);
    } else one.clock.advance(60 * 60 * 1000);
    const elsewhere = await other.request("POST", "/v1/permissions/check", {
      body: { tool_name: "refund", mandate_id: last },
      key: org.standard,
    });
    assert.deepEqual(
      [elsewhere.body.permission, elsewhere.body.resolved_from],
      ["disabled", `mandate_${how}`],
    );
    const used = await org.post("/v1/tokens/consume", { token, tool_name: "refund" });
    assert.ok(["token_revoked", "token_expired"].includes(used.body.code), used.text);
    await sweep(one.services, one.clock.now);
    const { status } = (await org.get(`/v1/approvals/${approval.id}`)).body;
    assert.equal(status, how === "expired" ? "expired" : "cancelled");
    assert.equal((await org.get(`/v1/mandates/${last}`)).body.state, how);
    const listed = (await org.get(`/v1/mandates?parent=${child}`, org.management)).body.data;
    assert.deepEqual(listed.map((one: { state: string }) => one.state), [how]);
    assert.equal((await handOn(org, child, { scopes })).body.code, "mandate_ended");
    await verifiedLog(one.services.deps, org.id);
    kv.close();
  });
}

Deno.test("what is spent under a part is spent under all that it was made of, by many at once", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const parent = await granted(org, { budget: { limit_micros: 1000, period: "total" } });
  const budget = { limit_micros: 800, period: "total" };
  const children = [
    await handedOn(org, parent, { budget }),
    await handedOn(org, parent, { agent: "helper", budget }),
  ];
  children.push(await handedOn(org, children[1] ?? ""));
  const answers = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const { permission } = await checked(org, children[i % 3] ?? "", { estimated_cost_micros: 50 });
    return permission;
  }));
  assert.equal(answers.filter((permission) => permission === "allowed").length, 20);
  const left = async (id: string) => (await org.get(`/v1/mandates/${id}`)).body.budget?.settled;
  assert.equal(await left(parent), 1000);
  assert.equal((await left(children[0] ?? "")) + (await left(children[1] ?? "")), 1000);
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("what a part spends is settled and given back all the way up", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  await org.manage("PUT", "/v1/budgets/agent:shop-assistant", { limit_micros: 500, period: "day" });
  const parent = await granted(org, { budget: { limit_micros: 1000, period: "total" } });
  const child = await handedOn(org, parent, { agent: "helper" });
  const cost = { estimated_cost_micros: 300 };
  const { decision_id } = await checked(org, child, cost);
  const [entry] = await entriesOf(org, "permission.checked");
  const scopes = (entry?.data.reserved as { scope: string }[]).map(({ scope }) => scope);
  assert.deepEqual(scopes, ["agent:shop-assistant", `mandate:${parent}`]);
  // The agent that handed it on has a budget of its own, which it does not get around by that.
  assert.equal((await checked(org, child, cost)).resolved_from, "mandate_budget");
  const settled = await org.post("/v1/budgets/settle", { decision_id, actual_cost_micros: 100 });
  assert.equal(settled.status, 200, settled.text);
  const spent = async () => (await org.get(`/v1/mandates/${parent}`)).body.budget;
  assert.equal((await spent()).settled, 100);
  await checked(org, child, { ...cost, mint: true });
  assert.equal((await spent()).reserved, 300);
  countersign.clock.advance(10 * 60 * 1000);
  assert.deepEqual([(await spent()).settled, (await spent()).reserved], [100, 0]);
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("what was denied is not asked anew under another part of the same mandate", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), {
    ...BUNDLE,
    scopes: [{ tool: "refund", decision: "escalate" }],
  });
  const scopes = [{ tool: "refund", decision: "escalate" }];
  const parent = await granted(org);
  const [one, other] = [
    await handedOn(org, parent, { scopes }),
    await handedOn(org, parent, { scopes }),
  ];
  const ask = (mandate_id: string) =>
    org.post("/v1/approvals", { tool_name: "refund", mandate_id, reason: "please" });
  const asked = await ask(one);
  assert.equal(asked.status, 201, asked.text);
  const denied = await org.post(`/v1/approvals/${asked.body.id}/decide`, {
    decision: "deny",
    decided_by: "ann@example.com",
  }, org.approver);
  assert.equal(denied.status, 200, denied.text);
  for (const id of [one, other, parent]) assert.equal((await ask(id)).body.code, "recently_denied");
  assert.equal((await ask(await granted(org))).status, 201);
});

Deno.test("attack: an agent that is stopped has nobody else go on with its mandate", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const made = await org.manage("POST", "/v1/agents", { name: "one" });
  const parent = await granted(org, { bundle: undefined, agent: made.body.id, scopes: SCOPES });
  const stop = (path: string, active: boolean) =>
    org.manage("PATCH", path, { kill_switch: { active } });
  const hand = () => handOn(org, parent, { agent: "helper" }, made.body.token);
  for (const path of [`/v1/agents/${made.body.id}`, "/v1/org"]) {
    assert.equal((await stop(path, true)).status, 200);
    const got = await hand();
    assert.deepEqual([got.status, got.body.code, got.body.resolved_from], [
      403,
      "tool_disabled",
      "kill_switch",
    ]);
    assert.equal((await stop(path, false)).status, 200);
  }
  assert.equal((await hand()).status, 201);
});
