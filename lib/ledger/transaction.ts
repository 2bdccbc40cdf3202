import { hash } from "node:crypto";
import type { z } from "zod";
import type { IdMaker, IdPrefix } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import { assertPolicyRecord, type Snapshot } from "../policy/snapshot.ts";
import * as keys from "../store/keys.ts";
import { keyText, type Kv, readRecord, roughSize, type Versioned } from "../store/kv.ts";
import { type ClockDoubt, type ClockJump, ClockRefused, type CommitTime } from "./clock.ts";
import { type CommitLimits, Deferred, fitsExactly, TransactionTooLarge } from "./commit_limits.ts";
import {
  checkedPermission,
  type EntryDraft,
  facetHashes,
  leafText,
  mergedInOrder,
  type NewLeaf,
  type Placed,
  sealOff,
} from "./entry.ts";
import { type AskedWrite, GatheredRows } from "./gathered_rows.ts";
import type { Ground, Grounds } from "./grounds.ts";
import {
  type GuardedKey,
  type GuardedKind,
  type GuardedRow,
  type GuardedRows,
  isGuarded,
  readBeside,
  type Shared,
} from "./guarded_rows.ts";

/**
 * What operations are written in: a reader for what they load, a transaction for what they plan,
 * and the limits of the commit that carries several of them. A part that throws leaves no trace.
 */

/** What a commit has to check of a row that was read: null where the log's head guards it. */
type Read = { readonly key: keys.StoreKey; readonly versionstamp: string | null } | null;

const NO_GROUNDS: readonly Ground[] = [];

const NOTHING_READ = { reads: new Map<string, Read>(), grounds: NO_GROUNDS };

/** What an operation reads before it plans; the commit checks that none of it changed since. */
export class Reader {
  #usesGuarded = false;
  /** What it went by: the operation waits where another one of this commit shifts it. */
  grounds: readonly Ground[] = NO_GROUNDS;

  constructor(
    readonly kv: Kv,
    readonly snapshot: Snapshot,
    /** Milliseconds since 1970. */
    readonly now: number,
    /** What is known while the log's head stays as it is; null to have it read and checked. */
    readonly rows: GuardedRows | null,
    readonly reads = new Map<string, Read>(),
    readonly gathered = rows?.gathered ?? new GatheredRows(),
  ) {}

  /** Whether what was loaded is true only while the log's head stays as it is. */
  get usesGuarded(): boolean {
    return this.#usesGuarded;
  }

  /**
   * For what is mostly only looked at: reads guarded rows as any other. On a node that has no commits
   * of its own the head has mostly moved, and to know where it is would cost more than the rows.
   */
  get fromStore(): Reader {
    return new Reader(this.kv, this.snapshot, this.now, null, this.reads, this.gathered);
  }

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

  /**
   * A row that the log's head guards, null where there is none. As with `get`, the operation waits for
   * the next commit when another one of this commit writes the row. @throws {MalformedRecord}
   */
  guarded<K extends GuardedKind>(
    key: GuardedKey<K>,
  ): GuardedRow<K> | null | Promise<GuardedRow<K> | null> {
    if (this.rows === null) return readBeside(this, key);
    const text = keyText(key);
    this.#usesGuarded = true;
    if (!this.reads.has(text)) this.reads.set(text, null);
    return this.rows.get(this.kv, key, text);
  }

  /**
   * The same for one that operations of a commit write in turn: see `latest`. @throws {MalformedRecord}
   */
  shared<K extends GuardedKind>(
    key: GuardedKey<K>,
    text = keyText(key),
  ): Shared<K> | Promise<Shared<K>> {
    this.#usesGuarded ||= this.rows !== null;
    const found = this.rows === null ? this.guarded(key) : this.rows.get(this.kv, key, text);
    return found instanceof Promise
      ? found.then((row) => ({ key, text, row }))
      : { key, text, row: found };
  }

  /** Whether there is surely no row of this name below a prefix of guarded ones. Reads nothing. */
  lacks(prefix: keys.StoreKey, name: string): boolean {
    this.#usesGuarded ||= this.rows !== null;
    return this.rows?.lacks(prefix, name) ?? false;
  }

  /** Whether what was made of rows is still what they make; all of them count as read then. */
  rests(on: Ground): boolean {
    if (this.rows?.grounds.bear(on) !== true) return false;
    this.#usesGuarded = true;
    this.grounds = [...this.grounds, on];
    return true;
  }

  /** Has it known afterwards which rows there are, unless they are many. @throws {StoreUnavailable} */
  async look(prefix: keys.StoreKey): Promise<void> {
    await this.rows?.look(this.kv, prefix);
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

/**
 * One commit in the making: the entries and writes of several operations, each of which either
 * joins whole or leaves no trace.
 */
export class Transaction implements CommitTime {
  readonly leaves: NewLeaf[] = [];
  readonly writes = new Map<string, AskedWrite>();
  readonly checks = new Map<string, { key: keys.StoreKey; versionstamp: string | null }>();
  readonly messages: { readonly value: unknown; readonly delay: number }[] = [];
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
  /** Whether it writes a row that something was made of. */
  #shifts = false;
  /** What each write replaced, newest last. */
  readonly #journal: { text: string; before: AskedWrite | undefined }[] = [];

  constructor(
    readonly deps: Deps,
    readonly snapshot: Snapshot,
    /** How many entries the log has before this commit. */
    readonly base: number,
    { now, at, jumps, doubt }: CommitTime,
    readonly ids: IdMaker,
    readonly limits: CommitLimits,
    readonly grounds: Grounds,
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

  /** Upper estimates of what entries, writes and messages take in the store, and the keys among it. */
  get size(): Pick<CommitLimits, "bytes" | "keyBytes"> {
    return { bytes: this.#bytes, keyBytes: this.#keyBytes };
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
    const data = sealed === null ? draft.data : mergedInOrder(draft.data, sealed.digests);
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
    if (isGuarded(key)) throw new Error(`A row of ${key[0]} is written by setGuarded.`);
    this.#write({ key, value, expireIn: options.expireIn });
  }

  /**
   * Writes a row that the log's head guards: the commit moves the head. A row that ends by itself may
   * be known for longer: what it says has to end by its own times. What is listed is `isApart`.
   */
  setGuarded<K extends GuardedKind>(
    key: GuardedKey<K>,
    value: GuardedRow<K>,
    options: Pick<AskedWrite, "expireIn" | "isApart"> = {},
  ): void {
    this.#write({ key, value, ...options });
  }

  /** The same for a shared row. */
  setShared<K extends GuardedKind>({ key, text }: Shared<K>, value: GuardedRow<K>): void {
    this.#write({ key, value }, text);
  }

  /** A shared row with what earlier operations of this commit made of it; null where there is none. */
  latest<K extends GuardedKind>({ text, row }: Shared<K>): GuardedRow<K> | null {
    const write = this.writes.get(text);
    return write === undefined ? row : (write.value ?? null) as GuardedRow<K> | null;
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
   * Plans one operation inside this commit. When it throws, nothing of it stays.
   * @param reader what it was loaded from; null when it read nothing
   * @throws {Deferred} when it must wait: it read what this commit already changes, or finds no room
   * @throws {ClockRefused} when it writes something while the clock is in doubt
   */
  run<L, R>(operation: Operation<L, R>, loaded: L, reader: Reader | null): R {
    const { reads, grounds } = reader ?? NOTHING_READ;
    const first = this.isEmpty;
    if (this.changesPolicy) throw new Deferred();
    for (const on of grounds) if (this.#shifts || !this.grounds.bear(on)) throw new Deferred();
    for (const [text, read] of reads) {
      const known = read === null ? undefined : this.checks.get(text);
      const differs = known !== undefined && known.versionstamp !== read?.versionstamp;
      if (differs || this.writes.has(text)) throw new Deferred();
    }
    const before = this.effects;
    const takeBack = this.#mark();
    try {
      const result = operation.plan(this, loaded);
      if (this.effects === before) return result;
      if (this.doubt !== null && operation.despite?.includes(this.doubt) !== true) {
        throw new ClockRefused(this.doubt);
      }
      const added: [string, NonNullable<Read>][] = [];
      for (const [text, read] of reads) {
        if (read !== null && !this.checks.has(text)) added.push([text, read]);
      }
      this.#assertFits(first, added.length);
      for (const [text, read] of added) this.checks.set(text, read);
      return result;
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  /** Runs a part of an operation; when it throws, what that part wrote is taken back. */
  attempt<R>(part: () => R): R {
    const takeBack = this.#mark();
    try {
      return part();
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  /** How to take back what is written from now on. */
  #mark(): () => void {
    const { length: leaves } = this.leaves;
    const [messages, topics] = [this.messages.length, this.topics.length];
    const { length: policyChanges } = this.policyChanges;
    const { length: journal } = this.#journal;
    const [jump, generation] = [this.#acceptedJump, this.#nextGeneration];
    const [bytes, keyBytes] = [this.#bytes, this.#keyBytes];
    return () => {
      this.leaves.length = leaves;
      this.messages.length = messages;
      this.topics.length = topics;
      this.policyChanges.length = policyChanges;
      for (const { text, before } of this.#journal.splice(journal).reverse()) {
        if (before === undefined) this.writes.delete(text);
        else this.writes.set(text, before);
      }
      [this.#acceptedJump, this.#nextGeneration] = [jump, generation];
      [this.#bytes, this.#keyBytes] = [bytes, keyBytes];
    };
  }

  #write(write: AskedWrite, text = keyText(write.key)): void {
    const isForeign = isGuarded(write.key) && write.key[1] !== this.snapshot.orgId;
    if (isForeign) throw new Error(`The row ${text} is written with its own log.`);
    this.#shifts ||= this.grounds.texts.has(text);
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
    if (counted && (rough || (first && fitsExactly(this, this.limits)))) return;
    throw first ? new TransactionTooLarge() : new Deferred();
  }
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
