import { decodeUtf8 } from "../json/decode_utf8.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";
import { parseStrictJson } from "../json/parse_strict.ts";
import { MAX_LINE_BYTES } from "./byte_lines.ts";
import { entryFinding, type Finding } from "./finding.ts";

/** One line of an export, taken apart; the entry inside is not checked yet. */
export interface ExportLine {
  readonly index: number;
  /** Lower-case hex of 32 bytes. */
  readonly leafHash: string;
  readonly entry: JsonObject;
  /** Null when there is none, or when the reader may not see it. */
  readonly private: JsonObject | null;
}

export type ExportLineResult =
  | { readonly ok: true; readonly line: ExportLine }
  | { readonly ok: false; readonly finding: Finding };

const MEMBERS = new Set(["index", "leaf_hash", "entry", "private"]);

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
    return refused(entryFinding(code, at, `Line ${at + 1}${place}: ${json.message}`));
  }
  if (!isJsonObject(json.value)) return malformed(at, `Line ${at + 1} is not a JSON object`);
  return lineOf(json.value, at);
}

function lineOf(value: JsonObject, at: number): ExportLineResult {
  // What stands beside the entry is under no hash, so nothing unknown may stand there.
  const unknown = Object.keys(value).find((name) => !MEMBERS.has(name));
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

/** True for a whole number from 0 on that a double holds exactly. */
export function isIndex(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function malformed(at: number, what: string): ExportLineResult {
  return refused(entryFinding("line_malformed", at, what));
}

function refused(finding: Finding): ExportLineResult {
  return { ok: false, finding };
}
