import type { CallerOperation } from "../lib/identity/caller_operation.ts";
import type { Transaction } from "../lib/ledger/transaction.ts";
import { invalidRequest } from "../lib/refusal.ts";

/** Why an operation does not go on, and at which field of the form that is said. */
export interface Objection {
  /** The JSON pointer of the field; empty when it is about the whole form. */
  readonly path: string;
  readonly message: string;
}

/**
 * The operation, refused where the policy is not what the form that asks for it was made from: two
 * people at the same record do not undo each other unseen, and what is made replaces nothing.
 * @throws {Refusal} invalid_request besides what the operation refuses
 */
export function asShown<L, R>(
  operation: CallerOperation<L, R>,
  objection: (transaction: Transaction, loaded: L) => Objection | null,
): CallerOperation<L, R> {
  return {
    ...operation,
    plan(transaction, caller, loaded) {
      const found = objection(transaction, loaded);
      if (found !== null) throw invalidRequest(found.path, found.message);
      return operation.plan(transaction, caller, loaded);
    },
  };
}

/** What stands against a change of a record that was changed since the form showed it. */
export function changedSince(
  record: { readonly updated_at: number } | undefined,
  seen: number,
): Objection | null {
  if (record === undefined || record.updated_at === seen) return null;
  return {
    path: "",
    message: "Somebody changed it while this form was open. Load the page again, look at what " +
      "it says now, and make your change to that.",
  };
}
