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

/** An operation on behalf of somebody: of anybody, unless it says of whom. */
export interface CallerOperation<L, R, C extends Caller = Caller>
  extends Pick<Operation<L, R>, "prepare" | "despite"> {
  readonly load?: (reader: Reader, caller: C) => Promise<L> | L;
  readonly plan: (transaction: Transaction, caller: C, loaded: L) => R;
}

/** What only a key or an agent may do. */
export type MachineOperation<L, R> = CallerOperation<L, R, MachineCaller>;

/**
 * The operation with its caller found in the snapshot that it is decided on. The commit proves that
 * snapshot current, so a key that is revoked or lowered is so for every call that starts afterwards.
 * @throws {Refusal} invalid_credentials, wrong_tier
 */
export function asCaller<L, R>(
  presented: Presented,
  allowed: readonly CallerTier[],
  operation: MachineOperation<L, R>,
): Operation<L, R> {
  const caller = (snapshot: Transaction["snapshot"], now: number) => {
    const found = callerOf(snapshot, presented, now);
    requireTier(found, allowed);
    return found;
  };
  const { prepare, despite, load, plan } = operation;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    ...(despite === undefined ? {} : { despite }),
    ...(load === undefined ? {} : {
      load: (reader: Reader) => load(reader, caller(reader.snapshot, reader.now)),
    }),
    plan: (transaction, loaded) =>
      plan(transaction, caller(transaction.snapshot, transaction.now), loaded),
  };
}
