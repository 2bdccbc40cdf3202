import { schedule } from "../ledger/due.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { alertDeliveryKey } from "../store/keys.ts";
import type { AlertDelivery } from "../store/records/alert.ts";

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
