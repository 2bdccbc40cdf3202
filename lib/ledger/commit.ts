import { Buffer } from "node:buffer";
import type { IdMaker } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import {
  commitMarkKey,
  logHeadKey,
  logPrivateKey,
  logSegmentKey,
  logTurnKey,
  policyChangeKey,
  policyVersionKey,
  type StoreKey,
} from "../store/keys.ts";
import type { CommitMark } from "../store/kv.ts";
import { type LogSegment, policyVersionRow } from "../store/records/log.ts";
import type { Sealer } from "../store/sealing.ts";
import { ClockRefused } from "./clock.ts";
import { partsText } from "./entry.ts";
import type { HeldKeys } from "./held_keys.ts";
import { KEPT_POLICY_CHANGES } from "./load_snapshot.ts";
import type { LogGrowth, LogRow } from "./log_tail.ts";
import {
  type CommitLimits,
  type CommitTime,
  Deferred,
  type NewLeaf,
  type Operation,
  Reader,
  Transaction,
} from "./transaction.ts";

/**
 * One commit in the making, in three steps: operations are loaded and planned into a transaction,
 * the transaction becomes one atomic operation of the store, and the attempt knows what its callers
 * hear if it lands. Nothing here waits for the store's answer; the ledger does.
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

/** Several operations planned into one commit. */
export interface PlannedBatch {
  readonly transaction: Transaction;
  readonly outcomes: Map<Waiting, Outcome>;
  /** Operations that have to wait for the next commit. */
  readonly left: Waiting[];
}

type Loaded =
  | { readonly value: unknown; readonly reads: Reader["reads"] | null }
  | { readonly error: unknown };

const NOTHING_LOADED: Loaded = { value: undefined, reads: null };

/**
 * Loads and plans operations on one snapshot, for the log's end as given; those whose callers have had
 * an answer meanwhile are left out.
 */
export async function planBatch(
  batch: readonly Waiting[],
  deps: Deps,
  snapshot: Snapshot,
  { size, time, ids, limits, held }: {
    readonly size: number;
    readonly time: CommitTime;
    readonly ids: IdMaker;
    readonly limits: CommitLimits;
    readonly held: HeldKeys;
  },
): Promise<PlannedBatch> {
  const loading = batch.map(({ operation }) =>
    load(operation, new Reader(deps.kv, snapshot, time.now, held))
  );
  // Mostly there is nothing to wait for, and then nothing waits.
  const loads = loading.some((one) => one instanceof Promise)
    ? await Promise.all(loading)
    : loading as Loaded[];
  const transaction = new Transaction(deps, snapshot, size, time, ids, limits);
  const outcomes = new Map<Waiting, Outcome>();
  const left: Waiting[] = [];
  batch.forEach((waiting, i) => {
    if (waiting.isTold) return;
    const loaded = loads[i] ?? NOTHING_LOADED;
    try {
      if ("error" in loaded) throw loaded.error;
      const plan = () => believed(waiting.operation, transaction, loaded.value);
      outcomes.set(waiting, { value: transaction.run(loaded.reads, plan) });
    } catch (error) {
      if (error instanceof Deferred) left.push(waiting);
      else outcomes.set(waiting, { error });
    }
  });
  return { transaction, outcomes, left };
}

/** Plans an operation. @throws {ClockRefused} when it writes something while the clock is in doubt */
function believed(
  operation: Operation<unknown, unknown>,
  transaction: Transaction,
  loaded: unknown,
): unknown {
  const { doubt } = transaction;
  const before = transaction.effects;
  const result = operation.plan(transaction, loaded);
  const refused = doubt !== null && transaction.effects > before &&
    operation.despite?.includes(doubt) !== true;
  if (refused) throw new ClockRefused(doubt);
  return result;
}

function load(
  operation: Operation<unknown, unknown>,
  reader: Reader,
): Loaded | Promise<Loaded> {
  if (operation.load === undefined) return NOTHING_LOADED;
  try {
    const value = operation.load(reader);
    if (!(value instanceof Promise)) return { value, reads: reader.reads };
    return value.then(
      (loaded) => ({ value: loaded, reads: reader.reads }),
      (error) => ({ error }),
    );
  } catch (error) {
    return { error };
  }
}

/** The checks and writes of one commit, ready to be handed to the store. */
export function atomicCommit(
  { kv, sealer }: Pick<Deps, "kv" | "sealer">,
  transaction: Transaction,
  { batch, growth, turn, head }: {
    /** Names the attempt, so that a lost answer can be told from a lost commit. */
    readonly batch: string;
    /** Null when there are no entries. */
    readonly growth: LogGrowth | null;
    readonly turn: string | null;
    /** The stamp of the log's head; undefined when it is not to be checked. */
    readonly head: string | null | undefined;
  },
): Deno.AtomicOperation {
  const { snapshot, leaves, base, at } = transaction;
  const org = snapshot.orgId;
  const operation = kv.atomic()
    .check({ key: policyVersionKey(org), versionstamp: snapshot.versionstamp })
    .check({ key: logTurnKey(org), versionstamp: turn });
  if (head !== undefined) operation.check({ key: logHeadKey(org), versionstamp: head });
  for (const { key, versionstamp } of transaction.checks.values()) {
    operation.check({ key: key as Deno.KvKey, versionstamp });
  }
  const rows = [
    ...growth?.rows ?? [],
    ...segmentRows(org, leaves, { base, at, batch }),
    ...privateRows(org, leaves, base, sealer),
    ...policyRows(transaction),
  ];
  for (const { key, value } of rows) operation.set(key as Deno.KvKey, value);
  for (const { key, value, expireIn } of transaction.writes.values()) {
    if (value === undefined) operation.delete(key as Deno.KvKey);
    else operation.set(key as Deno.KvKey, value, expireIn === undefined ? {} : { expireIn });
  }
  if (transaction.changesPolicy) {
    operation.delete(policyChangeKey(org, transaction.policyVersion - KEPT_POLICY_CHANGES));
  }
  for (const { value, delay } of transaction.messages) operation.enqueue(value, { delay });
  return operation;
}

/** The new policy version and what it changed, for other nodes to follow. */
function policyRows(transaction: Transaction): { key: StoreKey; value: unknown }[] {
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
  return chunks(leaves, (leaf) => Buffer.byteLength(leaf.text)).map(({ from, items }) => {
    const data = encoder.encode(items.map((leaf) => leaf.text).join(""));
    const value: LogSegment = { batch: commit.batch, at: commit.at, count: items.length, data };
    return { key: logSegmentKey(org, commit.base + from), value };
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
      parts.push({ index: base + i, text: `[${base + i},${partsText(leaf.private)}]` });
    }
  });
  return chunks(parts, (part) => Buffer.byteLength(part.text)).map(({ items }) => {
    const key = logPrivateKey(org, items[0]?.index ?? base);
    const text = `[${items.map((part) => part.text).join()}]`;
    return { key, value: { sealed: sealer.seal(key, encoder.encode(text)) } };
  });
}

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
