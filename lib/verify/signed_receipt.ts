import { fromBase64Url, toHex } from "../base/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { decodeUtf8 } from "../base/text.ts";
import { jwkThumbprint, verifyEd25519 } from "../tlog/log_key.ts";
import { isIndex, isTime } from "./export_lines.ts";
import { type Finding, meaningOf, wholeFinding } from "./finding.ts";

/**
 * Signed receipts, of the form that is a JWS: what one claims, and whether a key of its time signed
 * that. Runs in the browser.
 */

/** A receipt as it was read; nothing is verified yet. */
export interface SignedReceipt {
  readonly claims: JsonObject;
  readonly kid: string;
  readonly id: string;
  readonly issued_at: string;
  /** Where it says that its entry stands. */
  readonly place: { readonly log: string; readonly index: number; readonly leaf_hash: string };
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** A key of receipts, and when it counts. */
export interface ReceiptKey {
  readonly kid: string;
  /** The public key in Base64url. */
  readonly x: string;
  readonly active_from: string;
  /** Not included; null for a key that none has followed. */
  readonly active_until: string | null;
}

type Read<T> = { readonly ok: true } & T | { readonly ok: false; readonly message: string };

/** Whether a file is a signed receipt, and not an entry with its proof. */
export function isSignedReceipt(value: JsonValue): boolean {
  return isJsonObject(value) && (isJsonObject(value.receipt) || "protected" in value);
}

/** Reads a receipt, as it was answered or by itself. */
export function parseSignedReceipt(value: JsonValue): Read<{ receipt: SignedReceipt }> {
  const jws = isJsonObject(value) && isJsonObject(value.receipt) ? value.receipt : value;
  if (!isJsonObject(jws)) return malformed("is not a JSON object");
  if (jws.schema_version === "4") return malformed("is of the form allowly-4; ask for allowly-5");
  const { protected: head, payload, signature } = jws;
  if (Object.keys(jws).sort().join() !== "payload,protected,signature") {
    return malformed('has other members than "protected", "payload" and "signature"');
  }
  if (typeof head !== "string" || typeof payload !== "string" || typeof signature !== "string") {
    return malformed("has a part that is no text");
  }
  const header = jsonIn(head);
  const claims = jsonIn(payload);
  const bytes = fromBase64Url(signature);
  if (header === null || claims === null || bytes?.length !== 64) {
    return malformed("has a part that is not what Base64url makes of it");
  }
  const { alg, typ, kid } = header;
  if (alg !== "EdDSA" || typ !== "allowly-receipt+jws" || typeof kid !== "string") {
    return malformed('has a header without alg "EdDSA", typ "allowly-receipt+jws" and kid');
  }
  const { receipt_id: id, issued_at, context } = claims;
  const place = isJsonObject(context) ? context.countersign : null;
  if (claims.schema_version !== "5" || typeof id !== "string" || !isTime(issued_at)) {
    return malformed("claims no id, no time, or another version than 5");
  }
  if (
    !isJsonObject(place) || typeof place.log !== "string" || !isIndex(place.index) ||
    typeof place.leaf_hash !== "string"
  ) return malformed("does not say where in a log it stands");
  const { log, index, leaf_hash } = place;
  const signed = new TextEncoder().encode(`${head}.${payload}`);
  const found = { log, index, leaf_hash };
  return {
    ok: true,
    receipt: { claims, kid, id, issued_at, place: found, signed, signature: bytes },
  };
}

/** Reads the document of an organization's keys. */
export function parseReceiptKeys(value: JsonValue): Read<{ org: string; keys: ReceiptKey[] }> {
  if (
    !isJsonObject(value) || typeof value.workspace_id !== "string" || !Array.isArray(value.keys)
  ) {
    return { ok: false, message: 'Keys are not {"workspace_id": …, "keys": […]}' };
  }
  const keys = value.keys.map(keyOf);
  if (!keys.every((key) => key !== null)) {
    return { ok: false, message: "A key is no Ed25519 key with its window and its thumbprint" };
  }
  return { ok: true, org: value.workspace_id, keys };
}

/** A key as it is published, or as the log tells of it; null for what is none. */
export function keyOf(key: JsonValue): ReceiptKey | null {
  if (!isJsonObject(key)) return null;
  const { key_id: kid, public_key: x, active_from, active_until = null } = key;
  if (typeof kid !== "string" || typeof x !== "string" || !isTime(active_from)) return null;
  if (active_until !== null && !isTime(active_until)) return null;
  if (jwkThumbprint({ kty: "OKP", crv: "Ed25519", x }) !== kid) return null;
  return { kid, x, active_from, active_until };
}

/** What came of a check, in words for whoever looks on. JSON. */
export interface SignedVerdict {
  readonly tone: "success" | "danger" | "warning";
  readonly title: string;
  readonly says: string;
}

/** Checks a receipt with the document of keys, as both were read. Never throws. */
export async function signedVerdict(
  value: JsonValue,
  published: JsonValue,
): Promise<SignedVerdict> {
  const read = parseSignedReceipt(value);
  const keys = parseReceiptKeys(published);
  if (!read.ok) return provesNothing(`${read.message}.`);
  if (!keys.ok) return provesNothing(`${keys.message}.`);
  if (read.receipt.claims.workspace_id !== keys.org) {
    return provesNothing("The keys are of another organization.");
  }
  try {
    const finding = await signatureFinding(read.receipt, keys.keys);
    if (finding !== null) return provesNothing(`${finding.what}. ${meaningOf(finding.code)}`);
  } catch (error) {
    const unsupported = error instanceof DOMException && error.name === "NotSupportedError";
    return {
      tone: "warning",
      title: "Not checked",
      says: unsupported
        ? "This browser can't check Ed25519 signatures. Use a current one, or the command line."
        : `The check itself failed, so nothing is proven: ${String(error)}`,
    };
  }
  return {
    tone: "success",
    title: "Your browser checked it: the signature is good",
    says:
      "A key of its time signed exactly these claims. That the key is the organization's, and the " +
      "entry in its log, shows the proof of the entry.",
  };
}

function provesNothing(says: string): SignedVerdict {
  return { tone: "danger", title: "This receipt proves nothing", says };
}

/** What is wrong with a receipt's signature, or null: a key of its time made it. */
export async function signatureFinding(
  { kid, id, issued_at, signed, signature }: SignedReceipt,
  keys: readonly ReceiptKey[],
): Promise<Finding | null> {
  const key = keys.find((one) => one.kid === kid);
  if (key === undefined) {
    const what = `Receipt ${id} is signed by key ${kid}, which is none of the ${keys.length} known`;
    return wholeFinding("unpinned_key", what);
  }
  const { x, active_from, active_until } = key;
  if (issued_at < active_from || (active_until !== null && issued_at >= active_until)) {
    const what = `Receipt ${id} is of ${issued_at}, and key ${kid} counts from ${active_from} to ${
      active_until ?? "now"
    }`;
    return wholeFinding("key_retired", what);
  }
  const isSigned = await verifyEd25519({ kty: "OKP", crv: "Ed25519", x }, signed, signature);
  if (isSigned) return null;
  return wholeFinding("receipt_unsigned", `The signature of receipt ${id} is not by key ${kid}`);
}

/** The fingerprint of a key, as receipts' verifiers compare it; null for what is no key. */
export function fingerprint({ x }: ReceiptKey): string | null {
  const bytes = fromBase64Url(x);
  return bytes === null ? null : `sha256:${toHex(sha256(bytes))}`;
}

function jsonIn(part: string): JsonObject | null {
  const bytes = fromBase64Url(part);
  const text = bytes === null ? null : decodeUtf8(bytes);
  const json = text?.ok ? parseStrictJson(text.text) : null;
  return json?.ok && isJsonObject(json.value) ? json.value : null;
}

function malformed(what: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message: `Receipt ${what}` };
}
