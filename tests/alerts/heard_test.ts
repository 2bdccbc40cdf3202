import assert from "node:assert/strict";
import { DEFAULT_PREFERENCE, readPreference, setPreference } from "../../lib/alerts/preferences.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { INVITED } from "../helpers/countersign.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { approver, browserOf, dueKinds, HOUR, mailed, MINUTE, settle } from "../helpers/alerted.ts";

Deno.test("a new request is mailed to who can decide it, with nothing of what would run", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await it.org.signedIn("owner", { email: "owner@example.com" });
  await it.org.signedIn("admin", { email: "admin@example.com" });
  await approver(it, "bob@example.com");
  await it.org.signedIn("viewer", { email: "viewer@example.com" });
  await it.org.signedIn("admin", { email: "held@example.com", held: true });
  const request = await it.pending({
    arguments: { path: "SECRETARGUMENT", nested: [{ deep: "SECRETARGUMENT" }] },
    context: { note: "SECRETARGUMENT" },
    resource_id: "order-77",
    reason: "mail x@example.com and restart",
  });
  await settle(it);
  const { mail } = it.countersign;
  for (const { text, subject } of mail.sent) {
    assert.ok(!`${text}${subject}`.includes("SECRETARGUMENT"), text);
    assert.ok(!text.includes("order-77"), text);
    assert.match(text, /The agent says \(unverified\): mail \[e-mail\] and restart/);
    assert.ok(text.includes(request.reference) && text.includes(request.review_url), text);
    assert.ok(subject.includes(TOOL));
  }
  // Ann is a member who has not accepted yet.
  assert.deepEqual(mailed(it), ["admin@example.com", "bob@example.com", "owner@example.com"]);
  await settle(it);
  assert.deepEqual(mailed(it), []);
  assert.deepEqual(await dueKinds(it), ["alert_nearing_expiry", "approval_ends"]);
});

Deno.test("an alert is due work from the very commit of its request", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  await it.pending();
  assert.deepEqual(await dueKinds(it), [
    "alert_nearing_expiry",
    "approval_ends",
    "event_expand",
  ]);
});

Deno.test("who may not decide because they are behind the requester is not asked", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await it.settings({ separation_of_duties: true });
  const bob = await approver(it, "bob@example.com");
  await approver(it, "eve@example.com");
  const key = await it.org.key("standard", { members_behind: [bob.member.id] });
  await it.pending({}, key);
  await settle(it);
  assert.deepEqual(mailed(it), ["eve@example.com"]);
  await it.settings({ separation_of_duties: false });
  await it.pending({ method: "B" }, key);
  await settle(it);
  assert.deepEqual(mailed(it), ["bob@example.com", "eve@example.com"]);
});

Deno.test("the second level is told when the first has approved, its decider not", async () => {
  await using it = await DecisionOrg.start();
  await it.org.tool("refund", {
    default_permission: "requires_approval",
    requires_second_approval: true,
  });
  const owner = await it.person("owner", { email: "owner@example.com" });
  await approver(it, "one@example.com", [1]);
  await approver(it, "two@example.com", [2]);
  const { id } = await it.pending({ tool_name: "refund" });
  await settle(it);
  assert.deepEqual(mailed(it), ["one@example.com", "owner@example.com"]);
  await owner.approve(id);
  await settle(it);
  assert.equal(it.countersign.mail.sent[0]?.subject.startsWith("Second approval wanted"), true);
  assert.deepEqual(mailed(it), ["two@example.com"]);
});

Deno.test("a decision is told to the other approvers and to the member behind it, if they want", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  const wanting = {
    mail: { ...DEFAULT_PREFERENCE.mail, decided: true },
    push: DEFAULT_PREFERENCE.push,
  };
  const bob = await approver(it, "bob@example.com");
  const eve = await approver(it, "eve@example.com");
  const vic = await it.org.signedIn("viewer", { email: "vic@example.com" });
  await approver(it, "quiet@example.com");
  for (const one of [bob, eve, vic]) await it.org.as(one, "read", setPreference(wanting, "req_1"));
  const key = await it.org.key("standard", { members_behind: [vic.member.id] });
  const { id } = await it.pending({}, key);
  await settle(it);
  mailed(it);
  await it.decide(id, "deny", { decided_by: "bob@example.com", note: "no" });
  await settle(it);
  const [first] = it.countersign.mail.sent;
  assert.match(first?.subject ?? "", /^Denied: delete_server/);
  assert.deepEqual(mailed(it), ["eve@example.com", "vic@example.com"]);
  assert.equal((await dueKinds(it)).length, 0);
});

Deno.test("members choose what they hear, by channel; the log says that they did", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  const bob = await approver(it, "bob@example.com");
  const browser = await browserOf(it, bob);
  const { kv } = it.countersign.services.deps;
  assert.deepEqual(await readPreference(kv, it.org.id, bob.member.id), DEFAULT_PREFERENCE);
  const none = { new_request: false, second_level: false, nearing_expiry: false, decided: false };
  const push = { ...none, nearing_expiry: true };
  await it.org.as(bob, "read", setPreference({ mail: none, push }, "req_1"));
  assert.deepEqual(await readPreference(kv, it.org.id, bob.member.id), { mail: none, push });
  const [entry] = await it.entries("alert_preference.set");
  assert.deepEqual(entry?.data, { mail: [], push: ["nearing_expiry"], request_id: "req_1" });
  await it.pending();
  await settle(it);
  assert.deepEqual([mailed(it), it.countersign.pushes.sent], [[], []]);
  it.countersign.clock.advance(50 * MINUTE);
  await settle(it);
  assert.deepEqual(mailed(it), []);
  const [request] = it.countersign.pushes.sent;
  assert.ok(request !== undefined);
  assert.equal(browser.read(request).title, "Expires soon: delete_server");
});

Deno.test("who can decide is told ten minutes, or a fifth of the time, before the end", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  const { clock } = it.countersign;
  await it.pending({ method: "long" });
  await it.pending({ method: "short", timeout_seconds: 100 });
  await settle(it);
  assert.equal(mailed(it).length, 2);
  clock.advance(80_000 - 1);
  await settle(it);
  assert.equal(mailed(it).length, 0);
  clock.advance(1);
  await settle(it);
  assert.equal(mailed(it).length, 1);
  clock.advance(50 * MINUTE - 80_000);
  await settle(it);
  assert.match(it.countersign.mail.sent[0]?.subject ?? "", /^Expires soon/);
  assert.equal(mailed(it).length, 1);
});

Deno.test("a request that is pending no more is not about to expire", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  const decided = await it.pending({ method: "A" });
  const cancelled = await it.pending({ method: "B" });
  await it.pending({ method: "C" });
  await settle(it);
  mailed(it);
  await it.decide(decided.id, "approve", { decided_by: "bob@example.com" });
  await it.cancel(cancelled.id);
  assert.equal((await dueKinds(it)).filter((kind) => kind === "alert_nearing_expiry").length, 1);
  // No process ran until the third had expired as well.
  it.countersign.clock.advance(HOUR);
  await settle(it);
  assert.deepEqual(mailed(it), []);
  assert.deepEqual(await dueKinds(it), []);
});

Deno.test("an org without people who can be told has no alerts", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await it.pending();
  assert.ok((await dueKinds(it)).every((kind) => !kind.startsWith("alert")));
});
