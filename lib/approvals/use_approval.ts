import type { Action } from "../actions/action.ts";
import { actionDigest } from "../actions/action_digest.ts";
import { differingFacts } from "../base/action.ts";
import type { Caller } from "../identity/caller.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import { settle } from "./advance.ts";
import { move } from "./end.ts";
import { openArguments } from "./frozen_view.ts";
import type { LoadedApproval } from "./seen.ts";
import { isRequester, isVisible } from "./seen_approval.ts";

/**
 * Turns an approved request into the token `tokenId`, once: for its requester, for exactly the
 * action that was approved, before its time is over. The token's own entry records it. A refusal is
 * returned (not_found, not_the_requester, approval_not_approved, approval_used, approval_lapsed,
 * action_mismatch), so that the caller can log it.
 *
 * @param loaded from `loadApproval` in the same operation
 * @param action with its tenant filled in
 */
export function consumeApproval(
  transaction: Transaction,
  loaded: LoadedApproval | null,
  caller: Caller,
  action: Action,
  tokenId: string,
): ApprovalRecord | AnyRefusal {
  if (loaded === null || !isVisible(caller, loaded.record)) {
    return new Refusal("not_found", { what: "approval" });
  }
  if (!isRequester(caller, loaded.record)) return new Refusal("not_the_requester", {});
  const current = settle(transaction, loaded);
  const { record } = current;
  const isApproved = record.progress.state === "approved";
  // What has become of the request says more than how the action differs.
  if (isApproved && actionDigest(transaction.snapshot.orgId, action) !== record.action_digest) {
    return new Refusal("action_mismatch", { differs: differing(transaction, current, action) });
  }
  const used = move(transaction, current, { type: "use", token_id: tokenId }, null);
  return used instanceof Refusal ? used : used.record;
}

function differing(
  transaction: Transaction,
  { record, arguments: sealed }: LoadedApproval,
  action: Action,
): string[] | null {
  if (sealed === null) return null;
  const { deps, snapshot } = transaction;
  const { tenant, resource, method, tool_name: tool } = record;
  const args = openArguments(deps.sealer, snapshot.orgId, record.id, sealed);
  return differingFacts({ tenant, resource, method, tool, arguments: args }, action);
}
