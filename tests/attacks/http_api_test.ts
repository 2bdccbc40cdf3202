import assert from "node:assert/strict";
import { ApiOrg } from "../helpers/api_org.ts";
import { ApiServer, documentOf, NOTES } from "../helpers/api_server.ts";
import { assertProblem } from "../helpers/refused.ts";

/** What is tried through HTTP APIs: by documents, by arguments, and by what the API answers. */

const ALLOWED = { default_permission: "allowed" };

const get = (more: object) => ({ get: { operationId: "it", ...more } }) as never;

Deno.test("a document that refers to elsewhere has nothing fetched, and loses that operation alone", async () => {
  await using elsewhere = new ApiServer();
  const refs = [
    `${elsewhere.origin}/schema.json`,
    `//${elsewhere.host}/x`,
    "other.json#/a",
    "file:///etc/passwd",
    "#/components/schemas/Gone",
    "#/components/schemas/%zz",
  ];
  const paths = Object.fromEntries(refs.map((ref, at) => [
    `/p${at}`,
    {
      get: {
        operationId: `p${at}`,
        parameters: [{ name: "q", in: "query", schema: { $ref: ref } }],
      },
    },
  ]));
  const document = documentOf({
    ...paths,
    "/item": { $ref: `${elsewhere.origin}/item` },
    "/ok": get({ operationId: "ok" }),
  } as never);
  await using it = await ApiOrg.start(document);
  const seen = (await it.org.manage("GET", "/v1/upstreams/notes")).body;
  assert.equal(seen.tools.draft, 1);
  assert.equal(seen.tools.refused.length, refs.length + 1);
  for (const { why } of seen.tools.refused) assert.match(why, /refers to/);
  assert.equal(elsewhere.asked.length, 0);
});

Deno.test("a document cannot send its operations elsewhere, nor the credential with them", async () => {
  await using evil = new ApiServer();
  const document = documentOf({
    "/notes": get({ servers: [{ url: evil.origin }], operationId: "listNotes" }),
    "/../../admin": get({ operationId: "up" }),
    "/a?b=c": get({ operationId: "query" }),
    "//evil.example/x": get({ operationId: "slashes" }),
    "/@evil.example": get({ operationId: "at" }),
  }, { servers: [{ url: evil.origin }] });
  await using it = await ApiOrg.start(document);
  const credential = await it.org.manage("POST", "/v1/credentials", {
    name: "api",
    kind: "bearer",
    origins: [it.api.origin],
    secret: "s3cret-of-the-api",
  });
  const misplaced = await it.org.manage("PUT", "/v1/upstreams/notes", {
    kind: "openapi",
    base_url: evil.origin,
    credential: { credential_id: credential.body.id },
  });
  assert.equal(misplaced.status, 422, misplaced.text);
  await it.put({ credential: { credential_id: credential.body.id } });
  const tools = (await it.tools()).map(({ name }) => String(name));
  await it.approve(tools, ALLOWED);
  for (const tool of tools) {
    const got = await it.call(tool.slice("notes/".length), {});
    assert.equal(got.status, 200, got.text);
    assert.equal(it.api.last.headers.get("authorization"), "Bearer s3cret-of-the-api");
    assert.ok(it.api.last.path.startsWith("/v1/"), it.api.last.path);
  }
  assert.equal(evil.asked.length, 0);
});

Deno.test("an API that repeats its credential, redirects or asks for another is told nothing more", async () => {
  await using other = new ApiServer();
  await using it = await ApiOrg.start();
  const secret = "s3cret-of-the-api";
  const fields = { name: "api", origins: [it.api.origin], secret };
  const made = await it.org.manage("POST", "/v1/credentials", {
    ...fields,
    kind: "query",
    parameter: "tag",
  });
  assert.equal(made.status, 201, made.text);
  await it.put({ credential: { credential_id: made.body.id } });
  await it.approve(["notes/listNotes"], ALLOWED);
  it.api.answer = ({ query }) => Response.json({ query, base64: btoa(query) });
  const echoed = await it.call("listNotes", { tag: ["mine", "second"] });
  assert.equal(echoed.status, 200, echoed.text);
  assert.equal(it.api.last.query, `tag=${secret}`, "no argument passes for the credential");
  assert.ok(!echoed.text.includes(secret), echoed.text);
  assert.equal(echoed.body.result.structured_content.query, "tag=[secret]");
  assert.equal(echoed.body.redactions[0].kind, "credential");

  // A text is a text in whatever letters it is written, and in a file that is one.
  const utf16 = (text: string) =>
    new Uint8Array([...text].flatMap((one) => [one.charCodeAt(0), one.charCodeAt(0) >> 8]));
  const latin1 = (text: string) => Uint8Array.from(text, (one) => one.charCodeAt(0));
  const texts: [string, Uint8Array<ArrayBuffer>, string][] = [
    ["text/plain; charset=utf-16le", utf16(`é ${secret}`), "é [secret]"],
    ["text/plain", utf16(`\ufeffé ${secret}`), "é [secret]"],
    ["text/html;charset=ISO-8859-1", latin1(`é ${secret}`), "é [secret]"],
    ["application/json; charset=utf-16le", utf16(`{"é":"${secret}"}`), '{"é":"[secret]"}'],
    ["application/octet-stream", latin1(`a ${secret}`), "a [secret]"],
    [
      "multipart/mixed; boundary=x",
      latin1(`--x\r\n\r\n${secret}\r\n--x--`),
      "--x\r\n\r\n[secret]\r\n--x--",
    ],
  ];
  for (const [type, bytes, expected] of texts) {
    it.api.answer = () => new Response(bytes, { headers: { "content-type": type } });
    const { body } = await it.call("listNotes", {});
    const [block] = body.result.content;
    assert.equal(block.text ?? atob(block.resource.blob), expected, type);
    assert.deepEqual(body.redactions, [{ kind: "credential", count: 1 }], type);
  }

  it.api.answer = ({ query }) => new Response(`no: ${query}`, { status: 400 });
  const refused = await it.call("listNotes", {});
  assertProblem(refused, 502, "upstream_failed");
  assert.ok(!refused.text.includes(secret), refused.text);
  const wide = { status: 400, headers: { "content-type": "text/plain; charset=utf-16le" } };
  it.api.answer = ({ query }) => new Response(utf16(`no: ${query}`), wide);
  assert.match((await it.call("listNotes", {})).text, /no: tag=\[secret\]/);

  const asked = it.api.asked.length;
  it.api.answer = () => Response.redirect(`${other.origin}/x`, 307);
  assertProblem(await it.call("listNotes", {}), 504, "outcome_unknown");
  assert.equal(it.api.asked.length, asked + 1);
  assert.equal(other.asked.length, 0);
});

Deno.test("no argument sets a header of the connection, of who asks, or of the owner", async () => {
  const header = (name: string, required = false) => ({
    name,
    in: "header",
    required,
    schema: { type: "string" },
  });
  const names = [
    "Host",
    "Authorization",
    "Content-Length",
    "Transfer-Encoding",
    "Cookie",
    "X-Forwarded-For",
    "X-HTTP-Method-Override",
    "Content-Type",
  ];
  const document = documentOf({
    "/all": get({ parameters: names.map((name) => header(name)), operationId: "all" }),
    "/must": get({ parameters: [header("Host", true)], operationId: "must" }),
    "/own": get({ parameters: [header("X-Tenant"), header("X-Free")], operationId: "own" }),
    "/bad": get({ parameters: [header("A\r\nB", true)], operationId: "bad" }),
  });
  await using it = await ApiOrg.start(document);
  const { tools } = (await it.org.manage("GET", "/v1/upstreams/notes")).body;
  assert.deepEqual(tools.refused.map(({ name }: { name: string }) => name).sort(), ["bad", "must"]);
  await it.put({ headers: { "x-tenant": "ours" } });
  await it.approve(["notes/all", "notes/own"], ALLOWED);
  for (const name of names) {
    assertProblem(await it.call("all", { [name]: "x" }), 422, "invalid_arguments");
  }
  const got = await it.call("own", { "X-Tenant": "theirs", "X-Free": "a: b" });
  assert.equal(got.status, 200, got.text);
  const { headers } = it.api.last;
  assert.deepEqual([headers.get("x-tenant"), headers.get("x-free")], ["ours", "a: b"]);
  for (const value of ["a\r\nx-evil: 1", "a\nb", "a\0", " a", "ä"]) {
    assertProblem(await it.call("own", { "X-Free": value }), 422, "invalid_arguments");
  }
  assert.equal(it.api.asked.length, 1);
});

Deno.test("an argument passes for no other by the names of its members, and is not sent", async () => {
  const query = (name: string, schema: object, more: object = {}) => (
    { name, in: "query", schema, ...more }
  );
  const parameters = [
    query("account", { enum: ["mine"] }),
    query("filter", { type: "object" }),
    query("user", { type: "object", properties: { role: { enum: ["guest"] } } }, {
      style: "deepObject",
    }),
    query("ids", { type: "array", maxItems: 1 }, { style: "pipeDelimited", explode: false }),
  ];
  await using it = await ApiOrg.start(
    documentOf({ "/things": get({ parameters, operationId: "things" }) }),
  );
  await it.approve(["notes/things"], ALLOWED);
  const tried = [
    { filter: { account: "theirs" } },
    { filter: { "user[role]": "owner" } },
    { user: { "x][role": "owner" } },
    { ids: ["1|2"] },
  ];
  for (const args of tried) {
    const got = await it.call("things", args);
    assertProblem(got, 422, "invalid_arguments", `/arguments/${Object.keys(args)[0]}`);
  }
  assert.equal(it.api.asked.length, 0);
  const got = await it.call("things", {
    filter: { since: 1 },
    user: { role: "guest" },
    ids: ["1"],
  });
  assert.equal(got.status, 200, got.text);
  assert.equal(it.api.last.query, "since=1&user%5Brole%5D=guest&ids=1");
});

Deno.test("a rule about a method is passed by no argument that servers take for one", async () => {
  await using it = await ApiOrg.start(NOTES);
  await it.approve(["notes/writeNote", "notes/wipeNote"], ALLOWED);
  const rule = { selector: { method: "DELETE" }, permission: "disabled" };
  assert.equal((await it.org.manage("PUT", "/v1/rules", rule)).status, 201);
  assertProblem(await it.call("wipeNote", { id: "1" }), 403, "tool_disabled");
  const posted = await it.call("writeNote", { body: { text: "x", _method: "DELETE" } });
  assertProblem(posted, 422, "invalid_arguments", "/arguments/body");
  assert.equal(it.api.asked.length, 0);
});

Deno.test("a path argument that would lead out of its segment is never sent", async () => {
  await using it = await ApiOrg.start();
  await it.approve(["notes/readNote"], ALLOWED);
  for (const id of ["..", "../admin", "%2e%2e%2fadmin", "a/../../b", "..;/", "\uff0e\uff0e", ""]) {
    assertProblem(await it.call("readNote", { id }), 422, "invalid_arguments");
  }
  assert.equal(it.api.asked.length, 0);
  await it.call("readNote", { id: "a/b?c#d" });
  assert.equal(it.api.last.path, "/v1/notes/a%2Fb%3Fc%23d");
});

Deno.test("an answer that nobody reads to an end, or that is cut, is unknown and sent once", async () => {
  await using it = await ApiOrg.start(NOTES);
  await it.approve(["notes/writeNote"], ALLOWED);
  it.api.answer = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"a":'));
          controller.error(new Error("cut"));
        },
      }),
      { headers: { "content-type": "application/json" } },
    );
  const cut = await it.call("writeNote", { body: { text: "x" } }, { call_key: "k1" });
  assertProblem(cut, 504, "outcome_unknown");
  const again = await it.call("writeNote", { body: { text: "x" } }, { call_key: "k1" });
  assertProblem(again, 504, "outcome_unknown");
  assert.equal(it.api.asked.length, 1);
});
