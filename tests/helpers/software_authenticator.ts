import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";
import { isoCBOR } from "@simplewebauthn/server/helpers";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { joinBytes, toBase64Url } from "../../lib/base/bytes.ts";
import { ALGORITHMS } from "../../lib/passkeys/cose_key.ts";

export type Algorithm = keyof typeof ALGORITHMS;

/** What an answer may say that is not so; left out, it is an honest browser's and authenticator's. */
export interface Lies {
  readonly origin?: string;
  readonly rpId?: string;
  readonly type?: string;
  /** base64url. */
  readonly challenge?: string;
  readonly crossOrigin?: boolean;
  readonly topOrigin?: string;
  readonly userPresent?: boolean;
  readonly userVerified?: boolean;
  readonly counter?: number;
  /** base64url: the name of another credential, under which this one's key signs. */
  readonly credentialId?: string;
  /** base64url; of a new credential: the id that its authenticator gives it, not a random one. */
  readonly newId?: string;
  /** base64url; null leaves it out, as authenticators may when they were told whom to ask. */
  readonly userHandle?: string | null;
  /** Changes the signature after it was made. */
  readonly tamper?: boolean;
  readonly attachment?: "platform" | "cross-platform";
  /** Of a new credential: what the attestation is said to be. */
  readonly format?: string;
  /** Of a new credential: whether the browser says that it is discoverable. */
  readonly discoverable?: boolean;
}

/** A credential inside of it. */
export interface SoftwareCredential {
  /** base64url. */
  readonly id: string;
  readonly rpId: string;
  /** base64url. */
  readonly userHandle: string;
  readonly keys: CryptoKeyPair;
  counter: number;
}

const KEY_ALGORITHMS: Record<
  Algorithm,
  EcKeyGenParams | RsaHashedKeyGenParams | { readonly name: "Ed25519" }
> = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
  RS256: {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash: "SHA-256",
  },
};
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED = 0x40;

/**
 * A browser and its authenticator in one, without either: takes the options that the server gives
 * and answers as they would, or as a liar would.
 */
export class SoftwareAuthenticator {
  readonly credentials: SoftwareCredential[] = [];
  readonly #origin: string;
  readonly #algorithm: Algorithm;

  constructor({ origin, algorithm = "ES256" }: { origin: string; algorithm?: Algorithm }) {
    this.#origin = origin;
    this.#algorithm = algorithm;
  }

  /** Makes a passkey, as `navigator.credentials.create` does. */
  async enrol(
    options: PublicKeyCredentialCreationOptionsJSON,
    lies: Lies = {},
  ): Promise<RegistrationResponseJSON> {
    const rpId = options.rp.id ?? new URL(this.#origin).hostname;
    const excluded = options.excludeCredentials ?? [];
    const held = this.credentials.some(({ id }) => excluded.some((known) => known.id === id));
    assert.ok(!held, "InvalidStateError: the authenticator holds one of the excluded credentials");
    const keys = await crypto.subtle.generateKey(KEY_ALGORITHMS[this.#algorithm], true, [
      "sign",
      "verify",
    ]) as CryptoKeyPair;
    const idBytes = lies.newId === undefined
      ? crypto.getRandomValues(new Uint8Array(32))
      : Uint8Array.fromBase64(lies.newId, URL_SAFE);
    const credential: SoftwareCredential = {
      id: toBase64Url(idBytes),
      rpId,
      userHandle: options.user.id,
      keys,
      counter: 0,
    };
    this.credentials.push(credential);
    const attested = bytesOf([
      new Uint8Array(16),
      Uint8Array.of(idBytes.length >> 8, idBytes.length & 0xff),
      idBytes,
      await coseKeyOf(keys.publicKey, this.#algorithm),
    ]);
    const authData = authenticatorData(rpId, ATTESTED, lies.counter ?? 0, lies, attested);
    const attestation = new Map<string, string | Uint8Array | Map<string, never>>([
      ["fmt", lies.format ?? "none"],
      ["attStmt", new Map<string, never>()],
      ["authData", authData],
    ]);
    const id = lies.credentialId ?? credential.id;
    return {
      id,
      rawId: id,
      type: "public-key",
      authenticatorAttachment: lies.attachment ?? "platform",
      clientExtensionResults: { credProps: { rk: lies.discoverable ?? true } },
      response: {
        clientDataJSON: this.#clientData("webauthn.create", options.challenge, lies),
        attestationObject: toBase64Url(isoCBOR.encode(attestation)),
        transports: ["internal"],
      },
    };
  }

  /** Uses a passkey, as `navigator.credentials.get` does. */
  async assert(
    options: PublicKeyCredentialRequestOptionsJSON,
    lies: Lies = {},
  ): Promise<AuthenticationResponseJSON> {
    const rpId = options.rpId ?? new URL(this.#origin).hostname;
    const allowed = options.allowCredentials?.map(({ id }) => id);
    const credential = this.credentials.findLast(({ id, rpId: of }) =>
      of === rpId && (allowed?.includes(id) ?? true)
    );
    if (credential === undefined) {
      throw new DOMException("No credential for this request", "NotAllowedError");
    }
    credential.counter += 1;
    const counter = lies.counter ?? credential.counter;
    const authData = authenticatorData(rpId, 0, counter, lies);
    const clientDataJSON = this.#clientData("webauthn.get", options.challenge, lies);
    const signed = bytesOf([authData, sha256(Uint8Array.fromBase64(clientDataJSON, URL_SAFE))]);
    const signature = await signatureOf(credential.keys.privateKey, this.#algorithm, signed);
    if (lies.tamper) signature[signature.length - 1]! ^= 1;
    const id = lies.credentialId ?? credential.id;
    const userHandle = lies.userHandle === undefined ? credential.userHandle : lies.userHandle;
    return {
      id,
      rawId: id,
      type: "public-key",
      authenticatorAttachment: lies.attachment ?? "platform",
      clientExtensionResults: {},
      response: {
        clientDataJSON,
        authenticatorData: toBase64Url(authData),
        signature: toBase64Url(signature),
        ...(userHandle === null ? {} : { userHandle }),
      },
    };
  }

  #clientData(type: string, challenge: string, lies: Lies): string {
    const { topOrigin } = lies;
    const text = JSON.stringify({
      type: lies.type ?? type,
      challenge: lies.challenge ?? challenge,
      origin: lies.origin ?? this.#origin,
      crossOrigin: lies.crossOrigin ?? false,
      ...(topOrigin === undefined ? {} : { topOrigin }),
    });
    return toBase64Url(new TextEncoder().encode(text));
  }
}

const URL_SAFE = { alphabet: "base64url" } as const;

function authenticatorData(
  rpId: string,
  flags: number,
  counter: number,
  lies: Lies,
  attested = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  const present = lies.userPresent ?? true ? USER_PRESENT : 0;
  const verified = lies.userVerified ?? true ? USER_VERIFIED : 0;
  const counterBytes = new Uint8Array(4);
  new DataView(counterBytes.buffer).setUint32(0, counter);
  return bytesOf([
    sha256(new TextEncoder().encode(lies.rpId ?? rpId)),
    Uint8Array.of(flags | present | verified),
    counterBytes,
    attested,
  ]);
}

/** The public key as COSE has it (RFC 9053 sections 7.1 and 7.2, RFC 8230 section 4). */
async function coseKeyOf(key: CryptoKey, algorithm: Algorithm): Promise<Uint8Array> {
  const { x, y, n, e } = await crypto.subtle.exportKey("jwk", key);
  const bytes = (text: string | undefined) => Uint8Array.fromBase64(text ?? "", URL_SAFE);
  const alg: [number, number] = [3, ALGORITHMS[algorithm]];
  const members: Record<Algorithm, [number, number | Uint8Array][]> = {
    ES256: [[1, 2], alg, [-1, 1], [-2, bytes(x)], [-3, bytes(y)]],
    EdDSA: [[1, 1], alg, [-1, 6], [-2, bytes(x)]],
    RS256: [[1, 3], alg, [-1, bytes(n)], [-2, bytes(e)]],
  };
  return isoCBOR.encode(new Map(members[algorithm]));
}

async function signatureOf(
  key: CryptoKey,
  algorithm: Algorithm,
  message: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { name } = KEY_ALGORITHMS[algorithm];
  const signature = await crypto.subtle.sign({ name, hash: "SHA-256" }, key, message);
  const bytes = new Uint8Array(signature);
  return algorithm === "ES256" ? derOf(bytes) : bytes;
}

/** WebCrypto gives both numbers of an ECDSA signature side by side; authenticators give DER. */
function derOf(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const integers = [raw.subarray(0, 32), raw.subarray(32)].map((number) => {
    const from = number.findIndex((byte) => byte !== 0);
    const digits = number.subarray(from);
    const padded = digits[0]! >= 0x80 ? bytesOf([Uint8Array.of(0), digits]) : digits;
    return bytesOf([Uint8Array.of(0x02, padded.length), padded]);
  });
  const body = bytesOf(integers);
  return bytesOf([Uint8Array.of(0x30, body.length), body]);
}

function bytesOf(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(joinBytes(parts));
}

function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}
