import type { AnyRefusal, RefusalCode } from "../refusal.ts";
import { Refusal } from "../refusal.ts";
import type { ExecutionResult } from "../store/records/token.ts";
import type { CallOutcome } from "../upstreams/port.ts";

/**
 * What becomes of a call by what became of it at its upstream: what is told, what the log says of its
 * run, whether its permission is used up, whether its key stays taken, and whether it is tried once
 * more. Pure, and one table.
 */

/** What can become of a call, as far as it makes a difference. */
export type OutcomeKind =
  | "result"
  | "error_result"
  | "too_large"
  | "asks"
  | "failed"
  | "unreachable"
  | "unauthorized"
  | "needs_reconnect"
  | "session_lost"
  | "busy"
  | "stopped"
  | "unknown";

/** What follows for a call. */
export interface CallEnd {
  readonly status: "completed" | "returned" | "unknown";
  /** Null where the result is the answer. */
  readonly told: RefusalCode | null;
  /** What the log says of the run; null where there was none. */
  readonly execution: ExecutionResult | null;
  /** `ready`: the permission is given back, and an approval can be used again. */
  readonly permission: "used" | "ready";
  /** Whether its key still answers with this call. */
  readonly key: "taken" | "free";
  /** Whether it is sent once more, where it was sent once. */
  readonly again: boolean;
}

const RAN = { permission: "used", key: "taken", again: false } as const;

const NOT_SENT = {
  status: "returned",
  execution: null,
  permission: "ready",
  key: "free",
  again: false,
} as const;

/** Every outcome and what follows. What may have run is never sent again. */
export const CALL_ENDS: Readonly<Record<OutcomeKind, CallEnd>> = {
  result: { ...RAN, status: "completed", told: null, execution: "success" },
  error_result: { ...RAN, status: "completed", told: null, execution: "failed" },
  too_large: { ...RAN, status: "completed", told: "result_too_large", execution: "success" },
  asks: { ...RAN, status: "completed", told: "upstream_asks", execution: "failed" },
  failed: { ...RAN, status: "completed", told: "upstream_failed", execution: "failed" },
  unreachable: { ...NOT_SENT, told: "upstream_unreachable", again: true },
  unauthorized: { ...NOT_SENT, told: "credential_missing" },
  needs_reconnect: { ...NOT_SENT, told: "credential_needs_reconnect" },
  // The port made a new session already, and was not known by that either.
  session_lost: { ...NOT_SENT, told: "upstream_unreachable" },
  busy: { ...NOT_SENT, told: "upstream_busy" },
  stopped: { ...NOT_SENT, told: "upstream_busy" },
  unknown: { ...RAN, status: "unknown", told: "outcome_unknown", execution: "unknown" },
};

/** Which outcome it is. */
export function kindOf(outcome: CallOutcome): OutcomeKind {
  switch (outcome.is) {
    case "result":
      return outcome.is_error ? "error_result" : "result";
    case "not_sent":
      return outcome.why;
    default:
      return outcome.is;
  }
}

/** What a refusal names of the call that it is about: null for what there is not yet. */
export interface CallNames {
  readonly upstream: string;
  readonly call_id: string | null;
  readonly token_id: string | null;
  readonly execution_id: string | null;
}

/** What is told of an outcome in place of a result; null where there is one. */
export function toldOf(outcome: CallOutcome, names: CallNames): AnyRefusal | null {
  switch (outcome.is) {
    case "result":
      return null;
    case "too_large": {
      const { max_bytes, bytes } = outcome;
      return new Refusal("result_too_large", { ...names, max_bytes, bytes });
    }
    case "asks":
      return new Refusal("upstream_asks", { ...names, asked: [...outcome.asked] });
    case "failed": {
      const { says, status, code } = outcome;
      return new Refusal("upstream_failed", {
        ...names,
        says,
        http_status: status,
        rpc_code: code,
      });
    }
    case "unknown":
      return new Refusal("outcome_unknown", { ...names, says: outcome.says });
    case "not_sent": {
      const { why, says, retry_after_seconds } = outcome;
      switch (why) {
        case "unreachable":
        case "session_lost":
          return new Refusal("upstream_unreachable", { ...names, says });
        case "unauthorized":
          return new Refusal("credential_missing", {
            ...names,
            says,
            connect_url: outcome.reconnect?.connect_url ?? null,
          });
        case "needs_reconnect": {
          const { credential_id = "", connect_url = "" } = outcome.reconnect ?? {};
          return new Refusal("credential_needs_reconnect", {
            ...names,
            says,
            credential_id,
            connect_url,
          });
        }
        case "busy":
        case "stopped":
          return new Refusal("upstream_busy", {
            ...names,
            says,
            retry_after_seconds: retry_after_seconds ?? 1,
          });
      }
    }
  }
}
