import { toHex } from "../base/bytes.ts";
import { canonicalJson } from "../base/canonical.ts";
import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import { entryFinding, type Finding } from "./finding.ts";

/**
 * Private parts beside an entry, held against the salted digests in it. One that is absent was
 * erased, and is no fault.
 */

type PrivatePartsResult =
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
  if (names.length === 0) return { ok: true, checked: 0 };
  const { digest_version: version = 1 } = data;
  const digestOf = DIGESTS.get(version);
  if (digestOf === undefined) {
    const what = `Entry ${index} has salted digests of version ` +
      `${JSON.stringify(version)}, expected 1 or 2`;
    return { ok: false, finding: entryFinding("entry_malformed", index, what) };
  }
  for (const name of names) {
    const finding = partProblem(name, parts[name], { data, index, digestOf });
    if (finding !== null) return { ok: false, finding };
  }
  return { ok: true, checked: names.length };
}

/** The value of a private part that was checked; undefined when it is not there. */
export function privateValue(parts: JsonObject | null, name: string): JsonValue | undefined {
  const part = memberOf(parts ?? undefined, name);
  return isJsonObject(part) ? part.value : undefined;
}

function partProblem(
  name: string,
  part: JsonValue | undefined,
  { data, index, digestOf }: {
    readonly data: JsonObject;
    readonly index: number;
    readonly digestOf: SaltedDigest;
  },
): Finding | null {
  const label = `Private part ${JSON.stringify(name)} of entry ${index}`;
  const salt = isJsonObject(part) && typeof part.salt === "string" ? part.salt : "";
  // A salt of another length could lend its end to the value, and prove two values by one digest.
  if (!isJsonObject(part) || !SALT.test(salt) || part.value === undefined) {
    return entryFinding(
      "private_malformed",
      index,
      `${label} is not {"salt": <32 lower-case hex digits>, "value": …}`,
    );
  }
  const member = `${name}_digest`;
  const committed = memberOf(data, member);
  if (committed === undefined) {
    return entryFinding(
      "private_digest_missing",
      index,
      `${label} has no digest: the entry's data has no member ${JSON.stringify(member)}`,
    );
  }
  const digest = digestOf(salt, part.value);
  if (committed === digest) return null;
  return entryFinding(
    "private_digest_mismatch",
    index,
    `${label} has digest ${digest}, but the entry says ${JSON.stringify(committed)}`,
  );
}

const SALT = /^[0-9a-f]{32}$/;

type SaltedDigest = (salt: string, value: JsonValue) => string;

/**
 * What `digest_version` stands for; absent is 1. Both are `"sha256:" + hex(SHA-256(salt || text))`.
 * Version 1 took a text as it is, so that it could not tell `{"a":1}` from the text of that.
 */
const DIGESTS: ReadonlyMap<JsonValue, SaltedDigest> = new Map([
  [1, (salt, value) => digest(salt + (typeof value === "string" ? value : canonicalJson(value)))],
  [2, (salt, value) => digest(salt + canonicalJson(value))],
]);

function digest(text: string): string {
  return `sha256:${toHex(sha256(new TextEncoder().encode(text)))}`;
}
