import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { canonicalJson, isInOrder } from "../base/canonical.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Deps } from "../deps.ts";
import { logPrivateKey, logPrivatePrefix, type StoreKey } from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import { parseRecord } from "../store/record.ts";
import type { RequesterType } from "../store/records/identity.ts";
import {
  type DayChecks,
  logPrivateRecord,
  type PrivateParts,
  type PrivateRow,
  privateRow,
} from "../store/records/log.ts";
import { type Permission, PERMISSIONS } from "../store/records/vocabulary.ts";
import type { Sealer } from "../store/sealing.ts";

/**
 * An entry of the log, from what an operation says of it to the leaf that the tree commits to: its
 * canonical text, what it can be found by, and its private values, of which the leaf shows salted
 * digests only.
 */

/**
 * Who did it: an account in the log of the deployment, a member in that of an org. The user of a mandate
 * goes by its id, for a leaf names no user.
 */
export interface Actor extends JsonObject {
  id: string;
  /** What a machine acted through; absent where it acted by its own secret. */
  sub_token?: string;
  type: RequesterType | "member" | "account" | "user" | "system";
}

/** What an operation hands to the log; the log adds where, when and the proof. */
export interface EntryDraft {
  /** The entry's id where it has a name of its own (a decision); else one is made. */
  readonly id?: string;
  /** `noun.verb`. */
  readonly type: string;
  readonly actor: Actor;
  /** What it was done to: external ids and our own. */
  readonly subject: JsonObject;
  readonly data: JsonObject;
  /** Kept apart and sealed; the leaf carries a salted digest of each. */
  readonly private?: Readonly<Record<string, JsonValue>>;
  /** The same where it was split ahead of the commit. */
  readonly sealedOff?: SealedOff;
}

/** One leaf of the log. Its JCS form is what the Merkle tree commits to. */
export interface Entry extends JsonObject {
  v: 1;
  org: string;
  index: number;
  id: string;
  at: string;
  type: string;
  actor: Actor;
  subject: JsonObject;
  data: JsonObject;
}

/** Where an entry came to stand. */
export interface Placed {
  readonly index: number;
  /** Lower-case hex. */
  readonly leaf_hash: string;
}

/** Most bytes that one entry may have, the leaf prefix not counted. */
export const MAX_ENTRY_BYTES = 8 * 1024;

/** An entry does not fit: an operation let too long a text through. */
export class EntryTooLarge extends Error {
  readonly code = "entry_too_large";

  constructor(type: string, bytes: number) {
    super(`An entry ${type} of ${bytes} bytes does not fit the log: ${MAX_ENTRY_BYTES} at most.`);
  }
}

/**
 * `\0` and the entry in JCS form: as UTF-8 these are the bytes that are stored, and that the leaf
 * hash hashes (RFC 9162 section 2.1.1). Members are listed in the order that JCS wants them in.
 */
export function leafText(entry: Entry): string {
  const { actor, at, data, id, index, org, subject, type, v } = entry;
  const text = "\0" + canonicalJson({ actor, at, data, id, index, org, subject, type, v });
  // Only a text that might be too long is measured: UTF-8 takes at most three bytes a unit.
  if (text.length * 3 > MAX_ENTRY_BYTES) {
    const bytes = Buffer.byteLength(text) - 1;
    if (bytes > MAX_ENTRY_BYTES) throw new EntryTooLarge(type, bytes);
  }
  return text;
}

/** The entry that `leafText` wrote. */
export function entryOfText(text: string): Entry {
  return JSON.parse(text.slice(1));
}

/** Splits stored leaves, each still with its prefix. JCS escapes the byte 0, so it only separates. */
export function splitLeaves(data: Uint8Array): Uint8Array[] {
  const leaves: Uint8Array[] = [];
  let from = 0;
  while (from < data.length) {
    const next = data.indexOf(0, from + 1);
    const to = next === -1 ? data.length : next;
    leaves.push(data.subarray(from, to));
    from = to;
  }
  return leaves;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The entry of a stored leaf. @throws {TypeError} when the bytes are no entry */
export function decodeLeaf(leaf: Uint8Array): Entry {
  const value: unknown = JSON.parse(decoder.decode(leaf.subarray(1)));
  if (!isEntry(value)) {
    throw new TypeError("A stored leaf is no log entry: the store is damaged. Restore a backup.");
  }
  return value;
}

function isEntry(value: unknown): value is Entry {
  return isJsonObject(value) && value.v === 1 && typeof value.org === "string" &&
    typeof value.index === "number" && typeof value.id === "string" &&
    typeof value.at === "string" && typeof value.type === "string" &&
    isJsonObject(value.actor) && isJsonObject(value.subject) && isJsonObject(value.data);
}

/** What the log can be filtered by. */
export const FACETS = ["type", "tool", "tenant", "actor", "permission", "mandate"] as const;

export type Facet = (typeof FACETS)[number];

/** The value of a facet in an entry, or null. */
export function facetValue(
  entry: Pick<Entry, "type" | "actor" | "subject" | "data">,
  facet: Facet,
): string | null {
  const value = facet === "type"
    ? entry.type
    : facet === "actor"
    ? entry.actor.id
    : facet === "permission"
    ? entry.data.permission
    : entry.subject[facet];
  return typeof value === "string" ? value : null;
}

/**
 * 32 bits that stand for a facet's value in a page's summary (FNV-1a). Two values may share them:
 * a page is then read for nothing, never passed over.
 */
export function facetHash(facet: Facet, value: string): number {
  let hash = 0x811c9dc5 ^ FACETS.indexOf(facet);
  for (let i = 0; i < value.length; i++) {
    hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** The facet hashes of an entry. */
export function facetHashes(
  entry: Pick<Entry, "type" | "actor" | "subject" | "data">,
): number[] {
  const hashes: number[] = [];
  for (const facet of FACETS) {
    const value = facetValue(entry, facet);
    if (value !== null) hashes.push(facetHash(facet, value));
  }
  return hashes;
}

/** A UTC day, milliseconds: none of those that clocks show has another length. */
export const DAY_MS = 24 * 60 * 60 * 1000;

/** The number of the UTC day that a time (milliseconds) is in. */
export function utcDay(at: number): number {
  return Math.floor(at / DAY_MS);
}

/** The answer that an entry records; null when it is none of a check. */
export function checkedPermission(entry: Pick<Entry, "type" | "data">): Permission | null {
  if (entry.type !== "permission.checked") return null;
  const { permission } = entry.data;
  return PERMISSIONS.find((known) => known === permission) ?? null;
}

/** The counts of a page with one check more; they are in the order of their days, and `at` is in the last. */
export function withCheck(
  counts: readonly DayChecks[],
  permission: Permission,
  at: number,
): readonly DayChecks[] {
  const day = utcDay(at);
  const last = counts.at(-1);
  if (last?.day === day) return [...counts.slice(0, -1), oneMore(last, permission)];
  return [...counts, oneMore({ day, allowed: 0, requires_approval: 0, disabled: 0 }, permission)];
}

function oneMore(counts: DayChecks, permission: Permission): DayChecks {
  return { ...counts, [permission]: counts[permission] + 1 };
}

const SALT_BYTES = 16;

/**
 * How salted digests are made. It stands in every leaf that has any; leaves without it are of
 * version 1, which took a text as it is, so that a value and the text of its JCS had one digest.
 */
export const DIGEST_VERSION = 2;

/**
 * `"sha256:" + hex(SHA-256(salt || JCS(value)))` over the UTF-8 of both. Salts all have the same
 * length, or one could lend its end to the value.
 */
export function saltedDigest(salt: string, value: JsonValue): string {
  return digestOf(salt, canonicalJson(value));
}

function digestOf(salt: string, canonical: string): string {
  return "sha256:" + hash("sha256", salt + canonical, "hex");
}

/** What is kept apart of private values: of each, by its name, the JSON of salt and value. */
export type PartTexts = Readonly<Record<string, string>>;

/** The JSON of parts, which reads as `PrivateParts`. */
export function partsText(parts: PartTexts): string {
  let text = "";
  for (const name in parts) {
    text += `${text === "" ? "{" : ","}${JSON.stringify(name)}:${parts[name]!}`;
  }
  return text === "" ? "{}" : `${text}}`;
}

/** Private values, split into what the leaf shows of them and what is kept apart. */
export interface SealedOff {
  /** `<name>_digest` of each, and `digest_version`. */
  readonly digests: Readonly<Record<string, string | number>>;
  readonly parts: PartTexts;
}

/**
 * Splits private values from what the leaf may show: `<name>_digest` joins the data, value and
 * salt go into the parts. Without the salt a digest tells nothing, not even of a short value.
 *
 * @param canonical the JCS form of values that was made already
 */
export function sealOff(
  values: Readonly<Record<string, JsonValue>>,
  random: (bytes: number) => Uint8Array,
  canonical: Readonly<Record<string, string>> = {},
): SealedOff {
  const names = Object.keys(values);
  if (names.length === 0) return { digests: {}, parts: {} };
  const salts = random(SALT_BYTES * names.length).toHex();
  const made: Record<string, string | number> = { digest_version: DIGEST_VERSION };
  const parts: Record<string, string> = {};
  names.forEach((name, at) => {
    const value = values[name] ?? null;
    const salt = salts.slice(2 * SALT_BYTES * at, 2 * SALT_BYTES * (at + 1));
    const inJcs = canonical[name] ?? canonicalJson(value);
    made[`${name}_digest`] = digestOf(salt, inJcs);
    // As it came, not in JCS form: whoever reads it finds its members in their own order.
    const asItCame = isInOrder(value) ? inJcs : JSON.stringify(value);
    parts[name] = `{"salt":"${salt}","value":${asItCame}}`;
  });
  const digests: Record<string, string | number> = {};
  for (const name of Object.keys(made).sort()) digests[name] = made[name]!;
  return { digests, parts };
}

/**
 * The members of two objects: in the order of JCS where those of both are, so that they have not to be
 * put in order. @throws {TypeError} where both have one of the same name: one of them would be lost
 */
export function mergedInOrder(data: JsonObject, more: JsonObject): JsonObject {
  const own = Object.keys(data);
  const merged: JsonObject = {};
  let at = 0;
  for (const added of Object.keys(more)) {
    if (Object.hasOwn(data, added)) throw new TypeError(`An entry has two members ${added}`);
    for (let name = own[at]; name !== undefined && name <= added; name = own[++at]) {
      merged[name] = data[name]!;
    }
    merged[added] = more[added]!;
  }
  for (let name = own[at]; name !== undefined; name = own[++at]) merged[name] = data[name]!;
  return merged;
}

/** A leaf that waits for its commit. */
export interface NewLeaf {
  /** `leafText` of its entry. */
  readonly text: string;
  readonly hash: Uint8Array;
  readonly facets: number[];
  /** The answer that its entry records; null when it is none of a check. */
  readonly checked: Permission | null;
  readonly private: PartTexts | null;
}

type LogPrivateKey = ReturnType<typeof logPrivateKey>;

/** The private parts of the entries `from` (included) to `to` (not included) that have any left. */
export async function* privatePartsFrom(
  deps: Deps,
  org: string,
  from: number,
  to: number,
): AsyncGenerator<{ index: number; parts: PrivateParts }> {
  if (from >= to) return;
  const first = await privateRowKey(deps.kv, org, from);
  const range = {
    start: first ?? logPrivateKey(org, from),
    end: logPrivateKey(org, to),
  };
  const rows = listRecords(deps.kv, range as Deno.KvListSelector, logPrivateRecord, {
    batchSize: 8,
  });
  for await (const { key, value } of rows) {
    for (const [index, parts] of openPrivateRow(deps.sealer, key, value.sealed)) {
      if (index >= from && index < to) yield { index, parts };
    }
  }
}

/** The key of the row that holds an entry's private parts if any row does: the last one up to it. */
export async function privateRowKey(
  kv: Kv,
  org: string,
  index: number,
): Promise<LogPrivateKey | null> {
  const range = { prefix: logPrivatePrefix(org), end: logPrivateKey(org, index + 1) };
  for await (const { key } of kv.list(range, { reverse: true, limit: 1 })) {
    return key as LogPrivateKey;
  }
  return null;
}

/** The content of a sealed row. @throws {CannotOpen}, {MalformedRecord} */
export function openPrivateRow(sealer: Sealer, key: StoreKey, sealed: Uint8Array): PrivateRow {
  return parseRecord(key, privateRow, sealer.openJson(key, sealed)) as PrivateRow;
}
