import { verifyRegistrationResponse } from "@simplewebauthn/server";
import { decodeAttestationObject, parseAuthenticatorData } from "@simplewebauthn/server/helpers";
import { fromBase64Url, toBase64Url } from "../base/bytes.ts";
import type { PasskeyRecord } from "../store/records/people.ts";
import {
  authenticatorDataFault,
  clientDataFault,
  type ExpectedCeremony,
} from "./ceremony_checks.ts";
import { ALGORITHMS, isUsableKey } from "./cose_key.ts";
import type { PasskeyFault } from "./fault.ts";
import type { RegistrationResponse } from "./responses.ts";

/** A new passkey and all that it must agree with. */
export interface GivenEnrolment {
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
