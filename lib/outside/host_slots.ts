import type { Timer } from "../store/system.ts";
import { StrangerFetchFailed } from "./http_answer.ts";

/**
 * Who may ask which host now: so many at once, so many who wait, and in the order in which they came.
 * What one host does holds up nobody who asks another.
 */

export interface SlotLimits {
  /** Requests to one host at the same time. */
  readonly at_once: number;
  /** Most that wait for one host. */
  readonly waiting: number;
  /** Requests at the same time to all hosts together. */
  readonly in_all: number;
}

interface Host {
  running: number;
  /** Each is given the slot of one that ended. */
  readonly waiting: Set<() => void>;
}

/** The slots of each host. */
export class HostSlots {
  readonly #hosts = new Map<string, Host>();
  #running = 0;

  constructor(readonly limits: SlotLimits) {}

  /** How many requests run, and to how many hosts any run or wait. */
  get counts(): { readonly running: number; readonly hosts: number } {
    return { running: this.#running, hosts: this.#hosts.size };
  }

  /**
   * Takes a slot of a host as soon as there is one; gives what gives it back, to be called once or
   * more. Where as many run in all as may, nobody waits: no host's slot would wake them.
   * @param limit how long to wait at most; asked for where there is a wait, called off at its end
   * @throws {StrangerFetchFailed} busy, and what `signal` says when it is aborted
   */
  async take(host: string, limit: () => Timer, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const slots = this.#hosts.get(host) ?? { running: 0, waiting: new Set() };
    if (slots.running < this.limits.at_once) {
      if (this.#running >= this.limits.in_all) throw busy("all hosts together");
      this.#hosts.set(host, slots);
      slots.running++;
      this.#running++;
    } else {
      if (slots.waiting.size >= this.limits.waiting) throw busy(host);
      const timer = limit();
      try {
        await this.#turn(host, slots, timer, signal);
      } finally {
        timer.cancel();
      }
    }
    let isHeld = true;
    return () => {
      if (isHeld) this.#release(host, slots);
      isHeld = false;
    };
  }

  /** Resolves when a slot was handed on. */
  async #turn(host: string, slots: Host, limit: Timer, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever leaves is gone before any slot can be handed to them; one that was is theirs.
    const leave = (reason: unknown) => {
      if (slots.waiting.delete(resolve)) reject(reason);
    };
    const left = () => leave(signal?.reason);
    signal?.addEventListener("abort", left, { once: true });
    void limit.elapsed.then(() => leave(busy(host)));
    slots.waiting.add(resolve);
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", left);
    }
  }

  #release(host: string, slots: Host): void {
    const [next] = slots.waiting;
    if (next !== undefined) {
      slots.waiting.delete(next);
      return next();
    }
    this.#running--;
    if (--slots.running === 0) this.#hosts.delete(host);
  }
}

function busy(host: string): StrangerFetchFailed {
  const message = `Too many requests to ${host} are under way already.`;
  return new StrangerFetchFailed("busy", message);
}
