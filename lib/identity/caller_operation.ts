import type { Operation } from "../ledger/operation.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import {
  type Caller,
  callerOf,
  type CallerTier,
  type MachineCaller,
  type Presented,
  requireTier,
} from "./caller.ts";

/** An operation on behalf of somebody, whom its parts are handed. */
export interface OperationOf<C, L, R> extends Pick<Operation<L, R>, "prepare" | "despite"> {
  readonly load?: (reader: Reader, caller: C) => Promise<L> | L;
  readonly plan: (transaction: Transaction, caller: C, loaded: L) => R;
}

/** Of anybody, unless it says of whom. */
export type CallerOperation<L, R, C extends Caller = Caller> = OperationOf<C, L, R>;

/** What only a key or an agent may do. */
export type MachineOperation<L, R> = CallerOperation<L, R, MachineCaller>;

/** How whoever acts is found, anew in each part of an operation. */
interface Finder<S, C> {
  /** @throws {Refusal} what says that they may not, at this moment */
  readonly find: (snapshot: Transaction["snapshot"], now: number, rows: S) => C;
  /** Looks once more at whose plan has written something. */
  readonly wrote?: (caller: C) => void;
}

/** The same where rows tell whether they still may, and not the policy alone. */
interface RowFinder<S, C> extends Finder<S, C> {
  readonly read: (reader: Reader) => Promise<S>;
}

interface Found<S, L> {
  readonly rows: S;
  readonly loaded: L;
}

/**
 * The operation for somebody who is found where it counts: in the snapshot that the commit proves
 * current, by rows that it checks. A credential that was revoked, a session that was ended or a role
 * that was lowered is so for every call that starts afterwards.
 */
export function acting<S, C, L, R>(
  finder: RowFinder<S, C>,
  operation: OperationOf<C, L, R>,
): Operation<Found<S, L>, R>;

export function acting<C, L, R>(
  finder: Finder<void, C>,
  operation: OperationOf<C, L, R>,
): Operation<L, R>;

export function acting<S, C, L, R>(
  finder: Finder<void, C> | RowFinder<S, C>,
  operation: OperationOf<C, L, R>,
): Operation<L, R> | Operation<Found<S, L>, R> {
  const { prepare, despite, load } = operation;
  const same = {
    ...(prepare === undefined ? {} : { prepare }),
    ...(despite === undefined ? {} : { despite }),
  };
  if ("read" in finder) {
    return {
      ...same,
      async load(reader: Reader) {
        const rows = await finder.read(reader);
        const caller = finder.find(reader.snapshot, reader.now, rows);
        return { rows, loaded: await load?.(reader, caller) as L };
      },
      plan: (transaction: Transaction, { rows, loaded }: Found<S, L>) =>
        planAs(finder, rows, operation, transaction, loaded),
    };
  }
  return {
    ...same,
    // What reads nothing is not made to wait for having read nothing.
    ...(load === undefined
      ? {}
      : { load: (reader: Reader) => load(reader, finder.find(reader.snapshot, reader.now)) }),
    plan: (transaction: Transaction, loaded: L) =>
      planAs(finder, undefined, operation, transaction, loaded),
  };
}

function planAs<S, C, L, R>(
  { find, wrote }: Finder<S, C>,
  rows: S,
  { plan }: OperationOf<C, L, R>,
  transaction: Transaction,
  loaded: L,
): R {
  const caller = find(transaction.snapshot, transaction.now, rows);
  const before = transaction.effects;
  const result = plan(transaction, caller, loaded);
  if (transaction.effects > before) wrote?.(caller);
  return result;
}

/**
 * The operation for whoever presented a secret.
 * @throws {Refusal} invalid_credentials, wrong_tier
 */
export function asCaller<L, R>(
  presented: Presented,
  allowed: readonly CallerTier[],
  operation: MachineOperation<L, R>,
) {
  return acting({
    find(snapshot, now) {
      const caller = callerOf(snapshot, presented, now);
      requireTier(caller, allowed);
      return caller;
    },
  }, operation);
}
