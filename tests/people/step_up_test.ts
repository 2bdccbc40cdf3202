import assert from "node:assert/strict";
import { secretHash } from "../../lib/identity/credentials.ts";
import { passkeysOf } from "../../lib/identity/passkeys.ts";
import {
  confirmInvitationCode,
  finishInvitation,
  sendInvitationCode,
} from "../../lib/people/accept_invitation.ts";
import { ceremonyChallenge } from "../../lib/people/ceremonies.ts";
import { addPasskey, beginAddPasskey } from "../../lib/people/passkeys.ts";
import {
  recoveryCodeHash,
  recoveryCodesLeft,
  regenerateRecoveryCodes,
} from "../../lib/people/recovery_codes.ts";
import { beginSignIn, beginStepUp, signIn, signOut, stepUp } from "../../lib/people/sign_in.ts";
import * as keys from "../../lib/store/keys.ts";
import { CLIENT, People, refusedFor } from "../helpers/people.ts";
import { refused } from "../helpers/refused.ts";

const FRESH_MS = 5 * 60_000;

Deno.test("A fresh assertion: for five minutes, under the same secret", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { owner, org, entered } = await people.withOwner();
  clock.advance(FRESH_MS);
  const session = await people.session(entered.secret);
  await refused(regenerateRecoveryCodes(services, session, CLIENT), "fresh_assertion_required");
  const { nonce, options } = await beginStepUp(services, session);
  const allowed = options.allowCredentials?.map(({ id }) => id);
  assert.deepEqual(allowed, owner.authenticator.credentials.map(({ id }) => id));
  const answer = { nonce, response: await owner.assert(options) };
  const { fresh_until } = await stepUp(services, session, answer, CLIENT);
  assert.equal(fresh_until, clock.now + FRESH_MS);
  const after = await people.session(entered.secret);
  assert.equal(after.record.fresh_until, fresh_until);
  assert.equal(after.record.id, session.record.id);
  await regenerateRecoveryCodes(services, session, CLIENT);
  for (const log of [await people.types(), await people.types(org)]) {
    assert.equal(log.at(-2), "session.confirmed");
    assert.equal(log.at(-1), "recovery_codes.made");
  }
  assert.equal(await refusedFor(stepUp(services, session, answer, CLIENT)), "ceremony_ended");
});

Deno.test("A fresh assertion is by a passkey of the session's own account, for that session", async () => {
  await using people = await People.start();
  const { services } = people;
  const { owner, session } = await people.withOwner();
  const ann = people.person("ann@example.com");
  const joined = await ann.accept(await people.invited(session, ann.email));
  const other = await people.session(joined.secret);
  const { nonce, options } = await beginStepUp(services, session);
  const anyone = { ...options };
  delete anyone.allowCredentials;
  const hers = { nonce, response: await ann.assert(anyone) };
  assert.equal(await refusedFor(stepUp(services, session, hers, CLIENT)), "wrong_user");
  const his = { nonce, response: await owner.assert(options) };
  assert.equal(await refusedFor(stepUp(services, other, his, CLIENT)), "ceremony_ended");
  const second = await people.session((await owner.signIn()).secret);
  const again = { nonce, response: await owner.assert(options) };
  assert.equal(await refusedFor(stepUp(services, second, again, CLIENT)), "ceremony_ended");
  await stepUp(services, session, { nonce, response: await owner.assert(options) }, CLIENT);
});

Deno.test("An assertion of a step-up is no sign-in, and none of a sign-in a step-up", async () => {
  await using people = await People.start();
  const { services } = people;
  const { owner, session } = await people.withOwner();
  const step = await beginStepUp(services, session);
  const response = await owner.assert(step.options);
  const { flow } = owner;
  const used = { flow, nonce: step.nonce, response, replaces: null };
  assert.equal(await refusedFor(signIn(services, used, CLIENT)), "ceremony_ended");
  // Also where the nonce is of the right kind, and only what was signed is not.
  const begun = await beginSignIn(services, flow);
  const mixed = { flow, nonce: begun.nonce, response, replaces: null };
  assert.equal(await refusedFor(signIn(services, mixed, CLIENT)), "wrong_challenge");
  const next = await beginStepUp(services, session);
  const wrong = { nonce: next.nonce, response: await owner.assert(begun.options) };
  assert.equal(await refusedFor(stepUp(services, session, wrong, CLIENT)), "wrong_challenge");
});

Deno.test("A session that ended is not made fresh", async () => {
  await using people = await People.start();
  const { services } = people;
  const { owner, session } = await people.withOwner();
  const { nonce, options } = await beginStepUp(services, session);
  const answer = { nonce, response: await owner.assert(options) };
  await signOut(services, session, CLIENT);
  await refused(stepUp(services, session, answer, CLIENT), "session_ended");
  await refused(beginStepUp(services, session), "session_ended");
});

Deno.test("A copied passkey is noticed at a step-up as well", async () => {
  await using people = await People.start();
  const { services } = people;
  const { owner, session } = await people.withOwner();
  await owner.signIn({ counter: 9 });
  const { nonce, options } = await beginStepUp(services, session);
  const answer = { nonce, response: await owner.assert(options, { counter: 2 }) };
  assert.equal(await refusedFor(stepUp(services, session, answer, CLIENT)), "counter_went_back");
  assert.equal((await people.types()).at(-1), "passkey.counter_regressed");
  const again = { nonce, response: await owner.assert(options, { counter: 10 }) };
  assert.equal(await refusedFor(stepUp(services, session, again, CLIENT)), "ceremony_ended");
});

Deno.test("A further passkey: fresh, not one that is in use, then named by the log of each org", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { owner, org, session } = await people.withOwner();
  const { nonce, options } = await beginAddPasskey(services, session);
  assert.equal(options.excludeCredentials?.length, 1);
  const device = people.person(owner.email);
  const taken = owner.authenticator.credentials[0]?.id ?? "";
  const copied = await device.enrol({ ...options, excludeCredentials: [] });
  const given = { nonce, response: copied, name: "Phone" };
  const renamed = { ...copied, id: taken, rawId: taken };
  const stolen = addPasskey(services, session, { ...given, response: renamed }, CLIENT);
  assert.notEqual(await refusedFor(stolen), "ceremony_ended");
  await refused(
    addPasskey(services, session, { ...given, name: "a\u0000" }, CLIENT),
    "invalid_request",
  );
  const passkey = await addPasskey(services, session, given, CLIENT);
  assert.equal(passkey.name, "Phone");
  assert.equal(passkey.account, session.record.account);
  await device.signIn();
  const types = await people.types(org);
  assert.equal(types.filter((type) => type === "passkey.enrolled").length, 2);
  assert.equal((await people.types()).filter((type) => type === "passkey.added").length, 2);

  const twice = await beginAddPasskey(services, session);
  const same = { nonce: twice.nonce, response: copied, name: null };
  assert.equal(await refusedFor(addPasskey(services, session, same, CLIENT)), "wrong_challenge");
  const third = await device.enrol({ ...twice.options, excludeCredentials: [] });
  const unnamed = { nonce: twice.nonce, response: third, name: null };
  assert.equal((await addPasskey(services, session, unnamed, CLIENT)).name, "Passkey 3");
  assert.equal((await passkeysOf(services.deps.kv, session.record.account)).length, 3);
  clock.advance(FRESH_MS);
  await refused(beginAddPasskey(services, session), "fresh_assertion_required");
});

Deno.test("attack: a key of one's own under the credential id of somebody else's passkey", async () => {
  await using people = await People.start();
  const { services } = people;
  const { owner, session } = await people.withOwner();
  const newId = owner.authenticator.credentials[0]?.id ?? "";
  const stored = () => services.deps.kv.get([...keys.passkeyKey(newId)]);
  const { versionstamp } = await stored();

  // As a further passkey of an account.
  const thief = people.person("ann@example.com");
  const { secret } = await thief.accept(await people.invited(session, thief.email));
  const hers = await people.session(secret);
  const { nonce, options } = await beginAddPasskey(services, hers);
  const forged = await thief.enrol({ ...options, excludeCredentials: [] }, { newId });
  const added = { nonce, response: forged, name: null };
  assert.equal(await refusedFor(addPasskey(services, hers, added, CLIENT)), "passkey_taken");

  // As the first one of an account.
  const other = people.person("bob@example.com");
  const followed = { link: await people.invited(session, other.email), flow: other.flow };
  await sendInvitationCode(services, followed, CLIENT);
  const code = people.codeFor(other.email);
  const begun = await confirmInvitationCode(services, { ...followed, code }, CLIENT);
  const response = await other.enrol(begun.options, { newId });
  const first = { ...followed, nonce: begun.nonce, response };
  assert.equal(await refusedFor(finishInvitation(services, first, CLIENT)), "passkey_taken");

  assert.equal((await stored()).versionstamp, versionstamp);
  const { account } = (await owner.signIn()).session;
  assert.equal(account, session.record.account);
});

Deno.test("attack: the nonce of a fresh assertion enrols a passkey", async () => {
  await using people = await People.start();
  const { services } = people;
  const { owner, session } = await people.withOwner();
  const step = await beginStepUp(services, session);
  const { options } = await beginAddPasskey(services, session);
  const challenge = ceremonyChallenge(services.settings, "enrolment", step.nonce);
  const device = people.person(owner.email);
  const response = await device.enrol({ ...options, challenge, excludeCredentials: [] });
  const given = { nonce: step.nonce, response, name: null };
  assert.equal(await refusedFor(addPasskey(services, session, given, CLIENT)), "ceremony_ended");
});

Deno.test("attack: a passkey that was asked for while fresh is added when that is over", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { owner, session } = await people.withOwner();
  clock.advance(FRESH_MS - 1);
  const { nonce, options } = await beginAddPasskey(services, session);
  const device = people.person(owner.email);
  const response = await device.enrol({ ...options, excludeCredentials: [] });
  clock.advance(1);
  const late = addPasskey(services, session, { nonce, response, name: null }, CLIENT);
  await refused(late, "fresh_assertion_required");
});

Deno.test("New recovery codes void the old ones, also where two are made at once", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, entered } = await people.withOwner();
  const { account } = session.record;
  const { kv } = services.deps;
  const [old = ""] = entered.recovery_codes;
  const stored = async (code: string) =>
    (await kv.get([...keys.recoveryCodeKey(account, recoveryCodeHash(code) ?? "")])).value;
  assert.notEqual(await stored(old), null);
  const codes = await regenerateRecoveryCodes(services, session, CLIENT);
  assert.equal(new Set(codes).size, 10);
  assert.equal(await stored(old), null);
  assert.equal(await recoveryCodesLeft(services, account), 10);
  await Promise.all([1, 2, 3].map(() => regenerateRecoveryCodes(services, session, CLIENT)));
  assert.equal(await recoveryCodesLeft(services, account), 10);
});

Deno.test("A recovery code is read as people type it", () => {
  const code = "01abcdefghjkmnpqrstvwxyz01";
  const hash = secretHash(code);
  assert.equal(recoveryCodeHash(code), hash);
  assert.equal(recoveryCodeHash(" OLABC-DEFGH JKMNP-QRSTV-WXYZ0-I "), hash);
  for (const wrong of ["", code.slice(1), code + "0", code.replace("a", "u"), "é".repeat(26)]) {
    assert.equal(recoveryCodeHash(wrong), null, wrong);
  }
});
