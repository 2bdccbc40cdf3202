import type { AssertionFault } from "./passkeys/fault.ts";
import type { Right } from "./policy/rights.ts";
import type { Cancelled } from "./store/records/approval.ts";
import type { RevocationReason } from "./store/records/vocabulary.ts";

/** Why there is no session: none was presented, somebody ended it, or it is over by its time. */
export type SessionEnd = "none" | "ended" | "idle" | "expired";

/** One thing wrong with an input: a JSON pointer into it, and what was expected. */
export interface InputProblem {
  readonly path: string;
  readonly message: string;
}

/**
 * Every reason for which the domain refuses, with the data that its answer needs. What status and
 * words each becomes stands in one table of the surface; the compiler proves that none is missing.
 */
export interface RefusalData {
  // Input
  malformed_json: { message: string };
  duplicate_key: { errors: InputProblem[] };
  invalid_request: { errors: InputProblem[] };
  invalid_arguments: { errors: InputProblem[] };
  invalid_selector: { errors: InputProblem[] };
  precondition_required: Record<never, never>;
  precondition_failed: { policy_version: number };
  // Who asks
  missing_credentials: Record<never, never>;
  invalid_credentials: Record<never, never>;
  wrong_tier: { tier: string; allowed: readonly string[] };
  tenant_not_permitted: { tenant_id: string | null; permitted: readonly string[] };
  /** `left`: requests of the minute that are left, for a call that holds more. */
  rate_limited: { limit: number; left: number; retry_after_seconds: number };
  too_many_streams: { limit: string; retry_after_seconds: number };
  insufficient_scope: { needs: string };
  org_required: { orgs: readonly { readonly id: string; readonly name: string }[] };
  not_found: { what: string };
  owner_required: { what: string };
  // People
  session_ended: { why: SessionEnd };
  /** `organization`: its name; null where it was deleted, or there was none. */
  membership_ended: { organization: string | null };
  role_required: { role: string; right: Right };
  fresh_assertion_required: { what: string };
  recovery_held: { until: string };
  last_owner: { organization: string };
  last_passkey: Record<never, never>;
  too_many_passkeys: { most: number };
  too_many_organizations: { most: number; within: "day" | "all" };
  assertion_not_accepted: { why: AssertionFault };
  /** `why` goes to who holds the link; of a link that was made up it is always `ended`. */
  link_not_valid: { why: "ended" | "other_account" | "sign_in_first" };
  code_not_accepted: Record<never, never>;
  too_many_codes: { retry_after_seconds: number };
  // Requests kept by an idempotency key
  idempotency_mismatch: Record<never, never>;
  idempotency_in_progress: Record<never, never>;
  idempotency_stale: Record<never, never>;
  // Approvals
  approval_not_required: Record<never, never>;
  tool_disabled: { resolved_from: string };
  tool_not_registered: { tool_name: string };
  recently_denied: { retry_after_seconds: number; approval_id: string };
  no_second_level: Record<never, never>;
  too_many_pending: { limit: string; retry_after_seconds: number };
  /** `because` of both: why it was cancelled; null where it was not. */
  approval_not_pending: { status: string; because: Cancelled | null };
  approval_not_approved: { status: string; because: Cancelled | null };
  approval_used: { token_id: string | null };
  approval_lapsed: { use_before: string };
  approval_required: { decision_id: string; resolved_from: string };
  self_approval: Record<never, never>;
  not_an_approver: { level: number };
  already_decided_level: Record<never, never>;
  passkey_required: { why: string };
  /** The page showed another request than the one that would be decided now. */
  view_changed: { because: "asked_again" | "next_level" | "other_view" };
  nonce_ended: Record<never, never>;
  not_the_requester: Record<never, never>;
  // Run tokens and executions
  action_mismatch: { differs: string[] | null };
  token_invalid: Record<never, never>;
  token_expired: { expired_at: string };
  token_used: { consumed_at: string; consumed_by_request: string };
  token_revoked: { reason: RevocationReason; why: string };
  already_logged: { execution_id: string };
}

export type RefusalCode = keyof RefusalData;

/** Any refusal; asking for its `code` tells what `data` it has. */
export type AnyRefusal = { [C in RefusalCode]: Refusal<C> }[RefusalCode];

/** A request that is refused for a reason its caller can act on. What its plan wrote is undone. */
export class Refusal<C extends RefusalCode> extends Error {
  override readonly name = "Refusal";

  constructor(readonly code: C, readonly data: RefusalData[C]) {
    super(code);
  }

  static override [Symbol.hasInstance](value: unknown): value is AnyRefusal {
    return Function.prototype[Symbol.hasInstance].call(Refusal, value);
  }
}

/**
 * A refusal that is committed: a plan returns it instead of throwing, and what it wrote until then,
 * such as the entry of an attempt, stays. Whoever runs the operation answers with `refusal`.
 */
export class RecordedRefusal {
  constructor(readonly refusal: AnyRefusal) {}
}

/** Refuses, and keeps what the plan wrote. */
export function recorded(refusal: AnyRefusal): RecordedRefusal {
  return new RecordedRefusal(refusal);
}

/** What an operation came to. @throws {Refusal} what it refused and recorded */
export function resultOf<R>(outcome: R | RecordedRefusal): R {
  if (outcome instanceof RecordedRefusal) throw outcome.refusal;
  return outcome;
}

/** A refusal of input, naming one problem. */
export function invalidRequest(path: string, message: string): Refusal<"invalid_request"> {
  return new Refusal("invalid_request", { errors: [{ path, message }] });
}
