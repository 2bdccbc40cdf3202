import type { Transaction } from "../ledger/transaction.ts";

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
