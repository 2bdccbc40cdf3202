import assert from "node:assert/strict";
import { openDecision } from "../../lib/approvals/sign.ts";
import { approvalSheet, lookAtSheet } from "../../lib/sheet/sheet.ts";
import { accountPasskeyKey, passkeyKey, sessionKey } from "../../lib/store/keys.ts";
import {
  assertNotAccepted,
  DecisionOrg,
  type OpenPage,
  type Person,
} from "../helpers/decision_org.ts";
import { refused } from "../helpers/refused.ts";

Deno.test("attack: the nonce of another member, and of another session of the same one", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const bob = await it.person("owner");
  const { id } = await it.pending();
  const page = await ann.open(id);
  const ofBob: OpenPage = { ...page, facts: { ...page.facts, member: bob.id } };
  await refused(bob.send(id, ofBob, await bob.sign(ofBob)), "nonce_ended");
  await bob.open(id);
  await refused(bob.send(id, ofBob, await bob.sign(ofBob)), "nonce_ended");
  const elsewhere = await ann.elsewhere();
  await refused(elsewhere.send(id, page, await ann.sign(page)), "nonce_ended");
  await ann.send(id, page, await ann.sign(page));
});

Deno.test("attack: a passkey removed while the page was open", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const page = await ann.open(id);
  const response = await ann.sign(page);
  await it.org.transact((transaction) => {
    transaction.delete(passkeyKey(response.id));
    transaction.delete(accountPasskeyKey(ann.session.caller.account, response.id));
  });
  await assertNotAccepted(it, id, () => ann.send(id, page, response), "unknown_passkey");
});

Deno.test("attack: a session that ended, a role lowered, a membership gone before the signature", async () => {
  await using it = await DecisionOrg.start();
  const { id } = await it.pending();
  const signed = async () => {
    const person = await it.person("owner");
    const page = await person.open(id);
    const response = await person.sign(page);
    return { person, send: () => person.send(id, page, response) };
  };
  const signedOut = await signed();
  await it.org.transact((tx) => tx.delete(sessionKey(signedOut.person.session.hash)));
  await refused(signedOut.send(), "session_ended");

  const lowered = await signed();
  await lowered.person.becomes({ role: "viewer" });
  await refused(lowered.send(), "role_required", { role: "viewer", right: "decide" });
  await lowered.person.becomes({ role: "approver", groups: [2] });
  await it.org.member("one@example.com", { groups: [1] });
  await refused(lowered.send(), "not_an_approver", { level: 1 });

  const held = await signed();
  await held.person.becomes({ held_until: it.countersign.clock.now + 1 });
  await refused(held.send(), "recovery_held");

  const removed = await signed();
  await removed.person.becomes(null);
  await refused(removed.send(), "membership_ended");
  assert.equal(await it.status(id), "pending");
});

Deno.test("attack: a recovered member on hold sees no arguments and decides nothing until the hold is over", async () => {
  await using it = await DecisionOrg.start();
  const held = await it.person("owner", { held: true });
  const { id } = await it.pending({ timeout_seconds: null });
  const { services } = it.countersign;
  const { session } = held;
  const looked = await it.org.as(session, "see_requests", lookAtSheet(id));
  assert.equal(looked.approval.arguments, null);
  const sheet = await approvalSheet(services, looked);
  assert.deepEqual([sheet.view, sheet.comparison, sheet.barred], [null, null, "recovery_held"]);
  const opening = it.org.as(session, "decide", openDecision(services.settings, id));
  await refused(opening, "recovery_held");
  await refused(held.deny(id), "recovery_held");
  await held.becomes({ held_until: it.countersign.clock.now });
  await held.approve(id);
});

Deno.test("attack: viewers and approvers of the other level", async () => {
  await using it = await DecisionOrg.start();
  const viewer = await it.person("viewer", { groups: [1, 2] });
  const two = await it.person("approver", { groups: [2] });
  await it.org.member("one@example.com", { groups: [1] });
  const { settings } = it.countersign.services;
  const { id } = await it.pending();
  const open = (person: Person) => it.org.as(person.session, "decide", openDecision(settings, id));
  await refused(open(viewer), "role_required", { role: "viewer", right: "decide" });
  await refused(viewer.deny(id), "role_required");
  await refused(open(two), "not_an_approver", { level: 1 });
  await refused(two.deny(id), "not_an_approver");
});

Deno.test("attack: one person at both levels, in one browser and another", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  const ann = await it.person("approver", { groups: [1, 2] });
  await it.person("approver", { groups: [2] });
  const { id } = await it.pending();
  await ann.approve(id);
  await refused(ann.open(id), "already_decided_level");
  const second = await ann.elsewhere();
  await refused(second.open(id), "already_decided_level");
});

Deno.test("attack: separated duties, opened before the setting was switched on", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const agent = await it.org.agent({ members_behind: [ann.id] });
  const { id } = await it.pending({}, agent);
  const page = await ann.open(id);
  await it.settings({ separation_of_duties: true });
  await refused(ann.send(id, page, await ann.sign(page)), "self_approval");
});
