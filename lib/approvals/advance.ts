import type { JsonObject, JsonValue } from "../base/json.ts";
import { hasAccount } from "../identity/deciders.ts";
import { schedule, tellOfApproval } from "../ledger/due.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import {
  approvalByToolKey,
  approvalByToolPrefix,
  approvalHistoryKey,
  approvalKey,
  approvalLastKey,
  approvalLastOfKey,
  approvalOpenKey,
  approvalOpenPrefix,
  approvalPendingKey,
  approvalReadyKey,
  approvalReadyPrefix,
  approvalsByToolPrefix,
  dueKey,
  type StoreKey,
} from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import type { AlertKind } from "../store/records/alert.ts";
import {
  approvalPointer,
  type ApprovalRecord,
  type AskHistory,
  type Progress,
} from "../store/records/approval.ts";
import type { DueKind, DueWork } from "../store/records/log.ts";
import { eraseArguments } from "./frozen_view.ts";
import { storeCounts, withoutRequest } from "./limits.ts";
import { loadApproval, type LoadedApproval } from "./seen.ts";
import { settledApproval } from "./state.ts";

/**
 * How a request moves: by what somebody does, by time or the policy when somebody looks (`settle`),
 * and by due work where nobody does. Whichever it is, `advance` writes it, and with it the alerts
 * that it causes.
 */

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

/** Notes that a request has expired or lapsed, and removes the work in the same commit. */
export async function settleDueApproval({ ledgers }: Services, work: DueWork): Promise<void> {
  await ledgers.transact(work.org, {
    load: (reader: Reader) => loadApproval(reader, work.id),
    plan(transaction: Transaction, loaded) {
      if (loaded !== null) settle(transaction, loaded);
      transaction.delete(dueKey(work.at, work.kind, work.org, work.id));
    },
  });
}

/**
 * Cancels what is pending or unused of a tool whose definition has changed. Every request looks at
 * the catalog itself, so one that was made since stays.
 */
export async function cancelForTool(services: Services, work: DueWork): Promise<void> {
  await settleAll(services, work, [approvalByToolPrefix(work.org, work.id)]);
}

/** The same for all tools at once, after a policy of several commits became the one that is read. */
export async function cancelForPolicy(services: Services, work: DueWork): Promise<void> {
  await settleAll(services, work, [approvalsByToolPrefix(work.org)]);
}

/** Cancels what is pending or unused of an agent that was rotated; what it asked since stays. */
export async function cancelForAgent(services: Services, work: DueWork): Promise<void> {
  const { org, id } = work;
  await settleAll(services, work, [approvalOpenPrefix(org, id), approvalReadyPrefix(org, id)]);
}

/** Brings all requests up to date that rows of indexes name, then removes the work. */
async function settleAll(
  { deps, ledgers }: Services,
  work: DueWork,
  prefixes: readonly StoreKey[],
): Promise<void> {
  for (const prefix of prefixes) {
    for await (const { value } of listRecords(deps.kv, { prefix }, approvalPointer)) {
      // In turn: all of them count against the same limits, so their commits would collide.
      await ledgers.transact(work.org, {
        load: (reader: Reader) => loadApproval(reader, value.id),
        plan(transaction: Transaction, loaded) {
          if (loaded !== null) settle(transaction, loaded);
        },
      });
    }
  }
  await ledgers.transact(work.org, {
    plan: (transaction) => transaction.delete(dueKey(work.at, work.kind, work.org, work.id)),
  });
}

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
function nearingExpiryAt(
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

/** Remembers, in the commit that approves a request, that it is the tool's newest approved one. */
function storeLastApproved(
  transaction: Transaction,
  { id, tool_name, requester }: Pick<ApprovalRecord, "id" | "tool_name" | "requester">,
): void {
  const { orgId } = transaction.snapshot;
  transaction.set(approvalLastKey(orgId, tool_name), { id });
  transaction.set(approvalLastOfKey(orgId, tool_name, requester.id), { id });
}

/** Whether anybody of an org can be told anything. */
function hasHearers(members: Snapshot["members"]): boolean {
  return members.values().some(hasAccount);
}
