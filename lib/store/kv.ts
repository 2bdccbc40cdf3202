import type { z } from "zod";
import type { Timer } from "../deps.ts";
import type { StoreKey } from "./keys.ts";
import type { Sealer } from "./sealing.ts";

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

/** A record in the store is not what its schema says. Never guessed at: the request fails. */
export class MalformedRecord extends Error {
  readonly code = "malformed_record";

  constructor(readonly key: StoreKey, problem: string) {
    super(
      `The record ${JSON.stringify(key)} in the store is malformed: ${problem}. ` +
        "Restore it from a backup, or remove it if you know that it may go.",
    );
  }
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

/** Parses a record as it comes from the store. @throws {MalformedRecord} */
export function parseRecord<T>(key: StoreKey, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new MalformedRecord(key, `${issue?.path.join(".") || "the record"}: ${issue?.message}`);
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
