import assert from "node:assert/strict";
import { deleteOrg } from "../../lib/leaving/org.ts";
import { ERASED_AFTER_MS } from "../../lib/people/left_behind.ts";
import { Refusal } from "../../lib/refusal.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import {
  accountKey,
  DEPLOYMENT_ORG,
  invitationKey,
  invitationPointerKey,
} from "../../lib/store/keys.ts";
import { type Kv, readRecord } from "../../lib/store/kv.ts";
import { accountRecord } from "../../lib/store/records/people.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { Countersign, type SignedIn, type TestOrg } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CLIENT = {
  via: "dashboard",
  ip: "203.0.113.7",
  user_agent: "Test/1.0",
  request_id: "req_test",
} as const;

function remove(org: TestOrg, by: SignedIn, name = "test"): Promise<unknown> {
  return org.as(by, "delete_org", deleteOrg(name, CLIENT));
}

function refusedAs(code: string) {
  return (error: unknown) => error instanceof Refusal && error.code === code;
}

async function rowsNaming(kv: Kv, text: string): Promise<string[]> {
  const rows: string[] = [];
  for await (const { key } of kv.list({ prefix: [] })) {
    if (key.includes(text)) rows.push(String(key[0]));
  }
  return [...new Set(rows)].sort();
}

async function holds(kv: Kv, text: string): Promise<boolean> {
  for await (const { key, value } of kv.list({ prefix: [] })) {
    if (Deno.inspect([key, value], { depth: 20, strAbbreviateSize: Infinity }).includes(text)) {
      return true;
    }
  }
  return false;
}

Deno.test("A deleted org lets nobody in with the next call, on any node", async () => {
  await using one = await Countersign.start();
  await using two = await one.another();
  const org = await one.org();
  const other = await one.org();
  const [owner, viewer] = [await org.signedIn("owner"), await org.signedIn("viewer")];
  const agent = await org.agent();
  const secrets = [org.management, org.standard, org.approver, agent];
  const statuses = async (node: Countersign) =>
    await Promise.all(
      secrets.map(async (key) => (await node.request("GET", "/v1/approvals", { key })).status),
    );
  assert.deepEqual(await statuses(two), [403, 200, 200, 200]);
  await remove(org, owner);
  for (const node of [two, one]) assert.deepEqual(await statuses(node), [401, 401, 401, 401]);
  for (const session of [owner, viewer]) {
    const read = org.as(session, "see_requests", { plan: () => {} });
    await assert.rejects(read, refusedAs("membership_ended"));
  }
  assert.equal((await other.get("/v1/approvals")).status, 200);
});

Deno.test("An org is deleted by an owner only, who types its name and shows their passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const role of ["admin", "approver", "viewer"] as const) {
    await assert.rejects(remove(org, await org.signedIn(role)), refusedAs("role_required"));
  }
  const stale = await org.signedIn("owner", { fresh: false });
  await assert.rejects(remove(org, stale, "tset"), refusedAs("invalid_request"));
  await assert.rejects(remove(org, stale), refusedAs("fresh_assertion_required"));
  const held = await org.signedIn("owner", { held: true });
  await assert.rejects(remove(org, held), refusedAs("recovery_held"));
  assert.equal((await org.get("/v1/approvals")).status, 200);
  await remove(org, await org.signedIn("owner"));
  assert.equal((await org.get("/v1/approvals")).status, 401);
});

Deno.test("Deleting an org cancels what is pending and clears who was let in", async () => {
  await using it = await ApprovalOrg.start();
  const { org, countersign } = it;
  const { deps } = countersign.services;
  const owner = await org.signedIn("owner");
  const pending = await it.pending();
  await org.transact((transaction) => {
    const invitation = {
      id: transaction.id("inv"),
      hash: "invited",
      email: "new@example.com",
      member: "usr_x",
      made_member: true,
      invited_by: owner.member.id,
      created_at: 0,
      expires_at: 1,
    };
    transaction.set(invitationKey(org.id, invitation.email), invitation);
    transaction.set(invitationPointerKey("invited"), { org: org.id, email: invitation.email });
  });
  await remove(org, owner);
  await sweep(countersign.services, countersign.clock.now);
  const entries = await verifiedLog(deps, org.id);
  const deleted = entries.find(({ entry }) => entry.type === "org.deleted")?.entry;
  assert.deepEqual(deleted?.actor, { type: "member", id: owner.member.id });
  const cancelled = entries.find(({ entry }) => entry.type === "approval.cancelled")?.entry;
  assert.equal(cancelled?.subject.approval, pending.id);
  assert.equal(cancelled?.data.because, "org_deleted");
  const left = await rowsNaming(deps.kv, org.id);
  for (const kind of ["member", "api_key", "agent", "invitation", "approval_pending"]) {
    assert.ok(!left.includes(kind), kind);
  }
  for await (const { key } of deps.kv.list({ prefix: ["credential"] })) assert.fail(String(key));
  for await (const { key } of deps.kv.list({ prefix: ["invitation_link"] })) {
    assert.fail(String(key));
  }
  const account = await readRecord(deps.kv, accountKey(owner.caller.account), accountRecord);
  assert.deepEqual(account?.value.orgs, []);
  const told = (await verifiedDeployment(countersign)).map(({ entry }) => entry);
  assert.deepEqual(
    told.filter(({ type }) => type === "org.deleted").map(({ data }) => data.org),
    [org.id],
  );
});

Deno.test("A week after its deletion an org is its log, which verifies, and nothing more", async () => {
  await using it = await ApprovalOrg.start();
  const { org, countersign } = it;
  const { clock, services } = countersign;
  const { kv } = services.deps;
  const owner = await org.signedIn("owner", { email: "owner-to-forget@example.com" });
  const { id } = await it.approved({
    tenant_id: "acme",
    arguments: { secret_city: "Vladivostok" },
  });
  await it.mint(id, { tenant_id: "acme", arguments: { secret_city: "Vladivostok" } });
  await org.manage("PUT", "/v1/tenants/acme", { name: "Acme Incorporated" });
  await org.manage("PUT", "/v1/resources/db", { name: "Database" });
  const selector = { tenant_id: "acme", tool_name: "x" };
  await org.manage("PUT", "/v1/rules", { selector, permission: "disabled", note: "a note" });
  await org.manage("POST", "/v1/agents", { name: "robot" });
  await it.pending({ method: "other" });
  const before = await publishedKeysOf(org);
  await remove(org, owner);
  clock.advance(1000);
  await sweep(services, clock.now);
  const left = await rowsNaming(kv, org.id);
  assert.ok(left.includes("log_private") && left.includes("event"));
  clock.advance(ERASED_AFTER_MS);
  await sweep(services, clock.now);
  await sweep(services, clock.now);
  assert.deepEqual(
    await rowsNaming(kv, org.id),
    ["log", "log_head", "log_key", "org", "policy_version"],
  );
  for (const text of ["Acme Incorporated", "Database", "a note", "robot", "ann@example.com"]) {
    assert.equal(await holds(kv, text), false, text);
  }
  const entries = await verifiedLog(services.deps, org.id);
  assert.equal(entries.at(-1)?.entry.type, "private.erased");
  assert.deepEqual(await publishedKeysOf(org), before);
  // Its owner was in no other, and has not signed in since.
  const account = await readRecord(kv, accountKey(owner.caller.account), accountRecord);
  assert.equal(account, null);
  assert.equal(await holds(kv, "owner-to-forget@example.com"), false);
});

async function publishedKeysOf(org: TestOrg): Promise<unknown> {
  const path = `/.well-known/countersign/keys/${org.id}`;
  const got = await org.countersign.request("GET", path);
  assert.equal(got.status, 200, got.text);
  return got.body;
}

/** The deployment's own log, which has no org record to name an origin. */
async function verifiedDeployment(countersign: Countersign) {
  const { leavesFrom } = await import("../../lib/ledger/log_tail.ts");
  const { loggedEntry } = await import("../../lib/ledger/log_reader.ts");
  const { kv } = countersign.services.deps;
  const leaves = leavesFrom(kv, DEPLOYMENT_ORG, 0, Number.MAX_SAFE_INTEGER);
  return await Array.fromAsync(leaves, loggedEntry);
}
