import assert from "node:assert/strict";
import { deleteAccount, erasePerson } from "../../lib/leaving/person.ts";
import { ERASED_AFTER_MS } from "../../lib/people/left_behind.ts";
import { putMember } from "../../lib/people/members.ts";
import { makeRecoveryCodes } from "../../lib/people/recovery_codes.ts";
import { Refusal } from "../../lib/refusal.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import * as keys from "../../lib/store/keys.ts";
import * as news from "../../lib/store/news_keys.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import { Countersign, type SignedIn, type TestOrg } from "../helpers/countersign.ts";
import { presentSession } from "../helpers/people.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CLIENT = {
  via: "dashboard",
  ip: "203.0.113.7",
  user_agent: "Test/1.0",
  request_id: "req_test",
} as const;
const EMAIL = "forget-me@example.com";

async function removeAccount(org: TestOrg, { secret }: SignedIn): Promise<void> {
  const { services } = org.countersign;
  const session = await presentSession(services.deps, secret);
  await deleteAccount(services, session ?? assert.fail("no session"), CLIENT);
}

/** Makes the person a member of another org as well. */
async function join(org: TestOrg, person: SignedIn, role: MemberRecord["role"]): Promise<string> {
  const { account } = person.caller;
  const fields = { role, account, has_passkey: true };
  const { id } = await org.member(person.member.email, fields);
  await org.transact((transaction) => {
    transaction.set(keys.accountKey(account), {
      id: account,
      email: person.member.email,
      orgs: [person.caller.org, org.id],
      had_passkey: true,
      recovered_at: null,
      created_at: 0,
    });
  });
  return id;
}

function memberIn(org: TestOrg, { caller }: SignedIn): Promise<MemberRecord | undefined> {
  return org.transact(({ snapshot }) => snapshot.memberOf(caller.account));
}

/** The names of the private parts that an org's log holds, by entry type. */
async function privateNames(org: TestOrg, secret: string): Promise<Record<string, string[]>> {
  const { body } = await org.get("/v1/audit/entries?start=0&limit=200", secret);
  const names: Record<string, string[]> = {};
  for (const { entry, private: parts } of body.data) {
    (names[entry.type] ??= []).push(...Object.keys(parts ?? {}));
  }
  return names;
}

Deno.test("An account that an org cannot do without is not deleted, and nothing of it ends", async () => {
  await using countersign = await Countersign.start();
  const [one, two] = [await countersign.org(), await countersign.org()];
  const person = await one.signedIn("approver", { email: EMAIL });
  await join(two, person, "owner");
  await assert.rejects(
    removeAccount(one, person),
    (error: unknown) =>
      error instanceof Refusal && error.code === "last_owner" &&
      "organization" in error.data && error.data.organization === "test",
  );
  assert.ok(await memberIn(one, person));
  assert.ok(await memberIn(two, person));
  await two.signedIn("owner");
  await removeAccount(one, person);
  assert.equal(await memberIn(one, person), undefined);
  assert.equal(await memberIn(two, person), undefined);
});

Deno.test("Deleting an account takes a fresh assertion and a session that is in force", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const person = await org.signedIn("viewer", { fresh: false });
  await assert.rejects(
    removeAccount(org, person),
    (error: unknown) => error instanceof Refusal && error.code === "fresh_assertion_required",
  );
  assert.ok(await memberIn(org, person));
});

Deno.test("With the account end its memberships, sessions, passkeys, codes and browsers", async () => {
  await using countersign = await Countersign.start();
  const { services, clock } = countersign;
  const { kv } = services.deps;
  const [one, two] = [await countersign.org(), await countersign.org()];
  const person = await one.signedIn("approver", { email: EMAIL });
  const { account } = person.caller;
  await join(two, person, "viewer");
  await one.transact((transaction) => {
    makeRecoveryCodes(transaction, account);
    transaction.set(keys.passkeyKey("cred"), { account });
    transaction.set(keys.accountPasskeyKey(account, "cred"), {});
    const subscription = {
      id: "browser",
      account,
      endpoint: "https://push.example.com/x",
      p256dh: "p",
      auth: "a",
      user_agent: null,
      created_at: 0,
    };
    transaction.set(news.pushSubscriptionKey(account, "browser"), subscription);
    transaction.set(news.pushEndpointKey("browser"), { account });
  });
  await removeAccount(one, person);
  await sweep(services, clock.now);
  assert.equal(await presentSession(services.deps, person.secret), null);
  await assert.rejects(
    one.as(person, "see_requests", { plan: () => {} }),
    (error: unknown) => error instanceof Refusal && error.code === "session_ended",
  );
  const left: string[] = [];
  for await (const { key, value } of kv.list({ prefix: [] })) {
    const text = Deno.inspect([key, value], { depth: 20 });
    if (text.includes(account) || text.includes("cred") && key[0] === "passkey") {
      left.push(String(key[0]));
    }
  }
  // The work that erases the log later, and the log itself, name the account by its id only.
  assert.deepEqual([...new Set(left)].sort(), ["due"]);
});

Deno.test("A week later no log knows who the person was, and every log verifies", async () => {
  await using countersign = await Countersign.start();
  const { services, clock } = countersign;
  const { kv } = services.deps;
  const org = await countersign.org();
  const owner = await org.signedIn("owner", { email: "stays@example.com" });
  const person = await org.signedIn("admin", { email: EMAIL });
  const reader = await org.key("standard", { audit_private: true });
  const { id } = person.member;
  await org.as(owner, "manage_members", putMember(EMAIL, { role: "admin", groups: [1] }, "r1"));
  await org.transact((transaction) => {
    const actor = { type: "member", id } as const;
    const client = { ip: "198.51.100.9", user_agent: "Phone/2" };
    transaction.append({
      type: "approval.decided",
      actor,
      subject: { member: id, approval: "apr_x" },
      data: { decision: "deny", level: 1 },
      private: { note: "looks fine", assertion: { id: "x" }, client },
    });
    transaction.append({
      type: "member.set",
      actor,
      subject: { member: owner.member.id },
      data: {},
      private: { email: "stays@example.com", client },
    });
  });
  await removeAccount(org, person);
  assert.ok((await privateNames(org, reader))["member.removed"]?.includes("email"));
  clock.advance(ERASED_AFTER_MS);
  await sweep(services, clock.now);
  const names = await privateNames(org, reader);
  assert.deepEqual(names["approval.decided"], ["note", "assertion"]);
  assert.deepEqual(names["member.removed"], []);
  // Of the owner's own entry only where it came from goes; of the one by the owner, all.
  assert.deepEqual(names["member.set"], ["email"]);
  for await (
    const { key } of kv.list({ prefix: [...keys.logPrivatePrefix(keys.DEPLOYMENT_ORG)] })
  ) {
    assert.fail(`the deployment's log still has ${key.join()}`);
  }
  for await (const { key, value } of kv.list({ prefix: [] })) {
    const text = Deno.inspect([key, value], { depth: 20, strAbbreviateSize: Infinity });
    assert.ok(!text.includes(EMAIL), String(key[0]));
  }
  await verifiedLog(services.deps, org.id);
  // A node that had not followed yet finds its way without the changes that named the address.
  assert.equal((await org.get("/v1/approvals")).status, 200);
});

Deno.test("A long log is gone through in steps, each of which may be the last before a stop", async () => {
  await using countersign = await Countersign.start();
  const { services, clock } = countersign;
  const org = await countersign.org();
  await org.signedIn("owner");
  const person = await org.signedIn("viewer", { email: EMAIL });
  const { id } = person.member;
  for (let i = 0; i < 12; i++) {
    await org.transact((transaction) => {
      const actor = { type: "member", id } as const;
      const client = { ip: `198.51.100.${i}` };
      transaction.append({ type: "test.seen", actor, subject: {}, data: {}, private: { client } });
    });
  }
  await removeAccount(org, person);
  clock.advance(ERASED_AFTER_MS);
  let steps = 0;
  for (;;) {
    const found = [];
    for await (const { value } of services.deps.kv.list({ prefix: ["due"] })) {
      const work = value as { kind: "person_erased"; org: string; id: string; at: number };
      if (work.kind === "person_erased" && work.org === org.id) found.push(work);
    }
    const [work] = found;
    if (work === undefined) break;
    assert.equal(found.length, 1);
    // Done twice, as after a crash between the last commit and its answer.
    await erasePerson(services, work, 5);
    await erasePerson(services, work, 5);
    steps++;
  }
  assert.ok(steps >= 3, `${steps} steps`);
  const left = [];
  for await (const row of services.deps.kv.list({ prefix: [...keys.logPrivatePrefix(org.id)] })) {
    left.push(row);
  }
  const entries = await verifiedLog(services.deps, org.id);
  const erased = entries.filter(({ entry }) => entry.type === "private.erased");
  const indexes = erased.flatMap(({ entry: { data } }) => data.indexes ?? data.index);
  assert.equal(new Set(indexes).size, indexes.length, "an entry is erased once");
  assert.ok(indexes.length >= 12);
  assert.equal(left.length, 0);
});
