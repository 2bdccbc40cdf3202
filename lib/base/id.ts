import { V7Generator } from "uuidv7";

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
  | "inv"
  | "dec"
  | "apr"
  | "rtk"
  | "exe"
  | "dlv"
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

/**
 * Makes ids: a prefix and a UUIDv7 (RFC 9562) in 26 Crockford base32 characters. Ids of one maker
 * with times that do not go backwards sort in the order they were made.
 */
export class IdMaker {
  readonly #generator: V7Generator;

  constructor(random: (bytes: number) => Uint8Array) {
    // Random numbers are taken in blocks: one call of the system's generator costs more than an id.
    let pool: DataView = new DataView(new ArrayBuffer(0));
    let used = 0;
    const nextUint32 = () => {
      if (used >= pool.byteLength) {
        const bytes = random(1024);
        pool = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        used = 0;
      }
      used += 4;
      return pool.getUint32(used - 4);
    };
    this.#generator = new V7Generator({ nextUint32 });
  }

  /** @param at milliseconds since 1970, which the id carries */
  make(prefix: IdPrefix, at: number): string {
    return `${prefix}_${encodeCrockford(this.#generator.generateOrResetCore(at, 0).bytes)}`;
  }
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * Crockford base32 of bytes, lower case, most significant bit first: ceil(8n / 5) characters.
 * Where 8n is no multiple of 5 the value is padded with zero bits in front, so that the text
 * sorts as the bytes do.
 */
export function encodeCrockford(bytes: Uint8Array): string {
  const characters = Math.ceil(bytes.length * 8 / 5);
  let bits = characters * 5 - bytes.length * 8;
  let value = 0;
  let text = "";
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return text;
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
