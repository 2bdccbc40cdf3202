import type { DueWork } from "../ledger/due.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import {
  approvalByToolPrefix,
  approvalOpenPrefix,
  approvalReadyPrefix,
  approvalsByToolPrefix,
  dueKey,
  type StoreKey,
} from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { approvalPointer } from "../store/records/approval.ts";
import { settle } from "./advance.ts";
import { loadApproval } from "./seen.ts";

/** Notes that a request has expired or lapsed, and removes the work in the same commit. */
export async function settleDueApproval({ ledgers }: Services, work: DueWork): Promise<void> {
  await ledgers.transact(work.org, {
    load: (reader: Reader) => loadApproval(reader, work.id),
    plan(transaction: Transaction, loaded) {
      if (loaded !== null) settle(transaction, loaded);
      transaction.delete(dueKey(work.at, work.kind, work.org, work.id));
    },
  });
}

/**
 * Cancels what is pending or unused of a tool whose definition has changed. Every request looks at
 * the catalog itself, so one that was made since stays.
 */
export async function cancelForTool(services: Services, work: DueWork): Promise<void> {
  await settleAll(services, work, [approvalByToolPrefix(work.org, work.id)]);
}

/** The same for all tools at once, after a policy of several commits became the one that is read. */
export async function cancelForPolicy(services: Services, work: DueWork): Promise<void> {
  await settleAll(services, work, [approvalsByToolPrefix(work.org)]);
}

/** Cancels what is pending or unused of an agent that was rotated; what it asked since stays. */
export async function cancelForAgent(services: Services, work: DueWork): Promise<void> {
  const { org, id } = work;
  await settleAll(services, work, [approvalOpenPrefix(org, id), approvalReadyPrefix(org, id)]);
}

/** Brings all requests up to date that rows of indexes name, then removes the work. */
async function settleAll(
  { deps, ledgers }: Services,
  work: DueWork,
  prefixes: readonly StoreKey[],
): Promise<void> {
  for (const prefix of prefixes) {
    for await (const { value } of listRecords(deps.kv, { prefix }, approvalPointer)) {
      // In turn: all of them count against the same limits, so their commits would collide.
      await ledgers.transact(work.org, {
        load: (reader: Reader) => loadApproval(reader, value.id),
        plan(transaction: Transaction, loaded) {
          if (loaded !== null) settle(transaction, loaded);
        },
      });
    }
  }
  await ledgers.transact(work.org, {
    plan: (transaction) => transaction.delete(dueKey(work.at, work.kind, work.org, work.id)),
  });
}
