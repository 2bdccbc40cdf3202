import { NotGenuine } from "./errors.ts";

/**
 * The arithmetic of proofs, made from what is published: RFC 8785 for bytes of JSON, RFC 9162 for
 * the tree, C2SP signed notes for checkpoints. Shares nothing with the service that it judges.
 */

type Bytes = Uint8Array<ArrayBuffer>;

const utf8 = new TextEncoder();

/** @throws {NotGenuine} for other than lower-case hex */
export function fromHex(text: string): Bytes {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new NotGenuine("A hash is not written in hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Of Base64, or of Base64url without padding. @throws {NotGenuine} for neither */
export function fromBase64(text: string): Bytes {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw new NotGenuine("A value is not Base64");
  const plain = text.replace(/-/g, "+").replace(/_/g, "/").replace(/=+$/, "");
  if (plain.length % 4 === 1) throw new NotGenuine("A value is not Base64");
  return Uint8Array.from(atob(plain), (character) => character.charCodeAt(0));
}

export function joined(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export async function sha256(...parts: readonly Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}

/**
 * The one text of a JSON value (RFC 8785): members by UTF-16 unit, numbers and strings as ECMAScript
 * writes them.
 * @throws {NotGenuine} for what has no such text
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const rows = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
    return `{${rows.map(([name, of]) => `${text(name)}:${canonicalJson(of)}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  return text(value);
}

function text(value: unknown): string {
  const lone = typeof value === "string" &&
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value);
  const json = typeof value === "number" && !Number.isFinite(value)
    ? undefined
    : JSON.stringify(value);
  if (json === undefined || lone) throw new NotGenuine("A value has no canonical form");
  return json;
}

/** Hash of a log's leaf: SHA-256(0x00 || JCS(entry)). */
export async function leafHash(entry: unknown): Promise<Bytes> {
  return await sha256(Uint8Array.of(0), utf8.encode(canonicalJson(entry)));
}

/**
 * The root that a leaf and its path lead to (RFC 9162 section 2.1.3.2).
 * @throws {NotGenuine} for a path that has not the length of that place in that tree
 */
export async function rootFromInclusion(
  { index, size, leaf, path }: {
    readonly index: number;
    readonly size: number;
    readonly leaf: Bytes;
    readonly path: readonly Bytes[];
  },
): Promise<Bytes> {
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size)) {
    throw new NotGenuine("The entry lies outside of the tree");
  }
  // Integers beyond 32 bits: divided, not shifted.
  let place = index;
  let last = size - 1;
  let root = leaf;
  for (const sibling of path) {
    if (last === 0) throw new NotGenuine("The path of the proof is too long");
    if (place % 2 === 1 || place === last) {
      root = await sha256(Uint8Array.of(1), sibling, root);
      while (place % 2 === 0 && place !== 0) {
        place /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      root = await sha256(Uint8Array.of(1), root, sibling);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw new NotGenuine("The path of the proof is too short");
  return root;
}

/** What a checkpoint says, once its signature is good. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Bytes;
}

/** The algorithm byte of Ed25519 in the key hash of a note. */
const ED25519 = 1;

/**
 * Opens a checkpoint (C2SP tlog-checkpoint): three lines, signed by this key under the log's name.
 * Lines of others are passed over.
 * @param publicKey the 32 bytes @throws {NotGenuine}
 */
export async function openCheckpoint(note: string, publicKey: Bytes): Promise<Checkpoint> {
  const [, body = "", signatures = ""] = /^([^]*?\n)\n([^]+)$/.exec(note) ?? [];
  const [, origin = "", size = "", root = ""] =
    /^([^\n]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]+={0,2})\n/.exec(body) ?? [];
  if (origin === "" || !Number.isSafeInteger(Number(size))) {
    throw new NotGenuine("The checkpoint cannot be read");
  }
  const name = utf8.encode(`${origin}\n`);
  const keyHash = (await sha256(name, Uint8Array.of(ED25519), publicKey)).subarray(0, 4);
  for (const line of signatures.split("\n")) {
    const [, signer, value] = /^\u2014 ([^ ]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    if (signer !== origin || value === undefined) continue;
    const bytes = fromBase64(value);
    if (bytes.length !== 68 || toHex(bytes.subarray(0, 4)) !== toHex(keyHash)) continue;
    if (await signedBy(publicKey, bytes.slice(4), utf8.encode(body))) {
      return { origin, size: Number(size), root: fromBase64(root) };
    }
  }
  throw new NotGenuine("The checkpoint is not signed by the key of the log");
}

/** Whether a signature is that key's, by Ed25519 (RFC 8032). */
export async function signedBy(publicKey: Bytes, signature: Bytes, data: Bytes): Promise<boolean> {
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  return await crypto.subtle.verify("Ed25519", key, signature, data);
}
