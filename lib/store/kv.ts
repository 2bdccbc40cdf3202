import type { z } from "zod";
import { commitMarkKey, type StoreKey } from "./keys.ts";
import { MalformedRecord, parseRecord } from "./record.ts";
import type { Sealer } from "./sealing.ts";
import { NAME_BYTES } from "./records/log.ts";
import { faultOf, whatIsWrong } from "./store_faults.ts";
import { CoarseTimer, type LogLine, type Timer } from "./system.ts";

/** The part of Deno KV that Countersign uses, so that a test can put a failing store in its place. */
export type Kv = Pick<
  Deno.Kv,
  "get" | "getMany" | "list" | "atomic" | "set" | "enqueue" | "listenQueue" | "close"
>;

/** What the store is worked with: itself and its seal, time and chance. */
export interface StoreDeps {
  readonly kv: Kv;
  readonly sealer: Sealer;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly timer: (milliseconds: number) => Timer;
}

/** The store does not answer, or does not take the commit. Nothing was granted. */
export class StoreUnavailable extends Error {
  readonly code = "store_unavailable";

  constructor(cause: unknown) {
    super("The store does not answer, or did not take the commit.", { cause });
  }
}

/** What failed as the one who asked hears it: a damaged record by its name, all else as an outage. */
export function storeError(error: unknown): MalformedRecord | StoreUnavailable {
  return error instanceof MalformedRecord || error instanceof StoreUnavailable
    ? error
    : new StoreUnavailable(error);
}

/** A record and the versionstamp that a commit can check it by. */
export interface Versioned<T> {
  readonly value: T;
  readonly versionstamp: string;
}

/**
 * Reads one record with strong consistency; null when there is none.
 * @throws {MalformedRecord} {StoreUnavailable}
 */
export async function readRecord<T>(
  kv: Kv,
  key: StoreKey,
  schema: z.ZodType<T>,
): Promise<Versioned<T> | null> {
  try {
    const entry = await kv.get(key as Deno.KvKey);
    if (entry.versionstamp === null) return null;
    return { value: parseRecord(key, schema, entry.value), versionstamp: entry.versionstamp };
  } catch (error) {
    throw storeError(error);
  }
}

/** Most keys that `getMany` takes. */
export const KEYS_A_READ = 10;

/** Reads under way at the same time: several take half as long as one after the other. */
const READS_AT_ONCE = 10;

/**
 * Reads many records, in the order of their keys; null for each that there is not.
 * @throws {MalformedRecord} {StoreUnavailable}
 */
export async function* readRecords<T>(
  kv: Kv,
  keys: readonly StoreKey[],
  schema: z.ZodType<T>,
): AsyncGenerator<T | null> {
  const reads = Array.from(
    { length: Math.ceil(keys.length / KEYS_A_READ) },
    (_, at) => keys.slice(at * KEYS_A_READ, (at + 1) * KEYS_A_READ) as Deno.KvKey[],
  );
  try {
    for (let from = 0; from < reads.length; from += READS_AT_ONCE) {
      const some = reads.slice(from, from + READS_AT_ONCE);
      const entries = (await Promise.all(some.map((read) => kv.getMany(read)))).flat();
      for (const { key, value, versionstamp } of entries) {
        yield versionstamp === null ? null : parseRecord(key as StoreKey, schema, value);
      }
    }
  } catch (error) {
    throw storeError(error);
  }
}

/** Lists the records below a prefix in key order. @throws {MalformedRecord} {StoreUnavailable} */
export async function* listRecords<T>(
  kv: Kv,
  selector: Deno.KvListSelector,
  schema: z.ZodType<T>,
  options: Deno.KvListOptions = {},
): AsyncGenerator<{ key: StoreKey; value: T; versionstamp: string }> {
  const batchSize = Math.min(options.limit ?? 500, 500);
  try {
    for await (const entry of kv.list(selector, { batchSize, ...options })) {
      const key = entry.key as StoreKey;
      yield { key, value: parseRecord(key, schema, entry.value), versionstamp: entry.versionstamp };
    }
  } catch (error) {
    throw storeError(error);
  }
}

/**
 * Over KV Connect the runtime sends a commit again when no answer comes, and reports the answer to the
 * second: that it was refused, because the first had landed. A refusal is therefore believed only where
 * the row is not there that the commit itself would have written. Nothing else in the code commits.
 */

/**
 * The row by which a commit is known again: its value has the commit's name, in hexadecimal, as
 * `batch`, or is bytes that begin with it.
 */
export interface CommitMark {
  readonly key: StoreKey;
  readonly name: string;
}

/** How long a row that only marks a commit is kept, milliseconds: far longer than any lies on its way. */
const MARK_KEPT_MS = 60 * 60 * 1000;

/** Hands a commit that writes its mark to the store. Throws what the store does: it may have landed. */
export async function commitMarked(
  kv: Kv,
  operation: Deno.AtomicOperation,
  mark: CommitMark,
): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
  const result = await operation.commit();
  if (result.ok) return result;
  return await landed(kv, mark) ?? result;
}

/**
 * Hands a commit to the store that no entry of a log tells of. It lands at most once, and is told to
 * have landed if it has, whatever becomes of the answer.
 * @throws what the store throws; then it had not landed when that was looked for
 */
export async function commitOnce(
  { kv, random }: Pick<StoreDeps, "kv" | "random">,
  operation: Deno.AtomicOperation,
): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
  const name = random(NAME_BYTES).toHex();
  const mark = { key: commitMarkKey(name), name };
  writeMark(operation, mark);
  try {
    return await commitMarked(kv, operation, mark);
  } catch (error) {
    const result = await landed(kv, mark);
    if (result === null) throw error;
    return result;
  }
}

/** Has a commit write its mark, where no other row of it has its name; it lands only while nothing else did under it. */
export function writeMark(operation: Deno.AtomicOperation, { key, name }: CommitMark): void {
  operation.check({ key: [...key], versionstamp: null });
  operation.set([...key], { batch: name }, { expireIn: MARK_KEPT_MS });
}

/** What the store would have answered to a commit that landed; null when it has not. */
export async function landed(
  kv: Kv,
  { key, name }: CommitMark,
): Promise<Deno.KvCommitResult | null> {
  const { value, versionstamp } = await kv.get([...key]);
  if (versionstamp === null || !isNamed(value, name)) return null;
  return { ok: true, versionstamp };
}

function isNamed(value: unknown, name: string): boolean {
  if (value instanceof Uint8Array) return value.subarray(0, NAME_BYTES).toHex() === name;
  return typeof value === "object" && value !== null && "batch" in value && value.batch === name;
}

/** Whether the store says that a commit is beyond its limits, and so was never made. */
export function isUnfit(error: unknown): boolean {
  return error instanceof TypeError && /too (large|many)/i.test(error.message);
}

/** How exactly waits are measured: all calls under way share one timer. */
const TICK_MS = 1200;

/** How many ticks one answer may take before it counts as lost: 2.4 to 3.6 seconds. */
const ANSWER_TICKS = 3;

/** The same for a piece of a listing, which may be some megabytes: 8.4 to 9.6 seconds. */
const LISTING_TICKS = 8;

/**
 * The store, but that silence counts as an outage after some seconds: whoever asks gets
 * `StoreUnavailable`, whatever becomes of the call. A commit may stand all the same. What calls come
 * to is the health of the store.
 */
export class PatientStore implements Kv {
  readonly #timer: CoarseTimer;
  readonly health: StoreHealth;

  constructor(
    readonly inner: Kv,
    readonly deps: Pick<StoreDeps, "timer"> & { readonly log: LogLine },
  ) {
    this.#timer = new CoarseTimer(deps, TICK_MS);
    this.health = new StoreHealth(deps);
  }

  get: Kv["get"] = (key, options) => this.#within(ANSWER_TICKS, this.inner.get(key, options));

  getMany: Kv["getMany"] = (keys, options) =>
    this.#within(ANSWER_TICKS, this.inner.getMany(keys, options));

  list: Kv["list"] = (selector, options) => {
    const iterator = this.inner.list<never>(selector, options);
    const next = iterator.next.bind(iterator);
    const patient = () => this.#within(LISTING_TICKS, next());
    iterator.next = patient;
    return iterator;
  };

  atomic: Kv["atomic"] = () => {
    const operation = this.inner.atomic();
    const commit = operation.commit.bind(operation);
    // Named first: V8 takes a function written as the value of a property for one that lives long, and
    // what such a one refers to, here all rows of the commit, stays until the next full collection.
    const patient = async () => {
      const result = await this.#writes(commit());
      this.health.committed();
      return result;
    };
    operation.commit = patient;
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
    answer.catch((error) => this.health.heard(error));
    return this.#timer.within(ticks, answer, () => new StoreUnavailable("no answer for seconds"));
  }
}

/**
 * How the store fares, by what its own calls bring: a commit that fails is known at once, whoever made
 * it, and one that lands later shows that it is over. A damaged file, and a store that a newer release
 * has taken over, stay as they are until this process ends.
 */
export class StoreHealth {
  #failing = false;
  #lost: "damaged" | "newer" | null = null;

  constructor(readonly deps: { readonly log: LogLine }) {}

  /** True while commits fail, as far as is known. */
  get isFailing(): boolean {
    return this.#failing || this.#lost !== null;
  }

  /** A commit was taken, or refused by its own checks: the store works. */
  committed(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.deps.log("info", "The store takes commits again");
  }

  /** A write failed. One that is too large for any store says nothing of this one. */
  failed(error: unknown): void {
    if (isUnfit(error)) return;
    this.heard(error);
    if (this.#failing) return;
    this.#failing = true;
    this.deps.log("error", "The store does not take commits", {
      error: whatIsWrong(error),
      next: "See A store that fails in docs/operations.md",
    });
  }

  /** Any call failed: one damaged page is enough not to trust the file with more. */
  heard(error: unknown): void {
    if (this.#lost !== null || faultOf(error) !== "damaged") return;
    this.#lost = "damaged";
    this.deps.log("error", "The file of the store is damaged", {
      error: whatIsWrong(error),
      next: "Stop, and put a backup in its place: see A store that fails in docs/operations.md",
    });
  }

  /** A newer release has brought the store to a version that this one does not know. */
  outgrown(version: number): void {
    if (this.#lost !== null) return;
    this.#lost = "newer";
    this.deps.log("error", "A newer release has taken over the store", {
      version,
      next: "Stop this process, and start the newer release in its place",
    });
  }
}

/** Text that is the same for the same key only. */
export function keyText(key: StoreKey): string {
  return JSON.stringify(key);
}

/** An upper estimate of the bytes that a value takes in the store. */
export function roughSize(value: unknown): number {
  if (typeof value === "string") return value.length * 3 + 8;
  if (typeof value !== "object" || value === null) return 12;
  if (value instanceof Uint8Array) return value.length + 16;
  let sum = 8;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) sum += roughSize(value[at]);
    return sum;
  }
  for (const name in value) {
    sum += name.length + 8 + roughSize((value as Record<string, unknown>)[name]);
  }
  return sum;
}
