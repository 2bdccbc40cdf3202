import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";

type Request = readonly [method: string, path: string, body?: unknown];

const RULE = { selector: { tool_name: "x" }, permission: "allowed" };

const READS: Request[] = [
  ["GET", "/v1/org"],
  ["GET", "/v1/tools"],
  ["GET", "/v1/tools/x"],
  ["GET", "/v1/categories"],
  ["GET", "/v1/categories/x"],
  ["GET", "/v1/tenants"],
  ["GET", "/v1/tenants/x"],
  ["GET", "/v1/resources"],
  ["GET", "/v1/resources/x"],
  ["GET", "/v1/rules"],
  ["GET", "/v1/rules/x"],
  ["GET", "/v1/members"],
  ["GET", "/v1/members/x@example.com"],
  ["GET", "/v1/policy"],
];
const WRITES: Request[] = [
  ["PATCH", "/v1/org", {}],
  ["POST", "/v1/tools", { name: "x" }],
  ["PUT", "/v1/tools/x", {}],
  ["PATCH", "/v1/tools/x", {}],
  ["DELETE", "/v1/tools/x"],
  ["PUT", "/v1/categories/x", {}],
  ["DELETE", "/v1/categories/x"],
  ["PUT", "/v1/tenants/x", {}],
  ["PATCH", "/v1/tenants/x", {}],
  ["DELETE", "/v1/tenants/x"],
  ["PUT", "/v1/resources/x", {}],
  ["PATCH", "/v1/resources/x", {}],
  ["DELETE", "/v1/resources/x"],
  ["PUT", "/v1/rules", RULE],
  ["DELETE", "/v1/rules/x"],
  ["PUT", "/v1/members/x@example.com", { role: "viewer" }],
  ["DELETE", "/v1/members/x@example.com"],
  ["PUT", "/v1/policy", {}],
];

Deno.test("Only a management key writes; a standard key reads; others do neither", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const agent = await org.agent();
  const { version } = countersign.services.ledgers.of(org.id).knownSnapshot ?? {};
  for (const [method, path, body] of [...READS, ...WRITES]) {
    const barred = [org.approver, agent, ...(method === "GET" ? [] : [org.standard])];
    for (const key of barred) {
      const got = await countersign.request(method, path, { key, body });
      assertProblem(got, 403, "wrong_tier");
    }
    assertProblem(await countersign.request(method, path, { body }), 401, "missing_credentials");
  }
  assert.equal(countersign.services.ledgers.of(org.id).knownSnapshot?.version, version);
  for (const [method, path] of READS) {
    for (const key of [org.standard, org.management]) {
      const { status } = await countersign.request(method, path, { key });
      assert.ok([200, 404].includes(status), `${method} ${path} ${status}`);
    }
  }
});

Deno.test("Another org's names and ids are unknown, on every route", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const other = await countersign.org();
  await other.manage("PUT", "/v1/tools/x", { annotations_acknowledged: true });
  await other.manage("PUT", "/v1/categories/x", {});
  await other.manage("PUT", "/v1/tenants/x", {});
  await other.manage("PUT", "/v1/resources/x", {});
  await other.manage("PUT", "/v1/members/x@example.com", { role: "approver" });
  const rule = (await other.manage("PUT", "/v1/rules", {
    selector: { tenant_id: "x", tool_name: "x" },
    permission: "allowed",
  })).body.id;
  const before = (await other.get("/v1/policy")).body;
  const members = (await other.get("/v1/members")).body;

  const named = [...READS, ...WRITES].filter(([method, path]) =>
    /\/x(@example\.com)?$/.test(path) && method !== "PUT"
  );
  assert.equal(named.length, 6 + 3 + 6);
  for (const [method, path, body] of named) {
    const theirs = path === "/v1/rules/x" ? `/v1/rules/${rule}` : path;
    assertProblem(await org.manage(method, theirs, body), 404, "not_found");
  }
  for (const list of ["tools", "categories", "tenants", "resources", "rules", "members"]) {
    assert.deepEqual((await org.get(`/v1/${list}`)).body, { data: [], next_cursor: null });
  }
  assert.deepEqual((await org.get("/v1/rules?tenant_id=x")).body.data, []);

  // The same names are free here, and what is done to them does not touch the other's.
  for (const [method, path, body] of WRITES.filter(([method]) => method === "PUT")) {
    if (path !== "/v1/policy") assert.equal((await org.manage(method, path, body)).status, 201);
  }
  const { headers } = await org.get("/v1/policy");
  const all = { tools: [], categories: [], tenants: [], resources: [], rules: [] };
  const emptied = await org.manage("PUT", "/v1/policy?dry_run=false", all, {
    "if-match": headers.get("etag") ?? "",
  });
  assert.equal(emptied.status, 200);
  assert.equal((await org.manage("DELETE", "/v1/members/x@example.com")).status, 200);
  assert.deepEqual((await other.get("/v1/policy")).body, before);
  assert.deepEqual((await other.get("/v1/members")).body, members);
});

Deno.test("Names that objects inherit are names like any other", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]) {
    for (const kind of ["tools", "categories", "tenants", "resources"]) {
      assertProblem(await org.get(`/v1/${kind}/${name}`), 404, "not_found");
      assert.equal((await org.manage("PUT", `/v1/${kind}/${name}`, {})).status, 201);
      assert.equal((await org.get(`/v1/${kind}/${name}`)).status, 200);
    }
    assertProblem(await org.get(`/v1/rules/${name}`), 404, "not_found");
    assertProblem(await org.get(`/v1/rules?${name}=x`), 422, "invalid_request");
    const selector = { tenant_id: name, resource_id: name, tool_name: name, method: name };
    const rule = await org.manage("PUT", "/v1/rules", { selector, permission: "disabled" });
    assert.equal(rule.status, 201);
    assert.deepEqual(rule.body.selector, selector);
  }
  const metadata = '{"metadata":{"__proto__":{"polluted":true},"constructor":1}}';
  const made = await org.manage("PUT", "/v1/tenants/acme", metadata);
  assert.equal(made.status, 201);
  assert.ok((await org.get("/v1/tenants/acme")).text.includes('{"__proto__":{"polluted":true}'));
  assert.equal(Reflect.get({}, "polluted"), undefined);
  const smuggled = '{"__proto__":{"annotations_acknowledged":true},"status":"approved"}';
  assertProblem(await org.manage("PUT", "/v1/tools/x", smuggled), 422, "invalid_request");
});

Deno.test("Look-alikes are other ids, and what hides in a text is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const latin = "scope";
  const cyrillic = "ѕсоре";
  for (const id of [latin, cyrillic]) {
    const made = await org.manage("PUT", `/v1/tenants/${encodeURIComponent(id)}`, {});
    assert.equal(made.status, 201);
    assert.equal(made.body.id, id);
  }
  const selector = { tenant_id: cyrillic, tool_name: "x" };
  await org.manage("PUT", "/v1/rules", { selector, permission: "allowed" });
  const found = (await org.get(`/v1/rules?tenant_id=${latin}`)).body.data;
  assert.deepEqual(found, [], "a rule of one does not speak of the other");

  const hidden = ["a\u202eb", "a\u200bb", "a\u2066b", "a\ufeff", "a\u00ad", "a\u0000", "e\u0301"];
  for (const text of [...hidden, " a", "a\u00a0", "a\u{e0041}"]) {
    const encoded = encodeURIComponent(text);
    for (const kind of ["tenants", "resources", "categories"]) {
      const got = await org.manage("PUT", `/v1/${kind}/${encoded}`, {});
      assertProblem(got, 422, "invalid_request", kind === "categories" ? "/name" : "/id");
    }
    for (const part of ["tenant_id", "resource_id", "tool_name", "method", "tag"]) {
      const body = { selector: { [part]: text }, permission: "allowed" };
      const got = await org.manage("PUT", "/v1/rules", body);
      assertProblem(got, 422, "invalid_request", `/selector/${part}`);
    }
  }
});
