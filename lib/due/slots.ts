/** Lets so many things happen at the same time; the rest waits for its turn. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #running = new Set<Promise<void>>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs it when there is room; resolves when it is done. */
  run(thing: () => Promise<void>): Promise<void> {
    const running = this.#run(thing).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Resolves when nothing runs or waits any more, however it ended. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async #run(thing: () => Promise<void>): Promise<void> {
    if (this.#free === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    } else {
      this.#free--;
    }
    try {
      await thing();
    } finally {
      // The place goes straight to whoever waits longest.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
