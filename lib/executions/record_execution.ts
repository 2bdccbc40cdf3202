import { actorOf, type MachineCaller } from "../identity/caller.ts";
import type { Client } from "../identity/client.ts";
import type { JsonValue } from "../json/json_value.ts";
import type { Actor, Placed } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { executionKey } from "../store/keys.ts";
import type { ExecutionRecord, ExecutionResult } from "../store/records/execution.ts";
import { privateClient } from "../tokens/attempt.ts";

/** What came of a run, as far as somebody said. */
export interface Outcome {
  readonly result: ExecutionResult;
  readonly duration_ms: number | null;
  readonly cost_micros: number | null;
  readonly output_digest: string | null;
  readonly error: string | null;
}

/** The run that an outcome is of. */
export type Run = Pick<
  ExecutionRecord,
  "token_id" | "binding" | "tool" | "tenant" | "resource" | "method" | "action_digest" | "late"
>;

/** Who said it; null when the deadline passed without a word. */
export type Reporter = { readonly caller: MachineCaller; readonly client: Client } | null;

const DEADLINE: Actor = { type: "system", id: "report_deadline" };

/** An execution in the log. */
export interface LoggedExecution {
  readonly record: ExecutionRecord;
  readonly audit: Placed;
}

/** Writes one execution and its entry. */
export function recordExecution(
  transaction: Transaction,
  run: Run,
  outcome: Outcome,
  reporter: Reporter,
): LoggedExecution {
  const id = transaction.id("exe");
  const { token_id, binding, tool, tenant, resource, method, action_digest, late } = run;
  const { error, ...said } = outcome;
  const audit = transaction.append({
    id,
    type: "execution.logged",
    actor: reporter === null ? DEADLINE : actorOf(reporter.caller),
    subject: { execution: id, method, resource, tenant, token: token_id, tool },
    data: {
      action_digest,
      attested: token_id !== null,
      cost_micros: said.cost_micros,
      duration_ms: said.duration_ms,
      execution_result: said.result,
      late,
      output_digest: said.output_digest,
      ...(binding === null ? {} : { binding }),
      ...(reporter === null ? {} : { request_id: reporter.client.request_id }),
    },
    ...(reporter === null ? {} : { private: privateValues(reporter.client, error) }),
  });
  const record: ExecutionRecord = {
    id,
    token_id,
    binding,
    tool,
    tenant,
    resource,
    method,
    action_digest,
    late,
    ...said,
    reported_by: reporter === null ? null : { type: reporter.caller.type, id: reporter.caller.id },
    logged_at: transaction.at,
    entry_index: audit.index,
  };
  transaction.set(executionKey(transaction.snapshot.orgId, id), record);
  return { record, audit };
}

function privateValues(client: Client, error: string | null): Record<string, JsonValue> {
  return { client: privateClient(client), ...(error === null ? {} : { error }) };
}
