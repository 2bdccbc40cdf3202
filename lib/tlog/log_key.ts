import { fromBase64Url, joinBytes, toBase64Url, toHex } from "../base/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";

/**
 * The Ed25519 keys of a log: as they are published, pinned, retired, and named in notes. A key is
 * named by its own thumbprint, so that to compare names is to compare keys. Whether a key is to be
 * trusted is not said here.
 */

/** Whether the log still signs with a key. */
type LogKeyStatus = "active" | "retired";

/**
 * Up to where a retired key speaks for its log. Whoever gets hold of it afterwards can sign what
 * they like with it, so nothing beyond counts: no larger checkpoint, no hand-over to another key.
 */
export interface Retirement {
  /** The tree's size when the key handed over, and so the index of the entry that says it. */
  readonly size: number;
  /** The time of that entry, RFC 3339; null where the keys do not tell. */
  readonly at: string | null;
  /** The `kid` of the one key that it handed over to. */
  readonly successor: string;
}

/** A public key of one log. Whoever holds it from before an attack has it *pinned*. */
export interface LogKey {
  /** RFC 7638 thumbprint of the public key in Base64url. */
  readonly kid: string;
  /** The log that the key speaks for; also the key's name in signed notes. */
  readonly origin: string;
  readonly publicKey: Ed25519PublicJwk;
  readonly status: LogKeyStatus;
  /**
   * Null for an active key; and for a retired one of which nobody said up to where it counts. Such
   * a key proves nothing.
   */
  readonly retirement: Retirement | null;
}

/** A key that can sign for its log. */
export interface LogSigner {
  readonly key: LogKey;
  readonly privateKey: CryptoKey;
}

/** A log key as published under `/.well-known/countersign/keys/:org_id`. */
export interface PublishedLogKey extends Ed25519PublicJwk {
  readonly kid: string;
  readonly use: "sig";
  readonly alg: "EdDSA";
  readonly origin: string;
  readonly status: LogKeyStatus;
  /** Of a retired key, each as in `Retirement`; all null for an active one. */
  readonly retired_size: number | null;
  readonly retired_at: string | null;
  readonly successor: string | null;
}

/** The members of a published key; a key with others was not published by this version. */
const PUBLISHED_MEMBERS: ReadonlySet<string> = new Set([
  ...["kty", "crv", "x", "kid", "use", "alg", "origin"],
  ...["status", "retired_size", "retired_at", "successor"],
]);

type LogKeysResult =
  | { readonly ok: true; readonly keys: LogKey[] }
  | { readonly ok: false; readonly code: "invalid_keys"; readonly message: string };

/** JWK thumbprint (RFC 7638 section 3, members per RFC 8037 section 2) in Base64url. */
export function jwkThumbprint(jwk: Ed25519PublicJwk): string {
  const members = JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x });
  return toBase64Url(sha256(new TextEncoder().encode(members)));
}

/** Whether a text has the form of a thumbprint, by which a key is named. */
export function isThumbprint(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

const ACTIVE = { status: "active", retirement: null } as const;

/** The log key with this public part. */
export function logKey(
  origin: string,
  publicKey: Ed25519PublicJwk,
  { status, retirement }: Pick<LogKey, "status" | "retirement"> = ACTIVE,
): LogKey {
  const { kty, crv, x } = publicKey;
  const kid = jwkThumbprint(publicKey);
  return { kid, origin, publicKey: { kty, crv, x }, status, retirement };
}

/** Whether a key may speak for a log of this size; a retired one only up to where it handed over. */
export function speaksFor({ status, retirement }: LogKey, size: number): boolean {
  return status === "active" || (retirement !== null && size <= retirement.size);
}

/** The log key with this private part, ready to sign. */
export async function logSigner(origin: string, jwk: Ed25519PrivateJwk): Promise<LogSigner> {
  return { key: logKey(origin, jwk), privateKey: await importPrivateKey(jwk) };
}

/**
 * Key ID of a log key in signed notes, as 8 hex digits: the first four bytes of
 * SHA-256(name || 0x0A || 0x01 || public key) (C2SP signed-note, Ed25519 signatures).
 */
export function noteKeyId(key: LogKey): string {
  const name = new TextEncoder().encode(`${key.origin}\n\x01`);
  const publicKey = publicKeyBytes(key.publicKey);
  if (publicKey === null) throw new RangeError(`Public key ${key.kid} does not have 32 bytes`);
  return toHex(sha256(joinBytes([name, publicKey])).subarray(0, 4));
}

/** The public form of a log key, one member of the JWKS that `parseLogKeys` reads. */
export function publishedLogKey(key: LogKey): PublishedLogKey {
  const { kid, origin, status, publicKey, retirement } = key;
  return {
    ...publicKey,
    kid,
    use: "sig",
    alg: "EdDSA",
    origin,
    status,
    retired_size: retirement?.size ?? null,
    retired_at: retirement?.at ?? null,
    successor: retirement?.successor ?? null,
  };
}

/**
 * Reads a JWKS of log keys.
 *
 * Each `kid` must be the thumbprint of its own key, so that two parties who compare a `kid` compare
 * the key. A set with a private key is refused: such a file must not lie around.
 */
export function parseLogKeys(jwks: JsonValue): LogKeysResult {
  if (!isJsonObject(jwks) || !Array.isArray(jwks.keys)) {
    return invalid('Keys are not a JWK set: expected {"keys": [ … ]}');
  }
  if (jwks.keys.length === 0) return invalid("The JWK set has no key: nothing to verify with");
  const keys: LogKey[] = [];
  for (const [at, jwk] of jwks.keys.entries()) {
    const key = parseLogKey(jwk);
    if (typeof key === "string") return invalid(`Key ${at} ${key}`);
    if (keys.some((known) => known.kid === key.kid && known.origin === key.origin)) {
      return invalid(`Key ${at} repeats kid "${key.kid}"`);
    }
    keys.push(key);
  }
  return { ok: true, keys };
}

/** One published key, or what is wrong with it. */
function parseLogKey(jwk: JsonValue): LogKey | string {
  if (!isJsonObject(jwk)) return "is not an object";
  if (Object.hasOwn(jwk, "d")) {
    return 'has the private member "d": remove the file from here, and rotate this key';
  }
  const publicKey = parsePublicJwk(jwk);
  if (publicKey === null) return 'is not an Ed25519 JWK with kty "OKP", crv "Ed25519" and x';
  const { origin, status = "active", use = "sig", alg = "EdDSA" } = jwk;
  if (typeof origin !== "string" || !isNoteKeyName(origin)) {
    return 'has no usable "origin": expected the name of the log, "<host>/log/<org_id>"';
  }
  if (status !== "active" && status !== "retired") {
    return `has status ${JSON.stringify(status)}, expected "active" or "retired"`;
  }
  if (use !== "sig" || alg !== "EdDSA") {
    return 'is not for signing: expected use "sig", alg "EdDSA"';
  }
  const retirement = retirementIn(jwk, status);
  if (typeof retirement === "string") return retirement;
  const key = logKey(origin, publicKey, { status, retirement });
  if (jwk.kid !== key.kid) {
    return `has kid ${JSON.stringify(jwk.kid ?? null)}, but its thumbprint is "${key.kid}"`;
  }
  return key;
}

/** Up to where a published key counts, or what is wrong with what it says of that. */
function retirementIn(jwk: JsonObject, status: LogKeyStatus): Retirement | null | string {
  const { retired_size: size = null, retired_at: at = null, successor = null } = jwk;
  if (size === null && successor === null && at === null) return null;
  if (status === "active") {
    return "is active, and yet has a retired_size, a retired_at or a successor";
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    return `has retired_size ${JSON.stringify(size)}, expected a whole number from 0 on`;
  }
  if (typeof successor !== "string" || !isThumbprint(successor) || successor === jwk.kid) {
    return `has successor ${JSON.stringify(successor)}, expected the kid of another key`;
  }
  if (at !== null && (typeof at !== "string" || !TIME.test(at))) {
    return `has retired_at ${JSON.stringify(at)}, expected a time as entries have it`;
  }
  return { size, at, successor };
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A member of a JWK that no published key has; null when there is none. */
export function unknownJwkMember(jwk: JsonObject): string | null {
  return Object.keys(jwk).find((name) => !PUBLISHED_MEMBERS.has(name)) ?? null;
}

/** The public part of a JWK, or null if it is not a well-formed Ed25519 key. */
export function parsePublicJwk(jwk: JsonValue | undefined): Ed25519PublicJwk | null {
  if (!isJsonObject(jwk) || jwk.kty !== "OKP" || jwk.crv !== "Ed25519") return null;
  if (typeof jwk.x !== "string") return null;
  const publicKey: Ed25519PublicJwk = { kty: "OKP", crv: "Ed25519", x: jwk.x };
  return publicKeyBytes(publicKey) === null ? null : publicKey;
}

/** True for a name that a signature line can carry: not empty, no spaces, no plus, no controls. */
export function isNoteKeyName(name: string): boolean {
  return /^[^\s+\p{Cc}\p{Z}]+$/u.test(name);
}

function invalid(message: string): LogKeysResult {
  return { ok: false, code: "invalid_keys", message };
}

/** An Ed25519 public key as a JWK (RFC 8037). */
export interface Ed25519PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  /** The 32 bytes in Base64url. */
  readonly x: string;
}

/** An Ed25519 key pair as a JWK. `d` is the secret: seal it wherever it is stored. */
export interface Ed25519PrivateJwk extends Ed25519PublicJwk {
  readonly d: string;
}

/** Length of an Ed25519 public key and of a seed, in bytes. */
const ED25519_KEY_BYTES = 32;

/** Length of an Ed25519 signature in bytes. */
const ED25519_SIGNATURE_BYTES = 64;

/** What stands before the 32 seed bytes in PKCS #8 (RFC 8410 section 7). */
const PKCS8_PREFIX = Uint8Array.of(
  ...[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22],
  ...[0x04, 0x20],
);

/** The key pair that grows from 32 random bytes. The same seed gives the same pair. */
export async function ed25519KeyPair(seed: Uint8Array): Promise<Ed25519PrivateJwk> {
  if (seed.length !== ED25519_KEY_BYTES) {
    throw new RangeError(`Ed25519 seed has ${seed.length} bytes, expected ${ED25519_KEY_BYTES}`);
  }
  const pkcs8 = joinBytes([PKCS8_PREFIX, seed]);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  if (x === undefined) throw new TypeError("Exported Ed25519 key has no public part");
  return { kty: "OKP", crv: "Ed25519", x, d: toBase64Url(seed) };
}

/** The private key ready to sign; not extractable again. */
export async function importPrivateKey(jwk: Ed25519PrivateJwk): Promise<CryptoKey> {
  const { kty, crv, x, d } = jwk;
  return await crypto.subtle.importKey("jwk", { kty, crv, x, d }, "Ed25519", false, ["sign"]);
}

/** The 32 bytes of a public key, or null if `x` is anything else. */
function publicKeyBytes(jwk: Ed25519PublicJwk): Uint8Array<ArrayBuffer> | null {
  const bytes = fromBase64Url(jwk.x);
  return bytes?.length === ED25519_KEY_BYTES ? bytes : null;
}

/** Ed25519 signature (RFC 8032) of `message`: 64 bytes. */
export async function signEd25519(
  privateKey: CryptoKey,
  message: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message));
}

/** True when `signature` is of `message` and by this key; false too when the key is not one. */
export async function verifyEd25519(
  jwk: Ed25519PublicJwk,
  message: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const bytes = publicKeyBytes(jwk);
  if (bytes === null || signature.length !== ED25519_SIGNATURE_BYTES) return false;
  const key = await crypto.subtle.importKey("raw", bytes, "Ed25519", false, ["verify"]);
  return await crypto.subtle.verify("Ed25519", key, signature, message);
}

const SEPARATOR = "/log/";

/** Name of an organization's log, fixed when the organization is made: `<host>/log/<org_id>`. */
export function logOrigin(host: string, org: string): string {
  return `${host}${SEPARATOR}${org}`;
}

/** The organization whose log an origin names, or null if it is not the name of such a log. */
export function orgOfOrigin(origin: string): string | null {
  const at = origin.lastIndexOf(SEPARATOR);
  const org = at > 0 ? origin.slice(at + SEPARATOR.length) : "";
  return org === "" ? null : org;
}
