import { move } from "../approvals/end.ts";
import { loadApproval, type LoadedApproval } from "../approvals/seen.ts";
import { noteFindings } from "../decisions/guarded.ts";
import type { AnswerLook } from "../guards/result.ts";
import type { Operation, Reader, Transaction } from "../ledger/transaction.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import { runTokenKey } from "../store/keys.ts";
import type { CallRecord, KeptResult, RunningCall } from "../store/records/call.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import { GATEWAY, logOwnRun, returnToken, throughIn } from "../tokens/execution.ts";
import { loadTokenCounters, type TokenCounters } from "../tokens/presented.ts";
import { loadCall, storeCall } from "./call_record.ts";
import type { CallEnd } from "./call_state.ts";

/**
 * The second of the two commits of a call: what came of it is logged, or, where nothing was sent, its
 * permission given back. It needs nobody's right: what has happened is written down even where the
 * caller was shut out meanwhile.
 */

/** What came of a call at its upstream. */
export interface EndedCall {
  readonly end: CallEnd;
  /** What is told in place of a result, naming the execution once there is one; null for a result. */
  readonly told: ((execution_id: string | null) => AnyRefusal) | null;
  readonly duration_ms: number;
  /** Over what the upstream said; null where it said nothing. */
  readonly output_digest: string | null;
  /** For the log: what went wrong, in foreign words. */
  readonly error: string | null;
  readonly result: KeptResult | null;
  /** What guards made of what it answered. */
  readonly looked: AnswerLook;
}

interface Loaded {
  /** Read where the token says that the call has ended, for they change in the same commits. */
  readonly call: CallRecord | null;
  readonly token: RunTokenRecord | null;
  /** What the token was made from, where it may have to be given back. */
  readonly approval: LoadedApproval | null;
  /** What counts what becomes of it. */
  readonly counters: TokenCounters | null;
}

/** Ends a call that runs. One that ended already stays as it is, and is answered. */
export function endCall(
  running: RunningCall,
  ended: EndedCall,
): Operation<Loaded, CallRecord> {
  const { id, token_id, approval_id } = running;
  const returns = ended.end.permission === "ready" && approval_id !== null;
  return {
    async load(reader: Reader) {
      const [token, approval] = await Promise.all([
        reader.guarded(runTokenKey(reader.snapshot.orgId, token_id)),
        returns ? loadApproval(reader, approval_id) : null,
      ]);
      const call = openOf(token) === null ? await loadCall(reader, id) : null;
      const counters = token === null ? null : await loadTokenCounters(reader, token);
      return { call, token, approval, counters };
    },
    plan(transaction, { call, token, approval, counters }) {
      if (call !== null && call.status !== "running") return call;
      const open = openOf(token);
      if (open === null || counters === null) {
        throw new Error(`The token of the running call ${id} is not one that runs.`);
      }
      noteFindings(transaction, GATEWAY.actor, {
        side: "after",
        findings: ended.looked.findings,
        subject: {
          call: id,
          tenant: open.tenant,
          token: token_id,
          tool: open.tool,
          upstream: running.upstream,
        },
        data: throughIn(open.minter),
      });
      const returned = ended.end.permission === "ready" && open.status === "consumed" &&
        returnToken(transaction, open, {
          ...counters,
          call: id,
          why: ended.end.told ?? "not_sent",
        });
      const next = returned ? givenBack(transaction, running, ended, approval) : logged();
      storeCall(transaction, next);
      return next;

      function logged(): CallRecord {
        if (open === null || counters === null) {
          throw new Error("A token that does not run is logged by nobody.");
        }
        const { execution, status } = ended.end;
        const { record } = logOwnRun(transaction, open, {
          // Its deadline passed before this was known: nobody may take it for never sent any more.
          result: execution ?? "error",
          duration_ms: ended.duration_ms,
          cost_micros: null,
          output_digest: ended.output_digest,
          error: ended.error,
        }, counters.count);
        const refusal = ended.told === null ? null : toldRefusal(ended.told(record.id));
        const fields = { ...withFindings(running, ended.looked), execution_id: record.id };
        if (status === "unknown" && refusal !== null) return { ...fields, status, refusal };
        const { duration_ms, result, looked: { redactions, withheld } } = ended;
        return {
          ...fields,
          status: "completed",
          duration_ms,
          refusal,
          result,
          ...(redactions.length === 0 ? {} : { redactions: [...redactions] }),
          ...(withheld === null ? {} : { withheld: { ...withheld } }),
        };
      }
    },
  };
}

/** A token by which something may run still. */
function openOf(token: RunTokenRecord | null) {
  return token?.status === "consumed" || token?.status === "unknown" ? token : null;
}

function givenBack(
  transaction: Transaction,
  running: RunningCall,
  { told, looked }: EndedCall,
  approval: LoadedApproval | null,
): CallRecord {
  if (approval !== null) {
    const moved = move(
      transaction,
      approval,
      { type: "return", token_id: running.token_id },
      null,
    );
    if (moved instanceof Refusal) {
      throw new Error(`The approval of the call ${running.id} is used by another: ${moved.code}`);
    }
  }
  if (told === null) {
    throw new Error(`Of the call ${running.id}, which was not sent, nothing is told.`);
  }
  return { ...withFindings(running, looked), status: "returned", refusal: toldRefusal(told(null)) };
}

/** A call with what was found in its arguments, and in what was answered. */
function withFindings(
  { findings: before = [], ...call }: RunningCall,
  { findings: after }: AnswerLook,
): RunningCall {
  const findings = [...before, ...after];
  return findings.length === 0 ? call : { ...call, findings };
}

function toldRefusal({ code, data }: AnyRefusal) {
  return { code, data: { ...data } };
}
