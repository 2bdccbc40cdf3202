import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import type { z } from "zod";
import { canonicalJson } from "../base/canonical.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Caller } from "../identity/caller.ts";
import type { Actor } from "../ledger/entry.ts";
import { currentGeneration } from "../ledger/load_snapshot.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { placed, type StoreKey } from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";

/**
 * One record of the policy that is made, replaced or removed: its row and its entry, in one commit.
 * The entry shows short values as they are, long ones by their digest, and personal ones apart.
 */

/** Who writes: somebody by a request, or the service by itself, which has none. */
export interface Writer {
  readonly caller: Pick<Actor, "id" | "type">;
  readonly request_id: string | null;
}

/** Who writes, and by which request. */
export interface Author extends Writer {
  readonly caller: Caller;
  readonly request_id: string;
}

/** One record of the policy that is made, replaced or (null) removed. */
export interface RecordChange {
  /** Its entry is `<noun>.set`, or `<noun>.removed`. */
  readonly noun:
    | "org"
    | "tool"
    | "category"
    | "tenant"
    | "resource"
    | "rule"
    | "member"
    | "upstream";
  readonly key: StoreKey;
  /** Where the record before is, when that is under another key. */
  readonly oldKey?: StoreKey;
  readonly subject: JsonObject;
  readonly old: JsonObject | null;
  readonly next: JsonObject | null;
  /** The fields that make up its content: a write that changes none of them is no write. */
  readonly fields: readonly string[];
  /** Those of them that only the private part of the entry shows. */
  readonly hidden?: readonly string[];
  /** In place of `set`. */
  readonly verb?: "archived" | "offered" | "drifted";
  /** What the entry says besides, publicly and privately. */
  readonly data?: JsonObject;
  readonly private?: Readonly<Record<string, JsonValue>>;
  /** New values in RFC 8785 form, by their fields, where that is made already. */
  readonly canonical?: Readonly<Record<string, string>>;
}

/** A record after a write. */
export interface Written<T> {
  readonly record: T;
  readonly created: boolean;
  readonly policy_version: number;
}

/** Values up to here stand in an entry as they are; of longer ones it has the digest. */
const MAX_SHOWN_BYTES = 256;

/** The fields whose values a change makes others; of a new record all, of a removed one none. */
export function changedFields({ old, next, fields }: RecordChange): string[] {
  if (next === null) return [];
  return fields.filter((field) => old === null || !isSame(old[field], next[field]));
}

/** Whether a change has an effect at all. */
export function hasEffect(change: RecordChange): boolean {
  return change.next === null ? change.old !== null : changedFields(change).length > 0;
}

/**
 * Puts a change and its entry into the commit; false, and nothing is written, when it changes
 * nothing.
 */
export function writeChange(
  transaction: Transaction,
  author: Writer,
  change: RecordChange,
): boolean {
  if (!hasEffect(change)) return false;
  const { noun, key, oldKey, next } = change;
  if (oldKey !== undefined) transaction.deletePolicy(oldKey);
  if (next === null) transaction.deletePolicy(key);
  else transaction.setPolicy(key, next);
  appendChange(transaction, author, change, {
    type: `${noun}.${verbOf(change)}`,
    data: { policy_version: transaction.policyVersion },
  });
  return true;
}

/**
 * Puts a change into the commit that belongs to a generation of the policy which nobody reads yet:
 * its row, and an entry `<noun>.staged`, which says what is done once `policy.applied` names it.
 */
export function stageChange(
  transaction: Transaction,
  author: Writer,
  change: RecordChange,
  generation: number,
): void {
  const { noun, key, next } = change;
  if (next !== null) transaction.stagePolicy(generation, key, next);
  appendChange(transaction, author, change, {
    type: `${noun}.staged`,
    data: { does: verbOf(change), generation },
  });
}

function verbOf({ next, verb }: RecordChange): string {
  return next === null ? "removed" : verb ?? "set";
}

function appendChange(
  transaction: Transaction,
  { caller, request_id }: Writer,
  change: RecordChange,
  { type, data }: { readonly type: string; readonly data: JsonObject },
): void {
  const { shown, hidden } = valuesOf(change);
  const secret = { ...hidden, ...change.private };
  transaction.append({
    type,
    actor: { id: caller.id, type: caller.type },
    subject: change.subject,
    data: ordered({
      ...change.data,
      ...(change.next === null ? {} : { changed: ordered(shown) }),
      ...data,
      ...(request_id === null ? {} : { request_id }),
    }),
    ...(Object.keys(secret).length === 0 ? {} : { private: secret }),
  });
}

/** The new values as the entry has them, those for the private part apart. */
function valuesOf(change: RecordChange): { shown: JsonObject; hidden: Record<string, JsonValue> } {
  const shown: JsonObject = {};
  const hidden: Record<string, JsonValue> = {};
  for (const field of changedFields(change)) {
    const value = change.next?.[field] ?? null;
    if (field === "kill_switch") {
      const { active = false, reason = null } = value as { active?: boolean; reason?: string };
      shown.kill_switch = active;
      if (reason !== null) hidden.kill_switch_reason = reason;
    } else if (change.hidden?.includes(field)) {
      if (value !== null) hidden[field] = value;
    } else {
      shown[field] = compact(value, change.canonical?.[field]);
    }
  }
  return { shown, hidden };
}

/** An object with its members in the order of RFC 8785, in which its entry is written as it stands. */
function ordered(object: JsonObject): JsonObject {
  const out: JsonObject = {};
  for (const name of Object.keys(object).sort()) out[name] = object[name]!;
  return out;
}

/** @param known its text in RFC 8785 form, where that is made already */
function compact(value: JsonValue, known?: string): JsonValue {
  // A unit of a text is six of its JSON at most.
  const isSmall = typeof value === "string"
    ? value.length * 6 + 2 <= MAX_SHOWN_BYTES
    : typeof value !== "object" || value === null;
  if (isSmall) return value;
  const text = known ?? canonicalJson(value);
  // Only what might be too long is measured: UTF-8 takes at most three bytes a unit.
  const isShort = text.length * 3 <= MAX_SHOWN_BYTES ||
    (text.length <= MAX_SHOWN_BYTES && Buffer.byteLength(text) <= MAX_SHOWN_BYTES);
  return isShort ? JSON.parse(text) : `sha256:${hash("sha256", text, "hex")}`;
}

function isSame(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalJson(a) === canonicalJson(b);
}

/** Which part of a list that is ordered by id: at most `limit` items behind the id `after`. */
export interface Span {
  /** An id that need not be in the list any more; null for the beginning. */
  readonly after: string | null;
  readonly limit: number;
}

/** Records of one kind in the order that the store keeps them in: by the id that ends their keys. */
export async function recordsAfter<T>(
  kv: Kv,
  org: string,
  { prefix, keyOf }: { readonly prefix: StoreKey; readonly keyOf: (id: string) => StoreKey },
  schema: z.ZodType<T>,
  { after, limit }: Span,
): Promise<T[]> {
  const generation = await currentGeneration(kv, org);
  const at = (key: StoreKey) => placed(key, generation) as Deno.KvKey;
  // Nothing sorts between a text and the same text with the character 0 behind it.
  const start = after === null ? {} : { start: at(keyOf(after + "\0")) };
  const selector = { prefix: at(prefix), ...start };
  const records: T[] = [];
  for await (const { value } of listRecords(kv, selector, schema, { limit })) records.push(value);
  return records;
}
