import type { z } from "zod";
import type { StoreKey } from "../store/keys.ts";
import { keyText, type Kv, listRecords, readRecord } from "../store/kv.ts";
import { gatheredKey, gatheredPrefix } from "../store/mandate_keys.ts";
import { MalformedRecord, parseRecord } from "../store/record.ts";
import { type GatheredRow, gatheredRow } from "../store/records/log.ts";

/**
 * Counters that many checks of one commit write, each another one: they are gathered in one row of
 * that commit, for what a row costs is hardly its bytes. The newest of these rows that names a counter
 * has it; one that none of them names has a row of its own, as it had when it was last written apart.
 * Each gathered row is written once, by the commit that moves the log's head, under the next number;
 * the oldest goes when there are many, and what only it has goes on: into the new one, or, where much
 * is gathered, into a row of its own. So any number of counters costs a commit few rows, and whoever
 * begins anew reads few.
 */

/** How much is gathered. */
export interface GatheredLimits {
  /** How many rows there are before the oldest goes. */
  readonly rows: number;
  /** Characters that they all have before the oldest goes: whoever begins anew reads them. */
  readonly written: number;
  /** Characters of counters beyond which what was not written for long gets a row of its own. */
  readonly characters: number;
  /** How many of the oldest rows go in one commit at most. */
  readonly ended: number;
  /** How many counters it writes apart for these, where it counts no more itself. */
  readonly apart: number;
}

/**
 * As many that what is in use is mostly written anew before its row goes, and need not be passed on:
 * of a thousand mandates with budgets a commit of 32 connections writes some 14, 5 KB.
 */
export const GATHERED_LIMITS: GatheredLimits = {
  rows: 512,
  written: 768 * 1024,
  characters: 384 * 1024,
  ended: 4,
  apart: 32,
};

/** Of one row: a value holds 65,536 bytes, and a character may have three. */
const ROW_CHARACTERS = 20_000;

/** What a counter in a row of its own takes at most, roughly. */
const COUNTER_BYTES = 1000;

/** A row that a commit writes. */
export interface RowWrite {
  readonly key: StoreKey;
  /** Undefined deletes. */
  readonly value: unknown;
  /** Milliseconds after which the store may drop it. */
  readonly expireIn?: number | undefined;
}

/** A row that an operation writes. */
export interface AskedWrite extends RowWrite {
  /** Whether it is to have a row of its own in any case, as what is listed by its keys. */
  readonly isApart?: boolean;
}

/** A counter that is to be gathered. */
interface NewCounter {
  readonly text: string;
  readonly key: StoreKey;
  /** JSON of the key without the organization. */
  readonly name: string;
  /** Null for one that is deleted. */
  readonly value: unknown;
  readonly json: string;
}

/**
 * A counter as the newest row that names it has it. It is changed in its place, for what is written
 * thousands of times a second and lives long is much for whoever collects garbage.
 */
interface Counter extends Omit<NewCounter, "value" | "json"> {
  /** The number of that row. */
  row: number;
  value: unknown;
  /** Whether it is the record of its kind already, and not as it was read. */
  isParsed: boolean;
  characters: number;
}

/** A gathered row, by the texts of its counters. */
interface KnownRow {
  readonly texts: readonly string[];
  readonly characters: number;
}

/** A gathered row as it was read. */
interface Found extends GatheredRow {
  readonly number: number;
}

/** What a commit writes, with counters gathered. */
export interface Gathering {
  readonly writes: Iterable<RowWrite>;
  /** An upper estimate of the bytes of what it adds. */
  readonly bytes: number;
  /** To be called once it stands. */
  readonly landed: () => void;
}

const encoder = new TextEncoder();

/** What this process knows of the gathered rows of one organization. */
export class GatheredRows {
  /** By the texts of their keys. */
  readonly #counters = new Map<string, Counter>();
  /** By their numbers, the oldest first. */
  readonly #rows = new Map<number, KnownRow>();
  #next = 0;
  /** Of the counters as they are, and of all that the rows have of them. */
  #characters = 0;
  #written = 0;
  /** Whether there is no newer one while the log's head stays as it is. */
  #isCurrent = false;
  #doubts = 0;
  #reading: Promise<void> | null = null;

  constructor(readonly limits = GATHERED_LIMITS) {}

  /** How much is held. */
  get size(): Readonly<Record<"rows" | "counters" | "characters" | "written", number>> {
    return {
      rows: this.#rows.size,
      counters: this.#counters.size,
      characters: this.#characters,
      written: this.#written,
    };
  }

  /** Others may have written since. What was read stays: no row is written a second time. */
  doubt(): void {
    this.#isCurrent = false;
    this.#reading = null;
    this.#doubts++;
  }

  /** Whether all are known while the log's head stays as it is. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** Has all known, read once for all who want it meanwhile. @throws {MalformedRecord} {StoreUnavailable} */
  async follow(kv: Kv, org: string): Promise<void> {
    if (this.#isCurrent) return;
    const reading = this.#reading ??= this.read(kv, org);
    try {
      await reading;
    } finally {
      if (this.#reading === reading) this.#reading = null;
    }
  }

  /** Reads those that came since, as of now. @throws {MalformedRecord} {StoreUnavailable} */
  async read(kv: Kv, org: string): Promise<void> {
    for (;;) {
      const [from, doubts] = [this.#next, this.#doubts];
      const found: Found[] = [];
      const range = { prefix: [...gatheredPrefix(org)], start: [...gatheredKey(org, from)] };
      for await (const { key, value } of listRecords(kv, range, gatheredRow)) {
        found.push({ number: Number(key.at(-1)), ...value });
      }
      // Another read, or a commit of this process, was quicker.
      if (from !== this.#next) continue;
      this.#take(org, found);
      this.#isCurrent = doubts === this.#doubts;
      return;
    }
  }

  /** @throws {MalformedRecord} */
  #take(org: string, found: readonly Found[]): void {
    const oldest = found.at(-1)?.from ?? 0;
    for (const [i, { number }] of found.entries()) {
      const before = found[i - 1]?.number ?? Math.max(this.#next, oldest) - 1;
      if (number === before + 1 || number < oldest) continue;
      throw new MalformedRecord(gatheredKey(org, before + 1), "it is gone, and what it has is not");
    }
    for (const { number, rows } of found) {
      const counters = rows.map(([[kind, id], value]) => {
        const key = [kind, org, id];
        const name = JSON.stringify([kind, id]);
        return { text: keyText(key), key, name, value, json: JSON.stringify(value) };
      });
      this.#add(number, counters, false);
    }
    for (const number of this.#rows.keys()) if (number < oldest) this.#end(number);
  }

  /** Whether a counter is gathered, by the text of its key. */
  has(text: string): boolean {
    return this.#counters.has(text);
  }

  /** A counter; null where it is deleted, undefined where it is not gathered. @throws {MalformedRecord} */
  counter<T>(text: string, schema: z.ZodType<T>): T | null | undefined {
    return recordOf(this.#counters.get(text), schema);
  }

  /**
   * A counter as the store has it now. No commit checks it: what is written on it is refused where the
   * log's head has moved since. @throws {MalformedRecord} {StoreUnavailable}
   */
  async newest<T>(kv: Kv, key: StoreKey, schema: z.ZodType<T>): Promise<T | null> {
    await this.read(kv, String(key[1]));
    const found = this.counter(keyText(key), schema);
    return found === undefined ? (await readRecord(kv, key, schema))?.value ?? null : found;
  }

  /**
   * What is gathered now, for who reads many rows: it is asked before them, and goes before what they
   * say. @throws {MalformedRecord} {StoreUnavailable}
   */
  async lookup(
    kv: Kv,
    org: string,
  ): Promise<<T>(key: StoreKey, schema: z.ZodType<T>) => T | null | undefined> {
    await this.read(kv, org);
    const counters = new Map<string, Counter>();
    for (const [text, counter] of this.#counters) counters.set(text, { ...counter });
    return (key, schema) => recordOf(counters.get(keyText(key)), schema);
  }

  /** What a commit writes for counters. All that is gathered has to be known. */
  gather(org: string, asked: Iterable<readonly [string, AskedWrite]>): Gathering {
    const writes: RowWrite[] = [];
    const next = new Map<string, NewCounter>();
    for (const [text, write] of asked) {
      const { key, value, isApart = false } = write;
      const before = this.#counters.get(text);
      const isAlone = isApart || value === undefined;
      if (isAlone) writes.push(write);
      if (isAlone && before === undefined) continue;
      const name = before?.name ?? JSON.stringify([key[0], ...key.slice(2)]);
      next.set(text, {
        text,
        key,
        name,
        value: value ?? null,
        json: JSON.stringify(value ?? null),
      });
    }
    const ended = this.#pass(next, writes);
    const rows = rowsOf(next);
    let bytes = writes.length * COUNTER_BYTES;
    const oldest = firstFrom(this.#rows.keys(), ended.length) ?? this.#next;
    rows.forEach((counters, i) => {
      const texts = counters.map(({ name, json }) => `[${name},${json}]`);
      const value = encoder.encode(`{"from":${oldest},"rows":[${texts.join()}]}`);
      bytes += value.length;
      writes.push({ key: gatheredKey(org, this.#next + i), value });
    });
    for (const number of ended) writes.push({ key: gatheredKey(org, number), value: undefined });
    return {
      writes,
      bytes,
      landed: () => {
        for (const counters of rows) this.#add(this.#next, counters, true);
        for (const number of ended) this.#end(number);
      },
    };
  }

  /**
   * Takes what only the oldest rows have to what is written next, or apart where much is gathered;
   * which rows those are.
   */
  #pass(next: Map<string, NewCounter>, writes: RowWrite[]): number[] {
    const ended: number[] = [];
    if (next.size === 0) return ended;
    const { limits } = this;
    let characters = this.#characters;
    let written = this.#written;
    // As many as it counts anew, or there would be ever more.
    let room = Math.max(next.size, limits.apart);
    for (const [number, row] of this.#rows) {
      const isMuch = this.#rows.size - ended.length >= limits.rows ||
        written > limits.written || characters > limits.characters;
      if (!isMuch || ended.length === limits.ended) break;
      ended.push(number);
      written -= row.characters;
      for (const text of row.texts) {
        const counter = this.#counters.get(text);
        // One that is deleted has no row of its own, and no older row names it.
        if (counter?.row !== number || next.has(text) || counter.value === null) continue;
        if (characters <= limits.characters || room === 0) {
          const { key, name, value } = counter;
          next.set(text, { text, key, name, value, json: JSON.stringify(value) });
          continue;
        }
        room--;
        characters -= counter.characters;
        writes.push({ key: counter.key, value: counter.value });
      }
    }
    return ended;
  }

  /** @param isNew written by a commit of this process, not read */
  #add(number: number, counters: readonly NewCounter[], isNew: boolean): void {
    let written = 0;
    const texts = counters.map(({ text, key, name, value, json }) => {
      const characters = name.length + json.length;
      written += characters;
      const known = this.#counters.get(text);
      this.#characters += characters - (known?.characters ?? 0);
      if (known === undefined) {
        const isParsed = isNew;
        this.#counters.set(text, { text, key, name, row: number, value, isParsed, characters });
        return text;
      }
      known.row = number;
      // What is only passed on is as it was.
      known.isParsed = value === known.value ? known.isParsed : isNew;
      known.value = value;
      known.characters = characters;
      // One text a counter, however many rows name it.
      return known.text;
    });
    this.#rows.set(number, { texts, characters: written });
    this.#written += written;
    this.#next = number + 1;
  }

  #end(number: number): void {
    const row = this.#rows.get(number);
    if (row === undefined) return;
    for (const text of row.texts) {
      if (this.#counters.get(text)?.row === number) this.#forget(text);
    }
    this.#rows.delete(number);
    this.#written -= row.characters;
  }

  #forget(text: string): void {
    const before = this.#counters.get(text);
    if (before === undefined) return;
    this.#characters -= before.characters;
    this.#counters.delete(text);
  }
}

function rowsOf(next: ReadonlyMap<string, NewCounter>): NewCounter[][] {
  const rows: NewCounter[][] = [];
  let room = 0;
  for (const counter of next.values()) {
    const size = counter.name.length + counter.json.length + 4;
    if (size > room) {
      rows.push([]);
      room = ROW_CHARACTERS;
    }
    rows.at(-1)?.push(counter);
    room -= size;
  }
  return rows;
}

function recordOf<T>(counter: Counter | undefined, schema: z.ZodType<T>): T | null | undefined {
  if (counter === undefined) return undefined;
  if (counter.value === null) return null;
  if (!counter.isParsed) {
    counter.value = parseRecord(counter.key, schema, counter.value);
    counter.isParsed = true;
  }
  return counter.value as T;
}

function firstFrom(numbers: Iterable<number>, place: number): number | undefined {
  let at = 0;
  for (const number of numbers) if (at++ === place) return number;
  return undefined;
}
