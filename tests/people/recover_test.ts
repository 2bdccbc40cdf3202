import assert from "node:assert/strict";
import { createApiKey } from "../../lib/catalog/api_keys.ts";
import { changeOrg } from "../../lib/catalog/org_settings.ts";
import { asMember } from "../../lib/identity/acting.ts";
import { passkeysOf } from "../../lib/identity/passkeys.ts";
import type { PresentedSession } from "../../lib/identity/sessions.ts";
import { acceptInvitation } from "../../lib/people/accept_invitation.ts";
import { confirmRecovery, type MemberFields, putMember } from "../../lib/people/members.ts";
import {
  makeRecoveryLink,
  redeemRecoveryCode,
  redeemRecoveryLink,
  seeRecoveryLink,
  sendRecoveryCode,
} from "../../lib/people/recover.ts";
import { finishRecovery, type Recovered } from "../../lib/people/recovery.ts";
import { recoveryCodesLeft } from "../../lib/people/recovery_codes.ts";
import { sessionsOf } from "../../lib/people/sessions.ts";
import { Refusal } from "../../lib/refusal.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import * as keys from "../../lib/store/keys.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import { type SignedIn, TestOrg } from "../helpers/countersign.ts";
import {
  CLIENT,
  People,
  type Person,
  presentSession,
  secretOf,
  wrongCode,
} from "../helpers/people.ts";
import { refused } from "../helpers/refused.ts";

const HOUR = 60 * 60_000;
const NEW_KEY = {
  name: "key",
  tier: "standard",
  trust_tier: 0,
  tenant_ids: null,
  expires_at: null,
  rate_limit_per_minute: null,
  audit_private: false,
} as const;

/** Somebody at a new device with nothing but their mailbox and codes. */
class Recovering {
  readonly flow: string;
  readonly person: Person;

  constructor(readonly people: People, email: string) {
    this.person = people.person(email);
    this.flow = this.person.flow;
  }

  /** Asks for a code and reads it. */
  async code(): Promise<string> {
    const { services } = this.people;
    await sendRecoveryCode(services, { email: this.person.email, flow: this.flow }, CLIENT);
    return this.people.codeFor(this.person.email);
  }

  redeem(code: string, recovery_code: string) {
    return redeemRecoveryCode(
      this.people.services,
      { flow: this.flow, code, recovery_code },
      CLIENT,
    );
  }

  async finish({ nonce, options }: Awaited<ReturnType<Recovering["redeem"]>>): Promise<Recovered> {
    const response = await this.person.enrol(options);
    return await finishRecovery(
      this.people.services,
      { flow: this.flow, nonce, response },
      CLIENT,
    );
  }

  /** The whole way. */
  async recover(recovery_code = ""): Promise<Recovered> {
    return await this.finish(await this.redeem(await this.code(), recovery_code));
  }
}

async function memberOf(people: People, org: string, email: string): Promise<MemberRecord> {
  const found = await people.services.ledgers.transact(org, {
    plan: ({ snapshot }) => snapshot.members.get(email),
  });
  return found ?? assert.fail("no such member");
}

/** Makes a second owner of an org, who is signed in. */
async function secondOwner(
  people: People,
  session: PresentedSession,
  email = "ann@example.com",
): Promise<{ ann: Person; session: PresentedSession; recovery_codes: readonly string[] }> {
  const ann = people.person(email);
  const entered = await ann.accept(await people.invited(session, email, "owner"));
  const { recovery_codes } = entered;
  return { ann, session: await people.session(entered.secret), recovery_codes };
}

Deno.test("A recovery takes the mailbox and a recovery code together", async () => {
  await using people = await People.start();
  const { entered, owner } = await people.withOwner();
  const [first = "", second = ""] = entered.recovery_codes;
  const lost = new Recovering(people, owner.email);
  const code = await lost.code();
  await refused(lost.redeem(code, ""), "code_not_accepted");
  await refused(lost.redeem(code, second.split("").reverse().join("")), "code_not_accepted");
  await refused(lost.redeem(wrongCode(code), first), "code_not_accepted");
  assert.equal(await recoveryCodesLeft(people.services, entered.session.account), 10);
  // As a person types it from paper.
  const typed = `${first.slice(0, 13).toUpperCase()} - ${first.slice(13)}`;
  const begun = await lost.redeem(code, typed);
  assert.equal(await recoveryCodesLeft(people.services, entered.session.account), 9);
  const { recovery_codes, session } = await lost.finish(begun);
  assert.equal(recovery_codes.length, 10);
  assert.equal(session.org, entered.org);
  assert.equal(session.account, entered.session.account);
  await refused(lost.recover(second), "code_not_accepted");
  const types = await people.types();
  assert.deepEqual(types.slice(types.indexOf("recovery.redeemed")), [
    "recovery.redeemed",
    "passkey.added",
    "session.begun",
  ]);
});

Deno.test("Wrong tries of either code void the mailed one after five", async () => {
  await using people = await People.start();
  const { entered, owner } = await people.withOwner();
  const [first = ""] = entered.recovery_codes;
  const thief = new Recovering(people, owner.email);
  const code = await thief.code();
  for (let tries = 0; tries < 5; tries++) {
    await refused(thief.redeem(code, "0".repeat(26)), "code_not_accepted");
  }
  await refused(thief.redeem(code, first), "code_not_accepted");
});

Deno.test("A recovery ends the passkeys and sessions of the account at once", async () => {
  await using people = await People.start();
  const { services } = people;
  const { entered, owner, org } = await people.withOwner();
  const account = entered.session.account;
  const other = await owner.signIn();
  const lost = new Recovering(people, owner.email);
  const begun = await lost.redeem(await lost.code(), entered.recovery_codes[0] ?? "");
  assert.deepEqual(await passkeysOf(services.deps.kv, account), []);
  assert.deepEqual(await sessionsOf(services.deps, account), []);
  assert.equal(await presentSession(services.deps, entered.secret), null);
  assert.equal(await presentSession(services.deps, other.secret), null);
  const { why } = await refused(owner.signIn(), "assertion_not_accepted");
  assert.equal(why, "unknown_passkey");
  await lost.finish(begun);
  assert.equal((await passkeysOf(services.deps.kv, account)).length, 1);
  await lost.person.signIn();
  const log = await people.log(org);
  assert.equal(log.filter(({ type }) => type === "passkey.enrolled").length, 2);
  const { id } = await memberOf(people, org, owner.email);
  assert.deepEqual(log.find(({ type }) => type === "passkey.removed")?.subject, { member: id });
});

Deno.test("A sign-in at the moment of a recovery leaves no session behind", async () => {
  await using people = await People.start();
  const { services } = people;
  const { entered, owner } = await people.withOwner();
  const lost = new Recovering(people, owner.email);
  const code = await lost.code();
  const attempts = await Promise.allSettled([
    owner.signIn(),
    lost.redeem(code, entered.recovery_codes[0] ?? ""),
    owner.signIn(),
  ]);
  assert.equal(attempts[1].status, "fulfilled");
  assert.deepEqual(await sessionsOf(services.deps, entered.session.account), []);
});

Deno.test("Of parallel recoveries by one recovery code one succeeds", async () => {
  await using people = await People.start();
  const { entered, owner } = await people.withOwner();
  const rivals = [new Recovering(people, owner.email), new Recovering(people, owner.email)];
  const codes = [await rivals[0]?.code() ?? "", await rivals[1]?.code() ?? ""];
  const [recovery = ""] = entered.recovery_codes;
  const attempts = await Promise.allSettled(
    rivals.map((rival, index) => rival.redeem(codes[index] ?? "", recovery)),
  );
  const lost = attempts.filter((attempt) => attempt.status === "rejected");
  assert.equal(lost.length, 1);
  const { reason } = lost[0] ?? {};
  assert.ok(reason instanceof Refusal && reason.code === "code_not_accepted");
  assert.equal(await recoveryCodesLeft(people.services, entered.session.account), 9);
});

Deno.test("While held somebody who recovered decides nothing and makes no keys", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { session, org, owner } = await people.withOwner();
  const { session: ofAnn, recovery_codes } = await secondOwner(people, session);
  const at = clock.now;
  const recovered = await new Recovering(people, "ann@example.com").recover(recovery_codes[0]);
  const ann = await memberOf(people, org, "ann@example.com");
  assert.equal(ann.held_until, at + 24 * HOUR);
  const held = await people.session(recovered.secret);
  const run = (by: PresentedSession, operation: ReturnType<typeof putMember>) =>
    services.ledgers.transact(org, asMember(by, "manage_members", operation));
  const keyBy = (by: PresentedSession) =>
    services.ledgers.transact(org, asMember(by, "configure", createApiKey(NEW_KEY, "req_test")));
  await refused(keyBy(held), "recovery_held");
  const role: MemberFields = { role: "viewer", groups: [] };
  await refused(run(held, putMember("new@example.com", role, "req_test")), "recovery_held");
  const confirm = (by: PresentedSession) =>
    services.ledgers.transact(
      org,
      asMember(by, "confirm_recovery", confirmRecovery(ann.id, "req_test")),
    );
  await refused(confirm(held), "recovery_held");
  await refused(keyBy(ofAnn), "session_ended");
  await confirm(await people.session((await owner.signIn()).secret));
  await keyBy(held);
  const types = await people.types(org);
  assert.ok(types.indexOf("recovery.redeemed") < types.indexOf("recovery.confirmed"));
});

Deno.test("The hold is over after the hours that the org sets, in each org by its own", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { session, org, entered, owner } = await people.withOwner();
  const other = await people.countersign.org();
  await services.ledgers.transact(
    org,
    asMember(session, "configure", changeOrg({ recovery_hold_hours: 2 }, "req_test")),
  );
  const inOther = await other.signedIn("owner");
  const invitation = await people.invited(
    await people.session(inOther.secret),
    owner.email,
    "viewer",
  );
  await acceptInvitation(services, session, invitation, CLIENT);
  const at = clock.now;
  const recovered = await new Recovering(people, owner.email).recover(entered.recovery_codes[0]);
  assert.equal((await memberOf(people, org, owner.email)).held_until, at + 2 * HOUR);
  assert.equal((await memberOf(people, other.id, owner.email)).held_until, at + 24 * HOUR);
  for (const id of [org, other.id]) {
    const entry = (await people.log(id)).find(({ type }) => type === "recovery.redeemed");
    assert.equal(entry?.data.by, "code");
  }
  clock.advance(2 * HOUR);
  await services.ledgers.transact(
    org,
    asMember(
      await people.session(recovered.secret),
      "configure",
      { plan: (_transaction, caller) => assert.equal(caller.held_until, null) },
    ),
  );
});

Deno.test("No new passkey before every org holds its member", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { deps } = services;
  const { org, entered, owner } = await people.withOwner();
  const { account } = entered.session;
  const lost = new Recovering(people, owner.email);
  const begun = await lost.redeem(await lost.code(), entered.recovery_codes[0] ?? "");
  // As if the process had died right after the codes were redeemed.
  const row = await deps.kv.get<object>([...keys.recoveryKey(account)]);
  await deps.kv.set([...keys.recoveryKey(account)], { ...row.value, waiting: [org] });
  const testOrg = new TestOrg(people.countersign, org);
  await testOrg.transact((transaction) => {
    const member = transaction.snapshot.members.get(owner.email);
    transaction.setPolicy(keys.memberKey(org, owner.email), { ...member, held_until: null });
  });
  await lost.finish(begun);
  const { held_until } = await memberOf(people, org, owner.email);
  assert.equal(held_until, clock.now + 24 * HOUR);
});

Deno.test("A hold that nobody waited for comes by itself", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { deps } = services;
  const { org, entered, owner } = await people.withOwner();
  const { account } = entered.session;
  const lost = new Recovering(people, owner.email);
  await lost.redeem(await lost.code(), entered.recovery_codes[0] ?? "");
  const key = [...keys.recoveryKey(account)];
  const row = await deps.kv.get<object>(key);
  await deps.kv.set(key, { ...row.value, waiting: [org] });
  const due = keys.dueKey(clock.now, "recovery_hold", org, account);
  await deps.kv.set([...due], { kind: "recovery_hold", at: clock.now, org, id: account });
  await sweep(services, clock.now);
  await sweep(services, clock.now);
  const types = await people.types(org);
  // Once when it was redeemed, once for the row that was put back.
  assert.equal(types.filter((type) => type === "recovery.redeemed").length, 2);
});

Deno.test("The other owners are told by mail, and whoever has the mailbox", async () => {
  await using people = await People.start();
  const { services, clock, countersign: { mail } } = people;
  const { session, owner } = await people.withOwner();
  const { recovery_codes } = await secondOwner(people, session);
  mail.before = ({ to, subject }) =>
    to === owner.email && subject.includes("recovered")
      ? Promise.reject(new Error("The mail server is away"))
      : Promise.resolve();
  await new Recovering(people, "ann@example.com").recover(recovery_codes[0]);
  await sweep(services, clock.now);
  const about = (email: string) =>
    mail.to(email).filter(({ subject }) => subject.includes("recovered"));
  assert.equal(about(owner.email).length, 0);
  mail.before = () => Promise.resolve();
  await sweep(services, clock.now);
  await sweep(services, clock.now);
  assert.deepEqual(about(owner.email).map(({ subject }) => subject), [
    "ann@example.com recovered their Countersign account",
  ]);
  assert.match(about(owner.email)[0]?.text ?? "", /cannot decide requests[^]*\/team/);
  assert.deepEqual(about("ann@example.com").map(({ subject }) => subject), [
    "Your Countersign account was recovered",
  ]);
});

Deno.test("An address without an account gets the same answers, and no mail", async () => {
  await using people = await People.start();
  const { services, countersign: { mail } } = people;
  const { owner } = await people.withOwner();
  const [known, unknown] = [people.newFlow(), people.newFlow()];
  // What was mailed for the set-up counts too.
  people.clock.advance(HOUR);
  const ask = (email: string, flow: string) => sendRecoveryCode(services, { email, flow }, CLIENT);
  const before = mail.sent.length;
  const { to: _to, ...first } = await ask("nobody@example.com", unknown);
  assert.equal(mail.sent.length, before);
  const { to: _too, ...second } = await ask(owner.email, known);
  assert.deepEqual(first, second);
  for (const flow of [known, unknown]) {
    const tried = { flow, code: "000000", recovery_code: "0".repeat(26) };
    for (let tries = 0; tries < 6; tries++) {
      await refused(redeemRecoveryCode(services, tried, CLIENT), "code_not_accepted");
    }
  }
  for (const [email, flow] of [[owner.email, known], ["nobody@example.com", unknown]] as const) {
    for (let codes = 1; codes < 5; codes++) await ask(email, flow);
    await refused(ask(email, flow), "too_many_codes");
  }
});

Deno.test("A recovery goes on only in the browser that began it, and only the newest", async () => {
  await using people = await People.start();
  const { services } = people;
  const { entered, owner } = await people.withOwner();
  const [first = "", second = ""] = entered.recovery_codes;
  const lost = new Recovering(people, owner.email);
  const begun = await lost.redeem(await lost.code(), first);
  const stolen = { flow: people.newFlow(), nonce: begun.nonce };
  const response = await people.person(owner.email).enrol(begun.options);
  const { why } = await refused(
    finishRecovery(services, { ...stolen, response }, CLIENT),
    "assertion_not_accepted",
  );
  assert.equal(why, "ceremony_ended");
  const again = new Recovering(people, owner.email);
  const newer = await again.redeem(await again.code(), second);
  await refused(lost.finish(begun), "assertion_not_accepted");
  await again.finish(newer);
});

Deno.test("A link of the operator lets an account in again: for an hour, once, under the hold", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { entered, owner, org } = await people.withOwner();
  assert.equal(await makeRecoveryLink(services, "nobody@example.com"), null);
  const made = async () => {
    const { url } = await makeRecoveryLink(services, owner.email) ?? assert.fail("no link");
    return { account: entered.session.account, link: secretOf(url) };
  };
  const replaced = await made();
  const link = await made();
  await refused(seeRecoveryLink(services, replaced), "link_not_valid");
  assert.equal((await seeRecoveryLink(services, link)).email, owner.email);
  const lost = new Recovering(people, owner.email);
  const follow = (followed: typeof link) =>
    redeemRecoveryLink(services, { ...followed, flow: lost.flow }, CLIENT);
  await refused(follow({ ...link, account: "acc_other" }), "link_not_valid");
  await refused(follow({ ...link, link: "x" }), "link_not_valid");
  // Whoever did not get round to the passkey begins anew.
  await follow(link);
  await lost.finish(await follow(link));
  await refused(follow(link), "link_not_valid");
  const { held_until } = await memberOf(people, org, owner.email);
  assert.equal(held_until, clock.now + 24 * HOUR);
  const late = await made();
  clock.advance(HOUR);
  await refused(follow(late), "link_not_valid");
  const types = await people.types();
  assert.equal(types.filter((type) => type === "recovery_link.made").length, 3);
});

Deno.test("A code for a first passkey redeems no recovery", async () => {
  await using people = await People.start();
  const { session, entered, owner } = await people.withOwner();
  const link = await people.invited(session, "new@example.com");
  const thief = new Recovering(people, "new@example.com");
  await thief.person.accept(link);
  await refused(
    redeemRecoveryCode(
      people.services,
      {
        flow: thief.flow,
        code: people.codeFor("new@example.com"),
        recovery_code: entered.recovery_codes[0] ?? "",
      },
      CLIENT,
    ),
    "code_not_accepted",
  );
  // Nor does somebody's own code, with the recovery code of another.
  const code = await thief.code();
  await refused(thief.redeem(code, entered.recovery_codes[0] ?? ""), "code_not_accepted");
  assert.equal(await recoveryCodesLeft(people.services, entered.session.account), 10);
  await owner.signIn();
});

Deno.test("The hours of the hold are a setting of the org; fewer of them take a fresh owner", async () => {
  await using people = await People.start();
  const { services, countersign } = people;
  const org = await countersign.org();
  assert.equal((await org.manage("GET", "/v1/org")).body.recovery_hold_hours, 24);
  const changed = await org.manage("PATCH", "/v1/org", { recovery_hold_hours: 48 });
  assert.equal(changed.body.recovery_hold_hours, 48);
  for (const hours of [-1, 721, 1.5, "2"]) {
    const got = await org.manage("PATCH", "/v1/org", { recovery_hold_hours: hours });
    assert.equal(got.status, 422, `${hours}`);
  }
  const set = (by: SignedIn, recovery_hold_hours: number) =>
    services.ledgers.transact(
      org.id,
      asMember(by, "configure", changeOrg({ recovery_hold_hours }, "req_test")),
    );
  const admin = await org.signedIn("admin");
  await set(admin, 72);
  await refused(set(admin, 71), "role_required");
  await refused(set(await org.signedIn("owner", { fresh: false }), 71), "fresh_assertion_required");
  await set(await org.signedIn("owner"), 0);
});
