import assert from "node:assert/strict";
import {
  isWithinWall,
  mayKnowOf,
  requireAllTenants,
  tenantWithin,
  walledTenant,
  wallRefusal,
} from "../../lib/identity/caller.ts";
import { Refusal } from "../../lib/refusal.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";

const UNBOUND = { tenant_ids: null };
const NOWHERE = { tenant_ids: [] };
const ACME = { tenant_ids: ["acme"] };
const BOTH = { tenant_ids: ["acme", "globex"] };

/** Who asks, the tenant that is named, whether it lies within the wall, and what becomes of it. */
const TABLE = [
  [UNBOUND, null, true, null],
  [UNBOUND, "acme", true, "acme"],
  [UNBOUND, "", true, ""],
  [NOWHERE, null, false, "refused"],
  [NOWHERE, "acme", false, "refused"],
  [ACME, null, false, "acme"],
  [ACME, "acme", true, "acme"],
  [ACME, "globex", false, "refused"],
  [ACME, "ACME", false, "refused"],
  [ACME, "", false, "refused"],
  [BOTH, null, false, "refused"],
  [BOTH, "acme", true, "acme"],
  [BOTH, "globex", true, "globex"],
  [BOTH, "initech", false, "refused"],
] as const;

/** The data of a refusal by the wall; anything else as it is. */
function told(result: unknown): unknown {
  if (!(result instanceof Refusal)) return result;
  assert.equal(result.code, "tenant_not_permitted");
  return result.data;
}

function thrown(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

Deno.test("The wall answers the same however it is asked", () => {
  for (const [caller, tenant, within, becomes] of TABLE) {
    const row = JSON.stringify([caller, tenant]);
    const refused = { tenant_id: tenant, permitted: caller.tenant_ids };
    assert.equal(isWithinWall(caller, tenant), within, row);
    assert.deepEqual(told(wallRefusal(caller, tenant)), within ? null : refused, row);
    const expected = becomes === "refused" ? refused : becomes;
    assert.deepEqual(told(walledTenant(caller, tenant)), expected, row);
    assert.deepEqual(told(thrown(() => tenantWithin(caller, tenant))), expected, row);
  }
});

Deno.test("What concerns all tenants is for who is bound to none", () => {
  requireAllTenants(UNBOUND);
  for (const caller of [NOWHERE, ACME, BOTH]) {
    const refused = { tenant_id: null, permitted: caller.tenant_ids };
    assert.deepEqual(told(thrown(() => requireAllTenants(caller))), refused);
  }
});

Deno.test("What names tenants is known to who is within the wall of each; what names none, to all", () => {
  const known = [
    [UNBOUND, ["acme", "initech"], true],
    [ACME, ["acme"], true],
    [ACME, ["acme", "globex"], false],
    [BOTH, ["acme", "globex"], true],
    [NOWHERE, ["acme"], false],
  ] as const;
  for (const [caller, tenants, knows] of known) {
    assert.equal(mayKnowOf(caller, tenants), knows, JSON.stringify([caller, tenants]));
  }
  for (const caller of [UNBOUND, NOWHERE, ACME, BOTH]) {
    assert.ok(mayKnowOf(caller, null));
    assert.ok(mayKnowOf(caller, []));
  }
});

const CHECK = "/v1/permissions/check";

/** A key or an agent bound to tenants, each made over REST. */
async function bound(org: TestOrg, tenant_ids: string[]): Promise<string[]> {
  const key = await org.manage("POST", "/v1/api-keys", { name: "k", tier: "standard", tenant_ids });
  const agent = await org.manage("POST", "/v1/agents", { name: "a", tenant_ids });
  return [key.body.key, agent.body.token];
}

Deno.test("A credential with one tenant acts for it, named or not, and for no other", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const action = { tool_name: "restart" };
  const named = await org.post(CHECK, { ...action, tenant_id: "acme" });
  for (const secret of await bound(org, ["acme"])) {
    for (const tenant of [{}, { tenant_id: null }, { tenant_id: "acme" }]) {
      const got = await org.post(CHECK, { ...action, ...tenant }, secret);
      assert.equal(got.status, 200);
      assert.equal(got.body.action_digest, named.body.action_digest);
    }
    for (const tenant_id of ["other", "ACME", "acme.", "acm"]) {
      const got = await org.post(CHECK, { ...action, tenant_id }, secret);
      assert.equal(got.status, 403);
      assert.equal(got.body.code, "tenant_not_permitted");
      assert.deepEqual(got.body.next, { tenant_ids: ["acme"] });
    }
  }
});

Deno.test("A credential with several tenants must name one of them", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const action = { tool_name: "restart" };
  for (const secret of await bound(org, ["acme", "globex"])) {
    for (const tenant_id of ["acme", "globex"]) {
      assert.equal((await org.post(CHECK, { ...action, tenant_id }, secret)).status, 200);
    }
    for (const tenant of [{}, { tenant_id: null }, { tenant_id: "initech" }]) {
      const got = await org.post(CHECK, { ...action, ...tenant }, secret);
      assert.equal(got.status, 403);
      assert.equal(got.body.code, "tenant_not_permitted");
    }
  }
});

Deno.test("A credential without tenants acts for any, and for none", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  for (const tenant of [{}, { tenant_id: "acme" }, { tenant_id: "globex" }]) {
    const got = await org.post(CHECK, { tool_name: "restart", ...tenant });
    assert.equal(got.status, 200);
  }
});

Deno.test("A wall put around an agent holds on its next call", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const made = await org.manage("POST", "/v1/agents", { name: "a" });
  const ask = () => org.post(CHECK, { tool_name: "restart", tenant_id: "globex" }, made.body.token);
  assert.equal((await ask()).status, 200);
  await org.manage("PATCH", `/v1/agents/${made.body.id}`, { tenant_ids: ["acme"] });
  assert.equal((await ask()).body.code, "tenant_not_permitted");
  await org.manage("PATCH", `/v1/agents/${made.body.id}`, { tenant_ids: null });
  assert.equal((await ask()).status, 200);
});
