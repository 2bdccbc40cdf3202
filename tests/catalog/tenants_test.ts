import assert from "node:assert/strict";
import { removeTenant } from "../../lib/catalog/tenants.ts";
import { asCaller } from "../../lib/identity/acting.ts";
import { KV_LIMITS } from "../../lib/ledger/commit_limits.ts";
import { apiKeyKey, orgKey, ruleKey } from "../../lib/store/keys.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { configEntries, namesOf } from "./changes.ts";

const CHECK = "/v1/permissions/check";

Deno.test("A tenant is registered, read, changed and removed, each in the log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const path = "/v1/tenants/acme";
  assertProblem(await org.get(path), 404, "not_found");
  assertProblem(await org.manage("PATCH", path, {}), 404, "not_found");
  assertProblem(await org.manage("DELETE", path), 404, "not_found");

  const fields = { name: "Acme Ltd", metadata: { plan: "gold", seats: 3 } };
  const made = await org.manage("PUT", path, fields);
  assert.equal(made.status, 201);
  const { policy_version, ...tenant } = made.body;
  assert.deepEqual(tenant, { id: "acme", ...fields, created_at: "2026-01-01T00:00:00.000Z" });
  assert.deepEqual((await org.get(path)).body, tenant);
  const again = await org.manage("PUT", path, {
    metadata: { seats: 3, plan: "gold" },
    name: "Acme Ltd",
  });
  assert.equal(again.status, 200);
  assert.deepEqual(again.body, made.body, "what changes nothing makes no version");

  const changed = await org.manage("PATCH", path, { metadata: {} });
  assert.deepEqual(changed.body, {
    ...tenant,
    metadata: {},
    policy_version: policy_version + 1,
  });
  const replaced = await org.manage("PUT", path, {});
  assert.deepEqual(replaced.body, {
    ...tenant,
    name: null,
    metadata: {},
    policy_version: policy_version + 2,
  });
  const removed = await org.manage("DELETE", path);
  assert.equal(removed.status, 200);
  assert.deepEqual(removed.body, {
    ...replaced.body,
    removed: true,
    rules_removed: 0,
    policy_version: policy_version + 3,
  });
  assertProblem(await org.get(path), 404, "not_found");

  const entries = await configEntries(org);
  assert.deepEqual(
    entries.map(({ type }) => type),
    ["tenant.set", "tenant.set", "tenant.set", "tenant.removed"],
  );
  assert.deepEqual(entries.map(({ subject }) => subject), Array(4).fill({ tenant: "acme" }));
  const { metadata_digest, name_digest, ...first } = entries[0]?.data ?? {};
  assert.match(String(metadata_digest), /^sha256:/);
  assert.match(String(name_digest), /^sha256:/);
  assert.deepEqual(first, { changed: {}, digest_version: 2, policy_version });
});

Deno.test("A tenant refuses what does not fit", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const cases: [unknown, string][] = [
    [{ name: "" }, "/name"],
    [{ name: "a\u202eb" }, "/name"],
    [{ metadata: [] }, "/metadata"],
    [{ metadata: null }, "/metadata"],
    [{ metadata: { text: "x".repeat(17_000) } }, "/metadata"],
    [{ id: "other" }, "/id"],
  ];
  for (const [body, path] of cases) {
    for (const kind of ["tenants", "resources"]) {
      const got = await org.manage("PUT", `/v1/${kind}/acme`, body);
      assertProblem(got, 422, "invalid_request", path);
    }
  }
  for (const kind of ["tenants", "resources"]) {
    for (const id of ["x".repeat(129), "a%20", "a%00b", "a%E2%80%AEb", "e%CC%81", "a%EF%BB%BF"]) {
      const got = await org.manage("PUT", `/v1/${kind}/${id}`, {});
      assertProblem(got, 422, "invalid_request", "/id");
    }
  }
});

Deno.test("An id that looks like an e-mail address is refused unless the org allows it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const email = "jo@example.com";
  for (const id of [email, "user:jo@example.com/1", "JO%40EXAMPLE.COM", "jo＠example.com"]) {
    for (const kind of ["tenants", "resources"]) {
      const got = await org.manage(
        "PUT",
        `/v1/${kind}/${encodeURIComponent(id)}`,
        {},
      );
      assertProblem(got, 422, "invalid_request", "/id");
    }
  }
  for (const part of ["tenant_id", "resource_id"]) {
    const selector = { tool_name: "x", [part]: email };
    const got = await org.manage("PUT", "/v1/rules", { selector, permission: "allowed" });
    assertProblem(got, 422, "invalid_request", `/selector/${part}`);
  }
  assert.equal((await org.manage("PUT", "/v1/tenants/@acme", {})).status, 201);

  await org.transact((transaction) => {
    const { org: record } = transaction.snapshot;
    transaction.setPolicy(orgKey(record.id), { ...record, allow_personal_ids: true });
  });
  assert.equal((await org.manage("PUT", `/v1/tenants/${email}`, {})).status, 201);
  const selector = { tenant_id: email, resource_id: email };
  const rule = await org.manage("PUT", "/v1/rules", { selector, permission: "allowed" });
  assert.equal(rule.status, 201);
});

Deno.test("GET /v1/tenants pages by id in the order of the store", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const other = await countersign.org();
  await other.manage("PUT", "/v1/tenants/theirs", {});
  const ids = ["a", "a0", "aa", "b/c", "é", "__proto__", "ab", "a b"];
  for (const id of ids) {
    assert.equal(
      (await org.manage("PUT", `/v1/tenants/${encodeURIComponent(id)}`, {})).status,
      201,
    );
  }
  for (const limit of [1, 3, 200]) {
    assert.deepEqual(await namesOf(org, "/v1/tenants", "id", limit), ids.toSorted());
  }
});

Deno.test("Removing a tenant removes its 2,500 rules and no other", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  await org.manage("PUT", "/v1/tenants/acme", {});
  await org.manage("PUT", "/v1/tenants/bolt", {});
  await addRules(org, "acme", 2500);
  await addRules(org, "bolt", 3);
  const ofOrg = { selector: { tool_name: "x" }, permission: "disabled" };
  await org.manage("PUT", "/v1/rules", ofOrg);

  const removed = await org.manage("DELETE", "/v1/tenants/acme");
  assert.equal(removed.status, 200);
  assert.equal(removed.body.rules_removed, 2500);
  assert.equal(removed.body.removed, true);
  assert.deepEqual((await org.get("/v1/rules?tenant_id=acme")).body.data, []);
  assert.equal((await org.get("/v1/rules")).body.data.length, 4);
  assertProblem(await org.manage("DELETE", "/v1/tenants/acme"), 404, "not_found");

  const entries = await configEntries(org);
  const types = entries.slice(3).map(({ type }) => type);
  assert.equal(types[0], "tenant.removed", "the tenant goes first");
  assert.deepEqual(new Set(types.slice(1)), new Set(["rule.removed"]));
  assert.equal(types.length, 2501);
});

Deno.test("A removal that is cut off has only narrowed, and removing again finishes it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { ledgers, credentials } = countersign.services;
  await org.tool("restart", { default_permission: "disabled" });
  await org.manage("PUT", "/v1/tenants/acme", {});
  const selector = { tenant_id: "acme", tool_name: "restart" };
  await addRules(org, "acme", 600);
  await org.manage("PUT", "/v1/rules", { selector, permission: "allowed" });
  const check = async () => {
    const got = await org.post(CHECK, { tool_name: "restart", tenant_id: "acme" });
    return `${got.body.permission} ${got.body.resolved_from}`;
  };
  assert.equal(await check(), "allowed tenant_tool");

  const presented = await credentials.present(await org.key("management"));
  let commits = 0;
  const cutOff = removeTenant(
    async (operation) => {
      // The key is revoked while the removal runs: its next commit is refused.
      if (++commits === 2) await revokeNewestKey(org);
      return await ledgers.transact(org.id, asCaller(presented, ["management"], operation));
    },
    "acme",
    "req_test",
  );
  await assert.rejects(cutOff, { code: "invalid_credentials" });
  assertProblem(await org.get("/v1/tenants/acme"), 404, "not_found");
  assert.equal(await check(), "requires_approval gate_unknown_tenant");

  const finished = await org.manage("DELETE", "/v1/tenants/acme");
  assert.equal(finished.status, 200);
  const { policy_version: _, rules_removed, ...body } = finished.body;
  assert.deepEqual(body, {
    id: "acme",
    name: null,
    metadata: {},
    created_at: null,
    removed: true,
  });
  assert.ok(rules_removed > 0 && rules_removed < 601, `${rules_removed}`);
  assert.equal(await check(), "disabled tool_default");
});

Deno.test("A tenant that is registered anew during its removal keeps what is left", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { ledgers, credentials } = countersign.services;
  await org.manage("PUT", "/v1/tenants/acme", {});
  await addRules(org, "acme", 600);
  const presented = await credentials.present(org.management);
  let commits = 0;
  const { rules_removed } = await removeTenant(
    async (operation) => {
      if (++commits === 2) await org.manage("PUT", "/v1/tenants/acme", {});
      return await ledgers.transact(org.id, asCaller(presented, ["management"], operation));
    },
    "acme",
    "req_test",
  );
  assert.equal((await org.get("/v1/tenants/acme")).status, 200);
  const left = await namesOf(org, "/v1/rules?tenant_id=acme", "id", 200);
  assert.equal(left.length, 600 - rules_removed);
  assert.ok(left.length > 0);
});

async function revokeNewestKey(org: TestOrg): Promise<void> {
  await org.transact((transaction) => {
    const newest = [...transaction.snapshot.apiKeys.keys()].sort().at(-1) ?? "";
    transaction.deletePolicy(apiKeyKey(org.id, newest));
  });
}

async function addRules(org: TestOrg, tenant: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += 400) {
    await org.transact((transaction) => {
      for (let i = from; i < Math.min(count, from + 400); i++) {
        const selector = {
          tenant_id: tenant,
          resource_id: `server-${i}`,
          tool_name: null,
          method: null,
          tag: null,
        };
        transaction.setPolicy(ruleKey(org.id, selector), {
          id: transaction.id("rul"),
          selector,
          permission: "allowed",
          note: null,
          created_at: transaction.at,
          updated_at: transaction.at,
        });
      }
      assert.ok(transaction.writes.size <= KV_LIMITS.mutations);
    });
  }
}
