import { type ActingPolicy, actsAs } from "../vault/acting.ts";
import { definitionOf } from "../catalog/tool_record.ts";
import type { DeciderPolicy } from "../identity/deciders.ts";
import {
  type Approvable,
  type ApprovalFault,
  approvalFault,
  isRotatedAway,
  levelsNow,
  useSecondsNow,
} from "../identity/standing.ts";
import { type Clocks, isOver } from "../ledger/clock.ts";
import type { MandateRecord } from "../store/records/mandate.ts";
import type {
  ApprovalLevel,
  ApprovalRecord,
  ApprovalState,
  Cancelled,
  Progress,
} from "../store/records/approval.ts";
import type { ApprovalEventType } from "../store/records/event.ts";

/**
 * The states of a request, and every move between them, in one table. Pure: time and the policy of
 * the moment count by themselves, whether or not anybody noted what they did.
 */

/** What somebody does to a request. */
export type ApprovalEvent =
  | { readonly type: "approve" }
  | { readonly type: "deny" }
  | { readonly type: "withdraw" }
  | { readonly type: "use"; readonly token_id: string }
  /** What it was used for was never sent, by which token. */
  | { readonly type: "return"; readonly token_id: string }
  /** `token_spent`: whether the token that was minted from it has been consumed. */
  | { readonly type: "revoke"; readonly token_spent: boolean };

type MoveType = ApprovalEvent["type"];

/** Why an event does nothing. */
export type StateRefusal =
  | "approval_not_pending"
  | "approval_not_approved"
  | "approval_used"
  | "approval_lapsed";

type Cell = ApprovalState | "step" | StateRefusal;

const NOT_PENDING = "approval_not_pending";

const NOT_APPROVED = "approval_not_approved";

const ENDED = {
  approve: NOT_PENDING,
  deny: NOT_PENDING,
  withdraw: NOT_PENDING,
  use: NOT_APPROVED,
  return: NOT_APPROVED,
  revoke: NOT_APPROVED,
} as const satisfies Record<MoveType, Cell>;

/**
 * Every move that somebody can make: the state it leads to, or why not. `step` is the next level,
 * or after the last one `approved`. A spent token makes `used` final as well.
 */
export const MOVES: Readonly<Record<ApprovalState, Readonly<Record<MoveType, Cell>>>> = {
  pending: {
    approve: "step",
    deny: "denied",
    withdraw: "cancelled",
    use: NOT_APPROVED,
    return: NOT_APPROVED,
    revoke: NOT_APPROVED,
  },
  approved: { ...ENDED, use: "used", revoke: "revoked" },
  used: { ...ENDED, use: "approval_used", return: "approved", revoke: "revoked" },
  lapsed: { ...ENDED, use: "approval_lapsed", revoke: "revoked" },
  denied: ENDED,
  expired: ENDED,
  cancelled: ENDED,
  revoked: ENDED,
};

/** What of a request its moves depend on. */
export type Terms = Pick<ApprovalRecord, "levels" | "created_at" | "use_seconds"> & {
  /** When what is open of it ends. */
  readonly expires_at: number;
  /** What of the policy ends the request by now; null for nothing. */
  readonly ended_by: Exclude<Cancelled, "withdrawn"> | null;
};

/** What time and the policy make of a request without anybody's doing. */
export function settled(progress: Progress, terms: Terms, clocks: Clocks): Progress {
  const { level } = progress;
  const { at } = clocks;
  if (progress.state === "pending") {
    const { created_at, expires_at } = terms;
    if (isOver(expires_at, created_at, clocks)) {
      // The deadline is when it ended, however late somebody looks.
      return { state: "expired", level, ended_at: Math.min(expires_at, at) };
    }
    if (terms.ended_by !== null) return cancelled(progress, terms.ended_by, at);
  }
  if (progress.state === "approved") {
    const { decided_at, use_before } = progress;
    if (isOver(use_before, decided_at, clocks)) {
      const ended_at = Math.min(use_before, at);
      return { state: "lapsed", level, decided_at, use_before, ended_at };
    }
    if (terms.ended_by !== null) return cancelled(progress, terms.ended_by, at);
  }
  return progress;
}

/**
 * Where an event leads from a state, or why it does nothing. Time counts by
 * itself: an event after the deadline finds the request expired, whether or not anybody noted it.
 */
export function moved(
  from: Progress,
  event: ApprovalEvent,
  terms: Terms,
  clocks: Clocks,
): Progress | StateRefusal {
  const progress = settled(from, terms, clocks);
  const { at, now } = clocks;
  const cell = MOVES[progress.state][event.type];
  switch (cell) {
    case "step":
      if (progress.level < terms.levels) {
        return { state: "pending", level: progress.level === 0 ? 1 : 2 };
      }
      return {
        state: "approved",
        level: progress.level,
        decided_at: at,
        use_before: now + terms.use_seconds * 1000,
      };
    case "denied":
      return { state: "denied", level: progress.level, decided_at: at };
    case "cancelled":
      return cancelled(progress, "withdrawn", at);
    case "used":
      if (progress.state !== "approved" || event.type !== "use") return NOT_APPROVED;
      return { ...progress, state: "used", used_at: at, token_id: event.token_id };
    case "approved": {
      const isOf = progress.state === "used" && event.type === "return" &&
        progress.token_id === event.token_id;
      if (!isOf) return NOT_APPROVED;
      const { level, decided_at, use_before } = progress;
      return { state: "approved", level, decided_at, use_before };
    }
    case "revoked":
      return revoked(progress, event, at);
    case "approval_not_pending":
    case "approval_not_approved":
    case "approval_used":
    case "approval_lapsed":
      return cell;
    default:
      throw new Error(`No move leads to the state ${JSON.stringify(cell)}.`);
  }
}

function cancelled(progress: Progress, because: Cancelled, ended_at: number): Progress {
  const decided_at = progress.state === "approved" ? progress.decided_at : null;
  return { state: "cancelled", level: progress.level, decided_at, ended_at, because };
}

function revoked(
  progress: Progress,
  event: ApprovalEvent,
  ended_at: number,
): Progress | StateRefusal {
  switch (progress.state) {
    case "used":
      if (event.type === "revoke" && event.token_spent) return "approval_used";
      break;
    case "approved":
    case "lapsed":
      break;
    default:
      return NOT_APPROVED;
  }
  const { level, decided_at, use_before } = progress;
  const token_id = progress.state === "used" ? progress.token_id : null;
  return { state: "revoked", level, decided_at, use_before, ended_at, token_id };
}

/** The level at which members decide a request. @throws {Error} where its end user does */
export function memberLevel({ level }: Progress): ApprovalLevel {
  if (level === 0) throw new Error("No member decides where the end user is asked.");
  return level;
}

/** What the API calls a seat. */
export const SEATS = ["user", "level_1", "level_2"] as const;

export type Seat = (typeof SEATS)[number];

/** The seats of a request in the order in which they are decided. */
export function seatNames(
  { user_seat, levels }: {
    readonly user_seat: object | null;
    readonly levels: ApprovalRecord["levels"];
  },
): Seat[] {
  return SEATS.slice(user_seat === null ? 1 : 0, levels + 1);
}

/** What the API calls a state. */
export type ApprovalStatus = Exclude<ApprovalState, "used" | "lapsed">;

export const APPROVAL_STATUSES = [
  "pending",
  "approved",
  "denied",
  "expired",
  "cancelled",
  "revoked",
] as const satisfies readonly ApprovalStatus[];

/** The name that the API has for a state: a used or lapsed approval stays `approved`. */
export function statusOf(progress: Progress): ApprovalStatus {
  const { state } = progress;
  return state === "used" || state === "lapsed" ? "approved" : state;
}

/** What of a request its standing depends on. */
type Standing =
  & Approvable
  & Pick<
    ApprovalRecord,
    | "acts_as"
    | "created_at"
    | "definition_digest"
    | "expires_at"
    | "mandate"
    | "policy_version"
    | "use_seconds"
  >;

const CANCELS: Readonly<Record<ApprovalFault, Terms["ended_by"]>> = {
  levels: "levels_raised",
  facts: "facts_required",
  decider: "decider_barred",
};

/** What of the policy a request rests on. */
export type StandingPolicy = DeciderPolicy & ActingPolicy;

/** What a request rests on besides the policy. */
export interface Grounds {
  /** That it was asked under; null for none. */
  readonly mandate: Pick<MandateRecord, "ended"> | null;
  /** Whether the passkey that said yes for its user speaks for them no longer. */
  readonly user_key_gone: boolean;
}

/** Of a request that is only shown: nobody looked whether its mandate or its user's passkey went. */
const NOT_LOOKED_AT: Grounds = { mandate: null, user_key_gone: false };

/**
 * The request as it stands on the policy of this moment: time may have ended it, or a change of the
 * policy; and one that waits gets the second level that its tool wants by now. The same object when
 * nothing moved it.
 */
export function settledApproval<R extends Standing>(
  record: R,
  policy: StandingPolicy,
  clocks: Clocks,
  grounds: Grounds = NOT_LOOKED_AT,
): R {
  const terms = termsOf(record, policy, clocks.now, grounds);
  const progress = settled(record.progress, terms, clocks);
  if (progress !== record.progress) return { ...record, progress };
  if (progress.state !== "pending" || levelsNow(record, policy) === record.levels) return record;
  return { ...record, levels: 2, levels_skipped: false };
}

/** When a pending request ends by itself: the end user's seat before those of members. */
export function openUntil(
  { progress, expires_at, user_seat }: Pick<
    ApprovalRecord,
    "progress" | "expires_at" | "user_seat"
  >,
): number {
  return progress.level === 0 && user_seat !== null ? user_seat.expires_at : expires_at;
}

/** What the moves of this request depend on. `now` in milliseconds. */
export function termsOf(
  record: Standing,
  policy: StandingPolicy,
  now: number,
  grounds: Grounds = NOT_LOOKED_AT,
): Terms {
  const { levels, created_at } = record;
  const expires_at = openUntil(record);
  const use_seconds = useSecondsNow(record, policy, now);
  const ended_by = endedBy(record, policy, now, grounds);
  return { levels, created_at, expires_at, use_seconds, ended_by };
}

function endedBy(
  record: Standing,
  policy: StandingPolicy,
  now: number,
  { mandate, user_key_gone }: Grounds,
): Terms["ended_by"] {
  const { state } = record.progress;
  if (state !== "pending" && state !== "approved") return null;
  if (mandate !== null && mandate.ended !== null) return "mandate_ended";
  if (isRotatedAway(policy, record.requester, record.policy_version)) return "rotated";
  if (definitionOf(policy, record.tool_name) !== record.definition_digest) return "tool_changed";
  // Whose account acts is as much a part of what was approved as what it does.
  const { acts_as } = record;
  if (acts_as !== undefined && actsAs(policy, record.requester, record.tool_name) !== acts_as) {
    return "tool_changed";
  }
  const fault = approvalFault(record, policy, now, user_key_gone);
  return fault === null ? null : CANCELS[fault];
}

/** Whether a request stands at the end user's seat. */
export function isUserAsked({ state, level }: Progress): boolean {
  return state === "pending" && level === 0;
}

/** Whether a request stands before members. */
export function isMembersAsked({ state, level }: Progress): boolean {
  return state === "pending" && level > 0;
}

/** What a move is to whoever listens; null for one that nobody is told of. */
export function eventOf(before: Progress | null, after: Progress): ApprovalEventType | null {
  // Members hear of it once it is put before them, and nothing of what never was.
  if (before === null || isUserAsked(before)) {
    return isMembersAsked(after) ? "approval.created" : null;
  }
  switch (after.state) {
    case "pending": {
      const rises = before.state === "pending" && after.level > before.level;
      return rises ? "approval.escalated" : null;
    }
    case "approved":
    case "denied":
      // What was given back was decided before.
      return before.state === after.state || before.state === "used" ? null : "approval.decided";
    case "expired":
    case "cancelled":
    case "revoked":
      return before.state === after.state ? null : `approval.${after.state}`;
    case "used":
    case "lapsed":
      return null;
  }
}

/**
 * All events of a request so far, in their order, each once: those that `eventOf` had for the moves
 * that made the record what it is. So who looks now and then misses none that fell between two looks.
 */
export function eventsOf(
  { levels, progress }: Pick<ApprovalRecord, "levels" | "progress">,
): ApprovalEventType[] {
  // What ended at the end user's seat was never put before members.
  if (levels === 0 || progress.level === 0) return [];
  const events: ApprovalEventType[] = ["approval.created"];
  if (progress.level === 2) events.push("approval.escalated");
  switch (progress.state) {
    case "pending":
      break;
    case "approved":
    case "used":
    case "lapsed":
    case "denied":
      events.push("approval.decided");
      break;
    case "expired":
      events.push("approval.expired");
      break;
    case "cancelled":
      if (progress.decided_at !== null) events.push("approval.decided");
      events.push("approval.cancelled");
      break;
    case "revoked":
      events.push("approval.decided", "approval.revoked");
      break;
  }
  return events;
}
