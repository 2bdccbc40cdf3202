import type { AssertionFault } from "./passkeys/fault.ts";
import type { Right } from "./policy/rights.ts";
import type { Cancelled } from "./store/records/approval.ts";
import type { BlockingGuard } from "./guards/floor.ts";
import type { RevocationReason } from "./store/records/vocabulary.ts";

/** Why there is no session: none was presented, somebody ended it, or it is over by its time. */
export type SessionEnd = "none" | "ended" | "idle" | "expired";

/** One thing wrong with an input: a JSON pointer into it, and what was expected. */
export interface InputProblem {
  readonly path: string;
  readonly message: string;
}

/** Which call at which upstream; null for what there is not, where nothing came of it. */
interface OfCall {
  upstream: string;
  call_id: string | null;
  token_id: string | null;
  execution_id: string | null;
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
  /** What to present in place of a key that is not taken here, whichever it is. */
  invalid_credentials: { readonly instead?: string };
  wrong_tier: { tier: string; allowed: readonly string[] };
  tenant_not_permitted: { tenant_id: string | null; permitted: readonly string[] };
  /** `left`: requests of the minute that are left, for a call that holds more. */
  rate_limited: { limit: number; left: number; retry_after_seconds: number };
  too_many_streams: { limit: string; retry_after_seconds: number };
  too_many_sockets: { limit: string; retry_after_seconds: number };
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
  /** `left`: wrong codes that this session, or this person for now, may still type. */
  device_code_not_accepted: { left: number };
  // Requests kept by an idempotency key
  idempotency_mismatch: Record<never, never>;
  idempotency_in_progress: Record<never, never>;
  idempotency_stale: Record<never, never>;
  // Who is told of what happens
  too_many_webhooks: { most: number };
  too_many_channels: { most: number };
  /** `why` completes a sentence that begins with "Slack". */
  slack_not_connected: { why: string };
  rotation_running: { until: string };
  // Approvals
  approval_not_required: Record<never, never>;
  tool_disabled: { resolved_from: string };
  /** `pointer` is a JSON pointer into the request. */
  guard_blocked: { resolved_from: string; guard: BlockingGuard };
  tool_not_registered: { tool_name: string };
  recently_denied: { retry_after_seconds: number; approval_id: string };
  no_second_level: Record<never, never>;
  too_many_pending: { limit: string; retry_after_seconds: number };
  /** `because` of both: why it was cancelled; null where it was not. */
  approval_not_pending: { status: string; because: Cancelled | null };
  /** `pending` is the id of one that can still be waited for. */
  approval_not_approved: { status: string; because: Cancelled | null; pending?: string };
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
  // Upstreams and calls
  too_many_upstreams: { most: number };
  /** A tool is defined in another way than whoever approves it has read. */
  definition_changed: { tool_name: string };
  /** Nothing was sent, of a list or of a call. */
  upstream_unreachable: OfCall & { says: string };
  upstream_busy: OfCall & { says: string; retry_after_seconds: number };
  /** `connect_url`: where a person puts that right; null where nothing here would. */
  credential_missing: OfCall & { says: string; connect_url: string | null };
  /** `origins`: where it may go. */
  credential_not_for_origin: { credential_id: string; origin: string; origins: readonly string[] };
  /** A member has to connect it again, at `connect_url`. */
  credential_needs_reconnect: OfCall & {
    says: string;
    credential_id: string;
    connect_url: string;
  };
  too_many_credentials: { most: number };
  /** `path` is a JSON pointer into the request; `why` completes a sentence that begins with it. */
  sub_token_too_wide: { path: string; why: string };
  too_many_sub_tokens: { most: number };
  /** `why` completes a sentence that begins with "The provider". */
  provider_not_connected: { why: string };
  upstream_paused: { upstream: string };
  not_of_an_upstream: { tool_name: string };
  /** It was sent, and answered by no result. */
  upstream_failed: OfCall & { says: string; http_status: number | null; rpc_code: number | null };
  upstream_asks: OfCall & { asked: string[] };
  /** `bytes`: what the upstream said to be the size; null where it said nothing. */
  result_too_large: OfCall & { max_bytes: number; bytes: number | null };
  /** It may have run, or run still. */
  outcome_unknown: OfCall & { says: string };
  too_many_running: { limit: string; retry_after_seconds: number };
  // Run tokens and executions
  action_mismatch: { differs: string[] | null };
  token_invalid: Record<never, never>;
  token_expired: { expired_at: string };
  token_used: { consumed_at: string; consumed_by_request: string };
  token_revoked: { reason: RevocationReason; why: string };
  already_logged: { execution_id: string };
  // Mandates
  confirmation_gone: Record<never, never>;
  mandate_not_found: { mandate_id: string };
  mandate_ended: { mandate_id: string; state: "revoked" | "superseded" | "expired" };
  /** `path` is a JSON pointer into the request. */
  mandate_too_wide: { parent: string; path: string };
  mandate_too_deep: { parent: string; most: number };
  bundle_edition_exists: { id: string; edition: number };
  estimate_required: Record<never, never>;
  reservation_not_found: { decision_id: string };
  already_settled: { decision_id: string };
  // Receipts
  erased: { receipt_id: string };
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

  /** For the types alone: what `instanceof` finds is some refusal, of which the code says which. */
  declare static readonly [Symbol.hasInstance]: (value: unknown) => value is AnyRefusal;
}

/**
 * A refusal that is committed: a plan returns it instead of throwing, and what it wrote until then,
 * such as the entry of an attempt, stays. The ledger throws `refusal` to whoever runs the operation.
 */
export class RecordedRefusal {
  constructor(readonly refusal: AnyRefusal) {}
}

/** Refuses, and keeps what the plan wrote. */
export function recorded(refusal: AnyRefusal): RecordedRefusal {
  return new RecordedRefusal(refusal);
}

/** What whoever runs an operation gets of it: what it refused and recorded is thrown. */
export type Accepted<R> = Exclude<R, RecordedRefusal>;

/** A refusal of input, naming one problem. */
export function invalidRequest(path: string, message: string): Refusal<"invalid_request"> {
  return new Refusal("invalid_request", { errors: [{ path, message }] });
}
