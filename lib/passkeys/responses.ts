import { z } from "zod";
import { fromBase64Url, joinBytes } from "../base/bytes.ts";
import { isJsonObject } from "../base/json.ts";
import { equalHashes, sha256 } from "../base/sha256.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { decodeUtf8 } from "../base/text.ts";
import type { CeremonyFault } from "./fault.ts";

/**
 * The answers of passkeys as browsers send them, and the circumstances in which they were made, which
 * they carry along: for the service, and for whoever checks its log. Members not named here are
 * dropped: browsers add some with time, and nothing here depends on them.
 */

/** Most bytes of a credential id (WebAuthn Level 2, section 4). */
const CREDENTIAL_ID_BYTES = 1023;

/** Of each other part. Assertions must fit a private part of the log; real ones are a fifth. */
const PART_BYTES = 1024;

/** An attestation object carries a key; with an RSA key it is about 600 bytes. */
const ATTESTATION_BYTES = 4096;

/** Most bytes of a user handle (WebAuthn Level 2, section 5.4.3). */
const USER_HANDLE_BYTES = 64;

function base64Url(minimum: number, maximum: number) {
  return z.string().max(Math.ceil(maximum * 4 / 3)).refine((text) => {
    const bytes = fromBase64Url(text);
    return bytes !== null && bytes.length >= minimum && bytes.length <= maximum;
  }, `expected ${minimum} to ${maximum} bytes in base64url`);
}

const credentialId = base64Url(1, CREDENTIAL_ID_BYTES);

/** Values that are not known count as absent, as WebAuthn Level 2 section 5.1 wants it. */
const authenticatorAttachment = z.string().max(64).nullish().transform((text) =>
  text === "platform" || text === "cross-platform" ? text : null
);

const common = {
  id: credentialId,
  rawId: credentialId,
  type: z.literal("public-key"),
  authenticatorAttachment,
};

/** What `navigator.credentials.get` gives, as JSON. */
export const assertionResponse = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64Url(1, PART_BYTES),
    authenticatorData: base64Url(37, PART_BYTES),
    signature: base64Url(1, PART_BYTES),
    userHandle: base64Url(0, USER_HANDLE_BYTES).nullish(),
  }),
}).refine(({ id, rawId }) => id === rawId, "id and rawId differ");

export type AssertionResponse = z.infer<typeof assertionResponse>;

/** What `navigator.credentials.create` gives, as JSON. */
export const registrationResponse = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64Url(1, PART_BYTES),
    attestationObject: base64Url(1, ATTESTATION_BYTES),
    transports: z.array(z.string().regex(/^[a-z0-9-]{1,32}$/)).max(8).default([]),
  }),
  clientExtensionResults: z.object({
    credProps: z.object({ rk: z.boolean().optional() }).optional(),
  }).default({}),
}).refine(({ id, rawId }) => id === rawId, "id and rawId differ");

export type RegistrationResponse = z.infer<typeof registrationResponse>;

/** A new passkey out of a form field; null when the text is none. */
export function parseRegistrationResponse(text: string): RegistrationResponse | null {
  const json = parseStrictJson(text);
  return json.ok ? registrationResponse.safeParse(json.value).data ?? null : null;
}

/** What a ceremony has to be. */
export interface ExpectedCeremony {
  readonly type: "webauthn.get" | "webauthn.create";
  /** base64url. */
  readonly challenge: string;
  readonly origin: string;
  readonly rpId: string;
}

const RP_ID_HASH_BYTES = 32;

const COUNTER_AT = 33;

const MINIMUM_BYTES = 37;

const USER_PRESENT = 0x01;

const USER_VERIFIED = 0x04;

/**
 * What is wrong with the client data, which the browser wrote and the passkey signed
 * (WebAuthn Level 2, sections 7.1 steps 5 to 9 and 7.2 steps 9 to 13); null when nothing is.
 */
export function clientDataFault(
  clientDataJson: Uint8Array,
  expected: ExpectedCeremony,
): CeremonyFault | null {
  const text = decodeUtf8(clientDataJson);
  const json = text.ok ? parseStrictJson(text.text) : text;
  if (!json.ok || !isJsonObject(json.value)) return "malformed";
  const { type, challenge, origin, crossOrigin, topOrigin } = json.value;
  if (type !== expected.type) return "wrong_type";
  if (challenge !== expected.challenge) return "wrong_challenge";
  if (origin !== expected.origin) return "wrong_origin";
  // In a frame of a stranger's page the person may not see what the passkey is asked for.
  if ((crossOrigin !== undefined && crossOrigin !== false) || topOrigin !== undefined) {
    return "cross_origin";
  }
  return null;
}

/**
 * What is wrong with the authenticator data (WebAuthn Level 2, section 6.1): made for this RP id,
 * with the person present and verified. Null when nothing is.
 */
export function authenticatorDataFault(data: Uint8Array, rpId: string): CeremonyFault | null {
  if (data.length < MINIMUM_BYTES) return "malformed";
  const rpIdHash = sha256(new TextEncoder().encode(rpId));
  if (!equalHashes(data.subarray(0, RP_ID_HASH_BYTES), rpIdHash)) return "wrong_rp_id";
  const flags = data[RP_ID_HASH_BYTES] ?? 0;
  if ((flags & USER_PRESENT) === 0) return "user_not_present";
  if ((flags & USER_VERIFIED) === 0) return "user_not_verified";
  return null;
}

/** How often the passkey says it was used; 0 where it does not count. */
export function signatureCounter(data: Uint8Array): number {
  return new DataView(data.buffer, data.byteOffset).getUint32(COUNTER_AT);
}

/** What a passkey signs when it is used (WebAuthn Level 2, section 7.2 steps 19 and 20). */
export function signedMessage(
  authenticatorData: Uint8Array,
  clientDataJson: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return joinBytes([authenticatorData, sha256(clientDataJson)]);
}
