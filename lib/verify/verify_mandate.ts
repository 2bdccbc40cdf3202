import { fromHex, toHex } from "../base/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { decodeUtf8 } from "../base/text.ts";
import { parseCheckpoint, type ParsedCheckpoint, verifySignature } from "../tlog/checkpoint.ts";
import { type LogKey, orgOfOrigin } from "../tlog/log_key.ts";
import { verifyInclusion } from "../tlog/verify_proof.ts";
import { byteLines, checkEntry, type ExportLine, lineOf } from "./export_lines.ts";
import { entryFinding, type Finding, wholeFinding } from "./finding.ts";
import { definitionDigest, type Standing } from "./limits.ts";
import { Mandates } from "./mandates.ts";
import { checkPrivateParts } from "./private_parts.ts";
import { Spending, type SpendingCounts } from "./spending.ts";
import { LogClock, StoryEntry, Told } from "./story_entry.ts";

/**
 * What a log tells of one mandate, held against a checkpoint: each entry is in the log, none is missing
 * between them, and what is spent of the mandate's own budgets is recounted.
 */

/** The version of such files that this verifier reads. */
export const MANDATE_LOG_VERSION = 1;

/** What is proven about the entries of a mandate that nothing is wrong with. */
export interface MandateReport {
  readonly mandate: string;
  readonly origin: string;
  /** Entries that the checkpoint covers. */
  readonly size: number;
  readonly root: string;
  readonly key: LogKey;
  readonly entries: number;
  /** The number of the last entry about the mandate. */
  readonly seq: number;
  readonly span: { readonly first: string; readonly last: string };
  readonly spending: SpendingCounts;
  readonly standings: readonly Standing[];
}

export type MandateVerdict =
  | { readonly ok: true; readonly report: MandateReport }
  | { readonly ok: false; readonly finding: Finding };

/** What stands in the first line. */
interface Head {
  readonly mandate: string;
  readonly checkpoint: ParsedCheckpoint;
  readonly org: string;
  /** What its bundle says, of which the grant has the digest; null where that is not shown. */
  readonly definition: JsonObject | null;
}

/**
 * Verifies the log of one mandate, from `/v1/mandates/:id/log`, and gives the first thing that is
 * wrong. Trusts `pinnedKeys` alone. Works offline, in one pass. Whether entries behind the last one
 * were left out the file cannot show beyond the number that it ends with: what the service said of the
 * mandate elsewhere, or the whole log, can.
 */
export async function verifyMandateLog(
  chunks: AsyncIterable<Uint8Array>,
  pinnedKeys: readonly LogKey[],
): Promise<MandateVerdict> {
  let reading: MandateReading | null = null;
  let at = 0;
  for await (const batch of byteLines(chunks)) {
    for (const bytes of batch) {
      const value = jsonOf(bytes, at);
      if ("code" in value) return { ok: false, finding: value };
      if (reading === null) {
        const head = headOf(value.json);
        if ("code" in head) return { ok: false, finding: head };
        reading = new MandateReading(head);
      } else {
        const wrong = reading.take(value.json, at);
        if (wrong !== null) return { ok: false, finding: wrong };
      }
      at++;
    }
  }
  if (reading === null) return { ok: false, finding: malformed("Its first line is missing") };
  const wrong = reading.endFinding();
  if (wrong !== null) return { ok: false, finding: wrong };
  const signature = await verifySignature(reading.head.checkpoint, pinnedKeys);
  if (!signature.ok) {
    return { ok: false, finding: wholeFinding(signature.code, signature.message) };
  }
  return reading.reported(signature.key);
}

type Parsed = { readonly json: JsonValue } | Finding;

function jsonOf(bytes: Uint8Array, at: number): Parsed {
  const text = decodeUtf8(bytes);
  const json = text.ok ? parseStrictJson(text.text) : text;
  if (json.ok) return { json: json.value };
  const code = json.code === "duplicate_key" ? "duplicate_member" : "line_not_json";
  return wholeFinding(code, `Line ${at + 1}: ${json.message}`);
}

const HEAD_MEMBERS = ["v", "mandate", "checkpoint", "keys", "definition"];

function headOf(value: JsonValue): Head | Finding {
  if (!isJsonObject(value)) return malformed("Its first line is not a JSON object");
  const { v, mandate, checkpoint: note, definition = null } = value;
  if (v !== MANDATE_LOG_VERSION) {
    return malformed(`It has "v" ${JSON.stringify(v ?? null)}, expected ${MANDATE_LOG_VERSION}`);
  }
  const unknown = Object.keys(value).find((name) => !HEAD_MEMBERS.includes(name));
  if (unknown !== undefined) {
    return malformed(`Its first line has an unknown member ${JSON.stringify(unknown)}`);
  }
  if (typeof mandate !== "string") return malformed('Its first line has no text "mandate"');
  if (definition !== null && !isJsonObject(definition)) {
    return malformed('Its first line has a "definition" that is no object');
  }
  const parsed = parseCheckpoint(typeof note === "string" ? note : "");
  if (!parsed.ok) return malformed(`Its checkpoint cannot be read: ${parsed.message}`);
  const { checkpoint } = parsed;
  const org = orgOfOrigin(checkpoint.origin);
  if (org !== null) return { mandate, checkpoint, org, definition };
  const what = `Checkpoint is of "${checkpoint.origin}", expected "<host>/log/<org_id>"`;
  return wholeFinding("origin_mismatch", what);
}

/** A file of a mandate's entries, as far as it was read. */
class MandateReading {
  readonly #told = new Told();
  readonly #clock = new LogClock();
  // Of those above this one, and of budgets of others, the file does not tell.
  readonly #mandates = new Mandates(this.#told, this.#clock);
  readonly #spending = new Spending(this.#told);
  #entries = 0;
  #index = -1;
  #span: { first: string; last: string } | null = null;
  #ended: JsonObject | null = null;

  constructor(readonly head: Head) {}

  /** Takes in a line behind the first, or says what is wrong with it. */
  take(value: JsonValue, at: number): Finding | null {
    if (this.#ended !== null) return malformed("It goes on behind its last line");
    if (isJsonObject(value) && isJsonObject(value.end)) {
      this.#ended = value.end;
      return null;
    }
    const read = provenLine(value, at);
    if ("code" in read) return read;
    const { line, inclusion } = read;
    const { index } = line;
    const { checkpoint, org, mandate } = this.head;
    if (index <= this.#index) {
      const what = `Entry ${index} stands behind entry ${this.#index}`;
      return entryFinding("index_swap", index, what);
    }
    this.#index = index;
    const checked = checkEntry(line.entry, { index, org, leafHash: line.leafHash });
    if (!checked.ok) return checked.finding;
    const { entry } = checked;
    if (!verifyInclusion(entry.leafHash, index, checkpoint.size, inclusion, checkpoint.rootHash)) {
      const what = `The proof does not lead from entry ${index} of ${checkpoint.size} to the ` +
        `checkpoint's root ${toHex(checkpoint.rootHash)}`;
      return entryFinding("receipt_not_included", index, what);
    }
    if (line.private !== null) {
      const parts = checkPrivateParts(line.private, entry.data, index);
      if (!parts.ok) return parts.finding;
    }
    if (entry.subject.mandate !== mandate) {
      const what = `Entry ${index} is not about the mandate ${mandate}`;
      return entryFinding("mandate_log_malformed", index, what);
    }
    return this.#judge(new StoryEntry(entry, index), entry.id, line.private);
  }

  #judge(entry: StoryEntry, id: string, parts: JsonObject | null): Finding | null {
    if (this.#entries === 0) {
      if (entry.type !== "mandate.granted") {
        return entry.finding("mandate_gap", "is the first here, and does not grant the mandate");
      }
      const wrong = this.#learn(entry);
      if (wrong !== null) return wrong;
    }
    this.#entries++;
    this.#span = { first: this.#span?.first ?? entry.at, last: entry.at };
    this.#clock.take(entry);
    return this.#mandates.take(entry) ?? this.#spending.take(entry, id, parts);
  }

  /** The scopes that the first line shows have to be those that the grant has the digest of. */
  #learn(entry: StoryEntry): Finding | null {
    const { definition } = this.head;
    if (definition === null) return null;
    const { bundle } = entry.data;
    const granted = isJsonObject(bundle) ? bundle.digest : null;
    const digest = definitionDigest(definition);
    if (digest !== granted) {
      const what = `The scopes shown have the digest ${digest}, entry ${entry.index} grants ` +
        String(granted);
      return entryFinding("definition_mismatch", entry.index, what);
    }
    this.#spending.learn(definition);
    return null;
  }

  /** What is wrong with how it ends. */
  endFinding(): Finding | null {
    const seq = this.#mandates.seqOf(this.head.mandate);
    if (this.#ended !== null && this.#ended.seq === seq && seq > 0) return null;
    const said = this.#ended === null ? "has no last line" : `ends with ${this.#ended.seq}`;
    const what = `The file ${said}, and the last entry in it is number ${seq} about the mandate`;
    return wholeFinding("mandate_cut_off", what);
  }

  reported(key: LogKey): MandateVerdict {
    const { mandate, checkpoint } = this.head;
    const span = this.#span ?? { first: "", last: "" };
    const retiredAt = key.retirement?.at ?? null;
    if (retiredAt !== null && span.last > retiredAt) {
      const what =
        `The last entry is of ${span.last}, but key ${key.kid}, which signed for it, was ` +
        `retired at ${retiredAt}`;
      return { ok: false, finding: wholeFinding("key_retired", what) };
    }
    return {
      ok: true,
      report: {
        mandate,
        origin: checkpoint.origin,
        size: checkpoint.size,
        root: toHex(checkpoint.rootHash),
        key,
        entries: this.#entries,
        seq: this.#mandates.seqOf(mandate),
        span,
        spending: this.#spending.counts,
        standings: this.#spending.standings(mandate, span.last),
      },
    };
  }
}

function provenLine(
  value: JsonValue,
  at: number,
): { readonly line: ExportLine; readonly inclusion: readonly Uint8Array[] } | Finding {
  if (!isJsonObject(value)) return malformed(`Line ${at + 1} is not a JSON object`);
  const { inclusion, ...rest } = value;
  const hashes = Array.isArray(inclusion)
    ? inclusion.map((hex) => typeof hex === "string" ? fromHex(hex) : null)
    : [null];
  const known = hashes.filter((hash) => hash !== null);
  if (known.length !== hashes.length || known.some(({ length }) => length !== 32)) {
    return malformed(`Line ${at + 1} has no "inclusion" of hashes in hex`);
  }
  const read = lineOf(rest, at);
  return read.ok ? { line: read.line, inclusion: known } : read.finding;
}

function malformed(what: string): Finding {
  return wholeFinding("mandate_log_malformed", what);
}
