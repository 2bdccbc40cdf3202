import type { GuardedKey, Shared } from "../../lib/ledger/guarded_rows.ts";
import type { Operation, Transaction } from "../../lib/ledger/transaction.ts";
import type { RequesterCount } from "../../lib/store/records/approval.ts";

/** A guarded row as a counter, each step of which is an entry of the log. */

type CountKey = GuardedKey<"approval_count">;

/** The row of a counter. */
export function counted(count: number): RequesterCount {
  return { deadlines: [count], recent: [] };
}

/** Writes it, with its entry. */
export function storeCount(
  transaction: Transaction,
  key: CountKey,
  count: number,
): void {
  transaction.setGuarded(key, counted(count));
  transaction.append({
    type: "test.counted",
    actor: { type: "system", id: "test" },
    subject: {},
    data: { name: String(key.at(-1)), count },
  });
}

/** What a counter shows; 0 where there is none. */
export function countOf(row: RequesterCount | null): number {
  return row?.deadlines[0] ?? 0;
}

/** Adds to a counter after whatever else its commit added; gives what it shows then. */
export function counting(
  key: CountKey,
): Required<
  Pick<Operation<Shared<"approval_count">, number>, "load" | "plan">
> {
  return {
    load: (reader) => reader.shared(key),
    plan(transaction, loaded) {
      const count = countOf(transaction.latest(loaded)) + 1;
      storeCount(transaction, key, count);
      return count;
    },
  };
}
