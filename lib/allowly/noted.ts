import type { MachineOperation } from "../identity/acting.ts";
import { type Entry, entryOfText } from "../ledger/entry.ts";
import type { Reader } from "../ledger/transaction.ts";
import { receiptId } from "../receipts/claims.ts";
import { type Accepted, RecordedRefusal } from "../refusal.ts";

/** What an operation wrote into the log, for answers that name the receipts of it. */

/** A result, and the entries that came of it. */
export interface Noted<R> {
  readonly result: R;
  readonly entries: readonly Entry[];
}

/** The same operation, which also tells of its entries. What it refuses and records stays that. */
export function noted<L, R>(
  { load, plan, ...operation }: MachineOperation<L, R>,
): MachineOperation<L, Noted<Accepted<R>> | RecordedRefusal> {
  return {
    ...operation,
    ...(load === undefined ? {} : { load: (reader: Reader, caller) => load(reader, caller) }),
    plan(transaction, caller, loaded) {
      const before = transaction.leaves.length;
      const result = plan(transaction, caller, loaded);
      if (result instanceof RecordedRefusal) return result;
      const entries = transaction.leaves.slice(before).map(({ text }) => entryOfText(text));
      return { result: result as Accepted<R>, entries };
    },
  };
}

/** The receipt of the entry of a type; null where none was written. */
export function receiptOf(entries: readonly Entry[], type: string): string | null {
  const entry = entries.find((one) => one.type === type);
  return entry === undefined ? null : receiptId(entry);
}
