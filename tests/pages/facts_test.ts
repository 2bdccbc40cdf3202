import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { ApiOrg } from "../helpers/api_org.ts";
import { READ } from "../helpers/call_org.ts";
import { FactsOrg } from "../helpers/facts_org.ts";
import { Visitor } from "../helpers/visitor.ts";

/** Where facts are read, in the dashboard: said, shown, and told of where it leads nowhere any more. */

const PAGE = `/tools/${READ}`;

const FORM = `${PAGE}?view=guards`;

const seenOf = (html: string) => /name="seen" value="([^"]*)"/.exec(html)?.[1] ?? "";

Deno.test("places of facts are proposed, set, shown, refused where they lead nowhere, and changed with a passkey", async () => {
  await using it = await FactsOrg.start(null);
  const { org, calls: { it: { countersign: { clock } } } } = it;
  const admin = await Visitor.of(org, "admin");
  assert.match((await admin.get(PAGE)).text, /Read from arguments Nothing/);
  const page = await admin.get(FORM);
  assert.match(page.html, /<option value="\/note"/);
  const seen = seenOf(page.html);
  clock.advance(1000);
  const wrong: [JsonObject, RegExp][] = [
    [{ resource: "host" }, /resource: must be a JSON pointer/],
    [{ method: "/verbs" }, /method: names \/verbs, which the tool's parameters do not have/],
    [{ resource: "/at/port" }, /resource: names \/at\/port, which is no text/],
  ];
  for (const [fields, said] of wrong) {
    const got = await admin.send(FORM, "facts", { ...fields as Record<string, string>, seen });
    assert.equal(got.status, 422);
    assert.match(got.text, said);
  }
  const set = await admin.send(FORM, "facts", { resource: "/at/host", method: "/verb", seen });
  assert.deepEqual([set.to, set.notice], [FORM, "Saved."]);
  const facts = { resource: "/at/host", method: "/verb" };
  assert.deepEqual((await org.get(`/v1/tools/${READ}`)).body.facts, facts);
  const shown = (await admin.get(PAGE)).text;
  assert.match(shown, /Read from arguments resource \/at\/host ?, method \/verb/);
  // Two people at the same form do not undo each other unseen.
  assert.match((await admin.send(FORM, "facts", { seen })).text, /Somebody changed it/);
  const unfresh = await Visitor.of(org, "admin", { fresh: false });
  const now = seenOf((await admin.get(FORM)).html);
  for (const fields of [{}, { ...facts, resource: "/note" }, { ...facts, tenant: "/customer" }]) {
    const got = await unfresh.send(FORM, "facts", { ...fields, seen: now });
    assert.match(got.text, /Confirm it is you/);
  }
  const viewer = await Visitor.of(org, "viewer");
  assert.doesNotMatch((await viewer.get(FORM)).html, /Save places/);
  assert.equal((await admin.send(FORM, "facts", { seen: now })).notice, "Saved.");
  assert.equal((await org.get(`/v1/tools/${READ}`)).body.facts, undefined);
});

Deno.test("what an upstream made of its parameters is told where a fact is not among them any more", async () => {
  await using it = await FactsOrg.start();
  const { org } = it;
  const admin = await Visitor.of(org, "admin");
  assert.doesNotMatch((await admin.get(PAGE)).text, /Its calls have no/);
  const schema = { type: "object", properties: { verb: {}, customer: { type: "integer" } } };
  it.tools.splice(0, 1, { name: "read", inputSchema: schema });
  await org.manage("POST", "/v1/upstreams/notes/refresh");
  for (const path of [PAGE, "/upstreams/notes/tools/read"]) {
    const { text, html } = await admin.get(path);
    assert.match(text, /Its calls have no tenant and resource any more/);
    assert.match(text, /The resource is read from \/at\/host ?, where its parameters have no text/);
    assert.match(html, /href="[^"]*\?view=guards"[^>]*>(?:<[^>]*>)*Name other places/);
  }
  const viewer = await Visitor.of(org, "viewer");
  assert.doesNotMatch((await viewer.get(PAGE)).text, /Name other places/);
});

Deno.test("who approves reads which facts are the asker's word alone", async () => {
  await using it = await FactsOrg.start({ method: "/verb" });
  const { org } = it;
  await it.patch({ default_permission: "requires_approval" });
  const owner = await Visitor.of(org, "owner");
  const pageOf = async (fields: JsonObject) => {
    const { body } = await it.call({ verb: "stop", note: JSON.stringify(fields) }, fields);
    return (await owner.get(`/approvals/${body.approval.id}`)).text;
  };
  const said = /Only said The resource: it is what the asker says/;
  assert.match(await pageOf({ resource_id: "web-1", method: "stop" }), said);
  assert.doesNotMatch(await pageOf({}), /Only said/);
  assert.equal((await it.patch({ facts: { method: "/verb", resource: "/note" } })).status, 200);
  const { body } = await it.call({ verb: "stop", note: "web-1" }, { resource_id: "web-1" });
  const { text } = await owner.get(`/approvals/${body.approval.id}`);
  assert.match(text, /web-1/);
  assert.doesNotMatch(text, /Only said/);
});

Deno.test("an operation has its own method, and a tool that others run reads nothing", async () => {
  await using it = await ApiOrg.start();
  const owner = await Visitor.of(it.org, "owner");
  const { html, text } = await owner.get("/tools/notes/readNote?view=guards");
  assert.match(text, /GET, by which the operation is asked/);
  assert.doesNotMatch(html, /name="method"/);
  assert.match((await owner.get("/tools/notes/readNote")).text, /method: GET, the operation's own/);
  const set = await owner.send("/tools/notes/readNote?view=guards", "facts", {
    resource: "/id",
    seen: seenOf(html),
  });
  assert.equal(set.notice, "Saved.");
  await it.org.tool("plain");
  const plain = await owner.get("/tools/plain?view=guards");
  assert.doesNotMatch(plain.text, /What a call is about/);
  const sent = await owner.send("/tools/plain?view=guards", "facts", {
    resource: "/id",
    seen: seenOf(plain.html),
  });
  assert.equal(sent.status, 422);
  assert.equal((await it.org.get("/v1/tools/plain")).body.facts, undefined);
});
