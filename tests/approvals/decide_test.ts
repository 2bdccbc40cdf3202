import assert from "node:assert/strict";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { DecisionOrg, type Person } from "../helpers/decision_org.ts";
import { assertProblem, refused } from "../helpers/refused.ts";

const SECOND = { default_permission: "requires_approval", requires_second_approval: true };

Deno.test("a denial ends the request, tells the requester why, and rests ten minutes", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  const denied = await it.decide(id, "deny", { note: "ask bob@example.com first" });
  assert.equal(denied.body.status, "denied");
  assert.equal(denied.body.use_before, null);
  const [decision] = (await it.get(id)).body.decisions;
  assert.equal(decision.note, "ask [e-mail] first");
  assertProblem(await it.decide(id, "approve"), 409, "approval_not_pending");
  assertProblem(await it.cancel(id), 409, "approval_not_pending");
  assertProblem(await it.revoke(id), 409, "approval_not_approved");

  const [entry] = await it.entries("approval.decided", id);
  assert.equal(entry?.data.decision, "deny");
  assert.equal(entry?.data.level, 1);
  assert.equal(entry?.data.asserted_by, decision.asserted_by);
  assert.equal(entry?.subject.member, it.ann.id);
  assert.ok(entry?.data.note_digest);

  const again = await it.ask();
  assertProblem(again, 409, "recently_denied");
  assert.equal(again.body.approval_id, id);
  assert.equal(again.headers.get("retry-after"), "600");
  assert.equal((await it.ask({ method: "OTHER" })).status, 201);
  assert.equal((await it.ask({}, await it.org.key("standard"))).status, 201);
  it.countersign.clock.advance(600_000 - 1);
  assertProblem(await it.ask(), 409, "recently_denied");
  it.countersign.clock.advance(1);
  const after = await it.pending();
  const { review } = (await it.get(after.id, it.org.approver)).body;
  assert.deepEqual([review.asked_times, review.denied_times], [2, 1]);
});

Deno.test("POST decide takes a member with the right at this level only", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.member("viewer@example.com", { role: "viewer", groups: [1, 2] });
  await it.org.member("two@example.com", { groups: [2] });
  const { id } = await it.pending();
  const by = (decided_by: string) => it.decide(id, "approve", { decided_by });
  assertProblem(await by("stranger@example.com"), 403, "not_an_approver");
  assertProblem(await by("viewer@example.com"), 403, "not_an_approver");
  // While group Level 1 is empty, every approver is in it; once it is not, only its members are.
  await it.org.member("one@example.com", { groups: [1] });
  assertProblem(await by("ann@example.com"), 403, "not_an_approver");
  assertProblem(await by("two@example.com"), 403, "not_an_approver");
  assert.equal((await by("one@example.com")).body.status, "approved");
});

Deno.test("owners and admins decide at any level without a group", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.member("one@example.com", { groups: [1] });
  for (const role of ["owner", "admin"] as const) {
    await it.org.member(`${role}@example.com`, { role });
    const { id } = await it.pending({ method: role });
    const got = await it.decide(id, "approve", { decided_by: `${role}@example.com` });
    assert.equal(got.body.status, "approved");
  }
});

Deno.test("only an approver key decides", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  const agent = await it.org.agent();
  for (const key of [it.org.standard, it.org.management, agent]) {
    assertProblem(await it.decide(id, "approve", {}, key), 403, "wrong_tier");
  }
  assertProblem(await it.ask({}, it.org.approver), 403, "wrong_tier");
  assertProblem(await it.cancel(id, it.org.approver), 403, "wrong_tier");
  assertProblem(await it.revoke(id, it.org.approver), 403, "wrong_tier");
  assert.equal((await it.get(id)).body.status, "pending");
});

Deno.test("separation of duties keeps the member behind the requester from deciding", async () => {
  await using it = await ApprovalOrg.start();
  const key = await it.org.key("standard", { members_behind: [it.ann.id] });
  const own = await it.pending({}, key);
  assert.equal((await it.decide(own.id, "approve")).body.status, "approved");

  const asked = await it.pending({ method: "before the switch" }, key);
  await it.settings({ separation_of_duties: true });
  assertProblem(await it.decide(asked.id, "approve"), 403, "self_approval");
  assertProblem(await it.decide(asked.id, "deny"), 403, "self_approval");
  const alone = await it.pending({ method: "alone" }, key);
  assert.equal(alone.warning, "no_eligible_approver");
  await it.org.member("bea@example.com");
  assert.equal((await it.get(alone.id, key)).body.warning, null);
  // Switching it off again does not loosen what was asked under it.
  await it.settings({ separation_of_duties: false });
  assertProblem(await it.decide(alone.id, "approve"), 403, "self_approval");
  const got = await it.decide(alone.id, "approve", { decided_by: "bea@example.com" });
  assert.equal(got.body.status, "approved");
});

Deno.test("a tool that two people approve takes no approver key, at either level", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  const one = await it.person("approver", { groups: [1] });
  const two = await it.person("approver", { groups: [2] });
  const { id, levels } = await it.pending();
  assert.equal(levels, 2);
  const refused = async (person: Person) => {
    for (const decision of ["approve", "deny"] as const) {
      const got = await it.decide(id, decision, { decided_by: person.session.member.email });
      assertProblem(got, 403, "passkey_required");
    }
  };
  await refused(one);
  await one.approve(id);
  const { body } = await it.get(id);
  assert.deepEqual([body.status, body.level, body.decided_at], ["pending", 2, null]);
  await refused(two);
  const early = await it.mint(id);
  assertProblem(early, 409, "approval_not_approved");
  assert.deepEqual(early.body.next, { wait: `/v1/approvals/${id}?wait=50` });
  await two.approve(id);
  assert.equal((await it.mint(id)).status, 201);
});

Deno.test("a denial at Level 1 ends a request of two levels", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  const one = await it.person("approver", { groups: [1] });
  await it.person("approver", { groups: [2] });
  const { id } = await it.pending();
  await one.deny(id);
  assert.equal(await it.status(id), "denied");
});

Deno.test("a second approval keeps the members behind the requester out of both levels", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  const [ann, bea] = [await it.person("owner"), await it.person("admin")];
  await it.person("approver", { groups: [2] });
  const key = await it.org.key("standard", { members_behind: [ann.id, bea.id] });
  const { id } = await it.pending({}, key);
  await refused(ann.open(id), "self_approval");
  await refused(bea.open(id), "self_approval");
  await (await it.person("approver", { groups: [1] })).approve(id);
  await refused(ann.open(id), "self_approval");
  await refused(bea.deny(id), "self_approval");
});

Deno.test("without anyone at Level 2 asking is refused, unless an owner chose that it is skipped", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  const ann = await it.person("owner");
  await it.org.member("viewer@example.com", { role: "viewer", groups: [2] });
  await it.org.member("invited@example.com", { groups: [2], account: null, has_passkey: false });
  assertProblem(await it.ask(), 409, "no_second_level");
  // A record of before holds false, and nobody chose it.
  await it.settings({ strict_levels: false, strict_levels_by: null });
  assertProblem(await it.ask(), 409, "no_second_level");
  await it.settings({ strict_levels: false, strict_levels_by: ann.id });
  const skipped = await it.pending();
  assert.deepEqual([skipped.levels, skipped.levels_skipped], [1, true]);
  assert.equal((await it.entries("approval.level_skipped", skipped.id)).length, 1);
  const by = { decided_by: ann.session.member.email };
  assertProblem(await it.decide(skipped.id, "approve", by), 403, "passkey_required");
  await ann.approve(skipped.id);
  assert.equal((await it.mint(skipped.id)).status, 201);
});

Deno.test("a request that nobody could decide says so", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.tool("twice", SECOND);
  await it.org.member("ann@example.com", { id: it.ann.id, role: "viewer" });
  assert.equal((await it.pending()).warning, "no_eligible_approver");
  // One person at both levels is not two.
  await it.org.member("both@example.com", { groups: [1, 2] });
  const { id, warning } = await it.pending({ tool_name: "twice" });
  assert.equal(warning, "no_eligible_approver");
  await it.org.member("boss@example.com", { role: "owner" });
  assert.equal((await it.get(id)).body.warning, null);
});

Deno.test("api_decisions off leaves decisions to passkeys", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  await it.settings({ api_decisions: false });
  assertProblem(await it.decide(id, "approve"), 403, "passkey_required");
  assertProblem(await it.decide(id, "deny"), 403, "passkey_required");
});

Deno.test("POST decide takes fields only as they are described", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  const refused = async (fields: Record<string, string>) =>
    assertProblem(await it.decide(id, "approve", fields), 422, "invalid_request");
  await refused({ decision: "maybe" });
  await refused({ note: "x".repeat(1001) });
  await refused({ note: "" });
  await refused({ level: "2" });
});

Deno.test("cancel and revoke are the requester's own", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  const other = await it.org.key("standard");
  assertProblem(await it.cancel(id, other), 403, "not_the_requester");
  const cancelled = await it.cancel(id);
  assert.equal(cancelled.status, 200);
  assert.equal(cancelled.body.status, "cancelled");
  assert.equal(cancelled.body.ended_because, "withdrawn");
  assertProblem(await it.cancel(id), 409, "approval_not_pending");
  assertProblem(await it.decide(id, "approve"), 409, "approval_not_pending");

  const approved = await it.approved();
  assertProblem(await it.revoke(approved.id, other), 403, "not_the_requester");
  const revoked = await it.revoke(approved.id);
  assert.equal(revoked.body.status, "revoked");
  assertProblem(await it.revoke(approved.id), 409, "approval_not_approved");
  assertProblem(await it.mint(approved.id), 409, "approval_not_approved");
  assert.equal((await it.entries("approval.revoked", approved.id)).length, 1);
  assert.equal((await it.entries("approval.cancelled", id)).length, 1);
});

Deno.test("revoke voids a token that was not consumed, and comes too late for one that was", async () => {
  await using it = await ApprovalOrg.start();
  const unspent = await it.approved();
  const first = await it.mint(unspent.id);
  assert.equal((await it.revoke(unspent.id)).body.status, "revoked");
  const consume = (token: string) =>
    it.org.post("/v1/tokens/consume", { token, tool_name: "delete_server" });
  assertProblem(await consume(first.body.token), 403, "token_revoked");

  const spent = await it.approved();
  const second = await it.mint(spent.id);
  assert.equal((await consume(second.body.token)).status, 200);
  const late = await it.revoke(spent.id);
  assertProblem(late, 409, "approval_used");
  assert.equal(late.body.token_id, second.body.token_id);
});

Deno.test("an approval is minted by its requester, for its action, and in time", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.approved({ arguments: { amount: 1, to: "a" } });
  const other = await it.org.key("standard");
  const fields = { arguments: { amount: 1, to: "a" } };
  assertProblem(await it.mint(id, fields, other), 403, "not_the_requester");
  const changed = await it.mint(id, { arguments: { amount: 2, to: "a" } });
  assertProblem(changed, 409, "action_mismatch");
  assert.deepEqual(changed.body.differs, ["/arguments/amount"]);
  it.countersign.clock.advance(15 * 60_000);
  assertProblem(await it.mint(id, fields), 409, "approval_lapsed");
  const lapsed = (await it.get(id)).body;
  assert.equal(lapsed.status, "approved");
  assert.equal(lapsed.ended_because, "lapsed");
  assert.equal((await it.entries("approval.lapsed", id)).length, 1);
});

Deno.test("retain_arguments off erases the arguments once they are not needed", async () => {
  await using it = await ApprovalOrg.start();
  await it.settings({ retain_arguments: false });
  const args = { arguments: { a: 1 } };
  const { id } = await it.pending(args);
  await it.decide(id, "approve");
  assert.deepEqual((await it.get(id)).body.arguments, { a: 1 });
  assert.equal((await it.mint(id, args)).status, 201);
  const used = (await it.get(id, it.org.approver)).body;
  assert.equal(used.arguments, null);
  assert.equal(used.review.view, null);
  assert.equal(used.reason, "it is old");
});
