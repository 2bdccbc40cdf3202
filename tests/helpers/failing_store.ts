import type { Kv } from "../../lib/store/kv.ts";
import type { Timer } from "../../lib/store/system.ts";

/** What may go wrong with one call of the store. */
export const FAULTS = [
  /** Throws, and nothing was done. */
  "fails",
  /** Takes its time. */
  "delays",
  /** Does it, then throws: the answer is lost. */
  "answer_lost",
  /** Does a commit again when it is done, and gives the answer to that: over KV Connect, a lost one. */
  "repeats",
  /** Never answers, and nothing was done. */
  "hangs",
  /** Does it, and never answers. */
  "hangs_after",
  /** Throws; a commit lands all the same, just before the next one is tried. */
  "lands_before_next",
  /** Throws; a commit is tried by the store after the next one has been done. */
  "lands_after_next",
] as const;
export type Fault = (typeof FAULTS)[number];

/** One call of the store: which of them all, and what kind. */
export interface StoreCall {
  readonly number: number;
  readonly kind: "read" | "commit";
}

/** A store over another one that goes wrong where a test says so. */
export class FailingStore implements Kv {
  /** How many calls there were so far. */
  calls = 0;
  /** Says of each call what goes wrong with it. */
  fault: (call: StoreCall) => Fault | null = () => null;
  /** Happens before each call, whatever goes wrong with it. */
  before: () => Promise<void> = () => Promise.resolve();
  #before: (() => Promise<unknown>)[] = [];
  #after: (() => Promise<unknown>)[] = [];
  readonly #waits = new Set<() => void>();
  readonly #passing = new Set<Promise<void>>();

  constructor(readonly inner: Kv) {}

  get: Kv["get"] = (key, options) => this.#call("read", () => this.inner.get(key, options));

  getMany: Kv["getMany"] = (keys, options) =>
    this.#call("read", () => this.inner.getMany(keys, options));

  list: Kv["list"] = (selector, options) => {
    const iterator = this.inner.list<never>(selector, options);
    const next = iterator.next.bind(iterator);
    let started = false;
    iterator.next = () => {
      if (started) return next();
      started = true;
      return this.#call("read", next);
    };
    return iterator;
  };

  atomic: Kv["atomic"] = () => {
    const operation = this.inner.atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = () => this.#call("commit", commit);
    return operation;
  };

  set: Kv["set"] = (key, value, options) =>
    this.#call("commit", () => this.inner.set(key, value, options));
  enqueue: Kv["enqueue"] = (value, options) => this.inner.enqueue(value, options);
  listenQueue: Kv["listenQueue"] = (handler) => this.inner.listenQueue(handler);
  close(): void {}

  /** Nothing goes wrong any more, and what is still to land has landed. */
  async heal(): Promise<void> {
    this.fault = () => null;
    await Promise.all(this.#passing);
    await this.#land();
  }

  /**
   * A timer by which long waits pass as soon as a call of the store hangs, and short ones at once.
   */
  readonly timer = (milliseconds: number): Timer => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (milliseconds < 1000) {
      setTimeout(resolve);
      return { elapsed: promise, cancel: () => {} };
    }
    this.#waits.add(resolve);
    return { elapsed: promise, cancel: () => void this.#waits.delete(resolve) };
  };

  async #call<T>(kind: StoreCall["kind"], act: () => Promise<T>): Promise<T> {
    await this.before();
    const fault = this.fault({ number: ++this.calls, kind });
    if (kind === "commit") {
      for (const land of this.#before.splice(0)) await land();
    }
    const done = await this.#faulty(kind, fault, act);
    if (kind === "commit") await this.#landAfter();
    return done;
  }

  async #faulty<T>(kind: StoreCall["kind"], fault: Fault | null, act: () => Promise<T>) {
    const down = new Error("The test's store is down.");
    switch (fault) {
      case null:
        return await act();
      case "delays":
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
        return await act();
      case "answer_lost":
        await act();
        throw down;
      case "repeats":
        await act();
        return await act();
      case "hangs_after":
        await act();
        return await this.#hang<T>();
      case "hangs":
        return await this.#hang<T>();
      case "lands_before_next":
        if (kind === "commit") this.#before.push(act);
        throw down;
      case "lands_after_next":
        if (kind === "commit") this.#after.push(act);
        throw down;
      case "fails":
        throw down;
    }
  }

  #hang<T>(): Promise<T> {
    const passing = this.#passTime().finally(() => this.#passing.delete(passing));
    this.#passing.add(passing);
    return new Promise<T>(() => {});
  }

  /** Lets the long waits pass, once whatever does not wait for the store has come to its end. */
  async #passTime(): Promise<void> {
    // Whoever waits for the store does so by several waits, one after the other.
    for (const turns of [20, ...Array<number>(10).fill(2)]) {
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve));
      if (this.#waits.size === 0) return;
      for (const resolve of [...this.#waits]) resolve();
    }
  }

  async #land(): Promise<void> {
    for (const land of this.#before.splice(0)) await land();
    await this.#landAfter();
  }

  async #landAfter(): Promise<void> {
    for (const land of this.#after.splice(0)) await land();
  }
}
