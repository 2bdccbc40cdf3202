import assert from "node:assert/strict";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { LargePolicy } from "../helpers/large_policy.ts";
import { assertProblem } from "../helpers/refused.ts";
import { configEntries, toolsToCancel } from "./changes.ts";

const NOTHING = { tools: [], categories: [], tenants: [], resources: [], rules: [] };
const DOCUMENT = {
  tools: [
    { name: "read", annotations_acknowledged: true, default_permission: "allowed" },
    { name: "ops/restart", annotations_acknowledged: true, tags: ["ops"], description: "Restarts" },
  ],
  categories: [{ name: "reading", default_permission: "allowed" }, { name: "money" }],
  tenants: [{ id: "acme", name: "Acme" }, { id: "zeta" }],
  resources: [{ id: "server-1", type: "server" }, { id: "server-2" }],
  rules: [
    { selector: { tool_name: "ops/restart" }, permission: "requires_approval" },
    { selector: { tool_name: "read", method: "GET" }, permission: "allowed" },
    { selector: { tenant_id: "acme", tool_name: "read" }, permission: "requires_approval" },
    { selector: { tenant_id: "zeta", tool_name: "read" }, permission: "allowed" },
  ],
};

async function edit(
  org: TestOrg,
  method: "PUT" | "PATCH",
  body: unknown,
  { query = "?dry_run=false", version = "" } = {},
): Promise<Got> {
  const etag = version || ((await org.get("/v1/policy")).headers.get("etag") ?? "");
  return await org.manage(method, `/v1/policy${query}`, body, { "if-match": etag });
}
const patch = (org: TestOrg, body: unknown, options = {}) => edit(org, "PATCH", body, options);

Deno.test("A patch changes the rows that it names, whole, in one version, and nothing else", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await edit(org, "PUT", DOCUMENT);
  const before = (await org.get("/v1/policy")).body;
  const entriesBefore = (await configEntries(org)).length;
  const body = {
    put: {
      tools: [
        { name: "ops/restart", annotations_acknowledged: true },
        { name: "write", annotations_acknowledged: true },
      ],
      tenants: [{ id: "beta", name: "Beta" }],
      rules: [{ selector: { tool_name: "read", method: "get" }, permission: "disabled" }],
    },
    remove: {
      tools: ["read"],
      categories: ["money"],
      resources: ["server-2"],
      rules: [{ tool_name: "ops/restart" }],
    },
  };
  const difference = {
    added: { ...NOTHING, tools: [{ name: "write" }], tenants: [{ id: "beta" }] },
    changed: {
      ...NOTHING,
      tools: [{ name: "ops/restart", fields: ["description", "tags"] }],
      rules: [{
        selector: { tool_name: "read", method: "get" },
        permission: "disabled",
        fields: ["selector", "permission"],
      }],
    },
    removed: {
      tools: [{ name: "read" }],
      categories: [{ name: "money" }],
      tenants: [],
      resources: [{ id: "server-2" }],
      rules: [{ selector: { tool_name: "ops/restart" }, permission: "requires_approval" }],
    },
    warnings: [],
  };
  const { policy_version } = before;
  for (const query of ["", "?dry_run=true"]) {
    const dry = await patch(org, body, { query });
    assert.deepEqual(dry.body, { dry_run: true, policy_version, ...difference });
    assert.deepEqual((await org.get("/v1/policy")).body, before);
  }
  const got = await patch(org, body);
  assert.equal(got.status, 200, got.text);
  assert.deepEqual(got.body, {
    dry_run: false,
    policy_version: policy_version + 1,
    ...difference,
  });
  assert.equal(got.headers.get("etag"), `"${policy_version + 1}"`);
  const after = (await org.get("/v1/policy")).body;
  const statuses = after.tools.map(({ name, status }: Record<string, string>) => [name, status]);
  assert.deepEqual(statuses, [
    ["ops/restart", "approved"],
    ["read", "archived"],
    ["write", "approved"],
  ]);
  assert.deepEqual(after.categories, [before.categories[1]]);
  assert.deepEqual(after.tenants.map(({ id }: { id: string }) => id), ["acme", "beta", "zeta"]);
  assert.deepEqual(after.resources, [before.resources[0]]);
  assert.deepEqual(after.rules.slice(1), before.rules.slice(2), "other rules stay");
  assert.equal((await configEntries(org)).length, entriesBefore + 8);
  assert.deepEqual((await toolsToCancel(org)).sort(), ["ops/restart"]);
});

Deno.test("A patch of nothing, or of what is so already, changes nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await edit(org, "PUT", DOCUMENT);
  const { policy_version } = (await org.get("/v1/policy")).body;
  for (const body of [{}, { put: {}, remove: {} }, { put: DOCUMENT }]) {
    const got = await patch(org, body);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.body.policy_version, policy_version);
  }
});

Deno.test("What a patch removes has to be there, once, and not to be put as well", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await edit(org, "PUT", DOCUMENT);
  const before = (await org.get("/v1/policy")).body;
  const [rule] = (await org.get("/v1/rules?tool_name=ops/restart")).body.data;
  const read = DOCUMENT.tools[0];
  const cases: [unknown, string][] = [
    [{ remove: { tools: ["read", "absent"] } }, "/remove/tools/1"],
    [{ remove: { categories: ["absent"] } }, "/remove/categories/0"],
    [{ remove: { tenants: ["absent"] } }, "/remove/tenants/0"],
    [{ remove: { resources: ["absent"] } }, "/remove/resources/0"],
    [{ remove: { rules: [{ tool_name: "absent" }] } }, "/remove/rules/0"],
    [{ remove: { rules: ["rul_01arz3ndektsv4rrffq69g5fav"] } }, "/remove/rules/0"],
    [{ remove: { rules: [rule.id, { tool_name: "ops/restart" }] } }, "/remove/rules/1"],
    [{ remove: { tools: ["read", "read"] } }, "/remove/tools/1"],
    [{ put: { tools: [read] }, remove: { tools: ["read"] } }, "/remove/tools/0"],
    [
      {
        put: { rules: [{ selector: { tool_name: "read", method: "get" }, permission: "allowed" }] },
        remove: { rules: [{ tool_name: "read", method: "GET" }] },
      },
      "/remove/rules/0",
    ],
    [
      { put: { tools: [{ name: "x", status: "approved" }] } },
      "/put/tools/0/annotations_acknowledged",
    ],
    [
      { put: { tools: [{ name: "x", parameters: { type: "array" } }] } },
      "/put/tools/0/parameters/type",
    ],
    [{ put: { tenants: [{ id: "jo@example.com" }] } }, "/put/tenants/0/id"],
    [{ put: { policy_version: 1 } }, "/put/policy_version"],
    [{ remove: { rules: [7] } }, "/remove/rules/0"],
    [{ tools: [] }, "/tools"],
  ];
  for (const [body, path] of cases) {
    for (const query of ["", "?dry_run=false"]) {
      assertProblem(await patch(org, body, { query }), 422, "invalid_request", path);
    }
  }
  const selector = { put: { rules: [{ selector: { tenant_id: "acme" }, permission: "allowed" }] } };
  assertProblem(await patch(org, selector), 422, "invalid_selector", "/put/rules/0/selector");
  assert.deepEqual((await org.get("/v1/policy")).body, before);
});

Deno.test("A patch holds for the version that it was made from only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const none = await org.manage("PATCH", "/v1/policy", {});
  assertProblem(none, 428, "precondition_required");
  const { policy_version } = (await org.get("/v1/policy")).body;
  for (const query of ["", "?dry_run=false"]) {
    const got = await patch(org, {}, { query, version: `"${policy_version - 1}"` });
    assertProblem(got, 412, "precondition_failed");
  }
});

Deno.test("A tenant that a patch removes takes its rules along, but for those that it puts", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await edit(org, "PUT", DOCUMENT);
  const kept = { selector: { tenant_id: "acme", tool_name: "read" }, permission: "disabled" };
  const got = await patch(org, {
    put: { rules: [kept] },
    remove: { tenants: ["acme", "zeta"] },
  });
  assert.equal(got.status, 200, got.text);
  assert.deepEqual(got.body.removed.rules, [DOCUMENT.rules[3]]);
  assert.deepEqual(got.body.removed.tenants, [{ id: "acme" }, { id: "zeta" }]);
  const { rules } = (await org.get("/v1/policy")).body;
  assert.equal(rules.length, 3);
  assert.deepEqual(rules[2], { ...kept, note: null });
});

Deno.test("A patch archives a draft, and releases no kill switch that a key may not release", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.post("/v1/permissions/check", { tool_name: "odd" });
  assert.equal((await patch(org, { remove: { tools: ["odd"] } })).status, 200);
  assert.equal((await org.get("/v1/tools/odd")).body.status, "archived");
  const tool = { name: "x", annotations_acknowledged: true };
  await patch(org, { put: { tools: [{ ...tool, kill_switch: { active: true } }] } });
  await org.member("jo@example.com", { role: "owner", has_passkey: true });
  const released = { put: { tools: [{ ...tool, kill_switch: { active: false } }] } };
  assertProblem(await patch(org, released), 403, "owner_required");
});

Deno.test("A patch may be as large as a policy", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await edit(org, "PUT", { tools: [{ name: "stays", annotations_acknowledged: true }] });
  const { tools: _, ...put } = new LargePolicy(10, 1200).document();
  const got = await patch(org, { put });
  assert.equal(got.status, 200, got.text.slice(0, 500));
  const rules = got.body.added.rules.map(({ selector }: { selector: unknown }) => selector);
  const removed = await patch(org, { remove: { rules } });
  assert.equal(removed.status, 200, removed.text.slice(0, 500));
  const policy = (await org.get("/v1/policy")).body;
  assert.deepEqual(policy.rules, []);
  assert.equal(policy.tools[0].status, "approved");
  assert.equal(policy.tenants.length, 1);
});
