import { subjectOf } from "../approvals/advance.ts";
import { hasAccount, type Hearer } from "../identity/deciders.ts";
import { schedule } from "../ledger/due.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { alertDeliveryKey, approvalKey, dueKey } from "../store/keys.ts";
import {
  type AlertDelivery,
  alertDelivery,
  type PushSubscriptionRecord,
  type QueuedDelivery,
} from "../store/records/alert.ts";
import { type ApprovalRecord, approvalRecord } from "../store/records/approval.ts";
import type { DueWork } from "../store/records/log.ts";
import { begun, concluded, type DeliveryOutcome } from "./delivery.ts";
import { isHearer, stillNews } from "./hearers.ts";
import { type Destination, sendAlert } from "./send.ts";
import { deleteSubscription, loadSubscription } from "./subscriptions.ts";

type Delivering = Pick<Services, "deps" | "ledgers" | "settings">;

/** A delivery that is queued, and what its next try depends on. */
interface LoadedDelivery {
  readonly delivery: QueuedDelivery;
  readonly record: ApprovalRecord;
  /** Null when they are no member any more. */
  readonly member: Hearer | null;
  /** Null for a mail, and when the browser is subscribed no more. */
  readonly subscription: PushSubscriptionRecord | null;
}

/** A try that this process has taken on. */
interface Claim extends LoadedDelivery {
  readonly to: Destination;
}

/**
 * Tries a delivery: takes it on in one commit, which only one of any number of nodes succeeds with,
 * sends it, and notes in another what came of it. A process that dies between the two leaves the
 * work behind, due when its try counts as lost: what was sent then may be sent twice.
 */
export async function deliverAlert(services: Delivering, work: DueWork): Promise<void> {
  const claim = await take(services, work);
  if (claim === null) return;
  const { record, delivery: { kind } } = claim;
  const outcome = await sendAlert(services, { org: work.org, kind, record }, claim.to);
  await note(services, work.org, claim, outcome);
}

/** Null when there is nothing to do, or nothing any more. */
function take({ ledgers }: Delivering, work: DueWork): Promise<Claim | null> {
  return ledgers.transact(work.org, {
    load: (reader) => loadDelivery(reader, work.id),
    plan(transaction, loaded) {
      const { now, snapshot } = transaction;
      const due = dueKey(work.at, work.kind, work.org, work.id);
      // A queued delivery has one row of work, at its own time: any other has been overtaken.
      if (loaded === null || loaded.delivery.next_at !== work.at) {
        transaction.delete(due);
        return null;
      }
      if (now < work.at) return null;
      transaction.delete(due);
      const { delivery } = loaded;
      if (delivery.under_way) {
        conclude(transaction, loaded, failedTry("The process ended while it was sent."));
        return null;
      }
      const to = destination(loaded, snapshot, now);
      if (typeof to === "string") {
        conclude(transaction, loaded, { type: "gone", why: to });
        return null;
      }
      const taken = begun(delivery, now);
      storeDelivery(transaction, taken);
      return { ...loaded, delivery: taken, to };
    },
  });
}

function note(
  { ledgers }: Delivering,
  org: string,
  claim: Claim,
  outcome: DeliveryOutcome,
): Promise<void> {
  return ledgers.transact(org, {
    load: (reader) => reader.get(alertDeliveryKey(org, claim.delivery.id), alertDelivery),
    plan(transaction, found) {
      const { delivery } = claim;
      const now = found?.value;
      // The try took so long that it counted as lost, and somebody else has gone on.
      if (now?.state !== "queued" || now.next_at !== delivery.next_at) return;
      transaction.delete(dueKey(delivery.next_at, "alert_delivery", org, delivery.id));
      conclude(transaction, claim, outcome);
      if (outcome.type === "gone" && claim.subscription !== null) {
        deleteSubscription(transaction, claim.subscription);
      }
    },
  });
}

async function loadDelivery(reader: Reader, id: string): Promise<LoadedDelivery | null> {
  const { orgId, members } = reader.snapshot;
  const delivery = (await reader.get(alertDeliveryKey(orgId, id), alertDelivery))?.value;
  if (delivery?.state !== "queued") return null;
  const record = await reader.get(approvalKey(orgId, delivery.approval), approvalRecord);
  if (record === null) return null;
  const member = members.values().filter(hasAccount).find(({ id }) => id === delivery.member);
  const subscription = member === undefined || delivery.subscription === null
    ? null
    : await loadSubscription(reader, member.account, delivery.subscription);
  return { delivery, record: record.value, member: member ?? null, subscription };
}

/** Where the delivery goes, or why it need not go anywhere any more. */
function destination(
  { delivery, record, member, subscription }: LoadedDelivery,
  snapshot: Snapshot,
  now: number,
): Destination | string {
  const { kind, channel } = delivery;
  if (!stillNews(kind, record, now)) return "The request had moved on before it could be sent.";
  if (member === null || !isHearer(member, kind, record, snapshot, now)) {
    return "The member is not concerned any more.";
  }
  if (channel === "mail") return { channel, address: member.email };
  if (subscription === null) return "The browser takes no pushes any more.";
  return { channel, subscription };
}

/** Puts into the commit what came of a try; one that was the last for nothing goes into the log. */
function conclude(
  transaction: Transaction,
  { delivery, record }: LoadedDelivery,
  outcome: DeliveryOutcome,
): void {
  const next: AlertDelivery = concluded(delivery, outcome, transaction.now);
  storeDelivery(transaction, next);
  if (next.state !== "failed") return;
  transaction.append({
    type: "alert.failed",
    actor: { type: "system", id: "alerts" },
    subject: { ...subjectOf(record), member: next.member },
    data: {
      alert: next.kind,
      attempts: next.attempts,
      channel: next.channel,
      delivery: next.id,
    },
  });
}

function failedTry(error: string): DeliveryOutcome {
  return { type: "failed", error, for_good: false, wait_ms: 0 };
}

/** How long deliveries can be looked at, milliseconds. */
export const DELIVERY_KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** Puts a delivery into the commit, and its next try, of which it has one as long as it is queued. */
export function storeDelivery(transaction: Transaction, delivery: AlertDelivery): void {
  transaction.set(alertDeliveryKey(transaction.snapshot.orgId, delivery.id), delivery, {
    expireIn: Math.max(1, delivery.expires_at - transaction.now),
  });
  if (delivery.state !== "queued") return;
  schedule(transaction, { kind: "alert_delivery", at: delivery.next_at, id: delivery.id });
}
