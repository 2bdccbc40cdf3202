import { type FrozenView, loadView, openView, peeking } from "../approvals/frozen_view.ts";
import { askNameOf, NO_HISTORY, type SeenApproval } from "../approvals/seen.ts";
import type { Services } from "../services.ts";
import { approvalAskPrefix, approvalHistoryKey } from "../store/keys.ts";
import { listRecords, readRecord } from "../store/kv.ts";
import { type AskedAgain, askedAgain, askHistory } from "../store/records/approval.ts";
import { sealedRecord } from "../store/records/log.ts";

/** What somebody who decides looks at besides the request itself. */
export interface Review {
  /** What `view_digest` is the digest of; null once its arguments were erased. */
  readonly view: FrozenView | null;
  /** What was said when it was asked again; the view carries the digest of each. */
  readonly asked_again: readonly AskedAgain[];
  /** How often this requester asked for this action, and was denied. */
  readonly asked: number;
  readonly denied: number;
}

/**
 * Reads the whole of a request as somebody has seen it; null for who may not see its arguments.
 * @throws {CannotOpen}, {MalformedRecord}
 */
export async function reviewApproval(
  { deps }: Pick<Services, "deps">,
  org: string,
  { record, inside }: Pick<SeenApproval, "record" | "inside">,
): Promise<Review | null> {
  if (!inside) return null;
  const { kv, sealer } = deps;
  const historyKey = approvalHistoryKey(org, record.requester.id, askNameOf(record));
  const [sealed, history] = await Promise.all([
    loadView(peeking(kv), org, record),
    readRecord(kv, historyKey, askHistory),
  ]);
  const asked: AskedAgain[] = [];
  const rows = { prefix: approvalAskPrefix(org, record.id) };
  for await (const { key, value } of listRecords(kv, rows, sealedRecord)) {
    if (asked.length === record.asked_again.length) break;
    asked.push(askedAgain.parse(sealer.openJson(key, value.sealed)));
  }
  const counts = history?.value ?? NO_HISTORY;
  return {
    view: openView(sealer, org, record, sealed),
    asked_again: asked,
    asked: counts.asked,
    denied: counts.denied,
  };
}
