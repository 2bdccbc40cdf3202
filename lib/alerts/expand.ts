import { ALERT_WORK } from "../approvals/advance.ts";
import type { Hearer } from "../identity/deciders.ts";
import { schedule } from "../ledger/due.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { alertPreferenceKey, approvalKey, dueKey } from "../store/keys.ts";
import {
  type AlertKind,
  type AlertPreference,
  alertPreference,
  type PushSubscriptionRecord,
  type QueuedDelivery,
} from "../store/records/alert.ts";
import { approvalRecord } from "../store/records/approval.ts";
import { type DueWork, dueWork } from "../store/records/log.ts";
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

interface LoadedAlert {
  readonly told: readonly Told[];
  /** Where the next commit goes on; null when there is nobody left. */
  readonly next: string | null;
}

/**
 * Turns one alert into its deliveries, one for each member and channel, and removes its due work in
 * the same commit: done twice, each is there once.
 */
export async function expandAlert(
  { deps, ledgers }: Pick<Services, "deps" | "ledgers">,
  work: DueWork,
): Promise<void> {
  const kind = kindOf(work);
  const [approval = "", from = ""] = work.id.split(" ");
  const due = dueKey(work.at, work.kind, work.org, work.id);
  await ledgers.transact(work.org, {
    async load(reader) {
      // Two nodes may take it up at once: the commit proves that the row was still there.
      if (await reader.get(due, dueWork) === null) return "done";
      return await loadAlert(reader, kind, { approval, from });
    },
    plan(transaction, loaded) {
      if (loaded === "done") return;
      transaction.delete(due);
      if (loaded === null) return;
      for (const told of loaded.told) {
        for (const delivery of deliveriesTo(transaction, kind, approval, told)) {
          if (delivery.channel === "push" || deps.mail.configured) {
            storeDelivery(transaction, delivery);
          }
        }
      }
      if (loaded.next !== null) {
        const id = `${approval} ${loaded.next}`;
        schedule(transaction, { kind: ALERT_WORK[kind], at: transaction.now, id });
      }
    },
  });
}

function kindOf({ kind }: DueWork): AlertKind {
  const found = Object.entries(ALERT_WORK).find(([, work]) => work === kind);
  if (found === undefined) throw new Error(`Due work ${kind} is no alert.`);
  return found[0] as AlertKind;
}

/** Who is told and how; null when there is nothing to tell any more. */
async function loadAlert(
  reader: Reader,
  kind: AlertKind,
  { approval, from }: { readonly approval: string; readonly from: string },
): Promise<LoadedAlert | null> {
  const { snapshot, now } = reader;
  const found = await reader.get(approvalKey(snapshot.orgId, approval), approvalRecord);
  if (found === null || !stillNews(kind, found.value, now)) return null;
  const left = hearers(kind, found.value, snapshot, now).filter(({ id }) => id >= from);
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
  return { told, next: left[PAGE]?.id ?? null };
}

function deliveriesTo(
  transaction: Transaction,
  kind: AlertKind,
  approval: string,
  { member, preference, subscriptions }: Told,
): QueuedDelivery[] {
  const { now } = transaction;
  const delivery = (way: Pick<QueuedDelivery, "channel" | "subscription">): QueuedDelivery => ({
    id: transaction.id("dlv"),
    kind,
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
