import { firstId } from "../base/id.ts";
import type { Span } from "../catalog/record_change.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { demand } from "../identity/deeds.ts";
import type { Reader } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { type Kv, listRecords, readRecords } from "../store/kv.ts";
import { deliveryKey, deliveryPrefix, eventKey, eventPrefix } from "../store/news_keys.ts";
import {
  type EndpointDelivery,
  endpointDelivery,
  type EndpointFields,
  type QueuedEndpointDelivery,
} from "../store/records/endpoint.ts";
import { type EventRecord, eventRecord } from "../store/records/event.ts";
import { eventOfDelivery, newDelivery, replayed, storeDelivery } from "./delivery.ts";
import { isWithin, levelOf } from "./expand.ts";
import type { EndpointWay } from "./way.ts";

/**
 * What was sent to an endpoint, and sending it again. What is sent again says nothing of how the
 * endpoint is: it is neither a success nor a failure of it, is made with the secrets of now, and goes
 * to one that is disabled, too.
 */

/** Deliveries of an endpoint, the newest first. */
export async function listDeliveries(
  kv: Kv,
  org: string,
  endpoint: string,
  { after, limit }: Span,
): Promise<EndpointDelivery[]> {
  const prefix = deliveryPrefix(org, endpoint);
  const before = after === null ? null : eventOfDelivery(after);
  const selector = before === null
    ? { prefix: [...prefix] }
    : { prefix: [...prefix], end: [...deliveryKey(org, endpoint, before)] };
  const options = { reverse: true, limit };
  const rows = listRecords(kv, selector, endpointDelivery, options);
  return await Array.fromAsync(rows, ({ value }) => value);
}

/** What of a kind of endpoints sending again takes. */
type Way<E extends EndpointFields> = Pick<EndpointWay<E>, "kind" | "load" | "scopeOf">;

/**
 * Queues a delivery once more, sent or failed. One that is queued stays as it is.
 * @throws {Refusal} not_found, role_required
 */
export function replayDelivery<E extends EndpointFields>(
  { kind, load }: Way<E>,
  endpoint: string,
  id: string,
): CallerOperation<
  { readonly record: E | null; readonly delivery: EndpointDelivery | null },
  QueuedEndpointDelivery
> {
  return {
    async load(reader) {
      const event = eventOfDelivery(id);
      const key = deliveryKey(reader.snapshot.orgId, endpoint, event ?? "");
      const [record, delivery] = await Promise.all([
        load(reader, endpoint),
        event === null ? null : reader.get(key, endpointDelivery),
      ]);
      return { record, delivery: delivery?.value ?? null };
    },
    plan(transaction, caller, { record, delivery }) {
      demand(caller, "configure");
      if (record === null) throw new Refusal("not_found", { what: `${kind} ${endpoint}` });
      if (delivery === null) throw new Refusal("not_found", { what: `delivery ${id}` });
      if (delivery.state === "queued") return delivery;
      const again = replayed(delivery, transaction.now);
      storeDelivery(transaction, again);
      return again;
    },
  };
}

/** How many events one recovery looks at, and how many deliveries it queues. */
const EVENTS_SEEN = 2000;
const MOST_RECOVERED = 200;

/** What was missed: what to send, and where a further recovery goes on. */
interface Missed<E> {
  /** Null when there is no such endpoint. */
  readonly record: E | null;
  readonly missed: readonly {
    readonly event: EventRecord;
    /** One that failed; null where there is none. */
    readonly failed: EndpointDelivery | null;
  }[];
  /** When what was not looked at yet happened, milliseconds; null for nothing left. */
  readonly more_since: number | null;
}

/** What a recovery queued, and where the next one goes on; null where there is no more. */
export interface Recovered {
  readonly queued: number;
  readonly more_since: number | null;
}

/**
 * Queues what an endpoint missed since a time (milliseconds), of all that is still kept: what failed,
 * and what was never sent because it was disabled or did not hear of that then.
 * @throws {Refusal} not_found, role_required
 */
export function recoverEndpoint<E extends EndpointFields>(
  way: Way<E>,
  id: string,
  since: number,
): CallerOperation<Missed<E>, Recovered> {
  const { kind } = way;
  return {
    load: (reader) => loadMissed(reader, way, id, since),
    plan(transaction, caller, { record, missed, more_since }) {
      demand(caller, "configure");
      if (record === null) throw new Refusal("not_found", { what: `${kind} ${id}` });
      const { now } = transaction;
      for (const { event, failed } of missed) {
        const target = { kind, id };
        storeDelivery(
          transaction,
          failed === null
            ? newDelivery(target, event, { now, replay: true })
            : replayed(failed, now),
        );
      }
      return { queued: missed.length, more_since };
    },
  };
}

async function loadMissed<E extends EndpointFields>(
  reader: Reader,
  { load, scopeOf }: Way<E>,
  id: string,
  since: number,
): Promise<Missed<E>> {
  const { kv, snapshot: { orgId } } = reader;
  const record = await load(reader, id);
  if (record === null) return { record, missed: [], more_since: null };
  const start = eventKey(orgId, firstId("evt", since));
  const selector = { prefix: [...eventPrefix(orgId)], start: [...start] };
  const rows = listRecords(kv, selector, eventRecord, { limit: EVENTS_SEEN + 1 });
  const events = await Array.fromAsync(rows, ({ value }) => value);
  const seen = events.slice(0, EVENTS_SEEN);
  const scope = scopeOf(record);
  const heard: EventRecord[] = [];
  for (const event of seen) {
    if (!record.events.some((type) => type === event.happening.type)) continue;
    const level = scope === "team" ? null : await levelOf(reader, event);
    if (isWithin(scope, level)) heard.push(event);
  }
  const keys = heard.map((event) => deliveryKey(orgId, id, event.id));
  const known = await Array.fromAsync(readRecords(kv, keys, endpointDelivery));
  const all = heard.flatMap((event, i) => {
    const delivery = known[i] ?? null;
    return delivery === null || delivery.state === "failed" ? [{ event, failed: delivery }] : [];
  });
  const next = all[MOST_RECOVERED]?.event ?? events[EVENTS_SEEN];
  return {
    record,
    missed: all.slice(0, MOST_RECOVERED),
    more_since: next?.created_at ?? null,
  };
}
