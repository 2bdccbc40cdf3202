/**
 * Goes over the bytes of a JSON text (RFC 8259) and says whether it is one, without making anything of
 * it, and can rest on the way. UTF-8 is not its matter.
 */

/** Most values of a text: each costs far more than its bytes once something is made of it. */
export const MAX_VALUES = 50_000;

/** How deep arrays and objects nest at most. */
const MAX_DEPTH = 64;

/** Where a value lies, and what lies in it as far as that was looked at. */
export interface Place {
  readonly start: number;
  end: number;
  /** Of an object that was looked into, by name; null for anything else. */
  readonly members: Map<string, Place> | null;
  /** Whether it is an array of objects that each have a `type` which is a string. */
  isTyped: boolean;
}

const QUOTE = 0x22;

const COMMA = 0x2c;

const COLON = 0x3a;

const BACKSLASH = 0x5c;

const OPEN_BRACKET = 0x5b;

const CLOSE_BRACKET = 0x5d;

const OPEN_BRACE = 0x7b;

const CLOSE_BRACE = 0x7d;

const MINUS = 0x2d;

/** What may stand next. */
const VALUE = 0;
const FIRST_VALUE = 1;
const NAME = 2;
const FIRST_NAME = 3;
const NEEDS_COLON = 4;
const AFTER = 5;

/** 1 for what stands in a string as itself, neither its end, nor an escape, nor a control character. */
const PLAIN = Uint8Array.from(
  { length: 256 },
  (_, byte) => byte < 0x20 || byte === QUOTE || byte === BACKSLASH ? 0 : 1,
);

/** 1 for what may follow a backslash, `u` and its digits aside. */
const ESCAPED = Uint8Array.from(
  { length: 256 },
  (_, byte) => '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

const LITERALS = ["true", "false", "null"].map((word) => new TextEncoder().encode(word));

export class Scanner {
  /** What the text is, once it is done; null where that is no object. */
  root: Place | null = null;
  isDone = false;
  #at = 0;
  #next = VALUE;
  #values = 0;
  /** How many containers are open, and by depth what they are. */
  #depth = 0;
  readonly #isObject = new Uint8Array(MAX_DEPTH);
  /** Null where nobody wants to know where it lies. */
  readonly #places: (Place | null)[] = [];
  /** The name that a value follows now, by depth, in objects that are looked into. */
  readonly #names: string[] = [];
  /** The array whose elements are to have a type, while it is open, and its element. */
  #typed: Place | null = null;
  #hasType = false;
  #isTypeNext = false;

  constructor(readonly bytes: Uint8Array) {}

  /**
   * Goes on to the first value or sign after a position, or to the end.
   * @returns what is wrong; null for nothing so far
   */
  run(until: number): "malformed" | "too_many_values" | null {
    const { bytes } = this;
    while (this.#at < bytes.length) {
      if (this.#at > until) return null;
      const byte = bytes[this.#at];
      if (isSpace(byte)) {
        this.#at++;
        continue;
      }
      const isGood = this.#take(byte);
      if (this.#values > MAX_VALUES || this.#depth > MAX_DEPTH) return "too_many_values";
      if (!isGood) return "malformed";
    }
    this.isDone = true;
    return this.#depth === 0 && this.#next === AFTER ? null : "malformed";
  }

  #take(byte: number | undefined): boolean {
    switch (this.#next) {
      case FIRST_VALUE:
        return byte === CLOSE_BRACKET ? this.#close(0) : this.#value(byte);
      case VALUE:
        return this.#value(byte);
      case FIRST_NAME:
        return byte === CLOSE_BRACE ? this.#close(1) : this.#name(byte);
      case NAME:
        return this.#name(byte);
      case NEEDS_COLON:
        this.#at++;
        this.#next = VALUE;
        return byte === COLON;
      default:
        if (byte === CLOSE_BRACE) return this.#close(1);
        if (byte === CLOSE_BRACKET) return this.#close(0);
        if (byte !== COMMA || this.#depth === 0) return false;
        this.#at++;
        this.#values++;
        this.#next = this.#isObject[this.#depth - 1] === 1 ? NAME : VALUE;
        return true;
    }
  }

  #value(byte: number | undefined): boolean {
    const start = this.#at;
    if (this.#typed !== null) this.#typeSeen(this.#typed, byte);
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return this.#open(byte === OPEN_BRACE);
    const end = byte === QUOTE ? stringEnd(this.bytes, start) : scalarEnd(this.bytes, start);
    if (end < 0) return false;
    this.#at = end;
    this.#next = AFTER;
    const members = this.#around;
    if (members !== null) {
      const place = { start, end, members: null, isTyped: false };
      members.set(this.#names[this.#depth - 1] ?? "", place);
    }
    return true;
  }

  /** The members of the innermost open object, where they are looked into. */
  get #around(): Map<string, Place> | null {
    return this.#places[this.#depth - 1]?.members ?? null;
  }

  #open(isObject: boolean): boolean {
    const depth = this.#depth;
    const around = this.#around;
    this.#values++;
    this.#depth++;
    const start = this.#at++;
    this.#next = isObject ? FIRST_NAME : FIRST_VALUE;
    if (depth >= MAX_DEPTH) return true;
    this.#isObject[depth] = isObject ? 1 : 0;
    if (around === null && depth > 0) {
      this.#places[depth] = null;
      return true;
    }
    const name = this.#names[depth - 1] ?? "";
    const isLookedInto = isObject && (depth < 2 || name === "_meta");
    const members = isLookedInto ? new Map<string, Place>() : null;
    const place = { start, end: 0, members, isTyped: !isObject && depth === 2 };
    this.#places[depth] = place;
    if (place.isTyped) this.#typed = place;
    if (around !== null) around.set(name, place);
    else if (isObject) this.root = place;
    return true;
  }

  #close(isObject: number): boolean {
    if (this.#depth === 0 || this.#isObject[this.#depth - 1] !== isObject) return false;
    const depth = --this.#depth;
    this.#at++;
    this.#next = AFTER;
    const place = this.#places[depth];
    if (place) place.end = this.#at;
    if (this.#typed === null) return true;
    if (depth === 2) this.#typed = null;
    else if (depth === 3 && !this.#hasType) this.#typed.isTyped = false;
    return true;
  }

  #name(byte: number | undefined): boolean {
    const start = this.#at;
    const end = byte === QUOTE ? stringEnd(this.bytes, start) : -1;
    if (end < 0) return false;
    this.#at = end;
    this.#next = NEEDS_COLON;
    const around = this.#around;
    if (around !== null) {
      const name = nameIn(this.bytes.subarray(start, end));
      if (around.has(name)) return false;
      this.#names[this.#depth - 1] = name;
    } else if (this.#typed !== null && this.#depth === 4) {
      this.#isTypeNext = nameIn(this.bytes.subarray(start, end)) === "type";
    }
    return true;
  }

  /** What a value that begins means for the types of an array. */
  #typeSeen(typed: Place, byte: number | undefined): void {
    if (this.#depth === 3) {
      this.#hasType = false;
      if (byte !== OPEN_BRACE) typed.isTyped = false;
    } else if (this.#depth === 4 && this.#isTypeNext) {
      this.#hasType = byte === QUOTE;
      this.#isTypeNext = false;
    }
  }
}

/** Space, tab, line feed or carriage return; nothing else may stand around values. */
function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHex(byte: number | undefined): boolean {
  if (isDigit(byte)) return true;
  const small = (byte ?? 0) | 0x20;
  return small >= 0x61 && small <= 0x66;
}

/** The position after a string; -1 where it is none. */
function stringEnd(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (PLAIN[byte] === 1) continue;
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) return -1;
    const escape = bytes[++at] ?? 0;
    if (ESCAPED[escape] === 1) continue;
    if (escape !== 0x75) return -1;
    for (let digit = 1; digit <= 4; digit++) if (!isHex(bytes[at + digit])) return -1;
    at += 4;
  }
  return -1;
}

/** The position after a number or a literal; -1 where it is none. */
function scalarEnd(bytes: Uint8Array, start: number): number {
  for (const word of LITERALS) {
    if (word.every((byte, i) => bytes[start + i] === byte)) return start + word.length;
  }
  let at = start;
  const digits = () => {
    const first = at;
    while (isDigit(bytes[at])) at++;
    return at > first;
  };
  if (bytes[at] === MINUS) at++;
  if (bytes[at] === 0x30) at++;
  else if (!digits()) return -1;
  if (bytes[at] === 0x2e) {
    at++;
    if (!digits()) return -1;
  }
  if (((bytes[at] ?? 0) | 0x20) === 0x65) {
    at++;
    if (bytes[at] === MINUS || bytes[at] === 0x2b) at++;
    if (!digits()) return -1;
  }
  return at;
}

/** A member's name without its escapes. */
function nameIn(quoted: Uint8Array): string {
  return String(JSON.parse(new TextDecoder().decode(quoted)));
}
