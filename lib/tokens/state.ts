import { type Clocks, isOver } from "../ledger/clock.ts";
import type { RunTokenRecord, RunTokenStatus } from "../store/records/token.ts";

/**
 * The states of a token, and every move between them, in one table. Pure: time counts by itself,
 * whether or not anybody noted it.
 */

/** What a token is at a moment: its status, or what time has made of it. */
type TokenState = RunTokenStatus | "expired";

/**
 * What happens to a token. A report says what came of the run, or that nobody knows; it is returned
 * where its run was never sent.
 */
export type TokenEvent =
  | "consume"
  | "revoke"
  | "return"
  | "report"
  | "report_unknown"
  | "report_deadline";

/** Why an event does nothing. */
export type TokenStateRefusal =
  | "token_used"
  | "token_expired"
  | "token_revoked"
  | "already_logged"
  | "nothing_due";

/** Every move there is: the status it leads to, or why not. */
export const MOVES: Readonly<
  Record<TokenState, Readonly<Record<TokenEvent, RunTokenStatus | TokenStateRefusal>>>
> = {
  minted: {
    consume: "consumed",
    revoke: "revoked",
    return: "nothing_due",
    report: "reported",
    report_unknown: "unknown",
    report_deadline: "nothing_due",
  },
  expired: {
    consume: "token_expired",
    revoke: "token_expired",
    return: "nothing_due",
    report: "token_expired",
    report_unknown: "token_expired",
    report_deadline: "nothing_due",
  },
  revoked: {
    consume: "token_revoked",
    revoke: "token_revoked",
    return: "nothing_due",
    report: "token_revoked",
    report_unknown: "token_revoked",
    report_deadline: "nothing_due",
  },
  consumed: {
    consume: "token_used",
    revoke: "token_used",
    return: "returned",
    report: "reported",
    report_unknown: "unknown",
    report_deadline: "unknown",
  },
  returned: {
    consume: "token_used",
    revoke: "token_used",
    return: "nothing_due",
    report: "token_used",
    report_unknown: "token_used",
    report_deadline: "nothing_due",
  },
  unknown: {
    consume: "token_used",
    revoke: "token_used",
    return: "nothing_due",
    report: "reported_late",
    report_unknown: "reported_late",
    report_deadline: "nothing_due",
  },
  reported: {
    consume: "token_used",
    revoke: "token_used",
    return: "nothing_due",
    report: "already_logged",
    report_unknown: "already_logged",
    report_deadline: "nothing_due",
  },
  reported_late: {
    consume: "token_used",
    revoke: "token_used",
    return: "nothing_due",
    report: "already_logged",
    report_unknown: "already_logged",
    report_deadline: "nothing_due",
  },
};

/** What of a token its state depends on. */
export type Standing =
  & Pick<RunTokenRecord, "status" | "minted_at" | "expires_at">
  & Partial<Pick<RunTokenRecord, "held_until">>
  & { readonly consumed_at?: number; readonly report_due_at?: number };

/**
 * The state of a token, whether or not anybody noted it: not consumed by its end it is `expired`,
 * not reported by the deadline `unknown`.
 */
export function stateAt(token: Standing, clocks: Clocks): TokenState {
  const { status, expires_at, minted_at, held_until = null } = token;
  if (status === "minted") {
    // What it held of a budget may be somebody else's from then on.
    const isReleased = held_until !== null && held_until <= clocks.at;
    if (isReleased || isOver(expires_at, minted_at, clocks)) return "expired";
  }
  if (status === "consumed" && isReportDue(token, clocks)) return "unknown";
  return status;
}

/** The time of the log until which a token holds what it may cost. */
export function heldUntil(
  { held_until, expires_at }: Pick<RunTokenRecord, "held_until" | "expires_at">,
): number {
  return held_until ?? expires_at;
}

/** Where an event leads, or why it does nothing. */
export function moved(
  token: Standing,
  event: TokenEvent,
  clocks: Clocks,
): RunTokenStatus | TokenStateRefusal {
  if (event === "report_deadline") {
    // What the deadline itself brings about is looked at as it was just before.
    return isReportDue(token, clocks) ? MOVES[token.status][event] : "nothing_due";
  }
  return MOVES[stateAt(token, clocks)][event];
}

/** Whether the token has been consumed. */
export function isSpent(token: RunTokenRecord): boolean {
  return token.status !== "minted" && token.status !== "revoked";
}

function isReportDue({ consumed_at, report_due_at }: Standing, clocks: Clocks): boolean {
  return consumed_at !== undefined && report_due_at !== undefined &&
    isOver(report_due_at, consumed_at, clocks);
}
