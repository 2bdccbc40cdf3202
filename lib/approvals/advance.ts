import type { JsonObject, JsonValue } from "../base/json.ts";
import { writeEvent } from "../events/event.ts";
import { requesterTopic, schedule, tellOfApproval } from "../ledger/commit.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
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
import {
  approvalByMandateKey,
  approvalByMandatePrefix,
  confirmationKey,
  mandateByParentPrefix,
  mandateByUserPrefix,
} from "../store/mandate_keys.ts";
import {
  approvalFacts,
  approvalPointer,
  type ApprovalRecord,
  type AskHistory,
  type Progress,
} from "../store/records/approval.ts";
import type { ConfirmationOutcome } from "../store/records/event.ts";
import { askerId } from "../store/records/identity.ts";
import type { DueWork } from "../store/records/log.ts";
import { mandatePointer } from "../store/records/mandate.ts";
import { eraseArguments } from "./frozen_view.ts";
import { countsNow, storeCounts, withoutRequest } from "./limits.ts";
import { askNameOf, lineName, loadApproval, type LoadedApproval } from "./seen.ts";
import { eventOf, isMembersAsked, isUserAsked, openUntil, settledApproval } from "./state.ts";

/**
 * How a request moves: by what somebody does, by time or the policy when somebody looks (`settle`),
 * and by due work where nobody does. Whichever it is, `advance` writes it, and with it the event
 * that it is.
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
  if (before.state === "pending" && after.state !== "pending") {
    transaction.delete(approvalPendingKey(org, id));
    transaction.delete(approvalOpenKey(org, askerId(next.requester), askNameOf(next)));
    transaction.delete(dueKey(openUntil(loaded.record), "approval_ends", org, id));
    const { counts } = loaded;
    if (counts === null) throw new Error(`The counts of the pending request ${id} were not read.`);
    const fewer = withoutRequest(countsNow(transaction, counts), next.expires_at, now);
    storeCounts(transaction, counts, fewer);
  }
  if (isUserAsked(before) && !isUserAsked(after) && next.user_seat !== null) {
    // Whatever ended it, its nonce is like one that there never was.
    transaction.delete(confirmationKey(next.user_seat.nonce_hash));
    if (after.state === "pending") {
      transaction.delete(dueKey(openUntil(loaded.record), "approval_ends", org, id));
      schedule(transaction, { kind: "approval_ends", at: openUntil(next), id });
    }
  }
  if (after.state === "pending") {
    storeWaiting(transaction, next);
    const { counts } = loaded;
    // They are the same; that they were written tells that the row of what waits is another.
    if (counts !== null) storeCounts(transaction, counts, countsNow(transaction, counts));
  }
  const ready = approvalReadyKey(org, askerId(next.requester), askNameOf(next));
  if (after.state === "approved") {
    schedule(transaction, { kind: "approval_lapses", at: after.use_before, id });
    transaction.setGuarded(ready, { id });
    if (before.state === "pending") storeLastApproved(transaction, next);
  } else if (before.state === "approved") {
    transaction.delete(dueKey(before.use_before, "approval_lapses", org, id));
    // It may name a newer one by now, which then is found by its id only.
    transaction.delete(ready);
  }
  // One that was used, and what it was used for never sent, can be voided again.
  if (!isOpen(before) && isOpen(after)) {
    transaction.set(approvalByToolKey(org, next.tool_name, id), { id });
  }
  let record = next;
  let args = loaded.arguments;
  if (isOpen(before) && !isOpen(after)) {
    transaction.delete(approvalByToolKey(org, next.tool_name, id));
    if (next.mandate !== null) transaction.delete(approvalByMandateKey(org, next.mandate.id, id));
    if (!snapshot.org.retain_arguments && next.arguments_kept) {
      eraseArguments(transaction, id);
      record = { ...next, arguments_kept: false };
      args = null;
    }
  }
  transaction.set(approvalKey(org, id), record);
  tellOfMove(transaction, before, record);
  if (entry !== null) {
    transaction.append({ ...entry, subject: { ...subjectOf(record), ...entry.subject } });
  }
  tellOfApproval(transaction, id);
  return { ...loaded, record, arguments: args };
}

/**
 * The request as it stands at the time of this commit. When its time has passed, its tool has changed
 * or the policy asks more of it than was asked, the commit notes that with its entry.
 */
export function settle(transaction: Transaction, loaded: LoadedApproval): LoadedApproval {
  const { record } = loaded;
  const next = settledApproval(record, transaction.snapshot, transaction, loaded);
  if (next === record) return loaded;
  const said = next.progress === record.progress
    ? { type: "approval.levels_raised", data: { levels: next.levels } }
    : endingOf(record, next.progress);
  return advance(transaction, loaded, next, { actor: SYSTEM, ...said });
}

/** Puts the row by which lists of what waits find a pending request into the commit. */
export function storeWaiting(transaction: Transaction, record: ApprovalRecord): void {
  const { id } = record;
  const key = approvalPendingKey(transaction.snapshot.orgId, id);
  transaction.set(key, { id, facts: approvalFacts.parse(record) });
}

/** Puts what was asked about an action into the commit. */
export function storeHistory(
  transaction: Transaction,
  record: Pick<ApprovalRecord, "requester" | "action_digest" | "mandate">,
  history: AskHistory,
): void {
  const { orgId } = transaction.snapshot;
  const key = approvalHistoryKey(orgId, record.requester.id, askNameOf(record));
  transaction.setGuarded(key, history, { expireIn: HISTORY_KEPT_MS });
}

/** Puts into the commit that an action was denied, for all mandates of the line it was asked under. */
export function storeLineDenial(
  transaction: Transaction,
  { requester, action_digest, mandate }: ApprovalRecord,
  last_denial: AskHistory["last_denial"],
): void {
  if (mandate === null) return;
  const name = lineName(action_digest, mandate.first ?? mandate.id);
  const key = approvalHistoryKey(transaction.snapshot.orgId, requester.id, name);
  const history = { asked: 0, denied: 1, last_denial };
  transaction.setGuarded(key, history, { expireIn: HISTORY_KEPT_MS });
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
      // By a clock that was set back since the row was found nothing is over yet: it is found again.
      if (work.at > transaction.now) return;
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

/** Cancels what is pending or unused under a mandate that was ended, and under all made of it. */
export async function cancelForMandate(services: Services, work: DueWork): Promise<void> {
  const { org, id } = work;
  const prefixes: StoreKey[] = [];
  const line = [id];
  for (let of = line.shift(); of !== undefined; of = line.shift()) {
    prefixes.push(approvalByMandatePrefix(org, of));
    const prefix = mandateByParentPrefix(org, of);
    for await (const { value } of listRecords(services.deps.kv, { prefix }, mandatePointer)) {
      line.push(value.id);
    }
  }
  await settleAll(services, work, prefixes);
}

/** Cancels what is pending or unused of a user whose passkey, which said yes to it, went. */
export async function cancelForUser(services: Services, work: DueWork): Promise<void> {
  const { org, id } = work;
  const prefix = mandateByUserPrefix(org, id);
  const rows = listRecords(services.deps.kv, { prefix }, mandatePointer);
  const mandates = await Array.fromAsync(rows, ({ value }) => value.id);
  await settleAll(services, work, mandates.map((mandate) => approvalByMandatePrefix(org, mandate)));
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

/** When it is said that a request ends soon: ten minutes or a fifth of its time before. */
function nearingExpiryAt(
  { created_at, expires_at }: Pick<ApprovalRecord, "created_at" | "expires_at">,
): number {
  // A log that is ahead of the time may have it begin after its end.
  const lasts = Math.max(0, expires_at - created_at);
  return expires_at - Math.min(MAX_NOTICE_MS, Math.floor(lasts / 5));
}

/**
 * Puts the event that a move of a request is into the commit of that move, and before that the word
 * that its end comes near.
 * @param before null for a request that is new
 */
export function tellOfMove(
  transaction: Transaction,
  before: Progress | null,
  record: ApprovalRecord,
): void {
  const { snapshot } = transaction;
  const { id, progress: after } = record;
  const notice = nearingExpiryAt(record);
  transaction.notify(requesterTopic(snapshot.orgId, record.requester.id));
  const isPut = (before === null || isUserAsked(before)) && isMembersAsked(after);
  if (before?.state === "pending" && after.state !== "pending") {
    transaction.delete(dueKey(notice, "alert_nearing_expiry", snapshot.orgId, id));
  }
  if (!snapshot.isHeard) return;
  if (isPut && snapshot.hasHearers) {
    schedule(transaction, { kind: "alert_nearing_expiry", at: notice, id });
  }
  const outcome = before === null ? null : confirmedIn(before, after);
  if (outcome !== null && record.mandate !== null) {
    const mandate = record.mandate.id;
    writeEvent(transaction, { type: "confirmation.resolved", request: id, mandate, outcome });
  }
  const type = record.levels === 0 ? null : eventOf(before, after);
  if (type !== null) writeEvent(transaction, { type, approval: id });
}

/** What became of the end user's seat by a move; null where it was not open, or stays so. */
function confirmedIn(before: Progress, after: Progress): ConfirmationOutcome | null {
  if (!isUserAsked(before) || isUserAsked(after)) return null;
  switch (after.state) {
    case "pending":
    case "approved":
      return "approved";
    case "denied":
    case "expired":
    case "cancelled":
      return after.state;
    default:
      throw new Error(`No move leads from the user's seat to ${after.state}.`);
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
