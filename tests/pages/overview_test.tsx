import assert from "node:assert/strict";
import { renderToString } from "preact-render-to-string";
import { foldInsights, type InsightFacts, spanOf } from "../../lib/evidence/insights.ts";
import { NumbersSection } from "../../routes/pages/overview/numbers.tsx";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const TOOL = "refund_payment";
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

async function ask(org: TestOrg, order: number, key = org.standard): Promise<string> {
  const asked = await org.post("/v1/approvals", {
    tool_name: TOOL,
    resource_id: `order-${order}`,
    reason: "the customer asked",
  }, key);
  assert.equal(asked.status, 201, asked.text);
  return asked.body.id;
}

async function decide(org: TestOrg, id: string, decision: "approve" | "deny"): Promise<void> {
  const body = { decision, decided_by: "ann@example.com", note: "looked at it" };
  const decided = await org.post(`/v1/approvals/${id}/decide`, body, org.approver);
  assert.equal(decided.status, 200, decided.text);
}

async function orgWithTool(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  await org.tool(TOOL, { default_permission: "requires_approval" });
  await org.tool("read_file");
  await org.member("ann@example.com");
  return org;
}

Deno.test("the Overview of a new org leads to the Quickstart, and says where numbers will stand", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const { status, text, html } = await owner.get("/");
  assert.equal(status, 200);
  assert.match(text, /No agent has asked yet/);
  assert.match(html, /href="\/quickstart"/);
  assert.match(text, /Nothing waits for you/);
  assert.match(text, /No checks in these days/);
  assert.match(text, /Kill switch off/);

  await org.tool("read_file");
  await org.post("/v1/permissions/check", { tool_name: "read_file" });
  assert.doesNotMatch((await owner.get("/")).text, /No agent has asked yet/);
  countersign.clock.advance(200 * DAY);
  const later = await Visitor.of(org, "owner");
  const quiet = await later.get("/");
  assert.match(quiet.text, /No checks in these days/);
  assert.doesNotMatch(quiet.text, /No agent has asked yet/, "it did, long ago");
});

Deno.test("the Overview shows the three that expire first, and how old the oldest is", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTool(countersign);
  const owner = await Visitor.of(org, "owner");
  const ids: string[] = [];
  for (let order = 0; order < 5; order++) {
    ids.push(await ask(org, order));
    countersign.clock.advance(2 * MINUTE);
  }
  const { text, html } = await owner.get("/");
  assert.match(text, /5 requests; the oldest came 10 min ago/);
  assert.match(html, /href="\/approvals\?view=mine"/);
  for (const [place, id] of ids.entries()) {
    assert.equal(html.includes(`href="/approvals/${id}"`), place < 3, `request ${place}`);
  }
  const viewer = await Visitor.of(org, "viewer");
  assert.match((await viewer.get("/")).text, /Waiting for a decision/);
  const second = await Visitor.of(org, "approver", { groups: [2] });
  await org.member("first@example.com", { groups: [1] });
  assert.match((await second.get("/")).text, /Nothing waits for you/);
});

Deno.test("the Overview's numbers are of the days that were asked for", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTool(countersign);
  const agent = await org.agent({ name: "billing-agent" });
  for (let order = 1; order <= 20; order++) {
    const id = await ask(org, order, agent);
    countersign.clock.advance(([1, 40, 2, 60][order % 4] ?? 0) * 1000);
    await decide(org, id, order % 4 === 0 ? "deny" : "approve");
  }
  for (let order = 21; order <= 25; order++) await ask(org, order, agent);
  countersign.clock.advance(10 * DAY);
  await org.post("/v1/permissions/check", { tool_name: "read_file" });
  const viewer = await Visitor.of(org, "viewer");

  const month = (await viewer.get("/")).text;
  assert.match(month, /Requests to people 25 15 approved, 5 denied, 5 expired/);
  assert.match(month, /Time to a decision 21 s half of 20 took longer/);
  assert.match(
    month,
    /Decided in under 3 seconds 10 of 20 Nobody reads a request that fast\. A rule/,
  );
  assert.match(month, /Expired unanswered 20 %/);
  assert.match(month, /Agent that asks most billing-agent …[0-9a-z]{6} , 25 requests/);
  assert.match(month, /Default of the tool of refund_payment , 25 requests/);

  const week = await viewer.get("/?days=7");
  assert.match(week.text, /Requests to people 0 /);
  assert.match(week.text, /1 allowed, 0 held for a person, 0 refused/);
  assert.match(week.html, /aria-current="page"[^>]*>\s*7 days/);
  assert.equal((await viewer.get("/?days=90")).status, 200);
  assert.match((await viewer.get("/?days=100000")).html, /aria-current="page"[^>]*>\s*30 days/);
});

Deno.test("the Overview gives no middle and no share of fewer than 20 decisions", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTool(countersign);
  const viewer = await Visitor.of(org, "viewer");
  const none = (await viewer.get("/")).text;
  assert.match(none, /Time to a decision Not enough yet 0 decided; shown from 20 on/);
  for (let order = 1; order <= 19; order++) await decide(org, await ask(org, order), "approve");
  const few = (await viewer.get("/")).text;
  assert.match(few, /Requests to people 19 19 approved/);
  assert.match(few, /Time to a decision Not enough yet 19 decided; shown from 20 on/);
  assert.match(few, /Decided in under 3 seconds Not enough yet 19 decided/);
  assert.doesNotMatch(few, /A rule can allow/);
  assert.match(few, /Expired unanswered Not enough yet 19 ended; shown from 20 on/);
  await decide(org, await ask(org, 20), "approve");
  const enough = (await viewer.get("/")).text;
  assert.match(
    enough,
    /Decided in under 3 seconds 20 of 20 Nobody reads a request that fast\. A rule/,
  );
  assert.doesNotMatch(enough, /Not enough yet/);
});

Deno.test("the Overview counts no request that was sent to try this out, and says so", async () => {
  await using it = await DecisionOrg.start();
  const owner = await it.person("owner");
  const visitor = new Visitor(it.org, owner.session);
  for (let i = 0; i < 2; i++) {
    const sent = await visitor.send("/quickstart", "sample");
    await owner.approve(sent.to?.split("/").at(-1) ?? "");
  }
  const asked = await it.org.post("/v1/approvals", { tool_name: "hello_world", reason: "first" });
  assert.equal(asked.status, 201, asked.text);
  const { text } = await visitor.get("/");
  assert.match(text, /Requests to people 0 0 approved, 0 denied, 0 expired/);
  assert.match(text, /3 requests from the Quickstart are not counted here/);
  assert.doesNotMatch(text, /Where most requests come from/);
  assert.match(text, /1 request ; the oldest|1 request; the oldest/, "it waits all the same");
});

Deno.test("the Overview links the rule and the agent that ask most", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTool(countersign);
  const selector = { tool_name: TOOL };
  const rule = await org.manage("PUT", "/v1/rules", { selector, permission: "requires_approval" });
  const agent = await org.agent({ name: HOSTILE.markup });
  await ask(org, 1, agent);
  const { html, text } = await (await Visitor.of(org, "viewer")).get("/");
  assert.ok(html.includes(`href="/rules/${rule.body.id}"`));
  assert.match(html, /href="\/activity\?actor=agt_[0-9a-z]{26}&amp;type=approval.created"/);
  assert.ok(text.includes(HOSTILE.markup) && !html.includes(HOSTILE.markup));
});

Deno.test("the Overview says plainly that not everything is counted", () => {
  const facts: InsightFacts = {
    approvals: [],
    waiting: [],
    checks: [],
    truncated: { approvals: true, checks: true },
  };
  const insights = foldInsights(facts, spanOf(Date.UTC(2026, 0, 31), 30));
  const html = renderToString(<NumbersSection insights={insights} days="30" />);
  assert.match(html, /Not everything is counted/);
  assert.match(html, /oldest days are missing/);
  assert.match(html, /Only the newest 5,000 requests are counted/);
});

Deno.test("everybody who may decide can stop everything from the Overview; a viewer cannot", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTool(countersign);
  const viewer = await Visitor.of(org, "viewer");
  assert.doesNotMatch((await viewer.get("/")).text, /Kill switch/);
  assert.equal((await viewer.send("/", "stop", { reason: "" })).status, 403);

  const approver = await Visitor.of(org, "approver", { fresh: false });
  const long = await approver.send("/", "stop", { reason: "r".repeat(501) });
  assert.equal(long.status, 422);
  assert.match(long.text, /reason: /);
  const stopped = await approver.send("/", "stop", { reason: HOSTILE.markup });
  assert.deepEqual([stopped.status, stopped.to], [303, "/"]);
  assert.match(stopped.notice ?? "", /Everything is stopped/);
  const checked = await org.post("/v1/permissions/check", { tool_name: "read_file" });
  assert.deepEqual([checked.body.permission, checked.body.resolved_from], [
    "disabled",
    "kill_switch",
  ]);
  const after = await approver.get("/");
  assert.match(after.text, /Kill switch: on/);
  assert.ok(after.text.includes(HOSTILE.markup) && !after.html.includes(HOSTILE.markup));
  assert.doesNotMatch(after.text, /Stop everything/);
});

Deno.test("who has one passkey only is asked to add another", async () => {
  await using it = await DecisionOrg.start();
  const person = await it.person("owner");
  const visitor = new Visitor(it.org, person.session);
  assert.match((await visitor.get("/")).text, /You have one passkey. Add one on a second device/);
  const [passkey] = person.passkeys;
  assert.ok(passkey !== undefined);
  await person.put({ ...passkey, credential_id: "another" });
  assert.doesNotMatch(
    (await visitor.get("/")).text,
    /You have one passkey. Add one on a second device/,
  );
});
