import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from "@simplewebauthn/server";
import { hash } from "node:crypto";
import { toBase64Url } from "../base/bytes.ts";
import { sha256 } from "../base/sha256.ts";
import type { AccountRecord, PasskeyRecord } from "../store/records/people.ts";
import { ALGORITHMS } from "./cose_key.ts";
import { notedText, type Statement, statementBytes } from "./statement.ts";

/**
 * What a browser is asked for in a ceremony, and the challenge of it: the hash of a statement that
 * both sides make for themselves.
 */

/** The challenge of a statement: SHA-256 of its RFC 8785 form. */
export function challengeBytes(statement: Statement): Uint8Array {
  return sha256(statementBytes(statement));
}

/** The challenge in base64url, as WebAuthn's JSON and the client data have it. */
export function challengeText(statement: Statement): string {
  return toBase64Url(challengeBytes(statement));
}

/** `sha256:` and the hex SHA-256 of a note as it was typed, not scrubbed; null without one. */
export function noteDigest(note: string | null): string | null {
  const text = notedText(note);
  return text === null ? null : `sha256:${hash("sha256", text, "hex")}`;
}

/** How long a person has for a ceremony, in milliseconds: as long as its nonce lives. */
export const CEREMONY_MS = 5 * 60_000;

/** A passkey as far as a browser has to know it. */
type KnownPasskey = Pick<PasskeyRecord, "credential_id" | "transports">;

/** What the browser is asked for when a passkey is made. */
interface CreationRequest {
  readonly rpId: string;
  /** base64url. */
  readonly challenge: string;
  readonly account: Pick<AccountRecord, "id" | "email">;
  /** The passkeys that the account has: a device that holds one of them makes no second. */
  readonly passkeys: readonly KnownPasskey[];
}

/** Options for `navigator.credentials.create`: discoverable, with user verification. */
export function creationOptions(request: CreationRequest): PublicKeyCredentialCreationOptionsJSON {
  const { rpId, challenge, account, passkeys } = request;
  return {
    rp: { id: rpId, name: "Countersign" },
    user: { id: userHandleOf(account.id), name: account.email, displayName: account.email },
    challenge,
    pubKeyCredParams: Object.values(ALGORITHMS).map((alg) => ({ alg, type: "public-key" })),
    timeout: CEREMONY_MS,
    excludeCredentials: passkeys.map(descriptor),
    authenticatorSelection: {
      residentKey: "required",
      requireResidentKey: true,
      userVerification: "required",
    },
    attestation: "none",
    extensions: { credProps: true },
  };
}

/** What the browser is asked for when a passkey is used. */
interface AssertionRequest {
  readonly rpId: string;
  /** base64url. */
  readonly challenge: string;
  /** The passkeys that may answer; none where the person is not known yet and chooses one. */
  readonly passkeys: readonly KnownPasskey[];
}

/** Options for `navigator.credentials.get`, with user verification. */
export function requestOptions(request: AssertionRequest): PublicKeyCredentialRequestOptionsJSON {
  const { rpId, challenge, passkeys } = request;
  return {
    rpId,
    challenge,
    timeout: CEREMONY_MS,
    userVerification: "required",
    ...(passkeys.length === 0 ? {} : { allowCredentials: passkeys.map(descriptor) }),
  };
}

function descriptor({ credential_id, transports }: KnownPasskey) {
  const known = { id: credential_id, type: "public-key" };
  // An empty list would say that the passkey cannot be reached in any way.
  return transports.length === 0 ? known : { ...known, transports: [...transports] };
}

/** The name that passkeys carry for an account: its id in base64url, which tells nothing of the person. */
export function userHandleOf(account: string): string {
  return toBase64Url(new TextEncoder().encode(account));
}
