import { createHash, timingSafeEqual } from "node:crypto";

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

/** Whether a text has the form of an S256 challenge (RFC 7636 section 4.2). */
export function isChallenge(text: string): boolean {
  return CHALLENGE.test(text);
}

/** Whether a verifier is the one that a challenge was made of (RFC 7636 section 4.6). */
export function verifies(verifier: string, challenge: string): boolean {
  if (!VERIFIER.test(verifier)) return false;
  const made = createHash("sha256").update(verifier).digest();
  const expected = Uint8Array.fromBase64(challenge, { alphabet: "base64url" });
  return made.length === expected.length && timingSafeEqual(made, expected);
}
