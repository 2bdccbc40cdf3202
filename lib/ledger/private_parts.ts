import { createHash } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../json/canonical.ts";
import type { JsonObject, JsonValue } from "../json/json_value.ts";

/** Salt in hex and value: with both, anyone can recompute the digest that the leaf carries. */
export const privatePart = z.object({ salt: z.string(), value: z.json() });

/** The private parts of one entry, by name. */
export const privateParts = z.record(z.string(), privatePart);
export type PrivateParts = Record<string, { salt: string; value: JsonValue }>;

const SALT_BYTES = 16;

/** `"sha256:" + hex(SHA-256(salt || value))`; a text counts as its UTF-8, other values as JCS. */
export function saltedDigest(salt: Uint8Array, value: JsonValue): string {
  const text = typeof value === "string" ? value : canonicalJson(value);
  return "sha256:" + createHash("sha256").update(salt).update(text).digest("hex");
}

/**
 * Splits private values from what the leaf may show: `<name>_digest` joins the data, value and
 * salt go into the parts. Without the salt a digest tells nothing, not even of a short value.
 */
export function sealOff(
  values: Readonly<Record<string, JsonValue>>,
  random: (bytes: number) => Uint8Array,
): { digests: JsonObject; parts: PrivateParts } {
  const digests: JsonObject = {};
  const parts: PrivateParts = {};
  for (const [name, value] of Object.entries(values)) {
    const salt = random(SALT_BYTES);
    digests[`${name}_digest`] = saltedDigest(salt, value);
    parts[name] = { salt: salt.toHex(), value };
  }
  return { digests, parts };
}
