import { prefixedLeafHash } from "../base/sha256.ts";
import * as keys from "../store/keys.ts";
import { type Kv, MalformedRecord, readRecord } from "../store/kv.ts";
import { type LogHead, logHead, type LogPage, logPage } from "../store/records/log.ts";
import { decodeLeaf, type Entry } from "./entry.ts";
import { leavesFrom, PAGE_ENTRIES } from "./log_tail.ts";

/**
 * Reading an org's log. Every function is given a size that the log had: entries below it never
 * change, so whatever is read of them belongs together, however the log grows meanwhile.
 */

/** A leaf as it is stored, with its place and time in milliseconds. */
export interface StoredLeaf {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly at: number;
}

/** An entry in its place. */
export interface LoggedEntry {
  readonly index: number;
  /** Lower-case hex. */
  readonly leaf_hash: string;
  readonly entry: Entry;
}

/** The log's head as it is stored now; that of the empty log when there is none. */
export async function readHead(kv: Kv, org: string): Promise<LogHead> {
  const record = await readRecord(kv, keys.logHeadKey(org), logHead);
  return record?.value ?? { size: 0, peaks: [], at: 0 };
}

/** The entry of a stored leaf. */
export function loggedEntry({ index, leaf }: StoredLeaf): LoggedEntry {
  return { index, leaf_hash: prefixedLeafHash(leaf).toHex(), entry: decodeLeaf(leaf) };
}

/**
 * The first index whose entry is of `time` (milliseconds) or later; `size` when there is none.
 * Times in a log never decrease: a binary search over the pages' summaries finds the page.
 */
export async function firstIndexAt(
  kv: Kv,
  org: string,
  size: number,
  time: number,
): Promise<number> {
  let low = 0;
  let high = Math.floor(size / PAGE_ENTRIES);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((await readPage(kv, org, middle)).last_at < time) low = middle + 1;
    else high = middle;
  }
  const start = low * PAGE_ENTRIES;
  const end = Math.min(start + PAGE_ENTRIES, size);
  for await (const { index, at } of leavesFrom(kv, org, start, end)) {
    if (at >= time) return index;
  }
  return end;
}

/** The leaves of exactly this millisecond, in order. */
export async function* leavesOfTime(
  kv: Kv,
  org: string,
  size: number,
  time: number,
): AsyncGenerator<StoredLeaf> {
  const first = await firstIndexAt(kv, org, size, time);
  for await (const leaf of leavesFrom(kv, org, first, size)) {
    if (leaf.at !== time) return;
    yield leaf;
  }
}

/** The error for a summary that a log of this size must have and that is not in the store. */
export function missingPage(org: string, page: number): MalformedRecord {
  return new MalformedRecord(keys.logPageKey(org, page), "the summary of a full page is missing");
}

async function readPage(kv: Kv, org: string, page: number): Promise<LogPage> {
  const record = await readRecord(kv, keys.logPageKey(org, page), logPage);
  if (record === null) throw missingPage(org, page);
  return record.value;
}
