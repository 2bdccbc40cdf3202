import { queueAlerts } from "../alerts/queue_alerts.ts";
import type { JsonObject, JsonValue } from "../json/json_value.ts";
import { schedule } from "../ledger/due.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { storeLastApproved } from "../sheet/comparison.ts";
import {
  approvalByToolKey,
  approvalHistoryKey,
  approvalKey,
  approvalOpenKey,
  approvalPendingKey,
  approvalReadyKey,
  dueKey,
} from "../store/keys.ts";
import type { ApprovalRecord, AskHistory, Progress } from "../store/records/approval.ts";
import { eraseArguments } from "./frozen_view.ts";
import { storeCounts, withoutRequest } from "./limits.ts";
import type { LoadedApproval } from "./seen.ts";
import { settledApproval } from "./settled_approval.ts";
import { tellOfApproval } from "./topics.ts";

/** What the log says of a move. */
export interface MoveEntry {
  readonly type: string;
  readonly actor: Actor;
  readonly subject?: JsonObject;
  readonly data: JsonObject;
  readonly private?: Readonly<Record<string, JsonValue>>;
}

/** Whoever notes what time or the policy did. */
const SYSTEM: Actor = { type: "system", id: "approvals" };

/** How long it is remembered what was asked about an action, milliseconds. */
const HISTORY_KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/** What the log says that an entry about a request was done to. */
export function subjectOf(record: ApprovalRecord): JsonObject {
  return {
    approval: record.id,
    method: record.method,
    resource: record.resource,
    tenant: record.tenant,
    tool: record.tool_name,
  };
}

/**
 * Writes a request's next state with its entry, and everything that hangs on the state: indexes,
 * counts, deadlines, kept arguments, whoever waits. The one place where a request changes.
 *
 * @param entry null where the entry of something else records the move
 */
export function advance(
  transaction: Transaction,
  loaded: LoadedApproval,
  next: ApprovalRecord,
  entry: MoveEntry | null,
): LoadedApproval {
  const { snapshot, now } = transaction;
  const org = snapshot.orgId;
  const { id } = next;
  const before = loaded.record.progress;
  const after = next.progress;
  let { counts } = loaded;
  if (before.state === "pending" && after.state !== "pending") {
    transaction.delete(approvalPendingKey(org, id));
    transaction.delete(approvalOpenKey(org, next.requester.id, next.action_digest));
    transaction.delete(dueKey(next.expires_at, "approval_ends", org, id));
    counts = withoutRequest(counts, next.expires_at, now);
    storeCounts(transaction, next.requester.id, counts);
  }
  const ready = approvalReadyKey(org, next.requester.id, next.action_digest);
  if (after.state === "approved") {
    schedule(transaction, { kind: "approval_lapses", at: after.use_before, id });
    transaction.set(ready, { id });
    storeLastApproved(transaction, next);
  } else if (before.state === "approved") {
    transaction.delete(dueKey(before.use_before, "approval_lapses", org, id));
    // It may name a newer one by now, which then is found by its id only.
    transaction.delete(ready);
  }
  let record = next;
  let args = loaded.arguments;
  if (isOpen(before) && !isOpen(after)) {
    transaction.delete(approvalByToolKey(org, next.tool_name, id));
    if (!snapshot.org.retain_arguments && next.arguments_kept) {
      eraseArguments(transaction, id);
      record = { ...next, arguments_kept: false };
      args = null;
    }
  }
  transaction.set(approvalKey(org, id), record);
  queueAlerts(transaction, before, record);
  if (entry !== null) {
    transaction.append({ ...entry, subject: { ...subjectOf(record), ...entry.subject } });
  }
  tellOfApproval(transaction, id);
  return { ...loaded, record, arguments: args, counts };
}

/**
 * The request as it stands at the time of this commit. When its time has passed, its tool has changed
 * or the policy asks more of it than was asked, the commit notes that with its entry.
 */
export function settle(transaction: Transaction, loaded: LoadedApproval): LoadedApproval {
  const { record } = loaded;
  const next = settledApproval(record, transaction.snapshot, transaction);
  if (next === record) return loaded;
  const said = next.progress === record.progress
    ? { type: "approval.levels_raised", data: { levels: next.levels } }
    : endingOf(record, next.progress);
  return advance(transaction, loaded, next, { actor: SYSTEM, ...said });
}

/** Puts what was asked about an action into the commit. */
export function storeHistory(
  transaction: Transaction,
  record: Pick<ApprovalRecord, "requester" | "action_digest">,
  history: AskHistory,
): void {
  const { orgId } = transaction.snapshot;
  const key = approvalHistoryKey(orgId, record.requester.id, record.action_digest);
  transaction.set(key, history, { expireIn: HISTORY_KEPT_MS });
}

/** Pending, or approved and not yet used: what can still be voided. */
function isOpen({ state }: Progress): boolean {
  return state === "pending" || state === "approved";
}

function endingOf(before: ApprovalRecord, after: Progress): { type: string; data: JsonObject } {
  const { action_digest } = before;
  switch (after.state) {
    case "expired":
      return {
        type: "approval.expired",
        data: { action_digest, expired_at: new Date(after.ended_at).toISOString() },
      };
    case "lapsed":
      return {
        type: "approval.lapsed",
        data: { action_digest, use_before: new Date(after.use_before).toISOString() },
      };
    case "cancelled":
      return {
        type: "approval.cancelled",
        data: { action_digest, because: after.because, was: before.progress.state },
      };
    default:
      throw new Error(`Neither time nor policy makes no request ${after.state}.`);
  }
}
