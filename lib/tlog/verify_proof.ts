import { EMPTY_ROOT, equalHashes, HASH_BYTES, nodeHash } from "../base/sha256.ts";

/**
 * Checks proofs of RFC 9162 with nothing but hashes: what a receipt and an offline verifier need.
 * False for whatever is no proof; never throws. Runs in the browser.
 */

/** One fold of an inclusion proof: the hash so far with the next one of the proof. */
export interface InclusionStep {
  /** On which side of the hash so far this one stands. */
  readonly side: "left" | "right";
  readonly sibling: Uint8Array;
  /** What both give. */
  readonly hash: Uint8Array;
}

/**
 * True when `proof` shows that the leaf hash at `index` is in the tree of `size` leaves with this
 * root: the algorithm of RFC 9162 section 2.1.3.2. A proof too short or too long is refused.
 */
export function verifyInclusion(
  leafHash: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  const steps = inclusionSteps(leafHash, index, size, proof);
  return steps !== null && isHash(root) && equalHashes(steps.at(-1)?.hash ?? leafHash, root);
}

/**
 * The folds that lead from a leaf hash to a root, for who wants to see them; null when the proof is
 * not one for this place in a tree of this size. Which root they must give is the caller's to say.
 */
export function inclusionSteps(
  leafHash: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): InclusionStep[] | null {
  if (!isCount(index) || !isCount(size) || index >= size) return null;
  // A hash of another length would shift bytes between the two halves of a node.
  if (![leafHash, ...proof].every(isHash)) return null;
  let position = index;
  let last = size - 1;
  let hash = leafHash;
  const steps: InclusionStep[] = [];
  for (const sibling of proof) {
    if (last === 0) return null;
    const side = isOdd(position) || position === last ? "left" : "right";
    hash = side === "left" ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
    steps.push({ side, sibling, hash });
    while (side === "left" && !isOdd(position) && position !== 0) {
      position = half(position);
      last = half(last);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 ? steps : null;
}

/**
 * True when `proof` shows that the tree of `from` leaves with `fromRoot` is the beginning of the
 * tree of `to` leaves with `toRoot`: the algorithm of RFC 9162 section 2.1.4.2.
 *
 * Two cases that the RFC leaves out take an empty proof: equal sizes need equal roots, and the
 * empty tree is the beginning of every tree.
 */
export function verifyConsistency(
  from: number,
  to: number,
  fromRoot: Uint8Array,
  toRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isCount(from) || !isCount(to) || from > to) return false;
  if (![fromRoot, toRoot, ...proof].every(isHash)) return false;
  if (from === to) {
    return proof.length === 0 && equalHashes(fromRoot, toRoot) &&
      (to !== 0 || equalHashes(toRoot, EMPTY_ROOT));
  }
  if (from === 0) return proof.length === 0 && equalHashes(fromRoot, EMPTY_ROOT);
  if (proof.length === 0) return false;

  let position = from - 1;
  let last = to - 1;
  while (isOdd(position)) {
    position = half(position);
    last = half(last);
  }
  // When `from` is a power of two, the old root is itself a node of the new tree, and not sent.
  const path = position === 0 ? [fromRoot, ...proof] : proof;
  const [start, ...rest] = path;
  if (start === undefined) return false;
  let oldHash = start;
  let newHash = start;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(position) || position === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (!isOdd(position) && position !== 0) {
        position = half(position);
        last = half(last);
      }
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 && equalHashes(oldHash, fromRoot) && equalHashes(newHash, toRoot);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES;
}

// By arithmetic, not `&` and `>>`, which cut a number to 32 bits.
function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function half(value: number): number {
  return Math.floor(value / 2);
}
