import assert from "node:assert/strict";
import { loadSnapshot, refreshSnapshot } from "../../lib/ledger/load_snapshot.ts";
import { ruleKey, rulePrefix } from "../../lib/store/keys.ts";
import type { RuleRecord } from "../../lib/store/records/policy.ts";
import type { Permission } from "../../lib/store/records/vocabulary.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { aRule } from "../helpers/policy_records.ts";
import { assertProblem } from "../helpers/refused.ts";
import { configEntries } from "./changes.ts";

const CHECK = "/v1/permissions/check";

const put = (org: TestOrg, selector: Record<string, string>, permission: Permission) =>
  org.manage("PUT", "/v1/rules", { selector, permission });

async function putPolicy(org: TestOrg, document: unknown, dryRun: boolean): Promise<Got> {
  const version = (await org.get("/v1/policy")).headers.get("etag") ?? "";
  const headers = { "if-match": version };
  return await org.manage("PUT", `/v1/policy?dry_run=${dryRun}`, document, headers);
}

/** The selectors' methods of the rules that the store holds. */
async function storedMethods(org: TestOrg): Promise<(string | null)[]> {
  const { kv } = org.countersign.services.deps;
  const rows = await Array.fromAsync(kv.list<RuleRecord>({ prefix: [...rulePrefix(org.id)] }));
  return rows.map(({ value }) => value.selector.method);
}

/** Rules as a store of before may hold them, by their methods. */
async function storeOld(org: TestOrg, tenant_id: string | null, rules: [string, Permission][]) {
  await org.transact((transaction) => {
    for (const [method, permission] of rules) {
      const id = transaction.id("rul");
      const rule = aRule(id, { tenant_id, tool_name: "wipe", method }, permission);
      transaction.setPolicy(ruleKey(org.id, rule.selector), rule);
    }
  });
}

Deno.test("A rule whose method is spelled otherwise is the same rule, under the new spelling", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  const node = await loadSnapshot(kv, org.id);
  const made = await put(org, { tool_name: "wipe", method: "DELETE" }, "disabled");
  assert.equal(made.status, 201);
  await refreshSnapshot(kv, node);

  const again = await put(org, { tool_name: "wipe", method: "delete" }, "disabled");
  assert.equal(again.status, 200, again.text);
  assert.equal(again.body.id, made.body.id);
  assert.deepEqual(again.body.selector, { tool_name: "wipe", method: "delete" });
  assert.equal(again.body.policy_version, made.body.policy_version + 1);
  const { data } = (await org.get("/v1/rules")).body;
  assert.deepEqual(data.map(({ selector }: RuleRecord) => selector.method), ["delete"]);
  assert.deepEqual(await storedMethods(org), ["delete"]);

  const other = await put(org, { tool_name: "wipe", method: "Delete" }, "requires_approval");
  assert.equal(other.body.id, made.body.id);
  for (const snapshot of [await refreshSnapshot(kv, node), await loadSnapshot(kv, org.id)]) {
    const rules = [...snapshot.rules].map(({ selector, permission }) => [
      selector.method,
      permission,
    ]);
    assert.deepEqual(rules, [["Delete", "requires_approval"]]);
  }
  const entries = (await configEntries(org)).map(({ type, data: { changed } }) => [type, changed]);
  const selector = { tenant_id: null, resource_id: null, tool_name: "wipe", tag: null };
  assert.deepEqual(entries, [
    ["rule.set", { permission: "disabled" }],
    ["rule.set", { selector: { ...selector, method: "delete" } }],
    ["rule.set", { selector: { ...selector, method: "Delete" }, permission: "requires_approval" }],
  ]);
});

Deno.test("A check finds a rule in whatever case, and the digest has the method as it was sent", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wipe");
  await put(org, { tool_name: "wipe", method: "DELETE" }, "disabled");
  const digests = new Set<string>();
  for (const method of ["DELETE", "delete", "Delete"]) {
    const { body } = await org.post(CHECK, { tool_name: "wipe", method });
    assert.equal(body.resolved_from, "org_tool_method");
    digests.add(body.action_digest);
  }
  assert.equal(digests.size, 3);
  for (const method of ["", " DELETE", "DELETE ", "D\u00c9LETE", "DEL\u200bETE", "x".repeat(65)]) {
    for (const path of [CHECK, "/v1/tokens/mint"]) {
      const got = await org.post(path, { tool_name: "wipe", method });
      assertProblem(got, 422, "invalid_request", "/method");
    }
    const got = await put(org, { method }, "disabled");
    assertProblem(got, 422, "invalid_request", "/selector/method");
  }
});

Deno.test("Of stored rules that differ in case alone the stricter stands until the rule is written", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wipe");
  const check = async (method: string) =>
    (await org.post(CHECK, { tool_name: "wipe", method })).body.permission;
  const old: [string, Permission][] = [
    ["delete", "allowed"],
    ["DELETE", "disabled"],
    ["Delete", "requires_approval"],
  ];
  await storeOld(org, null, old);
  for (const [method] of old) assert.equal(await check(method), "disabled");
  const { data } = (await org.get("/v1/rules")).body;
  assert.deepEqual(data.map(({ selector }: RuleRecord) => selector.method), ["DELETE"]);

  await put(org, { tool_name: "wipe", method: "delete" }, "allowed");
  assert.deepEqual(await storedMethods(org), ["delete"]);
  for (const [method] of old) assert.equal(await check(method), "allowed");

  await storeOld(org, null, old.slice(1));
  const [rule] = (await org.get("/v1/rules")).body.data;
  assert.equal(rule.permission, "disabled");
  assert.equal((await org.manage("DELETE", `/v1/rules/${rule.id}`)).status, 200);
  assert.deepEqual(await storedMethods(org), []);
  assert.deepEqual((await org.get("/v1/rules")).body.data, []);
});

Deno.test("A document knows rules in whatever case, and takes out what is stored beside them", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const rule = (method: string, permission: Permission) => ({
    selector: { tool_name: "wipe", method },
    permission,
    note: null,
  });
  const twice = { rules: [rule("DELETE", "disabled"), rule("delete", "allowed")] };
  assertProblem(await putPolicy(org, twice, true), 422, "invalid_request", "/rules/1");

  await storeOld(org, null, [["DELETE", "disabled"], ["delete", "allowed"]]);
  const { rules } = (await org.get("/v1/policy")).body;
  assert.deepEqual(rules, [rule("DELETE", "disabled")]);
  const same = await putPolicy(org, { rules }, true);
  assert.deepEqual([same.body.added.rules, same.body.changed.rules], [[], []]);

  const respelled = { rules: [rule("delete", "disabled")] };
  for (const dryRun of [true, false]) {
    const got = await putPolicy(org, respelled, dryRun);
    assert.deepEqual(got.body.added.rules, []);
    assert.deepEqual(got.body.changed.rules, [{
      selector: { tool_name: "wipe", method: "delete" },
      permission: "disabled",
      fields: ["selector"],
    }]);
    assert.deepEqual(got.body.removed.rules, [{
      selector: { tool_name: "wipe", method: "delete" },
      permission: "allowed",
    }]);
  }
  assert.deepEqual(await storedMethods(org), ["delete"]);

  await storeOld(org, null, [["DELETE", "disabled"], ["dELETE", "allowed"]]);
  const emptied = await putPolicy(org, { rules: [] }, false);
  assert.equal(emptied.body.removed.rules.length, 3);
  assert.deepEqual(await storedMethods(org), []);
});

Deno.test("A tenant that goes takes along what is stored beside its rules", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const rules: [string, Permission][] = [["DELETE", "disabled"], ["delete", "allowed"]];
  await org.manage("PUT", "/v1/tenants/acme", {});
  await storeOld(org, "acme", rules);
  const removed = await org.manage("DELETE", "/v1/tenants/acme");
  assert.equal(removed.body.rules_removed, 2, removed.text);
  assert.deepEqual(await storedMethods(org), []);

  await org.manage("PUT", "/v1/tenants/acme", {});
  await storeOld(org, "acme", rules);
  assert.equal((await putPolicy(org, { tenants: [] }, false)).status, 200);
  assert.deepEqual(await storedMethods(org), []);
});
