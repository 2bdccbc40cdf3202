import { tellOfApproval } from "../approvals/topics.ts";
import type { DueWork } from "../ledger/due.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { dueKey, runTokenKey } from "../store/keys.ts";
import { type RunTokenRecord, runTokenRecord } from "../store/records/token.ts";
import type { ConsumedToken } from "../tokens/consume.ts";
import { moved } from "../tokens/state.ts";
import { recordExecution } from "./record_execution.ts";

export type UnknownToken = Extract<RunTokenRecord, { status: "unknown" }>;

/** Records that nobody reported a run in time. The caller stores the token, as it is or moved on. */
export function noteUnreported(transaction: Transaction, token: ConsumedToken): UnknownToken {
  const { record } = recordExecution(
    transaction,
    { ...token, token_id: token.id, late: false },
    { result: "unknown", duration_ms: null, cost_micros: null, output_digest: null, error: null },
    null,
  );
  if (token.approval_id !== null) tellOfApproval(transaction, token.approval_id);
  return { ...token, status: "unknown", execution_id: record.id };
}

/**
 * Does the work of a reporting deadline: a token that was consumed and not reported since becomes
 * `unknown`. Looks at the token itself, so that doing it twice or too late is harmless; too early
 * it leaves the row where it is.
 */
export async function reportDue({ ledgers }: Services, work: DueWork): Promise<void> {
  const { kind, at: due, org, id } = work;
  await ledgers.transact(org, {
    load: (reader) => reader.get(runTokenKey(org, id), runTokenRecord),
    plan(transaction, loaded) {
      const token = loaded?.value;
      if (token?.status === "consumed") {
        if (moved(token, "report_deadline", transaction) !== "unknown") return;
        transaction.set(runTokenKey(org, id), noteUnreported(transaction, token));
      }
      transaction.delete(dueKey(due, kind, org, id));
    },
  });
}
