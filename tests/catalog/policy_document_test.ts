import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { configEntries, toolsToCancel } from "./changes.ts";

const NOTHING = { tools: [], categories: [], tenants: [], resources: [], rules: [] };
const DOCUMENT = {
  tools: [
    { name: "read", annotations_acknowledged: true, default_permission: "allowed" },
    { name: "ops/restart", annotations_acknowledged: true, tags: ["ops"] },
  ],
  categories: [{ name: "reading", default_permission: "allowed" }],
  tenants: [{ id: "acme", name: "Acme", metadata: { plan: "gold" } }],
  resources: [{ id: "server-1", type: "server" }],
  rules: [
    { selector: { tool_name: "ops/restart" }, permission: "requires_approval" },
    {
      selector: { tenant_id: "acme", tool_name: "ops/restart" },
      permission: "disabled",
      note: "n",
    },
  ],
};

async function put(
  org: TestOrg,
  document: unknown,
  options: { dryRun?: boolean; version?: string } = {},
) {
  const version = options.version ?? (await org.get("/v1/policy")).headers.get("etag") ?? "";
  const query = options.dryRun === undefined ? "" : `?dry_run=${options.dryRun}`;
  return await org.manage("PUT", `/v1/policy${query}`, document, { "if-match": version });
}
const apply = (org: TestOrg, document: unknown) => put(org, document, { dryRun: false });

Deno.test("A policy is one document: tried dry, applied in one version, read and sent back", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const empty = await org.get("/v1/policy");
  assert.equal(empty.status, 200);
  const { policy_version } = empty.body;
  assert.deepEqual(empty.body, { policy_version, ...NOTHING });
  assert.equal(empty.headers.get("etag"), `"${policy_version}"`);

  const added = {
    tools: [{ name: "read" }, { name: "ops/restart" }],
    categories: [{ name: "reading" }],
    tenants: [{ id: "acme" }],
    resources: [{ id: "server-1" }],
    rules: DOCUMENT.rules.map(({ selector, permission }) => ({ selector, permission })),
  };
  const warnings = [{
    code: "rests_on_optional_fact",
    fact: "tenant",
    tool_name: "ops/restart",
    path: "/rules/1",
  }];
  for (const dryRun of [undefined, true]) {
    const tried = await put(org, DOCUMENT, dryRun === undefined ? {} : { dryRun });
    assert.equal(tried.status, 200, tried.text);
    const dry = {
      dry_run: true,
      policy_version,
      added,
      changed: NOTHING,
      removed: NOTHING,
      warnings,
    };
    assert.deepEqual(tried.body, dry);
    assert.deepEqual((await org.get("/v1/policy")).body, empty.body, "a dry run writes nothing");
  }
  const applied = await apply(org, DOCUMENT);
  assert.equal(applied.status, 200);
  assert.deepEqual(applied.body, {
    dry_run: false,
    policy_version: policy_version + 1,
    added,
    changed: NOTHING,
    removed: NOTHING,
    warnings,
  });
  assert.equal(applied.headers.get("etag"), `"${policy_version + 1}"`);

  const read = await org.get("/v1/policy");
  assert.equal(read.body.policy_version, policy_version + 1);
  assert.deepEqual(read.body.rules, [{ ...DOCUMENT.rules[0], note: null }, DOCUMENT.rules[1]]);
  assert.deepEqual(read.body.tenants, DOCUMENT.tenants);
  assert.deepEqual(
    read.body.tools.map(({ name, status }: Record<string, string>) => [name, status]),
    [["ops/restart", "approved"], ["read", "approved"]],
  );
  const back = await apply(org, read.body);
  assert.deepEqual(back.body, {
    dry_run: false,
    policy_version: policy_version + 1,
    added: NOTHING,
    changed: NOTHING,
    removed: NOTHING,
    warnings: [],
  });
  const entries = await configEntries(org);
  assert.deepEqual(entries.map(({ type }) => type), [
    "tool.set",
    "tool.set",
    "category.set",
    "tenant.set",
    "resource.set",
    "rule.set",
    "rule.set",
  ]);
  const versions = new Set(entries.map(({ data }) => data.policy_version));
  assert.deepEqual(versions, new Set([policy_version + 1]));
});

Deno.test("What a document does not name goes: tools are archived, drafts stay", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await apply(org, DOCUMENT);
  await org.post("/v1/permissions/check", { tool_name: "odd" });
  const before = await org.get("/v1/tools/odd");
  const ruleId = (await org.get("/v1/rules")).body.data[0].id;

  const next = {
    tools: [{ ...DOCUMENT.tools[0], description: "Reads one file", risk_level: "low" }],
    categories: [{ name: "reading", default_permission: "disabled" }],
    tenants: [],
    resources: [],
    rules: [{ selector: { tool_name: "ops/restart" }, permission: "disabled" }],
  };
  const applied = await apply(org, next);
  assert.equal(applied.status, 200, applied.text);
  assert.deepEqual(applied.body.added, NOTHING);
  assert.deepEqual(applied.body.changed, {
    ...NOTHING,
    tools: [{ name: "read", fields: ["description", "risk_level"] }],
    categories: [{ name: "reading", fields: ["default_permission"] }],
    rules: [{
      selector: { tool_name: "ops/restart" },
      permission: "disabled",
      fields: ["permission"],
    }],
  });
  assert.deepEqual(applied.body.removed, {
    tools: [{ name: "ops/restart" }],
    categories: [],
    tenants: [{ id: "acme" }],
    resources: [{ id: "server-1" }],
    rules: [{
      selector: { tenant_id: "acme", tool_name: "ops/restart" },
      permission: "disabled",
    }],
  });
  assert.equal((await org.get("/v1/tools/ops/restart")).body.status, "archived");
  assert.deepEqual((await org.get("/v1/tools/odd")).body, before.body);
  assert.equal((await org.get("/v1/rules")).body.data[0].id, ruleId, "a rule keeps its id");
  assertProblem(await org.get("/v1/tenants/acme"), 404, "not_found");
  assertProblem(await org.get("/v1/resources/server-1"), 404, "not_found");
  assert.deepEqual(await toolsToCancel(org), ["read"]);
});

Deno.test("A list that is left out stays; a tenant that goes takes its rules along even then", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await apply(org, DOCUMENT);
  const same = await apply(org, {});
  assert.deepEqual([same.body.added, same.body.changed, same.body.removed], [
    NOTHING,
    NOTHING,
    NOTHING,
  ]);
  const applied = await apply(org, { tenants: [] });
  assert.equal(applied.status, 200, applied.text);
  assert.deepEqual(applied.body.removed.tenants, [{ id: "acme" }]);
  assert.equal(applied.body.removed.rules.length, 1);
  const { data } = (await org.get("/v1/rules")).body;
  assert.deepEqual(data.map(({ selector }: { selector: unknown }) => selector), [
    { tool_name: "ops/restart" },
  ]);
  assert.equal((await org.get("/v1/tools")).body.data.length, 2);
});

Deno.test("A document holds for the version that it was made from only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { policy_version } = (await org.get("/v1/policy")).body;
  for (const headers of [{}, { "if-match": "*" }, { "if-match": "" }]) {
    const got = await org.manage("PUT", "/v1/policy", DOCUMENT, headers);
    assertProblem(got, 428, "precondition_required");
  }
  for (const version of [`"${policy_version - 1}"`, `"${policy_version + 1}"`, "x", '"1", "2"']) {
    for (const dryRun of [true, false]) {
      const got = await put(org, DOCUMENT, { dryRun, version });
      assertProblem(got, 412, "precondition_failed");
      assert.equal(got.body.policy_version, policy_version);
    }
  }
  assert.equal((await put(org, DOCUMENT, { version: `${policy_version}` })).status, 200);
  for (const query of ["dry_run=no", "dry_run=", "dry=true"]) {
    const headers = { "if-match": `"${policy_version}"` };
    const got = await org.manage("PUT", `/v1/policy?${query}`, DOCUMENT, headers);
    assertProblem(got, 422, "invalid_request");
  }
});

Deno.test("Of two documents at once one wins, and the other is told that the policy changed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const version = (await org.get("/v1/policy")).headers.get("etag") ?? "";
  const document = (permission: string) => ({
    rules: [{ selector: { tool_name: "x" }, permission }],
  });
  const answers = await Promise.all([
    put(org, document("allowed"), { dryRun: false, version }),
    put(org, document("disabled"), { dryRun: false, version }),
  ]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412]);
  const winner = answers[0].status === 200 ? "allowed" : "disabled";
  const { data } = (await org.get("/v1/rules")).body;
  assert.deepEqual(data.map(({ permission }: { permission: string }) => permission), [winner]);
});

Deno.test("A document is refused as a whole for one bad row, naming it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.post("/v1/permissions/check", { tool_name: "odd" });
  const rule = { selector: { tool_name: "x" }, permission: "allowed" };
  const good = { name: "good", annotations_acknowledged: true };
  const cases: [unknown, string][] = [
    [{ tools: [good, { name: "a b" }] }, "/tools/1/name"],
    [{ tools: [good, good] }, "/tools/1"],
    [{ tools: [{ name: "x", parameters: { type: "array" } }] }, "/tools/0/parameters/type"],
    [{ tools: [{ name: "x", status: "approved" }] }, "/tools/0/annotations_acknowledged"],
    [{ tools: [{ ...good, name: "odd" }] }, "/tools/0/default_permission"],
    [{ categories: [{ name: "a" }, { name: "a" }] }, "/categories/1"],
    [{ tenants: [{ id: "jo@example.com" }] }, "/tenants/0/id"],
    [{ tenants: [{ id: "a" }, { id: "a" }] }, "/tenants/1"],
    [{ tenants: [{ id: ".." }] }, "/tenants/0/id"],
    [{ resources: [{ id: "..." }, { id: "." }] }, "/resources/1/id"],
    [{ resources: [{ id: "jo@example.com" }] }, "/resources/0/id"],
    [{ rules: [rule, { ...rule, selector: { tool_name: "x", tag: null } }] }, "/rules/1"],
    [
      { rules: [{ ...rule, selector: { resource_id: "jo@example.com" } }] },
      "/rules/0/selector/resource_id",
    ],
    [{ tool: [] }, "/tool"],
  ];
  for (const [document, path] of cases) {
    for (const dryRun of [true, false]) {
      assertProblem(await put(org, document, { dryRun }), 422, "invalid_request", path);
    }
  }
  const selector = { rules: [{ ...rule, selector: { tenant_id: "acme" } }] };
  assertProblem(await apply(org, selector), 422, "invalid_selector");
  assertProblem(await org.get("/v1/tools/good"), 404, "not_found");
});

Deno.test("A document releases no kill switch that a key may not release", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const tool = { name: "x", annotations_acknowledged: true };
  await apply(org, { tools: [{ ...tool, kill_switch: { active: true } }] });
  await org.member("jo@example.com", { role: "owner", has_passkey: true });
  const released = { tools: [{ ...tool, kill_switch: { active: false } }] };
  assertProblem(await apply(org, released), 403, "owner_required");
  assertProblem(await put(org, released), 403, "owner_required");
  const silent = await apply(org, { tools: [{ ...tool, description: "d" }] });
  assert.equal(silent.status, 200);
  assert.equal((await org.get("/v1/tools/x")).body.kill_switch.active, true);
});
