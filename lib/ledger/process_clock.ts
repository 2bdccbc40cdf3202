import type { Deps } from "../deps.ts";
import { CLOCK_TOLERANCE_MS, type ClockJump } from "./clock.ts";

/**
 * Why the clock is not to be believed: the log is `ahead` of it, or it has `drifted` from the clock
 * that only counts on since this process last committed.
 */
export type ClockDoubt = "ahead" | "drifted";

/**
 * For operations that somebody needs who is to say which clock is right: to sign in and to show their
 * passkey, where the log itself gives no reason to doubt.
 */
export const DESPITE_DRIFT: readonly ClockDoubt[] = ["drifted"];

/** Nothing is committed while the clock may be wrong. */
export class ClockRefused extends Error {
  readonly code = "clock";

  constructor(readonly doubt: ClockDoubt) {
    super(
      doubt === "ahead"
        ? "The log's newest entry lies more than 5 minutes ahead of the clock."
        : "The clock was set by more than 5 minutes while this process ran.",
    );
  }
}

/** The clock of this process, and what is known of its having jumped. */
export class ProcessClock {
  #wall = 0;
  #monotonic = 0;
  /** The start lay far from when the store was last in use; null when it did not, or is accepted. */
  jumped: ClockJump | null = null;

  constructor(readonly deps: Pick<Deps, "now" | "monotonic">) {
    this.trust();
  }

  /** What the clock shows now counts as right: a commit stands that was made by it. */
  trust(): void {
    this.#wall = this.deps.now();
    this.#monotonic = this.deps.monotonic();
  }

  /** Somebody says that the clock is right. */
  accept(): void {
    this.trust();
    this.jumped = null;
  }

  /** What the clock would show if nobody had set it since it was last trusted, milliseconds. */
  get expected(): number {
    return this.#wall + this.deps.monotonic() - this.#monotonic;
  }

  get hasDrifted(): boolean {
    return Math.abs(this.deps.now() - this.expected) > CLOCK_TOLERANCE_MS;
  }
}
