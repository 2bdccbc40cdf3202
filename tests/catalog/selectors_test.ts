import assert from "node:assert/strict";
import { ruleKey } from "../../lib/store/keys.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { aRule } from "../helpers/policy_records.ts";
import { assertProblem } from "../helpers/refused.ts";

const put = (org: TestOrg, selector: Record<string, string>, permission = "disabled") =>
  org.manage("PUT", "/v1/rules", { selector, permission });

async function putPolicy(org: TestOrg, document: unknown, dryRun = false): Promise<Got> {
  const version = (await org.get("/v1/policy")).headers.get("etag") ?? "";
  const path = `/v1/policy?dry_run=${dryRun}`;
  return await org.manage("PUT", path, document, { "if-match": version });
}

Deno.test("attack: a pattern is kept as a name nowhere, and is told what to write instead", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wipe", { tags: ["prod"] });
  const cases: [Record<string, string>, string, RegExp][] = [
    [{ method: "*" }, "method", /every method/],
    [{ tool_name: "wipe", method: "GET|POST" }, "method", /one rule for each method/],
    [{ tool_name: "wipe", method: "DEL?TE" }, "method", /methods/],
    [{ resource_id: "prod-*" }, "resource_id", /every resource.*registered first/],
    [{ resource_id: "a|b", tool_name: "wipe" }, "resource_id", /one rule for each/],
    [{ tenant_id: "*", tool_name: "wipe" }, "tenant_id", /whole organization/],
    [{ tag: "prod*" }, "tag", /each tag/],
  ];
  for (const [selector, part, words] of cases) {
    const got = await put(org, selector);
    assertProblem(got, 422, "invalid_selector", `/selector/${part}`);
    assert.match(got.body.errors[0].message, words);
    for (const dryRun of [true, false]) {
      const rules = [{ selector: { tool_name: "wipe" }, permission: "disabled" }];
      const document = { rules: [...rules, { selector, permission: "disabled" }] };
      const refused = await putPolicy(org, document, dryRun);
      assertProblem(refused, 422, "invalid_selector", `/rules/1/selector/${part}`);
    }
  }
  const level = await put(org, { tenant_id: "acme" });
  assertProblem(level, 422, "invalid_selector", "/selector");
  assert.match(level.body.detail, /names tenant_id, which is none of the eight levels/);
  assert.deepEqual((await org.get("/v1/rules")).body.data, []);

  const fields = { name: "k", tier: "standard", tenant_ids: ["acme", "acme-*"] };
  const key = await org.manage("POST", "/v1/api-keys", fields);
  assertProblem(key, 422, "invalid_request", "/tenant_ids/1");
  const agent = await org.manage("POST", "/v1/agents", { name: "a", tenant_ids: ["*"] });
  assertProblem(agent, 422, "invalid_request", "/tenant_ids/0");
  const bound = await org.manage("POST", "/v1/agents", { name: "a", tenant_ids: ["acme"] });
  const path = `/v1/agents/${bound.body.id}`;
  const changed = await org.manage("PATCH", path, { tenant_ids: ["a?"] });
  assertProblem(changed, 422, "invalid_request", "/tenant_ids/0");
});

Deno.test("An id that is registered with such a character is a name like any other", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.manage("PUT", "/v1/resources/prod-%2A", {});
  await org.manage("PUT", "/v1/tenants/a%7Cb", {});
  await org.tool("wipe", { tags: ["what?"] });
  for (
    const selector of [
      { resource_id: "prod-*" },
      { tenant_id: "a|b", tool_name: "wipe" },
      { tag: "what?" },
    ]
  ) assert.equal((await put(org, selector)).status, 201, JSON.stringify(selector));
  assertProblem(await put(org, { resource_id: "prod*" }), 422, "invalid_selector");
  const facts = { tool_name: "wipe", resource_id: "prod-*" };
  const { body } = await org.post("/v1/permissions/check", facts);
  assert.equal(body.resolved_from, "org_resource");
  const agent = await org.manage("POST", "/v1/agents", { name: "a", tenant_ids: ["a|b"] });
  assert.equal(agent.status, 201, agent.text);

  // What one document registers counts for its rules, and what it takes away does not.
  const rules = [
    { selector: { resource_id: "x*" }, permission: "disabled" },
    { selector: { tenant_id: "y|", method: "m" }, permission: "disabled" },
    { selector: { tag: "z?" }, permission: "disabled" },
  ];
  const tools = [{ name: "wipe", annotations_acknowledged: true, tags: ["z?"] }];
  const whole = { tools, tenants: [{ id: "y|" }], resources: [{ id: "x*" }], rules };
  assert.equal((await putPolicy(org, whole)).status, 200);
  const gone = { resources: [], rules: [{ selector: { resource_id: "x*", method: "m" } }] };
  const refused = await putPolicy(org, {
    ...gone,
    rules: gone.rules.map((rule) => ({ ...rule, permission: "disabled" })),
  });
  assertProblem(refused, 422, "invalid_selector", "/rules/0/selector/resource_id");
});

Deno.test("A rule from before patterns were refused is read, narrowed and removed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.transact((transaction) => {
    const id = transaction.id("rul");
    const rule = aRule(id, { tool_name: "wipe", method: "GET|POST" }, "allowed");
    transaction.setPolicy(ruleKey(org.id, rule.selector), rule);
  });
  const { rules } = (await org.get("/v1/policy")).body;
  assert.equal((await putPolicy(org, { rules })).status, 200);
  const narrowed = await put(org, { tool_name: "wipe", method: "GET|POST" });
  assert.equal(narrowed.status, 200, narrowed.text);
  assert.equal((await org.manage("DELETE", `/v1/rules/${narrowed.body.id}`)).status, 200);
});

Deno.test("A disabled rule that rests on a fact which the tool does not require warns of it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("free");
  await org.tool("strict", { required_facts: ["tenant", "resource"], methods: ["GET"] });
  await org.tool("off", { status: "disabled" });
  const cases: [Record<string, string>, string[]][] = [
    [{ tool_name: "free", method: "DELETE" }, ["method of free"]],
    [{ tool_name: "free", resource_id: "r", method: "m", tenant_id: "a" }, [
      "tenant of free",
      "resource of free",
      "method of free",
    ]],
    [{ tool_name: "free" }, []],
    [{ tool_name: "strict", resource_id: "r", method: "m", tenant_id: "a" }, []],
    [{ tool_name: "off", method: "DELETE" }, []],
    [{ tool_name: "unknown", method: "DELETE" }, ["method of unknown"]],
    [{ method: "DELETE" }, ["method of null"]],
    [{ tenant_id: "a", tag: "ops" }, ["tenant of null"]],
    [{ tag: "ops" }, []],
  ];
  const told = ({ body }: Got, from: unknown = body.warnings) =>
    (from as { code: string; fact: string; tool_name: string | null }[]).map((warning) => {
      assert.equal(warning.code, "rests_on_optional_fact");
      return `${warning.fact} of ${warning.tool_name}`;
    });
  for (const [selector, expected] of cases) {
    assert.deepEqual(told(await put(org, selector)), expected, JSON.stringify(selector));
    assert.deepEqual(told(await put(org, selector, "requires_approval")), []);
  }
  // Every tool in use that it may speak of requires it.
  await org.manage("DELETE", "/v1/tools/free");
  assert.deepEqual(told(await put(org, { method: "DELETE" })), []);
  await org.tool("free");

  const rules = cases.map(([selector]) => ({ selector, permission: "disabled" }));
  for (const dryRun of [true, false]) {
    const { body } = await putPolicy(org, { rules }, dryRun);
    const paths = body.warnings.map(({ path, fact }: Record<string, string>) => `${path} ${fact}`);
    assert.deepEqual(paths, [
      "/rules/0 method",
      "/rules/1 tenant",
      "/rules/1 resource",
      "/rules/1 method",
      "/rules/5 method",
      "/rules/7 tenant",
    ]);
  }
  const tool = { name: "free", annotations_acknowledged: true, required_facts: ["method"] };
  const method = { selector: { tool_name: "free", method: "POST" }, permission: "disabled" };
  const { body } = await putPolicy(org, { tools: [tool], rules: [method] }, true);
  assert.deepEqual(body.warnings, [], "the tool of the same document requires it");
});

Deno.test("An explained check says on what the rule that decided rests", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wipe");
  await put(org, { tool_name: "wipe", method: "DELETE" });
  const check = async (fields: object) =>
    (await org.post("/v1/permissions/check", { tool_name: "wipe", ...fields })).body;
  const warning = { code: "rests_on_optional_fact", fact: "method", tool_name: "wipe" };
  assert.deepEqual((await check({ method: "delete", explain: true })).warnings, [warning]);
  assert.deepEqual((await check({ explain: true })).warnings, []);
  assert.equal("warnings" in await check({ method: "delete" }), false);
});
