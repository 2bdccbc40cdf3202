import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { hiddenFields, rowsOf, shownIn } from "../helpers/page_html.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

/** What the form of a new agent sends when nobody touches it, but for its name. */
const NEW = {
  name: "billing",
  tenant_ids: "",
  trust_tier: "0",
  expires_at: "",
  rate_limit_per_minute: "6000",
};
const TOKEN = /cs_agent_[A-Za-z0-9_]+/;

const agentsOf = (org: TestOrg) =>
  org.transact(({ snapshot }) =>
    [...snapshot.agents.values()].sort((a, b) => a.id < b.id ? -1 : 1)
  );
const first = async (org: TestOrg) => {
  const [agent] = await agentsOf(org);
  assert.ok(agent !== undefined);
  return agent;
};
const checked = (org: TestOrg, key: string, body: object = { tool_name: "fine" }) =>
  org.post("/v1/permissions/check", body, key);

Deno.test("a new agent's token is shown this once, with commands that work", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("fine");
  const owner = await Visitor.of(org, "owner");
  const made = await owner.send("/agents", "create", {
    ...NEW,
    tenant_ids: "acme\n globex, o'neill",
    trust_tier: "2",
    expires_at: "2027-01-31T12:00",
  });
  assert.equal(made.status, 200);
  assert.match(made.text, /Copy the (?:key|token) now/);
  const [token = ""] = TOKEN.exec(made.text) ?? [];
  const { tenant_ids, trust_tier, expires_at, rate_limit_per_minute, members_behind, id } =
    await first(org);
  assert.deepEqual(
    { tenant_ids, trust_tier, expires_at, rate_limit_per_minute, members_behind },
    {
      tenant_ids: ["acme", "globex", "o'neill"],
      trust_tier: 2,
      expires_at: Date.UTC(2027, 0, 31, 12),
      rate_limit_per_minute: 6000,
      members_behind: [owner.session.member.id],
    },
  );
  // The body that the command sends, tenant included.
  assert.match(made.text, /-d '\{"tool_name":"fine","tenant_id":"acme"\}'/);
  const body = { tool_name: "fine", tenant_id: "acme" };
  assert.equal((await checked(org, token, body)).body.permission, "allowed");
  const after = await owner.get(`/agents/${id}`);
  assert.doesNotMatch(after.text, TOKEN);
  assert.match(after.text, /acme globex o'neill/);
});

Deno.test("the list shows state, tier, tenants, last use and who answers", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("fine");
  const viewer = await Visitor.of(org, "viewer", { email: "vera@example.com" });
  assert.match((await viewer.get("/agents")).text, /No agents yet/);
  const token = await org.agent({
    name: "busy",
    members_behind: [viewer.session.member.id],
    trust_tier: 3,
    tenant_ids: ["a", "b", "c", "d", "e"],
  });
  await checked(org, token, { tool_name: "fine", tenant_id: "a" });
  await org.agent({ name: "stopped", kill_switch: { active: true, reason: "wild" } });
  await org.agent({ name: "over", expires_at: countersign.clock.now });
  await org.agent({ name: HOSTILE.markup });
  const { html, text } = await viewer.get("/agents");
  const row = (name: string) => rowsOf(html).find((one) => one.includes(` ${name} `)) ?? "";
  assert.match(row("busy"), /Active 3 a b c and 2 more vera@example\.com now/);
  assert.match(row("stopped"), /Paused 0 All Nobody Never/);
  assert.match(row("over"), /Expired/);
  assert.ok(text.includes(HOSTILE.markup) && !html.includes("<img"));
  assert.equal(hiddenFields(html, "create"), null);
});

Deno.test("what is wrong with a new agent stands beside its field, as it was typed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const cases: [Partial<typeof NEW>, RegExp][] = [
    [{ name: "" }, /id="field-name-error".*must not be empty/s],
    [{ tenant_ids: "a\na" }, /id="field-tenant_ids-error".*names a tenant twice/s],
    [{ tenant_ids: "someone@example.com" }, /looks like an e-mail address/],
    [{ expires_at: "2025-12-31T00:00" }, /id="field-expires_at-error".*which is past/s],
    [{ expires_at: "soon" }, /must be a time such as/],
    [{ rate_limit_per_minute: "0" }, /id="field-rate_limit_per_minute-error".*at least 1/s],
    [{ trust_tier: "4" }, /id="field-trust_tier-error"/],
  ];
  for (const [fields, expected] of cases) {
    const got = await owner.send("/agents", "create", { ...NEW, ...fields });
    assert.equal(got.status, 422, JSON.stringify(fields));
    assert.match(got.html, expected);
    if (fields.name !== "") assert.match(got.html, /value="billing"/);
  }
  assert.deepEqual(await agentsOf(org), []);
  const stale = await Visitor.of(org, "owner", { fresh: false });
  assert.match((await stale.send("/agents", "create", NEW)).text, /Confirm it is you/);
  const held = await Visitor.of(org, "owner", { held: true });
  assert.equal((await held.send("/agents", "create", NEW)).status, 403);
  assert.deepEqual(await agentsOf(org), []);
});

Deno.test("a change keeps what was not touched, and lets more through under a passkey only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const expires_at = countersign.clock.now + 3_600_123;
  await org.agent({ name: "busy", expires_at, tenant_ids: ["acme"], rate_limit_per_minute: 10 });
  const admin = await Visitor.of(org, "admin", { fresh: false });
  const agent = await first(org);
  const path = `/agents/${agent.id}`;
  const page = await admin.get(path);
  const shown = shownIn(page.html, "change");
  const minute = new Date(expires_at).toISOString().slice(0, 16);
  assert.ok(page.html.includes(`value="${minute}"`));
  const same = {
    ...NEW,
    shown,
    name: "busy",
    tenant_ids: "acme",
    expires_at: minute,
    rate_limit_per_minute: "10",
  };
  assert.equal((await admin.send(path, "change", same)).notice, "It was so already.");
  const fresh = await Visitor.of(org, "admin");
  const renamed = await fresh.send(path, "change", { ...same, name: "busier" });
  assert.equal(renamed.to, path);
  assert.deepEqual(await first(org), { ...agent, name: "busier" });

  const stale = await fresh.send(path, "change", { ...same, name: "busiest" });
  assert.equal(stale.status, 422);
  assert.match(stale.text, /Somebody changed it while this form was open/);

  const again = { ...same, shown: shownIn((await admin.get(path)).html, "change"), name: "busier" };
  for (
    const wider of [
      { tenant_ids: "" },
      { name: "somebody else" },
      { trust_tier: "1" },
      { expires_at: "" },
      { rate_limit_per_minute: "11" },
    ]
  ) {
    const asked = await admin.send(path, "change", { ...again, ...wider });
    assert.match(asked.text, /Confirm it is you/, JSON.stringify(wider));
  }
  assert.equal((await first(org)).trust_tier, 0);
  await fresh.send(path, "change", { ...again, trust_tier: "1" });
  assert.equal((await first(org)).trust_tier, 1);
});

Deno.test("an approver pauses an agent, and an owner lets it go on under their passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("fine");
  const token = await org.agent();
  const { id } = await first(org);
  const path = `/agents/${id}`;
  const approver = await Visitor.of(org, "approver");
  const page = await approver.get(path);
  assert.notEqual(hiddenFields(page.html, "pause"), null);
  for (const does of ["change", "rotate", "remove"]) {
    assert.equal(hiddenFields(page.html, does), null, does);
  }
  const long = await approver.send(path, "pause", { reason: "x".repeat(501) });
  assert.match(long.html, /id="field-reason-error".*at most 500 characters/s);
  const paused = await approver.send(path, "pause", { reason: HOSTILE.markup });
  assert.equal(paused.to, path);
  assert.equal((await checked(org, token)).body.permission, "disabled");
  for (const role of ["approver", "admin", "viewer"] as const) {
    const visitor = await Visitor.of(org, role);
    const shown = await visitor.get(path);
    assert.match(shown.text, /This agent is paused .*Only an owner lets it go on/);
    assert.ok(shown.text.includes(HOSTILE.markup) && !shown.html.includes("<img"));
    assert.equal(hiddenFields(shown.html, "release"), null);
    assert.equal((await visitor.send(path, "release")).status, 403);
  }
  const unsure = await Visitor.of(org, "owner", { fresh: false });
  assert.match((await unsure.send(path, "release")).text, /Confirm it is you/);
  const owner = await Visitor.of(org, "owner");
  assert.equal((await owner.send(path, "release")).to, path);
  assert.equal((await checked(org, token)).body.permission, "allowed");
});

Deno.test("a new token takes the place of the old one; a removed agent is gone", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("fine");
  const old = await org.agent();
  const { id } = await first(org);
  const path = `/agents/${id}`;
  const admin = await Visitor.of(org, "admin");
  const rotated = await admin.send(path, "rotate");
  const [token = ""] = TOKEN.exec(rotated.text) ?? [];
  assert.match(rotated.text, /void from this moment on, and so is what was asked and minted/);
  assert.equal((await checked(org, old)).status, 401);
  assert.equal((await checked(org, token)).status, 200);
  assert.equal((await admin.send(path, "remove")).to, "/agents");
  assert.equal((await checked(org, token)).status, 401);
  assert.equal((await admin.get(path)).status, 404);
  assert.equal((await admin.send(path, "rotate")).status, 404);
});

Deno.test("a new token voids what was asked with the old one, unless the box says to keep it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund", { default_permission: "requires_approval" });
  let token = await org.agent();
  const path = `/agents/${(await first(org)).id}`;
  const admin = await Visitor.of(org, "admin");
  assert.match((await admin.get(path)).html, /type="checkbox"[^>]*name="keep_requests"/);
  for (
    const [fields, status] of [[{ keep_requests: "on" }, "pending"], [{}, "cancelled"]] as const
  ) {
    const asked = await org.post("/v1/approvals", { tool_name: "refund", reason: "x" }, token);
    const rotated = await admin.send(path, "rotate", fields);
    [token = ""] = TOKEN.exec(rotated.text) ?? [];
    assert.equal((await org.get(`/v1/approvals/${asked.body.id}`)).body.status, status);
  }
});

Deno.test("the page of an agent shows its own last requests and leads to its activity", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund", { default_permission: "requires_approval" });
  const token = await org.agent({ name: "asker" });
  const { id } = await first(org);
  await org.agent({ name: "other" });
  const other = (await agentsOf(org)).find(({ name }) => name === "other");
  const body = { tool_name: "refund", reason: HOSTILE.markup, arguments: { iban: "secret" } };
  await org.post("/v1/approvals", body, token);
  const viewer = await Visitor.of(org, "viewer");
  const page = await viewer.get(`/agents/${id}`);
  assert.match(page.text, / asker …[0-9a-z]{6} refund .* Pending /);
  assert.ok(page.text.includes(HOSTILE.markup) && !page.html.includes("<img"));
  assert.ok(!page.html.includes("secret"));
  assert.ok(page.html.includes(`href="/activity?actor=${id}"`));
  assert.match(
    (await viewer.get(`/agents/${other?.id}`)).text,
    /It hasn't asked for approval yet/,
  );
});

Deno.test("a hundred and twenty agents come fifty at a time, each once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await Promise.all(Array.from({ length: 120 }, () => org.agent()));
  const viewer = await Visitor.of(org, "viewer");
  const seen: string[] = [];
  let next: string | null = "/agents";
  while (next !== null) {
    const { html } = await viewer.get(next);
    const found = [...html.matchAll(/class="row-link" href="\/agents\/([^"]+)"/g)];
    assert.ok(found.length <= 50);
    seen.push(...found.map(([, id = ""]) => id));
    next = /href="([^"]+)" rel="next"/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? null;
  }
  assert.equal(new Set(seen).size, 120);
  assert.equal(seen.length, 120);
});
