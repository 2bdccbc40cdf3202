import { EMPTY_ROOT, equalHashes, HASH_BYTES, nodeHash } from "./hash.ts";

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
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  // A hash of another length would shift bytes between the two halves of a node.
  if (![leafHash, root, ...proof].every(isHash)) return false;
  let position = index;
  let last = size - 1;
  let hash = leafHash;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(position) || position === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(position) && position !== 0) {
        position = half(position);
        last = half(last);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 && equalHashes(hash, root);
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
