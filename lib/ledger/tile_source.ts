import { HASH_BYTES, prefixedLeafHash } from "../base/sha256.ts";
import type { Kv } from "../store/kv.ts";
import { TILE_WIDTH, type TileSource } from "../tlog/tree.ts";
import { leavesFrom, readTile } from "./log_tail.ts";

/**
 * The tiles of an org's log, for proofs about any size up to the head's that it was made with.
 * The open tile of leaf hashes is stored nowhere: it is hashed from the entries, 255 at most.
 */
export class LogTiles implements TileSource {
  constructor(readonly kv: Kv, readonly org: string, readonly size: number) {}

  async tile(level: number, index: number): Promise<Uint8Array> {
    const isStored = level > 0 || (index + 1) * TILE_WIDTH <= this.size;
    if (isStored) return await readTile(this.kv, this.org, level, index);
    const start = index * TILE_WIDTH;
    const tile = new Uint8Array(Math.max(0, this.size - start) * HASH_BYTES);
    for await (const { index: at, leaf } of leavesFrom(this.kv, this.org, start, this.size)) {
      tile.set(prefixedLeafHash(leaf), (at - start) * HASH_BYTES);
    }
    return tile;
  }
}
