import assert from "node:assert/strict";
import { SOURCE_RATE_LIMIT } from "../../lib/identity/limits.ts";
import { firstId } from "../../lib/base/id.ts";
import { AppUser, ConfirmingOrg, ending } from "../helpers/confirming.ts";
import { Countersign, type Got } from "../helpers/countersign.ts";
import { checked, granted } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { Visitor } from "../helpers/visitor.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import type { Lies } from "../helpers/software_authenticator.ts";

/** A user ends what they granted by their own passkey; whoever wants to end it without them does not. */

const MINUTE = 60 * 1000;

async function withUser(countersign: Countersign) {
  const it = await ConfirmingOrg.make(countersign);
  const user = new AppUser();
  await it.passkeys("u1", [await user.enrol()]);
  countersign.clock.advance(1000);
  return { it, user };
}

async function stateOf(it: ConfirmingOrg, mandate = it.mandate): Promise<string> {
  return (await it.org.get(`/v1/mandates/${mandate}`)).body.state;
}

function assertWhy(got: Got, why: string): void {
  assert.deepEqual([got.status, got.body.code, got.body.why], [
    403,
    "assertion_not_accepted",
    why,
  ], got.text);
}

Deno.test("a user ends their mandate by nobody's key but their passkey, and everything under it", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  await using other = await countersign.another();
  const asked = await it.ask();
  const ended = await it.end(user);
  assert.deepEqual([ended.status, ended.body.state], [200, "revoked"], ended.text);
  const body = { tool_name: "refund", mandate_id: it.mandate };
  const elsewhere = await other.request("POST", "/v1/permissions/check", {
    key: it.org.standard,
    body,
  });
  assert.equal(elsewhere.body.resolved_from, "mandate_revoked");
  assert.equal((await it.answer(asked.nonce, { decision: "deny" })).status, 410);
  // What was ended stays ended, and has one entry.
  assert.equal((await it.end(user)).body.state, "revoked");
  const [entry, ...more] = await entriesOf(it.org, "mandate.revoked");
  assert.deepEqual(more, []);
  assert.deepEqual(entry?.actor, { type: "user", id: it.mandate });
  const [set] = await entriesOf(it.org, "user.passkeys_set");
  assert.deepEqual([entry?.data.credential], set?.data.credentials);
  const { text } = await (await Visitor.of(it.org, "viewer")).get(`/mandates/${it.mandate}`);
  assert.match(text, /A user revoked the mandate/i);
});

Deno.test("a passkey that came a moment ago ends something all the same, though it says no yes for a day", async () => {
  await using countersign = await Countersign.start();
  const { it } = await withUser(countersign);
  const next = new AppUser();
  await it.passkeys("u1", [await next.enrol()]);
  assert.equal((await it.end(next)).status, 200);
});

Deno.test("attack: another user's passkey, another site's, and a passkey that was removed end nothing", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const other = new AppUser("u2");
  await it.passkeys("u2", [await other.enrol()]);
  const { length: before } = await verifiedLog(countersign.services.deps, it.org.id);
  assertWhy(await it.end(other), "unknown_passkey");
  assertWhy(await it.end(other, ending(it, "u2")), "unknown_passkey");
  const lies: [string, Lies][] = [
    ["wrong_origin", { origin: "https://evil.example.com" }],
    ["wrong_rp_id", { rpId: "evil.example" }],
    ["wrong_type", { type: "webauthn.create" }],
    ["cross_origin", { crossOrigin: true }],
    ["user_not_verified", { userVerified: false }],
    ["user_not_present", { userPresent: false }],
    ["bad_signature", { tamper: true }],
    ["wrong_challenge", { challenge: "AAAA" }],
  ];
  for (const [why, lie] of lies) assertWhy(await it.end(user, ending(it), lie), why);
  // Nor do they write into the log: whoever has no key could fill it, and see that it grows.
  const after = await verifiedLog(countersign.services.deps, it.org.id);
  assert.equal(after.length, before);
  await it.passkeys("u1", []);
  assertWhy(await it.end(user), "unknown_passkey");
  assert.equal(await stateOf(it), "active");
  assert.deepEqual(await entriesOf(it.org, "mandate.revoked"), []);
});

Deno.test("attack: what was signed more than five minutes ago, or for a time to come, ends nothing", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const early = { ...ending(it), issued_at: iso(countersign.clock.now + MINUTE + 1) };
  assertWhy(await it.end(user, early), "out_of_time");
  const kept = ending(it);
  countersign.clock.advance(5 * MINUTE + 1);
  assertWhy(await it.end(user, kept), "out_of_time");
  assert.equal(await stateOf(it), "active");
  // At the very end of them it counts.
  const last = { ...ending(it), issued_at: iso(countersign.clock.now - 5 * MINUTE) };
  assert.equal((await it.end(user, last)).body.state, "revoked");
});

Deno.test("attack: what was signed for one mandate, organization, user or deployment ends no other", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const second = await granted(it.org);
  const statement = ending(it);
  const assertion = await user.sign(statement);
  const send = (mandate: string, said: object) =>
    it.post(`/v1/mandates/${mandate}/revoke`, { by: "user", statement: said, assertion });
  assertWhy(await send(second, statement), "wrong_challenge");
  assertWhy(await send(second, { ...statement, mandate: second }), "wrong_challenge");

  // The same user of the same application has the same passkey in another organization.
  const theirs = await ConfirmingOrg.make(countersign);
  await theirs.passkeys("u1", [await sameKey(it)]);
  assertWhy(await send(theirs.mandate, { ...statement, org: theirs.org.id }), "wrong_challenge");
  assertWhy(await send(it.mandate, { ...statement, org: theirs.org.id }), "unknown_passkey");

  for (const lie of [{ issuer: "https://evil.example.com" }, { user: "u2" }]) {
    assertWhy(await it.end(user, { ...statement, ...lie }), "wrong_challenge");
  }
  // A yes is no end, and an end is no yes.
  const asked = await it.ask();
  const yes = await it.statement(asked.nonce);
  const signed = await user.sign(yes);
  const body = { by: "user", statement, assertion: signed };
  assertWhy(await it.post(`/v1/mandates/${it.mandate}/revoke`, body), "wrong_challenge");
  const end = await it.answer(asked.nonce, { decision: "approve", assertion });
  assertWhy(end, "wrong_challenge");
  assert.equal(await stateOf(it), "active");
  assert.equal(await stateOf(it, second), "active");
});

Deno.test("attack: whoever looks for mandates without a passkey of their user learns of none", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const stranger = new AppUser("u9");
  await stranger.enrol();
  const nowhere = [
    { ...ending(it), mandate: firstId("mdt", countersign.clock.now) },
    { ...ending(it), org: firstId("org", countersign.clock.now) },
  ];
  const there = await it.end(stranger);
  const plain = ({ body, status }: Got) => {
    const { request_id: _id, instance: _path, ...rest } = body;
    return { status, ...rest };
  };
  for (const statement of nowhere) {
    assert.deepEqual(plain(await it.end(stranger, statement)), plain(there));
    assert.deepEqual(plain(await it.end(user, statement)), plain(there));
  }
  let last = there;
  for (let tried = 0; tried < SOURCE_RATE_LIMIT; tried++) last = await it.end(stranger, nowhere[0]);
  assert.equal(last.body.code, "rate_limited");
});

Deno.test("without a key and without a passkey there is no answer, and a key does not speak for the user", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const path = `/v1/mandates/${it.mandate}/revoke`;
  const bare = await it.post(path, { by: "user" });
  assert.deepEqual([bare.status, bare.body.code], [401, "missing_credentials"]);
  const statement = ending(it);
  const assertion = await user.sign(statement);
  const unsaid = await it.post(path, { by: "user", assertion });
  assert.equal(unsaid.body.errors?.[0]?.path, "/statement", unsaid.text);
  for (const issued_at of ["2026-01-01T00:00:00Z", "yesterday", "+275760-09-13T00:00:00.001Z"]) {
    const got = await it.post(path, {
      by: "user",
      statement: { ...statement, issued_at },
      assertion,
    });
    assert.deepEqual([got.status, got.body.code], [422, "invalid_request"], got.text);
  }
  const agent = await it.org.agent();
  for (const key of [it.org.standard, it.org.approver, it.org.management]) {
    const got = await it.post(path, { by: "user", statement, assertion }, key);
    assert.equal(got.body.errors?.[0]?.path, "/assertion", got.text);
  }
  const asked = await it.post(path, { by: "user", statement, assertion }, agent);
  assert.equal(asked.body.code, "wrong_tier");
  assert.equal((await checked(it.org, it.mandate)).permission, "requires_approval");
});

function iso(time: number): string {
  return new Date(time).toISOString();
}

/** The passkey of the user, as another organization of the same application sets it. */
async function sameKey(it: ConfirmingOrg): Promise<object> {
  const options = { key: it.keeper };
  const { body } = await it.org.countersign.request("GET", "/v1/users/u1/passkeys", options);
  const { credential_id, public_key, rp_id, origins } = body.passkeys[0];
  return { credential_id, public_key, rp_id, origins };
}
