import { joinBytes, toHex } from "../base/bytes.ts";
import { canonicalBytes } from "../base/canonical.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { leafHash } from "../base/sha256.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { decodeUtf8 } from "../base/text.ts";
import { entryFinding, type Finding, shown } from "./finding.ts";

/**
 * Lines of an export, and the entries in them: cut from a stream, read strictly, checked against
 * their place and hash.
 */

/** One line of an export, taken apart; the entry inside is not checked yet. */
export interface ExportLine {
  readonly index: number;
  /** Lower-case hex of 32 bytes. */
  readonly leafHash: string;
  readonly entry: JsonObject;
  /** Null when there is none, or when the reader may not see it. */
  readonly private: JsonObject | null;
}

type ExportLineResult =
  | { readonly ok: true; readonly line: ExportLine }
  | { readonly ok: false; readonly finding: Finding };

const LINE_MEMBERS = new Set(["index", "leaf_hash", "entry", "private"]);

/** Reads one line of an export. `at` is the index that the line should have, for the finding. */
export function parseExportLine(bytes: Uint8Array, at: number): ExportLineResult {
  if (bytes.length > MAX_LINE_BYTES) {
    return malformed(at, `Line ${at + 1} is longer than ${MAX_LINE_BYTES} bytes`);
  }
  const text = decodeUtf8(bytes);
  const json = text.ok ? parseStrictJson(text.text) : text;
  if (!json.ok) {
    const code = json.code === "duplicate_key" ? "duplicate_member" : "line_not_json";
    const place = json.path === "" ? "" : ` at ${json.path}`;
    return refusedLine(entryFinding(code, at, `Line ${at + 1}${place}: ${json.message}`));
  }
  if (!isJsonObject(json.value)) return malformed(at, `Line ${at + 1} is not a JSON object`);
  return lineOf(json.value, at);
}

/** Takes a line apart that was read already. @param at which line it is, for the finding */
export function lineOf(value: JsonObject, at: number): ExportLineResult {
  // What stands beside the entry is under no hash, so nothing unknown may stand there.
  const unknown = Object.keys(value).find((name) => !LINE_MEMBERS.has(name));
  if (unknown !== undefined) {
    return malformed(at, `Line ${at + 1} has an unknown member ${JSON.stringify(unknown)}`);
  }
  const { index, leaf_hash: leafHash, entry, private: parts = null } = value;
  if (!isIndex(index)) {
    return malformed(at, `Line ${at + 1} has no "index" that is a whole number from 0 on`);
  }
  if (typeof leafHash !== "string" || !/^[0-9a-f]{64}$/.test(leafHash)) {
    return malformed(at, `Line ${at + 1} has no "leaf_hash" of 64 lower-case hex digits`);
  }
  if (!isJsonObject(entry)) return malformed(at, `Line ${at + 1} has no object "entry"`);
  if (parts !== null && !isJsonObject(parts)) {
    return malformed(at, `Line ${at + 1} has a "private" that is neither an object nor null`);
  }
  return { ok: true, line: { index, leafHash, entry, private: parts } };
}

/** Whether a value is a time as logs write it: RFC 3339 in UTC with milliseconds. */
export function isTime(value: JsonValue | undefined): value is string {
  return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
}

/** True for a whole number from 0 on that a double holds exactly. */
export function isIndex(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function malformed(at: number, what: string): ExportLineResult {
  return refusedLine(entryFinding("line_malformed", at, what));
}

function refusedLine(finding: Finding): ExportLineResult {
  return { ok: false, finding };
}

const LINE_FEED = 0x0a;

/** Longer lines are cut here: no entry with its private parts comes near, and memory stays bounded. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;

/**
 * Cuts a byte stream into lines, without their line feeds, in batches of one a chunk.
 *
 * A line longer than `MAX_LINE_BYTES` is given as its first `MAX_LINE_BYTES` + 1 bytes, for the
 * reader to refuse, and ends the stream. A last line without a line feed counts.
 */
export async function* byteLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array[], void, void> {
  let open: Uint8Array[] = [];
  let openBytes = 0;
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = [];
    let from = 0;
    let to = chunk.indexOf(LINE_FEED);
    for (; to !== -1; from = to + 1, to = chunk.indexOf(LINE_FEED, from)) {
      const end = chunk.subarray(from, to);
      lines.push(open.length === 0 ? end : joinBytes([...open, end]));
      open = [];
      openBytes = 0;
    }
    if (from < chunk.length) {
      // A copy, as the source may fill its buffer again.
      open.push(chunk.slice(from));
      openBytes += chunk.length - from;
    }
    if (lines.length > 0) yield lines;
    if (openBytes > MAX_LINE_BYTES) {
      yield [joinBytes(open).subarray(0, MAX_LINE_BYTES + 1)];
      return;
    }
  }
  if (openBytes > 0) yield [joinBytes(open)];
}

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

type EntryResult =
  | { readonly ok: true; readonly entry: CheckedEntry }
  | { readonly ok: false; readonly finding: Finding };

const ENTRY_MEMBERS = ["v", "org", "index", "id", "at", "type", "actor", "subject", "data"];

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
    return refusedEntry(
      "entry_index_mismatch",
      index,
      `The entry at ${index} says that it is entry ${shown(entry.index)}`,
    );
  }
  if (entry.org !== org) {
    return refusedEntry(
      "org_mismatch",
      index,
      `Entry ${index} is of organization ${shown(entry.org)}, expected ${shown(org)}`,
    );
  }
  const hash = leafHash(canonicalBytes(entry));
  if (toHex(hash) !== expected.leafHash) {
    return refusedEntry(
      "leaf_hash_mismatch",
      index,
      `Entry ${index} hashes to ${toHex(hash)}, but its leaf hash is given as ${expected.leafHash}`,
    );
  }
  const problem = formProblem(entry);
  if (problem !== null) return refusedEntry("entry_malformed", index, `Entry ${index} ${problem}`);
  const { id, type, at, actor, subject, data } = entry;
  if (
    typeof id !== "string" || typeof type !== "string" || typeof at !== "string" ||
    !isJsonObject(actor) ||
    !isJsonObject(subject) || !isJsonObject(data)
  ) {
    return refusedEntry(
      "entry_malformed",
      index,
      `Entry ${index} lacks its type, at, actor, subject or data`,
    );
  }
  return { ok: true, entry: { id, type, at, actor, subject, data, leafHash: hash } };
}

function formProblem(entry: JsonObject): string | null {
  if (entry.v !== 1) return `has version ${shown(entry.v)}, expected 1`;
  const unknown = Object.keys(entry).find((name) => !ENTRY_MEMBERS.includes(name));
  if (unknown !== undefined) return `has an unknown member ${shown(unknown)}`;
  if (typeof entry.id !== "string") return "has no id";
  if (!isTime(entry.at) || Number.isNaN(Date.parse(entry.at))) {
    return `has time ${shown(entry.at)}, expected the form "2026-01-31T12:00:00.000Z"`;
  }
  return null;
}

function refusedEntry(code: Finding["code"], index: number, what: string): EntryResult {
  return { ok: false, finding: entryFinding(code, index, what) };
}
