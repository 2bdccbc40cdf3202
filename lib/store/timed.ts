import type { Deps } from "../deps.ts";
import { StoreUnavailable } from "./kv.ts";

/** How long one answer of the store may take before it counts as lost, milliseconds. */
export const STORE_TIMEOUT_MS = 10_000;

/**
 * An answer of the store, or the end of patience: a store that is silent must not hold whoever asks.
 * @throws {StoreUnavailable} after `limit` milliseconds
 */
export async function timed<T>(
  deps: Pick<Deps, "timer">,
  answer: Promise<T>,
  limit = STORE_TIMEOUT_MS,
): Promise<T> {
  const timer = deps.timer(limit);
  try {
    return await Promise.race([
      answer,
      timer.elapsed.then(() => {
        throw new StoreUnavailable(`no answer within ${limit} ms`);
      }),
    ]);
  } finally {
    timer.cancel();
  }
}
