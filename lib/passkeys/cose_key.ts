import { toBase64Url, toHex } from "../base/bytes.ts";

/**
 * Public keys of passkeys: read from COSE, and checked with WebCrypto. The readers of CBOR and DER
 * take only what keys and signatures are, in one spelling.
 */

/** COSE numbers of the algorithms that passkeys may sign with, the wanted ones first. */
export const ALGORITHMS = { ES256: -7, EdDSA: -8, RS256: -257 } as const;

/** A public key out of a COSE key (RFC 9052 section 7), ready for WebCrypto. */
interface CoseKey {
  readonly jwk: JsonWebKey;
  readonly importedAs: EcKeyImportParams | RsaHashedImportParams | { readonly name: "Ed25519" };
  readonly verifiedAs: EcdsaParams | { readonly name: string };
  /** The form that WebCrypto wants a signature in; null when the bytes are none. */
  readonly signature: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> | null;
}

const KTY = 1;

const ALG = 3;

const OKP = 1;

const EC2 = 2;

const RSA = 3;

const P256 = 1;

const ED25519 = 6;

/** 2048 to 4096 bits. */
const RSA_BYTES = { minimum: 256, maximum: 512 };

/** 65537, which every device uses, to what fits 32 bits; below it signatures can be made up. */
const EXPONENT_BYTES = { minimum: 3, maximum: 4 };

/**
 * Points of Ed25519 whose order is 8 or less, in each spelling, the sign of x aside: for such a key
 * there are signatures that are right for any message, which anybody can write down. Whoever had one as
 * their passkey could have others decide in their name, and deny what they decided themself.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

/** True when a signature of a passkey with this COSE key can be checked here. */
export async function isUsableKey(cose: Uint8Array): Promise<boolean> {
  return await imported(cose) !== null;
}

/** True when `signature` is of `message` and by this COSE key; false for whatever is no key. */
export async function verifyByCoseKey(
  cose: Uint8Array,
  message: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const found = await imported(cose);
  const bytes = found?.key.signature(signature) ?? null;
  if (found === null || bytes === null) return false;
  try {
    return await crypto.subtle.verify(found.key.verifiedAs, found.cryptoKey, bytes, message);
  } catch {
    // Some runtimes look at the numbers of a key only now.
    return false;
  }
}

async function imported(
  cose: Uint8Array,
): Promise<{ key: CoseKey; cryptoKey: CryptoKey } | null> {
  const map = readCborMap(cose);
  const key = map === null ? null : coseKey(map);
  if (key === null) return null;
  try {
    const cryptoKey = await crypto.subtle.importKey("jwk", key.jwk, key.importedAs, false, [
      "verify",
    ]);
    return { key, cryptoKey };
  } catch (error) {
    // Numbers of the right length that are no key, such as a point beside the curve.
    if (error instanceof DOMException) return null;
    throw error;
  }
}

function coseKey(map: CborMap): CoseKey | null {
  const [type, algorithm] = [map.get(KTY), map.get(ALG)];
  if (type === EC2 && algorithm === ALGORITHMS.ES256) return ecKey(map);
  if (type === OKP && algorithm === ALGORITHMS.EdDSA) return edKey(map);
  if (type === RSA && algorithm === ALGORITHMS.RS256) return rsaKey(map);
  return null;
}

function ecKey(map: CborMap): CoseKey | null {
  const [x, y] = [bytesOf(map, -2, 32, 32), bytesOf(map, -3, 32, 32)];
  if (map.get(-1) !== P256 || x === null || y === null) return null;
  return {
    jwk: { kty: "EC", crv: "P-256", x, y },
    importedAs: { name: "ECDSA", namedCurve: "P-256" },
    verifiedAs: { name: "ECDSA", hash: "SHA-256" },
    signature: (bytes) => rawEcdsaSignature(bytes, 32),
  };
}

function edKey(map: CborMap): CoseKey | null {
  const x = bytesOf(map, -2, 32, 32);
  if (map.get(-1) !== ED25519 || x === null || isOfSmallOrder(map.get(-2))) return null;
  const algorithm = { name: "Ed25519" } as const;
  return {
    jwk: { kty: "OKP", crv: "Ed25519", x },
    importedAs: algorithm,
    verifiedAs: algorithm,
    signature: (bytes) => bytes.length === 64 ? bytes : null,
  };
}

function isOfSmallOrder(point: number | Uint8Array | undefined): boolean {
  if (!(point instanceof Uint8Array)) return true;
  const y = Uint8Array.from(point, (byte, at) => at === 31 ? byte & 0x7f : byte);
  return SMALL_ORDER.has(toHex(y));
}

function rsaKey(map: CborMap): CoseKey | null {
  const n = bytesOf(map, -1, RSA_BYTES.minimum, RSA_BYTES.maximum);
  const e = bytesOf(map, -2, EXPONENT_BYTES.minimum, EXPONENT_BYTES.maximum);
  if (n === null || e === null) return null;
  // Zeros in front make a short number look long (RFC 8230 section 4 has none).
  const isLong = firstOf(map, -1) >= 0x80 && firstOf(map, -2) > 0;
  if (!isLong || !isOdd(map, -1) || !isOdd(map, -2)) return null;
  return {
    jwk: { kty: "RSA", n, e },
    importedAs: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    verifiedAs: { name: "RSASSA-PKCS1-v1_5" },
    signature: (bytes) => bytes,
  };
}

/** A byte string of the map in base64url; null when it is absent or of another length. */
function bytesOf(map: CborMap, label: number, minimum: number, maximum: number): string | null {
  const value = map.get(label);
  if (!(value instanceof Uint8Array)) return null;
  return value.length >= minimum && value.length <= maximum ? toBase64Url(value) : null;
}

function firstOf(map: CborMap, label: number): number {
  const value = map.get(label);
  return value instanceof Uint8Array ? value[0] ?? 0 : 0;
}

function isOdd(map: CborMap, label: number): boolean {
  const value = map.get(label);
  return value instanceof Uint8Array && (value.at(-1) ?? 0) % 2 === 1;
}

/** Bytes that begin with a CBOR map of integers to integers or byte strings (RFC 8949). */
type CborMap = ReadonlyMap<number, number | Uint8Array<ArrayBuffer>>;

const UNSIGNED = 0;

const NEGATIVE = 1;

const BYTE_STRING = 2;

const MAP = 5;

interface Head {
  readonly major: number;
  readonly argument: number;
  readonly next: number;
}

/**
 * Reads such a map, as COSE keys are; null for everything else, also when bytes follow it or a
 * label comes twice. Lengths of up to two bytes are enough for any key.
 */
function readCborMap(bytes: Uint8Array): CborMap | null {
  const start = readHead(bytes, 0);
  if (start?.major !== MAP) return null;
  const map = new Map<number, number | Uint8Array<ArrayBuffer>>();
  let at = start.next;
  for (let member = 0; member < start.argument; member++) {
    const label = readHead(bytes, at);
    const name = label === null ? null : integerOf(label);
    const value = label === null ? null : readHead(bytes, label.next);
    if (name === null || value === null || map.has(name)) return null;
    const integer = integerOf(value);
    at = integer === null ? value.next + value.argument : value.next;
    if (integer !== null) map.set(name, integer);
    else if (value.major === BYTE_STRING && at <= bytes.length) {
      map.set(name, bytes.slice(value.next, at));
    } else return null;
  }
  return at === bytes.length ? map : null;
}

function readHead(bytes: Uint8Array, at: number): Head | null {
  const first = bytes[at];
  if (first === undefined) return null;
  const [major, low] = [first >> 5, first & 0x1f];
  if (low < 24) return { major, argument: low, next: at + 1 };
  const [one, two] = [bytes[at + 1], bytes[at + 2]];
  if (low === 24 && one !== undefined) return { major, argument: one, next: at + 2 };
  if (low === 25 && one !== undefined && two !== undefined) {
    return { major, argument: one * 256 + two, next: at + 3 };
  }
  return null;
}

function integerOf({ major, argument }: Head): number | null {
  return major === UNSIGNED ? argument : major === NEGATIVE ? -1 - argument : null;
}

const SEQUENCE = 0x30;

const INTEGER = 0x02;

/**
 * The two numbers of an ECDSA signature side by side, each `size` bytes, as WebCrypto takes them,
 * out of the DER form that passkeys give (RFC 3279 section 2.2.3). Null for anything but DER.
 *
 * Only lengths of one byte are read: with numbers of at most 61 bytes DER has no others.
 */
function rawEcdsaSignature(
  der: Uint8Array,
  size: number,
): Uint8Array<ArrayBuffer> | null {
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2) return null;
  const raw = new Uint8Array(2 * size);
  let at = 2;
  for (const end of [size, 2 * size]) {
    const number = readInteger(der, at);
    if (number === null || number.digits.length > size) return null;
    raw.set(number.digits, end - number.digits.length);
    at = number.next;
  }
  return at === der.length ? raw : null;
}

/** A positive integer without its leading zero. */
function readInteger(der: Uint8Array, at: number): { digits: Uint8Array; next: number } | null {
  const length = der[at + 1];
  if (der[at] !== INTEGER || length === undefined || length === 0 || length >= 0x80) return null;
  const from = at + 2;
  const next = from + length;
  const [first = 0, second = 0] = der.subarray(from, next);
  if (next > der.length || first >= 0x80) return null;
  // The zero in front is there when the number would look negative without it, and only then.
  if (first !== 0) return { digits: der.subarray(from, next), next };
  return length > 1 && second < 0x80 ? null : { digits: der.subarray(from + 1, next), next };
}
