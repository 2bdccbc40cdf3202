import { ALERT_OF } from "../events/event.ts";
import type { Listener, Telling } from "../events/expand.ts";
import type { Hearer } from "../identity/deciders.ts";
import { schedule } from "../ledger/commit.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { approvalKey, dueKey } from "../store/keys.ts";
import { alertPreferenceKey } from "../store/news_keys.ts";
import {
  type AlertKind,
  type AlertPreference,
  alertPreference,
  type PushSubscriptionRecord,
  type QueuedDelivery,
} from "../store/records/alert.ts";
import { approvalRecord } from "../store/records/approval.ts";
import { type DueKind, type DueWork, dueWork } from "../store/records/log.ts";
import { DELIVERY_KEPT_MS, storeDelivery } from "./deliver.ts";
import { hearers, stillNews } from "./hearers.ts";
import { DEFAULT_PREFERENCE } from "./preferences.ts";
import { listSubscriptions } from "./subscriptions.ts";

/**
 * How many members one commit tells: each may have a mail and ten browsers, each of these a record,
 * a row of due work and a message, and a commit takes 900 writes.
 */
const PAGE = 20;

/** A member, and how they want to be told. */
interface Told {
  readonly member: Hearer;
  readonly preference: AlertPreference;
  readonly subscriptions: readonly PushSubscriptionRecord[];
}

/** Members hear of events by mail and push. */
export const alertListener: Listener = {
  name: "alerts",
  hears: (snapshot, type) => snapshot.hasHearers && ALERT_OF[type] !== null,
  load(reader, { id, happening }, from) {
    const kind = ALERT_OF[happening.type];
    if (kind === null || !("approval" in happening)) return Promise.resolve(null);
    return telling(reader, { kind, approval: happening.approval, event: id }, from);
  },
};

/** What is told: that a request stands where the alert says. */
type Alert = Pick<QueuedDelivery, "kind" | "approval" | "event">;

/** The alerts that due work names: that an end comes near, and what is left from before events. */
const KIND_OF: Partial<Readonly<Record<DueKind, AlertKind>>> = {
  alert_nearing_expiry: "nearing_expiry",
  alert_new_request: "new_request",
  alert_second_level: "second_level",
  alert_decided: "decided",
};

/**
 * Turns an alert that no event is the cause of into its deliveries, and removes its due work in the
 * same commit: done twice, each is there once.
 */
export async function expandAlert(
  { ledgers }: Pick<Services, "ledgers">,
  work: DueWork,
): Promise<void> {
  const kind = KIND_OF[work.kind];
  if (kind === undefined) throw new Error(`Due work ${work.kind} is no alert.`);
  const [approval = "", from = ""] = work.id.split(" ");
  const due = dueKey(work.at, work.kind, work.org, work.id);
  await ledgers.transact(work.org, {
    async load(reader) {
      // Two nodes may take it up at once: the commit proves that the row was still there.
      if (await reader.get(due, dueWork) === null) return "done";
      return await telling(reader, { kind, approval, event: null }, from);
    },
    plan(transaction, tell) {
      if (tell === "done") return;
      transaction.delete(due);
      const next = tell?.(transaction) ?? null;
      if (next === null) return;
      schedule(transaction, { kind: work.kind, at: transaction.now, id: `${approval} ${next}` });
    },
  });
}

/** Tells an alert to members from one on; null when there is nothing to tell any more. */
async function telling(reader: Reader, alert: Alert, from: string): Promise<Telling | null> {
  const { snapshot, now } = reader;
  const found = await reader.get(approvalKey(snapshot.orgId, alert.approval), approvalRecord);
  if (found === null || !stillNews(alert.kind, found.value, now)) return null;
  const left = hearers(alert.kind, found.value, snapshot, now).filter(({ id }) => id >= from);
  const told = await Promise.all(
    left.slice(0, PAGE).map(async (member) => {
      // Neither is checked: whoever changes their mind at this moment may hear of it once more.
      const key = alertPreferenceKey(snapshot.orgId, member.id);
      const [preference, subscriptions] = await Promise.all([
        reader.peek(key, alertPreference),
        listSubscriptions(reader.kv, member.account),
      ]);
      return { member, preference: preference?.value ?? DEFAULT_PREFERENCE, subscriptions };
    }),
  );
  return (transaction) => {
    const { mail } = transaction.deps;
    for (const delivery of told.flatMap((one) => deliveriesTo(transaction, alert, one))) {
      if (delivery.channel === "push" || mail.configured) storeDelivery(transaction, delivery);
    }
    return left[PAGE]?.id ?? null;
  };
}

function deliveriesTo(
  transaction: Transaction,
  { kind, approval, event }: Alert,
  { member, preference, subscriptions }: Told,
): QueuedDelivery[] {
  const { now } = transaction;
  const delivery = (way: Pick<QueuedDelivery, "channel" | "subscription">): QueuedDelivery => ({
    id: transaction.id("dlv"),
    kind,
    event,
    approval,
    member: member.id,
    ...way,
    attempts: 0,
    last_error: null,
    created_at: now,
    expires_at: now + DELIVERY_KEPT_MS,
    state: "queued",
    next_at: now,
    under_way: false,
  });
  return [
    ...(preference.mail[kind] ? [delivery({ channel: "mail", subscription: null })] : []),
    ...(preference.push[kind]
      ? subscriptions.map(({ id }) => delivery({ channel: "push", subscription: id }))
      : []),
  ];
}
