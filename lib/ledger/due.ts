import { dueKey } from "../store/keys.ts";
import type { DueWork } from "../store/records/log.ts";
import type { Transaction } from "./transaction.ts";

/**
 * What a commit leaves behind for others: work that is due at a time, and topics that wake who
 * waits.
 */

/** News of work that is due already, for a worker that no queue wakes. */
export const DUE_NOW = "due now";

/**
 * Puts work into the same commit as its cause: a row that a sweep finds, and, where the platform
 * has queues, a message that arrives at the time. Work for another org goes into its own commits.
 */
export function schedule(
  transaction: Transaction,
  { kind, at, id, org = transaction.snapshot.orgId }:
    & Pick<DueWork, "kind" | "at" | "id">
    & Partial<Pick<DueWork, "org">>,
): void {
  const work: DueWork = { kind, at, org, id };
  transaction.set(dueKey(at, kind, org, id), work);
  if (transaction.deps.queues) {
    transaction.enqueue({ due: work }, Math.max(0, at - transaction.now));
  } else if (at <= transaction.now) {
    transaction.notify(DUE_NOW);
  }
}

/** News of one request: asked again, decided, ended, minted, run, reported. */
export const approvalTopic = (org: string, id: string): string => `approval ${org} ${id}`;

/** News of any request of an org, for whoever looks at the list. */
export const approvalsTopic = (org: string): string => `approvals ${org}`;

/** Wakes whoever waits for a request or looks at the list, once the commit stands. */
export function tellOfApproval(transaction: Transaction, id: string): void {
  const { orgId } = transaction.snapshot;
  transaction.notify(approvalTopic(orgId, id));
  transaction.notify(approvalsTopic(orgId));
}
