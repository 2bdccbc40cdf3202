import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

Deno.test("a tenant is registered, changed and removed with its rules", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  assert.match((await owner.get("/tenants")).text, /No tenants yet/);
  const made = await owner.send("/tenants", "register", { id: "acme/eu", name: "Acme" });
  assert.deepEqual([made.to, made.notice], ["/tenants/acme%2Feu", "Tenant acme/eu is registered."]);
  assert.match((await owner.get("/tenants")).text, /acme\/eu\s+Acme/);
  const changed = await owner.send("/tenants/acme%2Feu", "change", { metadata: '{"plan": "pro"}' });
  assert.equal(changed.notice, "Saved.");
  const rule = { selector: { tenant_id: "acme/eu", tool_name: "t" }, permission: "disabled" };
  assert.equal((await org.manage("PUT", "/v1/rules", rule)).status, 201);
  const removed = await owner.send("/tenants/acme%2Feu", "remove");
  assert.equal(removed.notice, "Tenant acme/eu is removed, with 1 rule.");
  assert.equal((await org.manage("GET", "/v1/rules")).body.data.length, 0);
});

Deno.test("a tenant is not registered twice, nor under an id that no address can name", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  await owner.send("/tenants", "register", { id: "acme", name: "First" });
  const refused = async (fields: Record<string, string>) => {
    const got = await owner.send("/tenants", "register", { id: "t", ...fields });
    assert.equal(got.status, 422);
    return got.text;
  };
  assert.match(await refused({ id: "acme", name: "Second" }), /id: is registered already/);
  assert.match((await owner.get("/tenants/acme")).text, /First/);
  assert.match(await refused({ id: ".." }), /id: cannot be \. or \.\./);
  assert.match(await refused({ id: "a\u202eb" }), /U\+202E/);
  assert.match(await refused({ metadata: "{plan" }), /metadata: isn't JSON/);
});

Deno.test("whoever may only read sees tenants and no form", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await (await Visitor.of(org, "owner")).send("/tenants", "register", { id: "acme" });
  for (const role of ["approver", "viewer"] as const) {
    const visitor = await Visitor.of(org, role);
    const page = await visitor.get("/tenants/acme");
    assert.equal(page.status, 200);
    assert.ok(!page.html.includes('value="change"') && !page.html.includes('value="remove"'));
    assert.equal((await visitor.send("/tenants/acme", "remove")).status, 403);
  }
});

Deno.test("what names a tenant is shown as text, whatever it looks like", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  assert.equal((await org.manage("PUT", "/v1/tenants/acme", { name: HOSTILE.markup })).status, 201);
  for (const path of ["/tenants", "/tenants/acme"]) {
    const { html, text } = await owner.get(path);
    assert.ok(!html.includes("<img"));
    assert.ok(text.includes(HOSTILE.markup));
  }
});
