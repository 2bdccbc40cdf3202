import type { JsonObject, JsonValue } from "../base/json.ts";
import { assertNoPersonalIds, idsOfAction } from "../catalog/personal_ids.ts";
import { actionDigest } from "../decisions/decide.ts";
import { writeEvent } from "../events/event.ts";
import type { MachineOperation } from "../identity/acting.ts";
import {
  actionWithin,
  actorOf,
  type Client,
  type MachineCaller,
  partyOf,
  privateClient,
  tenantWithin,
} from "../identity/caller.ts";
import { tellOfApproval } from "../ledger/commit.ts";
import type { Actor, Placed } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { settleReserved } from "../mandates/spending.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { dueKey, executionKey, runTokenKey } from "../store/keys.ts";
import type { Party } from "../store/records/identity.ts";
import type { DueWork } from "../store/records/log.ts";
import {
  type Binding,
  type ExecutionRecord,
  type ExecutionResult,
  type RunTokenRecord,
} from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";
import {
  numbered,
  refuseToken,
  refuseUnreadable,
  type TokenAttempt,
  tokenSubject,
} from "./attempt.ts";
import { type ConsumedToken, spend } from "./consume.ts";
import {
  type GivenAction,
  loadPresentedToken,
  loadTokenCounters,
  type PresentedToken,
  type TokenCounters,
} from "./presented.ts";
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
      const named = isWholeAction(snapshot, caller, token, given) ? "checked" : "unchecked";
      return reportRun(transaction, by, { ...presented, binding: named }, outcome);
    },
  };
}

/**
 * Puts what came of a run into the commit, whose token takes a report: its execution, what it cost in
 * place of what was counted for it, and what its token says now.
 */
export function reportRun(
  transaction: Transaction,
  by: TokenAttempt,
  { token, counters, count, binding: named }: TokenCounters & {
    readonly token: RunTokenRecord;
    readonly binding: Binding;
  },
  outcome: Outcome,
): LoggedExecution {
  const run = token.status === "minted"
    ? spend(transaction, token, by, { binding: named, counters, count })
    : openRun(transaction, token, count);
  const late = run.status === "unknown";
  const binding: Binding = run.binding === "checked" ? "checked" : named;
  const logged = recordExecution(
    transaction,
    { ...run, token_id: run.id, binding, late, count },
    outcome,
    by,
  );
  const { id } = logged.record;
  const reserved = outcome.cost_micros === null
    ? run.reserved
    : settleReserved(transaction, counters, run.reserved, outcome.cost_micros);
  const reported: RunTokenRecord = run.status === "unknown"
    ? { ...run, reserved, status: "reported_late", late_execution_id: id }
    : {
      ...run,
      reserved,
      status: outcome.result === "unknown" ? "unknown" : "reported",
      execution_id: id,
    };
  transaction.setGuarded(runTokenKey(transaction.snapshot.orgId, token.id), reported);
  if (token.approval_id !== null) tellOfApproval(transaction, token.approval_id);
  return logged;
}

/** The run of a spent token, whose deadline is noted now if it passed and nobody noted it. */
function openRun(
  transaction: Transaction,
  token: RunTokenRecord,
  count: TokenCounters["count"],
): ConsumedToken | UnknownToken {
  if (token.status === "unknown") return token;
  if (token.status !== "consumed") {
    throw new Error(`A ${token.status} token passed as one that takes a report.`);
  }
  const { orgId } = transaction.snapshot;
  transaction.delete(dueKey(token.report_due_at, "report_due", orgId, token.id));
  return stateAt(token, transaction) === "unknown"
    ? noteUnreported(transaction, token, count)
    : token;
}

/** Whether the report names the token's action in full: what it leaves out, the action has not. */
function isWholeAction(
  snapshot: Snapshot,
  caller: MachineCaller,
  token: RunTokenRecord,
  given: Report["given"],
): boolean {
  const action = actionWithin(snapshot, caller, wholeAction(given, given.tenant ?? null));
  if (action instanceof Refusal) return false;
  return actionDigest(caller.org, action) === token.action_digest;
}

function wholeAction(given: Report["given"], tenant: string | null) {
  const { tool, resource = null, method = null } = given;
  return { tool, tenant, resource, method, arguments: given.arguments ?? {} };
}

/** Of a run that nobody knows to have been authorized. */
const NO_TOKEN = {
  token_id: null,
  binding: null,
  late: false,
  mandate_id: null,
  call_id: null,
  count: null,
  minter: null,
};

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
    { ...action, ...NO_TOKEN, action_digest },
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

/** The run that an outcome is of, and what its token is of and under. */
type Run =
  & Pick<
    ExecutionRecord,
    "token_id" | "binding" | "tool" | "tenant" | "resource" | "method" | "action_digest" | "late"
  >
  & Pick<ConsumedToken, "mandate_id" | "call_id">
  & Pick<TokenCounters, "count">
  & { readonly minter: Party | null };

/** Who said it: a machine by a request, or the service, which saw it or saw the deadline pass. */
type Reporter =
  | { readonly caller: MachineCaller; readonly client: Client }
  | { readonly actor: Actor };

const DEADLINE: Reporter = { actor: { type: "system", id: "report_deadline" } };

/** Whoever runs calls and sees what comes of them. */
/** Whoever says what came of a call that ran through here. */
export const GATEWAY = { actor: { type: "system", id: "gateway" } } as const satisfies Reporter;

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
  const byMachine = "actor" in reporter ? null : reporter;
  const id = transaction.id("exe");
  const { token_id, binding, tool, tenant, resource, method, action_digest, late } = run;
  const { error, ...said } = outcome;
  const audit = transaction.append({
    id,
    type: "execution.logged",
    actor: "actor" in reporter ? reporter.actor : actorOf(reporter.caller),
    subject: {
      execution: id,
      ...(run.call_id === null ? {} : { call: run.call_id }),
      ...(run.mandate_id === null ? {} : { mandate: run.mandate_id }),
      ...{ method, resource, tenant, token: token_id, tool },
    },
    data: {
      action_digest,
      attested: token_id !== null,
      cost_micros: said.cost_micros,
      duration_ms: said.duration_ms,
      execution_result: said.result,
      late,
      ...numbered(transaction, run.count),
      output_digest: said.output_digest,
      ...(byMachine === null && run.minter !== null ? throughIn(run.minter) : {}),
      ...(binding === null ? {} : { binding }),
      ...(byMachine === null ? {} : { request_id: byMachine.client.request_id }),
    },
    ...privateOf(byMachine?.client ?? null, error),
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
    reported_by: byMachine === null ? null : partyOf(byMachine.caller),
    logged_at: transaction.at,
    entry_index: audit.index,
  };
  transaction.set(executionKey(transaction.snapshot.orgId, id), record);
  return { record, audit };
}

/** What an entry of our own says of what was done through a sub-token: through which, and whose. */
export function throughIn(minter: Party): JsonObject {
  return minter.sub_token === undefined ? {} : { minted_by: { ...minter } };
}

function privateOf(
  client: Client | null,
  error: string | null,
): { private?: Record<string, JsonValue> } {
  if (client === null && error === null) return {};
  return {
    private: {
      ...(client === null ? {} : { client: privateClient(client) }),
      ...(error === null ? {} : { error }),
    },
  };
}

type UnknownToken = Extract<RunTokenRecord, { status: "unknown" }>;

/** Records that nobody reported a run in time. The caller stores the token, as it is or moved on. */
function noteUnreported(
  transaction: Transaction,
  token: ConsumedToken,
  count: TokenCounters["count"],
): UnknownToken {
  const { record } = recordExecution(
    transaction,
    { ...token, token_id: token.id, late: false, count },
    { result: "unknown", duration_ms: null, cost_micros: null, output_digest: null, error: null },
    DEADLINE,
  );
  writeEvent(transaction, { type: "execution.unknown", token: token.id });
  if (token.approval_id !== null) tellOfApproval(transaction, token.approval_id);
  return { ...token, status: "unknown", execution_id: record.id };
}

/**
 * Logs what came of a call that ran through here, under the token that was consumed for it. One that
 * counted as unknown by then is late. The commit has read the token.
 */
export function logOwnRun(
  transaction: Transaction,
  token: ConsumedToken | UnknownToken,
  outcome: Outcome,
  count: TokenCounters["count"],
): LoggedExecution {
  const { orgId } = transaction.snapshot;
  const run = openRun(transaction, token, count);
  const late = run.status === "unknown";
  const told = { ...run, token_id: run.id, late, count };
  const logged = recordExecution(transaction, told, outcome, GATEWAY);
  const { id } = logged.record;
  const isUnknown = outcome.result === "unknown";
  const reported: RunTokenRecord = run.status === "unknown"
    ? { ...run, status: "reported_late", late_execution_id: id }
    : { ...run, status: isUnknown ? "unknown" : "reported", execution_id: id };
  transaction.setGuarded(runTokenKey(orgId, token.id), reported);
  if (isUnknown && !late) writeEvent(transaction, { type: "execution.unknown", token: token.id });
  if (token.approval_id !== null) tellOfApproval(transaction, token.approval_id);
  return logged;
}

/**
 * Gives a token back whose call was not sent: nothing ran under it, and nothing will. False, and
 * nothing is written, where its time is over already.
 */
export function returnToken(
  transaction: Transaction,
  token: ConsumedToken,
  { call, why, counters, count }: TokenCounters & {
    readonly call: string;
    readonly why: string;
  },
): boolean {
  const { at, snapshot: { orgId } } = transaction;
  if (moved(token, "return", transaction) !== "returned") return false;
  transaction.delete(dueKey(token.report_due_at, "report_due", orgId, token.id));
  settleReserved(transaction, counters, token.reserved, 0);
  transaction.setGuarded(runTokenKey(orgId, token.id), {
    ...token,
    status: "returned",
    returned_at: at,
  });
  transaction.append({
    type: "token.returned",
    actor: GATEWAY.actor,
    subject: { ...tokenSubject(token), call },
    data: {
      action_digest: token.action_digest,
      because: why,
      ...throughIn(token.minter),
      ...numbered(transaction, count),
    },
  });
  return true;
}

/**
 * Does the work of a reporting deadline: a token that was consumed and not reported since becomes
 * `unknown`. Looks at the token itself, so that doing it twice or too late is harmless; too early
 * it leaves the row where it is.
 */
export async function reportDue({ ledgers }: Services, work: DueWork): Promise<void> {
  const { kind, at: due, org, id } = work;
  await ledgers.transact(org, {
    async load(reader) {
      const token = await reader.guarded(runTokenKey(org, id));
      if (token?.status !== "consumed") return null;
      return { token, ...await loadTokenCounters(reader, token) };
    },
    plan(transaction, found) {
      if (found !== null) {
        const { token, count } = found;
        if (moved(token, "report_deadline", transaction) !== "unknown") return;
        transaction.setGuarded(runTokenKey(org, id), noteUnreported(transaction, token, count));
      }
      transaction.delete(dueKey(due, kind, org, id));
    },
  });
}
