import { Buffer } from "node:buffer";
import { createPrivateKey, hash, sign } from "node:crypto";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { Ed25519PrivateJwk } from "../tlog/log_key.ts";
import type { Claims } from "./claims.ts";

/**
 * Claims become a signed receipt, in the two forms that its verifiers read. The signature is Ed25519,
 * which takes no randomness: the same claims and key give the same bytes every time.
 */

/** The forms in which receipts are handed out. */
export const WIRES = ["allowly-5", "allowly-4"] as const;

export type Wire = (typeof WIRES)[number];

/** `allowly-5`: a JWS (RFC 7515) of which each part stands by itself, in unpadded Base64url. */
export interface SignedJws {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

/** `allowly-4`: the claims as they are, the signature over all that stands beside it. */
export type SignedClaims =
  & Omit<Claims, "schema_version" | "policy_ref">
  & {
    readonly schema_version: "4";
    readonly alg: "Ed25519";
    readonly key_id: string;
    readonly signature: string;
  };

/** The type of a receipt in its own header. */
const JWS_TYPE = "allowly-receipt+jws";

/** The key that signs a receipt. */
export interface ReceiptSigner {
  readonly kid: string;
  readonly jwk: Ed25519PrivateJwk;
}

/** The receipt in one of its forms. @throws {TypeError} for claims that have no canonical form */
export function signReceipt(
  claims: Claims,
  signer: ReceiptSigner,
  wire: Wire,
): SignedJws | SignedClaims {
  return wire === "allowly-5" ? signedJws(claims, signer) : signedClaims(claims, signer);
}

function signedJws(claims: Claims, { kid, jwk }: ReceiptSigner): SignedJws {
  const header = base64Url(evidenceJson({ alg: "EdDSA", kid, typ: JWS_TYPE }));
  const payload = base64Url(evidenceJson({ ...claims }));
  return { protected: header, payload, signature: signatureOf(`${header}.${payload}`, jwk) };
}

function signedClaims(claims: Claims, { kid, jwk }: ReceiptSigner): SignedClaims {
  const { policy_ref: _ref, ...rest } = claims;
  const signed = { ...rest, schema_version: "4", alg: "Ed25519", key_id: kid } as const;
  return { ...signed, signature: signatureOf(evidenceJson({ ...signed }), jwk) };
}

function signatureOf(text: string, jwk: Ed25519PrivateJwk): string {
  const key = createPrivateKey({ key: { ...jwk }, format: "jwk" });
  return sign(null, Buffer.from(text), key).toString("base64url");
}

function base64Url(text: string): string {
  return Buffer.from(text).toString("base64url");
}

/** How deep a value may be nested. */
const MAX_DEPTH = 32;

/** Escapes that `JSON.stringify` writes short. */
const SHORT: Readonly<Record<string, string>> = {
  "\\b": "\\u0008",
  "\\t": "\\u0009",
  "\\n": "\\u000a",
  "\\f": "\\u000c",
  "\\r": "\\u000d",
};

/**
 * The canonical text of receipts. It differs from RFC 8785 in that every control character is written
 * as `\u00xx`, and in that numbers are whole and exact.
 * @throws {TypeError} for other numbers, for half a surrogate pair, and for what is nested too deep
 */
export function evidenceJson(value: JsonValue, depth = 1): string {
  if (depth > MAX_DEPTH) throw new TypeError(`Value is nested deeper than ${MAX_DEPTH}`);
  if (typeof value === "string") return text(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new TypeError(`Number ${value} is not whole and exact`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map((one) => evidenceJson(one, depth + 1)).join()}]`;
  if (!isJsonObject(value)) return String(value);
  // The order of `sort` is that of UTF-16 code units.
  const members = Object.keys(value).sort().map((name) =>
    `${text(name)}:${evidenceJson(value[name] ?? null, depth + 1)}`
  );
  return `{${members.join()}}`;
}

function text(value: string): string {
  if (!value.isWellFormed()) throw new TypeError("Text has half a surrogate pair");
  return JSON.stringify(value).replace(/\\./g, (escape) => SHORT[escape] ?? escape);
}

/** Hex of the SHA-256 of the canonical text. @throws {TypeError} as `evidenceJson` */
export function evidenceDigest(value: JsonValue): string {
  return hash("sha256", evidenceJson(value), "hex");
}
