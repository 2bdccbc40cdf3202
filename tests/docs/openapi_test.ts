import { Validator } from "@seriousme/openapi-schema-validator";
import assert from "node:assert/strict";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import { argumentProblems } from "../../lib/schema/check.ts";
import { operationIdOf, templateOf } from "../../routes/docs/openapi.ts";
import { resolved } from "../../routes/docs/schemas.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { Countersign, type Got } from "../helpers/countersign.ts";
import { at, objectsIn, wholeSchema } from "./documented.ts";

async function documentOf(countersign: Countersign): Promise<JsonObject> {
  const { status, headers, body } = await countersign.request("GET", "/v1/openapi.json");
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  return body;
}

Deno.test("openapi.json is a valid OpenAPI 3.1 document with every route and nothing else", async () => {
  await using countersign = await Countersign.start();
  const document = await documentOf(countersign);
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors, null, 1));
  assert.match(String(document.openapi), /^3\.1\./);

  const described = Object.entries(at(document, "paths")).flatMap(([path, item]) =>
    Object.keys(at(item)).map((method) => `${method} ${path}`)
  );
  const routes = ROUTES.map(({ method, path }) => `${method} ${templateOf(path)}`);
  const own = ["/v1/openapi.json", "/docs", "/docs/errors", "/docs/guards", "/docs/style.css"];
  assert.deepEqual(described.sort(), [...routes, ...own.map((path) => `get ${path}`)].sort());
});

Deno.test("openapi.json: every reference resolves, every operation id is its own", async () => {
  await using countersign = await Countersign.start();
  const document = await documentOf(countersign);
  const dangling = [...objectsIn(document)]
    .filter(({ $ref }) => typeof $ref === "string")
    .filter((reference) => Object.keys(resolved(reference, document)).length === 0);
  assert.deepEqual(dangling, []);
  const ids = ROUTES.map(operationIdOf);
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("openapi.json: a path parameter is declared for each name in the path", async () => {
  await using countersign = await Countersign.start();
  const document = await documentOf(countersign);
  for (const [path, item] of Object.entries(at(document, "paths"))) {
    for (const operation of Object.values(at(item))) {
      const { parameters } = at(operation);
      const declared = Array.isArray(parameters)
        ? parameters.filter(isJsonObject).filter((one) => one.in === "path").map(({ name }) => name)
        : [];
      assert.deepEqual(declared, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name), path);
    }
  }
});

Deno.test("openapi.json says who may call, and takes an idempotency key on every POST", async () => {
  await using countersign = await Countersign.start();
  const document = await documentOf(countersign);
  for (const route of ROUTES) {
    const operation = at(document, "paths", templateOf(route.path), route.method);
    const callers = route.callers === "open" ? ["open"] : [...route.callers];
    assert.deepEqual(operation["x-callers"], callers);
    assert.deepEqual(
      operation.security,
      route.callers === "open"
        ? []
        : [{ key: [] }, { bearer: [] }, ...(route.keyless === undefined ? [] : [{}])],
    );
    const names = (operation.parameters as JsonObject[]).map(({ name }) => name);
    // A nonce serves one answer by itself.
    const isKept = route.method === "post" && route.callers !== "open";
    assert.equal(names.includes("Idempotency-Key"), isKept, route.path);
  }
});

/** The documented JSON Schema of an answer, whole in itself. */
function schemaOf(document: JsonObject, method: string, path: string, got: Got): JsonObject {
  const responses = at(document, "paths", path, method, "responses");
  const response = resolved(at(responses, String(got.status)), document);
  const media = (got.headers.get("content-type") ?? "").split(";")[0] ?? "";
  const schema = at(response, "content", media, "schema");
  assert.ok(
    Object.keys(schema).length > 0,
    `${method} ${path} ${got.status} ${media} is documented`,
  );
  return wholeSchema(document, schema);
}

Deno.test("real answers are what openapi.json says", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const document = await documentOf(countersign);
  const action = { tool_name: "restart_service", resource_id: "server-prod-01" };
  const check = "/v1/permissions/check";
  const cases: [string, string, () => Promise<Got>][] = [
    ["post", check, () => org.post(check, action)],
    ["post", check, () => org.post(check, { ...action, explain: true })],
    ["post", check, () => org.post(check, { tool_name: "never_seen" })],
    ["post", check, () => org.post(check, {})],
    ["post", check, () => org.post(check, "{")],
    ["post", check, () => org.post(check, '{"tool_name":"a","tool_name":"a"}')],
    ["post", check, () => org.post(check, " ".repeat(300_000))],
    ["post", check, () => org.post(check, action, "cs_live_unknown")],
    ["post", check, () => org.post(check, action, org.management)],
    ["post", "/v1/tokens/mint", () => org.post("/v1/tokens/mint", action)],
    ["post", "/v1/tokens/verify", () => org.post("/v1/tokens/verify", { token: "cs_run_x" })],
    [
      "post",
      "/v1/tokens/consume",
      () => org.post("/v1/tokens/consume", { token: "cs_run_x", ...action }),
    ],
    ["post", "/v1/agents", () => org.manage("POST", "/v1/agents", { name: "night" })],
    ["get", "/v1/agents", () => org.manage("GET", "/v1/agents")],
    [
      "post",
      "/v1/api-keys",
      () => org.manage("POST", "/v1/api-keys", { name: "ci", tier: "standard" }),
    ],
    ["get", "/v1/api-keys", () => org.manage("GET", "/v1/api-keys")],
    ["get", "/v1/activity", () => org.get("/v1/activity")],
    ["get", "/v1/audit/entries", () => org.get("/v1/audit/entries")],
    [
      "get",
      "/v1/audit/checkpoint",
      () => org.get("/v1/audit/checkpoint", org.standard, { accept: "application/json" }),
    ],
    ["get", "/v1/receipts/{id}", () => org.get("/v1/receipts/dec_00000000000000000000000000")],
    ["get", "/healthz", () => countersign.request("GET", "/healthz")],
    ["get", "/readyz", () => countersign.request("GET", "/readyz")],
    ["get", "/v1/openapi.json", () => countersign.request("GET", "/v1/openapi.json")],
  ];
  for (const [i, [method, path, ask]] of cases.entries()) {
    await t.step(`${i + 1}: ${method} ${path}`, async () => {
      const got = await ask();
      const problems = argumentProblems(schemaOf(document, method, path, got), got.body);
      assert.deepEqual(problems, [], `${got.status} ${got.text.slice(0, 2000)}`);
    });
  }
});

Deno.test("the reference page shows every route, loads nothing from elsewhere and runs nothing", async () => {
  await using countersign = await Countersign.start();
  const { status, headers, text } = await countersign.request("GET", "/docs");
  assert.equal(status, 200);
  assert.match(headers.get("content-type") ?? "", /^text\/html/);
  const policy = headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'; style-src 'self'/);
  assert.ok(!policy.includes("unsafe"));
  for (const route of ROUTES) {
    assert.ok(text.includes(`id="${operationIdOf(route)}"`), route.path);
  }
  assert.doesNotMatch(text, /<script|<style|<img|<iframe|\son\w+=|\sstyle=|javascript:/i);
  const loaded = [...text.matchAll(/<link[^>]+href="([^"]+)"/g)].map(([, href]) => href);
  assert.deepEqual(loaded, ["/docs/style.css"]);
  const anchors = [...text.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  for (const id of anchors) assert.ok(text.includes(`id="${id}"`), id);
  assert.ok(text.includes('name="viewport"'));

  const style = await countersign.request("GET", "/docs/style.css");
  assert.match(style.headers.get("content-type") ?? "", /^text\/css/);
  assert.doesNotMatch(style.text, /url\(|@import/);
  assert.match(style.text, /light-dark\(/);
});

Deno.test("the reference page escapes what it is made from", async () => {
  const { referencePage } = await import("../../routes/docs/reference_page.ts");
  const evil = `<script>alert("x")</script>`;
  const page = String(referencePage({
    info: { description: evil },
    paths: {
      [`/${evil}`]: {
        post: {
          operationId: `a"><img src=x>`,
          tags: [evil],
          summary: evil,
          description: `${evil} \`${evil}\``,
          parameters: [{ name: evil, in: "query", description: evil, schema: { enum: [evil] } }],
          requestBody: {
            content: {
              "application/json": {
                schema: {
                  properties: { [evil]: { description: evil, const: evil } },
                  required: [evil],
                },
              },
            },
          },
          responses: { 200: { description: evil, content: { [evil]: {} } } },
        },
      },
    },
  }));
  assert.ok(!page.includes("<script") && !page.includes("<img"));
});

Deno.test("what is no JSON alone has its media types in the document, as it is served", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const document = await documentOf(countersign);
  const types = (path: string) =>
    Object.keys(at(document, "paths", path, "get", "responses", "200", "content"));
  const served = async (path: string, accept?: string) => {
    const headers = accept === undefined ? {} : { accept };
    const got = await org.get(path, org.management, headers);
    return got.headers.get("content-type")?.split(";")[0];
  };
  const checkpoint = "/v1/audit/checkpoint";
  assert.deepEqual(types(checkpoint), ["application/json", "text/plain"]);
  assert.equal(await served(checkpoint), "text/plain");
  assert.equal(await served(checkpoint, "Application/JSON"), "application/json");
  assert.deepEqual(types("/v1/audit/export"), ["application/x-ndjson"]);
  assert.equal(await served("/v1/audit/export"), "application/x-ndjson");
});

Deno.test("an e-mail address in the document is exactly what is taken", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const [parameter] = at(await documentOf(countersign), "paths", "/v1/members/{email}", "get")
    .parameters as JsonObject[];
  const schema = at(parameter, "schema");
  assert.equal(schema.format, undefined);
  const pattern = new RegExp(String(schema.pattern));
  for (
    const email of ["a@b-.com", "A.b+c@example.com", '"a b"@x.com', "a..b@x.com", "a@x", "ä@x.com"]
  ) {
    const { status } = await org.get(`/v1/members/${encodeURIComponent(email)}`, org.management);
    assert.equal(status, pattern.test(email) ? 404 : 422, email);
  }
});
