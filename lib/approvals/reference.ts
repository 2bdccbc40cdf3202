import { encodeCrockford } from "../ids/crockford.ts";

const REFERENCE = /^REF-[0-9A-HJKMNP-TV-Z]{8}-[0-9A-HJKMNP-TV-Z]{4}$/;

/** A new reference for people to say and type: `REF-XXXXXXXX-XXXX`, 60 random bits. */
export function makeReference(random: (bytes: number) => Uint8Array): string {
  const text = encodeCrockford(random(8)).slice(-12).toUpperCase();
  return `REF-${text.slice(0, 8)}-${text.slice(8)}`;
}

/**
 * The reference that somebody typed, as it was made: small letters count as capitals, and the
 * letters that Crockford's alphabet leaves out as the digits they look like. Null for other text.
 */
export function readReference(typed: string): string | null {
  const upper = typed.toUpperCase();
  if (!upper.startsWith("REF-")) return null;
  const text = "REF-" + upper.slice(4).replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  return REFERENCE.test(text) ? text : null;
}
