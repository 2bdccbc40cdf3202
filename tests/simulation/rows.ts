/**
 * The rows of a store as Deno KV has them: ordered keys, versionstamps, limits. All of it happens at
 * once; when is up to whoever calls.
 */

/** A value with its key. */
interface Row {
  readonly key: Deno.KvKey;
  readonly value: unknown;
  readonly versionstamp: string;
}

/** What one commit asks. */
export interface Commit {
  readonly checks: { readonly key: Deno.KvKey; readonly versionstamp: string | null }[];
  readonly writes: {
    readonly key: Deno.KvKey;
    /** Absent to delete. */
    readonly set?: { readonly value: unknown; readonly expireIn: number | undefined };
  }[];
  readonly messages: { readonly value: unknown; readonly delay: number }[];
}

/** Limits of Deno KV. */
const MOST_CHECKS = 100;
const MOST_MUTATIONS = 1000;
const MOST_KEY_BYTES = 2048;
const MOST_VALUE_BYTES = 65_536;
const MOST_BYTES = 819_200;

/** All rows, in the order of their keys. */
export class Rows {
  readonly #rows = new Map<string, Row>();
  #order: string[] = [];
  #version = 0;
  /** Called for each key that a commit sets or deletes. */
  onWrite: (key: Deno.KvKey) => void = () => {};

  get size(): number {
    return this.#rows.size;
  }

  get(key: Deno.KvKey): Deno.KvEntryMaybe<unknown> {
    const row = this.#rows.get(encodeKey(key));
    if (row === undefined) return { key: [...key], value: null, versionstamp: null };
    return entryOf(row);
  }

  /** Up to `limit` rows of a range, in the order that is asked for. */
  range(from: string, to: string, limit: number, reverse: boolean): Deno.KvEntry<unknown>[] {
    const first = this.#place(from);
    const end = this.#place(to);
    const names = reverse
      ? this.#order.slice(Math.max(first, end - limit), end).reverse()
      : this.#order.slice(first, Math.min(end, first + limit));
    return names.map((name) => entryOf(this.#rows.get(name)!));
  }

  /** Makes a commit, or not, whole. @throws {TypeError} as Deno KV does for one beyond its limits */
  commit({ checks, writes, messages }: Commit): Deno.KvCommitResult | Deno.KvCommitError {
    if (checks.length > MOST_CHECKS) throw new TypeError(`Too many checks (max ${MOST_CHECKS})`);
    if (writes.length + messages.length > MOST_MUTATIONS) {
      throw new TypeError(`Too many mutations (max ${MOST_MUTATIONS})`);
    }
    let bytes = 0;
    const named = writes.map(({ key, set }) => {
      const name = encodeKey(key);
      if (name.length > MOST_KEY_BYTES) throw new TypeError("Key too large for write");
      const size = set === undefined ? 0 : sizeOf(set.value);
      if (size > MOST_VALUE_BYTES) throw new TypeError("Value too large");
      bytes += name.length + size;
      return { name, key, set };
    });
    if (bytes > MOST_BYTES) {
      throw new TypeError(`Total mutation size too large (max ${MOST_BYTES})`);
    }
    for (const { key, versionstamp } of checks) {
      if ((this.#rows.get(encodeKey(key))?.versionstamp ?? null) !== versionstamp) {
        return { ok: false };
      }
    }
    const versionstamp = (++this.#version).toString(16).padStart(20, "0");
    for (const { name, key, set } of named) {
      if (set === undefined) this.#remove(name);
      else this.#put(name, { key: [...key], value: copyOf(set.value), versionstamp });
      this.onWrite(key);
    }
    return { ok: true, versionstamp };
  }

  /** Removes a row as its time is up, if it is still the one that was written then. */
  expire(key: Deno.KvKey, versionstamp: string): void {
    const name = encodeKey(key);
    if (this.#rows.get(name)?.versionstamp === versionstamp) this.#remove(name);
  }

  /** All of it as it is now, to be brought back. */
  copy(): () => void {
    const rows = new Map(this.#rows);
    return () => {
      this.#rows.clear();
      for (const [name, row] of rows) this.#rows.set(name, row);
      this.#order = [...rows.keys()].sort();
    };
  }

  /** How many rows come before a key. */
  #place(name: string): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#order[middle]! < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #put(name: string, row: Row): void {
    if (!this.#rows.has(name)) this.#order.splice(this.#place(name), 0, name);
    this.#rows.set(name, row);
  }

  #remove(name: string): void {
    if (this.#rows.delete(name)) this.#order.splice(this.#place(name), 1);
  }
}

function entryOf({ key, value, versionstamp }: Row): Deno.KvEntry<unknown> {
  return { key: [...key], value: copyOf(value), versionstamp };
}

/** The bounds of a selector, encoded. */
export function boundsOf(selector: Deno.KvListSelector): { from: string; to: string } {
  if (!("prefix" in selector)) {
    return { from: encodeKey(selector.start), to: encodeKey(selector.end) };
  }
  const prefix = encodeKey(selector.prefix);
  return {
    from: "start" in selector && selector.start !== undefined
      ? encodeKey(selector.start)
      : prefix + "\0",
    to: "end" in selector && selector.end !== undefined ? encodeKey(selector.end) : prefix + "\xff",
  };
}

const encoder = new TextEncoder();
const view = new DataView(new ArrayBuffer(8));

/** A key as a text that orders as Deno KV orders keys: its bytes, one a character. */
export function encodeKey(key: Deno.KvKey): string {
  let text = "";
  for (const part of key) {
    if (part instanceof Uint8Array) text += "\x01" + escaped(latin(part)) + "\0";
    else if (typeof part === "string") text += "\x02" + escaped(utf8(part)) + "\0";
    else if (typeof part === "number") text += "\x21" + ordered(part);
    else if (typeof part === "boolean") text += part ? "\x27" : "\x26";
    else throw new TypeError("No key of the product has a part of this kind.");
  }
  return text;
}

/** The bytes of a number, so that they order as numbers do. */
function ordered(number: number): string {
  view.setFloat64(0, number);
  const isNegative = (view.getUint8(0) & 0x80) !== 0;
  const bytes = Array.from({ length: 8 }, (_, at) => view.getUint8(at));
  const [first = 0, ...rest] = bytes;
  if (isNegative) return latin(Uint8Array.from(bytes, (byte) => byte ^ 0xff));
  return latin(Uint8Array.from([first ^ 0x80, ...rest]));
}

function utf8(text: string): string {
  // deno-lint-ignore no-control-regex -- ASCII is its own UTF-8
  return /^[\x00-\x7f]*$/.test(text) ? text : latin(encoder.encode(text));
}

function latin(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function escaped(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\0\xff") : text;
}

/** A copy that shares nothing with a value, as a store gives and takes them. */
export function copyOf<T>(value: T): T {
  if (typeof value !== "object" || value === null) {
    if (typeof value === "function" || typeof value === "symbol") {
      throw new TypeError("A store takes no such value.");
    }
    return value;
  }
  if (value instanceof Uint8Array) return value.slice() as T;
  if (Array.isArray(value)) return value.map(copyOf) as T;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return structuredClone(value);
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    copy[name] = copyOf((value as Record<string, unknown>)[name]);
  }
  return copy as T;
}

/** About how many bytes a value takes as Deno KV writes it. */
function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.length + 8;
  if (typeof value === "string") return value.length + 5;
  if (typeof value !== "object" || value === null) return 9;
  let sum = 8;
  for (const name of Object.keys(value)) {
    sum += name.length + 3 + sizeOf((value as Record<string, unknown>)[name]);
  }
  return sum;
}
