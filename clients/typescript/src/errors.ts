/** What a problem document of the service says (RFC 9457), as far as callers act on it. */
export interface Problem {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly request_id: string | null;
  /** What the caller can do: request an approval, retry after so long, use another route. */
  readonly next: Readonly<Record<string, unknown>> | null;
  readonly errors: readonly { readonly path: string; readonly message: string }[];
}

/**
 * Why a request of this client has no good answer:
 * - `unreachable`: no connection, or one that broke. What was asked may have been done.
 * - `timed_out`: no whole answer within the time that there was. It may have been done.
 * - `bad_answer`: something answered, but not as Countersign does. Taken for a refusal.
 */
export type Failure = "unreachable" | "timed_out" | "bad_answer";

/**
 * Everything that this package throws about a request. `code` is stable: the service's own codes
 * (`/docs/errors` lists them) and those of `Failure`.
 */
export class CountersignError extends Error {
  override readonly name: string = "CountersignError";
  /** The HTTP status; null where nothing was answered. */
  readonly status: number | null;
  readonly code: string;
  readonly next: Problem["next"];
  /**
   * The request for an approval that this is about, as people name it. Where one is named, Countersign
   * has answered that a person has to approve, whatever became of what was asked afterwards.
   */
  reference: string | null;
  readonly requestId: string | null;
  readonly errors: Problem["errors"];

  constructor(message: string, facts: {
    readonly code: string;
    readonly status?: number | null;
    readonly next?: Problem["next"];
    readonly reference?: string | null;
    readonly requestId?: string | null;
    readonly errors?: Problem["errors"];
    readonly cause?: unknown;
  }) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.status = facts.status ?? null;
    this.next = facts.next ?? null;
    this.reference = facts.reference ?? null;
    this.requestId = facts.requestId ?? null;
    this.errors = facts.errors ?? [];
  }
}

/** The service refused the request: its answer is a problem document. */
export class Refused extends CountersignError {
  override readonly name: string = "Refused";

  constructor({ code, status, detail, request_id, next, errors }: Problem) {
    // One that is alone is what the detail says already.
    const rows = errors.filter(({ path, message }) => !detail.includes(`${path} ${message}`.trim()))
      .map(({ path, message }) => `; ${path === "" ? "" : `${path}: `}${message}`);
    super(`${detail}${rows.join("")}`, { code, status, requestId: request_id, next, errors });
  }
}

/** There is no answer of Countersign to go by. */
export class NoAnswer extends CountersignError {
  override readonly name: string = "NoAnswer";
  declare readonly code: Failure;

  constructor(
    code: Failure,
    message: string,
    more: { readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { code, ...more });
  }
}

/**
 * The tool was not run. `code` says why: `denied`, `pending`, `disabled`, `expired`, `cancelled`,
 * `revoked`, or a code of the error that stands in `cause`.
 */
export class NotRun extends CountersignError {
  override readonly name: string = "NotRun";
}

/** A receipt, a proof or a webhook is not what it says it is. Nothing of it may be believed. */
export class NotGenuine extends CountersignError {
  override readonly name: string = "NotGenuine";

  constructor(message: string) {
    super(message, { code: "not_genuine" });
  }
}

/** Codes that are said while, or before, nothing of the request is done. */
const PASSING = new Set(["idempotency_in_progress", "rate_limited", "overloaded", "stopping"]);

/** Whether what failed so may fare better later, as far as an error tells. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof CountersignError)) return false;
  const { code } = error;
  const status = error.status ?? 0;
  if (error instanceof NoAnswer) return code !== "bad_answer" || status >= 502;
  return PASSING.has(code) || status >= 500 && code !== "outcome_unknown";
}
