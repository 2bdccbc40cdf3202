import { isApprovalAnswer, isCheck, isMint } from "./answers.ts";
import { type Clock, paused } from "./clock.ts";
import { CountersignError, mayPass, NotRun } from "./errors.ts";
import type { Sender } from "./sender.ts";
import type { Answers } from "./wire.ts";

/** An action, as it is checked, approved and consumed: the same members each time. */
export interface Action {
  readonly tool_name: string;
  readonly arguments?: Readonly<Record<string, unknown>> | null;
  readonly tenant_id?: string | null;
  readonly resource_id?: string | null;
  readonly method?: string | null;
  readonly mandate_id?: string | null;
  readonly estimated_cost_micros?: number | null;
}

/** How a permission is sought. */
export interface Asking {
  /** Why the action is wanted; people read it, where one has to approve. */
  readonly reason: string;
  /** Seconds for a person to answer in; 300 unless it is said. With 0 nobody is waited for. */
  readonly wait?: number;
  /** Where a person approves: said once, as soon as one is needed. A promise is waited for. */
  readonly onPending?: (approval: Answers["approval"]) => unknown;
  readonly reference_id?: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

/** One run of exactly this action. */
export interface Authorized {
  readonly allowed: true;
  readonly is_fallback: false;
  readonly token: string;
  readonly token_id: string;
  readonly decision_id: string;
  readonly approval: Answers["approval"] | null;
}

/** Nobody could be asked, and the caller said beforehand that this tool runs then. No token. */
export interface Unasked {
  readonly allowed: true;
  readonly is_fallback: true;
  readonly why: string;
}

/** No run. What to tell a model, or a person. */
export interface NotAuthorized {
  readonly allowed: false;
  readonly is_fallback: boolean;
  /** `disabled`, `pending`, `denied`, `expired`, `cancelled`, `revoked`, or a code of an error. */
  readonly code: string;
  readonly message: string;
  readonly reference: string | null;
  readonly review_url: string | null;
  /** The page for the user of its mandate, where they are asked and this key may show it. */
  readonly confirm_url: string | null;
  readonly next: Readonly<Record<string, unknown>> | null;
}

export type Authorization = Authorized | Unasked | NotAuthorized;

const DEFAULT_WAIT_SECONDS = 300;

/** What a permission is sought through. */
export interface Seeker extends Sender {
  /** Without a way to pause, a service that is away is not waited for. */
  readonly ways: { readonly clock: Pick<Clock, "now"> & Partial<Clock> };
}

/** The longest that the service holds one answer. */
const HELD_SECONDS = 50;

/**
 * Checks, asks where a person is needed, waits for them and mints, in as few requests as it takes.
 * Calling again with the same action goes on where it was left: a pending request is joined, an
 * approved one is used.
 * @throws {CountersignError} where there is no verdict at all
 */
export async function authorize(
  countersign: Seeker,
  action: Action,
  asking: Asking,
): Promise<Authorized | NotAuthorized> {
  const { clock } = countersign.ways;
  const { wait = DEFAULT_WAIT_SECONDS, onPending, signal, ...said } = asking;
  if (Number.isNaN(wait)) throw new TypeError("wait must be seconds: 0 waits for nobody");
  const end = clock.now() + wait * 1000;
  const stopping = signal === undefined ? {} : { signal };
  const asked = await countersign.post(
    "/v1/permissions/check",
    {
      ...action,
      ...said,
      mint: true,
      request: true,
    },
    isCheck,
    { once: true, ...stopping },
  );
  const approval = asked.approval ?? null;
  if (asked.token !== undefined && asked.token_id !== undefined) {
    // What was approved meanwhile is minted there and then.
    return authorized(asked, { token: asked.token, token_id: asked.token_id }, approval);
  }
  if (approval === null) return notAuthorized(asked, null);
  if (approval.status === "pending") await onPending?.(approval);
  try {
    const decided = await untilDecided(countersign, approval, end, stopping);
    if (decided.status !== "approved") return notAuthorized(asked, decided);
    const minting = { ...action, approval_id: decided.id };
    const sending = { once: true, ...stopping } as const;
    const minted = await countersign.post("/v1/tokens/mint", minting, isMint, sending);
    return authorized(asked, minted, decided);
  } catch (error) {
    // It was answered that a person has to approve: want of an answer is no yes from here on.
    if (error instanceof CountersignError) error.reference ??= approval.reference;
    throw error;
  }
}

/** How long before a service that did not answer is asked again: one that restarts is back soon. */
const PATIENCE_MS = 5000;

/**
 * A request once it is decided, or as it is at a time of the clock's. That the service is away
 * meanwhile, to restart for one, ends no waiting: people decide once it is back.
 * @throws {CountersignError} for a refusal, and for want of an answer at the end
 */
export async function untilDecided(
  seeker: Seeker,
  asked: Answers["approval"],
  end: number,
  stopping: { readonly signal?: AbortSignal } = {},
): Promise<Answers["approval"]> {
  const { now, after } = seeker.ways.clock;
  let approval = asked;
  let lost: unknown = null;
  while (approval.status === "pending") {
    const seconds = Math.floor(Math.min(HELD_SECONDS, (end - now()) / 1000));
    if (seconds < 1) {
      if (lost !== null) throw lost;
      break;
    }
    const path: string = `/v1/approvals/${encodeURIComponent(approval.id)}?wait=${seconds}`;
    try {
      approval = await seeker.get(path, isApprovalAnswer, { heldSeconds: seconds, ...stopping });
      lost = null;
    } catch (error) {
      if (after === undefined || !mayPass(error)) throw error;
      lost = error;
      await paused({ after }, Math.max(0, Math.min(PATIENCE_MS, end - now())), stopping.signal);
    }
  }
  return approval;
}

/**
 * What stands in the way of an action, or null: then `authorize` would give a token. Asks a person
 * where one is needed and was not asked yet, waits for nobody and mints nothing.
 * @throws {CountersignError} where there is no verdict at all
 */
export async function sound(
  countersign: Seeker,
  action: Action,
  { wait, onPending, signal, ...said }: Asking,
): Promise<NotAuthorized | null> {
  // Nobody is waited for.
  void wait;
  const stopping = signal === undefined ? {} : { signal };
  const asked = await countersign.post("/v1/permissions/check", action, isCheck, stopping);
  const { permission, next } = asked;
  if (permission === "allowed" || (permission !== "disabled" && next.approval_id !== undefined)) {
    return null;
  }
  if (permission === "disabled" || next.retry_after_seconds !== undefined) {
    return notAuthorized(asked, null);
  }
  // Asked again while it is pending, it is the same request.
  const body = { ...action, ...said, request: true };
  const after = await countersign.post("/v1/permissions/check", body, isCheck, {
    once: true,
    ...stopping,
  });
  if (after.permission === "allowed") return null;
  const approval = after.approval ?? null;
  if (approval?.status === "pending") await onPending?.(approval);
  return notAuthorized(after, approval);
}

/** The run that a token is for. */
export function authorized(
  { decision_id }: Answers["check"],
  { token, token_id }: { readonly token: string; readonly token_id: string },
  approval: Answers["approval"] | null,
): Authorized {
  return { allowed: true, is_fallback: false, token, token_id, decision_id, approval };
}

const SAID: Readonly<Record<Answers["approval"]["status"], string>> = {
  pending: "waits for a person",
  denied: "was denied",
  expired: "was not answered in time",
  cancelled: "was cancelled",
  revoked: "was revoked",
  approved: "was approved, and has been used",
};

/** Why an answer without a token is none. */
export function notAuthorized(
  { permission, resolved_from, next, url }: Answers["check"],
  approval: Answers["approval"] | null,
): NotAuthorized {
  const facts = {
    allowed: false,
    is_fallback: false,
    next: next as NotAuthorized["next"],
    confirm_url: url ?? null,
  } as const;
  if (approval !== null) {
    const { reference, status, review_url } = approval;
    const note = approval.decisions.findLast(({ decision }) => decision === "deny")?.note;
    const more = status === "pending" ? review_url : note?.replace(/\s+/g, " ");
    const message = `${reference} ${SAID[status]}${more ? `: ${more}` : ""}`;
    return { ...facts, code: status, message, reference, review_url };
  }
  const denied = next["retry_after_seconds"];
  const none = { ...facts, reference: null, review_url: null };
  if (permission === "requires_approval" && denied !== undefined) {
    const message = `It was denied, and may be asked again in ${denied} seconds`;
    return { ...none, code: "recently_denied", message };
  }
  return permission === "disabled"
    ? { ...none, code: "disabled", message: `It is not allowed (${resolved_from})` }
    : {
      ...none,
      code: "no_token",
      message: `It is ${permission} (${resolved_from}), without a token`,
    };
}

/** The error of a tool that was not run. */
export function notRun(tool: string, { code, message, reference, next }: NotAuthorized): NotRun {
  return new NotRun(`${tool} did not run: ${message}`, { code, reference, next });
}
