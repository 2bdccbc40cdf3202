import { type FrozenView, loadView, openView } from "../approvals/frozen_view.ts";
import { isVisible, seesArguments } from "../approvals/seen_approval.ts";
import type { Caller } from "../identity/caller.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { approvalKey, approvalLastKey, approvalLastOfKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { approvalPointer, type ApprovalRecord, approvalRecord } from "../store/records/approval.ts";

/** The call of a tool that was approved before. */
export interface LastApproved {
  readonly record: ApprovalRecord;
  /** What its approver saw; null once its arguments were erased, and for who may not see them. */
  readonly view: FrozenView | null;
  readonly same_requester: boolean;
  /** Whether it was the very same action, which its digest tells even when its arguments are gone. */
  readonly same_action: boolean;
}

/** Remembers, in the commit that approves a request, that it is the tool's newest approved one. */
export function storeLastApproved(
  transaction: Transaction,
  { id, tool_name, requester }: Pick<ApprovalRecord, "id" | "tool_name" | "requester">,
): void {
  const { orgId } = transaction.snapshot;
  transaction.set(approvalLastKey(orgId, tool_name), { id });
  transaction.set(approvalLastOfKey(orgId, tool_name, requester.id), { id });
}

/**
 * What was last approved of a pending request's tool, for whoever is about to decide: of the same
 * requester, else of anybody in the org. Null when nothing was that this caller may know of, and for
 * a request that is pending no more, which by now may be the newest itself.
 * @throws {MalformedRecord}, {CannotOpen}
 */
export async function lastApproved(
  { deps }: Pick<Services, "deps">,
  caller: Caller,
  record: ApprovalRecord,
): Promise<LastApproved | null> {
  if (record.progress.state !== "pending" || !seesArguments(caller, record)) return null;
  const { kv, sealer } = deps;
  const { org } = caller;
  const { tool_name, requester, action_digest } = record;
  const ofRequester = approvalLastOfKey(org, tool_name, requester.id);
  const pointer = await readRecord(kv, ofRequester, approvalPointer) ??
    await readRecord(kv, approvalLastKey(org, tool_name), approvalPointer);
  if (pointer === null) return null;
  const last = (await readRecord(kv, approvalKey(org, pointer.value.id), approvalRecord))?.value;
  if (last === undefined || !isVisible(caller, last)) return null;
  const reader: Pick<Reader, "peek"> = { peek: (key, schema) => readRecord(kv, key, schema) };
  return {
    record: last,
    view: seesArguments(caller, last)
      ? openView(sealer, org, last, await loadView(reader, org, last))
      : null,
    same_requester: last.requester.id === requester.id,
    same_action: last.action_digest === action_digest,
  };
}
