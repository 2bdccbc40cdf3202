import assert from "node:assert/strict";
import type { ApiKeyRecord } from "../../lib/store/records/identity.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { hiddenFields, rowsOf } from "../helpers/page_html.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const NEW = {
  name: "worker",
  tier: "standard",
  tenant_ids: "",
  trust_tier: "0",
  expires_at: "",
  rate_limit_per_minute: "",
};
const KEY = /cs_(live|mgmt|appr)_[A-Za-z0-9_]+/;

async function keyNamed(org: TestOrg, name: string): Promise<ApiKeyRecord | undefined> {
  return await org.transact(({ snapshot }) =>
    [...snapshot.apiKeys.values()].find((key) => key.name === name)
  );
}

async function pathOf(org: TestOrg, name: string): Promise<string> {
  return `/api-keys/${(await keyNamed(org, name))?.id}`;
}

Deno.test("a key of each tier is shown this once, with commands for its tier", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("fine");
  const owner = await Visitor.of(org, "owner");
  const made = async (tier: string) => {
    const got = await owner.send("/api-keys", "create", { ...NEW, name: tier + " one", tier });
    assert.equal(got.status, 200);
    assert.match(got.text, /Copy the (?:key|token) now/);
    return { key: KEY.exec(got.text)?.[0] ?? "", text: got.text };
  };
  const standard = await made("standard");
  assert.match(standard.text, /\/v1\/permissions\/check/);
  const check = await org.post("/v1/permissions/check", { tool_name: "fine" }, standard.key);
  assert.equal(check.body.permission, "allowed");
  const management = await made("management");
  assert.equal((await org.get("/v1/policy", management.key)).status, 200);
  assert.match(management.text, /\/v1\/policy/);
  const approver = await made("approver");
  assert.equal((await org.get("/v1/approvals?status=pending", approver.key)).status, 200);
  assert.match(approver.text, /\/v1\/approvals\?status=pending/);
  const record = await keyNamed(org, "standard one");
  assert.deepEqual(record?.members_behind, [owner.session.member.id]);
  assert.equal(record?.rate_limit_per_minute, null);
  assert.doesNotMatch((await owner.get("/api-keys")).text, KEY);
});

Deno.test("the keys are listed by tier, with what bounds them", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer", { email: "vera@example.com" });
  const key = await org.key("standard", {
    name: HOSTILE.markup,
    tenant_ids: ["acme"],
    expires_at: countersign.clock.now + 86_400_000,
    members_behind: [viewer.session.member.id],
  });
  await org.key("standard", { name: "over", expires_at: countersign.clock.now });
  await org.key("management", { name: "reader", audit_private: true });
  await org.post("/v1/permissions/check", { tool_name: "x" }, key);
  const { html, text } = await viewer.get("/api-keys");
  const row = (name: string) => rowsOf(html).find((one) => one.includes(name)) ?? "";
  assert.match(row("<img"), /Active acme 2 Jan 2026, 00:00 UTC in 24 h vera@example\.com now/);
  assert.match(row("over"), /Expired All .*Nobody Never/);
  assert.ok(text.includes(HOSTILE.markup) && !html.includes("<img"));
  assert.equal(row("reader"), "");
  assert.match(text, /Standard 3 Management 2 Approver 1/);
  assert.equal(hiddenFields(html, "create"), null);
  const management = await viewer.get("/api-keys?tier=management");
  assert.match(management.text, /reader …[0-9a-z]{6} Active Reads private data/);
  assert.match(management.text, /For deployment scripts/);
});

Deno.test("keys that decide, or read private data, are made by owners", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const admin = await Visitor.of(org, "admin");
  const page = await admin.get("/api-keys");
  assert.ok(!page.html.includes('value="approver"'));
  assert.ok(!page.html.includes("audit_private"));
  assert.ok(!page.html.includes("user_passkeys"));
  assert.match(page.text, /Approver keys are made by owners/);
  const speaking = { tier: "management", user_passkeys: "on" };
  for (const fields of [{ tier: "approver" }, { audit_private: "on" }, speaking]) {
    const got = await admin.send("/api-keys", "create", { ...NEW, ...fields });
    assert.equal(got.status, 403, JSON.stringify(fields));
  }
  assert.equal(await keyNamed(org, "worker"), undefined);
  const owner = await Visitor.of(org, "owner");
  await owner.send("/api-keys", "create", { ...NEW, audit_private: "on" });
  assert.equal((await keyNamed(org, "worker"))?.audit_private, true);
});

Deno.test("a key that sets the passkeys of users is made by an owner under a fresh passkey, and its list says so", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const fields = { ...NEW, tier: "management", user_passkeys: "on" };
  const stale = await Visitor.of(org, "owner", { fresh: false });
  await stale.send("/api-keys", "create", fields);
  assert.equal(await keyNamed(org, "worker"), undefined);
  const owner = await Visitor.of(org, "owner");
  assert.equal(
    (await owner.send("/api-keys", "create", { ...fields, tier: "standard" })).status,
    422,
  );
  await owner.send("/api-keys", "create", fields);
  assert.equal((await keyNamed(org, "worker"))?.user_passkeys, true);
  assert.match((await owner.get("/api-keys?tier=management")).text, /Sets users' passkeys/);
});

Deno.test("a standard key that grants mandates is made by a member under a passkey, and its list says so", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const admin = await Visitor.of(org, "admin");
  await admin.send("/api-keys", "create", { ...NEW, may_grant: "on" });
  assert.equal((await keyNamed(org, "worker"))?.may_grant, true);
  assert.match((await admin.get("/api-keys")).text, /Grants mandates/);
});

Deno.test("what is wrong with a new key stands beside its field; making one asks for a passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const cases: [Record<string, string>, RegExp][] = [
    [{ tier: "king" }, /id="field-tier-error".*must be one of the tiers/s],
    [
      { tier: "management", tenant_ids: "acme" },
      /id="field-tenant_ids-error".*bounds standard keys and agents only/s,
    ],
    [{ name: "x".repeat(101) }, /id="field-name-error".*at most 100 characters/s],
    [{ expires_at: "2020-01-01T00:00" }, /id="field-expires_at-error".*which is past/s],
  ];
  for (const [fields, expected] of cases) {
    const got = await owner.send("/api-keys", "create", { ...NEW, ...fields });
    assert.equal(got.status, 422, JSON.stringify(fields));
    assert.match(got.html, expected);
  }
  const unsure = await Visitor.of(org, "owner", { fresh: false });
  assert.match((await unsure.send("/api-keys", "create", NEW)).text, /Confirm it is you/);
  assert.equal(await keyNamed(org, "worker"), undefined);
});

Deno.test("a revoked key is refused on its next call", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const key = await org.key("standard", { name: "worker" });
  const path = await pathOf(org, "worker");
  const approver = await Visitor.of(org, "approver");
  assert.equal(hiddenFields((await approver.get(path)).html, "revoke"), null);
  assert.equal((await approver.send(path, "revoke")).status, 403);
  const admin = await Visitor.of(org, "admin");
  const page = await admin.get(path);
  assert.match(page.text, /refused from its next call on, for good/);
  const gone = await admin.send(path, "revoke");
  assert.equal(gone.to, "/api-keys?tier=standard");
  assert.equal((await org.get("/v1/org", key)).status, 401);
  assert.equal((await admin.get(path)).status, 404);
  assert.equal((await admin.send(path, "revoke")).status, 404);
});

Deno.test("an approver key of the operator is out of force beside passkeys, until an owner keeps it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const key = await org.key("approver", { name: "handed over", bootstrap: true });
  const path = await pathOf(org, "handed over");
  const viewer = await Visitor.of(org, "viewer");
  assert.match((await viewer.get(path)).text, /in force until an owner has one/);
  const owner = await Visitor.of(org, "owner");
  assert.equal((await org.get("/v1/approvals", key)).status, 401);
  const list = await viewer.get("/api-keys?tier=approver");
  assert.match(list.text, /handed over …[0-9a-z]{6} Out of force By the operator/);
  const admin = await Visitor.of(org, "admin");
  assert.match((await admin.get(path)).text, /Only an owner can keep it/);
  assert.equal((await admin.send(path, "keep")).status, 403);
  const page = await owner.get(path);
  assert.match(page.text, /whoever knows it approves requests without any passkey/);
  const unsure = await Visitor.of(org, "owner", { fresh: false });
  assert.match((await unsure.send(path, "keep")).text, /Confirm it is you/);
  assert.equal((await owner.send(path, "keep")).to, path);
  assert.equal((await org.get("/v1/approvals", key)).status, 200);
  const kept = await owner.get(path);
  assert.match(kept.text, /An owner kept it/);
  assert.equal(hiddenFields(kept.html, "keep"), null);
  const own = await org.key("approver", { name: "made here" });
  assert.ok(own);
  assert.equal((await owner.send(await pathOf(org, "made here"), "keep")).status, 404);
});

Deno.test("a management key of the operator says what becomes of it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.key("management", { name: "handed over", bootstrap: true });
  const viewer = await Visitor.of(org, "viewer");
  const page = await viewer.get(await pathOf(org, "handed over"));
  assert.match(page.text, /A restart doesn't bring it back/);
});

Deno.test("many keys come fifty at a time, each once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await Promise.all(Array.from({ length: 119 }, () => org.key("standard")));
  const viewer = await Visitor.of(org, "viewer");
  const seen: string[] = [];
  let next: string | null = "/api-keys?tier=standard";
  while (next !== null) {
    const { html } = await viewer.get(next);
    const found = [...html.matchAll(/class="row-link" href="\/api-keys\/([^"]+)"/g)];
    assert.ok(found.length <= 50);
    seen.push(...found.map(([, id = ""]) => id));
    next = /href="([^"]+)" rel="next"/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? null;
  }
  assert.equal(new Set(seen).size, 120);
  assert.equal(seen.length, 120);
});
