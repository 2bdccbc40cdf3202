import { HASH_BYTES } from "../base/sha256.ts";
import { appendLeaf, cloneRange, type CompactRange } from "../merkle/compact_range.ts";

/** How many hashes a full tile holds. */
export const TILE_WIDTH = 256;

/** How many levels of the binary tree one tile level spans: 2^8 = `TILE_WIDTH`. */
export const TILE_HEIGHT = 8;

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
export interface TileChange {
  level: number;
  index: number;
  from: number;
  hashes: Uint8Array[];
}

/** What appending leaves does: the new right edge, and every tile that gains hashes. */
export interface TileAppend {
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
  const tile = new Uint8Array(start + change.hashes.length * HASH_BYTES);
  tile.set(existing);
  change.hashes.forEach((hash, at) => tile.set(hash, start + at * HASH_BYTES));
  return tile;
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
