import assert from "node:assert/strict";
import { ApiServer, documentOf, NOTES } from "../helpers/api_server.ts";
import { Countersign } from "../helpers/countersign.ts";
import { Visitor } from "../helpers/visitor.ts";

/** An HTTP API in the dashboard, from its document to what waits as drafts. */

Deno.test("an API is added by a document that is pasted, uploaded or fetched, and its operations are picked", async () => {
  await using api = new ApiServer();
  await using countersign = await Countersign.start({
    variables: { COUNTERSIGN_PRIVATE_HOSTS: api.host },
  });
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner", { fresh: true });
  const NEW = "/upstreams/new/api";
  const read = (fields: Record<string, string>) =>
    owner.send(NEW, "read", { name: "notes", ...fields });
  assert.match((await read({})).text, /is missing: give a file, URL or text/);
  assert.match((await read({ document: "{" })).text, /is no JSON/);
  const yaml = "# Notes\nopenapi: 3.1.0\ninfo: {}\n";
  assert.match((await read({ document: yaml })).text, /looks like YAML: convert it/);
  assert.match((await read({ document: "<!doctype html>" })).text, /It is a page/);
  assert.match(
    (await read({ document: '{"swagger":"2.0"}' })).text,
    /none of OpenAPI 3\.0 or 3\.1/,
  );

  api.answer = () => Response.redirect("https://elsewhere.example/", 302);
  assert.match((await read({ url: `${api.origin}/openapi.json` })).text, /couldn't be fetched/);
  api.answer = () => Response.json(NOTES);
  const fetched = await read({ url: `${api.origin}/openapi.json` });
  assert.match(fetched.to ?? fetched.text, /^\/upstreams\/notes\/document\/doc_/);
  assert.equal((await org.manage("GET", "/v1/upstreams/notes")).status, 404, "nothing counts yet");

  // Uploaded, as a browser sends a file.
  const form = new FormData();
  form.set("do", "read");
  form.set("name", "notes");
  form.set("file", new Blob([JSON.stringify(NOTES)]), "openapi.json");
  const uploaded = await fetch(countersign.origin + NEW, {
    method: "POST",
    body: form,
    redirect: "manual",
    headers: {
      origin: countersign.origin,
      cookie: `countersign_session=${owner.session.secret}`,
    },
  });
  await uploaded.body?.cancel();
  const page = uploaded.headers.get("location") ?? "";
  assert.match(page, /^\/upstreams\/notes\/document\/doc_/);

  const shown = await owner.get(page);
  assert.equal(shown.status, 200);
  assert.match(shown.text, /4 operations can be taken/);
  assert.match(shown.text, /GET \/notes\/\{id\} · Read a note/);
  const narrowed = await owner.get(`${page}?tag=notes`);
  assert.match(narrowed.html, /Offer wipeNote/);
  assert.doesNotMatch(narrowed.html, /Offer listNotes/);
  const none = await owner.get(`${page}?q=nothing-is-called-so`);
  assert.match(none.text, /No operation fits what the list is narrowed to/);
  const offered = await owner.send(`${page}?tag=notes`, "offer", {
    base_url: `${api.origin}/v1`,
    offer: "picked",
    operations: ["readNote"],
  });
  assert.equal(offered.to, "/upstreams/notes", offered.text);
  const names = async () =>
    ((await org.get("/v1/upstreams/notes/tools")).body.data as { name: string }[])
      .map(({ name }) => name);
  assert.deepEqual(await names(), ["notes/readNote"]);

  // More of it, with what was picked before kept although it is not listed.
  const more = await owner.send(`${page}?q=list`, "offer", {
    base_url: `${api.origin}/v1`,
    offer: "picked",
    operations: ["listNotes"],
  });
  assert.equal(more.to, "/upstreams/notes", more.text);
  assert.deepEqual(await names(), ["notes/listNotes", "notes/readNote"]);

  // Another document is shown beside the one that counts, before it does.
  const paths = { "/notes/{id}": { ...(NOTES["paths"] as never)["/notes/{id}"] as object } };
  const next = await read({ document: JSON.stringify(documentOf(paths as never)) });
  const beside = await owner.get(next.to ?? "");
  assert.match(beside.text, /1 new, 0 changed, 1 the same, 1 gone/);
  assert.match(beside.text, /Gone: listNotes/);

  // Only who configures gets there, and nobody of another organization does.
  const viewer = await Visitor.of(org, "viewer");
  assert.equal((await viewer.get(page)).status, 403);
  const stranger = await Visitor.of(await countersign.org(), "owner", { fresh: true });
  assert.equal((await stranger.get(page)).status, 404);
});
