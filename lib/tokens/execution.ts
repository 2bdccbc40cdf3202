import { actionDigest } from "../actions/action_digest.ts";
import { tellOfApproval } from "../approvals/topics.ts";
import { assertNoPersonalIds, idsOfAction } from "../catalog/personal_ids.ts";
import {
  type LoggedExecution,
  type Outcome,
  recordExecution,
} from "../executions/record_execution.ts";
import { noteUnreported, type UnknownToken } from "../executions/report_due.ts";
import { type MachineCaller, tenantWithin } from "../identity/caller.ts";
import type { MachineOperation } from "../identity/caller_operation.ts";
import type { Client } from "../identity/client.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { type RecordedRefusal, Refusal } from "../refusal.ts";
import { dueKey, runTokenKey } from "../store/keys.ts";
import type { Binding, RunTokenRecord } from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";
import { refuseToken, refuseUnreadable } from "./attempt.ts";
import { type ConsumedToken, spend } from "./consume.ts";
import type { GivenAction } from "./differing_action.ts";
import { loadPresentedToken, type PresentedToken } from "./presented.ts";
import { refusalOf } from "./standing.ts";
import { stateAt } from "./state.ts";
import { walledTenant } from "./tenant_wall.ts";

/** What somebody reports about a run. */
export interface Report {
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
