import { subjectOf } from "../approvals/advance.ts";
import { hasAccount, type Hearer } from "../identity/deciders.ts";
import { deliver, LOST, type Way } from "../events/deliver.ts";
import { schedule } from "../ledger/commit.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { approvalKey } from "../store/keys.ts";
import { alertDeliveryKey } from "../store/news_keys.ts";
import {
  type AlertDelivery,
  alertDelivery,
  type PushSubscriptionRecord,
  type QueuedDelivery,
} from "../store/records/alert.ts";
import { type ApprovalRecord, approvalRecord } from "../store/records/approval.ts";
import type { DueWork } from "../store/records/log.ts";
import { begun, concluded, type DeliveryOutcome, type Moot } from "./delivery.ts";
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

/** Where a try goes, by the policy that it is told by. */
interface Sent {
  readonly destination: Destination;
  readonly snapshot: Snapshot;
}

const ALERTS: Way<LoadedDelivery, Sent, DeliveryOutcome | Moot> = {
  kind: "alert_delivery",
  load: loadDelivery,
  aim(loaded, { snapshot, now }) {
    const to = destination(loaded, snapshot, now);
    if (typeof to === "string") return { without: { type: "moot", why: to } };
    return { to: { destination: to, snapshot } };
  },
  begin(transaction, { delivery }) {
    storeDelivery(transaction, begun(delivery, transaction.now));
  },
  conclude,
  lost: { type: "failed", error: LOST, for_good: false, wait_ms: 0 },
};

/** Tries to tell a member by mail or push. */
export async function deliverAlert(services: Delivering, work: DueWork): Promise<void> {
  await deliver(services, ALERTS, work, ({ loaded: { record, delivery: { kind } }, to }) => {
    const { snapshot, destination } = to;
    return sendAlert(services, { snapshot, kind, record }, destination);
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
  { delivery, record, subscription }: LoadedDelivery,
  outcome: DeliveryOutcome | Moot,
): void {
  if (outcome.type === "gone" && subscription !== null) {
    deleteSubscription(transaction, subscription);
  }
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
      event: next.event,
    },
  });
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
