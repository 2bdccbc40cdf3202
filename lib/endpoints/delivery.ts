import { isId } from "../base/id.ts";
import { LEASE_MS, LOST } from "../events/deliver.ts";
import { schedule } from "../ledger/commit.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { deliveryKey } from "../store/news_keys.ts";
import type {
  Attempt,
  EndpointDelivery,
  EndpointKind,
  QueuedEndpointDelivery,
} from "../store/records/endpoint.ts";
import type { EventRecord } from "../store/records/event.ts";

/**
 * What is sent to an endpoint of one event, from when it is queued until it has arrived or was given
 * up. Pure, but for `storeDelivery`.
 */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long before each try after the one before, milliseconds; after the last one it has failed. */
export const SCHEDULE_MS = [
  ...[0, 5 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE],
  ...[2 * HOUR, 6 * HOUR, 18 * HOUR],
] as const;

/** The longest that an endpoint may ask to be left alone, milliseconds. */
export const MAX_WAIT_MS = HOUR;

/** How long it is before a host that had no room is asked again, milliseconds. */
const BUSY_MS = 15 * SECOND;

/** How many tries are kept of each delivery. */
export const KEPT_ATTEMPTS = 20;

/** How long deliveries can be looked at and sent again, milliseconds. */
export const DELIVERY_KEPT_MS = 30 * 24 * HOUR;

/** What came of a try. `external_id` is by what the other side knows what it made of the request. */
export type TryOutcome =
  /** Without a status where the other side knew it already, and was asked nothing. */
  | { readonly type: "sent"; readonly status: number | null; readonly external_id?: string }
  /** The endpoint says that it is no more: it is disabled. */
  | { readonly type: "gone"; readonly status: number | null; readonly error: string }
  | {
    readonly type: "failed";
    readonly status: number | null;
    /** One sentence, scrubbed. */
    readonly error: string;
    /** Whether another try would fail as well. */
    readonly for_good: boolean;
    /** What the other side asked for, milliseconds. */
    readonly wait_ms: number;
    readonly external_id?: string;
  }
  /** Nothing was sent, because too much is on its way to that host already: no try. */
  | { readonly type: "busy" };

/** What came of a delivery that says nothing of its endpoint. */
export type OtherOutcome =
  /** The process ended while it was sent. */
  | { readonly type: "lost" }
  /** There is nothing to send, or nowhere to send it. */
  | { readonly type: "unsent"; readonly error: string };

/** A delivery of an event to an endpoint, to be tried at once. */
export function newDelivery(
  target: { readonly kind: EndpointKind; readonly id: string },
  { id, happening: { type } }: EventRecord,
  { now, replay = false }: { readonly now: number; readonly replay?: boolean },
): QueuedEndpointDelivery {
  return {
    target: { kind: target.kind, id: target.id },
    event: id,
    type,
    replay,
    tries: 0,
    attempts: [],
    created_at: now,
    expires_at: now + DELIVERY_KEPT_MS,
    state: "queued",
    next_at: now,
    under_way: false,
  };
}

/** The delivery to be tried once more from the start, because somebody wants it. */
export function replayed(delivery: EndpointDelivery, now: number): QueuedEndpointDelivery {
  const { ended_at: _ended_at, ...rest } = { ended_at: null, ...delivery };
  return {
    ...rest,
    state: "queued",
    replay: true,
    tries: 0,
    expires_at: now + DELIVERY_KEPT_MS,
    next_at: now,
    under_way: false,
  };
}

/** The delivery with a try begun: others keep off until it counts as lost. */
export function begun(delivery: QueuedEndpointDelivery, now: number): QueuedEndpointDelivery {
  return {
    ...delivery,
    tries: delivery.tries + 1,
    next_at: now + LEASE_MS,
    under_way: true,
  };
}

/**
 * The delivery after a try ended so, or could not be made.
 * @param chance from 0 to 1, by which the next try comes up to a tenth sooner or later
 */
export function concluded(
  delivery: QueuedEndpointDelivery,
  outcome: TryOutcome | OtherOutcome,
  { now, chance }: { readonly now: number; readonly chance: number },
): EndpointDelivery {
  const { next_at: _next_at, under_way: _under_way, state: _state, ...rest } = delivery;
  const after = (wait: number) => Math.round(wait * (0.9 + chance * 0.2));
  const later = { ...rest, state: "queued", under_way: false } as const;
  if (outcome.type === "busy") {
    return { ...later, tries: delivery.tries - 1, next_at: now + after(BUSY_MS) };
  }
  const attempts = [...rest.attempts, attemptOf(outcome, now)].slice(-KEPT_ATTEMPTS);
  if (outcome.type === "sent") {
    return { ...rest, attempts, state: "sent", ended_at: now };
  }
  const wait = SCHEDULE_MS[delivery.tries];
  const isFinal = outcome.type === "failed" ? outcome.for_good : outcome.type !== "lost";
  if (isFinal || wait === undefined) return { ...rest, attempts, state: "failed", ended_at: now };
  const asked = outcome.type === "failed" ? Math.min(MAX_WAIT_MS, outcome.wait_ms) : 0;
  return { ...later, attempts, next_at: now + Math.max(asked, after(wait)) };
}

function attemptOf(
  outcome: Exclude<TryOutcome | OtherOutcome, { readonly type: "busy" }>,
  at: number,
): Attempt {
  switch (outcome.type) {
    case "sent":
      return { at, status: outcome.status, error: null };
    case "lost":
      return { at, status: null, error: LOST };
    case "unsent":
      return { at, status: null, error: outcome.error };
    default:
      return { at, status: outcome.status, error: outcome.error };
  }
}

/** The id of a delivery: an endpoint has one of each event, so it is that of the event by another name. */
export function deliveryId({ event }: Pick<EndpointDelivery, "event">): string {
  return `dlv_${event.slice("evt_".length)}`;
}

/** The event that a delivery of this id tells of; null for what is no such id. */
export function eventOfDelivery(id: string): string | null {
  return isId(id, "dlv") ? `evt_${id.slice("dlv_".length)}` : null;
}

/** Names a delivery in due work. */
export function deliveryName(
  { target, event }: Pick<EndpointDelivery, "target" | "event">,
): string {
  return `${target.id} ${event}`;
}

/** Puts a delivery into the commit, and its next try, of which it has one as long as it is queued. */
export function storeDelivery(transaction: Transaction, delivery: EndpointDelivery): void {
  const { snapshot, now } = transaction;
  const { target, event, expires_at } = delivery;
  transaction.set(deliveryKey(snapshot.orgId, target.id, event), delivery, {
    expireIn: Math.max(1, expires_at - now),
  });
  if (delivery.state !== "queued") return;
  const id = deliveryName(delivery);
  schedule(transaction, { kind: `${target.kind}_delivery`, at: delivery.next_at, id });
}
