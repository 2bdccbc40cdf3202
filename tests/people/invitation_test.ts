import assert from "node:assert/strict";
import type { PresentedSession } from "../../lib/identity/sessions.ts";
import { KV_CONNECT_LIMITS } from "../../lib/ledger/commit_limits.ts";
import {
  acceptInvitation,
  confirmInvitationCode,
  finishInvitation,
  seeInvitation,
  sendInvitationCode,
} from "../../lib/people/accept_invitation.ts";
import {
  INVITATION_MS,
  invite,
  listInvitations,
  resendInvitation,
  withdrawInvitation,
} from "../../lib/people/invitations.ts";
import { addPasskey, beginAddPasskey } from "../../lib/people/passkeys.ts";
import { regenerateRecoveryCodes } from "../../lib/people/recovery_codes.ts";
import { switchOrg } from "../../lib/people/sessions.ts";
import { beginStepUp, stepUp } from "../../lib/people/sign_in.ts";
import * as keys from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import { accountRecord } from "../../lib/store/records/people.ts";
import { CLIENT, People, secretOf } from "../helpers/people.ts";
import { refused } from "../helpers/refused.ts";

const ANN = "ann@example.com";

/** The members of an org, as its policy has them at this moment. */
async function member(people: People, org: string, email: string) {
  return await people.services.ledgers.transact(org, {
    plan: ({ snapshot }): MemberRecord | null => snapshot.members.get(email) ?? null,
  });
}

async function pending(people: People, org: string) {
  const snapshot = await people.services.ledgers.transact(org, { plan: (t) => t.snapshot });
  return await listInvitations(people.services, snapshot);
}

/** A session of somebody who came in by invitation. */
async function joined(
  people: People,
  session: PresentedSession,
  email: string,
  role: MemberRecord["role"],
): Promise<PresentedSession> {
  const person = people.person(email);
  const { secret } = await person.accept(await people.invited(session, email, role));
  return await people.session(secret);
}

Deno.test("An invitation: mailed, seen, accepted with a first passkey, gone", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, org } = await people.withOwner();
  const fields = { email: "Ann@Example.com", role: "approver", groups: [2, 1] } as const;
  const groups: MemberRecord["groups"] = [...fields.groups];
  const invited = await invite(services, session, { ...fields, groups }, CLIENT);
  assert.equal(invited.mailed, "yes");
  assert.equal(invited.email, ANN);
  const letter = people.countersign.mail.to(ANN)[0];
  assert.ok(letter?.text.includes(invited.link));
  assert.match(letter?.subject ?? "", /^jo@example\.com invites you to Acme/);
  assert.ok(invited.link.startsWith(`${people.origin}/invitation/`));

  const link = secretOf(invited.link);
  assert.deepEqual(await seeInvitation(services, link), {
    org,
    organization: "Acme",
    email: ANN,
    role: "approver",
    invited_by: "jo@example.com",
    expires_at: people.clock.now + INVITATION_MS,
  });
  const [listed] = await pending(people, org);
  assert.deepEqual([listed?.email, listed?.groups, listed?.expired], [ANN, [1, 2], false]);
  assert.equal((await member(people, org, ANN))?.account, null);

  const ann = people.person(ANN);
  const entered = await ann.accept(link);
  const accepted = await member(people, org, ANN);
  assert.equal(accepted?.account, entered.session.account);
  assert.deepEqual(accepted?.groups, [1, 2]);
  assert.equal(accepted?.has_passkey, true);
  assert.equal(entered.session.org, org);
  assert.deepEqual(await pending(people, org), []);
  await refused(seeInvitation(services, link), "link_not_valid");
  const log = await people.log(org);
  assert.deepEqual(log.slice(-5).map(({ type }) => type), [
    "member.set",
    "member.invited",
    "member.accepted",
    "passkey.enrolled",
    "session.begun",
  ]);
  assert.deepEqual(log.at(-1)?.actor, { type: "member", id: accepted?.id });
  for (const hidden of [ANN, link]) assert.ok(!JSON.stringify(log).includes(hidden));
});

Deno.test("A viewer's sign-in is not in the log of the org, where they decide nothing", async () => {
  await using people = await People.start();
  const { session, org } = await people.withOwner();
  await joined(people, session, ANN, "viewer");
  assert.equal((await people.types(org)).at(-1), "passkey.enrolled");
  assert.equal((await people.types()).at(-1), "session.begun");
});

Deno.test("Without a mail server the link is there to copy; a mail that fails is told", async () => {
  await using people = await People.start();
  const { session } = await people.withOwner();
  const fields = { email: ANN, role: "viewer", groups: [] } as const;
  people.countersign.mail.failure = "550 no";
  const failed = await invite(people.services, session, { ...fields, groups: [] }, CLIENT);
  assert.equal(failed.mailed, "failed");
  people.countersign.mail.failure = null;
  const before = people.countersign.mail.sent.length;
  Object.assign(people.countersign.mail, { configured: false });
  const printed = await invite(people.services, session, { ...fields, groups: [] }, CLIENT);
  assert.equal(printed.mailed, "no_mail_server");
  assert.equal(people.countersign.mail.sent.length, before);
  await refused(seeInvitation(people.services, secretOf(failed.link)), "link_not_valid");
  assert.equal((await seeInvitation(people.services, secretOf(printed.link))).email, ANN);
  const flow = people.newFlow();
  const sent = await sendInvitationCode(
    people.services,
    { link: secretOf(printed.link), flow },
    CLIENT,
  );
  assert.equal(sent.mailed, false);
});

Deno.test("Who may invite: fresh, not on hold, nobody above their own role, no member twice", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { session: owner, org } = await people.withOwner();
  const admin = await joined(people, owner, "ada@example.com", "admin");
  const approver = await joined(people, owner, ANN, "approver");
  const as = (session: PresentedSession, role: MemberRecord["role"], email = "new@example.com") =>
    invite(services, session, { email, role, groups: [] }, CLIENT);
  await refused(as(approver, "viewer"), "role_required");
  await refused(as(admin, "owner"), "role_required");
  await as(admin, "admin");
  await refused(as(owner, "viewer", ANN), "invalid_request");
  await refused(as(owner, "viewer", "nonsense"), "invalid_request");
  const grouped = { email: "v@example.com", role: "viewer", groups: [1] } as const;
  const viewer = invite(services, owner, { ...grouped, groups: [1] }, CLIENT);
  await refused(viewer, "invalid_request");

  await as(owner, "owner", "second@example.com");
  await refused(
    resendInvitation(services, admin, "second@example.com", CLIENT),
    "role_required",
  );
  await refused(
    withdrawInvitation(services, admin, "second@example.com", CLIENT),
    "role_required",
  );
  await refused(as(admin, "viewer", "second@example.com"), "role_required");

  await services.ledgers.transact(org, {
    plan(transaction) {
      const held = transaction.snapshot.members.get("ada@example.com") ?? assert.fail("no member");
      const next = { ...held, held_until: clock.now + 60_000 };
      transaction.setPolicy(keys.memberKey(org, held.email), next);
    },
  });
  await refused(as(admin, "viewer"), "recovery_held");
  clock.advance(5 * 60_000);
  await refused(as(owner, "viewer"), "fresh_assertion_required");
  await refused(
    resendInvitation(services, owner, "second@example.com", CLIENT),
    "fresh_assertion_required",
  );
});

Deno.test("A link made anew voids the one before; it ends after seven days", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { session, org, owner } = await people.withOwner();
  const first = await people.invited(session, ANN);
  const { link } = await resendInvitation(services, session, ANN, CLIENT);
  const second = secretOf(link);
  await refused(seeInvitation(services, first), "link_not_valid");
  await refused(people.person(ANN).accept(first), "link_not_valid");
  assert.equal((await pending(people, org)).length, 1);
  await refused(
    resendInvitation(services, session, "nobody@example.com", CLIENT),
    "not_found",
  );
  clock.advance(INVITATION_MS);
  await refused(people.person(ANN).accept(second), "link_not_valid");
  assert.equal((await pending(people, org))[0]?.expired, true);
  const later = await people.session((await owner.signIn()).secret);
  const again = await resendInvitation(services, later, ANN, CLIENT);
  await people.person(ANN).accept(secretOf(again.link));
});

Deno.test("An invitation that is withdrawn takes the membership along that it made", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, org } = await people.withOwner();
  const link = await people.invited(session, ANN);
  await withdrawInvitation(services, session, ANN, CLIENT);
  await refused(seeInvitation(services, link), "link_not_valid");
  assert.equal(await member(people, org, ANN), null);
  assert.deepEqual(await pending(people, org), []);
  await refused(withdrawInvitation(services, session, ANN, CLIENT), "not_found");

  const made = await services.ledgers.transact(org, {
    plan(transaction) {
      const old = transaction.snapshot.members.get("jo@example.com") ?? assert.fail("no member");
      const next = { ...old, id: transaction.id("usr"), email: ANN, role: "viewer" as const };
      const waiting = { ...next, account: null, has_passkey: false };
      transaction.setPolicy(keys.memberKey(org, ANN), waiting);
      return waiting;
    },
  });
  await people.invited(session, ANN, "viewer");
  await withdrawInvitation(services, session, ANN, CLIENT);
  assert.equal((await member(people, org, ANN))?.id, made.id);
  assert.equal(
    (await people.types(org)).filter((type) => type === "invitation.withdrawn").length,
    2,
  );
});

Deno.test("A membership that was removed, or made anew, is not come by with the old link", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, org } = await people.withOwner();
  const link = await people.invited(session, ANN);
  const ann = people.person(ANN);
  const followed = { link, flow: ann.flow };
  await sendInvitationCode(services, followed, CLIENT);
  const right = { ...followed, code: people.codeFor(ANN) };
  const { nonce, options } = await confirmInvitationCode(services, right, CLIENT);
  const response = await ann.enrol(options);
  await services.ledgers.transact(org, {
    plan: (transaction) => transaction.deletePolicy(keys.memberKey(org, ANN)),
  });
  const finish = () => finishInvitation(services, { ...followed, nonce, response }, CLIENT);
  await refused(finish(), "link_not_valid");
  const second = await people.invited(session, ANN, "viewer");
  await refused(finish(), "link_not_valid");
  const other = { link: second, flow: ann.flow, nonce, response };
  await refused(finishInvitation(services, other, CLIENT), "link_not_valid");
});

Deno.test("Who has an account accepts by their passkey: a code is not made, the answer is the same", async () => {
  await using people = await People.start();
  const { services } = people;
  const first = await people.withOwner();
  const ann = people.person(ANN);
  await ann.accept(await people.invited(first.session, ANN));
  const other = await people.countersign.org();
  const boss = await other.signedIn("owner", { email: "boss@example.com" });
  const bossSession = await people.session(boss.secret);
  const link = await people.invited(bossSession, ANN, "admin");
  const unknown = await people.invited(bossSession, "new@example.com");

  const flow = people.newFlow();
  const known = await sendInvitationCode(services, { link, flow }, CLIENT);
  const stranger = { link: unknown, flow: people.newFlow() };
  const fresh = await sendInvitationCode(services, stranger, CLIENT);
  assert.deepEqual({ ...known, to: "" }, { ...fresh, to: "" });
  const letter = people.countersign.mail.to(ANN).at(-1)?.text ?? "";
  assert.match(letter, /sign in with your passkey/);
  assert.doesNotMatch(letter, /\d{6}/);
  for (const code of ["000000", "123456"]) {
    await refused(
      confirmInvitationCode(services, { link, flow, code }, CLIENT),
      "code_not_accepted",
    );
  }

  const session = await people.session((await ann.signIn()).secret);
  assert.equal(session.record.org, first.org);
  const ownerSession = await people.session((await first.owner.signIn()).secret);
  const { why } = await refused(
    acceptInvitation(services, ownerSession, link, CLIENT),
    "link_not_valid",
  );
  assert.equal(why, "other_account");
  assert.deepEqual(await acceptInvitation(services, session, link, CLIENT), { org: other.id });
  assert.equal((await people.session((await ann.signIn()).secret)).record.org, other.id);
  const { account } = session.record;
  const row = await readRecord(services.deps.kv, keys.accountKey(account), accountRecord);
  assert.deepEqual(row?.value.orgs, [other.id, first.org]);
  assert.equal((await member(people, other.id, ANN))?.account, account);
  const types = await people.types(other.id);
  assert.equal(types.filter((type) => type === "passkey.enrolled").length, 1);
  await refused(acceptInvitation(services, session, link, CLIENT), "link_not_valid");
});

Deno.test("Two invitations of one new address: the second is accepted by the first's passkey", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session } = await people.withOwner();
  const other = await people.countersign.org();
  const boss = await other.signedIn("owner", { email: "boss@example.com" });
  const links = [
    await people.invited(session, ANN),
    await people.invited(await people.session(boss.secret), ANN),
  ];
  const begun = [];
  for (const link of links) {
    const ann = people.person(ANN);
    const followed = { link, flow: ann.flow };
    await sendInvitationCode(services, followed, CLIENT);
    const right = { ...followed, code: people.codeFor(ANN) };
    const { nonce, options } = await confirmInvitationCode(services, right, CLIENT);
    begun.push({ ann, given: { ...followed, nonce, response: await ann.enrol(options) } });
  }
  const ended = await Promise.allSettled(
    begun.map(({ given }) => finishInvitation(services, given, CLIENT)),
  );
  const winner = ended.findIndex(({ status }) => status === "fulfilled");
  const loser = begun[1 - winner] ?? assert.fail("no loser");
  const { why } = await refused(
    finishInvitation(services, loser.given, CLIENT),
    "link_not_valid",
  );
  assert.equal(why, "sign_in_first");
  const { secret } = await (begun[winner]?.ann ?? assert.fail("no winner")).signIn();
  await acceptInvitation(services, await people.session(secret), loser.given.link, CLIENT);
  const accounts = await Array.fromAsync(services.deps.kv.list({ prefix: ["account_by_email"] }));
  assert.equal(accounts.length, 3, "jo, boss and ann");
});

Deno.test("Of parallel acceptances of one invitation one counts", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session } = await people.withOwner();
  const link = await people.invited(session, ANN);
  const ann = people.person(ANN);
  const followed = { link, flow: ann.flow };
  await sendInvitationCode(services, followed, CLIENT);
  const right = { ...followed, code: people.codeFor(ANN) };
  const { nonce, options } = await confirmInvitationCode(services, right, CLIENT);
  const given = { ...followed, nonce, response: await ann.enrol(options) };
  const ended = await Promise.allSettled(
    Array.from({ length: 5 }, () => finishInvitation(services, given, CLIENT)),
  );
  assert.equal(ended.filter(({ status }) => status === "fulfilled").length, 1);
});

Deno.test("A link that was made up says the same as one that ended", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session } = await people.withOwner();
  const link = await people.invited(session, ANN);
  await withdrawInvitation(services, session, ANN, CLIENT);
  for (const text of [link, people.newFlow(), "", "..", "x".repeat(10_000)]) {
    assert.deepEqual(await refused(seeInvitation(services, text), "link_not_valid"), {
      why: "ended",
    });
  }
});

Deno.test("Every step fits a store that takes ten checks a commit", async () => {
  await using people = await People.start({}, KV_CONNECT_LIMITS);
  const { services } = people;
  const { session, owner, org } = await people.withOwner();
  const ann = people.person(ANN);
  const { secret } = await ann.accept(await people.invited(session, ANN));
  const second = await people.session((await owner.signIn({}, session)).secret);
  const { nonce, options } = await beginStepUp(services, second);
  await stepUp(services, second, { nonce, response: await owner.assert(options) }, CLIENT);
  const annSession = await people.session(secret);
  for (let i = 0; i < 8; i++) {
    const device = people.person(ANN);
    const begun = await beginAddPasskey(services, annSession);
    const response = await device.enrol(begun.options);
    await addPasskey(services, annSession, { nonce: begun.nonce, response, name: null }, CLIENT);
  }
  await regenerateRecoveryCodes(services, annSession, CLIENT);
  const other = await people.countersign.org();
  const boss = await people.session((await other.signedIn("owner")).secret);
  await acceptInvitation(services, annSession, await people.invited(boss, ANN), CLIENT);
  await switchOrg(services, await people.session(secret), org, CLIENT);
  const named = (await people.types(other.id)).filter((type) => type === "passkey.enrolled");
  assert.equal(named.length, 9);
});
