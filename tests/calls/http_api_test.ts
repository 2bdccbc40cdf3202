import assert from "node:assert/strict";
import { ApiOrg } from "../helpers/api_org.ts";
import { documentOf, NOTES } from "../helpers/api_server.ts";
import { McpClient } from "../helpers/mcp_client.ts";
import { assertProblem } from "../helpers/refused.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** Tools of an HTTP API, from its document to its answers. */

const ALLOWED = { default_permission: "allowed" };

Deno.test("operations of a document are drafts, and run over REST once they are approved", async () => {
  await using it = await ApiOrg.start();
  const seen = (await it.org.manage("GET", "/v1/upstreams/notes")).body;
  assert.deepEqual(seen.document.operations, 4);
  assert.equal(seen.url, `${it.api.origin}/v1`);
  const tool = (await it.org.get("/v1/tools/notes/readNote")).body;
  assert.deepEqual([tool.status, tool.annotations.destructive], ["draft", true]);
  assert.equal(it.api.asked.length, 0, "nothing is asked of it");

  await it.approve(["notes/readNote", "notes/writeNote", "notes/listNotes"], ALLOWED);
  const read = await it.call("readNote", { id: "a b/c" });
  assert.equal(read.status, 200, read.text);
  assert.equal(it.api.last.path, "/v1/notes/a%20b%2Fc");
  assert.deepEqual(read.body.result.structured_content, {
    method: "GET",
    path: "/v1/notes/a%20b%2Fc",
  });
  const entry = (await verifiedLog(it.it.countersign.services.deps, it.org.id))
    .find(({ entry }) => entry.type === "permission.checked");
  assert.equal(entry?.entry.subject.method, "GET", "the method is a fact of the call");

  const written = await it.call("writeNote", { body: { text: "x", about: { text: "y" } } });
  assert.equal(written.status, 200, written.text);
  assert.equal(it.api.last.body, '{"about":{"text":"y"},"text":"x"}');
  assert.equal(it.api.last.headers.get("content-type"), "application/json");

  await it.call("listNotes", { tag: ["a&b", "c=d"], "X-Trace": "t 1" });
  assert.deepEqual([it.api.last.query, it.api.last.headers.get("x-trace")], [
    "tag=a%26b&tag=c%3Dd",
    "t 1",
  ]);
  assertProblem(await it.call("listNotes", { tags: [] }), 422, "invalid_arguments");
  assertProblem(await it.call("readNote", { id: "a" }, { method: "POST" }), 422, "invalid_request");
});

Deno.test("what a person has to approve is frozen with how it is asked, and runs once after the yes", async () => {
  await using it = await ApiOrg.start();
  await it.approve(["notes/wipeNote"], { default_permission: "requires_approval" });
  const pending = await it.call("wipeNote", { id: "7" }, { reason: "It is old." });
  assert.equal(pending.status, 202, pending.text);
  assert.equal(it.api.asked.length, 0);
  assertProblem(await it.call("wipeNote", { id: ".." }), 422, "invalid_arguments");
  const got = await it.it.decide(pending.body.approval.id, "approve");
  assert.equal(got.status, 200, got.text);
  const done = await it.call("wipeNote", { id: "7" });
  assert.equal(done.status, 200, done.text);
  assert.deepEqual(it.api.asked.map(({ method, path }) => `${method} ${path}`), [
    "DELETE /v1/notes/7",
  ]);
});

Deno.test("a changed operation is a draft again, the others stay, and one that is gone ends", async () => {
  await using it = await ApiOrg.start();
  const names = ["readNote", "wipeNote", "listNotes", "writeNote"].map((name) => `notes/${name}`);
  await it.approve(names, ALLOWED);
  const paths = NOTES["paths"] as Record<string, Record<string, object>>;
  const next = structuredClone(paths);
  next["/notes/{id}"]!["get"] = { ...next["/notes/{id}"]!["get"], summary: "Reads it, and tells" };
  delete next["/notes"]!["get"];
  const got = await it.put({ document: { ...NOTES, paths: next as never } });
  assert.deepEqual(got.body.tools.changed, ["notes/readNote"]);
  const statuses = async () =>
    Object.fromEntries(
      await Promise.all(names.map(async (name) =>
        [name, (await it.org.get(`/v1/tools/${name}`)).body.status] as const
      )),
    );
  assert.deepEqual(await statuses(), {
    "notes/readNote": "draft",
    "notes/wipeNote": "approved",
    "notes/listNotes": "archived",
    "notes/writeNote": "approved",
  });
  assert.equal((await it.call("wipeNote", { id: "1" })).status, 200);
  assert.equal((await it.call("readNote", { id: "1" })).status, 202);
  assert.equal((await it.call("listNotes", {})).status, 403);

  // Without another document what is said besides can be changed, and which operations are offered.
  await it.put({ timeout_seconds: 9, operations: ["wipeNote"] });
  assert.equal((await statuses())["notes/writeNote"], "archived");
  assertProblem(
    await it.org.manage("PUT", "/v1/upstreams/notes", { kind: "openapi", operations: ["nope"] }),
    422,
    "invalid_request",
    "/operations/0",
  );
  // Elsewhere all of them are others.
  await it.put({ base_url: `${it.api.origin}/v2`, operations: ["wipeNote"] });
  assert.equal((await statuses())["notes/wipeNote"], "draft");
});

Deno.test("of a document nothing is left but the pieces of the one that counts, and none of an upstream that is gone", async () => {
  await using it = await ApiOrg.start();
  const { kv } = it.it.countersign.services.deps;
  const ids = async () =>
    new Set(
      (await Array.fromAsync(kv.list({ prefix: ["upstream_document", it.org.id] })))
        .map(({ key }) => String(key[3])),
    );
  const [first] = await ids();
  await it.put({ document: NOTES });
  const after = await ids();
  assert.equal(after.size, 1);
  assert.ok(!after.has(first!));
  // One that is refused leaves nothing.
  const wrong = { kind: "openapi", document: NOTES, base_url: "https://api.example.com/?x=1" };
  assertProblem(await it.org.manage("PUT", "/v1/upstreams/notes", wrong), 422, "invalid_request");
  assert.deepEqual(await ids(), after);
  assert.equal((await it.org.manage("DELETE", "/v1/upstreams/notes")).status, 200);
  assert.equal((await ids()).size, 0);
  assert.equal((await it.org.get("/v1/tools/notes/readNote")).status, 404);
});

Deno.test("a document that cannot be taken is refused with what to do, and so is one that offers nothing", async () => {
  await using it = await ApiOrg.start();
  const put = (document: unknown, more = {}) =>
    it.org.manage("PUT", "/v1/upstreams/other", {
      kind: "openapi",
      document: document as never,
      ...more,
    });
  assertProblem(await put({ swagger: "2.0", paths: {} }), 422, "invalid_request", "/document");
  assertProblem(await put(documentOf({})), 422, "invalid_request", "/document");
  assertProblem(await put(NOTES), 422, "invalid_request", "/base_url");
  assertProblem(
    await it.org.manage("PUT", "/v1/upstreams/other", { kind: "openapi", base_url: it.api.origin }),
    422,
    "invalid_request",
    "/document",
  );
  const at = { ...NOTES, servers: [{ url: "http://169.254.169.254/latest" }] };
  assertProblem(await put(at), 422, "invalid_request", "/base_url");
  assert.equal((await it.org.manage("GET", "/v1/upstreams/other")).status, 404);
});

Deno.test("what an API answers is a result by its type, and an error as the table of failures says", async () => {
  await using it = await ApiOrg.start(NOTES);
  await it.approve(["notes/readNote"], ALLOWED);
  const answered = async (body: BodyInit | null, init: ResponseInit) => {
    it.api.answer = () => new Response(body, init);
    return await it.call("readNote", { id: "1" });
  };
  const typed = (type: string, status = 200) => ({ status, headers: { "content-type": type } });
  const list = (await answered("[1, 2.50]", typed("application/json"))).body.result;
  assert.deepEqual(list, { content: [{ type: "text", text: "[1, 2.50]" }], is_error: false });
  const twice = (await answered('{"a":1,"a":2}', typed("application/json"))).body.result;
  assert.deepEqual([twice.content[0].text, twice.structured_content], ['{"a":1,"a":2}', undefined]);
  const none = (await answered(null, { status: 204 })).body.result;
  assert.equal(none.content[0].text, "HTTP 204, without a body.");
  const picture = (await answered(new Uint8Array([1, 2]), typed("image/png"))).body.result;
  assert.deepEqual(picture.content[0], { type: "image", data: "AQI=", mimeType: "image/png" });
  const file = (await answered(new Uint8Array([255]), typed("application/pdf"))).body.result;
  assert.deepEqual([file.content[0].type, file.content[0].resource.blob], ["resource", "/w=="]);

  const failed = await answered('{"message":"no such note"}', typed("application/json", 404));
  assertProblem(failed, 502, "upstream_failed");
  assert.match(failed.text, /no such note/);
  assertProblem(await answered("", typed("text/plain", 401)), 409, "credential_missing");
  assertProblem(await answered("", typed("text/plain", 429)), 503, "upstream_busy");
  assertProblem(await answered("", typed("text/plain", 503)), 504, "outcome_unknown");
  assertProblem(await answered("", typed("text/plain", 500)), 504, "outcome_unknown");
  await it.put({ max_result_bytes: 1024 });
  assertProblem(await answered("x".repeat(1025), typed("text/plain")), 502, "result_too_large");
  const large = (await answered(`{"a":"${"x".repeat(600)}"}`, typed("application/json"))).body;
  assert.equal(large.result.structured_content, undefined, "twice the same would be too large");
});

Deno.test("a host at the gateway finds the same operation, and gets the same result and entries", async () => {
  await using it = await ApiOrg.start();
  await it.approve(["notes/readNote"], ALLOWED);
  const { deps } = it.it.countersign.services;
  const typesSince = async (from: number) =>
    (await verifiedLog(deps, it.org.id)).slice(from).map(({ entry }) => entry.type)
      .filter((type) => /^(permission|token|execution)\./.test(type));
  const begun = (await verifiedLog(deps, it.org.id)).length;
  const rest = await it.call("readNote", { id: "a/b" });
  const ofRest = await typesSince(begun);
  await using host = await McpClient.connect(
    it.it.countersign.origin,
    await it.org.agent(),
    "modern",
    "/mcp/gateway",
  );
  const names = (await host.client.listTools()).tools.map(({ name }) => name);
  assert.deepEqual(names, ["notes__readNote"]);
  const since = (await verifiedLog(deps, it.org.id)).length;
  const called = await host.client.callTool({ name: "notes__readNote", arguments: { id: "a/b" } });
  assert.deepEqual(called.structuredContent, rest.body.result.structured_content);
  assert.deepEqual(called.content, rest.body.result.content);
  assert.deepEqual(await typesSince(since), ofRest);
  assert.equal(it.api.asked.length, 2);
});

Deno.test("what a host finds of an API goes by the methods of its operations, as calls of them do", async () => {
  await using it = await ApiOrg.start();
  const { org } = it;
  const tools = ["readNote", "wipeNote", "writeNote"];
  await it.approve(tools.map((tool) => `notes/${tool}`), ALLOWED);
  const rule = { selector: { method: "DELETE" }, permission: "disabled" };
  assert.equal((await org.manage("PUT", "/v1/rules", rule)).status, 201);
  const facts = await org.manage("PATCH", "/v1/tools/notes/readNote", {
    required_facts: ["method"],
    methods: ["GET"],
  });
  assert.equal(facts.status, 200, facts.text);
  const agent = await org.agent();
  const made = await org.post("/v1/sub-tokens", {
    name: "reads",
    ttl_seconds: 600,
    methods: ["GET"],
  }, agent);
  const found: [string, string[]][] = [
    [agent, ["notes__readNote", "notes__writeNote"]],
    [made.body.token, ["notes__readNote"]],
  ];
  for (const [key, names] of found) {
    await using host = await McpClient.connect(
      it.it.countersign.origin,
      key,
      "modern",
      "/mcp/gateway",
    );
    const listed = (await host.client.listTools()).tools.map(({ name }) => name);
    assert.deepEqual(listed, names);
    const read = { name: "notes__readNote", arguments: { id: "1" } };
    assert.notEqual((await host.client.callTool(read)).isError, true);
    for (const tool of tools) {
      const args = tool === "writeNote" ? { body: { text: "x" } } : { id: "1" };
      const body = { tool_name: `notes/${tool}`, arguments: args };
      const got = await org.post("/v1/calls", body, key);
      assert.equal(got.status, names.includes(`notes__${tool}`) ? 200 : 403, got.text);
    }
  }
});
