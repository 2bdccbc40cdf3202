import { Buffer } from "node:buffer";
import { canonicalJson } from "../base/canonical.ts";
import { prefixedLeafHash } from "../base/sha256.ts";
import * as keys from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { MalformedRecord } from "../store/record.ts";
import { type LogHead, logHead, type LogPage, logPage } from "../store/records/log.ts";
import { decodeLeaf, type Entry, type Facet, facetHash, facetValue } from "./entry.ts";
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

/**
 * The last entry of a millisecond that is about an id: two levels can be decided in the same one. Ids
 * carry the time of their entry, so that none is sought elsewhere.
 */
export async function entryAbout(
  kv: Kv,
  org: string,
  size: number,
  { id, time, is }: {
    readonly id: string;
    readonly time: number;
    readonly is: (entry: Entry) => boolean;
  },
): Promise<LoggedEntry | null> {
  const needle = Buffer.from(id);
  let found: LoggedEntry | null = null;
  for await (const stored of leavesOfTime(kv, org, size, time)) {
    const { buffer, byteOffset, length } = stored.leaf;
    // Far cheaper to see than to parse: most entries of a busy millisecond are about other ids.
    if (!Buffer.from(buffer, byteOffset, length).includes(needle)) continue;
    const logged = loggedEntry(stored);
    if (is(logged.entry)) found = logged;
  }
  return found;
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

/** Which entries are asked for. */
export interface ActivityQuery {
  /** Values that an entry must have, all of them. */
  readonly facets: readonly { readonly facet: Facet; readonly value: string }[];
  /** Milliseconds, included; null from the beginning. */
  readonly since: number | null;
  /** Milliseconds, not included; null to the end. */
  readonly until: number | null;
  readonly order: "asc" | "desc";
  readonly limit: number;
  /** `next` of the page before; null for the first. */
  readonly position: number | null;
}

/** Entries in the order asked for, and where to go on; null when nothing is left. */
export interface Activity {
  readonly entries: LoggedEntry[];
  readonly next: number | null;
}

/** How much one request may look at, so that a rare value in a long log cannot hold the process. */
export interface ActivityBudget {
  /** Pages of entries read. */
  readonly pages: number;
  /** Summaries of pages read. */
  readonly summaries: number;
}

const BUDGET: ActivityBudget = { pages: 200, summaries: 4000 };

interface Range {
  readonly from: number;
  /** Not included. */
  readonly to: number;
  readonly size: number;
}

/**
 * The entries that fit a query. Pages whose summary holds no such value are passed over unread.
 * Where the budget ends first there are fewer entries than asked for, and `next` is not null.
 */
export async function readActivity(
  kv: Kv,
  org: string,
  query: ActivityQuery,
  budget: ActivityBudget = BUDGET,
): Promise<Activity> {
  const { order, limit } = query;
  const range = await rangeOf(kv, org, query);
  const entries: LoggedEntry[] = [];
  let pages = 0;
  let summaries = 0;
  for await (const { page, mayMatch } of pagesOf(kv, org, range, query)) {
    const from = Math.max(range.from, page * PAGE_ENTRIES);
    const to = Math.min(range.to, (page + 1) * PAGE_ENTRIES);
    if (pages === budget.pages || summaries === budget.summaries) {
      return { entries, next: order === "desc" ? to : from };
    }
    summaries++;
    if (!mayMatch) continue;
    pages++;
    const leaves = await Array.fromAsync(leavesFrom(kv, org, from, to));
    for (const found of matching(order === "desc" ? leaves.reverse() : leaves, query)) {
      const last = entries.at(-1);
      if (entries.length === limit && last !== undefined) {
        return { entries, next: order === "desc" ? last.index : last.index + 1 };
      }
      entries.push(found);
    }
  }
  return { entries, next: null };
}

async function rangeOf(kv: Kv, org: string, query: ActivityQuery): Promise<Range> {
  const { since, until, order, position } = query;
  const { size } = await readHead(kv, org);
  const [first, end] = await Promise.all([
    since === null ? 0 : firstIndexAt(kv, org, size, since),
    until === null ? size : firstIndexAt(kv, org, size, until),
  ]);
  const from = order === "asc" ? Math.max(first, position ?? 0) : first;
  const to = order === "desc" ? Math.min(end, position ?? size) : end;
  return { from, to, size };
}

/** The pages of a range in the order asked for, and whether each can hold what is asked for. */
async function* pagesOf(
  kv: Kv,
  org: string,
  { from, to, size }: Range,
  { facets, order }: ActivityQuery,
): AsyncGenerator<{ page: number; mayMatch: boolean }> {
  if (from >= to) return;
  const step = order === "asc" ? 1 : -1;
  const first = Math.floor(from / PAGE_ENTRIES);
  const last = Math.floor((to - 1) / PAGE_ENTRIES);
  const open = Math.floor(size / PAGE_ENTRIES);
  if (facets.length === 0) {
    for (let page = step > 0 ? first : last; page >= first && page <= last; page += step) {
      yield { page, mayMatch: true };
    }
    return;
  }
  // The open page has no summary yet: it is read directly.
  if (step < 0 && last === open) yield { page: open, mayMatch: true };
  const hashes = facets.map(({ facet, value }) => facetHash(facet, value));
  const lastFull = Math.min(last, open - 1);
  let expected = step > 0 ? first : lastFull;
  const full = {
    start: keys.logPageKey(org, first),
    end: keys.logPageKey(org, Math.max(first, lastFull + 1)),
  };
  const listed = { reverse: step < 0, batchSize: 50 };
  for await (const { key, value } of listRecords(kv, full, logPage, listed)) {
    if (Number(key[2]) !== expected) throw missingPage(org, expected);
    yield { page: expected, mayMatch: hashes.every((hash) => value.facets.includes(hash)) };
    expected += step;
  }
  if (expected >= first && expected <= lastFull) throw missingPage(org, expected);
  if (step > 0 && last === open) yield { page: open, mayMatch: true };
}

/** The entries among these leaves that have all values asked for. */
function* matching(
  leaves: readonly StoredLeaf[],
  { facets }: ActivityQuery,
): Generator<LoggedEntry> {
  // A leaf that does not hold a value's bytes cannot have it: far cheaper to see than to parse.
  const needles = facets.map(({ value }) => Buffer.from(canonicalJson(value)));
  for (const stored of leaves) {
    const { buffer, byteOffset, length } = stored.leaf;
    const bytes = Buffer.from(buffer, byteOffset, length);
    if (!needles.every((needle) => bytes.includes(needle))) continue;
    const logged = loggedEntry(stored);
    if (facets.every(({ facet, value }) => facetValue(logged.entry, facet) === value)) yield logged;
  }
}
