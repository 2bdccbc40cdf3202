import assert from "node:assert/strict";
import { createAgent } from "../../lib/catalog/agents.ts";
import { createApiKey } from "../../lib/catalog/api_keys.ts";
import { confirmRecovery, putMember, removeMember } from "../../lib/people/members.ts";
import { Refusal } from "../../lib/refusal.ts";
import { accountKey, memberKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { accountRecord } from "../../lib/store/records/people.ts";
import { Countersign, INVITED, type SignedIn, type TestOrg } from "../helpers/countersign.ts";

const R = "req_test";

function put(org: TestOrg, by: SignedIn, of: SignedIn, role: SignedIn["member"]["role"]) {
  return org.as(by, "manage_members", putMember(of.member.email, { role, groups: [] }, R));
}

function remove(org: TestOrg, by: SignedIn, of: SignedIn) {
  return org.as(by, "manage_members", removeMember(of.member.email, R));
}

function refusedAs(code: string) {
  return (error: unknown) => error instanceof Refusal && error.code === code;
}

Deno.test("An org keeps one owner who can sign in: neither demoted nor removed, by nobody", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  // Neither of these could sign in and rule the org.
  await org.member("invited@example.com", { role: "owner", ...INVITED });
  await org.signedIn("admin");
  await assert.rejects(put(org, owner, owner, "admin"), refusedAs("last_owner"));
  await assert.rejects(remove(org, owner, owner), refusedAs("last_owner"));
  const other = await org.signedIn("owner");
  await put(org, owner, owner, "admin");
  await assert.rejects(remove(org, other, other), refusedAs("last_owner"));
});

Deno.test("Two owners who remove each other at once leave one of them", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const [ann, bob] = [await org.signedIn("owner"), await org.signedIn("owner")];
  const results = await Promise.allSettled([remove(org, ann, bob), remove(org, bob, ann)]);
  assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const owners = await org.transact(({ snapshot }) => snapshot.members.size);
  assert.equal(owners, 1);
});

Deno.test("A removed member is signed out of the org at once, and what they made stays theirs", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  const admin = await org.signedIn("admin");
  const fields = {
    name: "m",
    trust_tier: 0,
    tenant_ids: null,
    expires_at: null,
    rate_limit_per_minute: null,
  };
  const key = await org.as(
    admin,
    "configure",
    createApiKey({ ...fields, tier: "standard", audit_private: false }, R),
  );
  const kill_switch = { active: false, reason: null };
  const agent = await org.as(admin, "configure", createAgent({ ...fields, kill_switch }, R));
  await remove(org, owner, admin);
  const read = org.as(admin, "read", { plan: () => {} });
  await assert.rejects(read, refusedAs("membership_ended"));
  const { apiKeys, agents } = await org.transact(({ snapshot }) => snapshot);
  assert.deepEqual(apiKeys.get(key.record.id)?.members_behind, [admin.member.id]);
  assert.deepEqual(agents.get(agent.record.id)?.members_behind, [admin.member.id]);
  const check = await org.post("/v1/permissions/check", { tool_name: "x" }, key.secret);
  assert.equal(check.status, 200);
  const account = await readRecord(
    countersign.services.deps.kv,
    accountKey(admin.caller.account),
    accountRecord,
  );
  assert.deepEqual(account?.value.orgs, []);
});

Deno.test("A change by a member says in the log who made it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  const admin = await org.signedIn("admin");
  await put(org, owner, admin, "approver");
  const { body } = await org.manage("GET", `/v1/activity?actor=${owner.member.id}`);
  const [entry] = body.data;
  assert.equal(entry.type, "member.set");
  assert.deepEqual(entry.actor, { type: "member", id: owner.member.id });
  assert.deepEqual(entry.subject, { member: admin.member.id });
  assert.deepEqual(entry.data.changed, { role: "approver" });
});

Deno.test("Setting a member by key leaves alone what a person's own passkey made", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const held = await org.signedIn("approver", { held: true });
  const { email } = held.member;
  const path = `/v1/members/${encodeURIComponent(email)}`;
  const got = await org.manage("PUT", path, { role: "viewer", groups: [] });
  assert.equal(got.status, 200, got.text);
  const record = await org.transact(({ snapshot }) => snapshot.members.get(email));
  assert.deepEqual(record, { ...held.member, role: "viewer" });
});

Deno.test("A recovery is confirmed by another owner, and by nobody who is on hold", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const held = await org.signedIn("owner", { held: true });
  const owner = await org.signedIn("owner");
  const own = confirmRecovery(held.member.id, R);
  const stranger = await org.signedIn("viewer");
  await assert.rejects(org.as(held, "confirm_recovery", own), refusedAs("recovery_held"));
  await assert.rejects(put(org, held, stranger, "approver"), refusedAs("recovery_held"));
  await org.as(owner, "confirm_recovery", confirmRecovery(held.member.id, R));
  await put(org, held, stranger, "approver");
  const { body } = await org.manage("GET", "/v1/activity?type=recovery.confirmed");
  assert.equal(body.data.length, 1);
  assert.deepEqual(body.data[0].actor, { type: "member", id: owner.member.id });
  assert.deepEqual(body.data[0].subject, { member: held.member.id });
});

Deno.test("A hold ends by itself, and confirming it afterwards writes nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const held = await org.signedIn("owner", { held: true });
  const late = await org.transact((transaction) => {
    const record = { ...held.member, held_until: transaction.at - 1 };
    transaction.setPolicy(memberKey(org.id, record.email), record);
    return record;
  });
  const owner = await org.signedIn("owner");
  await put(org, held, owner, "owner");
  await org.as(owner, "confirm_recovery", confirmRecovery(late.id, R));
  const { body } = await org.manage("GET", "/v1/activity?type=recovery.confirmed");
  assert.deepEqual(body.data, []);
});
