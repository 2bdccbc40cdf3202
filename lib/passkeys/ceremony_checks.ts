import { equalHashes, sha256 } from "../base/sha256.ts";
import { joinBytes } from "../bytes/join_bytes.ts";
import { decodeUtf8 } from "../json/decode_utf8.ts";
import { isJsonObject } from "../json/json_value.ts";
import { parseStrictJson } from "../json/parse_strict.ts";
import type { CeremonyFault } from "./fault.ts";

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
  return new Uint8Array(joinBytes([authenticatorData, sha256(clientDataJson)]));
}
