import { hash } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../base/canonical.ts";
import type { JsonValue } from "../json/json_value.ts";

/** Salt (32 hex digits) and value: with both, anyone can recompute the digest that the leaf carries. */
export const privatePart = z.object({
  salt: z.string(),
  // Taken as it is: a schema that walks it would drop a member called `__proto__`.
  value: z.custom<JsonValue>((value) => value !== undefined, "expected a JSON value"),
});

/** The private parts of one entry, by name. */
export const privateParts = z.record(z.string(), privatePart);

export type PrivateParts = Record<string, { salt: string; value: JsonValue }>;

const SALT_BYTES = 16;

/**
 * How salted digests are made. It stands in every leaf that has any; leaves without it are of
 * version 1, which took a text as it is, so that a value and the text of its JCS had one digest.
 */
export const DIGEST_VERSION = 2;

/**
 * `"sha256:" + hex(SHA-256(salt || JCS(value)))` over the UTF-8 of both. Salts all have the same
 * length, or one could lend its end to the value.
 */
export function saltedDigest(salt: string, value: JsonValue): string {
  return "sha256:" + hash("sha256", salt + canonicalJson(value), "hex");
}

/** Private values, split into what the leaf shows of them and what is kept apart. */
export interface SealedOff {
  /** `<name>_digest` of each, and `digest_version`. */
  readonly digests: Readonly<Record<string, string | number>>;
  readonly parts: PrivateParts;
}

/**
 * Splits private values from what the leaf may show: `<name>_digest` joins the data, value and
 * salt go into the parts. Without the salt a digest tells nothing, not even of a short value.
 */
export function sealOff(
  values: Readonly<Record<string, JsonValue>>,
  random: (bytes: number) => Uint8Array,
): SealedOff {
  const digests: Record<string, string | number> = {};
  const parts: PrivateParts = {};
  for (const [name, value] of Object.entries(values)) {
    const salt = random(SALT_BYTES).toHex();
    digests[`${name}_digest`] = saltedDigest(salt, value);
    parts[name] = { salt, value };
    digests.digest_version = DIGEST_VERSION;
  }
  return { digests, parts };
}
