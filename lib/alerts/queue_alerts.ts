import { type DueKind, schedule } from "../ledger/due.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { dueKey } from "../store/keys.ts";
import type { AlertKind } from "../store/records/alert.ts";
import type { ApprovalRecord, Progress } from "../store/records/approval.ts";
import { hasHearers } from "./hearers.ts";

/** How long before the end an alert says so, at most, milliseconds. */
const MAX_NOTICE_MS = 10 * 60_000;

/** The due work that each kind of alert begins as. */
export const ALERT_WORK = {
  new_request: "alert_new_request",
  second_level: "alert_second_level",
  nearing_expiry: "alert_nearing_expiry",
  decided: "alert_decided",
} as const satisfies Record<AlertKind, DueKind>;

/** When it is said that a request ends soon: ten minutes or a fifth of its time before. */
export function nearingExpiryAt(
  { created_at, expires_at }: Pick<ApprovalRecord, "created_at" | "expires_at">,
): number {
  // A log that is ahead of the time may have it begin after its end.
  const lasts = Math.max(0, expires_at - created_at);
  return expires_at - Math.min(MAX_NOTICE_MS, Math.floor(lasts / 5));
}

/**
 * Puts the alerts that a move of a request causes into the commit of that move.
 * @param before null for a request that is new
 */
export function queueAlerts(
  transaction: Transaction,
  before: Progress | null,
  record: ApprovalRecord,
): void {
  const { snapshot, now: at } = transaction;
  const { id, progress: after } = record;
  const notice = nearingExpiryAt(record);
  if (before?.state === "pending" && after.state !== "pending") {
    transaction.delete(dueKey(notice, ALERT_WORK.nearing_expiry, snapshot.orgId, id));
  }
  if (!hasHearers(snapshot.members)) return;
  if (before === null) {
    schedule(transaction, { kind: ALERT_WORK.new_request, at, id });
    schedule(transaction, { kind: ALERT_WORK.nearing_expiry, at: notice, id });
  } else if (before.state === "pending") {
    if (after.state === "pending" && after.level > before.level) {
      schedule(transaction, { kind: ALERT_WORK.second_level, at, id });
    }
    if (after.state === "approved" || after.state === "denied") {
      schedule(transaction, { kind: ALERT_WORK.decided, at, id });
    }
  }
}
