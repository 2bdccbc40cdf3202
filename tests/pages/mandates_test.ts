import assert from "node:assert/strict";
import { missingIn } from "../../components/sequence.tsx";
import { AppUser, ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign } from "../helpers/countersign.ts";
import { finish, linkOf } from "../helpers/enrolling.ts";
import { checked, grant, granted, published, shop } from "../helpers/mandates.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const FIRST = { agent: "shop-assistant", scopes: [{ tool: "refund", decision: "escalate" }] };

const SECOND = {
  agent: "shop-assistant",
  scopes: [{
    tool: "refund",
    decision: "allow",
    resources: ["order-*"],
    conditions: [{ when: [{ field: "/amount", op: "gt", value: 5000 }], decision: "escalate" }],
    limits: { max_per_day: 5 },
    budget: { limit_micros: 500_000_000, period: "month", ask_above_micros: 400_500_000 },
  }, { tag: "read-only", decision: "deny" }],
};

Deno.test("an owner publishes editions of a bundle, sees what each changed, and archives it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  assert.match((await owner.get("/bundles")).text, /No bundles yet/);
  const publish = (path: string, body: object, fields: Record<string, string>) =>
    owner.send(path, "publish", { definition: JSON.stringify(body), ...fields });
  const made = await publish("/bundles", FIRST, { id: "shop" });
  assert.deepEqual([made.to, made.notice], ["/bundles/shop", "Bundle shop is published."]);
  const again = await publish("/bundles", SECOND, { id: "shop" });
  assert.equal(again.status, 412, "an edition that its author does not know is not built on");
  const next = await publish("/bundles/shop", SECOND, { edition: "1" });
  assert.match(next.notice ?? "", /^Edition 2 is published/);
  const { text } = await owner.get("/bundles/shop");
  assert.match(text, /Edition 2 of 2/);
  assert.match(
    text,
    /refund\s+Allowed\s+order-\*\s+Approvers decide if\s+\/amount\s+is above\s+5000/,
  );
  assert.match(text, /5 a day/);
  assert.match(text, /500\.00\s+a month\s*, asks above\s+400\.50/);
  assert.match(text, /Changed since edition 1/);
  assert.match(text, /Approvers decide\s+Allowed\s+resources, conditions, rate, budget/);
  assert.match(text, /tag\s+read-only\s+Not in it\s+Denied/);
  const first = await owner.get("/bundles/shop?edition=1");
  assert.match(first.text, /Edition 1 of 2/);
  assert.doesNotMatch(first.text, /Changed since|Publish another edition/);
  assert.equal((await owner.get("/bundles/shop?edition=3")).status, 404);
  const archived = await owner.send("/bundles/shop", "archive");
  assert.equal(archived.notice, "Bundle shop is archived.");
  assert.equal((await grant(org)).status, 404);
});

Deno.test("what a definition gets wrong is said at its field, and an edition needs a fresh passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const refused = async (definition: string) => {
    const got = await owner.send("/bundles", "publish", { id: "shop", definition });
    assert.equal(got.status, 422);
    return got.text;
  };
  assert.match(await refused("{agent"), /definition: isn't JSON/);
  assert.match(await refused('{"agent": "a", "scopes": []}'), /\/scopes must name a scope/);
  const twice = { ...FIRST, scopes: [...FIRST.scopes, ...FIRST.scopes] };
  assert.match(await refused(JSON.stringify(twice)), /\/scopes\/1 names refund/);
  const fields = { id: "shop", definition: JSON.stringify(FIRST) };
  const stale = await Visitor.of(org, "admin", { fresh: false });
  assert.notEqual((await stale.send("/bundles", "publish", fields)).to, "/bundles/shop");
  const approver = await Visitor.of(org, "approver");
  assert.equal((await approver.send("/bundles", "publish", fields)).status, 403);
  assert.match((await owner.get("/bundles")).text, /No bundles yet/);
  await published(org);
  assert.doesNotMatch((await approver.get("/bundles/shop")).html, /value="(publish|archive)"/);
});

Deno.test("mandates are listed by user, agent and state, page by page", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const viewer = await Visitor.of(org, "viewer");
  assert.match((await viewer.get("/mandates")).text, /No mandates yet/);
  const ended = await granted(org, { user_id: "u-gone" });
  await org.post(`/v1/mandates/${ended}/revoke`, { by: "user" });
  for (let n = 0; n < 51; n++) await granted(org, { user_id: `u-${n}` });
  const rows = (html: string) => html.match(/href="\/mandates\/mdt_/g)?.length ?? 0;
  const first = await viewer.get("/mandates");
  assert.equal(rows(first.html), 50);
  const older = /href="(\/mandates\?cursor=[^"]+)"/.exec(first.html)?.[1] ?? "";
  const second = await viewer.get(older);
  assert.equal(rows(second.html), 2);
  assert.match(second.text, /u-gone.*Revoked/);
  const one = await viewer.get("/mandates?user=u-7");
  assert.equal(rows(one.html), 1);
  assert.match(one.text, /u-7\s.*In force\s+shop-assistant\s+shop, edition 1/);
  const gone = await viewer.get("/mandates?agent=shop-assistant&state=revoked");
  assert.equal(rows(gone.html), 1);
  assert.match((await viewer.get("/mandates?user=nobody")).text, /No mandate matches/);
});

Deno.test("a mandate's page has its terms and its history, and whoever may stop things revokes it", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), SECOND);
  const id = await granted(org, {
    user_id: HOSTILE.markup,
    metadata: { plan: "gold" },
    budget: { limit_micros: 100_000_000, period: "day" },
  });
  const action = { resource_id: "order-1", arguments: { amount: 1 } };
  await checked(org, id, { ...action, estimated_cost_micros: 25_000_000 });
  await checked(org, id, { ...action, resource_id: "user-1", estimated_cost_micros: 1 });
  const path = `/mandates/${id}`;
  const viewer = await Visitor.of(org, "viewer");
  const seen = await viewer.get(path);
  assert.ok(!seen.html.includes("<img") && seen.text.includes(HOSTILE.markup));
  assert.match(seen.text, /75\.00 left\s+of 100\.00 a day/);
  assert.match(seen.text, /shop, edition 1/);
  assert.match(seen.text, /disabled \(mandate_resource\), under the mandate/);
  assert.match(seen.text, /granted the mandate/);
  assert.match(seen.text, /All 3 entries/);
  assert.doesNotMatch(seen.text, /gold|Revoke this mandate/);
  const log = await viewer.get(`/activity?mandate=${id}`);
  assert.equal(log.html.match(/class="entry-row"/g)?.length, 3);
  assert.equal((await viewer.send(path, "revoke")).status, 403);
  const held = await Visitor.of(org, "owner", { held: true });
  assert.equal((await held.send(path, "revoke")).status, 403, "a recovery on hold changes nothing");
  const approver = await Visitor.of(org, "approver");
  assert.match((await approver.get(path)).text, /Metadata.*gold/);
  const revoked = await approver.send(path, "revoke", { note: "It went too far" });
  assert.match(revoked.notice ?? "", /^The mandate is revoked/);
  const after = await approver.get(path);
  assert.match(after.text, /Revoked/);
  assert.match(after.text, /revoked the mandate/);
  assert.doesNotMatch(after.html, /value="revoke"/);
  const { resolved_from } = await checked(org, id, action);
  assert.equal(resolved_from, "mandate_revoked");
});

Deno.test("a mandate's page shows what was spent by day, as a drawing and a table, and what is left of its uses", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const owner = await Visitor.of(org, "owner");
  const budget = { limit_micros: 500_000_000, period: "month", on_silence: "release" };
  const id = await granted(org, { budget, uses: 9 });
  const path = `/mandates/${id}`;
  assert.match((await owner.get(path)).text, /Nothing was spent in the last 14 days/);
  const spend = (estimated_cost_micros: number, mint: boolean) =>
    checked(org, id, { estimated_cost_micros, mint });
  const { token } = await spend(4_000_000, true);
  await org.post("/v1/executions/log", {
    token,
    tool_name: "refund",
    execution_result: "success",
    cost_micros: 3_250_000,
  });
  const run = await spend(2_500_000, true);
  await org.post("/v1/tokens/consume", { token: run.token, tool_name: "refund" });
  await spend(1_000_000, false);
  const { text, html } = await owner.get(path);
  assert.match(html, /In 14 days 3\.25 as reported, 2\.50 as estimated, 1\.00 held\./);
  assert.match(text, /1 Jan\s+3\.25\s+2\.50\s+1\.00/);
  assert.match(text, /Uses left\s+6 of 9/);
  assert.match(text, /Gives back after an hour/);
});

Deno.test("another organization's mandates and bundles are as if they were not", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  const stranger = await Visitor.of(await countersign.org(), "owner");
  assert.equal((await stranger.get(`/mandates/${id}`)).status, 404);
  assert.equal((await stranger.send(`/mandates/${id}`, "revoke")).status, 404);
  assert.equal((await stranger.get("/bundles/shop")).status, 404);
});

Deno.test("the page of a request says under whose mandate it was asked, and why that has it asked", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), FIRST);
  const mandate_id = await granted(org, { user_id: HOSTILE.markup });
  const ask = { tool_name: "refund", mandate_id, reason: "Broken" };
  const asked = await org.post("/v1/approvals", ask);
  assert.equal(asked.status, 201, asked.text);
  const approver = await Visitor.of(org, "approver", { groups: [1] });
  const { html, text } = await approver.get(`/approvals/${asked.body.id}`);
  assert.match(text, /The user's mandate has a person asked each time\s+mandate_members/);
  assert.ok(text.includes(`Of user ${HOSTILE.markup}`), text);
  assert.ok(html.includes(`href="/mandates/${mandate_id}"`));
  const log = await approver.get("/activity");
  const sentence = new RegExp(
    `asked people to approve refund \\(\\S+\\), under the mandate ${mandate_id}`,
  );
  assert.match(log.text, sentence);
  const why = await approver.get(`/rules/explain?tool_name=refund&mandate_id=${mandate_id}`);
  assert.match(why.text, /Approved each time\..*mandate_members/);
  const wrong = await approver.get("/rules/explain?tool_name=refund&mandate_id=mandate");
  assert.match(wrong.html, /aria-invalid/);
});

Deno.test("the budgets beside those of mandates are shown with what is left of each", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const viewer = await Visitor.of(org, "viewer");
  assert.match((await viewer.get("/budgets")).text, /No budgets yet/);
  const month = { limit_micros: 100_000_000, period: "month" };
  await org.manage("PUT", "/v1/budgets/org", month);
  await org.manage("PUT", "/v1/budgets/user:u1", { ...month, limit_micros: 10_000_000 });
  const id = await granted(org);
  await checked(org, id, { estimated_cost_micros: 10_000_000 });
  const { text } = await viewer.get("/budgets");
  assert.match(text, /The organization\s+90\.00 left\s+100\.00 a month/);
  assert.match(text, /User\s+u1\s+0\.00 left\s+10\.00 a month/);
});

Deno.test("resources that are closed to mandates are listed with who closed them, and their own pages say so", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const viewer = await Visitor.of(org, "viewer");
  assert.match((await viewer.get("/tombstones")).text, /No closed resources/);
  assert.match((await viewer.get("/mandates")).html, /href="\/tombstones"/);
  for (const id of ["order-1", "order-2"]) {
    const made = await org.manage("PUT", `/v1/resources/${id}`, { name: "An order" });
    assert.equal(made.status, 201, made.text);
  }
  await org.manage("PUT", "/v1/tombstones/order-1");
  await org.manage("PUT", `/v1/tombstones/${encodeURIComponent(HOSTILE.markup)}`);
  const { text, html } = await viewer.get("/tombstones");
  assert.match(text, /order-1\s+.*management/);
  assert.ok(!html.includes("<img"));
  assert.match((await viewer.get("/resources/order-1")).text, /Mandates\s+Closed to all of them/);
  assert.match((await viewer.get("/resources/order-2")).text, /Mandates\s+May reach it/);
  await org.manage("DELETE", "/v1/tombstones/order-1");
  assert.doesNotMatch((await viewer.get("/tombstones")).text, /order-1/);
});

Deno.test("the page of a mandate leads to what it is part of, what was handed on, and its receipt", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const owner = await Visitor.of(org, "viewer");
  const parent = await granted(org);
  const part = { parent, agent: "helper", scopes: [{ tool: "refund", decision: "confirm" }] };
  const made = await org.post("/v1/mandates", part, org.management);
  assert.equal(made.status, 201, made.text);
  const { decision_id } = await checked(org, made.body.id);
  const of = await owner.get(`/mandates/${parent}`);
  assert.match(of.text, /Handed on/);
  assert.ok(of.html.includes(`/mandates/${made.body.id}`));
  const own = await owner.get(`/mandates/${made.body.id}`);
  assert.match(own.text, /Part of\s+mdt_/);
  const [, receipt = ""] = own.html.match(/href="(\/receipts\/rcp_[^"]+)">Of its grant/) ?? [];
  const granting = await owner.get(receipt);
  assert.match(granting.text, /Receipt of\s+authorization\.create/);
  const page = await owner.get(`/receipts/rcp_${decision_id.slice(4)}`);
  assert.match(page.text, /User\s+u1/);
  assert.match(page.text, /Agent\s+helper/);
  assert.match(page.text, /Decision\s+confirm/);
  const file = await org.get(`/v1/receipts/rcp_${decision_id.slice(4)}`);
  assert.ok(page.html.includes(file.body.receipt.signature));
  assert.equal((await owner.get("/receipts/rcp_01kdvdna00e000000000000000")).status, 404);
});

Deno.test("the page of a mandate has its numbers without a gap, its receipts, and what is asked under it", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign, {
    agent: "shop-assistant",
    scopes: [{
      tool: "refund",
      decision: "confirm",
      conditions: [{ when: [{ field: "/n", op: "gt", value: 1 }], decision: "escalate" }],
    }],
  });
  const { org } = it;
  const user = new AppUser();
  await it.passkeys("u1", [await user.enrol()]);
  countersign.clock.advance(1000);
  const first = await it.ask({ arguments: { n: 1 }, resource_id: "order-1" });
  const second = await it.ask({ arguments: { n: 2 } });
  await it.approve(second.nonce, user);
  const third = await it.ask({ arguments: { n: 0 } });
  await it.approve(third.nonce, user);
  const viewer = await Visitor.of(org, "viewer");
  const { html, text } = await viewer.get(`/mandates/${it.mandate}`);
  assert.match(text, /refund\s+The user is asked\s+order-1/);
  assert.match(text, /refund\s+Level 1 is asked\s+Nothing named/);
  assert.match(text, /refund\s+Approved, not used/);
  assert.ok(html.includes(`/approvals/${first.approval.id}`));
  assert.ok(html.includes(`/receipts/rcp_${first.decision_id.slice(4)}`));
  assert.doesNotMatch(text, /Entries are missing/);
  assert.match(text, /Who says yes for the user[\s\S]*example\.com/);

  // What is over is none any more.
  countersign.clock.advance(300_000);
  assert.doesNotMatch((await viewer.get(`/mandates/${it.mandate}`)).text, /The user is asked/);
});

Deno.test("a number that is missing among the entries of a mandate is named", () => {
  const rows = [9, null, 8, 5, null, 4, 1].map((seq) => ({ seq }));
  assert.deepEqual(missingIn(rows), [7, 6, 3, 2]);
  assert.deepEqual(missingIn([{ seq: null }]), []);
});

Deno.test("the passkeys of users are listed with how each came, when, and until when nothing newer answers", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const viewer = await Visitor.of(it.org, "viewer");
  assert.match((await viewer.get("/users")).text, /No user has a passkey yet/);
  const user = new AppUser();
  const passkey = await user.enrol();
  await it.passkeys("u1", [passkey]);
  assert.equal(await finish(it, await linkOf(it)), null);
  const hostile = `${HOSTILE}`.slice(0, 60);
  await it.passkeys(encodeURIComponent(hostile), [await new AppUser("u2").enrol()]);
  countersign.clock.advance(1000);
  const asked = await it.ask();
  await it.approve(asked.nonce, user);
  const { text } = await viewer.get("/users?user=u1");
  assert.match(text, /u1\s+example\.com\s+To what is asked later\s+management/);
  assert.match(text, /A link of\s+management/);
  assert.match(text, /Never/);
  const all = await viewer.get("/users");
  assert.ok(!all.html.includes("<script>alert"), "what an application names is text");
  await it.passkeys("u1", []);
  const held = await viewer.get("/users");
  assert.match(held.text, /A passkey was replaced or removed[\s\S]*u1/);
  assert.match((await viewer.get("/users?user=nobody")).text, /This user has no passkey/);
});
