import { V7Generator } from "uuidv7";
import { decodeCrockford, encodeCrockford } from "../ids/crockford.ts";

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
