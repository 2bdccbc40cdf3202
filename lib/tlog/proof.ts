import { EMPTY_ROOT, nodeHash } from "../base/sha256.ts";
import { hashInTile, TILE_WIDTH, type TileSource } from "./tree.ts";

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
export function largestPowerOfTwoBelow(count: number): number {
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
