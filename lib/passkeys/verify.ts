import { verifyAuthenticationResponse, verifyRegistrationResponse } from "@simplewebauthn/server";
import { decodeAttestationObject, parseAuthenticatorData } from "@simplewebauthn/server/helpers";
import { fromBase64Url, toBase64Url } from "../base/bytes.ts";
import type { PasskeyRecord } from "../store/records/people.ts";
import { userHandleOf } from "./challenge.ts";
import { ALGORITHMS, isUsableKey, verifyByCoseKey } from "./cose_key.ts";
import type { AssertionFault, PasskeyFault } from "./fault.ts";
import {
  type AssertionResponse,
  authenticatorDataFault,
  clientDataFault,
  type ExpectedCeremony,
  type RegistrationResponse,
  signatureCounter,
  signedMessage,
} from "./responses.ts";

/**
 * Whether a passkey signed what it was asked to, on our origin, by a person present and verified;
 * and whether a new one was made so. Every condition is checked twice, here by name and by a
 * library. What only the commit can tell, it tells: that a nonce is used once, that a credential is
 * nobody else's.
 */

/** An assertion and all that it must agree with. */
export interface GivenAssertion {
  readonly response: AssertionResponse;
  /** base64url, of the statement as the server knows it. */
  readonly challenge: string;
  readonly origin: string;
  readonly rpId: string;
  /** The stored passkey that is said to have answered. */
  readonly passkey: Pick<PasskeyRecord, "credential_id" | "account" | "public_key" | "counter">;
}

type AssertionVerdict =
  | {
    readonly ok: true;
    /** To be stored in the commit that the assertion is used in. */
    readonly counter: number;
    readonly backed_up: boolean;
  }
  | { readonly ok: false; readonly why: PasskeyFault };

/**
 * Verifies that this passkey, its person present and verified, signed this challenge on our origin.
 * Never throws, whatever the response holds.
 *
 * Each condition is checked here by name first; the library then checks them again with the
 * signature, so that neither is the only guard.
 */
export async function verifyAssertion(given: GivenAssertion): Promise<AssertionVerdict> {
  const { response, challenge, origin, rpId, passkey } = given;
  const fault = assertionFault(given);
  if (fault !== null) return { ok: false, why: fault };
  const { clientDataJSON, authenticatorData, signature } = response.response;
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        id: response.id,
        rawId: response.rawId,
        type: response.type,
        response: { clientDataJSON, authenticatorData, signature },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: rpId,
      expectedType: "webauthn.get",
      requireUserVerification: true,
      credential: {
        id: passkey.credential_id,
        publicKey: passkey.public_key,
        counter: passkey.counter,
      },
    });
    // The library reads loose signatures too; what counts is what can be checked offline later.
    if (!verified || !await verifyOwn(given)) return { ok: false, why: "bad_signature" };
    const { newCounter: counter, credentialBackedUp: backed_up } = authenticationInfo;
    return { ok: true, counter, backed_up };
  } catch {
    // The library refuses by throwing, also what it cannot decode.
    return { ok: false, why: "malformed" };
  }
}

/** An assertion by a passkey that this deployment knows, or why it counts for nothing. */
export type CheckedAssertion =
  | (Extract<AssertionVerdict, { ok: true }> & { readonly passkey: PasskeyRecord })
  | {
    readonly ok: false;
    readonly why: AssertionFault;
    /** Set where the signature is right and only the counter is not: it may have been copied. */
    readonly regressed: PasskeyRecord | null;
  };

/**
 * Whether a stored passkey made for this address signed the challenge.
 * @param passkey the one with the response's id; null when none has it
 * @param expected.account whose it has to be; null for anybody's
 */
export async function checkAssertion(
  { url }: { readonly url: URL },
  passkey: PasskeyRecord | null,
  { response, challenge, account }: Pick<GivenAssertion, "response" | "challenge"> & {
    readonly account: string | null;
  },
): Promise<CheckedAssertion> {
  const refused = (why: AssertionFault) => ({ ok: false, why, regressed: null } as const);
  if (passkey === null) return refused("unknown_passkey");
  if (account !== null && passkey.account !== account) return refused("wrong_user");
  if (passkey.rp_id !== url.hostname) return refused("made_for_other_address");
  const given = { response, challenge, origin: url.origin, rpId: url.hostname };
  const verdict = await verifyAssertion({ ...given, passkey });
  if (verdict.ok) return { ...verdict, passkey };
  if (verdict.why !== "counter_went_back") return refused(verdict.why);
  // Without a right signature anybody could make an honest passkey look copied.
  const signed = await verifyAssertion({ ...given, passkey: { ...passkey, counter: 0 } });
  return signed.ok ? { ok: false, why: verdict.why, regressed: passkey } : refused(signed.why);
}

async function verifyOwn({ response, passkey }: GivenAssertion): Promise<boolean> {
  const clientData = fromBase64Url(response.response.clientDataJSON);
  const authenticatorData = fromBase64Url(response.response.authenticatorData);
  const signature = fromBase64Url(response.response.signature);
  if (clientData === null || authenticatorData === null || signature === null) return false;
  const message = signedMessage(authenticatorData, clientData);
  return await verifyByCoseKey(passkey.public_key, message, signature);
}

function assertionFault(given: GivenAssertion): PasskeyFault | null {
  const { response, challenge, origin, rpId, passkey } = given;
  if (response.id !== passkey.credential_id) return "wrong_credential";
  const { userHandle } = response.response;
  if (userHandle && userHandle !== userHandleOf(passkey.account)) return "wrong_user";
  const clientData = fromBase64Url(response.response.clientDataJSON);
  const authenticatorData = fromBase64Url(response.response.authenticatorData);
  if (clientData === null || authenticatorData === null) return "malformed";
  const fault = clientDataFault(clientData, { type: "webauthn.get", challenge, origin, rpId }) ??
    authenticatorDataFault(authenticatorData, rpId);
  if (fault !== null) return fault;
  const counter = signatureCounter(authenticatorData);
  // Two devices with one key each count for themselves (WebAuthn Level 2, section 6.1.1).
  const counts = counter > 0 || passkey.counter > 0;
  return counts && counter <= passkey.counter ? "counter_went_back" : null;
}

/** A new passkey and all that it must agree with. */
interface GivenEnrolment {
  readonly response: RegistrationResponse;
  /** base64url, of the statement as the server knows it. */
  readonly challenge: string;
  readonly origin: string;
  readonly rpId: string;
}

/** What is stored of a new passkey, and what kind of device made it. */
export interface EnrolledCredential extends
  Pick<
    PasskeyRecord,
    "credential_id" | "public_key" | "counter" | "transports" | "device_type" | "backed_up"
  > {
  /** Names the model of the device; zeros where it does not say. */
  readonly aaguid: string;
}

export type EnrolmentVerdict =
  | { readonly ok: true; readonly credential: EnrolledCredential }
  | { readonly ok: false; readonly why: PasskeyFault };

/**
 * Verifies that a passkey was made for us, by a person present and verified, with a key that this
 * project and the offline verifier can check. Never throws, whatever the response holds.
 *
 * That no other account has this credential id is for the caller to check, in its commit.
 */
export async function verifyEnrolment(given: GivenEnrolment): Promise<EnrolmentVerdict> {
  const { response, challenge, origin, rpId } = given;
  const expected: ExpectedCeremony = { type: "webauthn.create", challenge, origin, rpId };
  try {
    const fault = await enrolmentFault(response, expected);
    if (fault !== null) return { ok: false, why: fault };
    const result = await registrationOf(response, expected);
    if (!result.verified) return { ok: false, why: "bad_signature" };
    const { credential, credentialDeviceType, credentialBackedUp, aaguid } =
      result.registrationInfo;
    return {
      ok: true,
      credential: {
        credential_id: credential.id,
        // A copy: the library's own may be a view into the whole response.
        public_key: new Uint8Array(credential.publicKey),
        counter: credential.counter,
        transports: response.response.transports,
        device_type: credentialDeviceType,
        backed_up: credentialBackedUp,
        aaguid,
      },
    };
  } catch {
    // The library refuses by throwing, also what it cannot decode.
    return { ok: false, why: "malformed" };
  }
}

/** The first condition that does not hold, by name. @throws when something cannot be decoded */
async function enrolmentFault(
  { id, response, clientExtensionResults }: RegistrationResponse,
  expected: ExpectedCeremony,
): Promise<PasskeyFault | null> {
  const clientData = fromBase64Url(response.clientDataJSON);
  const attestationObject = fromBase64Url(response.attestationObject);
  if (clientData === null || attestationObject === null) return "malformed";
  const attestation = decodeAttestationObject(attestationObject);
  const authenticatorData = attestation.get("authData");
  const fault = clientDataFault(clientData, expected) ??
    authenticatorDataFault(authenticatorData, expected.rpId);
  if (fault !== null) return fault;
  // Asked for none, browsers leave nothing but none and self attestation (WebAuthn Level 2,
  // section 5.1.3 step 21). Others bring certificates, which nobody here has a use for.
  const format = attestation.get("fmt");
  const selfSigned = format === "packed" && attestation.get("attStmt").get("x5c") === undefined;
  if (format !== "none" && !selfSigned) return "attestation_unexpected";
  if (clientExtensionResults.credProps?.rk === false) return "not_discoverable";
  const { credentialID, credentialPublicKey } = parseAuthenticatorData(authenticatorData);
  if (credentialID === undefined || credentialPublicKey === undefined) return "malformed";
  if (toBase64Url(credentialID) !== id) return "wrong_credential";
  return await isUsableKey(credentialPublicKey) ? null : "unsupported_key";
}

async function registrationOf(response: RegistrationResponse, expected: ExpectedCeremony) {
  const { clientDataJSON, attestationObject } = response.response;
  return await verifyRegistrationResponse({
    response: {
      id: response.id,
      rawId: response.rawId,
      type: response.type,
      response: { clientDataJSON, attestationObject },
      clientExtensionResults: {},
    },
    expectedChallenge: expected.challenge,
    expectedOrigin: expected.origin,
    expectedRPID: expected.rpId,
    expectedType: expected.type,
    requireUserVerification: true,
    supportedAlgorithmIDs: Object.values(ALGORITHMS),
  });
}
