import { writeEvent } from "../events/event.ts";
import { schedule } from "../ledger/commit.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { EndpointFields, Hearing } from "../store/records/endpoint.ts";
import type { OtherOutcome, TryOutcome } from "./delivery.ts";
import { hearingOf, putHearing } from "./hearing.ts";
import type { EndpointWay } from "./way.ts";

/** Whether an endpoint still takes what it is sent, and what happens when it does not. */

/** How long and how often nothing arrives before an endpoint is disabled; the time in milliseconds. */
export const FAILING_MS = 5 * 24 * 60 * 60 * 1000;
export const FAILING_TRIES = 8;

/**
 * After so long without a success owners are told, and at once where something was given up: a key that
 * is void fails each alert by itself. Not again within a day. Milliseconds.
 */
const WARNED_AFTER_MS = 60 * 60 * 1000;
const WARNED_AGAIN_MS = 24 * 60 * 60 * 1000;

/**
 * Whether owners are to be told that an endpoint takes nothing.
 * @param givenUp whether what was sent will not arrive any more
 */
export function owesWarning(
  { failing_since, warned_at = -Infinity }: Pick<EndpointFields, "failing_since" | "warned_at">,
  { givenUp, now }: { readonly givenUp: boolean; readonly now: number },
): boolean {
  if (failing_since === null || now - warned_at < WARNED_AGAIN_MS) return false;
  return givenUp || now - failing_since >= WARNED_AFTER_MS;
}

/** That something arrived is noted once in so long, milliseconds. */
const NOTED_MS = 60_000;

export type Health = Pick<
  EndpointFields,
  "status" | "disabled_why" | "last_success_at" | "failing_since" | "failures"
>;

/** Of an endpoint that is new, or that somebody has switched on again. */
export const HEALTHY = {
  status: "active",
  disabled_why: null,
  failing_since: null,
  failures: 0,
} as const satisfies Partial<Health>;

/** How an active endpoint is after a try ended so; null when there is nothing new to say. */
export function healthAfter(
  { last_success_at, failing_since, failures }: EndpointFields,
  outcome: TryOutcome | OtherOutcome,
  now: number,
): Health | null {
  switch (outcome.type) {
    case "sent":
      if (failures === 0 && now - (last_success_at ?? 0) < NOTED_MS) return null;
      return { ...HEALTHY, last_success_at: now };
    case "gone":
    case "failed": {
      const failing = {
        last_success_at,
        failing_since: failing_since ?? now,
        failures: failures + 1,
      };
      const isDead = now - failing.failing_since >= FAILING_MS && failing.failures >= FAILING_TRIES;
      if (outcome.type === "gone") return { ...failing, status: "disabled", disabled_why: "gone" };
      if (isDead) return { ...failing, status: "disabled", disabled_why: "failing" };
      return { ...failing, status: "active", disabled_why: null };
    }
    default:
      return null;
  }
}

/**
 * Puts into the commit that nothing is sent to an endpoint any more: an entry, an event, and a mail to
 * each owner. What it misses from now on can be sent to it once it is active again.
 */
export function disable<E extends EndpointFields>(
  transaction: Transaction,
  { kind, store, scopeOf }: Pick<EndpointWay<E>, "kind" | "store" | "scopeOf">,
  { endpoint, hearing }: { readonly endpoint: E; readonly hearing: readonly Hearing[] },
): void {
  const { id, disabled_why: why } = endpoint;
  if (why === null) throw new Error(`The endpoint ${id} is disabled without a reason.`);
  store(transaction, endpoint);
  putHearing(transaction, hearing, hearingOf(kind, endpoint, scopeOf(endpoint)));
  transaction.append({
    type: `${kind}.disabled`,
    actor: { type: "system", id: "endpoints" },
    subject: { [kind]: id },
    data: { why },
  });
  if (kind === "webhook") writeEvent(transaction, { type: "webhook.disabled", webhook: id, why });
  tellOwners(transaction, id);
}

/** Puts into the commit a mail to each owner about how an endpoint is. */
export function tellOwners(transaction: Transaction, id: string): void {
  for (const owner of transaction.snapshot.members.values()) {
    if (owner.role !== "owner" || owner.account === null) continue;
    schedule(transaction, {
      kind: "endpoint_letter",
      at: transaction.now,
      id: `${id} ${owner.id}`,
    });
  }
}
