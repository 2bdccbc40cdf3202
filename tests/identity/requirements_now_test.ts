import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { memberKey } from "../../lib/store/keys.ts";
import { TOOL } from "../helpers/approval_org.ts";
import { Countersign, type Got, INVITED } from "../helpers/countersign.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { shownIn } from "../helpers/page_html.ts";
import { assertProblem } from "../helpers/refused.ts";
import { WebDecider } from "./web_decider.ts";

/** What a decision needs is asked on the policy of now: when somebody decides, and at the mint. */

/** An org with one person at each level, and one more approver. */
class Team implements AsyncDisposable {
  private constructor(
    readonly it: DecisionOrg,
    readonly one: WebDecider,
    readonly two: WebDecider,
  ) {}

  static async start(): Promise<Team> {
    const it = await DecisionOrg.start();
    const one = await WebDecider.of(it, "approver", { groups: [1], email: "one@example.com" });
    const two = await WebDecider.of(it, "approver", { groups: [2], email: "two@example.com" });
    return new Team(it, one, two);
  }

  /** Changes the configuration with the management key. */
  async manage(method: string, path: string, body?: JsonObject): Promise<void> {
    const got = await this.it.org.manage(method, path, body);
    assert.ok(got.status < 300, `${method} ${path}: ${got.text}`);
  }

  tool(fields: JsonObject): Promise<void> {
    return this.manage("PATCH", `/v1/tools/${TOOL}`, fields);
  }

  member({ email }: WebDecider, groups: number[], role = "approver"): Promise<void> {
    return this.manage("PUT", `/v1/members/${email}`, { role, groups });
  }

  remove({ email }: WebDecider): Promise<void> {
    return this.manage("DELETE", `/v1/members/${email}`);
  }

  /** A request that one person approved, by passkey or through the approver key. */
  async approved(method: string, through: "passkey" | "key" = "passkey"): Promise<string> {
    const { id } = await this.it.pending({ method });
    if (through === "passkey") assert.equal(await this.one.approve(id), "approved");
    else {
      const got = await this.it.decide(id, "approve", { decided_by: this.one.email });
      assert.equal(got.status, 200, got.text);
    }
    return id;
  }

  /** A token of a request that one person approved. */
  async minted(method: string, through: "passkey" | "key" = "passkey"): Promise<string> {
    const got = await this.it.mint(await this.approved(method, through), { method });
    assert.equal(got.status, 201, got.text);
    return got.body.token;
  }

  consume(token: string, method: string): Promise<Got> {
    return this.it.org.post("/v1/tokens/consume", { token, tool_name: TOOL, method });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.it[Symbol.asyncDispose]();
  }
}

/** Asserts that nothing is minted from what was approved, and that it can be asked again. */
async function assertEnded(team: Team, id: string, method: string, because: string) {
  const { it } = team;
  const got = await it.mint(id, { method });
  assertProblem(got, 409, "approval_not_approved");
  assert.deepEqual([got.body.approval_status, got.body.ended_because], ["cancelled", because]);
  assert.equal((await it.entries("approval.cancelled", id)).at(-1)?.data.because, because);
  assert.equal((await it.get(id)).body.ended_because, because);
  assertProblem(await it.mint(id, { method }), 409, "approval_not_approved");
  assert.notEqual((await it.pending({ method })).id, id);
}

Deno.test("attack: a tool raised to two people reaches what waits, what was approved and what was minted", async () => {
  await using team = await Team.start();
  const { it, one, two } = team;
  const waits = (await it.pending({ method: "W" })).id;
  const approved = await team.approved("A");
  const token = await team.minted("T");
  await team.tool({ requires_second_approval: true });

  const revoked = await team.consume(token, "T");
  assertProblem(revoked, 403, "token_revoked");
  assert.equal(revoked.body.reason, "levels");
  await assertEnded(team, approved, "A", "levels_raised");

  const by = { decided_by: one.email };
  assertProblem(await it.decide(waits, "approve", by), 403, "passkey_required");
  assert.deepEqual((await one.sheet(waits)).levels, 2);
  assert.equal(await two.approve(waits), "not_an_approver");
  assert.equal(await one.approve(waits), "pending");
  assert.equal(await one.approve(waits), "already_decided_level");
  assertProblem(await it.mint(waits, { method: "W" }), 409, "approval_not_approved");
  assert.equal(await two.approve(waits), "approved");
  assert.equal((await it.mint(waits, { method: "W" })).status, 201);
  const [raised, more] = await it.entries("approval.levels_raised", waits);
  assert.deepEqual([raised?.data.levels, more], [2, undefined]);
  // Lowering it again does not loosen what was asked for two.
  const strict = (await it.pending({ method: "S" })).id;
  await team.tool({ requires_second_approval: false });
  assert.equal(await one.approve(strict), "pending");
  assert.equal((await it.get(strict)).body.levels, 2);
});

Deno.test("attack: a higher tier reaches what waits and what was approved", async () => {
  await using team = await Team.start();
  const { it, one } = team;
  const waits = (await it.pending({ method: "W" })).id;
  const approved = await team.approved("A");
  await team.tool({ required_tier: 1 });
  assert.equal(await one.approve(waits), "tool_disabled");
  const through = await it.decide(waits, "approve", { decided_by: one.email });
  assertProblem(through, 403, "tool_disabled");
  assert.equal(through.body.resolved_from, "gate_tier");
  assertProblem(await it.mint(approved, { method: "A" }), 403, "tool_disabled");
  // To stop something takes less.
  assert.equal((await it.decide(waits, "deny", { decided_by: one.email })).body.status, "denied");
});

Deno.test("attack: a shorter time to use approvals reaches what waits", async (t) => {
  const HOUR = 3600;
  const ways: [string, "passkey" | "key", (team: Team, seconds: number) => Promise<void>][] = [
    [
      "of the tool, by passkey",
      "passkey",
      (team, approval_use_seconds) => team.tool({ approval_use_seconds }),
    ],
    [
      "of the organization, through a key",
      "key",
      (team, approval_use_seconds) => team.manage("PATCH", "/v1/org", { approval_use_seconds }),
    ],
  ];
  for (const [name, through, shorten] of ways) {
    await t.step(name, async () => {
      await using team = await Team.start();
      const { it, one } = team;
      const { id } = await it.pending({ method: "W" });
      await shorten(team, 60);
      if (through === "passkey") assert.equal(await one.approve(id), "approved");
      else await it.decide(id, "approve", { decided_by: one.email });
      const { decided_at, use_before } = (await it.get(id)).body;
      assert.equal(Date.parse(use_before) - Date.parse(decided_at), 60_000);
      const [decided] = await it.entries("approval.decided", id);
      assert.equal(decided?.data.use_before, use_before);
      it.org.countersign.clock.now += 60_000;
      assertProblem(await it.mint(id, { method: "W" }), 409, "approval_lapsed");
    });
  }
  await t.step("a longer one does not reach what a passkey is signing", async () => {
    await using team = await Team.start();
    const { it, one: { person } } = team;
    const { id } = await it.pending({ method: "W" });
    await team.tool({ approval_use_seconds: 60 });
    const page = await person.open(id);
    const response = await person.sign(page);
    await team.tool({ approval_use_seconds: HOUR });
    // What it signed says until when the approval can be used at most.
    await assert.rejects(person.send(id, page, response), { code: "nonce_ended" });
    assert.equal((await person.approve(id)).record.progress.state, "approved");
  });
  await t.step("a longer one does not", async () => {
    await using team = await Team.start();
    const { it, one } = team;
    const { id } = await it.pending({ method: "W" });
    // What was asked under the shorter time keeps it.
    await team.tool({ approval_use_seconds: HOUR });
    assert.equal(await one.approve(id), "approved");
    const { decided_at, use_before } = (await it.get(id)).body;
    assert.equal(Date.parse(use_before) - Date.parse(decided_at), 900_000);
  });
});

Deno.test("attack: a fact that is required since reaches all that lacks it, but not what was asked without it", async () => {
  await using team = await Team.start();
  const { it, one } = team;
  const waits = (await it.pending({ method: "W" })).id;
  const approved = await team.approved("A");
  const token = await team.minted("T");
  const named = (await it.pending({ method: "N", resource_id: "srv-1" })).id;
  await team.tool({ required_facts: ["resource"] });
  assert.equal(await one.approve(waits), "approval_not_pending");
  assert.equal((await it.get(waits)).body.ended_because, "facts_required");
  const revoked = await team.consume(token, "T");
  assertProblem(revoked, 403, "token_revoked");
  assert.equal(revoked.body.reason, "policy");
  await assertEnded(team, approved, "A", "facts_required");
  assert.equal(await one.approve(named), "approved");
  // Whoever approves this one is shown that the fact is missing.
  const shown = await team.approved("B");
  assert.equal((await it.mint(shown, { method: "B" })).status, 201);
});

Deno.test("attack: emptying group 2 with a management key", async () => {
  await using team = await Team.start();
  const { it, one, two } = team;
  await team.tool({ requires_second_approval: true });
  const waits = (await it.pending({ method: "W" })).id;
  const both = (await it.pending({ method: "B" })).id;
  assert.equal(await one.approve(both), "pending");
  assert.equal(await two.approve(both), "approved");
  await team.member(two, []);
  assertProblem(await it.ask({ method: "N" }), 409, "no_second_level");
  // Who was only invited could not decide it either.
  await it.org.member("new@example.com", { groups: [2], ...INVITED });
  assertProblem(await it.ask({ method: "N" }), 409, "no_second_level");
  assertProblem(
    await it.org.manage("PATCH", "/v1/org", { strict_levels: false }),
    403,
    "owner_required",
  );
  assert.equal(await one.approve(waits), "pending");
  assert.equal(await one.approve(waits), "already_decided_level");
  assert.equal((await it.get(waits)).body.warning, "no_eligible_approver");
  const minted = await it.mint(both, { method: "B" });
  assert.equal(minted.body.ended_because, "decider_barred", minted.text);

  // An owner may choose that one approval is enough, under a passkey; it still is a passkey's.
  const owner = await WebDecider.of(it, "owner");
  const stale = await WebDecider.of(it, "owner", { fresh: false });
  const shown = shownIn((await owner.web.get("/settings")).html, "deciding");
  const skip = { shown, recovery_hold_hours: "24", api_decisions: "on" };
  assert.match((await stale.web.send("/settings", "deciding", skip)).text, /Confirm it is you/);
  const saved = await owner.web.send("/settings", "deciding", skip);
  assert.equal(saved.status, 303, saved.text);
  const skipped = await it.pending({ method: "N" });
  assert.deepEqual([skipped.levels, skipped.levels_skipped], [1, true]);
  const through = await it.decide(skipped.id, "approve", { decided_by: one.email });
  assertProblem(through, 403, "passkey_required");
  assert.equal(await one.approve(skipped.id), "approved");
  // With somebody at Level 2 again, one approval is not enough any more.
  await team.member(two, [2]);
  await assertEnded(team, skipped.id, "N", "levels_raised");
});

Deno.test("attack: an approver key for level 1, whose holder is at level 2", async () => {
  await using team = await Team.start();
  const { it, one, two } = team;
  await team.tool({ requires_second_approval: true });
  const { id } = await it.pending();
  for (const decided_by of [one.email, two.email]) {
    for (const decision of ["approve", "deny"] as const) {
      assertProblem(await it.decide(id, decision, { decided_by }), 403, "passkey_required");
    }
  }
  assert.equal(await one.approve(id), "pending");
  assertProblem(await it.decide(id, "approve", { decided_by: two.email }), 403, "passkey_required");
});

Deno.test("attack: an approver key that names who could not decide by themselves", async () => {
  await using team = await Team.start();
  const { it, one } = team;
  const { clock } = it.countersign;
  const { id } = await it.pending();
  const by = (decided_by: string) => it.decide(id, "approve", { decided_by });
  const groups: [1] = [1];
  await it.org.member("invited@example.com", { groups, ...INVITED });
  await it.org.member("bare@example.com", { groups, has_passkey: false });
  await it.org.member("held@example.com", { groups, held_until: clock.now + 1000 });
  await it.org.member("boss@example.com", { role: "owner", ...INVITED });
  for (const who of ["invited", "bare", "boss", "nobody"]) {
    assertProblem(await by(`${who}@example.com`), 403, "not_an_approver");
  }
  assertProblem(await by("held@example.com"), 403, "recovery_held");
  // A hold counts at every later step as well, whoever spoke.
  assert.equal((await by(one.email)).body.status, "approved");
  await one.person.becomes({ held_until: clock.now + 1000 });
  const minted = await it.mint(id);
  assertProblem(minted, 409, "approval_not_approved");
  assert.equal(minted.body.ended_because, "decider_barred");
  clock.advance(1000);
  assertProblem(await it.mint(id), 409, "approval_not_approved");
});

Deno.test("the key of the environment names its owner, and nobody else without a passkey, until an owner has one", async () => {
  const management = "cs_mgmt_" + "a-key-of-the-operators-own-choosing-1234";
  const approver = management.replace("cs_mgmt_", "cs_appr_");
  await using countersign = await Countersign.start({
    variables: {
      COUNTERSIGN_BOOTSTRAP_KEY: management,
      COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: approver,
      COUNTERSIGN_BOOTSTRAP_OWNER: "jo@example.com",
    },
  });
  await bootstrap(countersign.services);
  const send = (method: string, path: string, body?: JsonObject, key = management) =>
    countersign.request(method, path, { key, ...(body === undefined ? {} : { body }) });
  const tool = { annotations_acknowledged: true, default_permission: "requires_approval" };
  await send("PUT", `/v1/tools/${TOOL}`, tool);
  await send("PUT", "/v1/members/ann@example.com", { role: "approver", groups: [] });
  const { body: { key } } = await send("POST", "/v1/api-keys", { name: "k", tier: "standard" });
  const ask = async (method: string) => {
    const asked = { tool_name: TOOL, method, reason: "it is old" };
    return (await send("POST", "/v1/approvals", asked, key)).body;
  };
  const decide = (id: string, decided_by: string) =>
    send("POST", `/v1/approvals/${id}/decide`, { decision: "approve", decided_by }, approver);
  const mint = (approval_id: string, method: string) =>
    send("POST", "/v1/tokens/mint", { tool_name: TOOL, method, approval_id }, key);

  const first = await ask("A");
  assert.equal(first.warning, null, "the owner can decide it through that key");
  assertProblem(await decide(first.id, "ann@example.com"), 403, "not_an_approver");
  assert.equal((await decide(first.id, "jo@example.com")).status, 200);
  assert.equal((await mint(first.id, "A")).status, 201);

  const late = await ask("B");
  assert.equal((await decide(late.id, "jo@example.com")).status, 200);
  const [org] = (await Array.fromAsync(countersign.services.deps.kv.list({ prefix: ["org"] })))
    .map(({ key }) => String(key[1])).filter((id) => !id.endsWith("00000000"));
  const email = "jo@example.com";
  await countersign.services.ledgers.transact(org ?? "", {
    plan(transaction) {
      const owner = transaction.snapshot.members.get(email) ?? assert.fail("no owner");
      const enrolled = { ...owner, account: "acc_jo", has_passkey: true };
      transaction.setPolicy(memberKey(org ?? "", email), enrolled);
    },
  });
  assertProblem(await decide(late.id, email), 401, "invalid_credentials");
  assertProblem(await mint(late.id, "B"), 409, "approval_not_approved");
});

Deno.test("attack: a good approval of somebody who left, lost the right or the level, or recovered their account", async (t) => {
  const changes: [string, (team: Team) => Promise<void>][] = [
    ["removed", (team) => team.remove(team.one)],
    ["a viewer", (team) => team.member(team.one, [], "viewer")],
    ["at the other level", (team) => team.member(team.one, [2])],
    [
      "recovered",
      ({ it, one }) => one.person.becomes({ held_until: it.countersign.clock.now + 60_000 }),
    ],
  ];
  for (const [name, change] of changes) {
    await t.step(name, async () => {
      await using team = await Team.start();
      const { it } = team;
      // Group Level 1 stays named, so that not every approver is in it.
      await it.org.member("other@example.com", { groups: [1] });
      const approved = await team.approved("A");
      const token = await team.minted("T");
      await change(team);
      const consumed = await team.consume(token, "T");
      assertProblem(consumed, 403, "token_revoked");
      assert.equal(consumed.body.reason, "levels");
      await assertEnded(team, approved, "A", "decider_barred");
    });
  }
});

Deno.test("attack: a good approval through a key that was revoked, or where keys do not decide any more", async (t) => {
  const changes: [string, (team: Team) => Promise<void>][] = [
    ["revoked", async (team) => {
      const { data } = (await team.it.org.manage("GET", "/v1/api-keys")).body;
      const key = data.find(({ tier }: { tier: string }) => tier === "approver");
      await team.manage("DELETE", `/v1/api-keys/${key.id}`);
    }],
    ["switched off", (team) => team.manage("PATCH", "/v1/org", { api_decisions: false })],
  ];
  for (const [name, change] of changes) {
    await t.step(name, async () => {
      await using team = await Team.start();
      const byKey = await team.approved("A", "key");
      const token = await team.minted("T", "key");
      const byPasskey = await team.approved("P");
      await change(team);
      assertProblem(await team.consume(token, "T"), 403, "token_revoked");
      await assertEnded(team, byKey, "A", "decider_barred");
      assert.equal((await team.it.mint(byPasskey, { method: "P" })).status, 201);
    });
  }
});

Deno.test("attack: the first of two deciders leaves before the second decides", async () => {
  await using team = await Team.start();
  const { it, one, two } = team;
  await it.org.member("other@example.com", { groups: [1] });
  await team.tool({ requires_second_approval: true });
  const { id } = await it.pending();
  assert.equal(await one.approve(id), "pending");
  await team.remove(one);
  assert.equal(await two.approve(id), "approval_not_pending");
  assert.equal((await it.get(id)).body.ended_because, "decider_barred");
});

Deno.test("attack: a check that would mint from an approval that does not count any more asks anew", async () => {
  await using team = await Team.start();
  const { it, one } = team;
  const check = (wait = 0) =>
    it.org.post("/v1/permissions/check", {
      tool_name: TOOL,
      reason: "it is old",
      request: true,
      mint: true,
      wait,
    });
  const first = (await check()).body.approval.id;
  assert.equal(await one.approve(first), "approved");
  await it.org.member("other@example.com", { groups: [1] });
  await team.remove(one);
  const again = await check();
  assert.equal(again.body.token, undefined, again.text);
  assert.equal(again.body.approval.status, "pending");
  assert.notEqual(again.body.approval.id, first);
});
