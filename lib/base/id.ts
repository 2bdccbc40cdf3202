/**
 * Ids of everything: three letters that say of what, and a UUIDv7, so that they sort by when they
 * were made. An id tells that time to whoever has it, and is no secret.
 */

/** What an id names. */
export type IdPrefix =
  | "org"
  | "tol"
  | "rul"
  | "key"
  | "agt"
  | "usr"
  | "acc"
  | "ses"
  | "grt"
  | "ocl"
  | "lgn"
  | "inv"
  | "dec"
  | "apr"
  | "cnf"
  | "rtk"
  | "mdt"
  | "exe"
  | "cal"
  | "evt"
  | "rcp"
  | "dlv"
  | "whk"
  | "chn"
  | "crd"
  | "doc"
  | "sub"
  | "ent"
  | "req";

/** 26 characters carry 130 bits: the first holds three bits of the 128 only. */
const ID = /^[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/** True for text in the form of an id with this prefix. */
export function isId(text: string, prefix: IdPrefix): boolean {
  return ID.test(text) && text.startsWith(prefix + "_");
}

/** The millisecond in which an id was made (RFC 9562 section 5.7), or null when it is no id. */
export function idTime(id: string): number | null {
  if (!ID.test(id)) return null;
  const bytes = decodeCrockford(id.slice(4));
  if (bytes === null) return null;
  let time = 0;
  for (let i = 0; i < 6; i++) time = time * 256 + (bytes[i] ?? 0);
  return time;
}

/** The first id that can have been made at a time, milliseconds: where a range of ids begins. */
export function firstId(prefix: IdPrefix, at: number): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.max(0, at)) << 16n);
  return `${prefix}_${encodeCrockford(bytes)}`;
}

/** Times have 48 bits. */
const TIME_END = 2 ** 48;

/** The counter of a millisecond has 42 bits: 12 before the variant, and 30 behind it. */
const LOW_END = 2 ** 30;

const VERSION_7 = 0x7000;

const VARIANT = 2 ** 31;

/**
 * Makes ids: a prefix and a UUIDv7 (RFC 9562) in 26 Crockford base32 characters. Ids of one maker
 * with times that do not go backwards sort in the order they were made: within a millisecond they
 * count on from a random number, whose highest bit is clear to leave room (section 6.2, method 1).
 */
export class IdMaker {
  readonly #random: (bytes: number) => Uint8Array;
  /** Random numbers are taken in blocks: one call of the system's generator costs more than an id. */
  #pool: DataView = new DataView(new ArrayBuffer(0));
  #used = 0;
  #time = -1;
  #high = 0;
  #low = 0;
  readonly #bytes = new Uint8Array(16);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor(random: (bytes: number) => Uint8Array) {
    this.#random = random;
  }

  /**
   * @param at milliseconds since 1970, which the id carries
   * @throws {RangeError} for a time that no id can carry
   */
  make(prefix: IdPrefix, at: number): string {
    if (at !== this.#time) this.#begin(at);
    else if (++this.#low === LOW_END) {
      this.#low = 0;
      this.#high++;
    }
    this.#view.setUint16(6, VERSION_7 + this.#high);
    this.#view.setUint32(8, VARIANT + this.#low);
    this.#view.setUint32(12, this.#word());
    return `${prefix}_${encodeCrockford(this.#bytes)}`;
  }

  /** Begins to count in another millisecond. */
  #begin(at: number): void {
    if (!Number.isInteger(at) || at < 0 || at >= TIME_END) {
      throw new RangeError(`Cannot make an id for the time ${at}`);
    }
    this.#time = at;
    this.#view.setUint32(0, Math.floor(at / 2 ** 16));
    this.#view.setUint16(4, at % 2 ** 16);
    this.#high = this.#word() >>> 21;
    this.#low = this.#word() >>> 2;
  }

  #word(): number {
    if (this.#used >= this.#pool.byteLength) {
      const { buffer, byteOffset, byteLength } = this.#random(1024);
      this.#pool = new DataView(buffer, byteOffset, byteLength);
      this.#used = 0;
    }
    this.#used += 4;
    return this.#pool.getUint32(this.#used - 4);
  }
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

const CODES = Array.from(ALPHABET, (character) => character.charCodeAt(0));

/**
 * Crockford base32 of bytes, lower case, most significant bit first: ceil(8n / 5) characters.
 * Where 8n is no multiple of 5 the value is padded with zero bits in front, so that the text
 * sorts as the bytes do.
 */
export function encodeCrockford(bytes: Uint8Array): string {
  const codes: number[] = [];
  let bits = Math.ceil(bytes.length * 8 / 5) * 5 - bytes.length * 8;
  let value = 0;
  for (let at = 0; at < bytes.length; at++) {
    value = (value << 8) | bytes[at]!;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      codes.push(CODES[(value >>> bits) & 31]!);
    }
    value &= (1 << bits) - 1;
  }
  // One text at once: each made longer by a character would be another one.
  return String.fromCharCode(...codes);
}

/** The bytes of a text that `encodeCrockford` made, or null when it is not such a text. */
export function decodeCrockford(text: string): Uint8Array | null {
  const bytes = new Uint8Array(Math.floor(text.length * 5 / 8));
  let bits = bytes.length * 8 - text.length * 5;
  let value = 0;
  let at = 0;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return null;
    value = (value << 5) | digit;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (value >>> bits) & 255;
      value &= (1 << bits) - 1;
    }
  }
  return at === bytes.length ? bytes : null;
}
