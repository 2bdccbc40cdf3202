import { toBase64Url } from "../base/bytes.ts";
import { type CborMap, readCborMap } from "./cbor_map.ts";
import { rawEcdsaSignature } from "./ecdsa_signature.ts";

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
  return await crypto.subtle.verify(found.key.verifiedAs, found.cryptoKey, bytes, message);
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
  if (map.get(-1) !== ED25519 || x === null) return null;
  const algorithm = { name: "Ed25519" } as const;
  return {
    jwk: { kty: "OKP", crv: "Ed25519", x },
    importedAs: algorithm,
    verifiedAs: algorithm,
    signature: (bytes) => bytes.length === 64 ? bytes : null,
  };
}

function rsaKey(map: CborMap): CoseKey | null {
  const n = bytesOf(map, -1, RSA_BYTES.minimum, RSA_BYTES.maximum);
  const e = bytesOf(map, -2, 1, 8);
  if (n === null || e === null) return null;
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
