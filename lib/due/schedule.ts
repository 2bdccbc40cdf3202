import type { Transaction } from "../ledger/transaction.ts";
import { dueKey } from "../store/keys.ts";

/** The kinds of work that must happen at a time. */
export const DUE_KINDS = [
  "approval_ends",
  "approval_lapses",
  "tool_changed",
  "report_due",
] as const;
export type DueKind = (typeof DUE_KINDS)[number];

/** Work for one org at one time. Handlers look at the state themselves: doing it twice is harmless. */
export interface DueWork {
  readonly kind: DueKind;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly org: string;
  /** What it is about: an approval's id, a tool's name, a token's id. */
  readonly id: string;
}

/**
 * Puts work into the same commit as its cause: a row that a sweep finds, and, where the platform
 * has queues, a message that arrives at the time.
 */
export function schedule(
  transaction: Transaction,
  { kind, at, id }: Pick<DueWork, "kind" | "at" | "id">,
): void {
  const work: DueWork = { kind, at, org: transaction.snapshot.orgId, id };
  transaction.set(dueKey(at, kind, work.org, id), work);
  if (transaction.deps.queues) {
    transaction.enqueue({ due: work }, Math.max(0, at - transaction.at));
  }
}
