import assert from "node:assert/strict";
import { asMember } from "../../lib/identity/acting.ts";
import { demand } from "../../lib/identity/deeds.ts";
import { SESSION_IDLE_MS, SESSION_LIFE_MS } from "../../lib/identity/sessions.ts";
import type { AssertionFault } from "../../lib/passkeys/fault.ts";
import { acceptInvitation } from "../../lib/people/accept_invitation.ts";
import { orgsOf, switchOrg } from "../../lib/people/sessions.ts";
import { beginSignIn, signIn, signOut } from "../../lib/people/sign_in.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import * as keys from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { passkeyRecord } from "../../lib/store/records/people.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { TestClock } from "../helpers/countersign.ts";
import { CLIENT, People, type Person, presentSession, refusedFor } from "../helpers/people.ts";
import { refused } from "../helpers/refused.ts";
import type { Lies } from "../helpers/software_authenticator.ts";

/** The stored passkey of somebody who has one. */
async function passkeyOf(people: People, person: Person) {
  const id = person.authenticator.credentials[0]?.id ?? "";
  const row = await readRecord(people.services.deps.kv, keys.passkeyKey(id), passkeyRecord);
  return row?.value ?? assert.fail("no passkey");
}

Deno.test("A sign-in: by the passkey alone, into a new session that is fresh", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { owner, org, session: first } = await people.withOwner();
  clock.advance(60_000);
  const { options } = await beginSignIn(services, owner.flow);
  assert.equal(options.allowCredentials, undefined, "the person says by the passkey who they are");
  assert.equal(options.userVerification, "required");

  const { secret, session, cross_device } = await owner.signIn({ attachment: "cross-platform" });
  assert.equal(cross_device, true);
  const found = await people.session(secret);
  assert.deepEqual(found.record, session);
  assert.equal(session.org, org);
  assert.equal(session.fresh_until, clock.now + 5 * 60_000);
  assert.equal(session.user_agent, CLIENT.user_agent);
  assert.notEqual(session.id, first.record.id);
  const passkey = await passkeyOf(people, owner);
  assert.equal(passkey.last_used_at, clock.now);
  assert.equal(passkey.counter, 1);
  assert.equal((await people.types()).at(-1), "session.begun");
  const [entry] = (await people.log(org)).slice(-1);
  assert.equal(entry?.type, "session.begun");
  assert.deepEqual(entry?.data.session, session.id);
});

Deno.test("A session ends after 12 hours without use, and after 7 days at last", async () => {
  await using people = await People.start();
  const { owner } = await people.withOwner();
  const { deps } = people.services;
  const idle = await owner.signIn();
  people.clock.advance(SESSION_IDLE_MS);
  assert.equal(await presentSession(deps, idle.secret), null);
  const used = await owner.signIn();
  for (let at = 0; at < SESSION_LIFE_MS; at += SESSION_IDLE_MS / 2) {
    assert.notEqual(await presentSession(deps, used.secret), null);
    people.clock.advance(SESSION_IDLE_MS / 2);
  }
  assert.equal(await presentSession(deps, used.secret), null);
});

Deno.test("A session that ends while its request is under way commits nothing", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { org, session } = await people.withOwner();
  const asMemberOf = () =>
    services.ledgers.transact(
      org,
      asMember(session, "see_requests", {
        plan(transaction, caller) {
          demand(caller, "choose_alerts");
          transaction.set(["test_row", org], {});
        },
      }),
    );
  clock.advance(SESSION_IDLE_MS - 1);
  await asMemberOf();
  await switchOrg(services, session, org, CLIENT);
  // The cookie was looked at before.
  clock.advance(1);
  await refused(asMemberOf(), "session_ended");
  await refused(switchOrg(services, session, org, CLIENT), "session_ended");
});

Deno.test("Session fixation: the secret is new, the old session of the browser ends", async () => {
  await using people = await People.start();
  const { owner, entered, session } = await people.withOwner();
  const { deps } = people.services;
  const next = await owner.signIn({}, session);
  assert.notEqual(next.secret, entered.secret);
  assert.equal(await presentSession(deps, entered.secret), null);
  assert.notEqual(await presentSession(deps, next.secret), null);
  const third = await owner.signIn({}, session);
  assert.notEqual(await presentSession(deps, next.secret), null, "one that ended is none");
  assert.notEqual(third.secret, next.secret);
});

Deno.test("An assertion counts once, in the browser that asked, for five minutes", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { owner } = await people.withOwner();
  const { flow } = owner;
  const begun = await beginSignIn(services, flow);
  const { nonce } = begun;
  const response = await owner.assert(begun.options);
  const answer = { flow, nonce, response, replaces: null };
  const other = { ...answer, flow: people.newFlow() };
  assert.equal(await refusedFor(signIn(services, other, CLIENT)), "ceremony_ended");
  const ended = await Promise.allSettled(
    Array.from({ length: 5 }, () => signIn(services, answer, CLIENT)),
  );
  assert.equal(ended.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal(await refusedFor(signIn(services, answer, CLIENT)), "ceremony_ended");

  const late = await beginSignIn(services, flow);
  const signed = { ...answer, nonce: late.nonce, response: await owner.assert(late.options) };
  clock.advance(5 * 60_000);
  assert.equal(await refusedFor(signIn(services, signed, CLIENT)), "ceremony_ended");
});

Deno.test("An assertion is refused by its reason, and the person may try again", async () => {
  await using people = await People.start();
  const { owner } = await people.withOwner();
  const lies: [Lies, AssertionFault][] = [
    [{ origin: "https://evil.example" }, "wrong_origin"],
    [{ rpId: "evil.example" }, "wrong_rp_id"],
    [{ userVerified: false }, "user_not_verified"],
    [{ userPresent: false }, "user_not_present"],
    [{ type: "webauthn.create" }, "wrong_type"],
    [{ challenge: "A".repeat(43) }, "wrong_challenge"],
    [{ crossOrigin: true }, "cross_origin"],
    [{ tamper: true }, "bad_signature"],
    [{ credentialId: "A".repeat(43) }, "unknown_passkey"],
    [{ userHandle: "AAAA" }, "wrong_user"],
  ];
  for (const [lie, why] of lies) assert.equal(await refusedFor(owner.signIn(lie)), why);
  await people.services.failedAttempts.flush();
  assert.equal((await people.log()).at(-1)?.data.count, lies.length);

  const { services } = people;
  const { nonce, options } = await beginSignIn(services, owner.flow);
  const attempt = { flow: owner.flow, nonce, replaces: null };
  const bad = { ...attempt, response: await owner.assert(options, { tamper: true }) };
  assert.equal(await refusedFor(signIn(services, bad, CLIENT)), "bad_signature");
  await signIn(services, { ...attempt, response: await owner.assert(options) }, CLIENT);
});

Deno.test("A passkey that counts fewer uses than before is refused and written down", async () => {
  await using people = await People.start();
  const { owner, org } = await people.withOwner();
  await owner.signIn({ counter: 10 });
  assert.equal(await refusedFor(owner.signIn({ counter: 10 })), "counter_went_back");
  for (const log of [await people.types(), await people.types(org)]) {
    assert.equal(log.at(-1), "passkey.counter_regressed");
  }
  assert.equal((await passkeyOf(people, owner)).counter, 10);
  // Nobody makes an honest passkey look copied without its key.
  const forged = owner.signIn({ counter: 3, tamper: true });
  assert.equal(await refusedFor(forged), "bad_signature");
  assert.equal((await people.types()).filter((type) => /regressed/.test(type)).length, 1);
  await owner.signIn({ counter: 11 });
});

Deno.test("A passkey for another address of the server is refused with that as the reason", async () => {
  const kv = await Deno.openKv(":memory:");
  const shared = { kv, secret: systemRandom(48), clock: new TestClock() };
  {
    await using people = await People.start(shared);
    const { owner } = await people.withOwner();
    const { credentials } = owner.authenticator;
    await using moved = await People.start({ ...shared, localhost: false });
    const same = moved.person(owner.email);
    for (const credential of credentials) {
      same.authenticator.credentials.push({ ...credential, rpId: "127.0.0.1" });
    }
    assert.equal(await refusedFor(same.signIn()), "made_for_other_address");
  }
  kv.close();
});

Deno.test("A sign-in goes to the org that was used last, and only where its person is a member", async () => {
  await using people = await People.start();
  const { services } = people;
  const first = await people.withOwner();
  const { owner } = first;
  const other = await people.countersign.org();
  const boss = await people.session((await other.signedIn("owner")).secret);
  const link = await people.invited(boss, owner.email, "viewer");
  await acceptInvitation(services, first.session, link, CLIENT);
  const { secret, session } = await owner.signIn();
  assert.equal(session.org, other.id);
  const { account } = session;
  assert.deepEqual(
    (await orgsOf(services, account)).map(({ id, role }) => [id, role]),
    [[other.id, "viewer"], [first.org, "owner"]],
  );

  await switchOrg(services, await people.session(secret), first.org, CLIENT);
  assert.equal((await people.session(secret)).record.org, first.org);
  const entered = { type: "session.switched", data: { session: session.id, org: first.org } };
  const told = async (org?: string) =>
    (await people.log(org)).filter(({ type }) => type === entered.type)
      .map(({ type, data }) => ({ type, data: { session: data.session, org: data.org } }));
  // Whoever is there already switches nothing.
  await switchOrg(services, await people.session(secret), first.org, CLIENT);
  assert.deepEqual(await told(), [entered]);
  assert.deepEqual(await told(first.org), [entered]);
  // There they may not decide; nor is the org that they come from told where they went.
  await switchOrg(services, await people.session(secret), other.id, CLIENT);
  assert.equal((await told()).length, 2);
  assert.deepEqual(await told(first.org), [entered]);
  assert.deepEqual(await told(other.id), []);
  await switchOrg(services, await people.session(secret), first.org, CLIENT);
  assert.equal((await owner.signIn()).session.org, first.org);
  const foreign = await people.countersign.org();
  for (const org of [foreign.id, "org_made_up", keys.DEPLOYMENT_ORG]) {
    await refused(switchOrg(services, await people.session(secret), org, CLIENT), "not_found");
  }

  await switchOrg(services, await people.session(secret), other.id, CLIENT);
  await services.ledgers.transact(other.id, {
    plan: (transaction) => transaction.deletePolicy(keys.memberKey(other.id, owner.email)),
  });
  await refused(switchOrg(services, await people.session(secret), other.id, CLIENT), "not_found");
  assert.equal((await owner.signIn()).session.org, first.org);
});

Deno.test("Who is signed out stays so, and signing out twice is no error", async () => {
  await using people = await People.start();
  const { services } = people;
  const { owner, org } = await people.withOwner();
  const { secret } = await owner.signIn();
  const session = await people.session(secret);
  await signOut(services, session, CLIENT);
  assert.equal(await presentSession(services.deps, secret), null);
  await signOut(services, session, CLIENT);
  await refused(switchOrg(services, session, org, CLIENT), "session_ended");
  for (const log of [await people.types(), await people.types(org)]) {
    assert.equal(log.filter((type) => type === "session.ended").length, 1);
  }
});

Deno.test("A sign-in tells each org once where its person may decide, however often it is delivered", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { owner, org } = await people.withOwner();
  await people.log();
  await owner.signIn();
  const due = await Array.fromAsync(services.deps.kv.list({ prefix: [...keys.duePrefix()] }));
  assert.equal(due.length, 1);
  await Promise.all([sweep(services, clock.now), sweep(services, clock.now)]);
  assert.equal((await people.types(org)).filter((type) => type === "session.begun").length, 2);
  for (const prefix of [["due"], ["identity_event"]]) {
    assert.deepEqual(await Array.fromAsync(services.deps.kv.list({ prefix })), []);
  }
});
