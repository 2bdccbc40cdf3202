import type { LogLine, Timer } from "../deps.ts";
import { type Kv, type StoreDeps, StoreUnavailable } from "./kv.ts";
import { StoreHealth } from "./store_health.ts";

/** How exactly waits are measured: all calls under way share one timer. */
const TICK_MS = 1200;

/** How many ticks one answer may take before it counts as lost: 2.4 to 3.6 seconds. */
const ANSWER_TICKS = 3;

/** The same for a piece of a listing, which may be some megabytes: 8.4 to 9.6 seconds. */
const LISTING_TICKS = 8;

interface Waiting {
  readonly refuse: (error: StoreUnavailable) => void;
  ticks: number;
}

/**
 * The store, but that silence counts as an outage after some seconds: whoever asks gets
 * `StoreUnavailable`, whatever becomes of the call. A commit may stand all the same. What calls come
 * to is the health of the store.
 */
export class PatientStore implements Kv {
  readonly #waiting = new Set<Waiting>();
  readonly health: StoreHealth;
  #timer: Timer | null = null;

  constructor(
    readonly inner: Kv,
    readonly deps: Pick<StoreDeps, "timer"> & { readonly log: LogLine },
  ) {
    this.health = new StoreHealth(deps);
  }

  get: Kv["get"] = (key, options) => this.#within(ANSWER_TICKS, this.inner.get(key, options));

  getMany: Kv["getMany"] = (keys, options) =>
    this.#within(ANSWER_TICKS, this.inner.getMany(keys, options));

  list: Kv["list"] = (selector, options) => {
    const iterator = this.inner.list<never>(selector, options);
    const next = iterator.next.bind(iterator);
    iterator.next = () => this.#within(LISTING_TICKS, next());
    return iterator;
  };

  atomic: Kv["atomic"] = () => {
    const operation = this.inner.atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      const result = await this.#writes(commit());
      this.health.committed();
      return result;
    };
    return operation;
  };

  set: Kv["set"] = (key, value, options) => this.#writes(this.inner.set(key, value, options));

  enqueue: Kv["enqueue"] = (value, options) => this.#writes(this.inner.enqueue(value, options));

  /** Listens for as long as the store is open. */
  listenQueue: Kv["listenQueue"] = (handler) => this.inner.listenQueue(handler);

  close(): void {
    this.inner.close();
  }

  async #writes<T>(answer: Promise<T>): Promise<T> {
    try {
      return await this.#within(ANSWER_TICKS, answer);
    } catch (error) {
      this.health.failed(error);
      throw error;
    }
  }

  #within<T>(ticks: number, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { refuse: reject, ticks };
      this.#waiting.add(waiting);
      if (this.#timer === null) this.#wait();
      const done = () => {
        this.#waiting.delete(waiting);
        if (this.#waiting.size === 0) this.#rest();
      };
      answer.then(
        (value) => {
          done();
          resolve(value);
        },
        (error) => {
          done();
          this.health.heard(error);
          reject(error);
        },
      );
    });
  }

  #wait(): void {
    const timer = this.deps.timer(TICK_MS);
    this.#timer = timer;
    void timer.elapsed.then(() => {
      if (this.#timer === timer) this.#tick();
    });
  }

  #tick(): void {
    for (const waiting of this.#waiting) {
      if (--waiting.ticks > 0) continue;
      this.#waiting.delete(waiting);
      waiting.refuse(new StoreUnavailable("no answer for seconds"));
    }
    if (this.#waiting.size > 0) this.#wait();
    else this.#rest();
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
