import fc from "fast-check";
import assert from "node:assert/strict";
import { toBase64Url } from "../../lib/base/bytes.ts";
import { parseStrictJson } from "../../lib/base/strict_json.ts";
import {
  challengeText,
  creationOptions,
  requestOptions,
  userHandleOf,
} from "../../lib/passkeys/challenge.ts";
import { assertionFaultText, type PasskeyFault } from "../../lib/passkeys/fault.ts";
import {
  assertionResponse,
  parseRegistrationResponse,
  registrationResponse,
} from "../../lib/passkeys/responses.ts";
import { ceremonyStatement } from "../../lib/passkeys/statement.ts";
import {
  type GivenAssertion,
  verifyAssertion,
  verifyEnrolment,
} from "../../lib/passkeys/verify.ts";
import {
  type Algorithm,
  type Lies,
  SoftwareAuthenticator,
} from "../helpers/software_authenticator.ts";

const origin = "https://countersign.example:8443";
const rpId = "countersign.example";
const account = { id: "acc_01arz3ndektsv4rrffq69g5fav", email: "ana@acme.example" };
const nonce = toBase64Url(new Uint8Array(32).fill(7));
const challengeOf = (purpose: "sign-in" | "step-up" | "enrolment") =>
  challengeText(ceremonyStatement(purpose, origin, nonce));
const enrolling = { rpId, challenge: challengeOf("enrolment"), account, passkeys: [] };

/** What an enrolment with these lies comes to. */
async function enrolled(lies: Lies = {}, algorithm: Algorithm = "ES256") {
  const authenticator = new SoftwareAuthenticator({ origin, algorithm });
  const answer = await authenticator.enrol(creationOptions(enrolling), lies);
  const response = registrationResponse.parse(answer);
  const { challenge } = enrolling;
  return {
    authenticator,
    response,
    verdict: await verifyEnrolment({ response, challenge, origin, rpId }),
  };
}

/** An account with one passkey. */
async function withPasskey(algorithm: Algorithm = "ES256") {
  const { authenticator, verdict } = await enrolled({}, algorithm);
  assert.ok(verdict.ok, verdict.ok ? "" : verdict.why);
  return { authenticator, passkey: { ...verdict.credential, account: account.id } };
}

/** What an assertion with these lies comes to. */
async function asserted(lies: Lies = {}, expected: Partial<GivenAssertion> = {}) {
  const { authenticator, passkey } = await withPasskey();
  const challenge = challengeOf("sign-in");
  const options = requestOptions({ rpId, challenge, passkeys: [passkey] });
  const response = assertionResponse.parse(await authenticator.assert(options, lies));
  return await verifyAssertion({ response, challenge, origin, rpId, passkey, ...expected });
}

Deno.test("verifyEnrolment() gives what is stored of an honest passkey", async () => {
  for (const algorithm of ["ES256", "EdDSA", "RS256"] as const) {
    const { verdict, response } = await enrolled({}, algorithm);
    assert.ok(verdict.ok, algorithm);
    const { public_key, ...rest } = verdict.credential;
    assert.ok(public_key.length > 32);
    assert.deepEqual(rest, {
      credential_id: response.id,
      counter: 0,
      transports: ["internal"],
      device_type: "singleDevice",
      backed_up: false,
      aaguid: "00000000-0000-0000-0000-000000000000",
    });
  }
});

Deno.test("verifyEnrolment() refuses every lie by its name", async () => {
  const lies: [PasskeyFault, Lies][] = [
    ["user_not_verified", { userVerified: false }],
    ["user_not_present", { userPresent: false }],
    ["wrong_origin", { origin: "https://evil.example" }],
    ["wrong_origin", { origin: "https://countersign.example" }],
    ["wrong_rp_id", { rpId: "evil.example" }],
    ["cross_origin", { crossOrigin: true }],
    ["cross_origin", { topOrigin: "https://evil.example" }],
    ["wrong_type", { type: "webauthn.get" }],
    ["wrong_challenge", { challenge: challengeOf("sign-in") }],
    ["wrong_credential", { credentialId: "AAAA" }],
    ["not_discoverable", { discoverable: false }],
    ["attestation_unexpected", { format: "tpm" }],
    ["attestation_unexpected", { format: "fido-u2f" }],
    ["malformed", { format: "packed" }],
  ];
  for (const [why, lie] of lies) {
    assert.deepEqual((await enrolled(lie)).verdict, { ok: false, why }, JSON.stringify(lie));
  }
});

Deno.test("verifyAssertion() accepts an honest answer of each kind of key", async () => {
  for (const algorithm of ["ES256", "EdDSA", "RS256"] as const) {
    const { authenticator, passkey } = await withPasskey(algorithm);
    const challenge = challengeOf("step-up");
    // Discoverable: the browser is not told whom to ask.
    const options = requestOptions({ rpId, challenge, passkeys: [] });
    const response = assertionResponse.parse(await authenticator.assert(options));
    const given = { response, challenge, origin, rpId };
    const first = await verifyAssertion({ ...given, passkey });
    assert.deepEqual(first, { ok: true, counter: 1, backed_up: false });
    // The same answer once more, after its counter was stored.
    const replayed = await verifyAssertion({ ...given, passkey: { ...passkey, counter: 1 } });
    assert.deepEqual(replayed, { ok: false, why: "counter_went_back" });
  }
});

Deno.test("verifyAssertion() accepts passkeys that do not count, and ones that send no user", async () => {
  assert.deepEqual(await asserted({ counter: 0 }), { ok: true, counter: 0, backed_up: false });
  assert.ok((await asserted({ userHandle: null })).ok);
});

Deno.test("verifyAssertion() refuses every lie by its name", async () => {
  const lies: [PasskeyFault, Lies][] = [
    ["user_not_verified", { userVerified: false }],
    ["user_not_present", { userPresent: false }],
    ["user_not_present", { userPresent: false, userVerified: false }],
    ["wrong_origin", { origin: "https://evil.example" }],
    ["wrong_origin", { origin: `${origin}/` }],
    ["wrong_rp_id", { rpId: "evil.example" }],
    ["wrong_rp_id", { rpId: "example" }],
    ["cross_origin", { crossOrigin: true }],
    ["cross_origin", { topOrigin: "https://evil.example" }],
    ["wrong_type", { type: "webauthn.create" }],
    ["wrong_type", { type: "payment.get" }],
    ["wrong_challenge", { challenge: challengeOf("step-up") }],
    ["wrong_challenge", { challenge: challengeOf("sign-in") + "=" }],
    ["wrong_credential", { credentialId: "AAAA" }],
    ["wrong_user", { userHandle: userHandleOf("acc_another") }],
    ["bad_signature", { tamper: true }],
  ];
  for (const [why, lie] of lies) {
    assert.deepEqual(await asserted(lie), { ok: false, why }, JSON.stringify(lie));
  }
});

Deno.test("verifyAssertion() refuses an answer by another key under this credential's name", async () => {
  const { passkey } = await withPasskey();
  const lie = { credentialId: passkey.credential_id };
  assert.deepEqual(await asserted(lie, { passkey }), { ok: false, why: "bad_signature" });
});

Deno.test("verifyAssertion() refuses a counter that went back", async () => {
  const { authenticator, passkey } = await withPasskey();
  const challenge = challengeOf("sign-in");
  const options = requestOptions({ rpId, challenge, passkeys: [passkey] });
  const stored = { ...passkey, counter: 5 };
  for (const counter of [0, 4, 5]) {
    const response = assertionResponse.parse(await authenticator.assert(options, { counter }));
    const given = { response, challenge, origin, rpId, passkey: stored };
    assert.deepEqual(await verifyAssertion(given), { ok: false, why: "counter_went_back" });
  }
});

Deno.test("verifyAssertion() never throws, whatever bytes come", async () => {
  const { authenticator, passkey } = await withPasskey();
  const challenge = challengeOf("sign-in");
  const options = requestOptions({ rpId, challenge, passkeys: [passkey] });
  const honest = assertionResponse.parse(await authenticator.assert(options));
  const part = fc.constantFrom("clientDataJSON", "authenticatorData", "signature");
  const change = fc.record({ part, at: fc.nat(), bytes: fc.uint8Array({ maxLength: 50 }) });
  await fc.assert(
    fc.asyncProperty(change, async ({ part, at, bytes }) => {
      const before = Uint8Array.fromBase64(honest.response[part], { alphabet: "base64url" });
      const from = at % (before.length + 1);
      const after = [...before.subarray(0, from), ...bytes];
      const text = toBase64Url(Uint8Array.from(after));
      fc.pre(text !== honest.response[part]);
      const response = { ...honest, response: { ...honest.response, [part]: text } };
      const verdict = await verifyAssertion({ response, challenge, origin, rpId, passkey });
      assert.equal(verdict.ok, false);
    }),
    { numRuns: 300 },
  );
});

Deno.test("verifyEnrolment() never throws, whatever bytes come", async () => {
  const { response: honest } = await enrolled();
  const { challenge } = enrolling;
  const object = Uint8Array.fromBase64(honest.response.attestationObject, {
    alphabet: "base64url",
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(object.length), fc.uint8Array({ maxLength: 50 }), async (at, bytes) => {
      const attestationObject = toBase64Url(Uint8Array.from([...object.subarray(0, at), ...bytes]));
      const response = { ...honest, response: { ...honest.response, attestationObject } };
      const verdict = await verifyEnrolment({ response, challenge, origin, rpId });
      assert.equal(typeof verdict.ok, "boolean");
    }),
    { numRuns: 300 },
  );
});

Deno.test("a device that holds a passkey of the account is asked for no second one", () => {
  const known = { credential_id: "AAAA", transports: ["internal"] };
  const silent = { credential_id: "BBBB", transports: [] };
  const created = creationOptions({ ...enrolling, passkeys: [known, silent] });
  assert.deepEqual(created.excludeCredentials, [
    { id: "AAAA", type: "public-key", transports: ["internal"] },
    { id: "BBBB", type: "public-key" },
  ]);
  assert.deepEqual(created.rp, { id: rpId, name: "Countersign" });
  assert.deepEqual(created.authenticatorSelection, {
    residentKey: "required",
    requireResidentKey: true,
    userVerification: "required",
  });
  assert.deepEqual(created.pubKeyCredParams.map(({ alg }) => alg), [-7, -8, -257]);
  const asked = requestOptions({ rpId, challenge: "AAAA", passkeys: [] });
  assert.equal(asked.userVerification, "required");
  assert.equal("allowCredentials" in asked, false);
});

function parsedAssertion(text: string) {
  const json = parseStrictJson(text);
  return json.ok ? assertionResponse.safeParse(json.value).data ?? null : null;
}

Deno.test("assertionResponse takes what browsers send and nothing else", async () => {
  const { authenticator, passkey } = await withPasskey();
  const options = requestOptions({ rpId, challenge: "AAAA", passkeys: [passkey] });
  const sent = await authenticator.assert(options, { attachment: "cross-platform" });
  const text = JSON.stringify({ ...sent, added_one_day: { by: "browsers" } });
  assert.equal(parsedAssertion(text)?.authenticatorAttachment, "cross-platform");
  const unknown = JSON.stringify({ ...sent, authenticatorAttachment: "implant" });
  assert.equal(parsedAssertion(unknown)?.authenticatorAttachment, null);
  const part = (name: string, value: unknown) => ({
    ...sent,
    response: { ...sent.response, [name]: value },
  });
  const wrong: unknown[] = [
    null,
    [],
    {},
    { ...sent, type: "password" },
    { ...sent, id: "AAAA" },
    { ...sent, id: "", rawId: "" },
    { ...sent, id: "AA==", rawId: "AA==" },
    { ...sent, id: "A".repeat(1368), rawId: "A".repeat(1368) },
    part("signature", "not base64url!"),
    part("signature", "A".repeat(1400)),
    part("authenticatorData", "AAAA"),
    part("clientDataJSON", "A".repeat(1_000_000)),
    part("userHandle", "A".repeat(100)),
    part("signature", 7),
  ];
  for (const value of wrong) {
    assert.equal(parsedAssertion(JSON.stringify(value)), null, JSON.stringify(value));
  }
  for (const broken of ["", "{", text.replace("{", '{"id":"AAAA",')]) {
    assert.equal(parsedAssertion(broken), null);
  }
});

Deno.test("parseRegistrationResponse() takes what browsers send and nothing else", async () => {
  const authenticator = new SoftwareAuthenticator({ origin });
  const sent = await authenticator.enrol(creationOptions(enrolling));
  const { transports: _none, ...silent } = sent.response;
  const found = parseRegistrationResponse(JSON.stringify({ ...sent, response: silent }));
  assert.deepEqual(found?.response.transports, []);
  assert.equal(found?.authenticatorAttachment, "platform");
  for (const transports of [["<b>"], Array(9).fill("usb"), "usb"]) {
    const text = JSON.stringify({ ...sent, response: { ...sent.response, transports } });
    assert.equal(parseRegistrationResponse(text), null);
  }
});

Deno.test("assertionFaultText() says in plain words what to do next", () => {
  for (const fault of ["malformed", "wrong_challenge", "counter_went_back"] as const) {
    assert.match(assertionFaultText(fault), /^[A-Z].+\. .+\.$/);
  }
});
