import { sha256 as scriptedSha256 } from "@noble/hashes/sha2.js";
import { joinBytes } from "./bytes.ts";

/**
 * SHA-256, and the hashes of RFC 9162 made of it: a leaf and an inner node are told apart by their
 * first byte, so that none passes for the other. Runs in the browser.
 */

/** Length of a SHA-256 hash in bytes. */
export const HASH_BYTES = 32;

const LEAF_PREFIX = Uint8Array.of(0x00);

const NODE_PREFIX = 0x01;

interface Runtime {
  readonly process?: {
    getBuiltinModule?(name: "node:crypto"): typeof import("node:crypto") | undefined;
  };
}

/**
 * The runtime's own hashing. Asked for, not imported: a browser, which verifies proofs by these
 * functions too, has no such module and would refuse to load this one. There a library's script
 * does it, for a browser's own hashing answers later, and these functions at once.
 */
const native = (globalThis as Runtime).process?.getBuiltinModule?.("node:crypto");

/** Root of the tree without leaves: SHA-256 of the empty string (RFC 9162 section 2.1.1). */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0));

/** SHA-256 of `bytes`, synchronously: on small inputs many times faster than WebCrypto. */
export function sha256(bytes: Uint8Array): Uint8Array {
  if (native === undefined) return scriptedSha256(bytes);
  // By way of hex: the runtime gives text back faster than bytes.
  return Uint8Array.fromHex(native.hash("sha256", bytes, "hex"));
}

/** Hash of a leaf: SHA-256(0x00 || `leafBytes`) (RFC 9162 section 2.1.1). */
export function leafHash(leafBytes: Uint8Array): Uint8Array {
  if (native === undefined) return scriptedSha256(joinBytes([LEAF_PREFIX, leafBytes]));
  // Two updates are cheaper than copying the leaf behind its prefix.
  return plain(native.createHash("sha256").update(LEAF_PREFIX).update(leafBytes).digest());
}

/**
 * Hash of a leaf that is stored as `0x00 || leaf bytes`, without copying it.
 *
 * Throws a `RangeError` if the prefix is absent: without it a leaf could pass for an inner node.
 */
export function prefixedLeafHash(prefixedBytes: Uint8Array): Uint8Array {
  if (prefixedBytes[0] !== 0x00) {
    throw new RangeError(
      `Cannot hash a stored leaf: its first byte is ${prefixedBytes[0] ?? "absent"}, expected 0`,
    );
  }
  return sha256(prefixedBytes);
}

/** What is hashed for an inner node. The same each time: making it would take as long as hashing it. */
const node = new Uint8Array(1 + 2 * HASH_BYTES);
node[0] = NODE_PREFIX;

/** Hash of an inner node: SHA-256(0x01 || `left` || `right`) (RFC 9162 section 2.1.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) {
    throw new RangeError(`Cannot hash a node of ${left.length} and ${right.length} bytes`);
  }
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return sha256(node);
}

/** True when both hashes have the same bytes. Roots and proofs are public: no constant time needed. */
export function equalHashes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** A `Buffer` seen as the plain `Uint8Array` that stores and structured clones keep as it is. */
function plain(digest: Uint8Array): Uint8Array {
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength);
}
