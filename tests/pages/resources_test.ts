import assert from "node:assert/strict";
import * as keys from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { type ResourceRecord, resourceRecord } from "../../lib/store/records/policy.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

async function resourceOf(org: TestOrg, id: string): Promise<ResourceRecord | null> {
  const { kv } = org.countersign.services.deps;
  return (await readRecord(kv, keys.resourceKey(org.id, id), resourceRecord))?.value ?? null;
}

Deno.test("a resource is registered, changed and removed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const admin = await Visitor.of(org, "admin", { fresh: false });
  assert.match((await admin.get("/resources")).text, /No resources yet/);
  const made = await admin.send("/resources", "register", {
    id: "srv/1",
    name: "Server 1",
    type: "server",
    metadata: '{"zone": "eu"}',
  });
  assert.deepEqual([made.to, made.notice], ["/resources/srv%2F1", "Resource srv/1 is registered."]);
  assert.match((await admin.get("/resources")).text, /srv\/1\s+Server 1\s+server/);
  const page = await admin.get("/resources/srv%2F1");
  assert.match(page.text, /Server 1.*External id\s+srv\/1\s+Type\s+server/);
  assert.match(page.html, /\/rules\?resource_id=srv%2F1#all/);

  const changed = await admin.send("/resources/srv%2F1", "change", {
    name: "",
    type: "machine",
    metadata: "",
  });
  assert.equal(changed.notice, "Saved.");
  const { name, type, metadata } = await resourceOf(org, "srv/1") ?? {};
  assert.deepEqual([name, type, metadata], [null, "machine", {}]);

  const removed = await admin.send("/resources/srv%2F1", "remove");
  assert.equal(removed.to, "/resources");
  assert.equal(await resourceOf(org, "srv/1"), null);
  assert.equal((await admin.get("/resources/srv%2F1")).status, 404);
});

Deno.test("what is wrong in the form of a resource stands beside its field, with what was typed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  await owner.send("/resources", "register", { id: "there", name: "First" });
  const refused = async (fields: Record<string, string>) => {
    const got = await owner.send("/resources", "register", { id: "r", ...fields });
    assert.equal(got.status, 422);
    return got;
  };
  assert.match((await refused({ id: "there", name: "Second" })).text, /id: is registered already/);
  assert.equal((await resourceOf(org, "there"))?.name, "First");
  assert.match((await refused({ id: "" })).text, /id: must not be empty/);
  assert.match((await refused({ id: ".." })).text, /id: cannot be \. or \.\./);
  assert.match((await refused({ id: "eve@example.com" })).text, /looks like an e-mail address/);
  const broken = await refused({ metadata: "{zone}" });
  assert.match(broken.text, /metadata: isn't JSON/);
  assert.match(broken.html, />\{zone\}<\/textarea>/);
  assert.match((await refused({ metadata: "[1]" })).text, /metadata: must be an object/);
});

Deno.test("five hundred resources come fifty at a time, each once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.transact((transaction) => {
    for (let i = 0; i < 500; i++) {
      const id = `r${String(i).padStart(3, "0")}`;
      const record = { id, name: null, type: null, metadata: {}, created_at: transaction.at };
      transaction.set(keys.resourceKey(org.id, id), record);
    }
  });
  const viewer = await Visitor.of(org, "viewer");
  const found = new Set<string>();
  let path: string | undefined = "/resources";
  let pages = 0;
  while (path !== undefined) {
    const { html } = await viewer.get(path);
    const ids = [...html.matchAll(/href="\/resources\/(r\d+)"/g)].map(([, id = ""]) => id);
    assert.ok(ids.length <= 50);
    for (const id of ids) found.add(id);
    pages++;
    const next: string | undefined = html.match(/href="([^"]*)" rel="next"/)?.[1];
    path = next?.replaceAll("&amp;", "&");
  }
  assert.deepEqual([pages, found.size], [10, 500]);
});

Deno.test("viewers and approvers read resources, and change none", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const metadata = JSON.stringify({ long: "x".repeat(10_000) });
  await owner.send("/resources", "register", { id: "server", metadata });
  for (const role of ["viewer", "approver"] as const) {
    const visitor = await Visitor.of(org, role);
    assert.doesNotMatch((await visitor.get("/resources")).html, /value="register"/);
    const page = await visitor.get("/resources/server");
    assert.ok(page.text.includes("x".repeat(10_000)), "shown whole");
    assert.doesNotMatch(page.html, /value="(change|remove)"/);
    assert.equal((await visitor.send("/resources", "register", { id: "other" })).status, 403);
    assert.equal((await visitor.send("/resources/server", "remove")).status, 403);
  }
  assert.notEqual(await resourceOf(org, "server"), null);
});

Deno.test("what somebody wrote about a resource is text", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const { to } = await owner.send("/resources", "register", {
    id: HOSTILE.markup,
    name: HOSTILE.markup,
    type: HOSTILE.markup,
    metadata: JSON.stringify({ [HOSTILE.markup]: HOSTILE.bidi }),
  });
  const viewer = await Visitor.of(org, "viewer");
  for (const visitor of [owner, viewer]) {
    for (const path of ["/resources", to ?? ""]) {
      const { html, status } = await visitor.get(path);
      assert.equal(status, 200);
      assert.ok(!html.includes("<img"));
      assert.ok(html.includes("&lt;img src=x"));
    }
  }
  assert.match((await viewer.get(to ?? "")).text, /U\+202E/);
});
