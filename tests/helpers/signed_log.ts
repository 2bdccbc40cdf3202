import { fromHex, toHex } from "../../lib/base/bytes.ts";
import { canonicalBytes, canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { leafHash, sha256 } from "../../lib/base/sha256.ts";
import { formatCheckpoint, signCheckpoint } from "../../lib/tlog/checkpoint.ts";
import { ed25519KeyPair, logOrigin, type LogSigner, logSigner } from "../../lib/tlog/log_key.ts";
import { appended, emptyRange, rangeRoot } from "../../lib/tlog/tree.ts";

export const ORG = "org_01arz3ndektsv4rrffq69g5fav";
export const ORIGIN = logOrigin("countersign.example", ORG);
const START = Date.UTC(2026, 0, 31, 12);
const SALT = "000102030405060708090a0b0c0d0e0f";

/** One line of an export, still open to changes. */
export interface Line {
  index: number;
  leaf_hash: string;
  entry: JsonObject;
  private: JsonObject | null;
}

/** A signer whose key depends on nothing but the number. */
export async function signerOf(number: number, origin = ORIGIN): Promise<LogSigner> {
  return await logSigner(origin, await ed25519KeyPair(new Uint8Array(32).fill(number)));
}

/** A private value with its salt, and the digest of it that `digest_version` 2 stands for. */
export function privatePart(value: JsonValue): { part: JsonObject; digest: string } {
  return { part: { salt: SALT, value }, digest: digestOfText(SALT + canonicalJson(value)) };
}

/** A private text, and the digest that leaves without a `digest_version` have of it. */
export function privateText(value: string): { part: JsonObject; digest: string } {
  return { part: { salt: SALT, value }, digest: digestOfText(SALT + value) };
}

function digestOfText(text: string): string {
  return `sha256:${toHex(sha256(new TextEncoder().encode(text)))}`;
}

/** The line of one entry, consistent in itself. */
export function lineOf(
  index: number,
  members: JsonObject = {},
  parts: JsonObject | null = null,
): Line {
  const entry: JsonObject = {
    v: 1,
    org: ORG,
    index,
    id: `dec_${index}`,
    at: new Date(START + index * 1000).toISOString(),
    type: "decision.made",
    actor: { type: "api_key", id: "key_1" },
    subject: { tool: "restart_server" },
    data: { permission: "allowed" },
    ...members,
  };
  return { index, leaf_hash: hashOf(entry), entry, private: parts };
}

/** The leaf hash of an entry in hex. */
export function hashOf(entry: JsonObject): string {
  return toHex(leafHash(canonicalBytes(entry)));
}

/** A log of `count` entries; every fifth has a private reason. */
export function logOf(count: number): Line[] {
  return Array.from({ length: count }, (_, index) => {
    if (index % 5 !== 0) return lineOf(index);
    const { part, digest } = privatePart(`Because of ${index}`);
    const data = { digest_version: 2, reason_digest: digest };
    return lineOf(index, { data }, { reason: part });
  });
}

/** Root of the first `size` lines, by the hashes that they give. */
export function rootOf(lines: Line[], size = lines.length): Uint8Array {
  const hashes = lines.slice(0, size).map(({ leaf_hash }) => fromHex(leaf_hash) ?? leaf_hash);
  return rangeRoot(appended(emptyRange(), hashes.filter((hash) => typeof hash !== "string")));
}

/** The checkpoint of the first `size` lines, signed. */
export async function checkpointOf(
  lines: Line[],
  signer: LogSigner,
  size = lines.length,
): Promise<string> {
  const { origin } = signer.key;
  return await signCheckpoint({ origin, size, rootHash: rootOf(lines, size) }, signer);
}

/** The text that `checkpointOf` signs. */
export function checkpointTextOf(lines: Line[], size = lines.length): string {
  return formatCheckpoint({ origin: ORIGIN, size, rootHash: rootOf(lines, size) });
}

/** The export of these lines, NDJSON. */
export function exportOf(lines: Line[]): string {
  return lines.map((line) => canonicalJson({ ...line }) + "\n").join("");
}
