import { Buffer } from "node:buffer";
import * as keys from "../store/keys.ts";
import type { LogSegment } from "../store/records/log.ts";
import type { Sealer } from "../store/sealing.ts";
import type { LogRow } from "./log_tail.ts";
import type { PrivateParts } from "./private_parts.ts";
import type { NewLeaf } from "./transaction.ts";

const encoder = new TextEncoder();

/** A value may have 65,536 bytes as Deno KV writes it; this leaves room for its wrapping. */
const MAX_ROW_BYTES = 60_000;

/** The rows that hold the leaves of one commit: as few as the size of a value allows. */
export function segmentRows(
  org: string,
  leaves: readonly NewLeaf[],
  commit: { base: number; at: number; batch: string },
): LogRow[] {
  return chunks(leaves, (leaf) => Buffer.byteLength(leaf.text)).map(({ from, items }) => {
    const data = encoder.encode(items.map((leaf) => leaf.text).join(""));
    const value: LogSegment = { batch: commit.batch, at: commit.at, count: items.length, data };
    return { key: keys.logSegmentKey(org, commit.base + from), value };
  });
}

/** The rows that hold the private parts of one commit's entries, sealed, keyed by the first entry. */
export function privateRows(
  org: string,
  leaves: readonly NewLeaf[],
  base: number,
  sealer: Sealer,
): LogRow[] {
  const parts: { index: number; text: string }[] = [];
  leaves.forEach((leaf, i) => {
    if (leaf.private !== null) {
      parts.push({ index: base + i, text: JSON.stringify([base + i, leaf.private]) });
    }
  });
  return chunks(parts, (part) => Buffer.byteLength(part.text)).map(({ items }) => {
    const key = keys.logPrivateKey(org, items[0]?.index ?? base);
    const text = `[${items.map((part) => part.text).join()}]`;
    return { key, value: { sealed: sealer.seal(key, encoder.encode(text)) } };
  });
}

/** What a row of `privateRows` holds, once it is opened. */
export type PrivateRow = [index: number, parts: PrivateParts][];

/** Consecutive items in groups of at most `MAX_ROW_BYTES`; an item larger than that stands alone. */
function chunks<T>(
  items: readonly T[],
  sizeOf: (item: T) => number,
): { from: number; items: T[] }[] {
  const groups: { from: number; items: T[]; size: number }[] = [];
  items.forEach((item, i) => {
    const size = sizeOf(item);
    const last = groups.at(-1);
    if (last !== undefined && last.size + size <= MAX_ROW_BYTES) {
      last.items.push(item);
      last.size += size;
    } else {
      groups.push({ from: i, items: [item], size });
    }
  });
  return groups;
}
