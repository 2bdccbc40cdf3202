/**
 * What becomes of a request, told naively: the whole history is kept and read again from its start
 * each time. Slow, and written from the promises alone.
 */

/** One thing that happens at a time, milliseconds. */
export interface Happening {
  readonly at: number;
  readonly what:
    | "approve"
    | "deny"
    | "withdraw"
    | "mint"
    | "revoke"
    | "consume token"
    | "change tool"
    | "look";
}

export interface OracleTerms {
  readonly levels: 1 | 2;
  readonly expires_at: number;
  readonly use_seconds: number;
}

export interface Told {
  /** What the API calls it. */
  readonly status: string;
  readonly level: number;
  readonly use_before: number | null;
  readonly used: boolean;
  /** What the newest happening was answered with: "ok" or a code. */
  readonly answer: string;
}

/** Tells what the newest of the happenings, in order of time, was answered, and what stands then. */
export function tell(happenings: readonly Happening[], terms: OracleTerms): Told {
  let status = "pending";
  let approvals = 0;
  let lastApproval = 0;
  let minted = false;
  let consumed = false;
  let toolChanged = false;
  let lapsed = false;
  let answer = "ok";
  for (const { at, what } of happenings) {
    if (what === "change tool") toolChanged = true;
    // Whoever comes by notes what time and the catalog did before.
    const useBefore = lastApproval + terms.use_seconds * 1000;
    if (status === "pending" && at >= terms.expires_at) status = "expired";
    if (status === "pending" && toolChanged) status = "cancelled";
    if (status === "approved" && !minted && !lapsed) {
      if (at >= useBefore) lapsed = true;
      else if (toolChanged) status = "cancelled";
    }
    answer = "ok";
    if (what === "approve" || what === "deny" || what === "withdraw") {
      if (status !== "pending") answer = "approval_not_pending";
      else if (what === "deny") status = "denied";
      else if (what === "withdraw") status = "cancelled";
      else {
        approvals++;
        lastApproval = at;
        if (approvals === terms.levels) status = "approved";
      }
    }
    if (what === "mint") {
      if (status !== "approved") answer = "approval_not_approved";
      else if (minted) answer = "approval_used";
      else if (lapsed) answer = "approval_lapsed";
      else minted = true;
    }
    if (what === "revoke") {
      if (status !== "approved") answer = "approval_not_approved";
      else if (consumed) answer = "approval_used";
      else status = "revoked";
    }
    if (what === "consume token" && status === "approved" && minted) consumed = true;
  }
  const wasApproved = approvals === terms.levels;
  return {
    status,
    level: Math.min(approvals + 1, terms.levels),
    use_before: wasApproved ? lastApproval + terms.use_seconds * 1000 : null,
    used: minted,
    answer,
  };
}
