import type { IdMaker } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { HeldKeys } from "./held_keys.ts";
import type { Operation } from "./operation.ts";
import { ClockRefused } from "./process_clock.ts";
import {
  type CommitLimits,
  type CommitTime,
  Deferred,
  Reader,
  Transaction,
} from "./transaction.ts";

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
