import { EMPTY_ROOT, nodeHash } from "../base/sha256.ts";

/**
 * The right edge of a Merkle tree: all that appending needs, at most 53 hashes.
 *
 * `peaks` are the roots of the complete subtrees that the `size` leaves split into, the largest
 * first: one for each 1 in the binary form of `size`. A plain object, fit for a structured clone.
 */
export interface CompactRange {
  size: number;
  peaks: Uint8Array[];
}

/** Called for each complete subtree that an append closes: 2^`height` leaves, the `index`th so wide. */
export type SubtreeListener = (height: number, index: number, hash: Uint8Array) => void;

/** The edge of a tree without leaves. */
export function emptyRange(): CompactRange {
  return { size: 0, peaks: [] };
}

/** A copy that appending to does not change the original (hashes are shared, never written to). */
export function cloneRange(range: CompactRange): CompactRange {
  return { size: range.size, peaks: [...range.peaks] };
}

/**
 * Appends one leaf in place, in amortized one node hash.
 *
 * `onSubtree` hears of the leaf itself (height 0) and of every larger subtree that it completes,
 * in growing height.
 */
export function appendLeaf(
  range: CompactRange,
  leafHash: Uint8Array,
  onSubtree?: SubtreeListener,
): void {
  let hash = leafHash;
  let height = 0;
  let index = range.size;
  onSubtree?.(height, index, hash);
  // Like adding one to a binary number: each trailing 1 of the size is a peak that merges.
  while (index % 2 === 1) {
    const left = range.peaks.pop();
    if (left === undefined) throw peakCountError(range);
    hash = nodeHash(left, hash);
    height += 1;
    index = (index - 1) / 2;
    onSubtree?.(height, index, hash);
  }
  range.peaks.push(hash);
  range.size += 1;
}

/** The range with these leaves appended in order; the original stays as it is. */
export function appended(range: CompactRange, leafHashes: Iterable<Uint8Array>): CompactRange {
  const grown = cloneRange(range);
  for (const leafHash of leafHashes) appendLeaf(grown, leafHash);
  return grown;
}

/** Root of the tree with this right edge: MTH(D_n) of RFC 9162 section 2.1.1. */
export function rangeRoot(range: CompactRange): Uint8Array {
  if (range.peaks.length !== onesIn(range.size)) throw peakCountError(range);
  let root: Uint8Array | undefined;
  for (const peak of range.peaks.toReversed()) {
    root = root === undefined ? peak : nodeHash(peak, root);
  }
  return root ?? EMPTY_ROOT;
}

function peakCountError(range: CompactRange): RangeError {
  return new RangeError(
    `Compact range of size ${range.size} has ${range.peaks.length} peaks, expected ${
      onesIn(range.size)
    }: the stored log head is damaged`,
  );
}

/** How many 1s the binary form has; by division, as sizes outgrow 32-bit operators. */
function onesIn(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}
