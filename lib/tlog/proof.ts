import { EMPTY_ROOT, nodeHash } from "../base/sha256.ts";
import { hashInTile, TILE_WIDTH, type TileSource } from "./tree.ts";

/**
 * Proofs of RFC 9162 out of stored tiles: that an entry is in a log, and that a log only grew. A
 * tile that lacks a hash which the log's size promises is damage, and is never worked around.
 */

/**
 * Proof that leaf `index` is in the tree of the first `size` leaves: PATH(index, D_size) of
 * RFC 9162 section 2.1.3.1, the hash nearest to the leaf first.
 *
 * Throws a `RangeError` unless 0 <= `index` < `size`.
 */
export async function inclusionProof(
  source: TileSource,
  index: number,
  size: number,
): Promise<Uint8Array[]> {
  assertCount("index", index);
  assertCount("size", size);
  if (index >= size) {
    throw new RangeError(
      `Cannot prove entry ${index} in a log of size ${size}: the last is ${size - 1}`,
    );
  }
  const reader = new TreeReader(source);
  const path: Promise<Uint8Array>[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + largestPowerOfTwoBelow(to - from);
    if (index < middle) {
      path.push(reader.subtreeHash(middle, to));
      to = middle;
    } else {
      path.push(reader.subtreeHash(from, middle));
      from = middle;
    }
  }
  return (await Promise.all(path)).reverse();
}

/**
 * Proof that the tree of the first `from` leaves is the beginning of that of the first `to`:
 * PROOF(from, D_to) of RFC 9162 section 2.1.4.1. Empty if both are equal or `from` is 0, where
 * nothing is left to prove.
 *
 * Throws a `RangeError` unless 0 <= `from` <= `to`.
 */
export async function consistencyProof(
  source: TileSource,
  from: number,
  to: number,
): Promise<Uint8Array[]> {
  assertCount("from", from);
  assertCount("to", to);
  if (from > to) {
    throw new RangeError(
      `Cannot prove that a log of size ${from} is the beginning of one of ${to}`,
    );
  }
  if (from === 0 || from === to) return [];
  const reader = new TreeReader(source);
  const path: Promise<Uint8Array>[] = [];
  let [left, right] = [0, to];
  // Down to the subtree that ends where the old tree ended: SUBPROOF of the RFC.
  while (right !== from) {
    const middle = left + largestPowerOfTwoBelow(right - left);
    if (from <= middle) {
      path.push(reader.subtreeHash(middle, right));
      right = middle;
    } else {
      path.push(reader.subtreeHash(left, middle));
      left = middle;
    }
  }
  // The verifier knows this subtree's hash only when it is the whole old tree.
  if (left !== 0) path.push(reader.subtreeHash(left, right));
  return (await Promise.all(path)).reverse();
}

function assertCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Cannot use ${value} as ${name}: expected a whole number from 0 on`);
  }
}

/** A tile does not hold a hash that the tree of the asked size must have: the store is damaged. */
export class MissingTileHashError extends Error {
  override readonly name = "MissingTileHashError";
  readonly code = "missing_tile_hash";

  constructor(
    readonly level: number,
    readonly index: number,
    readonly slot: number,
  ) {
    super(
      `Tile ${level}/${index} has no hash ${slot}: the stored tiles are shorter than the log head says`,
    );
  }
}

/**
 * Reads subtree hashes out of tiles; each tile is asked for once.
 *
 * Make one for each proof: it remembers tiles, and an open tile grows.
 */
export class TreeReader {
  readonly #tiles = new Map<string, Promise<Uint8Array>>();

  constructor(readonly source: TileSource) {}

  /**
   * MTH of the leaves `from` (included) to `to` (not included), RFC 9162 section 2.1.1.
   *
   * `from` must be a multiple of the smallest power of two that is at least `to - from`, as it is
   * for every subtree of a Merkle tree.
   */
  async subtreeHash(from: number, to: number): Promise<Uint8Array> {
    if (from === to) return EMPTY_ROOT;
    const width = to - from;
    const split = largestPowerOfTwoBelow(width);
    if (split * 2 === width || width === 1) return await this.#completeHash(from, width);
    const [left, right] = await Promise.all([
      this.#completeHash(from, split),
      this.subtreeHash(from + split, to),
    ]);
    return nodeHash(left, right);
  }

  /** Hash of `width` leaves from `from` on; `width` is a power of two that divides `from`. */
  async #completeHash(from: number, width: number): Promise<Uint8Array> {
    let level = 0;
    let unit = 1;
    while (unit * TILE_WIDTH <= width) {
      unit *= TILE_WIDTH;
      level += 1;
    }
    const first = from / unit;
    const index = Math.floor(first / TILE_WIDTH);
    const tile = await this.#tile(level, index);
    let hashes: Uint8Array[] = [];
    for (let at = 0; at < width / unit; at++) {
      const slot = first % TILE_WIDTH + at;
      const hash = hashInTile(tile, slot);
      if (hash === null) throw new MissingTileHashError(level, index, slot);
      hashes.push(hash);
    }
    while (hashes.length > 1) hashes = pairedUp(hashes);
    return hashes[0] ?? EMPTY_ROOT;
  }

  #tile(level: number, index: number): Promise<Uint8Array> {
    const name = `${level}/${index}`;
    const known = this.#tiles.get(name);
    if (known !== undefined) return known;
    const tile = this.source.tile(level, index);
    this.#tiles.set(name, tile);
    return tile;
  }
}

/**
 * The k of RFC 9162 section 2.1.1: the largest power of two smaller than `count`, 1 for a `count`
 * of 1. By multiplication, as sizes outgrow 32-bit operators.
 */
function largestPowerOfTwoBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function pairedUp(hashes: Uint8Array[]): Uint8Array[] {
  const parents: Uint8Array[] = [];
  for (let at = 0; at + 1 < hashes.length; at += 2) {
    const [left, right] = [hashes[at], hashes[at + 1]];
    if (left !== undefined && right !== undefined) parents.push(nodeHash(left, right));
  }
  return parents;
}
