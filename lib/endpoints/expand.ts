import type { Listener } from "../events/expand.ts";
import type { Reader } from "../ledger/transaction.ts";
import { approvalKey } from "../store/keys.ts";
import { type ApprovalLevel, approvalRecord } from "../store/records/approval.ts";
import { endpointDelivery, type Hearing } from "../store/records/endpoint.ts";
import type { EventRecord } from "../store/records/event.ts";
import { readRecords } from "../store/kv.ts";
import { deliveryKey } from "../store/news_keys.ts";
import { newDelivery, storeDelivery } from "./delivery.ts";
import { loadHearing } from "./hearing.ts";

/** Endpoints hear of events by requests of ours: one delivery each, however often it is told. */
export const endpointListener: Listener = {
  name: "endpoints",
  hears: (snapshot, type) => snapshot.exists && snapshot.isHeardOutside(type),
  async load(reader, event) {
    const hearing = await loadHearing(reader);
    const hears = hearing.filter(({ active, events }) =>
      active && events.includes(event.happening.type)
    );
    if (hears.length === 0) return null;
    const level = hears.some(({ scope }) => scope !== "team") ? await levelOf(reader, event) : null;
    const told = hears.filter(({ scope }) => isWithin(scope, level));
    const keys = told.map(({ id }) => deliveryKey(reader.snapshot.orgId, id, event.id));
    const known = await Array.fromAsync(readRecords(reader.kv, keys, endpointDelivery));
    return (transaction) => {
      told.forEach((target, i) => {
        // Whoever recovers what they missed may have been there first.
        if (known[i]) return;
        storeDelivery(transaction, newDelivery(target, event, { now: transaction.now }));
      });
      return null;
    };
  },
};

/** Whether an endpoint of a scope hears of what stands at a level; null for what has none. */
export function isWithin(scope: Hearing["scope"], level: ApprovalLevel | null): boolean {
  return scope === "team" || level === null || scope === `level_${level}`;
}

/** The level at which a request stood when this happened to it; null for what is no request. */
export async function levelOf(
  reader: Reader,
  { happening }: EventRecord,
): Promise<ApprovalLevel | null> {
  if (!("approval" in happening)) return null;
  if (happening.type === "approval.created") return 1;
  if (happening.type === "approval.escalated") return 2;
  const key = approvalKey(reader.snapshot.orgId, happening.approval);
  const found = await reader.peek(key, approvalRecord);
  return found?.value.progress.level || null;
}
