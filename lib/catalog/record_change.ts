import { hash } from "node:crypto";
import { actorOf, type Caller } from "../identity/caller.ts";
import { canonicalBytes, canonicalJson } from "../json/canonical.ts";
import type { JsonObject, JsonValue } from "../json/json_value.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { StoreKey } from "../store/keys.ts";

/** Who writes, and by which request. */
export interface Author {
  readonly caller: Caller;
  readonly request_id: string;
}

/** One record of the policy that is made, replaced or (null) removed. */
export interface RecordChange {
  /** Its entry is `<noun>.set`, or `<noun>.removed`. */
  readonly noun: "org" | "tool" | "category" | "tenant" | "resource" | "rule" | "member";
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
  readonly verb?: "archived";
  /** What the entry says besides, publicly and privately. */
  readonly data?: JsonObject;
  readonly private?: Readonly<Record<string, JsonValue>>;
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
  { caller, request_id }: Author,
  change: RecordChange,
): boolean {
  if (!hasEffect(change)) return false;
  const { noun, key, oldKey, next, subject, verb = "set" } = change;
  if (oldKey !== undefined) transaction.deletePolicy(oldKey);
  if (next === null) transaction.deletePolicy(key);
  else transaction.setPolicy(key, next);
  const { shown, hidden } = valuesOf(change);
  const secret = { ...hidden, ...change.private };
  transaction.append({
    type: `${noun}.${next === null ? "removed" : verb}`,
    actor: actorOf(caller),
    subject,
    data: {
      ...change.data,
      ...(next === null ? {} : { changed: shown }),
      policy_version: transaction.policyVersion,
      request_id,
    },
    ...(Object.keys(secret).length === 0 ? {} : { private: secret }),
  });
  return true;
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
      shown[field] = compact(value);
    }
  }
  return { shown, hidden };
}

function compact(value: JsonValue): JsonValue {
  const bytes = canonicalBytes(value);
  return bytes.length <= MAX_SHOWN_BYTES ? value : `sha256:${hash("sha256", bytes, "hex")}`;
}

function isSame(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalJson(a) === canonicalJson(b);
}
