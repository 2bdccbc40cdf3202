import type { Mailer } from "./mail/mailer.ts";
import type { StrangerFetch } from "./net/stranger_fetch.ts";
import type { PushFetch } from "./push/push_fetch.ts";
import type { StoreDeps } from "./store/kv.ts";

/** A wait that can be called off. */
export interface Timer {
  readonly elapsed: Promise<void>;
  cancel(): void;
}

/** One line of the deployment's log: never a secret, never personal data. */
export type LogLine = (
  level: "info" | "warn" | "error",
  message: string,
  fields?: Readonly<Record<string, string | number | boolean | null>>,
) => void;

/**
 * What comes from outside: the store, time and chance. A test puts its own in their place, runs a
 * week of approvals in a millisecond, fails any commit, and replays a seed.
 */
export interface Deps extends StoreDeps {
  /** Whether the store delivers queue messages; KV Connect and Deno Deploy do not. */
  readonly queues: boolean;
  /** Milliseconds since some moment: counts on whatever the clock is set to. */
  readonly monotonic: () => number;
  readonly log: LogLine;
  readonly mail: Mailer;
  readonly push: PushFetch;
  /** Asks hosts that clients name. */
  readonly strangers: StrangerFetch;
}

/** A timer of the system's clock. */
export function systemTimer(milliseconds: number): Timer {
  const { promise, resolve } = Promise.withResolvers<void>();
  const id = setTimeout(resolve, milliseconds);
  return { elapsed: promise, cancel: () => clearTimeout(id) };
}

/** Milliseconds since the process began, whatever the clock is set to meanwhile. */
export function systemMonotonic(): number {
  return performance.now();
}

const POOL_BYTES = 4096;

let pool = new Uint8Array(0);

let poolUsed = 0;

/** Random bytes of the system; small numbers of them are taken from a block drawn at once. */
export function systemRandom(bytes: number): Uint8Array {
  if (bytes > 64) return crypto.getRandomValues(new Uint8Array(bytes));
  if (poolUsed + bytes > pool.length) {
    pool = crypto.getRandomValues(new Uint8Array(POOL_BYTES));
    poolUsed = 0;
  }
  poolUsed += bytes;
  // A copy: what is handed out must not keep its neighbours' bytes within reach.
  return pool.slice(poolUsed - bytes, poolUsed);
}
