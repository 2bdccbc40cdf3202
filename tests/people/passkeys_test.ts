import assert from "node:assert/strict";
import { passkeysOf } from "../../lib/identity/passkeys.ts";
import type { PresentedSession } from "../../lib/identity/sessions.ts";
import { credentialDigest } from "../../lib/passkeys/evidence.ts";
import { removePasskey, renamePasskey } from "../../lib/people/passkeys.ts";
import { endSessionOf, sessionsOf, signOutEverywhere } from "../../lib/people/sessions.ts";
import { beginStepUp, stepUp } from "../../lib/people/sign_in.ts";
import { Refusal } from "../../lib/refusal.ts";
import { knownPasskeyKey, passkeyKey } from "../../lib/store/keys.ts";
import { addDevice, CLIENT, People, presentSession } from "../helpers/people.ts";
import { refused } from "../helpers/refused.ts";

Deno.test("A passkey is renamed, by its person only", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, entered } = await people.withOwner();
  const name = async () =>
    (await passkeysOf(services.deps.kv, entered.session.account)).map(({ name }) => name);
  const rename = (by: PresentedSession, text: string) =>
    renamePasskey(services, by, {
      credential_id: entered.session.credential_id,
      name: text,
    }, CLIENT);
  await rename(session, "  Work laptop ");
  assert.deepEqual(await name(), ["Work laptop"]);
  await refused(rename(session, " "), "invalid_request");
  await refused(rename(session, "x".repeat(61)), "invalid_request");
  await refused(rename(session, "a\u202eb"), "invalid_request");
  const ann = people.person("ann@example.com");
  const joined = await ann.accept(await people.invited(session, ann.email));
  await refused(rename(await people.session(joined.secret), "Mine"), "not_found");
  assert.deepEqual(await name(), ["Work laptop"]);
  assert.ok((await people.types()).includes("passkey.renamed"));
});

Deno.test("A removed passkey ends with the sessions it began, and the log of the org says so", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { session, entered, owner, org } = await people.withOwner();
  const { device, passkey } = await addDevice(people, session, owner.email);
  const byDevice = await device.signIn();
  await people.types();
  clock.advance(5 * 60_000);
  const remove = () => removePasskey(services, session, passkey.credential_id, CLIENT);
  await refused(remove(), "fresh_assertion_required");
  const { nonce, options } = await beginStepUp(services, session);
  await stepUp(services, session, { nonce, response: await owner.assert(options) }, CLIENT);
  assert.deepEqual(await remove(), { ended_own: false });
  assert.equal(await presentSession(services.deps, byDevice.secret), null);
  assert.notEqual(await presentSession(services.deps, entered.secret), null);
  const { why } = await refused(device.signIn(), "assertion_not_accepted");
  assert.equal(why, "unknown_passkey");
  const credential = credentialDigest(passkey.credential_id);
  const removed = (await people.log(org)).filter(({ type }) => type === "passkey.removed");
  assert.deepEqual(removed.map(({ data }) => data), [{ credential }]);
  const known = await services.deps.kv.get([...knownPasskeyKey(org, passkey.credential_id)]);
  assert.equal(known.value, null);
  const dropped = (await people.log()).find(({ type }) => type === "passkey.dropped");
  assert.equal(dropped?.data.sessions_ended, 1);
  await refused(remove(), "not_found");
});

Deno.test("Who removes the passkey of this very session is signed out, unless another confirmed it", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, entered, owner } = await people.withOwner();
  const { credential_id } = entered.session;
  const { device, passkey } = await addDevice(people, session, owner.email);
  const second = await people.session((await device.signIn()).secret);
  assert.deepEqual(await removePasskey(services, session, credential_id, CLIENT), {
    ended_own: true,
  });
  assert.equal(await presentSession(services.deps, entered.secret), null);
  const { device: third } = await addDevice(people, second, owner.email);
  const { nonce, options } = await beginStepUp(services, second);
  await stepUp(services, second, { nonce, response: await third.assert(options) }, CLIENT);
  assert.deepEqual(await removePasskey(services, second, passkey.credential_id, CLIENT), {
    ended_own: false,
  });
});

Deno.test("The last passkey stays, also when the last two are removed at once", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, entered, owner } = await people.withOwner();
  const { credential_id, account } = entered.session;
  await refused(removePasskey(services, session, credential_id, CLIENT), "last_passkey");
  const { device, passkey } = await addDevice(people, session, owner.email);
  const second = await people.session((await device.signIn()).secret);
  const attempts = await Promise.allSettled([
    removePasskey(services, session, passkey.credential_id, CLIENT),
    removePasskey(services, second, credential_id, CLIENT),
  ]);
  const failed = attempts.filter((attempt) => attempt.status === "rejected");
  assert.equal(failed.length, 1);
  const reason: unknown = failed[0]?.reason;
  assert.ok(reason instanceof Refusal);
  assert.ok(["last_passkey", "session_ended"].includes(reason.code), reason.code);
  assert.equal((await passkeysOf(services.deps.kv, account)).length, 1);
});

Deno.test("A passkey of another address of the server is no second one", async () => {
  await using people = await People.start();
  const { services: { deps }, services } = people;
  const { session, entered, owner } = await people.withOwner();
  const { passkey } = await addDevice(people, session, owner.email);
  const moved = { ...passkey, rp_id: "old.example" };
  await deps.kv.set([...passkeyKey(passkey.credential_id)], moved);
  const { credential_id } = entered.session;
  await refused(removePasskey(services, session, credential_id, CLIENT), "last_passkey");
  await removePasskey(services, session, passkey.credential_id, CLIENT);
});

Deno.test("Nobody removes the passkey of somebody else", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, entered, owner } = await people.withOwner();
  const ann = people.person("ann@example.com");
  const joined = await ann.accept(await people.invited(session, ann.email, "admin"));
  const hers = await people.session(joined.secret);
  await addDevice(people, hers, ann.email);
  const { credential_id } = entered.session;
  await refused(removePasskey(services, hers, credential_id, CLIENT), "not_found");
  await owner.signIn();
});

Deno.test("Sessions are listed and ended: one, all others, never somebody else's", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const { deps } = services;
  const { session, entered, owner } = await people.withOwner();
  const { account } = entered.session;
  const others = [await owner.signIn(), await owner.signIn(), await owner.signIn()];
  const ids = async () => (await sessionsOf(deps, account)).map(({ record }) => record.id);
  assert.equal((await ids()).length, 4);
  const [first, second, third] = others.map(({ session }) => session.id);
  await endSessionOf(services, session, first ?? "", CLIENT);
  assert.deepEqual(new Set(await ids()), new Set([session.record.id, second, third]));
  await refused(endSessionOf(services, session, first ?? "", CLIENT), "not_found");
  const ann = people.person("ann@example.com");
  const joined = await ann.accept(await people.invited(session, ann.email));
  const hers = await people.session(joined.secret);
  await refused(endSessionOf(services, hers, second ?? "", CLIENT), "not_found");
  const done = await signOutEverywhere(services, session, CLIENT);
  assert.equal(done.sessions, 2);
  assert.deepEqual(await ids(), [session.record.id]);
  assert.notEqual(await presentSession(deps, joined.secret), null);
  await refused(signOutEverywhere(services, session, CLIENT), "session_ended");
  const again = await signOutEverywhere(services, await people.session(done.secret), CLIENT);
  assert.equal(again.sessions, 0);
  clock.advance(12 * 60 * 60_000);
  assert.deepEqual(await ids(), []);
});
