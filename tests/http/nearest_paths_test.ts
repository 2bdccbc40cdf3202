import assert from "node:assert/strict";
import { templateOf } from "../../routes/docs/openapi.ts";
import { nearestPaths } from "../../routes/http/nearest_paths.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { Countersign } from "../helpers/countersign.ts";

const TEMPLATES = ROUTES.map(({ path }) => templateOf(path));

Deno.test("a path that does not exist: the closest that does is named first", () => {
  const closest: Record<string, string> = {
    "/v1/check": "/v1/permissions/check",
    "/v1/keys": "/v1/api-keys",
    "/v1/apikeys": "/v1/api-keys",
    "/v1/api_keys/key_1": "/v1/api-keys/{id}",
    "/v1/permission/check": "/v1/permissions/check",
    "/v1/permissions/chekc": "/v1/permissions/check",
    "/v1/check-batch": "/v1/permissions/check-batch",
    "/permissions/check": "/v1/permissions/check",
    "/api/v1/check": "/v1/permissions/check",
    "/V1/Tools": "/v1/tools",
    "/v1/tools/": "/v1/tools",
    "/v1/tool/restart_service": "/v1/tools/{name}",
    "/v1/mint": "/v1/tokens/mint",
    "/v1/token/consume": "/v1/tokens/consume",
    "/v1/approvals/apr_1/approve/cancel": "/v1/approvals/{id}/cancel",
    "/v1/executions": "/v1/executions/log",
    "/v1/organization/org": "/v1/org",
    "/v1/checkpoint": "/v1/audit/checkpoint",
    "/v1/policies": "/v1/policy",
    "/health": "/healthz",
  };
  for (const [path, expected] of Object.entries(closest)) {
    assert.equal(nearestPaths(path, TEMPLATES)[0], expected, path);
  }
});

Deno.test("a path that resembles none gets none, and no answer is long or slow", () => {
  const none = [
    "/",
    "/v1",
    "/v1/anything",
    "/v1/wp-login.php",
    "/.env",
    "/v1/users/4711/orders",
    `/v1/${"check".repeat(1000)}`,
    "/v1" + "/check".repeat(1000),
    "/" + "a/".repeat(8),
    "/v1/%00",
  ];
  for (const path of none) assert.deepEqual(nearestPaths(path, TEMPLATES), [], path);
  for (const template of TEMPLATES) {
    const near = nearestPaths(template.slice(0, -1), TEMPLATES);
    assert.ok(near.length <= 3, template);
  }
});

Deno.test("404 names a close path, to whoever asks; a page's 404 stays a page", async () => {
  await using countersign = await Countersign.start();
  const { status, body } = await countersign.request("POST", "/v1/check", { body: {} });
  assert.deepEqual([status, body.code], [404, "route_not_found"]);
  assert.match(body.detail, /Close to it: \/v1\/permissions\/check, /);
  assert.equal(body.next.docs, "/docs");
  assert.equal(body.next.close[0], "/v1/permissions/check");
  const far = await countersign.request("GET", "/v1/anything");
  assert.deepEqual(far.body.next, { docs: "/docs" });
  assert.deepEqual((await countersign.request("GET", "/mcps")).body.next.close, [
    "/mcp",
    "/mcp/gateway",
  ]);
  const oauth = await countersign.request("POST", "/token");
  assert.deepEqual(oauth.body.next.close[0], "/oauth/token");
});

Deno.test("Allow names the methods that are served, and no others", async () => {
  await using countersign = await Countersign.start();
  const served = Map.groupBy(ROUTES, ({ path }) => path);
  for (const [path, routes] of served) {
    const real = path.replace(/:\w+(\{[^}]*\})?/g, "x");
    const { status, headers } = await countersign.request("OPTIONS", real);
    assert.equal(status, 405, real);
    const allow = headers.get("allow")?.split(", ").sort() ?? [];
    const methods = routes.map(({ method }) => method.toUpperCase());
    if (methods.includes("GET")) methods.push("HEAD");
    for (const method of methods) assert.ok(allow.includes(method), `${method} ${real}`);
    for (const method of allow.filter((one) => !methods.includes(one))) {
      const got = await countersign.request(method, real);
      assert.notEqual(got.status, 405, `${method} ${real}`);
    }
  }
  const token = await countersign.request("DELETE", "/oauth/token");
  assert.equal(token.headers.get("allow"), "POST, OPTIONS");
  assert.equal((await countersign.request("OPTIONS", "/oauth/token")).status, 204);
  assert.equal((await countersign.request("GET", "/mcp")).headers.get("allow"), "POST");
});
