import { joinBytes } from "../base/bytes.ts";
import { EMPTY_ROOT, HASH_BYTES, nodeHash } from "../base/sha256.ts";

/**
 * A Merkle tree that grows (RFC 9162): its right edge, which appending and the root need, and the
 * tiles that proofs are read from. Pure.
 */

/**
 * The right edge of a Merkle tree: all that appending needs, at most 53 hashes.
 *
 * `peaks` are the roots of the complete subtrees that the `size` leaves split into, the largest
 * first: one for each 1 in the binary form of `size`. A plain object, fit for a structured clone.
 */
interface CompactRange {
  size: number;
  peaks: Uint8Array[];
}

/** Called for each complete subtree that an append closes: 2^`height` leaves, the `index`th so wide. */
type SubtreeListener = (height: number, index: number, hash: Uint8Array) => void;

/** The edge of a tree without leaves. */
export function emptyRange(): CompactRange {
  return { size: 0, peaks: [] };
}

/** A copy that appending to does not change the original (hashes are shared, never written to). */
function cloneRange(range: CompactRange): CompactRange {
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

/** How many hashes a full tile holds. */
export const TILE_WIDTH = 256;

/** How many levels of the binary tree one tile level spans: 2^8 = `TILE_WIDTH`. */
const TILE_HEIGHT = 8;

/**
 * Where proofs read subtree hashes from.
 *
 * Tile `index` of `level` L holds, one after another, the hashes of the complete subtrees of 256^L
 * leaves numbered `index * 256` and on; level 0 are the leaf hashes. The last tile of a level may
 * be partial, that of level 0 too (the open tile). A tile that is not there is an empty array.
 */
export interface TileSource {
  tile(level: number, index: number): Promise<Uint8Array>;
}

/** Hashes that join one tile, at the slots from `from` on. */
interface TileChange {
  level: number;
  index: number;
  from: number;
  hashes: Uint8Array[];
}

/** What appending leaves does: the new right edge, and every tile that gains hashes. */
interface TileAppend {
  range: CompactRange;
  changes: TileChange[];
}

/**
 * Appends leaves to `range` and says which tiles gain which hashes, each tile once, ordered by
 * level and index.
 *
 * A tile of level 1 gains one hash at the moment when a tile of level 0 is full, and so on upwards,
 * so that a hash in a tile never changes later. Apply each change with `extendedTile`.
 */
export function appendToTiles(range: CompactRange, leafHashes: Iterable<Uint8Array>): TileAppend {
  const grown = cloneRange(range);
  const levels: TileChange[][] = [];
  for (const leafHash of leafHashes) {
    appendLeaf(grown, leafHash, (height, index, hash) => {
      if (height % TILE_HEIGHT !== 0) return;
      const level = height / TILE_HEIGHT;
      const slot = index % TILE_WIDTH;
      const changes = levels[level] ??= [];
      const last = changes.at(-1);
      if (last === undefined || slot === 0) {
        const tileIndex = Math.floor(index / TILE_WIDTH);
        changes.push({ level, index: tileIndex, from: slot, hashes: [hash] });
      } else {
        last.hashes.push(hash);
      }
    });
  }
  return { range: grown, changes: levels.flat() };
}

/**
 * The bytes of a tile after a change.
 *
 * `existing` are its bytes before, empty if it was not there; a `RangeError` if they do not end
 * exactly where the change begins, for then tile and log head do not belong together.
 */
export function extendedTile(existing: Uint8Array, change: TileChange): Uint8Array {
  const start = change.from * HASH_BYTES;
  if (existing.length !== start) {
    throw new RangeError(
      `Tile ${change.level}/${change.index} has ${existing.length} bytes, expected ${start} before hash ${change.from} joins it`,
    );
  }
  return joinBytes([existing, ...change.hashes]);
}

/** True when a tile can gain no more hashes. */
export function isFullTile(tile: Uint8Array): boolean {
  return tile.length === TILE_WIDTH * HASH_BYTES;
}

/** The hash in one slot of a tile, or null if the tile ends before it. A view, not a copy. */
export function hashInTile(tile: Uint8Array, slot: number): Uint8Array | null {
  const end = (slot + 1) * HASH_BYTES;
  return end <= tile.length ? tile.subarray(end - HASH_BYTES, end) : null;
}
