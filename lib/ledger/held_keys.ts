import { z } from "zod";
import type { StoreKey } from "../store/keys.ts";
import { keyText, type Kv, listRecords } from "../store/kv.ts";

/**
 * Which rows of some kinds surely are not there, known without a read while the log's head is the
 * one that the next commit checks. It only ever saves a read: what it does not know for sure is
 * read.
 */

/** The kinds of rows that are held: a commit that writes one moves the log's head, entries or not. */
const HELD_KINDS: ReadonlySet<StoreKey[number] | undefined> = new Set(["approval_history"]);

/** A prefix with more rows than this is not held: whoever asks reads the row. */
export const KEYS_A_PREFIX = 100;

/** Prefixes and names held for one org: 1 to 3.5 MB. The first that were read go first. */
const MAX_HELD = 10_000;

/** Whether a row is of a kind that is held. */
export function isHeld(key: StoreKey): boolean {
  return HELD_KINDS.has(key[0]);
}

/**
 * The last parts of the keys below some prefixes, by which it is known without a read that a row is
 * not there. They hold while the log's head is the one that they were read under: each commit that
 * writes such a row moves it, so those of other processes are noticed, and this one's are added.
 * A row that was deleted or has expired may stay among them, which costs whoever asks a read.
 *
 * To be believed by an operation that writes an entry, and by no other: its commit checks the head,
 * and the operation is loaded again when that had moved.
 */
export class HeldKeys {
  /** Undefined before anything was read under one. */
  #head: string | null | undefined;
  /** By the text of the prefix; null for too many. */
  readonly #names = new Map<string, Set<string> | null>();
  readonly #reading = new Map<string, Promise<void>>();
  #held = 0;
  /** What was read in an earlier one may lack what was committed since. */
  #epoch = 0;

  /** Has everything dropped that was read under another head. */
  under(head: string | null): void {
    if (head === this.#head) return;
    this.drop();
    this.#head = head;
  }

  /**
   * Drops what may not hold any more. That a prefix has too many rows stays, and hides none: where
   * other processes commit too, each of their commits would have it listed in vain.
   */
  drop(): void {
    for (const [text, names] of this.#names) if (names !== null) this.#forget(text);
    this.#head = undefined;
    this.#forgetReads();
  }

  /** Whether there is surely no row of this name below the prefix. Reads nothing. */
  lacks(prefix: StoreKey, name: string): boolean {
    const names = this.#names.get(keyText(prefix));
    return names != null && !names.has(name);
  }

  /**
   * Reads what lies below a prefix, once for all who ask meanwhile, unless it is known.
   * @throws {StoreUnavailable}
   */
  look(kv: Kv, prefix: StoreKey): Promise<void> {
    const text = keyText(prefix);
    if (this.#names.has(text) || !isHeld(prefix)) return Promise.resolve();
    const begun = this.#reading.get(text);
    if (begun !== undefined) return begun;
    const reading = this.#read(kv, prefix, text);
    this.#reading.set(text, reading);
    return reading;
  }

  /** Adds what a commit of this process wrote; the log's head is now this one. */
  follow(writes: Iterable<{ key: StoreKey; value: unknown }>, head: string | null): void {
    this.#head = head;
    // What is read at this moment may be from before the commit.
    this.#forgetReads();
    for (const { key, value } of writes) {
      if (value === undefined || !isHeld(key)) continue;
      const text = keyText(key.slice(0, -1));
      const names = this.#names.get(text);
      if (names == null) continue;
      this.#forget(text);
      this.#hold(text, names.add(String(key.at(-1))));
    }
  }

  async #read(kv: Kv, prefix: StoreKey, text: string): Promise<void> {
    const epoch = this.#epoch;
    const names = new Set<string>();
    try {
      const rows = listRecords(kv, { prefix: [...prefix] }, z.unknown(), {
        limit: KEYS_A_PREFIX + 1,
      });
      for await (const { key } of rows) names.add(String(key.at(-1)));
      if (epoch === this.#epoch) this.#hold(text, names);
    } finally {
      if (epoch === this.#epoch) this.#reading.delete(text);
    }
  }

  #hold(text: string, names: Set<string>): void {
    const kept = names.size > KEYS_A_PREFIX ? null : names;
    this.#names.set(text, kept);
    this.#held += sizeOf(kept);
    for (const oldest of this.#names.keys()) {
      if (this.#held <= MAX_HELD) break;
      this.#forget(oldest);
    }
  }

  #forget(text: string): void {
    this.#held -= sizeOf(this.#names.get(text) ?? null);
    this.#names.delete(text);
  }

  #forgetReads(): void {
    this.#epoch++;
    this.#reading.clear();
  }
}

function sizeOf(names: Set<string> | null): number {
  return 1 + (names?.size ?? 0);
}
