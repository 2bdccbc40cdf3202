import { canonicalJson } from "../json/canonical.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";
import { sha256 } from "../merkle/hash.ts";
import { fromHex, toHex } from "../merkle/hex.ts";
import { entryFinding, type Finding } from "./finding.ts";

export type PrivatePartsResult =
  | { readonly ok: true; readonly checked: number }
  | { readonly ok: false; readonly finding: Finding };

/**
 * Checks the private parts beside an entry against the salted digests inside it.
 *
 * A part that is absent was erased, or may not be seen, and takes nothing from the entry's proof.
 * A part without a digest is wrong: nobody ever committed to it.
 */
export function checkPrivateParts(
  parts: JsonObject,
  data: JsonObject,
  index: number,
): PrivatePartsResult {
  const names = Object.keys(parts);
  for (const name of names) {
    const finding = partProblem(name, parts[name], data, index);
    if (finding !== null) return { ok: false, finding };
  }
  return { ok: true, checked: names.length };
}

function partProblem(
  name: string,
  part: JsonValue | undefined,
  data: JsonObject,
  index: number,
): Finding | null {
  const label = `Private part ${JSON.stringify(name)} of entry ${index}`;
  const salt = isJsonObject(part) && typeof part.salt === "string" ? fromHex(part.salt) : null;
  if (!isJsonObject(part) || salt === null || salt.length === 0 || part.value === undefined) {
    return entryFinding(
      "private_malformed",
      index,
      `${label} is not {"salt": <lower-case hex>, "value": …}`,
    );
  }
  const member = `${name}_digest`;
  const committed = Object.hasOwn(data, member) ? data[member] : undefined;
  if (committed === undefined) {
    return entryFinding(
      "private_digest_missing",
      index,
      `${label} has no digest: the entry's data has no member ${JSON.stringify(member)}`,
    );
  }
  const digest = privateDigest(salt, part.value);
  if (committed === digest) return null;
  return entryFinding(
    "private_digest_mismatch",
    index,
    `${label} has digest ${digest}, but the entry says ${JSON.stringify(committed)}`,
  );
}

/** `"sha256:" + hex(SHA-256(salt || value))`: text as its UTF-8, any other value as its JCS. */
function privateDigest(salt: Uint8Array, value: JsonValue): string {
  const text = new TextEncoder().encode(typeof value === "string" ? value : canonicalJson(value));
  const input = new Uint8Array(salt.length + text.length);
  input.set(salt);
  input.set(text, salt.length);
  return `sha256:${toHex(sha256(input))}`;
}
