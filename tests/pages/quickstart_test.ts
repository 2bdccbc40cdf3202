import assert from "node:assert/strict";
import { SAMPLE_TOOL } from "../../lib/onboarding/sample.ts";
import { WAY_KEYS, waysToConnect } from "../../lib/onboarding/ways.ts";
import { agentKey } from "../../lib/store/keys.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import { parseReceipt, verifyReceipt } from "../../lib/verify/verify_receipt.ts";
import type { SignedInOptions } from "../helpers/countersign.ts";
import { DecisionOrg, type Person } from "../helpers/decision_org.ts";
import { EventStream } from "../helpers/event_stream.ts";
import { publishedKeys } from "../helpers/evidence.ts";
import { textOf } from "../helpers/page_html.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

// A page in a message of a failed assertion hides what failed.
function assertSays(text: string, words: RegExp): void {
  assert.ok(words.test(text), `the page does not say ${words}`);
}
function assertNotSays(text: string, words: RegExp): void {
  assert.ok(!words.test(text), `the page says ${words}`);
}

/** A member with a passkey at the Quickstart. */
class Beginner extends Visitor {
  constructor(readonly it: DecisionOrg, readonly person: Person) {
    super(it.org, person.session);
  }

  static async at(
    it: DecisionOrg,
    role: MemberRecord["role"] = "owner",
    options: SignedInOptions = {},
  ): Promise<Beginner> {
    return new Beginner(it, await it.person(role, options));
  }

  quickstart() {
    return this.get("/quickstart");
  }

  /** Sends a sample; the id of the request. */
  async sample(): Promise<string> {
    const { status, to, text } = await this.send("/quickstart", "sample");
    assert.equal(status, 303, text);
    return to?.match(/^\/approvals\/(apr_[0-9a-z]{26})$/)?.[1] ?? assert.fail(`${to}`);
  }

  run() {
    return this.send("/quickstart", "run");
  }
}

Deno.test("the Quickstart sends a request, runs it once it is approved, and shows token and receipt", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  const before = await owner.quickstart();
  assertSays(before.text, /Send yourself a request , Now/);

  const id = await owner.sample();
  assertSays((await owner.get(`/approvals/${id}`)).text, /sample\.send_greeting/);
  assertSays((await owner.quickstart()).text, /Look at it and decide/);
  assertNotSays((await owner.quickstart()).text, /Send another/);

  await owner.person.approve(id);
  assertSays((await owner.quickstart()).text, /Run it/);
  const ran = await owner.run();
  assert.deepEqual([ran.status, ran.to], [303, "/quickstart"]);

  const after = await owner.quickstart();
  assertSays(after.text, /Send yourself a request , Done/);
  assertSays(after.text, /Connect it , Now/);
  const token = /rtk_[0-9a-z]{26}/.exec(after.text)?.[0] ?? assert.fail("no token is shown");
  assert.equal((await it.get(id)).body.token_id, token);
  assertNotSays(after.html, /cs_(run|agent)_[0-9a-z]/);

  const [decided] = await it.entries("approval.decided", id);
  const [, download = ""] =
    /href="data:application\/json;charset=utf-8,([^"]*)"/.exec(after.html) ??
      [];
  const parsed = parseReceipt(JSON.parse(decodeURIComponent(download)));
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  assert.deepEqual({ ...parsed.receipt.entry }, { ...decided });
  const verdict = await verifyReceipt(parsed.receipt, (await publishedKeys(it.org)).keys);
  assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.finding));
  assert.ok(after.html.includes(`href="/activity/${decided?.index}"`));
});

Deno.test("the Quickstart's request goes through the log like any agent's", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  const id = await owner.sample();
  await owner.person.approve(id);
  await owner.run();
  const got = await it.org.get(`/v1/activity?order=asc&tool_name=${SAMPLE_TOOL}`);
  const agent = got.body.data.find((entry: { type: string }) => entry.type === "approval.created")
    .actor;
  assert.equal(agent.type, "agent");
  const told = got.body.data.map(({ type, actor }: { type: string; actor: { id: string } }) =>
    `${type} by ${actor.id === agent.id ? "the agent" : "the member"}`
  );
  assert.deepEqual(told, [
    "tool.set by the member",
    "permission.checked by the agent",
    "approval.created by the agent",
    "approval.decided by the member",
    "permission.checked by the agent",
    "token.minted by the agent",
    "token.consumed by the agent",
    "execution.logged by the agent",
  ]);
});

Deno.test("the Quickstart makes tool and agent once, and every sample is another action", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  const first = await owner.sample();
  await owner.person.deny(first);
  const denied = await owner.quickstart();
  assertSays(denied.text, /Denied/);
  assertSays(denied.text, /Send another/);
  // The same action would be refused for ten minutes now.
  const second = await owner.sample();
  assert.notEqual(second, first);
  const types = (await it.org.get("/v1/activity")).body.data.map((e: { type: string }) => e.type);
  assert.equal(types.filter((type: string) => type === "agent.created").length, 1);
  assert.equal(types.filter((type: string) => type === "tool.set").length, 1);
});

Deno.test("the Quickstart asks for the passkey before it makes an agent, and not to send again", async () => {
  await using it = await DecisionOrg.start();
  const stale = await Beginner.at(it, "admin", { fresh: false });
  const { status, text } = await stale.send("/quickstart", "sample");
  assert.equal(status, 200);
  assertSays(text, /Confirm it is you/);

  const fresh = await Beginner.at(it, "admin");
  const id = await fresh.sample();
  it.countersign.clock.advance(6 * 60 * 1000);
  await fresh.person.deny(id);
  await fresh.sample();
});

Deno.test("the Quickstart says who decides where duties are separated", async () => {
  await using it = await DecisionOrg.start();
  await it.settings({ separation_of_duties: true });
  const owner = await Beginner.at(it);
  await owner.sample();
  assertSays((await owner.quickstart()).text, /There is nobody who could/);

  const other = await Beginner.at(it, "approver", { email: "bo@example.com" });
  assertSays((await owner.quickstart()).text, /Ask bo@example\.com ?\./);
  const id = /apr_[0-9a-z]{26}/.exec((await owner.quickstart()).html)?.[0] ?? "";
  await other.person.approve(id);
  assert.equal((await owner.run()).status, 303);
});

Deno.test("the Quickstart tells approvers and viewers whom to ask, and refuses them", async () => {
  await using it = await DecisionOrg.start();
  await Beginner.at(it, "owner", { email: "olivia@example.com" });
  await Beginner.at(it, "admin", { email: "al@example.com" });
  for (const role of ["approver", "viewer"] as const) {
    const visitor = await Beginner.at(it, role);
    const { text } = await visitor.quickstart();
    assertSays(
      text,
      /Ask olivia@example\.com\s+or al@example\.com|Ask al@example\.com\s+or olivia/,
    );
    assertNotSays(text, /Send yourself a request Send|Make the agent/);
    for (const name of ["sample", "run", "agent"]) {
      assert.equal((await visitor.send("/quickstart", name, { name: "mine" })).status, 403);
    }
  }
});

Deno.test("the Quickstart runs nothing that is not approved, and nothing twice", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  assert.equal((await owner.run()).status, 404);
  const id = await owner.sample();
  assert.equal((await owner.run()).status, 409);
  await owner.person.approve(id);
  assert.equal((await owner.run()).status, 303);
  assert.equal((await owner.run()).status, 409);
  assert.equal((await it.entries("token.minted")).length, 1);
});

Deno.test("the Quickstart's sample is its member's alone", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  const id = await owner.sample();
  await owner.person.approve(id);
  const other = await Beginner.at(it, "owner");
  assertNotSays((await other.quickstart()).html, new RegExp(id));
  assert.equal((await other.run()).status, 404);
  await other.sample();
  assert.equal((await other.run()).status, 409);
});

Deno.test("the Quickstart says that the sample agent is paused, and what it is refused", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  await owner.person.deny(await owner.sample(), { pause_agent: true });
  const paused = await owner.quickstart();
  assertSays(paused.text, /Your sample agent is paused/);
  assert.match(paused.html, /href="\/agents\/agt_[0-9a-z]{26}"/);
  const { status, text } = await owner.send("/quickstart", "sample");
  assert.equal(status, 403);
  assertSays(text, /disables this action \(kill_switch\)/);
});

Deno.test("the Quickstart makes a new agent when the old one was removed or its member is another", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  const first = await it.get(await owner.sample(), it.org.approver);
  const { id } = first.body.requested_by;
  await it.org.transact((transaction) => transaction.deletePolicy(agentKey(it.org.id, id)));
  assert.equal((await owner.run()).status, 404);
  const second = await it.get(await owner.sample(), it.org.approver);
  assert.notEqual(second.body.requested_by.id, id);
});

Deno.test("the Quickstart makes an agent and shows its token once, with ways to connect it, and it works", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  assertSays((await owner.quickstart()).text, /Make an agent .*Make the agent/);
  const made = await owner.send("/quickstart", "agent", { name: HOSTILE.markup });
  assert.equal(made.status, 200);
  assertNotSays(made.html, /<img src=x/);
  const token = /export COUNTERSIGN_AGENT_TOKEN='(cs_agent_[0-9a-z]+)'/.exec(made.text)?.[1] ??
    assert.fail("no token is shown");
  assert.equal(made.html.split(token).length - 1, 2, "in its block and for its Copy button alone");
  assertSays(made.text, /Make an agent , Done/);
  assertSays(made.text, /Connect it , Now/);
  assert.ok(made.text.includes("agent.sh") && made.text.includes(it.countersign.origin));
  const check = await it.org.post("/v1/permissions/check", { tool_name: "hello_world" }, token);
  assert.equal(check.status, 200);
  const { type } = (await it.org.get("/v1/activity?type=permission.checked")).body.data[0].actor;
  assert.equal(type, "agent");
  const after = await owner.quickstart();
  assertNotSays(after.html, /cs_agent_[0-9a-z]/);
  assertSays(after.text, /has one token, which was shown once/);

  const refused = await owner.send("/quickstart", "agent", { name: HOSTILE.bidi });
  assert.equal(refused.status, 422);
  assertSays(refused.text, /name:/);
});

Deno.test("each way to connect has an address, which shows it without script, and no other", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  const ways = waysToConnect(it.countersign.origin);
  assert.deepEqual(ways.map(({ key }) => key), [...WAY_KEYS]);
  for (const way of ways) {
    const { html } = await owner.get(`/quickstart?with=${way.key}`);
    const shown = html.replaceAll(/ data-props="[^"]*"/g, "");
    for (const other of ways) {
      assert.ok(shown.includes(`href="/quickstart?with=${other.key}#connect"`), other.key);
      for (const { text } of other.blocks) {
        const isShown = textOf(shown).includes(text.trim().replaceAll(/\s+/g, " "));
        assert.equal(
          isShown,
          way.blocks.some((block) => block.text === text),
          `${other.key}: ${text}`,
        );
      }
    }
    assert.match(shown, new RegExp(`with=${way.key}#connect" aria-current="page"`));
  }
  assertSays((await owner.get("/quickstart?with=nothing")).text, /agent\.sh/);
});

Deno.test("the Quickstart waits for a check that is not a sample's", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  await owner.sample();
  assertSays((await owner.quickstart()).text, /Waiting for (the first check|standard)/);
  await it.org.post("/v1/permissions/check", { tool_name: "hello_world" });
  const { text } = await owner.quickstart();
  assertSays(text, /The first check has come/);
  assertSays(text, /Key “standard” …[0-9a-z]{6} asked for hello_world/);
  assertSays(text, /Watch for its first call , Done/);
});

Deno.test("the Quickstart's stream tells of the first check of the agent that it watches", async () => {
  await using it = await DecisionOrg.start();
  const owner = await Beginner.at(it);
  await it.org.post("/v1/permissions/check", { tool_name: "too_early" });
  const made = await owner.send("/quickstart", "agent", { name: "mine" });
  const key = /cs_agent_[0-9a-z]+/.exec(made.text)?.[0] ?? "";
  const [, id] = /live\?actor=(agt_[0-9a-z]+)/.exec(made.html) ?? [];
  const stream = await EventStream.open(it.org, owner.session, `/quickstart/live?actor=${id}`);
  assert.deepEqual((await stream.next())?.data, { check: null });
  await it.org.post("/v1/permissions/check", { tool_name: "hello_world" }, key);
  const { check } = (await stream.next())?.data;
  assert.deepEqual([check.who, check.tool, check.permission], [
    `Agent “mine” …${id?.slice(-6)}`,
    "hello_world",
    "requires_approval",
  ]);
  await stream.close();
});

Deno.test("the Quickstart names a few of many who can help, not all of them", async () => {
  await using it = await DecisionOrg.start();
  for (let i = 0; i < 30; i++) await it.org.signedIn("admin", { email: `al-${i}@example.com` });
  const { text } = await (await Beginner.at(it, "viewer")).quickstart();
  assertSays(text, /al-0@example\.com ?, al-1@example\.com.* or somebody else who may/);
  assertNotSays(text, /al-9@example\.com/);
});
