import { fromBase64Url, toBase64Url } from "../base/bytes.ts";
import { canonicalJson } from "../base/canonical.ts";
import type { JsonObject } from "../base/json.ts";
import {
  type Ed25519PublicJwk,
  type LogKey,
  logKey,
  type LogSigner,
  orgOfOrigin,
  parsePublicJwk,
  signEd25519,
  verifyEd25519,
} from "./log_key.ts";

/**
 * How a log's key hands over to the next: a statement that both sign, as an entry of the log
 * carries it.
 */

/** The data of a `log_key.rotated` entry: the old key hands its log over, the new one accepts. */
export interface KeyRotation {
  old_kid: string;
  new_key: { kty: "OKP"; crv: "Ed25519"; x: string };
  /** Both in Base64url, both over `rotationMessage`. */
  signature_by_old: string;
  signature_by_new: string;
}

type RotationResult =
  | { readonly ok: true; readonly newKey: LogKey }
  | {
    readonly ok: false;
    readonly code:
      | "malformed_rotation"
      | "other_old_key"
      | "bad_old_signature"
      | "bad_new_signature";
    readonly message: string;
  };

/**
 * What both keys sign: JCS (RFC 8785) of the statement, whose `type` keeps the bytes apart from
 * every other thing that a log key signs.
 *
 * `org` and `origin` are in it so that no statement can be carried over to another log.
 */
function rotationMessage(
  origin: string,
  oldKid: string,
  newKey: Ed25519PublicJwk,
): Uint8Array<ArrayBuffer> {
  const org = orgOfOrigin(origin);
  if (org === null) throw new RangeError(`Origin "${origin}" is not "<host>/log/<org_id>"`);
  return new TextEncoder().encode(canonicalJson({
    v: 1,
    type: "countersign.log-key-rotation",
    org,
    origin,
    old_kid: oldKid,
    new_key: { kty: newKey.kty, crv: newKey.crv, x: newKey.x },
  }));
}

/** Signs the hand-over from one key of a log to the next, by both. */
export async function signRotation(old: LogSigner, next: LogSigner): Promise<KeyRotation> {
  const { origin, kid } = old.key;
  if (next.key.origin !== origin || next.key.kid === kid) {
    throw new RangeError(
      `Cannot rotate key ${kid} of "${origin}" to key ${next.key.kid} of "${next.key.origin}": ` +
        "expected another key of the same log",
    );
  }
  const { kty, crv, x } = next.key.publicKey;
  const message = rotationMessage(origin, kid, next.key.publicKey);
  return {
    old_kid: kid,
    new_key: { kty, crv, x },
    signature_by_old: toBase64Url(await signEd25519(old.privateKey, message)),
    signature_by_new: toBase64Url(await signEd25519(next.privateKey, message)),
  };
}

/**
 * Verifies the data of a `log_key.rotated` entry against the old key and gives the new one.
 *
 * The old key's signature carries the trust over; the new key's proves that its holder has it, so
 * that nobody can be made to answer for a key that is not theirs.
 */
export async function verifyRotation(data: JsonObject, oldKey: LogKey): Promise<RotationResult> {
  const { old_kid, new_key, signature_by_old, signature_by_new } = data;
  const newKey = parsePublicJwk(new_key);
  const byOld = typeof signature_by_old === "string" ? fromBase64Url(signature_by_old) : null;
  const byNew = typeof signature_by_new === "string" ? fromBase64Url(signature_by_new) : null;
  if (newKey === null || byOld === null || byNew === null) {
    return refused("malformed_rotation", "it lacks a well-formed new_key or one of the signatures");
  }
  if (old_kid !== oldKey.kid) {
    return refused(
      "other_old_key",
      `it replaces key ${JSON.stringify(old_kid ?? null)}, not ${oldKey.kid}`,
    );
  }
  const message = rotationMessage(oldKey.origin, oldKey.kid, newKey);
  if (!await verifyEd25519(oldKey.publicKey, message, byOld)) {
    return refused("bad_old_signature", `the old key ${oldKey.kid} did not sign it`);
  }
  if (!await verifyEd25519(newKey, message, byNew)) {
    return refused("bad_new_signature", "the new key did not sign it");
  }
  return { ok: true, newKey: logKey(oldKey.origin, newKey) };
}

function refused(
  code: Extract<RotationResult, { ok: false }>["code"],
  message: string,
): RotationResult {
  return { ok: false, code, message };
}
