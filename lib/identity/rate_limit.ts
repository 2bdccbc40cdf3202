import { Refusal } from "../refusal.ts";
import type { Caller } from "./caller.ts";

const WINDOW_MS = 60_000;

/** What is left of a caller's minute. */
export interface RateState {
  readonly limit: number;
  readonly remaining: number;
  readonly reset_seconds: number;
}

/**
 * Counts requests per credential and minute, in this process: with n nodes a caller may get up to
 * n times as much, which protects each node as well.
 */
export class RateLimits {
  readonly #windows = new Map<string, { start: number; count: number }>();

  /**
   * Counts requests: one, or as many as a call holds besides the one it was counted for already.
   * @param count what does not fit whole is refused whole, and not counted
   * @throws {Refusal} rate_limited
   */
  take(
    caller: Pick<Caller, "id" | "rate_limit_per_minute">,
    now: number,
    count = 1,
  ): RateState | null {
    const limit = caller.rate_limit_per_minute;
    if (limit === null) return null;
    let window = this.#windows.get(caller.id);
    if (window === undefined || now - window.start >= WINDOW_MS || now < window.start) {
      this.#windows.set(caller.id, window = { start: now, count: 0 });
    }
    const reset_seconds = Math.ceil((window.start + WINDOW_MS - now) / 1000);
    const left = limit - window.count;
    if (count > left) {
      throw new Refusal("rate_limited", { limit, left, retry_after_seconds: reset_seconds });
    }
    window.count += count;
    return { limit, remaining: limit - window.count, reset_seconds };
  }
}
