import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  timingSafeEqual,
} from "node:crypto";
import type { SealedKey, StoreKey } from "./keys.ts";

/**
 * What must be read back is sealed by keys made of the deployment's secret, each row bound to its
 * own key of the store. A value moved, changed, or sealed under another secret does not open.
 */

const NONCE_BYTES = 12;

const TAG_BYTES = 16;

/** Bytes in the store do not open under any secret this process was given. */
export class CannotOpen extends Error {
  readonly code = "cannot_open";

  constructor(key: StoreKey) {
    super(
      `The sealed record ${JSON.stringify(key)} does not open. Start with the COUNTERSIGN_SECRET ` +
        "it was written under, or give that one as COUNTERSIGN_SECRET_PREVIOUS.",
    );
  }
}

/** AES-256-GCM with the random nonce in front and the tag behind. */
export function encrypt(
  key: Uint8Array,
  plain: Uint8Array,
  associated: Uint8Array,
  random: (bytes: number) => Uint8Array,
): Uint8Array {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(associated);
  const body = cipher.update(plain);
  cipher.final();
  const out = new Uint8Array(NONCE_BYTES + body.length + TAG_BYTES);
  out.set(nonce);
  out.set(body, NONCE_BYTES);
  out.set(cipher.getAuthTag(), NONCE_BYTES + body.length);
  return out;
}

/** The plain bytes, or null when key, associated data or bytes are not those of `encrypt`. */
export function decrypt(
  key: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array | null {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE_BYTES));
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const body = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return new Uint8Array(body);
}

/** A 32-byte key for one purpose, from a secret: HKDF-SHA-256 (RFC 5869). */
export function subkey(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "countersign/v1", purpose, 32));
}

/** What sealed bytes hold, and which secret opened them. */
export interface Opened {
  readonly plain: Uint8Array;
  readonly under: "current" | "previous";
}

/**
 * Seals what the store must be able to give back. The KV key is the associated data, so that a
 * sealed value moved to another key does not open (a stolen or edited store cannot swap records).
 */
export class Sealer {
  readonly #current: Uint8Array;
  readonly #previous: Uint8Array | null;
  /** Keys of MACs: the current one first. */
  readonly #macKeys: readonly [Uint8Array, ...Uint8Array[]];
  readonly #random: (bytes: number) => Uint8Array;

  /** @param previous the secret before the current one, while records still lie under it */
  constructor(
    secret: Uint8Array,
    previous: Uint8Array | null,
    random: (bytes: number) => Uint8Array,
  ) {
    this.#current = subkey(secret, "store");
    this.#previous = previous === null ? null : subkey(previous, "store");
    this.#macKeys = [
      subkey(secret, "mac"),
      ...(previous === null ? [] : [subkey(previous, "mac")]),
    ];
    this.#random = random;
  }

  /** Whether there is a secret besides the current one that records may lie under. */
  get hasPrevious(): boolean {
    return this.#previous !== null;
  }

  /** Seals under the current secret. */
  seal(key: SealedKey, plain: Uint8Array): Uint8Array {
    return encrypt(this.#current, plain, associatedData(key), this.#random);
  }

  /** Opens, and says under which secret; null when the bytes open under none. */
  tryOpen(key: StoreKey, sealed: Uint8Array): Opened | null {
    const associated = associatedData(key);
    const plain = decrypt(this.#current, sealed, associated);
    if (plain !== null) return { plain, under: "current" };
    if (this.#previous === null) return null;
    const before = decrypt(this.#previous, sealed, associated);
    return before === null ? null : { plain: before, under: "previous" };
  }

  /** @throws {CannotOpen} */
  open(key: StoreKey, sealed: Uint8Array): Uint8Array {
    const opened = this.tryOpen(key, sealed);
    if (opened === null) throw new CannotOpen(key);
    return opened.plain;
  }

  /**
   * HMAC-SHA-256 of a text for one purpose, under the current secret: for a secret too short to be
   * kept as a bare hash, which whoever steals the store would try through.
   */
  mac(purpose: string, text: string): Uint8Array<ArrayBuffer> {
    return hmac(this.#macKeys[0], purpose, text);
  }

  /** Whether `mac` gave these bytes, under the current secret or the one before. In constant time. */
  isMac(purpose: string, text: string, mac: Uint8Array): boolean {
    const matches = this.#macKeys.map((key) => {
      const expected = hmac(key, purpose, text);
      return mac.length === expected.length && timingSafeEqual(mac, expected);
    });
    return matches.includes(true);
  }

  sealJson(key: SealedKey, value: unknown): Uint8Array {
    return this.seal(key, Buffer.from(JSON.stringify(value)));
  }

  /** The caller parses what comes back by a schema. @throws {CannotOpen} */
  openJson(key: StoreKey, sealed: Uint8Array): unknown {
    return JSON.parse(Buffer.from(this.open(key, sealed)).toString());
  }
}

function hmac(key: Uint8Array, purpose: string, text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHmac("sha256", key).update(`${purpose}\0${text}`).digest());
}

function associatedData(key: StoreKey): Uint8Array {
  return Buffer.from(JSON.stringify(key));
}
