import { Buffer } from "node:buffer";
import type { IdMaker } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import {
  commitMarkKey,
  dueKey,
  logHeadKey,
  logPrivateKey,
  logSegmentKey,
  logTurnKey,
  policyChangeKey,
  policyVersionKey,
  type StoreKey,
} from "../store/keys.ts";
import type { CommitMark } from "../store/kv.ts";
import {
  type DueWork,
  type LogSegment,
  NAME_BYTES,
  policyVersionRow,
  SEGMENT_HEAD_BYTES,
} from "../store/records/log.ts";
import type { Sealer } from "../store/sealing.ts";
import type { CommitTime } from "./clock.ts";
import { type CommitLimits, Deferred } from "./commit_limits.ts";
import { type NewLeaf, partsText } from "./entry.ts";
import type { Gathering, RowWrite } from "./gathered_rows.ts";
import { type GuardedRows, isGuarded } from "./guarded_rows.ts";
import { KEPT_POLICY_CHANGES } from "./load_snapshot.ts";
import type { LogGrowth, LogRow } from "./log_tail.ts";
import { type Operation, Reader, Transaction } from "./transaction.ts";

/**
 * One commit in the making, in three steps: operations are loaded and planned into a transaction,
 * the transaction becomes one atomic operation of the store, and the attempt knows what its callers
 * hear if it lands. Nothing here waits for the store's answer; the ledger does. And what a commit
 * leaves behind for others: work that is due at a time, and topics that wake who waits.
 */

/** What an operation came to: its result, or what it threw. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** An operation whose caller waits. */
export interface Waiting {
  readonly operation: Operation<unknown, unknown>;
  /** When the caller came, by the clock that only counts on, milliseconds. */
  readonly since: number;
  /** Whether the caller has had an answer: nothing more is to be done for them. */
  isTold: boolean;
  readonly settle: (outcome: Outcome) => void;
}

/** Answers a caller, unless they have had an answer. */
export function tell(waiting: Waiting, outcome: Outcome): void {
  waiting.isTold = true;
  waiting.settle(outcome);
}

/** What operations are planned on besides the policy. */
export interface PlannedOn {
  /** How many entries the log has. */
  readonly size: number;
  readonly time: CommitTime;
  readonly ids: IdMaker;
  readonly limits: CommitLimits;
  readonly rows: GuardedRows;
}

/** Several operations planned into one commit. */
export interface PlannedBatch {
  readonly transaction: Transaction;
  readonly outcomes: Map<Waiting, Outcome>;
  /** Operations that have to wait for the next commit. */
  readonly left: Waiting[];
  /** Whether what they come to is true only while the log's head stays as it is. */
  readonly usesGuarded: boolean;
}

/** What an operation loaded, or what that threw; no reader where it loads nothing. */
type Loaded = Outcome & { readonly reader: Reader | null };

const NOTHING_LOADED: Loaded = { value: undefined, reader: null };

/**
 * Loads and plans operations on one snapshot, for the log's end as given; those whose callers have had
 * an answer meanwhile are left out.
 */
export async function planBatch(
  batch: readonly Waiting[],
  deps: Deps,
  snapshot: Snapshot,
  { size, time, ids, limits, rows }: PlannedOn,
): Promise<PlannedBatch> {
  const loading = batch.map(({ operation }) =>
    load(operation, new Reader(deps.kv, snapshot, time.now, rows))
  );
  // Mostly there is nothing to wait for, and then nothing waits.
  const loads = loading.some((one) => one instanceof Promise)
    ? await Promise.all(loading)
    : loading as Loaded[];
  const transaction = new Transaction(deps, snapshot, size, time, ids, limits, rows.grounds);
  const outcomes = new Map<Waiting, Outcome>();
  const left: Waiting[] = [];
  for (const [i, waiting] of batch.entries()) {
    if (waiting.isTold) continue;
    const loaded = loads[i] ?? NOTHING_LOADED;
    try {
      if ("error" in loaded) throw loaded.error;
      const value = transaction.run(waiting.operation, loaded.value, loaded.reader);
      outcomes.set(waiting, { value });
    } catch (error) {
      if (error instanceof Deferred) left.push(waiting);
      else outcomes.set(waiting, { error });
    }
  }
  const usesGuarded = loads.some(({ reader }) => reader?.usesGuarded);
  return { transaction, outcomes, left, usesGuarded };
}

function load(
  operation: Operation<unknown, unknown>,
  reader: Reader,
): Loaded | Promise<Loaded> {
  if (operation.load === undefined) return NOTHING_LOADED;
  try {
    const value = operation.load(reader);
    if (!(value instanceof Promise)) return { value, reader };
    return value.then(
      (loaded) => ({ value: loaded, reader }),
      (error) => ({ error, reader }),
    );
  } catch (error) {
    return { error, reader };
  }
}

/** What one org commits. */
export interface CommitPart {
  readonly org: string;
  readonly checks: readonly { readonly key: StoreKey; readonly versionstamp: string | null }[];
  readonly writes: readonly RowWrite[];
  readonly messages: readonly { readonly value: unknown; readonly delay: number }[];
  /** Written with it, by which it is known again. */
  readonly mark: CommitMark;
  /** Whether the mark is a row of its own, beside those in `writes`. */
  readonly marksItself: boolean;
  /** Upper estimates. */
  readonly bytes: number;
  readonly keyBytes: number;
}

/** What a row of a log may have of bytes beside its entries, and its key: a head, a page, a tile. */
const ROW_BYTES = 1000;
const PAGE_BYTES = 30_000;
const ROW_KEY_BYTES = 80;

/** The checks and writes of one commit, ready to go to the store. */
export function commitPart(
  sealer: Sealer,
  transaction: Transaction,
  { mark, marksItself, growth, turn, head, written }: Pick<Attempt, "mark" | "marksItself"> & {
    /** Null when there are no entries. */
    readonly growth: LogGrowth | null;
    readonly turn: string | null;
    /** The stamp of the log's head; undefined when it is not to be checked. */
    readonly head: string | null | undefined;
    /** What its operations write, counters gathered. */
    readonly written: Omit<Gathering, "landed">;
  },
): CommitPart {
  const { snapshot, leaves, base, at, messages, size } = transaction;
  const org = snapshot.orgId;
  const checks = [
    { key: policyVersionKey(org), versionstamp: snapshot.versionstamp },
    { key: logTurnKey(org), versionstamp: turn },
    ...(head === undefined ? [] : [{ key: logHeadKey(org), versionstamp: head }]),
    ...transaction.checks.values(),
  ];
  const rows = [
    ...growth?.rows ?? [],
    ...segmentRows(org, leaves, { base, at, batch: mark.name }),
    ...privateRows(org, leaves, base, sealer),
    ...policyRows(transaction),
  ];
  const writes = [...rows, ...written.writes];
  return {
    org,
    checks,
    writes,
    messages,
    mark,
    marksItself,
    bytes: size.bytes + written.bytes + rows.length * ROW_BYTES +
      ((growth?.rows.length ?? 1) - 1) * PAGE_BYTES,
    keyBytes: size.keyBytes + rows.length * ROW_KEY_BYTES,
  };
}

/** Whether other processes are to notice a commit by the log's head, although it has no entry. */
export function writesGuarded({ writes }: Transaction): boolean {
  for (const { key } of writes.values()) if (isGuarded(key)) return true;
  return false;
}

/** The new policy version and what it changed, for other nodes to follow. */
function policyRows(transaction: Transaction): RowWrite[] {
  const { policyChanges, snapshot, policyVersion: version, generation } = transaction;
  if (!transaction.changesPolicy) return [];
  const changed = policyChanges.map(({ key }) => key);
  const fits = generation === snapshot.generation && JSON.stringify(changed).length < 20_000;
  return [
    {
      key: policyVersionKey(snapshot.orgId),
      value: policyVersionRow({ version, generation }),
    },
    {
      key: policyChangeKey(snapshot.orgId, version),
      value: { keys: fits ? changed : null },
    },
    { key: policyChangeKey(snapshot.orgId, version - KEPT_POLICY_CHANGES), value: undefined },
  ];
}

const encoder = new TextEncoder();

/** A value may have 65,536 bytes as Deno KV writes it; this leaves room for its wrapping. */
const MAX_ROW_BYTES = 60_000;

/** The rows that hold the leaves of one commit: as few as the size of a value allows. */
export function segmentRows(
  org: string,
  leaves: readonly NewLeaf[],
  commit: { base: number; at: number; batch: string },
): LogRow[] {
  return chunks(leaves).map(({ from, items }) => {
    const text = items.map((leaf) => leaf.text).join("");
    return {
      key: logSegmentKey(org, commit.base + from),
      value: segmentRow(commit, text, Buffer.byteLength(text)),
    };
  });
}

/**
 * The row of a segment, by the text of its entries and how many bytes that has: name and time in
 * bytes, and the entries (`logSegment`). SQLite writes a page of its own for what is beyond some 1,000
 * bytes of a row, which one entry fits into where nothing is spelled out.
 */
export function segmentRow(
  { batch, at }: Pick<LogSegment, "batch" | "at">,
  text: string,
  bytes: number,
): Uint8Array {
  const row = new Uint8Array(SEGMENT_HEAD_BYTES + bytes);
  row.setFromHex(batch);
  const view = new DataView(row.buffer);
  view.setUint16(NAME_BYTES, Math.floor(at / 2 ** 32));
  view.setUint32(NAME_BYTES + 2, at % 2 ** 32);
  const { read } = encoder.encodeInto(text, row.subarray(SEGMENT_HEAD_BYTES));
  if (read !== text.length) throw new RangeError(`The entries do not have ${bytes} bytes`);
  return row;
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
      parts.push({ index: base + i, text: `[${base + i},${partsText(leaf.private)}]` });
    }
  });
  return chunks(parts).map(({ items }) => {
    const key = logPrivateKey(org, items[0]?.index ?? base);
    const text = `[${items.map((part) => part.text).join()}]`;
    return { key, value: sealer.seal(key, encoder.encode(text)) };
  });
}

/** Consecutive items in groups of at most `MAX_ROW_BYTES`; an item larger than that stands alone. */
function chunks<T extends { readonly text: string }>(
  items: readonly T[],
): { from: number; items: readonly T[] }[] {
  if (items.length === 0) return [];
  let characters = 0;
  for (const { text } of items) characters += text.length;
  // Only what might be too much is measured: UTF-8 takes at most three bytes a unit.
  if (characters * 3 <= MAX_ROW_BYTES) return [{ from: 0, items }];
  const groups: { from: number; items: T[]; size: number }[] = [];
  items.forEach((item, i) => {
    const size = Buffer.byteLength(item.text);
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

/** One try of a commit, and what its operations come to if it lands. */
export interface Attempt {
  readonly mark: CommitMark;
  /** Whether the mark is a row of its own, not the segment of the entries. */
  readonly marksItself: boolean;
  readonly outcomes: ReadonlyMap<Waiting, Outcome>;
  readonly topics: readonly string[];
}

/**
 * The attempt to commit a transaction. Its entries tell that it landed; without entries, and after an
 * attempt whose answer was lost, it has a row for that.
 * @param name tells it from every other attempt
 * @param common the same for all attempts at one batch, so that only one of those that write it lands
 */
export function attemptOf(
  transaction: Transaction,
  outcomes: ReadonlyMap<Waiting, Outcome>,
  { name, common, again }: {
    readonly name: string;
    readonly common: string;
    readonly again: boolean;
  },
): Attempt {
  const { leaves, base, snapshot, topics } = transaction;
  const marksItself = again || leaves.length === 0;
  const key = marksItself ? commitMarkKey(common) : logSegmentKey(snapshot.orgId, base);
  return { mark: { key, name }, marksItself, outcomes, topics };
}

/** News of work that is due already, for a worker that no queue wakes. */
export const DUE_NOW = "due now";

/**
 * Puts work into the same commit as its cause: a row that a sweep finds, and, where the platform
 * has queues, a message that arrives at the time. Work for another org goes into its own commits.
 */
export function schedule(
  transaction: Transaction,
  { kind, at, id, org = transaction.snapshot.orgId, wakes = true }:
    & Pick<DueWork, "kind" | "at" | "id">
    & Partial<Pick<DueWork, "org">>
    & { readonly wakes?: boolean },
): void {
  const work: DueWork = { kind, at, org, id };
  transaction.set(dueKey(at, kind, org, id), work);
  if (transaction.deps.queues && wakes) {
    transaction.enqueue({ due: work }, Math.max(0, at - transaction.now));
  } else if (at <= transaction.now) {
    transaction.notify(DUE_NOW);
  }
}

/** News of one request: asked again, decided, ended, minted, run, reported. */
export const approvalTopic = (org: string, id: string): string => `approval ${org} ${id}`;

/** News of any request of an org, for whoever looks at the list. */
export const approvalsTopic = (org: string): string => `approvals ${org}`;

/** News of the requests of one requester: made, or moved. */
export const requesterTopic = (org: string, requester: string): string =>
  `requests of ${org} ${requester}`;

/** Wakes whoever waits for a request or looks at the list, once the commit stands. */
export function tellOfApproval(transaction: Transaction, id: string): void {
  const { orgId } = transaction.snapshot;
  transaction.notify(approvalTopic(orgId, id));
  transaction.notify(approvalsTopic(orgId));
}
