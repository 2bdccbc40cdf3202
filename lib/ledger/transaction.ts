import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { serialize } from "node:v8";
import type { z } from "zod";
import type { IdMaker, IdPrefix } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import { assertPolicyRecord, type Snapshot } from "../policy/snapshot.ts";
import * as keys from "../store/keys.ts";
import { keyText, type Kv, readRecord, type Versioned } from "../store/kv.ts";
import type { Permission } from "../store/records/vocabulary.ts";
import type { ClockDoubt, ClockJump, Clocks } from "./clock.ts";
import {
  checkedPermission,
  type EntryDraft,
  facetHashes,
  leafText,
  partsText,
  type PartTexts,
  type Placed,
  sealOff,
} from "./entry.ts";
import type { HeldKeys } from "./held_keys.ts";

/**
 * What operations are written in: a reader for what they load, a transaction for what they plan,
 * and the limits of the commit that carries several of them. A part that throws leaves no trace.
 */

/** What one atomic operation of Deno KV takes, with room left for the log's own rows. */
export interface CommitLimits {
  readonly checks: number;
  readonly mutations: number;
  readonly bytes: number;
  readonly keyBytes: number;
}

export const KV_LIMITS: CommitLimits = {
  checks: 97,
  mutations: 900,
  bytes: 700_000,
  keyBytes: 70_000,
};

/** An operation alone is larger than one commit can be. */
export class TransactionTooLarge extends Error {
  readonly code = "transaction_too_large";

  constructor() {
    super("The change is larger than one commit can be. Split it into several.");
  }
}

/** Thrown inside a batch: the operation has to wait for the next one. Never leaves the ledger. */
export class Deferred extends Error {}

interface Write {
  readonly key: keys.StoreKey;
  /** Undefined deletes. */
  readonly value: unknown;
  readonly expireIn: number | undefined;
}

interface Message {
  readonly value: unknown;
  readonly delay: number;
}

/** A leaf that waits for its commit. */
export interface NewLeaf {
  /** `leafText` of its entry. */
  readonly text: string;
  readonly hash: Uint8Array;
  readonly facets: number[];
  /** The answer that its entry records; null when it is none of a check. */
  readonly checked: Permission | null;
  readonly private: PartTexts | null;
}

/** Over KV Connect a server may take ten checks a commit; three of them are the ledger's own. */
export const KV_CONNECT_LIMITS: CommitLimits = { ...KV_LIMITS, checks: 7 };

/** What an operation reads before it plans; the commit checks that none of it changed since. */
export class Reader {
  readonly reads = new Map<string, { key: keys.StoreKey; versionstamp: string | null }>();

  constructor(
    readonly kv: Kv,
    readonly snapshot: Snapshot,
    /** Milliseconds since 1970. */
    readonly now: number,
    /** What an operation that writes an entry knows without a read. */
    readonly held: HeldKeys,
  ) {}

  /** @throws {MalformedRecord} */
  async get<T>(key: keys.StoreKey, schema: z.ZodType<T>): Promise<Versioned<T> | null> {
    const record = await readRecord(this.kv, key, schema);
    const text = keyText(key);
    // Read twice, the first answer counts: if the second differs, the commit is to be refused.
    if (!this.reads.has(text)) {
      this.reads.set(text, { key, versionstamp: record?.versionstamp ?? null });
    }
    return record;
  }

  /** The same for a record of the policy, wherever it lies. @throws {MalformedRecord} */
  getPolicy<T>(key: keys.StoreKey, schema: z.ZodType<T>): Promise<Versioned<T> | null> {
    return this.get(keys.placed(key, this.snapshot.generation), schema);
  }

  /**
   * Reads a record without having the commit check it: for one that is written once, and that goes
   * only together with another that is read by `get`. Checks are few. @throws {MalformedRecord}
   */
  peek<T>(key: keys.StoreKey, schema: z.ZodType<T>): Promise<Versioned<T> | null> {
    return readRecord(this.kv, key, schema);
  }
}

/** The time of a commit, and whether the clock that it is from is believed. */
export interface CommitTime extends Clocks {
  /** Why nothing is to be committed by it; null for no reason. */
  readonly doubt: ClockDoubt | null;
}

/**
 * One commit in the making: the entries and writes of several operations, each of which either
 * joins whole or leaves no trace.
 */
export class Transaction implements CommitTime {
  readonly leaves: NewLeaf[] = [];
  readonly writes = new Map<string, Write>();
  readonly checks = new Map<string, { key: keys.StoreKey; versionstamp: string | null }>();
  readonly messages: Message[] = [];
  readonly topics: string[] = [];
  readonly policyChanges: { key: keys.StoreKey; value: unknown }[] = [];
  /** The time of every entry in this commit, milliseconds; never before the log's newest. */
  readonly at: number;
  readonly atText: string;
  /** What the clock shows, milliseconds: what ends at a time, or is counted by it, goes by this. */
  readonly now: number;
  readonly jumps: readonly ClockJump[];
  readonly doubt: ClockDoubt | null;
  #acceptedJump: ClockJump | null = null;
  #nextGeneration: number | null = null;
  #bytes = 0;
  #keyBytes = 0;
  /** What each write replaced, newest last. */
  readonly #journal: { text: string; before: Write | undefined }[] = [];

  constructor(
    readonly deps: Deps,
    readonly snapshot: Snapshot,
    /** How many entries the log has before this commit. */
    readonly base: number,
    { now, at, jumps, doubt }: CommitTime,
    readonly ids: IdMaker,
    readonly limits: CommitLimits,
  ) {
    this.at = at;
    this.atText = new Date(at).toISOString();
    this.now = now;
    this.jumps = jumps;
    this.doubt = doubt;
  }

  /** Whether there is anything to write. */
  get isEmpty(): boolean {
    return this.leaves.length === 0 && this.writes.size === 0 && this.messages.length === 0;
  }

  /** How many entries, writes and messages there are by now: an operation that adds none only reads. */
  get effects(): number {
    return this.leaves.length + this.messages.length + this.#journal.length;
  }

  /** The jump of the clock that this commit accepts. */
  get acceptedJump(): ClockJump | null {
    return this.#acceptedJump;
  }

  /** From this commit on the log may lie as far ahead of the time as it does. The entry is the caller's. */
  acceptClock(jump: ClockJump): void {
    this.#acceptedJump = jump;
  }

  /** The version that the policy has with this operation's changes. */
  get policyVersion(): number {
    return this.snapshot.version + (this.changesPolicy ? 1 : 0);
  }

  /** Whether the policy is another one after this commit. */
  get changesPolicy(): boolean {
    return this.policyChanges.length > 0 || this.#nextGeneration !== null;
  }

  /** The generation of the policy's rows that is read after this commit. */
  get generation(): number {
    return this.#nextGeneration ?? this.snapshot.generation;
  }

  /** A new id that carries this commit's time. */
  id(prefix: IdPrefix): string {
    return this.ids.make(prefix, this.at);
  }

  /** Puts an entry into the log and says where it will stand. @throws {EntryTooLarge} */
  append(draft: EntryDraft): Placed {
    const index = this.base + this.leaves.length;
    const sealed = draft.sealedOff ??
      (draft.private === undefined ? null : sealOff(draft.private, this.deps.random));
    const data = sealed === null ? draft.data : { ...draft.data, ...sealed.digests };
    const text = leafText({
      v: 1,
      org: this.snapshot.orgId,
      index,
      id: draft.id ?? this.id("ent"),
      at: this.atText,
      type: draft.type,
      actor: draft.actor,
      subject: draft.subject,
      data,
    });
    const leaf_hash = hash("sha256", text, "hex");
    const facets = facetHashes({ ...draft, data });
    const checked = checkedPermission(draft);
    const parts = sealed?.parts ?? null;
    this.leaves.push({
      text,
      hash: Uint8Array.fromHex(leaf_hash),
      facets,
      checked,
      private: parts,
    });
    this.#grow(text.length * 3 + 64 + (parts === null ? 0 : roughSize(parts)), 0);
    return { index, leaf_hash };
  }

  /** Writes a record outside the policy. `expireIn` milliseconds is when the store may drop it. */
  set(key: keys.StoreKey, value: unknown, options: { expireIn?: number } = {}): void {
    this.#write({ key, value, expireIn: options.expireIn });
  }

  delete(key: keys.StoreKey): void {
    this.#write({ key, value: undefined, expireIn: undefined });
  }

  /**
   * Writes a policy record: raises the policy version, once for all of a commit.
   * @throws {MalformedRecord} for one that no node could read again: it would stop the org
   */
  setPolicy(key: keys.StoreKey, value: unknown): void {
    assertPolicyRecord(key, value);
    this.set(keys.placed(key, this.snapshot.generation), value);
    this.policyChanges.push({ key, value });
  }

  deletePolicy(key: keys.StoreKey): void {
    this.delete(keys.placed(key, this.snapshot.generation));
    this.policyChanges.push({ key, value: null });
  }

  /** Writes a policy record for a generation that nobody reads yet. @throws {MalformedRecord} */
  stagePolicy(generation: number, key: keys.StoreKey, value: unknown): void {
    if (generation === this.snapshot.generation) {
      throw new Error(`The generation ${generation} is read: its rows are written by setPolicy.`);
    }
    assertPolicyRecord(key, value);
    this.set(keys.placed(key, generation), value);
  }

  /** Makes the rows of a generation the policy: raises the policy version. */
  makeCurrent(generation: number): void {
    this.#nextGeneration = generation;
  }

  /** A queue message that arrives after `delay` milliseconds, where the platform has queues. */
  enqueue(value: unknown, delay: number): void {
    this.messages.push({ value, delay });
    this.#grow(roughSize(value) + 64, 0);
  }

  /** Wakes whoever waits in this process for news of `topic`, once the commit stands. */
  notify(topic: string): void {
    this.topics.push(topic);
  }

  /**
   * Runs one operation inside this commit. When it throws, nothing of it stays.
   * @throws {Deferred} when it must wait: it read what this commit already changes, or finds no room
   */
  run<R>(reads: Reader["reads"] | null, operation: () => R): R {
    const first = this.isEmpty;
    if (this.changesPolicy) throw new Deferred();
    for (const [text, read] of reads ?? []) {
      const known = this.checks.get(text);
      const differs = known !== undefined && known.versionstamp !== read.versionstamp;
      if (differs || this.writes.has(text)) throw new Deferred();
    }
    return this.attempt(() => {
      const before = this.effects;
      const result = operation();
      const added = this.effects > before
        ? [...reads ?? []].filter(([text]) => !this.checks.has(text))
        : [];
      this.#assertFits(first, added.length);
      for (const [text, read] of added) this.checks.set(text, read);
      return result;
    });
  }

  /** Runs a part of an operation; when it throws, what that part wrote is taken back. */
  attempt<R>(part: () => R): R {
    const mark = {
      leaves: this.leaves.length,
      messages: this.messages.length,
      topics: this.topics.length,
      policyChanges: this.policyChanges.length,
      journal: this.#journal.length,
      acceptedJump: this.#acceptedJump,
      nextGeneration: this.#nextGeneration,
      bytes: this.#bytes,
      keyBytes: this.#keyBytes,
    };
    try {
      return part();
    } catch (error) {
      this.leaves.length = mark.leaves;
      this.messages.length = mark.messages;
      this.topics.length = mark.topics;
      this.policyChanges.length = mark.policyChanges;
      for (const { text, before } of this.#journal.splice(mark.journal).reverse()) {
        if (before === undefined) this.writes.delete(text);
        else this.writes.set(text, before);
      }
      this.#acceptedJump = mark.acceptedJump;
      this.#nextGeneration = mark.nextGeneration;
      this.#bytes = mark.bytes;
      this.#keyBytes = mark.keyBytes;
      throw error;
    }
  }

  #write(write: Write): void {
    const text = keyText(write.key);
    this.#journal.push({ text, before: this.writes.get(text) });
    this.writes.set(text, write);
    this.#grow(roughSize(write.value) + text.length, text.length + 8);
  }

  #grow(bytes: number, keyBytes: number): void {
    this.#bytes += bytes;
    this.#keyBytes += keyBytes;
  }

  #assertFits(first: boolean, addedChecks: number): void {
    const counted = this.writes.size <= this.limits.mutations &&
      this.checks.size + addedChecks <= this.limits.checks;
    const rough = this.#bytes <= this.limits.bytes && this.#keyBytes <= this.limits.keyBytes;
    // The estimate is up to three times too high: an operation alone is measured before it is refused.
    if (counted && (rough || (first && this.#fitsExactly()))) return;
    throw first ? new TransactionTooLarge() : new Deferred();
  }

  /** Measures what the estimate only bounds. */
  #fitsExactly(): boolean {
    let bytes = 0;
    let keyBytes = 0;
    for (const { text, private: parts } of this.leaves) {
      bytes += Buffer.byteLength(text) + 64;
      if (parts !== null) bytes += Buffer.byteLength(partsText(parts)) + 64;
    }
    for (const [text, { value }] of this.writes) {
      keyBytes += Buffer.byteLength(text);
      bytes += serialize(value).length;
    }
    for (const { value } of this.messages) bytes += serialize(value).length + 64;
    return bytes + keyBytes <= this.limits.bytes && keyBytes <= this.limits.keyBytes;
  }
}

/** An upper estimate of the bytes that a value takes in the store. */
function roughSize(value: unknown): number {
  if (value instanceof Uint8Array) return value.length + 16;
  if (typeof value === "string") return value.length * 3 + 8;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + roughSize(item), 8);
  if (typeof value === "object" && value !== null) {
    let sum = 8;
    for (const [name, item] of Object.entries(value)) sum += name.length + 8 + roughSize(item);
    return sum;
  }
  return 12;
}

/**
 * One operation on an org. `load` reads what the snapshot does not hold; `plan` is pure: it looks
 * at the transaction's snapshot and at what was loaded, and puts entries and writes into the
 * transaction. Both run again whenever the store moved before the commit.
 */
export interface Operation<L, R> {
  /**
   * Runs once, when the operation is handed over and another commit may still be on its way: for
   * work that needs neither policy nor store. `plan` must not depend on its having run.
   */
  readonly prepare?: (deps: Deps, org: string) => void;
  /** What may be doubted of the clock, and it is committed all the same. */
  readonly despite?: readonly ClockDoubt[];
  /** May answer at once, where the snapshot tells that there is nothing to read. */
  readonly load?: (reader: Reader) => Promise<L> | L;
  readonly plan: (transaction: Transaction, loaded: L) => R;
}
