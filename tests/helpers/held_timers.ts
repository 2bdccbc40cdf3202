import { systemTimer, type Timer } from "../../lib/store/system.ts";

/** What every held call of these tests asks for, milliseconds. */
export const WAIT_MS = 30_000;

/** Timers that tell how many calls are held, and when one of them looks. */
export class HeldTimers {
  #active = 0;
  #watchers: { count: number; resolve: () => void }[] = [];
  #looking: (() => void)[] = [];

  /** How long a wait of 30 seconds, and the second between two looks, take here; milliseconds. */
  constructor(readonly wait = WAIT_MS, readonly look = 1000) {}

  readonly timer = (milliseconds: number): Timer => {
    if (milliseconds === WAIT_MS) {
      const timer = systemTimer(this.wait);
      this.#count(1);
      return {
        elapsed: timer.elapsed,
        cancel: () => {
          timer.cancel();
          this.#count(-1);
        },
      };
    }
    if (milliseconds !== 1000) return systemTimer(milliseconds);
    this.#looking.splice(0).forEach((resolve) => resolve());
    return systemTimer(this.look);
  };

  /** Resolves when a call begins to be held, or looks again. */
  looking(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#looking.push(resolve);
    return promise;
  }

  /** Resolves when so many calls are held. */
  holding(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#watchers.push({ count, resolve });
    this.#count(0);
    return promise;
  }

  #count(change: number): void {
    this.#active += change;
    this.#watchers = this.#watchers.filter(({ count, resolve }) => {
      if (count !== this.#active) return true;
      resolve();
      return false;
    });
  }
}
