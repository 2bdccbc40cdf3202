import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { configEntries, namesOf } from "./changes.ts";

Deno.test("A resource is registered, read, changed and removed, each in the log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const path = "/v1/resources/server-prod-01";
  assertProblem(await org.get(path), 404, "not_found");
  assertProblem(await org.manage("PATCH", path, {}), 404, "not_found");
  assertProblem(await org.manage("DELETE", path), 404, "not_found");

  const fields = { name: "The big one", type: "server", metadata: { rack: 4 } };
  const made = await org.manage("PUT", path, fields);
  assert.equal(made.status, 201);
  const { policy_version, ...resource } = made.body;
  assert.deepEqual(resource, {
    id: "server-prod-01",
    ...fields,
    created_at: "2026-01-01T00:00:00.000Z",
  });
  assert.deepEqual((await org.get(path)).body, resource);
  assert.deepEqual((await org.manage("PATCH", path, { type: "server" })).body, made.body);
  const changed = await org.manage("PATCH", path, { type: "cluster", name: null });
  assert.deepEqual(changed.body, {
    ...resource,
    type: "cluster",
    name: null,
    policy_version: policy_version + 1,
  });
  const selector = { resource_id: "server-prod-01" };
  await org.manage("PUT", "/v1/rules", { selector, permission: "disabled" });
  const removed = await org.manage("DELETE", path);
  assert.deepEqual(removed.body, {
    ...changed.body,
    removed: true,
    policy_version: policy_version + 3,
  });
  assertProblem(await org.get(path), 404, "not_found");
  assert.equal((await org.get("/v1/rules")).body.data.length, 1, "rules that name it stay");

  const entries = (await configEntries(org)).filter(({ type }) => type.startsWith("resource."));
  assert.deepEqual(entries.map(({ type }) => type), [
    "resource.set",
    "resource.set",
    "resource.removed",
  ]);
  assert.deepEqual(entries[1], {
    type: "resource.set",
    subject: { resource: "server-prod-01" },
    data: { changed: { type: "cluster" }, policy_version: policy_version + 1 },
  });
});

Deno.test("PUT /v1/resources/:id replaces what is said of a resource", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const path = "/v1/resources/server-prod-01";
  const made = await org.manage("PUT", path, { name: "The big one", metadata: { rack: 4 } });
  assert.equal(made.status, 201);
  const replaced = await org.manage("PUT", path, { type: "server" });
  assert.equal(replaced.status, 200);
  assert.deepEqual(replaced.body, {
    id: "server-prod-01",
    name: null,
    type: "server",
    metadata: {},
    created_at: made.body.created_at,
    policy_version: made.body.policy_version + 1,
  });
});

Deno.test("GET /v1/resources pages by id", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const ids = ["r1", "r2", "r3"];
  for (const id of ids) await org.manage("PUT", `/v1/resources/${id}`, {});
  assert.deepEqual(await namesOf(org, "/v1/resources", "id", 2), ids);
});

Deno.test("A category is made, replaced and removed, and decides for tools without a default", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("read", { category: "reading", default_permission: null });
  const check = async () => {
    const { body } = await org.post("/v1/permissions/check", { tool_name: "read" });
    return `${body.permission} ${body.resolved_from}`;
  };
  const path = "/v1/categories/reading";
  assertProblem(await org.get(path), 404, "not_found");
  assertProblem(await org.manage("DELETE", path), 404, "not_found");
  assert.equal(await check(), "allowed tool_approved");

  const made = await org.manage("PUT", path, { default_permission: "disabled" });
  assert.equal(made.status, 201);
  const { policy_version, ...category } = made.body;
  assert.deepEqual(category, { name: "reading", default_permission: "disabled" });
  assert.equal(await check(), "disabled category_default");
  assert.deepEqual((await org.get(path)).body, category);
  assert.deepEqual((await org.get("/v1/categories")).body.data, [category]);
  const again = await org.manage("PUT", path, { default_permission: "disabled" });
  assert.equal(again.status, 200);
  assert.deepEqual(again.body, made.body);
  const emptied = await org.manage("PUT", path, {});
  assert.equal(emptied.body.default_permission, null);
  assert.equal(await check(), "allowed tool_approved");
  const removed = await org.manage("DELETE", path);
  assert.deepEqual(removed.body, {
    ...emptied.body,
    removed: true,
    policy_version: policy_version + 2,
  });
  assertProblem(await org.get(path), 404, "not_found");
  assert.deepEqual((await configEntries(org)).map(({ type, data }) => [type, data.changed]), [
    ["category.set", { default_permission: "disabled" }],
    ["category.set", { default_permission: null }],
    ["category.removed", undefined],
  ]);

  for (
    const [body, at] of [[{ default_permission: "maybe" }, "/default_permission"], [
      { x: 1 },
      "/x",
    ]] as const
  ) {
    assertProblem(await org.manage("PUT", path, body), 422, "invalid_request", at);
  }
  const long = await org.manage("PUT", `/v1/categories/${"x".repeat(65)}`, {});
  assertProblem(long, 422, "invalid_request", "/name");
  for (const name of ["b", "a/b", "__proto__"]) {
    await org.manage("PUT", `/v1/categories/${encodeURIComponent(name)}`, {});
  }
  assert.deepEqual(await namesOf(org, "/v1/categories", "name", 1), ["__proto__", "a/b", "b"]);
});
