import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import {
  approvalStatement,
  type CeremonyPurpose,
  ceremonyStatement,
  consentStatement,
} from "../../lib/passkeys/statement.ts";
import { beginSignIn, beginStepUp, signIn, stepUp } from "../../lib/people/sign_in.ts";
import { sessionKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { sessionRecord } from "../../lib/store/records/people.ts";
import {
  assertNotAccepted,
  CLIENT,
  DecisionOrg,
  type Person,
  type Signing,
} from "../helpers/decision_org.ts";
import { refused } from "../helpers/refused.ts";

Deno.test("attack: an assertion for another statement than this request's", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const bob = await it.person("owner");
  const { id } = await it.pending();
  const other = await it.pending({ method: "POST" });
  const digest = `sha256:${"0".repeat(64)}`;
  const later = new Date(it.countersign.clock.now + 86_400_000).toISOString();
  const lies: Record<string, Signing> = {
    "another approval": { statement: { approval: other.id } },
    "another level": { statement: { level: 2 } },
    "another action": { statement: { action_digest: other.action_digest } },
    "another view": { statement: { view_digest: other.view_digest } },
    "another note": { note: "yes", sentNote: "yes, and delete the backups" },
    "a note where none was signed": { sentNote: "signed by Ann" },
    "no note where one was signed": { note: "only this once", sentNote: null },
    "another deployment": { statement: { issuer: "https://countersign.example.com" } },
    "another org": { statement: { org: `org_${"0".repeat(26)}` } },
    "another member": { statement: { member: bob.id } },
    "a longer life": { statement: { expires_at: later } },
    "a longer use": { statement: { use_before: later } },
    "another nonce": { statement: { nonce: "A".repeat(43) } },
    "a made-up digest": { statement: { view_digest: digest } },
  };
  for (const [name, signing] of Object.entries(lies)) {
    await assertNotAccepted(it, id, () => ann.approve(id, signing), "wrong_challenge").catch(
      (error) => {
        throw new Error(name, { cause: error });
      },
    );
  }
  await ann.approve(id);
});

Deno.test("attack: a signature over another decision than approve", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const page = await ann.open(id);
  const { facts, ...digests } = page;
  const statement = approvalStatement({ ...facts, ...digests, note_digest: null });
  const denial: JsonObject = { ...statement, decision: "deny" };
  const challenge = createHash("sha256").update(canonicalJson(denial)).digest("base64url");
  const signed = await ann.assert(challenge);
  await assertNotAccepted(
    it,
    id,
    () => ann.send(id, page, signed),
    "wrong_challenge",
  );
});

Deno.test("attack: an assertion replayed", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  await it.org.member("two@example.com", { groups: [2] });
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const page = await ann.open(id);
  const response = await ann.sign(page);
  await ann.send(id, page, response);
  // For the second level, which the same person may not decide.
  await refused(ann.send(id, page, response), "already_decided_level");
  // For the same action asked again later.
  await it.cancel(id);
  await refused(ann.send(id, page, response), "approval_not_pending");
  const again = await it.pending();
  assert.equal(again.action_digest, page.action_digest);
  const newPage = await ann.open(again.id);
  await assertNotAccepted(
    it,
    again.id,
    () => ann.send(again.id, newPage, response),
    "wrong_challenge",
  );
  const old = { ...newPage, facts: page.facts };
  await refused(ann.send(again.id, old, response), "nonce_ended");
});

Deno.test("attack: a refused assertion sent again uses no nonce twice", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const page = await ann.open(id);
  const bad = await ann.sign(page, { lies: { tamper: true } });
  await assertNotAccepted(it, id, () => ann.send(id, page, bad), "bad_signature");
  await refused(ann.send(id, page, bad), "nonce_ended");
  await refused(ann.send(id, page, await ann.sign(page)), "nonce_ended");
  assert.equal((await it.entries("approval.assertion_refused")).length, 1);
});

Deno.test("attack: an assertion made in time and sent after its nonce ended", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const page = await ann.open(id);
  const response = await ann.sign(page);
  it.countersign.clock.advance(300_000);
  await refused(ann.send(id, page, response), "nonce_ended");
  const again = await ann.open(id);
  const inTime = await ann.sign(again);
  it.countersign.clock.advance(300_000 - 1);
  await ann.send(id, again, inTime);
});

Deno.test("attack: a sign-in, step-up, enrolment or consent assertion sent as a decision", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const consented = (issuer: string, nonce: string) =>
    consentStatement({
      issuer,
      nonce,
      client_id: "ocl_x",
      redirect_uri: "http://localhost/",
      scopes: ["mcp:read"],
      orgs: [it.org.id],
      code_challenge: "x",
      resource: `${issuer}/mcp`,
    });
  const plain = (purpose: CeremonyPurpose) => (issuer: string, nonce: string) =>
    ceremonyStatement(purpose, issuer, nonce);
  const others = [plain("sign-in"), plain("step-up"), plain("enrolment"), consented];
  for (const statementOf of others) {
    const page = await ann.open(id);
    const { issuer, nonce } = page.facts;
    const response = await ann.assert(challengeText(statementOf(issuer, nonce)));
    await assertNotAccepted(it, id, () => ann.send(id, page, response), "wrong_challenge");
  }
});

Deno.test("attack: the nonce of a sign-in or step-up used for a decision", async () => {
  await using it = await DecisionOrg.start();
  const { services } = it.countersign;
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const page = await ann.open(id);
  const handed = [
    await beginSignIn(services, "flow"),
    await beginStepUp(services, await presented(it, ann)),
  ];
  for (const { nonce } of handed) {
    const taken = { ...page, facts: { ...page.facts, nonce } };
    await refused(ann.send(id, taken, await ann.sign(taken)), "nonce_ended");
  }
});

Deno.test("attack: a decision's assertion used to sign in or to step up", async () => {
  await using it = await DecisionOrg.start();
  const { services } = it.countersign;
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const page = await ann.open(id);
  const session = await presented(it, ann);
  const attempts = [
    (nonce: string, response: Awaited<ReturnType<Person["sign"]>>) =>
      signIn(services, { flow: "flow", nonce, response, replaces: null }, CLIENT),
    (nonce: string, response: Awaited<ReturnType<Person["sign"]>>) =>
      stepUp(services, session, { nonce, response }, CLIENT),
  ];
  const [sign, step] = attempts;
  assert.ok(sign && step);
  // With the nonce of the decision itself.
  for (const attempt of attempts) {
    const used = attempt(page.facts.nonce, await ann.sign(page));
    await refused(used, "assertion_not_accepted", { why: "ceremony_ended" });
  }
  // A decision's statement over the ceremony's nonce.
  const over = async (nonce: string) =>
    await ann.sign({ ...page, facts: { ...page.facts, nonce } });
  const signing = await beginSignIn(services, "flow");
  const stepping = await beginStepUp(services, session);
  const wrong = { why: "wrong_challenge" } as const;
  const { nonce } = signing;
  await refused(sign(nonce, await over(nonce)), "assertion_not_accepted", wrong);
  const second = stepping.nonce;
  await refused(step(second, await over(second)), "assertion_not_accepted", wrong);
});

Deno.test("attack: another person's passkey", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const bob = await it.person("owner");
  const { id } = await it.pending();
  const byBob = async (lies: Signing["lies"]) => {
    const page = await ann.open(id);
    return await ann.send(id, page, await bob.sign(page, lies === undefined ? {} : { lies }));
  };
  const credentialId = ann.passkeys[0]?.credential_id ?? "";
  const userHandle = new TextEncoder().encode(ann.session.caller.account)
    .toBase64({ alphabet: "base64url", omitPadding: true });
  await assertNotAccepted(it, id, () => byBob(undefined), "wrong_user");
  await assertNotAccepted(it, id, () => byBob({ userHandle: null }), "wrong_user");
  await assertNotAccepted(it, id, () => byBob({ credentialId }), "wrong_user");
  await assertNotAccepted(it, id, () => byBob({ credentialId, userHandle }), "bad_signature");
});

Deno.test("attack: a passkey that nobody has verified anyone for", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const lying = (lies: NonNullable<Signing["lies"]>) => ann.approve(id, { lies });
  await assertNotAccepted(it, id, () => lying({ userVerified: false }), "user_not_verified");
  await assertNotAccepted(it, id, () => lying({ userPresent: false }), "user_not_present");
  await assertNotAccepted(it, id, () => lying({ type: "webauthn.create" }), "wrong_type");
});

Deno.test("attack: an assertion made on another origin, in a frame, or for another RP id", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const lying = (lies: NonNullable<Signing["lies"]>) => ann.approve(id, { lies });
  const origin = "https://countersign.example.com";
  await assertNotAccepted(it, id, () => lying({ origin }), "wrong_origin");
  await assertNotAccepted(it, id, () => lying({ crossOrigin: true }), "cross_origin");
  await assertNotAccepted(it, id, () => lying({ rpId: "example.com" }), "wrong_rp_id");
  const [passkey] = ann.passkeys;
  assert.ok(passkey);
  await ann.put({ ...passkey, rp_id: "example.com" });
  await assertNotAccepted(it, id, () => ann.approve(id), "made_for_other_address");
});

Deno.test("attack: a copied passkey counts fewer uses", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  await ann.approve((await it.pending()).id);
  await ann.approve((await it.pending({ method: "A" })).id);
  const { id } = await it.pending({ method: "B" });
  const copied = { counter: 1 };
  await assertNotAccepted(it, id, () => ann.approve(id, { lies: copied }), "counter_went_back");
  // Nobody without the key makes an honest passkey look copied.
  const forged = { counter: 1, tamper: true };
  await assertNotAccepted(it, id, () => ann.approve(id, { lies: forged }), "bad_signature");
});

async function presented(it: DecisionOrg, { session: { hash } }: Person) {
  const { kv } = it.countersign.services.deps;
  const row = await readRecord(kv, sessionKey(hash), sessionRecord);
  assert.ok(row);
  return { hash, record: row.value };
}
