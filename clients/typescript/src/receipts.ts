import { objectOf } from "./answers.ts";
import { NotGenuine } from "./errors.ts";
import {
  fromBase64,
  fromHex,
  leafHash,
  openCheckpoint,
  rootFromInclusion,
  signedBy,
  toHex,
} from "./proof.ts";

/** A public key of a log, or of its receipts, as the service publishes it. */
export interface LogKey {
  readonly x: string;
  readonly kid: string;
  readonly origin?: string;
  /** Of a key that was replaced: how many entries it may sign for. */
  readonly retired_size?: number | null;
}

/** `/.well-known/countersign/keys/:org_id`. */
export interface LogKeys {
  readonly keys: readonly LogKey[];
}

/** A key of signed receipts, with the time in which it counts. */
export interface ReceiptKey {
  readonly key_id: string;
  readonly public_key: string;
  readonly active_from: string;
  readonly active_until: string | null;
}

/** `/.well-known/countersign/receipt-keys/:org_id`. */
export interface ReceiptKeys {
  readonly workspace_id: string;
  readonly keys: readonly ReceiptKey[];
}

type Json = Readonly<Record<string, unknown>>;

/** An entry of the log that is shown to be in it. */
export interface Checked {
  readonly entry: Json;
  readonly index: number;
  /** Entries that the signed checkpoint covers. */
  readonly size: number;
  readonly origin: string;
  readonly kid: string;
  /** Whether the key was known before, and not only brought along. */
  readonly trusted: boolean;
}

/**
 * Checks a receipt by itself: the entry has the leaf's hash, the leaf is at its place in a tree, and
 * the log's key signed that tree.
 * @param keys those that are trusted; without them the receipt's own, which proves one piece only
 * @throws {NotGenuine}
 */
export async function verifiedReceipt(receipt: Json, keys?: LogKeys): Promise<Checked> {
  const entry = objectOf(receipt["entry"]);
  const own = objectOf(receipt["key"]);
  const { index, size, checkpoint, inclusion, leaf_hash } = receipt;
  if (
    entry === null || own === null || typeof index !== "number" || typeof size !== "number" ||
    typeof checkpoint !== "string" || !Array.isArray(inclusion) || typeof own["x"] !== "string" ||
    typeof own["kid"] !== "string"
  ) {
    throw new NotGenuine("The receipt lacks a part: entry, index, size, proof, checkpoint or key");
  }
  if (receipt["v"] !== undefined && receipt["v"] !== 1) {
    throw new NotGenuine("The receipt is of a newer version than this verifier knows");
  }
  const key = trustedKey({ x: own["x"], kid: own["kid"] }, keys);
  const leaf = await leafHash(entry);
  if (toHex(leaf) !== leaf_hash) throw new NotGenuine("The entry does not have the leaf's hash");
  if (entry["index"] !== index) throw new NotGenuine("The entry has another place than is said");
  const signed = await openCheckpoint(checkpoint, fromBase64(key.x));
  if (signed.size !== size) throw new NotGenuine("The checkpoint is of another tree");
  if (typeof key.retired_size === "number" && size > key.retired_size) {
    throw new NotGenuine("The key had been replaced before it signed that tree");
  }
  const path = inclusion.map((hash) => fromHex(typeof hash === "string" ? hash : "?"));
  const root = await rootFromInclusion({ index, size, leaf, path });
  if (toHex(root) !== toHex(signed.root)) throw new NotGenuine("The entry is not in that tree");
  return { entry, index, size, origin: signed.origin, kid: key.kid, trusted: keys !== undefined };
}

function trustedKey(own: LogKey, keys: LogKeys | undefined): LogKey {
  if (keys === undefined) return own;
  const known = keys.keys.find(({ x }) => x === own.x);
  if (known === undefined) throw new NotGenuine("The receipt's key is none of those trusted");
  return known;
}

/** A signed receipt, and what it says. */
export interface SignedReceipt {
  readonly receipt: Json;
  readonly claims: Json;
  /** Whether the keys were known before, and not asked for with it. */
  readonly trusted: boolean;
}

/** Whose a signed receipt says it is: not believed, but where its keys are to be had. */
export function organizationOf({ payload }: Json): string {
  const claims = typeof payload === "string" ? jsonOf(payload) : {};
  const id = claims["workspace_id"];
  if (typeof id !== "string") throw new NotGenuine("The receipt names no organization");
  return id;
}

/** Claims of a signed receipt (`rcp_…`), once they are shown to be signed in time by a known key. */
export async function verifiedClaims(jws: Json, keys: ReceiptKeys): Promise<Json> {
  const { protected: header, payload, signature } = jws;
  if (
    typeof header !== "string" || typeof payload !== "string" || typeof signature !== "string" ||
    Object.keys(jws).length !== 3
  ) {
    throw new NotGenuine("A signed receipt is {protected, payload, signature}");
  }
  const { alg, kid, typ } = jsonOf(header);
  if (alg !== "EdDSA" || typ !== "allowly-receipt+jws") {
    throw new NotGenuine("It is signed in another way than receipts are");
  }
  const claims = jsonOf(payload);
  const key = keys.keys.find(({ key_id }) => key_id === kid);
  if (key === undefined) throw new NotGenuine("The receipt's key is none of those trusted");
  if (claims["workspace_id"] !== keys.workspace_id) {
    throw new NotGenuine("The receipt is of another organization");
  }
  const at = Date.parse(String(claims["issued_at"]));
  const until = key.active_until === null ? Infinity : Date.parse(key.active_until);
  if (!(at >= Date.parse(key.active_from) && at < until)) {
    throw new NotGenuine("The key did not count when the receipt says it was issued");
  }
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  if (!await signedBy(fromBase64(key.public_key), fromBase64(signature), signed)) {
    throw new NotGenuine("The signature is not that key's");
  }
  return claims;
}

function jsonOf(part: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(fromBase64(part)));
  } catch {
    value = null;
  }
  const object = objectOf(value);
  if (object === null) throw new NotGenuine("A part of the receipt cannot be read");
  return object;
}
