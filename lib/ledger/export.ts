import { HASH_BYTES, prefixedLeafHash } from "../base/sha256.ts";
import type { Deps } from "../deps.ts";
import type { Kv } from "../store/kv.ts";
import type { PrivateParts } from "../store/records/log.ts";
import { TILE_WIDTH, type TileSource } from "../tlog/tree.ts";
import { privatePartsFrom } from "./entry.ts";
import { type LoggedEntry, loggedEntry, type StoredLeaf } from "./log_reader.ts";
import { leavesFrom, readTile } from "./log_tail.ts";

/**
 * An org's log as it leaves: rows of entries with their private parts or without, chunk by chunk,
 * and the tiles that proofs are made of.
 */

/** Which entries of a log are read, and whether with what the leaves hold only as digests. */
export interface ExportRange {
  readonly from: number;
  /** Not included; at most the log's size. */
  readonly to: number;
  readonly withPrivate: boolean;
}

/** An entry with its private parts; null when there are none, or the reader may not see them. */
export interface ExportRow extends LoggedEntry {
  readonly private: PrivateParts | null;
}

/** Characters after which a chunk of an export is handed on. */
const CHUNK_CHARACTERS = 16 * 1024;

/** Segments that an export holds: each may have 64 KiB, and many exports are open that nobody reads. */
const SEGMENTS_AT_ONCE = 8;

/** The rows of a short range. */
export async function exportRows(
  deps: Deps,
  org: string,
  range: ExportRange,
): Promise<ExportRow[]> {
  const rows: ExportRow[] = [];
  for await (const { stored, parts } of leavesWithParts(deps, org, range)) {
    rows.push({ ...loggedEntry(stored), private: parts });
  }
  return rows;
}

/**
 * A range as NDJSON, one line an entry, in pieces of some hundred lines. Nothing is read ahead of
 * the piece that is asked for, so a slow reader costs no memory.
 */
export async function* exportChunks(
  deps: Deps,
  org: string,
  range: ExportRange,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  let text = "";
  for await (const { stored, parts } of leavesWithParts(deps, org, range)) {
    const { index, leaf } = stored;
    // The stored bytes are the JSON of the entry already: what is hashed is what is handed out.
    const entry = decoder.decode(leaf.subarray(1));
    const hash = prefixedLeafHash(leaf).toHex();
    text += `{"index":${index},"leaf_hash":"${hash}","entry":${entry},"private":${
      JSON.stringify(parts)
    }}\n`;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}

async function* leavesWithParts(
  deps: Deps,
  org: string,
  { from, to, withPrivate }: ExportRange,
): AsyncGenerator<{ stored: StoredLeaf; parts: PrivateParts | null }> {
  const parts = withPrivate ? privatePartsFrom(deps, org, from, to) : null;
  let ahead = await parts?.next();
  for await (const stored of leavesFrom(deps.kv, org, from, to, SEGMENTS_AT_ONCE)) {
    const own = ahead?.done === false && ahead.value.index === stored.index ? ahead.value : null;
    if (own !== null) ahead = await parts?.next();
    yield { stored, parts: own?.parts ?? null };
  }
}

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
