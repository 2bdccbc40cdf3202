import type { Deps } from "../deps.ts";
import type { ClockDoubt } from "./process_clock.ts";
import type { Reader, Transaction } from "./transaction.ts";

/**
 * One operation on an org. `load` reads what the snapshot does not hold; `plan` is pure: it looks
 * at the transaction's snapshot and at what was loaded, and puts entries and writes into the
 * transaction. Both run again whenever the store moved before the commit.
 */
export interface Operation<L, R> {
  /**
   * Runs once, when the operation is handed over and another commit may still be on its way: for
   * work that needs neither policy nor store. `plan` must not depend on its having run.
   */
  readonly prepare?: (deps: Deps, org: string) => void;
  /** What may be doubted of the clock, and it is committed all the same. */
  readonly despite?: readonly ClockDoubt[];
  /** May answer at once, where the snapshot tells that there is nothing to read. */
  readonly load?: (reader: Reader) => Promise<L> | L;
  readonly plan: (transaction: Transaction, loaded: L) => R;
}
