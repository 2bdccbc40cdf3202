import { EMPTY_ROOT, equalHashes, HASH_BYTES, prefixedLeafHash } from "../base/sha256.ts";
import * as keys from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { MalformedRecord } from "../store/record.ts";
import * as log from "../store/records/log.ts";
import {
  appended,
  appendToTiles,
  emptyRange,
  extendedTile,
  isFullTile,
  TILE_WIDTH,
} from "../tlog/tree.ts";
import { clockOfNext } from "./clock.ts";
import {
  checkedPermission,
  decodeLeaf,
  type Entry,
  facetHashes,
  type NewLeaf,
  splitLeaves,
  withCheck,
} from "./entry.ts";
import type { Transaction } from "./transaction.ts";

/**
 * The end of an org's log in memory: what the next commit appends to, and the rows that this
 * writes. It is read anew whenever another node has moved the head.
 */

/** Entries per page: the page's summary is written with the tile of its leaf hashes. */
export const PAGE_ENTRIES = TILE_WIDTH;

/** A row that growing the log writes. */
export interface LogRow {
  readonly key: keys.StoreKey;
  readonly value: unknown;
}

/** What one commit does to the log's end. */
export interface LogGrowth {
  readonly rows: LogRow[];
  /**
   * The end of the log once the rows are committed under this versionstamp. It takes over the open
   * page of the one that it was grown from, which is not to be used again.
   */
  readonly committed: (versionstamp: string) => LogTail;
}

/** What of the open page is only in memory: derived from the segments, so never stored twice. */
interface OpenPage {
  hashes: Uint8Array[];
  facets: Set<number>;
  checks: readonly log.DayChecks[];
  firstAt: number;
}

/**
 * The end of one org's log as this process knows it. Every commit checks the versionstamp, so a
 * tail that another node has overtaken is noticed and read again.
 */
export class LogTail {
  private constructor(
    readonly head: log.LogHead,
    readonly versionstamp: string | null,
    readonly page: OpenPage,
    /** Open tiles above the leaves, by level, as far as they were needed. */
    readonly upper: Map<number, Uint8Array>,
  ) {}

  /** Reads the tail from the store. */
  static async load(kv: Kv, org: string): Promise<LogTail> {
    const record = await readRecord(kv, keys.logHeadKey(org), log.logHead);
    const head = record?.value ?? { size: 0, peaks: [], at: 0 };
    const page: OpenPage = { hashes: [], facets: new Set(), checks: [], firstAt: 0 };
    const pageStart = head.size - head.size % PAGE_ENTRIES;
    for await (const { index, leaf, at } of leavesFrom(kv, org, pageStart, head.size)) {
      if (index === pageStart) page.firstAt = at;
      page.hashes.push(prefixedLeafHash(leaf));
      const entry = decodedLeaf(org, index, leaf);
      for (const facet of facetHashes(entry)) page.facets.add(facet);
      const checked = checkedPermission(entry);
      if (checked !== null) page.checks = withCheck(page.checks, checked, at);
    }
    // The open page is hashed again from its entries: a log that is damaged here is not grown on.
    const range = appended(emptyRange(), page.hashes);
    const peaks = head.peaks.slice(head.peaks.length - range.peaks.length);
    const intact = range.size === head.size % PAGE_ENTRIES &&
      range.peaks.every((peak, i) => equalHashes(peak, peaks[i] ?? EMPTY_ROOT));
    if (!intact) {
      throw new MalformedRecord(
        keys.logSegmentKey(org, pageStart),
        `the entries from ${pageStart} on are not those of the log's head of ${head.size}`,
      );
    }
    if (record === null) await assertNoEntries(kv, org);
    return new LogTail(head, record?.versionstamp ?? null, page, new Map());
  }

  /**
   * The rows that put `leaves` behind this tail, and what the tail is once they are committed.
   * Reads upper tiles only when a page fills.
   */
  async grown(
    kv: Kv,
    org: string,
    { leaves, at, now, acceptedJump }: Pick<
      Transaction,
      "leaves" | "at" | "now" | "acceptedJump"
    >,
  ): Promise<LogGrowth> {
    const rows: LogRow[] = [];
    const { range, changes } = appendToTiles(this.head, leaves.map((leaf) => leaf.hash));
    const clock = clockOfNext(this.head, { now, at }, acceptedJump);
    const head: log.LogHead = {
      size: range.size,
      peaks: range.peaks,
      at: leaves.length > 0 ? at : this.head.at,
      ...(clock === undefined ? {} : { clock }),
    };
    rows.push({ key: keys.logHeadKey(org), value: headRow(head) });

    const fills = this.page.hashes.length + leaves.length >= PAGE_ENTRIES;
    // Copied once a page only: it is copying, not hashing, that would take longest.
    let page = fills ? copyOf(this.page) : this.page;
    if (fills) {
      leaves.forEach((leaf, i) => {
        put(page, leaf, at);
        if (page.hashes.length < PAGE_ENTRIES) return;
        const number = Math.floor((this.head.size + i) / PAGE_ENTRIES);
        const summary: log.LogPage = {
          first_at: page.firstAt,
          last_at: at,
          facets: Uint32Array.from(page.facets).sort(),
          checks: [...page.checks],
        };
        rows.push({ key: keys.logPageKey(org, number), value: summary });
        rows.push({ key: keys.logTileKey(org, 0, number), value: joined(page.hashes) });
        page = { hashes: [], facets: new Set(), checks: [], firstAt: at };
      });
    }

    const upper = new Map(this.upper);
    for (const change of changes) {
      if (change.level === 0) continue;
      // Another node may have filled it further; then the commit is refused, as the head moved.
      const open = change.from === 0 ? new Uint8Array(0) : upper.get(change.level) ??
        (await readTile(kv, org, change.level, change.index)).subarray(0, change.from * HASH_BYTES);
      const tile = extendedTile(open, change);
      rows.push({ key: keys.logTileKey(org, change.level, change.index), value: tile });
      if (isFullTile(tile)) upper.delete(change.level);
      else upper.set(change.level, tile);
    }
    const committed = (versionstamp: string) => {
      if (!fills) { for (const leaf of leaves) put(page, leaf, at); }
      return new LogTail(head, versionstamp, page, upper);
    };
    return { rows, committed };
  }
}

/**
 * The row of a head (`logHead`): size and time, the hashes, and the JSON of its clock where there is
 * one. Each commit writes it, and a row with members takes the one thread ten times as long.
 */
function headRow({ size, peaks, at, clock }: log.LogHead): Uint8Array {
  const text = clock === undefined ? [] : encoder.encode(JSON.stringify(clock));
  const end = log.HEAD_BYTES + peaks.length * HASH_BYTES;
  const row = new Uint8Array(end + text.length);
  const view = new DataView(row.buffer);
  setUint48(view, 0, size);
  setUint48(view, log.SIZE_BYTES, at);
  peaks.forEach((peak, i) => row.set(peak, log.HEAD_BYTES + i * HASH_BYTES));
  row.set(text, end);
  return row;
}

const encoder = new TextEncoder();

function setUint48(view: DataView, place: number, value: number): void {
  view.setUint16(place, Math.floor(value / 2 ** 32));
  view.setUint32(place + 2, value % 2 ** 32);
}

function copyOf(page: OpenPage): OpenPage {
  return { ...page, hashes: [...page.hashes], facets: new Set(page.facets) };
}

/** Adds an entry of a time to the open page. */
function put(page: OpenPage, leaf: NewLeaf, at: number): void {
  if (page.hashes.length === 0) page.firstAt = at;
  page.hashes.push(leaf.hash);
  for (const facet of leaf.facets) page.facets.add(facet);
  if (leaf.checked !== null) page.checks = withCheck(page.checks, leaf.checked, at);
}

/** A log whose head is lost must not begin again at 0, over the entries that it has. */
async function assertNoEntries(kv: Kv, org: string): Promise<void> {
  // Both in one read: another node may have written the first entries since the head was read.
  const [head, first] = await kv.getMany([keys.logHeadKey(org), keys.logSegmentKey(org, 0)]);
  if (head.versionstamp !== null || first.versionstamp === null) return;
  throw new MalformedRecord(keys.logHeadKey(org), "missing, though its log has entries");
}

function decodedLeaf(org: string, index: number, leaf: Uint8Array): Entry {
  try {
    return decodeLeaf(leaf);
  } catch (error) {
    throw new MalformedRecord(keys.logSegmentKey(org, index), String(error));
  }
}

/** A stored tile; empty when it is not there. */
export async function readTile(
  kv: Kv,
  org: string,
  level: number,
  index: number,
): Promise<Uint8Array> {
  const { value } = await kv.get<Uint8Array>(keys.logTileKey(org, level, index));
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

/**
 * The stored leaves `from` (included) to `to` (not included), in order.
 * @param batchSize segments that are read at once: they stay in memory until the last is yielded
 */
export async function* leavesFrom(
  kv: Kv,
  org: string,
  from: number,
  to: number,
  batchSize = 100,
): AsyncGenerator<{ index: number; leaf: Uint8Array; at: number }> {
  if (from >= to) return;
  const first = await segmentStart(kv, org, from);
  const range = {
    start: keys.logSegmentKey(org, first),
    end: keys.logSegmentKey(org, to),
  };
  for await (const { key, value } of listRecords(kv, range, log.logSegment, { batchSize })) {
    let index = Number(key[2]);
    for (const leaf of splitLeaves(value.data)) {
      if (index >= to) return;
      if (index >= from) yield { index, leaf, at: value.at };
      index++;
    }
  }
}

/** The first index of the segment that holds an entry. */
async function segmentStart(kv: Kv, org: string, index: number): Promise<number> {
  const range = {
    prefix: keys.logSegmentPrefix(org),
    end: keys.logSegmentKey(org, index + 1),
  };
  for await (const entry of kv.list(range, { reverse: true, limit: 1 })) {
    return Number(entry.key[2]);
  }
  return index;
}

function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * 32);
  hashes.forEach((hash, i) => bytes.set(hash, i * 32));
  return bytes;
}
