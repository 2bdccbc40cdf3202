import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { configEntries, namesOf } from "./changes.ts";

const PARTS = {
  resource_id: "server-1",
  tool_name: "ops/restart",
  method: "POST",
  tag: "production",
};
const LEVELS: (keyof typeof PARTS)[][] = [
  ["resource_id", "tool_name", "method"],
  ["resource_id", "tool_name"],
  ["resource_id", "method"],
  ["resource_id"],
  ["tool_name", "method"],
  ["tool_name"],
  ["method"],
  ["tag"],
];
const pick = (parts: readonly (keyof typeof PARTS)[]) =>
  Object.fromEntries(parts.map((part) => [part, PARTS[part]]));

Deno.test("A rule is made, replaced, read, and removed, each in the log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const selector = { tenant_id: "acme", tool_name: "restart", method: "POST" };
  const made = await org.manage("PUT", "/v1/rules", {
    selector,
    permission: "allowed",
    note: "Jo asked for it",
  });
  assert.equal(made.status, 201);
  const { id, policy_version, warnings, ...rule } = made.body;
  assert.match(id, /^rul_/);
  assert.deepEqual(warnings, []);
  assert.deepEqual(rule, {
    selector,
    permission: "allowed",
    note: "Jo asked for it",
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
  });
  const path = `/v1/rules/${id}`;
  assert.deepEqual((await org.get(path)).body, { id, ...rule });

  countersign.clock.advance(1000);
  const { permission, note } = rule;
  const withNull = { ...selector, resource_id: null, tag: null };
  const same = await org.manage("PUT", "/v1/rules", { selector: withNull, permission, note });
  assert.equal(same.status, 200);
  assert.deepEqual(same.body, made.body, "what changes nothing makes no version");

  const replaced = await org.manage("PUT", "/v1/rules", { selector, permission: "disabled" });
  assert.equal(replaced.status, 200);
  const { warnings: told, ...narrowed } = replaced.body;
  assert.deepEqual(told.map(({ fact }: { fact: string }) => fact), ["tenant", "method"]);
  assert.deepEqual(narrowed, {
    id,
    ...rule,
    permission: "disabled",
    note: null,
    updated_at: "2026-01-01T00:00:01.000Z",
    policy_version: policy_version + 1,
  });
  const removed = await org.manage("DELETE", path);
  assert.equal(removed.status, 200);
  assert.deepEqual(removed.body, {
    ...narrowed,
    removed: true,
    policy_version: policy_version + 2,
  });
  assertProblem(await org.get(path), 404, "not_found");
  assertProblem(await org.manage("DELETE", path), 404, "not_found");

  const subject = { rule: id, tenant: "acme", tool: "restart", method: "POST" };
  const [first, ...others] = await configEntries(org);
  assert.deepEqual(first?.subject, subject);
  assert.deepEqual(first?.data.changed, { permission: "allowed" });
  assert.match(String(first?.data.note_digest), /^sha256:/);
  assert.deepEqual(others, [
    {
      type: "rule.set",
      subject,
      data: { changed: { permission: "disabled" }, policy_version: policy_version + 1 },
    },
    { type: "rule.removed", subject, data: { policy_version: policy_version + 2 } },
  ]);
});

Deno.test("A rule speaks at each of the eight levels, with and without a tenant", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("ops/restart", { tags: ["production"], default_permission: null });
  await org.manage("PUT", "/v1/tenants/acme", {});
  const check = async (tenant: object, parts: object) => {
    const action = { tool_name: "ops/restart", ...tenant, ...parts };
    const { tag: _, ...body } = action as Record<string, string>;
    return (await org.post("/v1/permissions/check", body)).body;
  };
  for (const tenant of [{}, { tenant_id: "acme" }]) {
    for (const parts of LEVELS.toReversed()) {
      const selector = { ...tenant, ...pick(parts) };
      const made = await org.manage("PUT", "/v1/rules", { selector, permission: "disabled" });
      assert.equal(made.status, 201, JSON.stringify(selector));
      const { resolved_from, rule_id } = await check(tenant, pick(parts));
      const level = parts.map((part) => part.replace(/_.*/, "")).join("_");
      assert.equal(resolved_from, `${"tenant_id" in tenant ? "tenant" : "org"}_${level}`);
      assert.equal(rule_id, made.body.id);
    }
  }
});

Deno.test("A selector that is none of the eight levels is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const every = Object.keys(PARTS) as (keyof typeof PARTS)[];
  const known = new Set(LEVELS.map((parts) => parts.join()));
  for (let bits = 0; bits < 16; bits++) {
    const parts = every.filter((_, i) => bits & (1 << i));
    if (known.has(parts.join())) continue;
    for (const tenant of [{}, { tenant_id: "acme" }]) {
      const got = await org.manage("PUT", "/v1/rules", {
        selector: { ...tenant, ...pick(parts) },
        permission: "allowed",
      });
      assertProblem(got, 422, "invalid_selector");
    }
  }
  const cases: [unknown, string][] = [
    [{ permission: "allowed" }, "/selector"],
    [{ selector: { tool_name: "x" } }, "/permission"],
    [{ selector: { tool_name: "x" }, permission: "maybe" }, "/permission"],
    [{ selector: { tool: "x" }, permission: "allowed" }, "/selector/tool"],
    [{ selector: { tool_name: "a b" }, permission: "allowed" }, "/selector/tool_name"],
    [{ selector: { tool_name: "x" }, permission: "allowed", note: "x".repeat(501) }, "/note"],
    [{ selector: { tool_name: "x" }, permission: "allowed", id: "rul_x" }, "/id"],
  ];
  for (const [body, path] of cases) {
    assertProblem(await org.manage("PUT", "/v1/rules", body), 422, "invalid_request", path);
  }
  assert.deepEqual((await org.get("/v1/rules")).body, { data: [], next_cursor: null });
});

Deno.test("GET /v1/rules pages in the order of making and filters by each part", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const selectors = [
    { tool_name: "a" },
    { tenant_id: "acme", tool_name: "a" },
    { tenant_id: "acme", resource_id: "r" },
    { resource_id: "r", tool_name: "b" },
    { tag: "t" },
  ];
  const ids: string[] = [];
  for (const selector of selectors) {
    const { body } = await org.manage("PUT", "/v1/rules", { selector, permission: "allowed" });
    ids.push(body.id);
  }
  for (const limit of [1, 2, 5]) {
    assert.deepEqual(await namesOf(org, "/v1/rules", "id", limit), ids);
  }
  const found = async (query: string) => {
    const list = await namesOf(org, `/v1/rules?${query}`, "id", 1);
    return list.map((id) => ids.indexOf(id));
  };
  assert.deepEqual(await found("tenant_id=acme"), [1, 2]);
  assert.deepEqual(await found("tool_name=a"), [0, 1]);
  assert.deepEqual(await found("resource_id=r"), [2, 3]);
  assert.deepEqual(await found("resource_id=r&tenant_id=acme"), [2]);
  assert.deepEqual(await found("tenant_id=other"), []);
});

Deno.test("20 writers of one rule at once make one rule: one 201, 19 times 200", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const selector = { tool_name: "restart" };
  const permissions = ["allowed", "requires_approval", "disabled"];
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      (_, i) =>
        org.manage("PUT", "/v1/rules", { selector, permission: permissions[i % 3], note: `${i}` }),
    ),
  );
  const statuses = answers.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [...Array(19).fill(200), 201]);
  assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
  const versions = answers.map(({ body }) => body.policy_version);
  assert.equal(new Set(versions).size, 20, "each write has a version of its own");
  const { data } = (await org.get("/v1/rules")).body;
  assert.equal(data.length, 1);
  const last = answers.find(({ body }) => body.policy_version === Math.max(...versions));
  assert.equal(data[0].note, last?.body.note);
  assert.equal((await configEntries(org)).length, 20);
});
