import { secretHash } from "../identity/secret.ts";

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** What makes a link nobody else's: 32 random bytes in base64url. */
export function makeLinkSecret(random: (bytes: number) => Uint8Array): string {
  return random(32).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** What the store keeps of a link; null for text that cannot be of one. */
export function linkHash(secret: string): string | null {
  return SECRET.test(secret) ? secretHash(secret) : null;
}
