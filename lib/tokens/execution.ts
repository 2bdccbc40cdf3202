import type { JsonValue } from "../base/json.ts";
import { assertNoPersonalIds, idsOfAction } from "../catalog/personal_ids.ts";
import { actionDigest } from "../decisions/decide.ts";
import type { MachineOperation } from "../identity/acting.ts";
import {
  actorOf,
  type Client,
  type MachineCaller,
  privateClient,
  tenantWithin,
  walledTenant,
} from "../identity/caller.ts";
import { tellOfApproval } from "../ledger/due.ts";
import type { Actor, Placed } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { dueKey, executionKey, runTokenKey } from "../store/keys.ts";
import type { DueWork } from "../store/records/log.ts";
import {
  type Binding,
  type ExecutionRecord,
  type ExecutionResult,
  type RunTokenRecord,
  runTokenRecord,
} from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";
import { refuseToken, refuseUnreadable } from "./attempt.ts";
import { type ConsumedToken, spend } from "./consume.ts";
import { type GivenAction, loadPresentedToken, type PresentedToken } from "./presented.ts";
import { refusalOf } from "./standing.ts";
import { moved, stateAt } from "./state.ts";

/**
 * What came of a run: reported under its token, or without one, or by nobody until the deadline.
 * Every run under a token has one execution in the log, and one that counted as unknown may have a
 * second, late one.
 */

/** What somebody reports about a run. */
interface Report {
  /** The text of the token that it ran under; null when there was none. */
  readonly token: string | null;
  readonly given: GivenAction & { readonly tool: string };
  readonly outcome: Outcome;
}

/**
 * Logs an execution. A token that was not consumed is consumed by it; a run that counts as unknown
 * takes one late report, and both stay. Refusals of a token are recorded and returned.
 * @throws {Refusal} tenant_not_permitted for a run without a token
 */
export function logExecutionOperation(
  sealer: Sealer,
  report: Report,
  client: Client,
): MachineOperation<PresentedToken | null, LoggedExecution | RecordedRefusal> {
  const { token: text, given, outcome } = report;
  return {
    load: (reader, caller) =>
      text === null ? null : loadPresentedToken(reader, caller, sealer, { text, given }),
    plan(transaction, caller, presented) {
      if (presented === null) return logUnattested(transaction, caller, report, client);
      const by = { caller, client, attempt: "report" } as const;
      if (presented.token === null) return refuseUnreadable(transaction, by, presented);
      const { snapshot } = transaction;
      const { token } = presented;
      const event = outcome.result === "unknown" ? "report_unknown" : "report";
      const refusal = refusalOf(snapshot, caller, presented, { event, given }, transaction);
      if (refusal !== null) return refuseToken(transaction, by, token, refusal);

      const named = isWholeAction(caller, token, given) ? "checked" : "unchecked";
      const run = token.status === "minted"
        ? spend(transaction, token, by, named)
        : openRun(transaction, token);
      const late = run.status === "unknown";
      const binding: Binding = run.binding === "checked" ? "checked" : named;
      const logged = recordExecution(
        transaction,
        { ...run, token_id: run.id, binding, late },
        outcome,
        { caller, client },
      );
      const { id } = logged.record;
      const reported: RunTokenRecord = run.status === "unknown"
        ? { ...run, status: "reported_late", late_execution_id: id }
        : { ...run, status: event === "report" ? "reported" : "unknown", execution_id: id };
      transaction.set(runTokenKey(snapshot.orgId, token.id), reported);
      if (token.approval_id !== null) tellOfApproval(transaction, token.approval_id);
      return logged;
    },
  };
}

/** The run of a spent token, whose deadline is noted now if it passed and nobody noted it. */
function openRun(transaction: Transaction, token: RunTokenRecord): ConsumedToken | UnknownToken {
  if (token.status === "unknown") return token;
  if (token.status !== "consumed") {
    throw new Error(`A ${token.status} token passed as one that takes a report.`);
  }
  const { orgId } = transaction.snapshot;
  transaction.delete(dueKey(token.report_due_at, "report_due", orgId, token.id));
  return stateAt(token, transaction) === "unknown" ? noteUnreported(transaction, token) : token;
}

/** Whether the report names the token's action in full: what it leaves out, the action has not. */
function isWholeAction(
  caller: MachineCaller,
  token: RunTokenRecord,
  given: Report["given"],
): boolean {
  const tenant = walledTenant(caller, given.tenant ?? null);
  if (tenant instanceof Refusal) return false;
  return actionDigest(caller.org, wholeAction(given, tenant)) === token.action_digest;
}

function wholeAction(given: Report["given"], tenant: string | null) {
  const { tool, resource = null, method = null } = given;
  return { tool, tenant, resource, method, arguments: given.arguments ?? {} };
}

function logUnattested(
  transaction: Transaction,
  caller: MachineCaller,
  { given, outcome }: Report,
  client: Client,
): LoggedExecution {
  const action = wholeAction(given, tenantWithin(caller, given.tenant ?? null));
  assertNoPersonalIds(transaction.snapshot.org, idsOfAction(action));
  const action_digest = actionDigest(caller.org, action);
  return recordExecution(
    transaction,
    { ...action, action_digest, token_id: null, binding: null, late: false },
    outcome,
    { caller, client },
  );
}

/** What came of a run, as far as somebody said. */
interface Outcome {
  readonly result: ExecutionResult;
  readonly duration_ms: number | null;
  readonly cost_micros: number | null;
  readonly output_digest: string | null;
  readonly error: string | null;
}

/** The run that an outcome is of. */
type Run = Pick<
  ExecutionRecord,
  "token_id" | "binding" | "tool" | "tenant" | "resource" | "method" | "action_digest" | "late"
>;

/** Who said it; null when the deadline passed without a word. */
type Reporter = { readonly caller: MachineCaller; readonly client: Client } | null;

const DEADLINE: Actor = { type: "system", id: "report_deadline" };

/** An execution in the log. */
export interface LoggedExecution {
  readonly record: ExecutionRecord;
  readonly audit: Placed;
}

/** Writes one execution and its entry. */
function recordExecution(
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

type UnknownToken = Extract<RunTokenRecord, { status: "unknown" }>;

/** Records that nobody reported a run in time. The caller stores the token, as it is or moved on. */
function noteUnreported(transaction: Transaction, token: ConsumedToken): UnknownToken {
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
