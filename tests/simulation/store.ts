import type { Kv } from "../../lib/store/kv.ts";
import type { Chance } from "./chance.ts";
import type { FaultName } from "./faults.ts";
import { boundsOf, type Commit, copyOf, encodeKey, Rows } from "./rows.ts";
import { type Owner, type Schedule, WORLD } from "./schedule.ts";

/**
 * The store that all nodes of a simulation share, and each node's own way to it, on which things go
 * wrong. What a call is to do happens between two turns of the schedule: at its own moment, and whole.
 */

/** How long a call takes to arrive, and its answer to come back, milliseconds. */
const FEWEST_MS = 0.2;
const MOST_MS = 4;

/** How long a slow one takes. */
const SLOW_MS = 9000;

/** How late a row may be swept after its time. */
const SWEEP_MS = 10 * 60 * 1000;

/** What hears of commits as they are done. */
type Watcher = (commit: Commit) => void;

/** Rows, queue and expiry: what is left when every node has died. */
export class SimulatedStore {
  readonly rows = new Rows();
  /** No commit is taken while it is. */
  isFull = false;
  /** How many commits were done. */
  commits = 0;
  watcher: Watcher = () => {};
  readonly #listeners: { owner: Owner; handler: (message: unknown) => unknown }[] = [];
  readonly #chance: Chance;

  constructor(
    readonly schedule: Schedule,
    chance: Chance,
    /** Whether a fault happens now. */
    readonly strikes: (name: FaultName) => boolean,
  ) {
    this.#chance = chance.fork("store");
  }

  /** The store as one node sees it. */
  of(owner: Owner): Kv {
    return new NodeStore(this, owner, this.#chance.fork(owner.name));
  }

  /** Makes a commit now. @throws {TypeError} for one beyond the limits */
  commit(commit: Commit): Deno.KvCommitResult | Deno.KvCommitError {
    const result = this.rows.commit(commit);
    if (!result.ok) return result;
    this.commits++;
    const { versionstamp } = result;
    for (const { key, set } of commit.writes) {
      if (set?.expireIn === undefined) continue;
      const late = set.expireIn + this.#chance.part() * SWEEP_MS;
      this.schedule.after(late, WORLD, "expiry", () => this.rows.expire(key, versionstamp));
    }
    for (const { value, delay } of commit.messages) this.#enqueue(copyOf(value), delay);
    this.watcher(commit);
    return result;
  }

  listen(owner: Owner, handler: (message: unknown) => unknown): void {
    this.#listeners.push({ owner, handler });
  }

  #enqueue(message: unknown, delay: number): void {
    if (this.strikes("message_lost")) return;
    const times = this.strikes("message_doubled") ? 2 : 1;
    for (let time = 0; time < times; time++) {
      const late = this.strikes("message_late") ? this.#chance.part() * 90_000 : 0;
      this.schedule.after(delay + late, WORLD, "message", () => this.#deliver(message));
    }
  }

  #deliver(message: unknown): void {
    const living = this.#listeners.filter(({ owner }) => owner.isAlive);
    if (living.length > 0) void this.#chance.pick(living).handler(copyOf(message));
  }
}

/** What a store that fails says. */
class StoreDown extends Error {}

/** One node's way to the store. */
class NodeStore implements Kv {
  constructor(readonly store: SimulatedStore, readonly owner: Owner, readonly chance: Chance) {}

  get: Kv["get"] = <T>(key: Deno.KvKey) =>
    this.#read(`get ${String(key[0])}`, () => this.store.rows.get(key) as Deno.KvEntryMaybe<T>);

  getMany: Kv["getMany"] = <T extends readonly unknown[]>(
    keys: readonly [...{ [K in keyof T]: Deno.KvKey }],
  ) => {
    if (keys.length > 10) return Promise.reject(new TypeError("Too many ranges (max 10)"));
    return this.#read(
      `get ${keys.length}`,
      () =>
        keys.map((key) => this.store.rows.get(key)) as {
          [K in keyof T]: Deno.KvEntryMaybe<T[K]>;
        },
    );
  };

  list: Kv["list"] = <T>(selector: Deno.KvListSelector, options?: Deno.KvListOptions) =>
    new Listing<T>(
      selector,
      options ?? {},
      (...range) => this.#read("list", () => this.store.rows.range(...range)),
    );

  atomic: Kv["atomic"] = () => new Atomic((commit) => this.#commit(commit));

  set: Kv["set"] = async (key, value, options) => {
    const result = await new Atomic((commit) => this.#commit(commit)).set(key, value, options)
      .commit();
    if (!result.ok) throw new StoreDown("A commit without checks was refused.");
    return result;
  };

  enqueue: Kv["enqueue"] = async (value, options) => {
    const result = await new Atomic((commit) => this.#commit(commit)).enqueue(value, options)
      .commit();
    if (!result.ok) throw new StoreDown("A commit without checks was refused.");
    return result;
  };

  listenQueue: Kv["listenQueue"] = (handler) => {
    this.store.listen(this.owner, handler);
    return new Promise(() => {});
  };

  close(): void {}

  #latency(): number {
    if (this.store.strikes("slow")) return this.chance.between(500, SLOW_MS);
    return this.chance.between(FEWEST_MS, MOST_MS);
  }

  /** Looks at some moment, and tells at a later one. */
  #read<T>(what: string, look: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const { schedule } = this.store;
    if (this.store.strikes("read_silent")) return promise;
    const fails = this.store.strikes("read_fails");
    schedule.after(this.#latency(), this.owner, what, () => {
      if (fails) return reject(new StoreDown("The simulated store is down."));
      const seen = look();
      schedule.after(this.chance.between(0, MOST_MS), this.owner, "seen", () => resolve(seen));
    });
    return promise;
  }

  /** Does a commit at some moment, if nothing goes wrong, and tells at a later one, if it does. */
  #commit(commit: Commit): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
    const { promise, resolve, reject } = Promise.withResolvers<
      Deno.KvCommitResult | Deno.KvCommitError
    >();
    const { schedule, strikes } = this.store;
    const tell = (act: () => void) =>
      schedule.after(this.chance.between(FEWEST_MS, MOST_MS), this.owner, "told", act);
    const fail = () => tell(() => reject(new StoreDown("The simulated store is down.")));
    const lateBy = strikes("lands_late") ? this.chance.between(10, 20_000) : null;
    const repeated = strikes("repeated");
    const lost = strikes("answer_lost");
    const silent = strikes("commit_silent");
    const fails = strikes("commit_fails");
    // What is under way when a node dies may arrive all the same.
    schedule.after(this.#latency(), WORLD, `commit of ${this.owner.name}`, () => {
      if (this.store.isFull) {
        return void tell(() => reject(new StoreDown("database or disk is full")));
      }
      if (fails) return silent ? undefined : void fail();
      if (lateBy !== null) {
        schedule.after(lateBy, WORLD, "late commit", () => void this.#do(commit, () => {}));
        return void fail();
      }
      const answer = this.#do(commit, (error) => tell(() => reject(error)));
      if (answer === null || silent) return;
      const again = repeated ? this.#do(commit, () => {}) : null;
      if (lost) fail();
      else tell(() => resolve(again ?? answer));
    });
    return promise;
  }

  #do(commit: Commit, unfit: (error: unknown) => void) {
    try {
      return this.store.commit(commit);
    } catch (error) {
      unfit(error);
      return null;
    }
  }
}

/** What a commit is to do, gathered. */
class Atomic implements Deno.AtomicOperation {
  readonly #commit: Commit = { checks: [], writes: [], messages: [] };

  constructor(readonly send: (commit: Commit) => ReturnType<Deno.AtomicOperation["commit"]>) {}

  check(...checks: Deno.AtomicCheck[]): this {
    for (const { key, versionstamp } of checks) {
      this.#commit.checks.push({ key: [...key], versionstamp });
    }
    return this;
  }

  set(key: Deno.KvKey, value: unknown, options?: { expireIn?: number }): this {
    const set = { value: copyOf(value), expireIn: options?.expireIn };
    this.#commit.writes.push({ key: [...key], set });
    return this;
  }

  delete(key: Deno.KvKey): this {
    this.#commit.writes.push({ key: [...key] });
    return this;
  }

  enqueue(value: unknown, options?: { delay?: number }): this {
    this.#commit.messages.push({ value: copyOf(value), delay: options?.delay ?? 0 });
    return this;
  }

  commit(): ReturnType<Deno.AtomicOperation["commit"]> {
    return this.send(this.#commit);
  }

  mutate(): never {
    throw new TypeError("The product does not mutate so.");
  }
  sum(): never {
    throw new TypeError("The product does not sum.");
  }
  min(): never {
    throw new TypeError("The product takes no minimum.");
  }
  max(): never {
    throw new TypeError("The product takes no maximum.");
  }
}

/** Rows of a range, read a batch at a time: what is committed meanwhile shows in later ones. */
export class Listing<T> implements Deno.KvListIterator<T> {
  #from: string;
  #to: string;
  #left: number;
  #batch: Deno.KvEntry<unknown>[] = [];
  #isDone = false;

  constructor(
    selector: Deno.KvListSelector,
    readonly options: Deno.KvListOptions,
    readonly read: (...range: Parameters<Rows["range"]>) => Promise<Deno.KvEntry<unknown>[]>,
  ) {
    ({ from: this.#from, to: this.#to } = boundsOf(selector));
    this.#left = options.limit ?? Infinity;
  }

  get cursor(): never {
    throw new TypeError("The product uses no cursors of the store.");
  }

  async next(): Promise<IteratorResult<Deno.KvEntry<T>, undefined>> {
    if (this.#batch.length === 0 && !this.#isDone) await this.#more();
    const value = this.#batch.shift() as Deno.KvEntry<T> | undefined;
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  async #more(): Promise<void> {
    const { batchSize = 100, reverse = false } = this.options;
    const most = Math.min(batchSize, this.#left);
    this.#batch = await this.read(this.#from, this.#to, most, reverse);
    this.#left -= this.#batch.length;
    this.#isDone = this.#batch.length < most || this.#left === 0;
    const last = this.#batch.at(-1);
    if (last === undefined) return;
    if (reverse) this.#to = encodeKey(last.key);
    else this.#from = encodeKey(last.key) + "\0";
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Deno.KvEntry<T>> {
    return this;
  }
}
