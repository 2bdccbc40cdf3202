import { LEASE_MS } from "../events/deliver.ts";
import type { AlertDelivery, QueuedDelivery } from "../store/records/alert.ts";

/** How long before each try after the one before, milliseconds; after the last one it has failed. */
export const BACKOFF_MS = [0, 30_000, 2 * 60_000, 10 * 60_000, 60 * 60_000] as const;

const MAX_WAIT_MS = 60 * 60_000;

/** What came of a try. */
export type DeliveryOutcome =
  | { readonly type: "sent" }
  /** What it went to takes nothing any more. */
  | { readonly type: "gone"; readonly why: string }
  | {
    readonly type: "failed";
    readonly error: string;
    /** Whether another try would fail as well. */
    readonly for_good: boolean;
    /** What the other side asked for, milliseconds. */
    readonly wait_ms: number;
  };

/** Nobody needs to hear it any more: there is no try. */
export interface Moot {
  readonly type: "moot";
  readonly why: string;
}

/** The delivery with a try begun: others keep off until it counts as lost. */
export function begun(delivery: QueuedDelivery, now: number): QueuedDelivery {
  return {
    ...delivery,
    attempts: delivery.attempts + 1,
    next_at: now + LEASE_MS,
    under_way: true,
  };
}

/** The delivery after a try ended so, at `now` (milliseconds). */
export function concluded(
  delivery: QueuedDelivery,
  outcome: DeliveryOutcome | Moot,
  now: number,
): AlertDelivery {
  const { next_at: _next_at, under_way: _under_way, state: _state, ...rest } = delivery;
  switch (outcome.type) {
    case "sent":
      return { ...rest, state: "sent", ended_at: now };
    case "moot":
    case "gone":
      return { ...rest, state: "skipped", last_error: outcome.why, ended_at: now };
    case "failed": {
      const { error: last_error, for_good, wait_ms } = outcome;
      const backoff = BACKOFF_MS[delivery.attempts];
      if (for_good || backoff === undefined) {
        return { ...rest, state: "failed", last_error, ended_at: now };
      }
      const wait = Math.min(MAX_WAIT_MS, Math.max(backoff, wait_ms));
      return { ...rest, state: "queued", last_error, next_at: now + wait, under_way: false };
    }
  }
}
