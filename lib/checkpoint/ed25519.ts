import { fromBase64Url, toBase64Url } from "../base/bytes.ts";

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
export const ED25519_KEY_BYTES = 32;

/** Length of an Ed25519 signature in bytes. */
export const ED25519_SIGNATURE_BYTES = 64;

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
  const pkcs8 = new Uint8Array(PKCS8_PREFIX.length + seed.length);
  pkcs8.set(PKCS8_PREFIX);
  pkcs8.set(seed, PKCS8_PREFIX.length);
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
export function publicKeyBytes(jwk: Ed25519PublicJwk): Uint8Array<ArrayBuffer> | null {
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
