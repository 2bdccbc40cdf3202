import { clocksAt } from "../ledger/clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import {
  approvalHistoryKey,
  approvalKey,
  approvalOpenKey,
  approvalReadyKey,
} from "../store/keys.ts";
import { approvalPointer, approvalRecord, askHistory } from "../store/records/approval.ts";
import { denialRest } from "./limits.ts";
import { settledApproval } from "./settled_approval.ts";

/** What a requester asked about an action before, as far as it says what to do next. */
export type AskedBefore =
  | { readonly state: "pending" | "approved"; readonly approval: string }
  /** Asked again within these seconds, it is refused. */
  | { readonly state: "denied"; readonly retry_after_seconds: number };

/**
 * Reads whether a requester waits for a decision on this action, has an approval of it that is not
 * used, or was denied it just now; null for none of these. It is a hint for whoever asks and grants
 * nothing, so no commit checks it.
 * @throws {MalformedRecord}
 */
export async function loadAskedBefore(
  reader: Reader,
  requester: string,
  actionDigest: string,
): Promise<AskedBefore | null> {
  const { snapshot, now } = reader;
  const org = snapshot.orgId;
  const history = await reader.peek(approvalHistoryKey(org, requester, actionDigest), askHistory);
  // Every request writes it in its own commit, and it outlives them all: most checks read one row.
  if (history === null) return null;
  const [open, ready] = await Promise.all([
    reader.peek(approvalOpenKey(org, requester, actionDigest), approvalPointer),
    reader.peek(approvalReadyKey(org, requester, actionDigest), approvalPointer),
  ]);
  for (const pointer of [open, ready]) {
    if (pointer === null) continue;
    const found = await reader.peek(approvalKey(org, pointer.value.id), approvalRecord);
    if (found === null) continue;
    const { progress, id } = settledApproval(found.value, snapshot, clocksAt(now));
    if (progress.state === "pending" || progress.state === "approved") {
      return { state: progress.state, approval: id };
    }
  }
  const rest = denialRest(history.value, now);
  return rest === null ? null : { state: "denied", retry_after_seconds: rest.retry_after_seconds };
}
