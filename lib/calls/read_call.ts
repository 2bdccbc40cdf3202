import {
  isOwn,
  loadApproval,
  type LoadedApproval,
  seen,
  type SeenApproval,
} from "../approvals/seen.ts";
import { settledApproval } from "../approvals/state.ts";
import type { MachineOperation } from "../identity/acting.ts";
import type { Clocks } from "../ledger/clock.ts";
import { Refusal } from "../refusal.ts";
import { runTokenKey } from "../store/keys.ts";
import type { ApprovalState } from "../store/records/approval.ts";
import type { CallRecord } from "../store/records/call.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import { stateAt } from "../tokens/state.ts";
import { loadCall } from "./call_record.ts";

/** What a call is by now: its status, or what time and people have made of it. */
export type CallStatus = CallRecord["status"];

/** A call as who may know of it sees it. */
export interface SeenCall {
  readonly call: CallRecord;
  readonly status: CallStatus;
  /** What it waits for, or waited for in vain. */
  readonly approval: SeenApproval | null;
  /** Whether whoever looks made it, and so may see its result. */
  readonly own: boolean;
}

/** States in which nothing can run by a request any more. */
const OVER: readonly ApprovalState[] = ["denied", "expired", "cancelled", "revoked", "lapsed"];

interface Loaded {
  readonly call: CallRecord | null;
  readonly token: RunTokenRecord | null;
  readonly approval: LoadedApproval | null;
}

/** Looks at a call. @throws {Refusal} not_found, also for one of another caller */
export function readCall(id: string): MachineOperation<Loaded, SeenCall> {
  return {
    async load(reader) {
      const looking = reader.fromStore;
      const call = await loadCall(looking, id);
      const [token, approval] = await Promise.all([
        call?.status === "running"
          ? looking.guarded(runTokenKey(reader.snapshot.orgId, call.token_id))
          : null,
        call?.status === "pending" ? loadApproval(looking, call.approval_id) : null,
      ]);
      return { call, token, approval };
    },
    plan(transaction, caller, { call, token, approval }) {
      const own = call !== null && isOwn(caller, call);
      if (call === null || !(own || caller.tier === "management")) {
        throw new Refusal("not_found", { what: `call ${id}` });
      }
      const { snapshot, deps: { sealer } } = transaction;
      const asked = approval === null ? null : {
        ...approval,
        record: settledApproval(approval.record, snapshot, transaction, approval),
      };
      return {
        call,
        status: statusNow(transaction, call, token, asked),
        approval: asked === null ? null : seen(asked, caller, { snapshot, sealer }),
        own,
      };
    },
  };
}

/**
 * What time and people have made of a call.
 * @param token of one that runs
 * @param approval settled, of one that waits
 */
export function statusNow(
  clocks: Clocks,
  { status }: CallRecord,
  token: RunTokenRecord | null,
  approval: Pick<LoadedApproval, "record"> | null,
): CallStatus {
  // A process that ended in between leaves it to the deadline of its report.
  if (status === "running" && token !== null && stateAt(token, clocks) === "unknown") {
    return "unknown";
  }
  if (
    status === "pending" && approval !== null && OVER.includes(approval.record.progress.state)
  ) return "refused";
  return status;
}
