import { writeEvent } from "../events/event.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { BUDGET_SCOPES, type BudgetRow } from "../store/records/budget.ts";
import { countedIn, overrun } from "./budget.ts";

/** What is told of a budget: that so much of it is spent, once a window, and that it is overrun. */

/** The largest share that is told of and that is spent; undefined for none. */
function reachedBy({ snapshot: { org } }: Transaction, row: BudgetRow): number | undefined {
  const spent = countedIn(row);
  // By shares, for a hundred times a limit may be more than is exact.
  return org.budget_alert_percent.findLast((percent) =>
    spent > 0 && spent >= row.limit * (percent / 100)
  );
}

/**
 * The row with what was told of it as far as that is so of its limit: of a higher one less is spent,
 * and what comes to be spent of that is told anew.
 */
export function toldOfLimit(transaction: Transaction, row: BudgetRow): BudgetRow {
  return { ...row, told: Math.min(row.told, reachedBy(transaction, row) ?? 0) };
}

/**
 * The row as the commit writes it, which remembers what was told of it. Tells what the change has come
 * to: how often something is done is told to nobody.
 * @param scope the name of the row
 */
export function toldOf(
  transaction: Transaction,
  scope: string,
  before: BudgetRow | null,
  next: BudgetRow,
): BudgetRow {
  const spent = countedIn(next);
  const isNew = before === null || before.window !== next.window;
  const told = isNew ? 0 : next.told;
  const reached = reachedBy(transaction, next);
  const isReached = reached !== undefined && reached > told;
  const isOverrun = overrun(next) > 0 && (isNew || overrun(before) === 0);
  if (!isReached && !isOverrun) return told === next.told ? next : { ...next, told };
  const [kind = "", id = ""] = scope.split(":");
  const scope_kind = BUDGET_SCOPES.find((known) => known === kind);
  if (scope_kind === undefined) return next;
  const about = {
    scope_kind,
    mandate: scope_kind === "mandate" ? id : null,
    limit_micros: next.limit,
    spent_micros: spent,
  };
  if (isReached) writeEvent(transaction, { type: "budget.threshold", ...about, percent: reached });
  if (isOverrun) {
    const percent = Math.floor(spent / Math.max(1, next.limit) * 100);
    writeEvent(transaction, { type: "budget.overrun", ...about, percent });
  }
  return { ...next, told: Math.max(told, reached ?? 0) };
}
