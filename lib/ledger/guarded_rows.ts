import { z } from "zod";
import { atOnce } from "../base/at_once.ts";
import { type AskedWrite, GatheredRows, type Gathering } from "./gathered_rows.ts";
import { Grounds } from "./grounds.ts";
import type { SealedKind, StoreKey } from "../store/keys.ts";
import { keyText, type Kv, listRecords, readRecord } from "../store/kv.ts";
import {
  type ApprovalPointer,
  approvalPointer,
  type AskHistory,
  askHistory,
  type OrgCount,
  orgCount,
  type RequesterCount,
  requesterCount,
} from "../store/records/approval.ts";
import { type BudgetRow, budgetRow } from "../store/records/budget.ts";
import * as mandates from "../store/records/mandate.ts";
import * as subTokens from "../store/records/sub_token.ts";
import * as tokens from "../store/records/token.ts";

/**
 * Rows that are kept in memory, decoded, because every commit that writes one moves the log's head:
 * whatever was read or written under a head is the row as it is, for as long as commits on that head
 * succeed. So they need no check of their own, and any number of operations of one commit may count
 * on the same row.
 */

/** What there is of them. */
interface Records {
  readonly approval_count: RequesterCount;
  readonly approval_history: AskHistory;
  readonly approval_open: ApprovalPointer;
  readonly approval_org_count: OrgCount;
  readonly approval_ready: ApprovalPointer;
  readonly budget: BudgetRow;
  readonly bundle_edition: mandates.BundleEdition;
  readonly mandate: mandates.MandateRecord;
  readonly mandate_count: mandates.MandateCount;
  readonly run_token: tokens.RunTokenRecord;
  readonly sub_token: subTokens.SubTokenRecord;
  readonly sub_token_use: subTokens.SubTokenUse;
  readonly sub_tokens_of: subTokens.MakersSubTokens;
  readonly token_key: tokens.TokenKeyRecord;
  readonly tombstone: mandates.TombstoneRecord;
}

/**
 * None with sealed bytes: those are written anew beside the log when the secret is rotated, and what
 * was held would take that back. A signing key is written once and never from what was read of it.
 */
export type GuardedKind = Exclude<keyof Records, Exclude<SealedKind, "token_key">>;

export type GuardedKey<K extends GuardedKind = GuardedKind> = readonly [K, ...(string | number)[]];

export type GuardedRow<K extends GuardedKind = GuardedKind> = Records[K];

interface Kind<K extends GuardedKind> {
  readonly row: z.ZodType<GuardedRow<K>>;
  /** Whether there are few below one prefix, so that one listing tells which there are. */
  readonly listed: boolean;
  /** Whether one commit may write very many of them, each another one: see `GatheredRows`. */
  readonly gathered?: true;
  /** What a row takes in memory, where it is written too often to be measured. */
  readonly bytes?: (row: GuardedRow<K>) => number;
  /** Whether a row of this kind is hardly asked for again. */
  readonly isSpent?: (row: GuardedRow<K>) => boolean;
}

const GUARDED: { readonly [K in GuardedKind]: Kind<K> } = {
  approval_count: { row: requesterCount, listed: false },
  approval_history: { row: askHistory, listed: true },
  approval_open: { row: approvalPointer, listed: true },
  approval_org_count: { row: orgCount, listed: false },
  approval_ready: { row: approvalPointer, listed: true },
  budget: {
    row: budgetRow,
    listed: false,
    gathered: true,
    bytes: ({ held }) => 8 * VALUE_BYTES + 3 * VALUE_BYTES * held.length,
  },
  bundle_edition: { row: mandates.bundleEdition, listed: false },
  mandate: { row: mandates.mandateRecord, listed: false },
  mandate_count: {
    row: mandates.mandateCount,
    listed: false,
    gathered: true,
    bytes: () => 3 * VALUE_BYTES,
  },
  run_token: {
    row: tokens.runTokenRecord,
    listed: false,
    isSpent: ({ status }) => status !== "minted",
  },
  sub_token: { row: subTokens.subTokenRecord, listed: false },
  sub_token_use: { row: subTokens.subTokenUse, listed: false },
  sub_tokens_of: { row: subTokens.makersSubTokens, listed: false },
  token_key: { row: tokens.tokenKeyRecord, listed: false },
  tombstone: { row: mandates.tombstoneRecord, listed: false },
};

/** Whether a row is of a kind that is guarded by the head. */
export function isGuarded(key: StoreKey): key is GuardedKey {
  return Object.hasOwn(GUARDED, key[0] ?? "");
}

/** Whether rows of this kind are gathered. */
export function isGathered(key: StoreKey): boolean {
  return isGuarded(key) && GUARDED[key[0]].gathered === true;
}

/** A row as the store has it, for who does not know the log's head. @throws {MalformedRecord} */
export async function readBeside<K extends GuardedKind>(
  reader: {
    readonly kv: Kv;
    readonly gathered: GatheredRows;
    get<T>(key: StoreKey, schema: z.ZodType<T>): Promise<{ readonly value: T } | null>;
  },
  key: GuardedKey<K>,
): Promise<GuardedRow<K> | null> {
  const schema = rowSchema(key);
  return isGathered(key)
    ? await reader.gathered.newest(reader.kv, key, schema)
    : (await reader.get(key, schema))?.value ?? null;
}

/** What a row of a kind is parsed by. */
function rowSchema<K extends GuardedKind>(key: GuardedKey<K>): z.ZodType<GuardedRow<K>> {
  return GUARDED[key[0]].row;
}

/** A row as an operation loaded it; what its commit makes of it is asked of the transaction. */
export interface Shared<K extends GuardedKind> {
  readonly key: GuardedKey<K>;
  readonly text: string;
  readonly row: GuardedRow<K> | null;
}

/** Below a prefix with more rows than this each is read by itself. */
export const NAMES_A_PREFIX = 100;

/** What is held of one org at most; up to twice the bytes where texts are not Latin. */
export const HELD_LIMITS = { entries: 20_000, bytes: 8 * 1024 * 1024 } as const;

/** What an entry of the map takes beside its key and its value. */
const ENTRY_BYTES = 150;

/** What a name takes beside its characters. */
const NAME_BYTES = 60;

/** What a value within a row takes beside its characters. */
const VALUE_BYTES = 24;

/** A row, null where there is none, or which rows there are below a prefix: null for too many. */
type Held = RowHeld | (HeldBytes & { readonly names: Set<string> | null });

interface HeldBytes {
  bytes: number;
  used: boolean;
}

interface RowHeld extends HeldBytes {
  row: unknown;
}

/** What this process knows of the guarded rows of one org under the head that it commits on. */
export class GuardedRows {
  /** Undefined before anything was read under one. */
  #head: string | null | undefined;
  /** What was made of rows that are held. */
  readonly grounds = new Grounds();
  /** By the text of the key, or of the prefix. What was not used since it was passed over goes first. */
  readonly #held = new Map<string, Held>();
  readonly #reading = new Map<string, Promise<unknown>>();
  #bytes = 0;
  /** What was begun to be read in an earlier one may lack what was committed since. */
  #epoch = 0;

  constructor(
    readonly limits: { readonly entries: number; readonly bytes: number } = HELD_LIMITS,
    readonly gathered: GatheredRows = new GatheredRows(),
  ) {}

  /** How much is held. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#held.size, bytes: this.#bytes };
  }

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
    for (const [text, held] of this.#held) {
      if (!("names" in held && held.names === null)) this.#forget(text);
    }
    this.#head = undefined;
    this.gathered.doubt();
    this.#forgetReads();
    this.grounds.shift();
  }

  /** A row, null where there is none: at once where it is held. @throws {MalformedRecord} */
  get<K extends GuardedKind>(
    kv: Kv,
    key: GuardedKey<K>,
    text = keyText(key),
  ): GuardedRow<K> | null | Promise<GuardedRow<K> | null> {
    const { row, listed, gathered } = GUARDED[key[0]];
    if (gathered === true && this.gathered.isCurrent) {
      const counter = this.gathered.counter(text, row);
      if (counter !== undefined) return counter;
    }
    const held = this.#use(text);
    if (held !== undefined && "row" in held) return held.row as GuardedRow<K> | null;
    if (!listed) return this.#read(kv, key, text);
    const prefix = key.slice(0, -1);
    const name = String(key.at(-1));
    if (this.lacks(prefix, name)) return null;
    return this.look(kv, prefix).then(() =>
      this.lacks(prefix, name) ? null : this.#read(kv, key, text)
    );
  }

  /** Whether there is surely no row of this name below the prefix. Reads nothing. */
  lacks(prefix: StoreKey, name: string): boolean {
    const held = this.#use(keyText(prefix));
    return held !== undefined && "names" in held && held.names !== null && !held.names.has(name);
  }

  /**
   * Reads which rows lie below a prefix, once for all who ask meanwhile, unless it is known.
   * @throws {StoreUnavailable}
   */
  look(kv: Kv, prefix: StoreKey): Promise<void> {
    const text = keyText(prefix);
    if (this.#held.has(text)) return Promise.resolve();
    return this.#once(text, async () => {
      const names = new Set<string>();
      const rows = listRecords(kv, { prefix: [...prefix] }, z.unknown(), {
        limit: NAMES_A_PREFIX + 1,
      });
      for await (const { key } of rows) names.add(String(key.at(-1)));
      return { value: undefined, entry: namesHeld(names) };
    });
  }

  /** What a commit writes for what its operations write. @throws {MalformedRecord} {StoreUnavailable} */
  gather(
    kv: Kv,
    org: string,
    writes: ReadonlyMap<string, AskedWrite>,
  ): Gathering | Promise<Gathering> {
    const counters: [string, AskedWrite][] = [];
    const others: AskedWrite[] = [];
    for (const [text, write] of writes) {
      if (isGathered(write.key)) counters.push([text, write]);
      else others.push(write);
    }
    if (counters.length === 0) return { writes: others, bytes: 0, landed: () => {} };
    const { gathered } = this;
    return atOnce([gathered.isCurrent ? null : gathered.follow(kv, org)], () => {
      const gathering = gathered.gather(org, counters);
      return { ...gathering, writes: [...others, ...gathering.writes] };
    });
  }

  /** Adds what a commit of this process wrote, by the texts of the keys; the log's head is now this one. */
  follow(
    writes: Iterable<readonly [string, { readonly key: StoreKey; readonly value: unknown }]>,
    head: string | null,
    gathering: Pick<Gathering, "landed"> | null = null,
  ): void {
    this.#head = head;
    gathering?.landed();
    // What is read at this moment may be from before the commit.
    this.#forgetReads();
    for (const [text, { key, value }] of writes) {
      if (!isGuarded(key)) continue;
      if (this.grounds.texts.has(text)) this.grounds.shift();
      // A counter that is gathered is held there, and as it was before nowhere else.
      if (isGathered(key) && this.gathered.has(text)) {
        this.#forget(text);
        continue;
      }
      this.#replace(text, rowHeld(value ?? null, key), isSpent(key, value));
      // A name stays when its row is deleted, which costs whoever asks a look at the row.
      if (value === undefined || !GUARDED[key[0]].listed) continue;
      const prefix = keyText(key.slice(0, -1));
      const held = this.#held.get(prefix);
      if (held === undefined || !("names" in held) || held.names === null) continue;
      this.#hold(prefix, namesHeld(held.names.add(String(key.at(-1)))));
    }
  }

  #read<K extends GuardedKind>(
    kv: Kv,
    key: GuardedKey<K>,
    text: string,
  ): Promise<GuardedRow<K> | null> {
    return this.#once(text, async () => {
      const value = await this.#find(kv, key, text);
      return { value, entry: rowHeld(value, key) };
    });
  }

  async #find<K extends GuardedKind>(
    kv: Kv,
    key: GuardedKey<K>,
    text: string,
  ): Promise<GuardedRow<K> | null> {
    const schema = rowSchema(key);
    if (isGathered(key)) {
      await this.gathered.follow(kv, String(key[1]));
      const found = this.gathered.counter(text, schema);
      if (found !== undefined) return found;
    }
    return (await readRecord(kv, key, schema))?.value ?? null;
  }

  /** Has something read once for all who want it meanwhile, and held unless it is too old by then. */
  #once<T>(
    text: string,
    read: () => Promise<{ readonly value: T; readonly entry: Held }>,
  ): Promise<T> {
    const begun = this.#reading.get(text);
    if (begun !== undefined) return begun as Promise<T>;
    const epoch = this.#epoch;
    const reading = read().finally(() => {
      if (epoch === this.#epoch) this.#reading.delete(text);
    }).then(({ value, entry }) => {
      if (epoch === this.#epoch) this.#hold(text, entry);
      return value;
    });
    this.#reading.set(text, reading);
    return reading;
  }

  #use(text: string): Held | undefined {
    const held = this.#held.get(text);
    if (held !== undefined) held.used = true;
    return held;
  }

  /**
   * @param ifRoom only where nothing else has to go for it: who uses many in the order in which they
   *   were made would find each gone for the one before
   */
  #hold(text: string, held: Held, ifRoom = false): void {
    held.bytes += text.length + ENTRY_BYTES;
    const isFull = this.#held.size >= this.limits.entries ||
      this.#bytes + held.bytes > this.limits.bytes;
    this.#forget(text);
    if (ifRoom && isFull) return;
    this.#bytes += held.bytes;
    this.#held.set(text, held);
    // Whatever was used goes to the end once, and is passed over: this ends.
    for (const [oldest, entry] of this.#held) {
      if (this.#held.size <= this.limits.entries && this.#bytes <= this.limits.bytes) return;
      this.#forget(oldest);
      if (!entry.used) continue;
      entry.used = false;
      this.#held.set(oldest, entry);
      this.#bytes += entry.bytes;
    }
  }

  /** The same for what is mostly held already, and then stays in its place. */
  #replace(text: string, held: RowHeld, ifRoom: boolean): void {
    const before = this.#held.get(text);
    const more = before === undefined ? 0 : held.bytes + text.length + ENTRY_BYTES - before.bytes;
    const fits = this.#bytes + more <= this.limits.bytes;
    if (before === undefined || !("row" in before) || !fits || ifRoom) {
      this.#hold(text, held, ifRoom);
      return;
    }
    before.row = held.row;
    before.bytes += more;
    this.#bytes += more;
  }

  #forget(text: string): void {
    this.#bytes -= this.#held.get(text)?.bytes ?? 0;
    this.#held.delete(text);
  }

  #forgetReads(): void {
    this.#epoch++;
    this.#reading.clear();
  }
}

function isSpent<K extends GuardedKind>(key: GuardedKey<K>, row: unknown): boolean {
  const { isSpent } = GUARDED[key[0]];
  return row !== undefined && isSpent?.(row as GuardedRow<K>) === true;
}

function rowHeld<K extends GuardedKind>(row: unknown, key: GuardedKey<K>): RowHeld {
  const { bytes } = GUARDED[key[0]];
  const known = row === null ? undefined : bytes?.(row as GuardedRow<K>);
  return { row, bytes: known ?? memoryOf(row), used: false };
}

/** Roughly the bytes that a row takes in memory. Names of members are shared by all rows of a kind. */
function memoryOf(value: unknown): number {
  if (typeof value === "string") return value.length + VALUE_BYTES;
  if (typeof value !== "object" || value === null) return VALUE_BYTES;
  if (value instanceof Uint8Array) return value.length + 4 * VALUE_BYTES;
  let bytes = VALUE_BYTES;
  for (const name in value) bytes += memoryOf((value as Record<string, unknown>)[name]);
  return bytes;
}

function namesHeld(names: Set<string>): Held {
  if (names.size > NAMES_A_PREFIX) return { names: null, bytes: 0, used: false };
  let bytes = 0;
  for (const name of names) bytes += name.length + NAME_BYTES;
  return { names, bytes, used: false };
}
