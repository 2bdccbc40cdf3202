import { settle } from "../approvals/advance.ts";
import { confirmationId } from "../approvals/nonce.ts";
import { isOwn, isVisible, loadApproval, type LoadedApproval } from "../approvals/seen.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { type Caller, isWithinWall } from "../identity/caller.ts";
import { Refusal } from "../refusal.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import type { UserSeat } from "../store/records/user.ts";

/** What became of the question to a user, for who asked it and for who answers for others. */

export const CONFIRMATION_STATUSES = [
  "pending",
  "approved",
  "denied",
  "expired",
  "cancelled",
] as const;

type ConfirmationStatus = (typeof CONFIRMATION_STATUSES)[number];

/** A question to a user as it stands. */
export interface Confirmation {
  readonly id: string;
  readonly mandate_id: string;
  readonly approval_id: string;
  readonly status: ConfirmationStatus;
  /** Milliseconds, as the one after it. */
  readonly expires_at: number;
  /** Null while it is open. */
  readonly resolved_at: number | null;
}

/** The question about a request as it stands. @throws {Refusal} not_found */
export function lookAtConfirmation(
  approval: string,
): CallerOperation<LoadedApproval | null, Confirmation> {
  return {
    load: (reader) => loadApproval(reader.fromStore, approval),
    plan(transaction, caller, loaded) {
      if (loaded === null || !mayLook(caller, loaded.record)) {
        throw new Refusal("not_found", { what: "confirmation" });
      }
      const confirmation = confirmationOf(settle(transaction, loaded).record);
      if (confirmation === null) throw new Refusal("not_found", { what: "confirmation" });
      return confirmation;
    },
  };
}

/** Management keys look too, who see no requests otherwise: whoever publishes bundles sees them work. */
function mayLook(caller: Caller, record: ApprovalRecord): boolean {
  if (isOwn(caller, record)) return true;
  if (caller.tier === "management") return isWithinWall(caller, record.tenant);
  return caller.tier === "approver" && isVisible(caller, record);
}

/** What a request says of its question; null for one that asks no user. */
export function confirmationOf(
  record: Pick<ApprovalRecord, "id" | "mandate" | "user_seat" | "progress">,
): Confirmation | null {
  const { id, mandate, user_seat, progress } = record;
  if (mandate === null || user_seat === null) return null;
  return {
    id: confirmationId(id),
    mandate_id: mandate.id,
    approval_id: id,
    expires_at: user_seat.expires_at,
    ...stand(progress, user_seat),
  };
}

function stand(
  progress: ApprovalRecord["progress"],
  { answer }: UserSeat,
): Pick<Confirmation, "status" | "resolved_at"> {
  if (answer !== null) {
    return {
      status: answer.decision === "approve" ? "approved" : "denied",
      resolved_at: answer.at,
    };
  }
  switch (progress.state) {
    case "expired":
    case "cancelled":
      return { status: progress.state, resolved_at: progress.ended_at };
    default:
      return { status: "pending", resolved_at: null };
  }
}
