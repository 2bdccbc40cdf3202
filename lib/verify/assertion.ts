import { fromBase64Url } from "../base/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import type { CeremonyFault } from "../passkeys/fault.ts";
import type { FindingCode } from "./finding.ts";

/** The answers of passkeys as a log keeps them, of members and of users, and what can be wrong with one. */

/** What a fault of a ceremony is as a finding. */
export const CEREMONY_FINDINGS: Record<
  CeremonyFault,
  readonly [code: FindingCode, problem: string]
> = {
  malformed: ["assertion_malformed", "holds client data or authenticator data that is none"],
  wrong_type: ["assertion_elsewhere", "was not made by using a passkey"],
  wrong_challenge: ["assertion_challenge_mismatch", "holds the challenge of another statement"],
  wrong_origin: ["assertion_elsewhere", "was made on another origin than the statement's"],
  cross_origin: ["assertion_elsewhere", "was made inside a page of another site"],
  wrong_rp_id: ["assertion_elsewhere", "was made for another RP id than the statement's"],
  user_not_present: ["assertion_user_unverified", "was made without anyone present"],
  user_not_verified: ["assertion_user_unverified", "was made without verifying the person"],
};

/** A stored assertion, decoded; nothing about it is verified yet. */
export interface AssertionBytes {
  readonly statement: JsonObject;
  /** As leaves name it. */
  readonly credential: string;
  readonly authenticatorData: Uint8Array<ArrayBuffer>;
  readonly clientDataJson: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** Reads the private part `assertion` of a decision, or says why it is none. */
export function readBytes(value: JsonValue): AssertionBytes | { readonly problem: string } {
  if (!isJsonObject(value)) return { problem: "is not an object" };
  const { statement, credential_id: id } = value;
  if (typeof id !== "string" || fromBase64Url(id) === null) {
    return { problem: 'has no "credential_id" in base64url' };
  }
  if (!isJsonObject(statement)) return { problem: 'has no object "statement"' };
  const authenticatorData = bytesOf(value, "authenticator_data");
  const clientDataJson = bytesOf(value, "client_data_json");
  const signature = bytesOf(value, "signature");
  if (authenticatorData === null || clientDataJson === null || signature === null) {
    return {
      problem: 'has no "authenticator_data", "client_data_json" and "signature" in base64url',
    };
  }
  const credential = credentialDigest(id);
  return { statement, credential, authenticatorData, clientDataJson, signature };
}

function bytesOf(value: JsonObject, name: string): Uint8Array<ArrayBuffer> | null {
  const text = value[name];
  return typeof text === "string" ? fromBase64Url(text) : null;
}

/** How leaves name the credential of this id; null for what is none. */
export function digestOrNull(id: JsonValue): string | null {
  return bytesOrNull(id) === null ? null : credentialDigest(String(id));
}

/** Bytes out of base64url; null for what is none. */
export function bytesOrNull(value: JsonValue): Uint8Array<ArrayBuffer> | null {
  return typeof value === "string" ? fromBase64Url(value) : null;
}
