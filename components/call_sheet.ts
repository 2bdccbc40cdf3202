import type { CallEntry, CallStep } from "../lib/calls/call_story.ts";
import type { CallStatus } from "../lib/calls/read_call.ts";
import type { Finding } from "../lib/store/records/guards.ts";
import type { Party } from "../lib/store/records/identity.ts";
import type { ExecutionResult } from "../lib/store/records/token.ts";

/** What a page shows of a call, as plain data: its stream brings it anew. */

/** Who made a call, by the name that people know; their id where they have none any more. */
export type NamedParty = Party & { readonly name: string; readonly known: boolean };

/** What happened to a call, with the name of the member who did it. */
export type NamedStep = CallStep & { readonly name: string };

/** All that is shown of a call. */
export interface CallSheet {
  readonly id: string;
  readonly tool: string;
  readonly tool_page: string;
  readonly status: CallStatus;
  /** Whether something was told in place of a result, and the code of what. */
  readonly is_refused: boolean;
  readonly told: string | null;
  /** What the server said of a failure; null for who may not read it. */
  readonly said: string | null;
  readonly resolved_from: string;
  readonly mandate_id: string | null;
  readonly who: NamedParty;
  /** Its name; empty for none. */
  readonly upstream: string;
  /** Where it runs now; null once it was removed. */
  readonly place: string | null;
  /** The credential that it carries, and whose own it is; null for none. */
  readonly acts_as: {
    readonly id: string;
    /** Null once it was removed. */
    readonly name: string | null;
    readonly owner: string | null;
  } | null;
  /** Whether it is another one by now than the call was sent to. */
  readonly moved: boolean;
  readonly approval: {
    readonly id: string;
    readonly reference: string;
    readonly state: string;
    /** Until when it is decided or, once approved, used; milliseconds. */
    readonly until: number;
  } | null;
  readonly steps: readonly NamedStep[];
  readonly result: ExecutionResult | null;
  readonly cost_micros: number | null;
  readonly waited_ms: number | null;
  readonly ran_ms: number | null;
  readonly due_at: number | null;
  /** What guards found in it and its result, what they replaced, and which withholds the result. */
  readonly findings: readonly Finding[];
  readonly redactions: readonly { readonly kind: string; readonly count: number }[];
  readonly withheld: string | null;
  readonly entries: readonly CallEntry[];
}

/** Whether something may still become of a call. */
export function isOpen({ status }: Pick<CallSheet, "status">): boolean {
  return status === "pending" || status === "running";
}
