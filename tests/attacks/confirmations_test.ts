import assert from "node:assert/strict";
import { SOURCE_RATE_LIMIT } from "../../lib/identity/limits.ts";
import { randomBytes } from "node:crypto";
import { AppUser, ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign, type Got } from "../helpers/countersign.ts";
import { checked, granted } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import type { Lies } from "../helpers/software_authenticator.ts";

/** Whoever wants a user's yes without the user. */

const YES = { decision: "approve" } as const;

/** A problem without what differs from request to request. */
function plain({ status, body }: Got) {
  const { request_id: _id, instance: _path, ...rest } = body;
  return { status, ...rest };
}

async function withUser(countersign: Countersign) {
  const it = await ConfirmingOrg.make(countersign);
  const user = new AppUser();
  await it.passkeys("u1", [await user.enrol()]);
  countersign.clock.advance(1000);
  return { it, user };
}

Deno.test("B10: of 100 answers at once one counts, and the others are gone", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const { nonce, approval } = await it.ask();
  const answers = await Promise.all(
    Array.from(
      { length: 100 },
      (_, i) =>
        i % 2 === 0
          ? it.answer(nonce, YES, it.org.approver)
          : it.answer(nonce, { decision: "deny" }),
    ),
  );
  const counts = Map.groupBy(answers, ({ status }) => status);
  assert.deepEqual([counts.get(200)?.length, counts.get(410)?.length], [1, 99]);
  const decided = await entriesOf(it.org, "approval.decided");
  assert.equal(decided.length, 1);
  const { body } = await it.org.get(`/v1/approvals/${approval.id}`);
  assert.equal(body.status, decided[0]?.data.decision === "approve" ? "approved" : "denied");
});

Deno.test("B10: used, over, unknown, guessed, withdrawn and of an ended mandate: 410 in the same words", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const { org } = it;
  const used = await it.ask({ arguments: { n: 1 } });
  assert.equal((await it.answer(used.nonce, YES, org.approver)).status, 200);
  const withdrawn = await it.ask({ arguments: { n: 2 } });
  await org.post(`/v1/approvals/${withdrawn.approval.id}/cancel`, {});
  const revoked = await granted(org);
  const under = await it.ask({ arguments: { n: 3 } }, revoked);
  await org.manage("POST", `/v1/mandates/${revoked}/revoke`, { by: "user" });
  const late = await it.ask({ arguments: { n: 4 } });
  countersign.clock.advance(300_000);
  const nonces = [used, withdrawn, under, late].map(({ nonce }) => nonce as string);
  nonces.push(randomBytes(32).toString("base64url"), "x", "a".repeat(5000));
  const bodies: [string, object, string | null][] = [
    ["", YES, org.approver],
    ["", { decision: "deny" }, null],
    ["/statement", {}, null],
  ];
  for (const [path, body, key] of bodies) {
    for (const nonce of nonces) {
      const got = await it.post(`/v1/confirmations/${nonce}${path}`, body, key);
      assert.deepEqual(plain(got), {
        type: "/docs/errors#confirmation_gone",
        title: "Not open any more",
        status: 410,
        detail: "There is no open question by this nonce.",
        code: "confirmation_gone",
      });
    }
  }
});

Deno.test("an answer a millisecond before the end counts, and one at the end does not", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const first = await it.ask({ arguments: { n: 1 } });
  countersign.clock.advance(299_999);
  assert.equal((await it.answer(first.nonce, YES, it.org.approver)).status, 200);
  const second = await it.ask({ arguments: { n: 2 } });
  countersign.clock.advance(300_000);
  assert.equal((await it.answer(second.nonce, YES, it.org.approver)).status, 410);
  const read = await it.org.get(`/v1/confirmations/${second.confirmation.id}`);
  assert.equal(read.body.status, "expired");
});

Deno.test("B10: a hundred users with one question each are asked by one key, and one user is not worn down", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  for (let i = 0; i < 100; i++) {
    const mandate = await granted(it.org, { user_id: `user-${i}` });
    assert.match((await it.ask({}, mandate)).nonce, /^[A-Za-z0-9_-]{43}$/);
  }
  for (let i = 0; i < 20; i++) await it.ask({ arguments: { i } });
  const more = await it.org.post("/v1/permissions/check", {
    tool_name: "refund",
    mandate_id: it.mandate,
    request: true,
    reason: "once more",
    arguments: { i: 20 },
  });
  assert.equal(more.body.code, "too_many_pending", more.text);
});

Deno.test("B8: a passkey says yes for its own user, to this question, on its own site, and once", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const other = new AppUser("u2");
  await it.passkeys("u2", [await other.enrol()]);
  countersign.clock.advance(1000);
  const asked = await it.ask({ arguments: { n: 1 } });
  const lies: [string, Lies][] = [
    ["wrong_origin", { origin: "https://evil.example.com" }],
    ["wrong_rp_id", { rpId: "evil.example" }],
    ["wrong_type", { type: "webauthn.create" }],
    ["cross_origin", { crossOrigin: true }],
    ["user_not_verified", { userVerified: false }],
    ["bad_signature", { tamper: true }],
  ];
  for (const [why, lie] of lies) {
    const got = await it.approve(asked.nonce, user, lie);
    assert.deepEqual([got.status, got.body.code, got.body.why], [
      403,
      "assertion_not_accepted",
      why,
    ]);
  }
  const foreign = await it.approve(asked.nonce, other);
  assert.equal(foreign.body.why, "unknown_passkey");

  // What was signed for one question answers no other, and once answered none at all.
  const second = await it.ask({ arguments: { n: 2 } });
  const statement = await it.statement(asked.nonce);
  const assertion = await user.sign(statement);
  const elsewhere = await it.answer(second.nonce, { ...YES, assertion });
  assert.equal(elsewhere.body.why, "wrong_challenge", elsewhere.text);
  assert.equal((await it.answer(asked.nonce, { ...YES, statement, assertion })).status, 200);
  assert.equal((await it.answer(asked.nonce, { ...YES, statement, assertion })).status, 410);
  const refused = await entriesOf(it.org, "approval.assertion_refused");
  assert.equal(refused.length, lies.length + 2);
});

Deno.test("once a user has a passkey no key answers for them, nor for a day after it went", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const first = await it.ask({ arguments: { n: 1 } });
  const byKey = (nonce: string) => it.answer(nonce, YES, it.org.approver);
  assert.equal((await byKey(first.nonce)).body.code, "passkey_required");

  // Somebody who holds the application replaces the key by their own, and asks then.
  const thief = new AppUser("u1");
  await it.passkeys("u1", [await thief.enrol()]);
  countersign.clock.advance(1000);
  const second = await it.ask({ arguments: { n: 2 } });
  assert.equal((await it.approve(second.nonce, thief)).body.why, "too_new");
  assert.equal((await it.approve(second.nonce, user)).body.why, "unknown_passkey");
  await it.passkeys("u1", []);
  countersign.clock.advance(1000);
  const third = await it.ask({ arguments: { n: 3 } });
  assert.equal((await byKey(third.nonce)).body.code, "passkey_required");
  countersign.clock.advance(24 * 3600 * 1000);
  const fourth = await it.ask({ arguments: { n: 4 } });
  assert.equal((await byKey(fourth.nonce)).status, 200);
});

Deno.test("a passkey from after the question does not answer it, and a copied one shows", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const kept = await it.org.countersign.request("GET", "/v1/users/u1/passkeys", { key: it.keeper });
  const { registered_at: _at, usable_from: _from, ...own } = kept.body.passkeys[0];
  const asked = await it.ask({ arguments: { n: 1 } });
  const later = new AppUser("u1");
  await it.passkeys("u1", [own, await later.enrol()]);
  countersign.clock.advance(1000);
  assert.equal((await it.approve(asked.nonce, later)).body.why, "too_new");
  // The one that stays goes on.
  assert.equal((await it.approve(asked.nonce, user, { counter: 7 })).status, 200);
  const second = await it.ask({ arguments: { n: 2 } });
  assert.equal(
    (await it.approve(second.nonce, user, { counter: 7 })).body.why,
    "counter_went_back",
  );
});

Deno.test("what is approved for one action is run for no other, and a revoked mandate ends it", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const asked = await it.ask({ arguments: { to: "a" } });
  assert.equal((await it.approve(asked.nonce, user)).status, 200);
  const mint = (fields: object) =>
    it.org.post("/v1/tokens/mint", {
      tool_name: "refund",
      mandate_id: it.mandate,
      approval_id: asked.approval.id,
      ...fields,
    });
  assert.equal((await mint({ arguments: { to: "b" } })).body.code, "action_mismatch");
  // What the organization asks of its members by now, no user has approved.
  await it.org.manage("PATCH", "/v1/tools/refund", { default_permission: "requires_approval" });
  assert.equal((await mint({ arguments: { to: "a" } })).body.code, "approval_required");
  const anew = await it.ask({ arguments: { to: "a" }, mint: true });
  assert.deepEqual([anew.seats, anew.token], [["user", "level_1"], undefined]);
  await it.org.manage("POST", `/v1/mandates/${it.mandate}/revoke`, { by: "user" });
  assert.notEqual((await mint({ arguments: { to: "a" } })).status, 201);
});

Deno.test("answers and the end of the mandate at once: never a yes under what is over", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  for (let round = 0; round < 5; round++) {
    const mandate = await granted(it.org);
    const { nonce, approval } = await it.ask({ arguments: { round } }, mandate);
    const [yes] = await Promise.all([
      it.answer(nonce, YES, it.org.approver),
      it.org.manage("POST", `/v1/mandates/${mandate}/revoke`, { by: "user" }),
    ]);
    assert.ok(yes.status === 200 || yes.status === 410, yes.text);
    const again = await checked(it.org, mandate, { arguments: { round }, mint: true });
    assert.equal(again.resolved_from, "mandate_revoked");
    const minted = await it.org.post("/v1/tokens/mint", {
      tool_name: "refund",
      mandate_id: mandate,
      approval_id: approval.id,
      arguments: { round },
    });
    assert.notEqual(minted.status, 201);
  }
});

Deno.test("only a key that an owner made for it says which passkeys speak for users", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const own = await new AppUser().enrol();
  for (const key of [it.org.management, it.org.standard, it.org.approver]) {
    assert.equal((await it.passkeys("u1", [own], key)).body.code, "wrong_tier");
  }
  const bad: [object, string][] = [
    [{ ...own, origins: ["https://evil.com"] }, "/passkeys/0/origins/0"],
    [{ ...own, origins: ["http://app.example.com"] }, "/passkeys/0/origins/0"],
    [{ ...own, origins: ["https://notexample.com"] }, "/passkeys/0/origins/0"],
    [{ ...own, public_key: "AAAA" }, "/passkeys/0/public_key"],
  ];
  for (const [passkey, path] of bad) {
    const got = await it.passkeys("u1", [passkey]);
    assert.deepEqual([got.status, got.body.errors?.[0]?.path], [422, path], got.text);
  }
});

Deno.test("attack: nonces are tried in bulk, under keys that nobody reads, and their user's question stays open", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const asked = await it.ask();
  const statuses = new Set<number>();
  for (let tried = 0; tried < SOURCE_RATE_LIMIT; tried++) {
    const path = `/v1/confirmations/guess-${tried}${tried % 2 === 0 ? "/statement" : ""}`;
    const body = tried % 2 === 0 ? {} : { decision: "deny" };
    statuses.add((await it.post(path, body, tried % 3 === 0 ? "cs_live_none" : null)).status);
  }
  assert.deepEqual([...statuses], [410]);
  const deny = () => it.answer(asked.nonce, { decision: "deny" });
  assert.equal((await deny()).body.code, "rate_limited");
  // An approver key is counted as what it is.
  assert.equal((await it.answer(asked.nonce, YES, it.org.approver)).status, 200);
});

Deno.test("attack: an approver key of another tenant answers for no user of this one", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  await it.org.manage("PUT", "/v1/tenants/acme", { name: "Acme" });
  const mandate = await granted(it.org, { tenant_id: "acme" });
  const asked = await it.ask({ tenant_id: "acme" }, mandate);
  const walled = await it.org.key("approver", { tenant_ids: ["other"] });
  const got = await it.answer(asked.nonce, YES, walled);
  assert.deepEqual([got.status, got.body.code], [410, "confirmation_gone"], got.text);
  const own = await it.org.key("approver", { tenant_ids: ["acme"] });
  assert.equal((await it.answer(asked.nonce, YES, own)).status, 200);
});

Deno.test("attack: passkeys are tried on one question until it takes no more, and the user's no still counts", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const asked = await it.ask();
  for (let tried = 0; tried < 10; tried++) {
    assert.equal((await it.approve(asked.nonce, user, { tamper: true })).status, 403);
  }
  assert.equal((await it.approve(asked.nonce, user)).status, 410);
  assert.equal((await entriesOf(it.org, "approval.assertion_refused")).length, 10);
  assert.equal((await it.answer(asked.nonce, { decision: "deny" })).status, 200);
});

Deno.test("attack: what the user said no to is not asked again at once, under another nonce", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const asked = await it.ask();
  assert.equal((await it.answer(asked.nonce, { decision: "deny" })).status, 200);
  const again = await it.org.post("/v1/permissions/check", {
    tool_name: "refund",
    mandate_id: it.mandate,
    request: true,
    reason: "please, please",
  });
  assert.deepEqual([again.status, again.body.code], [409, "recently_denied"], again.text);
});

Deno.test("attack: more is said while the user reads, and what they signed of before is no yes", async () => {
  await using countersign = await Countersign.start();
  const { it, user } = await withUser(countersign);
  const asked = await it.ask();
  const statement = await it.statement(asked.nonce);
  const assertion = await user.sign(statement);
  await it.ask({ reason: "and it is urgent" });
  const late = await it.answer(asked.nonce, { ...YES, statement, assertion });
  assert.deepEqual([late.status, late.body.code, late.body.because], [
    409,
    "view_changed",
    "asked_again",
  ], late.text);
  // Who does not say what they showed is told that it was something else.
  const silent = await it.answer(asked.nonce, { ...YES, assertion: await user.sign(statement) });
  assert.equal(silent.body.why, "wrong_challenge", silent.text);
  assert.equal((await it.approve(asked.nonce, user)).status, 200);
});

Deno.test("attack: what became of a question is told to who asked, and to none beyond their wall", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  await it.org.manage("PUT", "/v1/tenants/acme", { name: "Acme" });
  const mandate = await granted(it.org, { tenant_id: "acme" });
  const asked = await it.ask({ tenant_id: "acme" }, mandate);
  const look = (key: string) => it.org.get(`/v1/confirmations/${asked.confirmation.id}`, key);
  for (const key of [it.org.standard, it.org.approver, it.org.management]) {
    assert.equal((await look(key)).status, 200);
  }
  const others = [
    await it.org.agent(),
    await it.org.key("standard"),
    await it.org.key("approver", { tenant_ids: ["other"] }),
    (await countersign.org()).approver,
  ];
  for (const key of others) assert.equal((await look(key)).body.code, "not_found");
});
