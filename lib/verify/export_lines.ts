import { canonicalBytes } from "../base/canonical.ts";
import { leafHash } from "../base/sha256.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";
import { toHex } from "../merkle/hex.ts";
import { entryFinding, type Finding } from "./finding.ts";

/** What an entry says of itself, once it is checked. */
export interface CheckedEntry {
  readonly id: string;
  readonly type: string;
  /** RFC 3339 in UTC with milliseconds, so that order as text is order in time. */
  readonly at: string;
  readonly actor: JsonObject;
  readonly subject: JsonObject;
  readonly data: JsonObject;
  readonly leafHash: Uint8Array;
}

export type EntryResult =
  | { readonly ok: true; readonly entry: CheckedEntry }
  | { readonly ok: false; readonly finding: Finding };

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const MEMBERS = ["v", "org", "index", "id", "at", "type", "actor", "subject", "data"];

/**
 * Checks one entry against its place: index, organization, leaf hash and form, in this order, so
 * that a changed entry is named as changed and not by what the change did to it.
 */
export function checkEntry(
  entry: JsonObject,
  expected: { readonly index: number; readonly org: string; readonly leafHash: string },
): EntryResult {
  const { index, org } = expected;
  if (entry.index !== index) {
    return refused(
      "entry_index_mismatch",
      index,
      `The entry at ${index} says that it is entry ${shown(entry.index)}`,
    );
  }
  if (entry.org !== org) {
    return refused(
      "org_mismatch",
      index,
      `Entry ${index} is of organization ${shown(entry.org)}, expected ${shown(org)}`,
    );
  }
  const hash = leafHash(canonicalBytes(entry));
  if (toHex(hash) !== expected.leafHash) {
    return refused(
      "leaf_hash_mismatch",
      index,
      `Entry ${index} hashes to ${toHex(hash)}, but its leaf hash is given as ${expected.leafHash}`,
    );
  }
  const problem = formProblem(entry);
  if (problem !== null) return refused("entry_malformed", index, `Entry ${index} ${problem}`);
  const { id, type, at, actor, subject, data } = entry;
  if (
    typeof id !== "string" || typeof type !== "string" || typeof at !== "string" ||
    !isJsonObject(actor) ||
    !isJsonObject(subject) || !isJsonObject(data)
  ) {
    return refused(
      "entry_malformed",
      index,
      `Entry ${index} lacks its type, at, actor, subject or data`,
    );
  }
  return { ok: true, entry: { id, type, at, actor, subject, data, leafHash: hash } };
}

function formProblem(entry: JsonObject): string | null {
  if (entry.v !== 1) return `has version ${shown(entry.v)}, expected 1`;
  const unknown = Object.keys(entry).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return `has an unknown member ${shown(unknown)}`;
  if (typeof entry.id !== "string") return "has no id";
  if (typeof entry.at !== "string" || !TIME.test(entry.at) || Number.isNaN(Date.parse(entry.at))) {
    return `has time ${shown(entry.at)}, expected the form "2026-01-31T12:00:00.000Z"`;
  }
  return null;
}

function shown(value: JsonValue | undefined): string {
  return JSON.stringify(value ?? null);
}

function refused(code: Finding["code"], index: number, what: string): EntryResult {
  return { ok: false, finding: entryFinding(code, index, what) };
}
