import { idTime } from "../base/id.ts";
import type { JsonObject } from "../base/json.ts";
import type { ToldEvent } from "../endpoints/told.ts";
import { entryAbout, readHead } from "../ledger/log_reader.ts";
import { approvalKey } from "../store/keys.ts";
import { type Kv, readRecord } from "../store/kv.ts";
import { type ApprovalRecord, approvalRecord } from "../store/records/approval.ts";

/**
 * What clients of Allowly are told of a prompt that was answered: the question to a user, or to members
 * under a mandate. Nothing else is told them.
 */

/** Why there is nothing of an event for them, as its delivery says it. */
export const NOTHING_TOLD = "Clients of Allowly are told of no such event.";

/** The same, or null to tell it. */
export function mootForClients({ type, data, request }: ToldEvent): string | null {
  const isTold = type === "confirmation.resolved"
    ? data.outcome === "approved" || data.outcome === "denied"
    : type === "approval.decided" && request !== null && request.mandate !== null;
  return isTold ? null : NOTHING_TOLD;
}

/** What they are sent; null when the request is no longer there. @throws {MalformedRecord} */
export async function resolutionBody(
  kv: Kv,
  org: string,
  { id, type, timestamp, data, request }: ToldEvent,
): Promise<JsonObject | null> {
  const isUsers = type === "confirmation.resolved";
  const approval = request?.id ?? `apr_${String(data.confirmation_id).slice(4)}`;
  const found = request ??
    (await readRecord(kv, approvalKey(org, approval), approvalRecord))?.value;
  const answer = found === undefined ? null : answerOf(found, isUsers);
  if (found === undefined || answer === null) return null;
  const resolution = await resolutionEntry(kv, org, approval, { isUsers, time: answer.at });
  if (resolution === null) return null;
  const body = approval.slice("apr_".length);
  return {
    id,
    type: isUsers ? "confirmation.resolved" : "escalation.resolved",
    timestamp,
    workspace_id: org,
    data: {
      prompt_id: `${isUsers ? "cnf" : "esc"}_${body}`,
      status: answer.decision === "approve" ? "approved" : "rejected",
      source_receipt_id: receiptOf(found.decision_id),
      resolution_receipt_id: receiptOf(resolution),
    },
  };
}

function answerOf(
  { user_seat, decisions }: Pick<ApprovalRecord, "user_seat" | "decisions">,
  isUsers: boolean,
): { readonly decision: "approve" | "deny"; readonly at: number } | null {
  return isUsers ? user_seat?.answer ?? null : decisions.at(-1) ?? null;
}

/** The id of the entry of an answer. */
async function resolutionEntry(
  kv: Kv,
  org: string,
  approval: string,
  { isUsers, time }: { readonly isUsers: boolean; readonly time: number },
): Promise<string | null> {
  const { size } = await readHead(kv, org);
  const found = await entryAbout(kv, org, size, {
    id: approval,
    time,
    is: ({ type, subject, data }) =>
      type === "approval.decided" && subject.approval === approval &&
      (data.seat === "user") === isUsers,
  });
  return found?.entry.id ?? null;
}

/** The receipt of an entry has the body of its id. */
function receiptOf(entry: string): string | null {
  return idTime(entry) === null ? null : `rcp_${entry.slice(4)}`;
}
