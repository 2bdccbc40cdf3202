import type { Deps, Timer } from "../deps.ts";

/** How long an operation may wait for its answer, milliseconds. */
export const PATIENCE_MS = 4250;

/** How much later than that it may hear that there is none. */
const GRANULARITY_MS = 250;

/** What somebody waits for. */
export interface Awaited {
  /** By the clock that only counts on, milliseconds. */
  readonly since: number;
}

/**
 * One timer for everybody who waits for the commits of an org: a store that is away, or a policy that
 * takes long to load, is told to them while the commit goes on behind.
 */
export class Patience {
  #timer: Timer | null = null;

  constructor(
    readonly deps: Pick<Deps, "timer" | "monotonic">,
    /** Tells those who have waited since before a moment; gives when the next one came, if there is one. */
    readonly tell: (before: number) => number | null,
  ) {}

  /** Begins to watch, somebody having come at `since`; does nothing while it does. */
  watch(since: number): void {
    if (this.#timer !== null) return;
    const left = since + PATIENCE_MS - this.deps.monotonic();
    const timer = this.deps.timer(Math.max(GRANULARITY_MS, left));
    this.#timer = timer;
    void timer.elapsed.then(() => {
      if (this.#timer !== timer) return;
      this.#timer = null;
      const next = this.tell(this.deps.monotonic() - PATIENCE_MS);
      if (next !== null) this.watch(next);
    });
  }

  /** Nobody waits any more. */
  rest(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
