import fc from "fast-check";
import assert from "node:assert/strict";
import { toBase64Url } from "../../lib/base/bytes.ts";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { DIGEST_VERSION, saltedDigest } from "../../lib/ledger/entry.ts";
import { challengeText, creationOptions, requestOptions } from "../../lib/passkeys/challenge.ts";
import {
  decisionEvidence,
  enrolmentEvidence,
  removalEvidence,
} from "../../lib/passkeys/evidence.ts";
import { assertionResponse, registrationResponse } from "../../lib/passkeys/responses.ts";
import { approvalStatement, ceremonyStatement } from "../../lib/passkeys/statement.ts";
import { type EnrolledCredential, verifyEnrolment } from "../../lib/passkeys/verify.ts";
import type { FindingCode } from "../../lib/verify/finding.ts";
import { logReportText } from "../../lib/verify/verdict_text.ts";
import { assertFinding, type Case, signer, verdictOf } from "../helpers/log_verdicts.ts";
import { checkpointOf, exportOf, type Line, lineOf, ORG } from "../helpers/signed_log.ts";
import {
  type Algorithm,
  type Lies,
  SoftwareAuthenticator,
} from "../helpers/software_authenticator.ts";

const ISSUER = "https://countersign.example:8443";
const RP_ID = "countersign.example";
const MEMBER = "usr_ana";
const SALT = "0f".repeat(16);
const FACTS = {
  issuer: ISSUER,
  org: ORG,
  approval: "apr_1",
  level: 1,
  action_digest: "sha256:aa",
  view_digest: "sha256:bb",
  member: MEMBER,
  note_digest: null,
  nonce: toBase64Url(new Uint8Array(32)),
  // Entry 2 is of two seconds after noon.
  issued_at: "2026-01-31T12:00:01.000Z",
  expires_at: "2026-01-31T12:05:01.000Z",
  use_before: "2026-01-31T12:20:01.000Z",
} as const;

interface Person {
  readonly authenticator: SoftwareAuthenticator;
  readonly passkey: EnrolledCredential;
}

async function person(algorithm: Algorithm = "ES256"): Promise<Person> {
  const authenticator = new SoftwareAuthenticator({ origin: ISSUER, algorithm });
  const challenge = challengeText(ceremonyStatement("enrolment", ISSUER, FACTS.nonce));
  const account = { id: "acc_ana", email: "ana@acme.example" };
  const options = creationOptions({ rpId: RP_ID, challenge, account, passkeys: [] });
  const response = registrationResponse.parse(await authenticator.enrol(options));
  const verdict = await verifyEnrolment({ response, challenge, origin: ISSUER, rpId: RP_ID });
  assert.ok(verdict.ok);
  return { authenticator, passkey: verdict.credential };
}

const ana = await person();
const eve = await person();

/** A line with private parts, digests and all. */
function sealed(index: number, members: JsonObject, parts: Record<string, JsonValue> = {}): Line {
  const data = { ...members.data as JsonObject };
  const shown: JsonObject = {};
  for (const [name, value] of Object.entries(parts)) {
    data[`${name}_digest`] = saltedDigest(SALT, value);
    shown[name] = { salt: SALT, value };
    data.digest_version = DIGEST_VERSION;
  }
  const actor = { type: "member", id: MEMBER };
  return lineOf(
    index,
    { actor, ...members, data },
    Object.keys(shown).length === 0 ? null : shown,
  );
}

function enrolled(index: number, { passkey }: Person = ana, member = MEMBER): Line {
  const { data, private: parts } = enrolmentEvidence(passkey);
  const actor = { type: "member", id: member };
  return sealed(index, { type: "passkey.enrolled", actor, subject: { member }, data }, parts);
}

function removed(index: number, { passkey }: Person = ana, member = MEMBER): Line {
  const { data } = removalEvidence(passkey.credential_id);
  return sealed(index, { type: "passkey.removed", subject: { member }, data });
}

interface Decision {
  readonly by?: Person;
  readonly facts?: Partial<Parameters<typeof approvalStatement>[0]>;
  readonly lies?: Lies;
  readonly members?: JsonObject;
  readonly data?: JsonObject;
  readonly assertion?: (honest: JsonObject) => JsonValue;
}

/** The entry of an approval, signed; each part of it open to a forger. */
async function decided(index: number, decision: Decision = {}): Promise<Line> {
  const { authenticator, passkey } = decision.by ?? ana;
  const statement = approvalStatement({ ...FACTS, ...decision.facts });
  const options = requestOptions({
    rpId: RP_ID,
    challenge: challengeText(statement),
    passkeys: [passkey],
  });
  const answer = await authenticator.assert(options, decision.lies);
  const evidence = decisionEvidence(statement, assertionResponse.parse(answer));
  const { assertion } = evidence.private;
  const members = {
    type: "approval.decided",
    subject: { approval: FACTS.approval, member: MEMBER },
    ...decision.members,
    data: {
      ...evidence.data,
      action_digest: FACTS.action_digest,
      decision: "approve",
      level: 1,
      view_digest: FACTS.view_digest,
      ...decision.data,
    },
  };
  return sealed(index, members, { assertion: decision.assertion?.({ ...assertion }) ?? assertion });
}

/** These lines and a checkpoint that was signed over them: the forger holds the log's key. */
async function logged(lines: Line[]): Promise<Case> {
  return { exported: exportOf(lines), checkpoint: await checkpointOf(lines, signer) };
}

async function countsOf(lines: Line[]) {
  const verdict = await verdictOf(await logged(lines));
  assert.ok(verdict.ok, verdict.ok ? "" : verdict.finding.what);
  return verdict.report.decisions;
}

/** What is found in a log whose entry 2 is this decision, by a passkey enrolled in entry 1. */
async function found(code: FindingCode, decision: Decision): Promise<string> {
  const lines = [lineOf(0), enrolled(1), await decided(2, decision)];
  return await assertFinding(await logged(lines), code, 2);
}

Deno.test("verifyLog() checks an approval signed with each kind of key", async () => {
  for (const algorithm of ["ES256", "EdDSA", "RS256"] as const) {
    const by = await person(algorithm);
    const lines = [lineOf(0), enrolled(1, by), await decided(2, { by })];
    assert.deepEqual(await countsOf(lines), { checked: 1, unchecked: 0, byKey: 0 });
  }
});

Deno.test("verifyLog() says how many approvals were checked, and how many cannot be", async () => {
  const lines = [lineOf(0), enrolled(1), await decided(2), await decided(3), await decided(4)];
  const hidden = lines.map((line) => line.index > 2 ? { ...line, private: null } : line);
  const byKey = { decision: "approve", asserted_by: "key_1" };
  const keyed = lineOf(5, { type: "approval.decided", data: byKey });
  const denied = lineOf(6, {
    type: "approval.decided",
    data: { decision: "deny", asserted_by: null },
  });
  const verdict = await verdictOf(await logged([...hidden, keyed, denied]));
  assert.ok(verdict.ok);
  assert.deepEqual(verdict.report.decisions, { checked: 1, unchecked: 2, byKey: 1 });
  const text = logReportText(verdict.report);
  for (
    const part of [
      "1 signed decisions checked",
      "2 without their private part: not checkable",
      "1 given through an approver key",
    ]
  ) assert.ok(text.includes(part), `${part} is not in:\n${text}`);
});

Deno.test("verifyLog() counts an approval as not checkable when its key's private part is gone", async () => {
  const line = enrolled(1);
  const lines = [lineOf(0), { ...line, private: null }, await decided(2)];
  assert.deepEqual(await countsOf(lines), { checked: 0, unchecked: 1, byKey: 0 });
});

Deno.test("verifyLog() finds an approval that nobody stands for", async () => {
  for (const data of [{}, { asserted_by: null }, { asserted_by: 7 }, { asserted_by: null, x: 1 }]) {
    const line = lineOf(1, { type: "approval.decided", data: { decision: "approve", ...data } });
    await assertFinding(await logged([lineOf(0), line]), "decision_unsigned", 1);
  }
});

Deno.test("verifyLog() finds an approval by another passkey than one the member had then", async () => {
  const decision = await decided(2);
  const cases: [FindingCode, Line[]][] = [
    ["passkey_unknown", [lineOf(0), lineOf(1), decision]],
    ["passkey_unknown", [lineOf(0), enrolled(1, eve), decision]],
    ["passkey_unknown", [lineOf(0), enrolled(1, ana, "usr_other"), decision]],
    ["passkey_removed", [enrolled(0), removed(1), decision]],
    ["passkey_removed", [enrolled(0), removed(1), { ...decision, private: null }]],
    ["passkey_unknown", [lineOf(0), lineOf(1), decision, enrolled(3)]],
    ["passkey_unknown", [lineOf(0), enrolled(1), await decided(2, { data: { credential: "" } })]],
  ];
  for (const [code, lines] of cases) await assertFinding(await logged(lines), code, 2);
  // Lost and found, or somebody else's removed: the passkey counts.
  const again = [removed(0), enrolled(1), decision, removed(3)];
  assert.equal((await countsOf(again)).checked, 1);
  const other = [enrolled(0), removed(1, ana, "usr_other"), decision];
  assert.equal((await countsOf(other)).checked, 1);
});

Deno.test("verifyLog() finds a signature that is not by the member's passkey", async () => {
  await found("assertion_signature_wrong", { lies: { tamper: true } });
  const { credential_id } = ana.passkey;
  await found("assertion_signature_wrong", { by: eve, lies: { credentialId: credential_id } });
  await found("assertion_signature_wrong", {
    assertion: (honest) => ({ ...honest, signature: "" }),
  });
});

Deno.test("verifyLog() finds an assertion by a passkey that the entry does not name", async () => {
  const named = await decided(2);
  const credential = (named.entry.data as JsonObject).credential ?? null;
  const line = await decided(2, { by: eve, data: { credential } });
  const given = await logged([enrolled(0), enrolled(1, eve), line]);
  await assertFinding(given, "passkey_mismatch", 2);
});

Deno.test("verifyLog() finds a statement that is not about the entry, part by part", async () => {
  const signed: Decision[] = [
    { facts: { org: "org_other" } },
    { facts: { approval: "apr_2" } },
    { facts: { level: 2 } },
    { facts: { action_digest: "sha256:cc" } },
    { facts: { view_digest: "sha256:cc" } },
    { facts: { member: "usr_eve" } },
  ];
  const written: Decision[] = [
    { data: { level: 2 } },
    { data: { action_digest: "sha256:cc" } },
    { data: { view_digest: null } },
    { members: { subject: { approval: "apr_2", member: MEMBER } } },
    { members: { subject: { member: MEMBER } } },
    { members: { actor: { type: "member", id: "usr_eve" } } },
  ];
  // What the entry adds for its member: a later use, or a note.
  const added: Decision[] = [
    { data: { use_before: "2026-01-31T12:20:01.001Z" } },
    { data: { note_digest: "sha256:cc" } },
  ];
  for (const decision of [...signed, ...written, ...added]) {
    await found("statement_mismatch", decision);
  }
  const within = { data: { use_before: FACTS.use_before } };
  assert.equal((await countsOf([lineOf(0), enrolled(1), await decided(2, within)])).checked, 1);
  assert.match(await found("statement_mismatch", { data: { level: 2 } }), /level 1.* says 2/);
});

Deno.test("verifyLog() finds a statement that was changed after it was signed", async () => {
  const changed: JsonObject[] = [
    { nonce: "AAAA" },
    { note_digest: "sha256:cc" },
    { use_before: "2027-01-31T12:20:01.000Z" },
    { issued_at: "2026-01-31T12:00:00.000Z" },
  ];
  for (const change of changed) {
    const assertion = (honest: JsonObject) => ({
      ...honest,
      statement: { ...honest.statement as JsonObject, ...change },
    });
    await found("assertion_challenge_mismatch", { assertion });
  }
  // What was signed to sign in, or to confirm something else.
  const challenge = challengeText(ceremonyStatement("step-up", ISSUER, FACTS.nonce));
  await found("assertion_challenge_mismatch", { lies: { challenge } });
});

Deno.test("verifyLog() finds an assertion of another site, purpose or person", async () => {
  const lies: [FindingCode, Lies][] = [
    ["assertion_elsewhere", { origin: "https://evil.example" }],
    ["assertion_elsewhere", { origin: "https://countersign.example" }],
    ["assertion_elsewhere", { rpId: "evil.example" }],
    ["assertion_elsewhere", { crossOrigin: true }],
    ["assertion_elsewhere", { type: "webauthn.create" }],
    ["assertion_user_unverified", { userVerified: false }],
    ["assertion_user_unverified", { userPresent: false }],
  ];
  for (const [code, lie] of lies) await found(code, { lies: lie });
});

Deno.test("verifyLog() finds an approval outside the time that was signed", async () => {
  const late = { expires_at: "2026-01-31T12:00:01.999Z" };
  assert.match(await found("decision_out_of_time", { facts: late }), /held from/);
  await found("decision_out_of_time", { facts: { issued_at: "2026-01-31T12:00:02.001Z" } });
  const exact = {
    issued_at: "2026-01-31T12:00:02.000Z",
    expires_at: "2026-01-31T12:00:02.000Z",
  };
  const lines = [lineOf(0), enrolled(1), await decided(2, { facts: exact })];
  assert.equal((await countsOf(lines)).checked, 1);
});

Deno.test("verifyLog() finds an assertion that the log would not write", async () => {
  const part = (name: string, value: JsonValue) => (honest: JsonObject) => ({
    ...honest,
    [name]: value,
  });
  const stated = (change: JsonObject) => (honest: JsonObject) => ({
    ...honest,
    statement: { ...honest.statement as JsonObject, ...change },
  });
  const damaged: ((honest: JsonObject) => JsonValue)[] = [
    () => "none",
    part("credential_id", "not base64url!"),
    part("credential_id", 7),
    part("statement", []),
    part("authenticator_data", "not base64url!"),
    part("authenticator_data", "AAAA"),
    part("client_data_json", "AAAA"),
    part("client_data_json", 7),
    part("signature", "="),
    stated({ v: 2 }),
    stated({ type: "countersign.sign-in" }),
    stated({ decision: "deny" }),
    stated({ level: 3 }),
    stated({ level: "1" }),
    stated({ nonce: 7 }),
    stated({ note_digest: 7 }),
    stated({ issued_at: "noon" }),
    stated({ issuer: "countersign.example" }),
    stated({ issuer: `${ISSUER}/` }),
    stated({ extra: 1 }),
  ];
  for (const assertion of damaged) await found("assertion_malformed", { assertion });
});

Deno.test("verifyLog() finds a passkey that the log would not write", async () => {
  const { data, private: parts } = enrolmentEvidence(ana.passkey);
  const type = "passkey.enrolled";
  const subject = { member: MEMBER };
  const wrong: Line[] = [
    sealed(1, { type, subject: {}, data }, parts),
    sealed(1, { type, subject, data: {} }, parts),
    sealed(1, { type, subject, data }, { ...parts, credential_id: eve.passkey.credential_id }),
    sealed(1, { type, subject, data }, { ...parts, credential_id: 7 }),
    sealed(1, { type, subject, data }, { ...parts, public_key: "AAAA" }),
    sealed(1, { type, subject, data }, { ...parts, public_key: "not base64url!" }),
    sealed(1, { type, subject, data }, { ...parts, public_key: null }),
    sealed(1, { type: "passkey.removed", subject, data: {} }),
  ];
  for (const line of wrong) {
    await assertFinding(await logged([lineOf(0), line]), "passkey_malformed", 1);
  }
});

Deno.test("verifyLog() never throws at what a forger writes as an assertion", async () => {
  const honest = await decided(2);
  const part = honest.private?.assertion as { value: JsonObject };
  const name = fc.constantFrom("authenticator_data", "client_data_json", "signature");
  await fc.assert(
    fc.asyncProperty(name, fc.nat(), fc.uint8Array({ maxLength: 60 }), async (name, at, bytes) => {
      const before = Uint8Array.fromBase64(String(part.value[name]), { alphabet: "base64url" });
      const from = at % (before.length + 1);
      const text = toBase64Url(Uint8Array.from([...before.subarray(0, from), ...bytes]));
      fc.pre(text !== part.value[name]);
      const line = await decided(2, { assertion: () => ({ ...part.value, [name]: text }) });
      const verdict = await verdictOf(await logged([lineOf(0), enrolled(1), line]));
      assert.equal(verdict.ok, false);
    }),
    { numRuns: 60 },
  );
});

Deno.test("the largest assertion that is accepted fits its private part", () => {
  const text = (bytes: number) => toBase64Url(new Uint8Array(bytes));
  const response = assertionResponse.parse({
    id: text(1023),
    rawId: text(1023),
    type: "public-key",
    response: {
      clientDataJSON: text(1024),
      authenticatorData: text(1024),
      signature: text(1024),
    },
  });
  const statement = approvalStatement({
    ...FACTS,
    issuer: `https://${"a".repeat(253)}:65535`,
    note_digest: `sha256:${"a".repeat(64)}`,
    action_digest: `sha256:${"a".repeat(64)}`,
    view_digest: `sha256:${"a".repeat(64)}`,
  });
  const { assertion } = decisionEvidence(statement, response).private;
  assert.ok(canonicalJson(assertion).length < 7 * 1024);
});

Deno.test("an entry of a signed decision shows the credential by its digest only", async () => {
  const line = await decided(2);
  assert.ok(!canonicalJson(line.entry).includes(ana.passkey.credential_id));
  assert.ok(canonicalJson(line.private).includes(ana.passkey.credential_id));
});
