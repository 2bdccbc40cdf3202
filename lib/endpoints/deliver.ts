import { type Claim, deliver, type Way } from "../events/deliver.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { readRecord } from "../store/kv.ts";
import { deliveryKey, eventKey, externalKey } from "../store/news_keys.ts";
import {
  endpointDelivery,
  type EndpointFields,
  externalRecord,
  type Hearing,
  type QueuedEndpointDelivery,
} from "../store/records/endpoint.ts";
import { type EventRecord, eventRecord } from "../store/records/event.ts";
import type { DueWork } from "../store/records/log.ts";
import { asking, failed, unanswered } from "./ask.ts";
import {
  begun,
  concluded,
  DELIVERY_KEPT_MS,
  type OtherOutcome,
  storeDelivery,
  type TryOutcome,
} from "./delivery.ts";
import { disable, healthAfter, owesWarning, tellOwners } from "./health.ts";
import { loadHearing } from "./hearing.ts";
import { toldEvent } from "./told.ts";
import type { Delivering, EndpointWay, Sending } from "./way.ts";

/**
 * How what is told reaches endpoints: one engine for webhooks and channels. What tells these apart is
 * what they are sent, and how their answers are read.
 */

/** A delivery that is queued, and what its next try depends on. */
interface LoadedDelivery<E> {
  readonly delivery: QueuedEndpointDelivery;
  /** Null when it was removed. */
  readonly endpoint: E | null;
  /** Null when it was forgotten. */
  readonly event: EventRecord | null;
  readonly hearing: readonly Hearing[];
}

/** What a try takes with it. */
interface Taken<E> {
  readonly endpoint: E;
  readonly event: EventRecord;
  readonly snapshot: Snapshot;
}

type Outcome = TryOutcome | OtherOutcome;

/** Does the due work of one kind of endpoints. */
export function endpointDeliverer<E extends EndpointFields>(
  endpoints: EndpointWay<E>,
): (services: Delivering, work: DueWork) => Promise<void> {
  const way = wayOf(endpoints);
  return (services, work) =>
    deliver(services, way, work, (claim) => send(services, endpoints, claim));
}

function wayOf<E extends EndpointFields>(
  endpoints: EndpointWay<E>,
): Way<LoadedDelivery<E>, Taken<E>, Outcome> {
  return {
    kind: `${endpoints.kind}_delivery`,
    async load(reader, name) {
      const org = reader.snapshot.orgId;
      const [id = "", event = ""] = name.split(" ");
      const delivery = (await reader.get(deliveryKey(org, id, event), endpointDelivery))?.value;
      if (delivery?.state !== "queued") return null;
      const [endpoint, happened, hearing] = await Promise.all([
        endpoints.load(reader, id),
        reader.peek(eventKey(org, event), eventRecord),
        loadHearing(reader),
      ]);
      return { delivery, endpoint, event: happened?.value ?? null, hearing };
    },
    aim({ delivery, endpoint, event }, { snapshot }) {
      if (endpoint === null || !snapshot.exists) return unsent("The endpoint was removed.");
      if (event === null) return unsent("What happened is not kept any more.");
      if (endpoint.status === "disabled" && !delivery.replay) {
        return unsent("The endpoint is disabled.");
      }
      return { to: { endpoint, event, snapshot } };
    },
    begin(transaction, { delivery }) {
      storeDelivery(transaction, begun(delivery, transaction.now));
    },
    conclude: (transaction, loaded, outcome) => conclude(transaction, endpoints, loaded, outcome),
    lost: { type: "lost" },
  };
}

function unsent(error: string): { readonly without: OtherOutcome } {
  return { without: { type: "unsent", error } };
}

/** Puts into the commit what came of a try: to the delivery, and to what is known of its endpoint. */
function conclude<E extends EndpointFields>(
  transaction: Transaction,
  endpoints: EndpointWay<E>,
  { delivery, endpoint, event, hearing }: LoadedDelivery<E>,
  outcome: Outcome,
): void {
  const { now, deps } = transaction;
  if (endpoint === null) {
    transaction.delete(deliveryKey(transaction.snapshot.orgId, delivery.target.id, delivery.event));
    return;
  }
  const chance = new DataView(deps.random(4).buffer).getUint32(0) / 2 ** 32;
  const next = concluded(delivery, outcome, { now, chance });
  storeDelivery(transaction, next);
  const external_id = "external_id" in outcome ? outcome.external_id : undefined;
  if (external_id !== undefined && event !== null && "approval" in event.happening) {
    const key = externalKey(transaction.snapshot.orgId, endpoint.id, event.happening.approval);
    transaction.set(key, { external_id }, { expireIn: DELIVERY_KEPT_MS });
  }
  if (delivery.replay || endpoint.status === "disabled") return;
  const health = healthAfter(endpoint, outcome, now);
  if (health === null) return;
  const known = { ...endpoint, ...health };
  if (health.disabled_why !== null) {
    disable(transaction, endpoints, { endpoint: known, hearing });
  } else if (owesWarning(known, { givenUp: next.state === "failed", now })) {
    endpoints.store(transaction, { ...known, warned_at: now });
    tellOwners(transaction, endpoint.id);
  } else {
    endpoints.store(transaction, known);
  }
}

/** One try. What went wrong is the outcome, unless it is that of nobody outside. */
async function send<E extends EndpointFields>(
  services: Delivering,
  endpoints: EndpointWay<E>,
  { loaded: { delivery }, to: { endpoint, event, snapshot } }: Claim<LoadedDelivery<E>, Taken<E>>,
): Promise<Outcome> {
  try {
    const told = await toldEvent(services, snapshot, event);
    if (told === null) return { type: "unsent", error: "What it tells of is no longer there." };
    const moot = endpoints.moot?.(told, endpoint) ?? null;
    if (moot !== null) return { type: "unsent", error: moot };
    const org = snapshot.orgId;
    const key = told.approval && externalKey(org, endpoint.id, told.approval.approval);
    const known = key && await readRecord(services.deps.kv, key, externalRecord);
    return await trySending(services, endpoints, {
      org,
      endpoint,
      told,
      is_again: delivery.tries > 0 || delivery.attempts.length > 0,
      external_id: known?.value.external_id ?? null,
    });
  } catch (error) {
    const { id, kind } = delivery.target;
    services.deps.log("error", "A delivery could not be written", {
      [kind]: id,
      event: event.id,
      error: String(error),
    });
    return failed("It could not be written; the log of the server says why.");
  }
}

/** Sends once. @throws what is wrong on our side */
export async function trySending<E extends EndpointFields>(
  services: Delivering,
  endpoints: Pick<EndpointWay<E>, "send">,
  sending: Sending<E>,
): Promise<TryOutcome> {
  try {
    return await endpoints.send(services, asking(services.deps.hosts), sending);
  } catch (error) {
    return unanswered(error);
  }
}
