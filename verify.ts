/**
 * Verifies an exported log, the log of one mandate, or a receipt, offline:
 *
 *     deno task verify EXPORT --checkpoint FILE [--previous FILE] [--receipt FILE]… \
 *       [--mandate ID] --keys FILE
 *     deno task verify --mandate FILE --keys FILE
 *     deno task verify --receipt FILE --keys FILE
 *
 * Exit status: 0 nothing is wrong, 1 something is, 2 wrong usage or an unreadable file.
 */

import { parseArgs } from "node:util";
import type { JsonValue } from "./lib/base/json.ts";
import { parseStrictJson } from "./lib/base/strict_json.ts";
import { decodeUtf8, visibleText } from "./lib/base/text.ts";
import { taskCommand } from "./lib/store/system.ts";
import { parseCheckpoint, type ParsedCheckpoint } from "./lib/tlog/checkpoint.ts";
import { type LogKey, parseLogKeys } from "./lib/tlog/log_key.ts";
import { wholeFinding } from "./lib/verify/finding.ts";
import {
  isSignedReceipt,
  parseReceiptKeys,
  parseSignedReceipt,
  signatureFinding,
  type SignedReceipt,
} from "./lib/verify/signed_receipt.ts";
import {
  findingText,
  logReportText,
  mandateReportText,
  receiptReportText,
  signedReceiptText,
} from "./lib/verify/verdict_text.ts";
import { verifyLog } from "./lib/verify/verify_log.ts";
import { verifyMandateLog } from "./lib/verify/verify_mandate.ts";
import { parseReceipt, verifyReceipt } from "./lib/verify/verify_receipt.ts";

const USAGE = `Usage:
  ${
  taskCommand("verify")
} EXPORT --checkpoint FILE [--previous FILE] [--receipt FILE]… [--mandate ID]
    --keys FILE
  ${taskCommand("verify")} --mandate FILE --keys FILE
  ${taskCommand("verify")} --receipt FILE --keys FILE

EXPORT        the whole log as NDJSON, from /v1/audit/export
--checkpoint  a signed checkpoint of it, from /v1/audit/checkpoint
--previous    a checkpoint that you kept from before
--mandate     the log of one mandate, from /v1/mandates/:id/log; beside an export the id of one, whose
              entries and spending are told as well
--receipt     a receipt, from /v1/receipts/:id; beside an export signed ones (rcp_…), which then have
              to be of that log
--keys        the log's public keys as you pinned them, from /.well-known/countersign/keys/:org_id;
              for a signed receipt alone those of /.well-known/countersign/receipt-keys/:org_id
`;

const WRONG = 1;

const UNUSABLE = 2;

/** The command line or a file cannot be used; the log itself was not judged. */
class Unusable extends Error {
  readonly code = "unusable";
}

interface Files {
  readonly exported: string | undefined;
  readonly checkpoint: string | undefined;
  readonly previous: string | undefined;
  readonly receipts: readonly string[];
  /** A file; beside an export an id. */
  readonly mandate: string | undefined;
  readonly keys: string;
}

function filesOf(args: string[]): Files {
  const option = { type: "string" } as const;
  const receipts = { type: "string", multiple: true } as const;
  const options = {
    ...{ checkpoint: option, previous: option, receipt: receipts, mandate: option, keys: option },
  };
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new Unusable(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  const { checkpoint, previous, receipt = [], mandate, keys } = values;
  const [exported, ...more] = positionals;
  const forLog = exported !== undefined && checkpoint !== undefined;
  const alone = exported === undefined && checkpoint === undefined && previous === undefined;
  const forOne = alone && receipt.length + (mandate === undefined ? 0 : 1) === 1;
  if (keys === undefined || more.length > 0 || forLog === forOne) {
    const problem = args.length === 0
      ? ""
      : more.length > 0
      ? `One export at a time, and here are ${positionals.length}. An option takes one file.\n\n`
      : exported !== undefined && checkpoint === undefined
      ? "--checkpoint is missing: what the log is held against, fetched before the export.\n\n"
      : exported === undefined && !alone
      ? "The export is missing, which --checkpoint and --previous are for.\n\n"
      : !forLog && !forOne
      ? "Name one thing to verify: an export, one --receipt or one --mandate.\n\n"
      : "--keys is missing: without keys that you pinned anybody may have signed.\n\n";
    throw new Unusable(`${problem}${USAGE}`);
  }
  return { exported, checkpoint, previous, receipts: receipt, mandate, keys };
}

async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw new Unusable(`Cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
  const text = decodeUtf8(bytes);
  if (!text.ok) throw new Unusable(`Cannot read ${path}: ${text.message}`);
  return text.text;
}

async function readJson(path: string): Promise<JsonValue> {
  const json = parseStrictJson(await readText(path));
  if (!json.ok) throw new Unusable(`Cannot read ${path}: ${json.message}`);
  return json.value;
}

async function readKeys(path: string): Promise<LogKey[]> {
  const keys = parseLogKeys(await readJson(path));
  if (!keys.ok) throw new Unusable(`Cannot use the keys in ${path}: ${keys.message}`);
  return keys.keys;
}

async function readCheckpoint(path: string): Promise<ParsedCheckpoint> {
  const parsed = parseCheckpoint(await readText(path));
  if (!parsed.ok) throw new Unusable(`Cannot read the checkpoint in ${path}: ${parsed.message}`);
  return parsed.checkpoint;
}

/** The file's bytes; an error on opening or reading becomes `Unusable`. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    using file = await Deno.open(path);
    const buffer = new Uint8Array(1024 * 1024);
    for (let read = await file.read(buffer); read !== null; read = await file.read(buffer)) {
      yield buffer.subarray(0, read);
    }
  } catch (error) {
    throw new Unusable(`Cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

async function readSigned(path: string): Promise<SignedReceipt> {
  const parsed = parseSignedReceipt(await readJson(path));
  if (!parsed.ok) throw new Unusable(`Cannot read the receipt in ${path}: ${parsed.message}`);
  return parsed.receipt;
}

async function verifySignedFile(path: string, keysPath: string): Promise<number> {
  const receipt = await readSigned(path);
  const keys = parseReceiptKeys(await readJson(keysPath));
  if (!keys.ok) throw new Unusable(`Cannot use the keys in ${keysPath}: ${keys.message}`);
  const finding = keys.org === receipt.claims.workspace_id
    ? await signatureFinding(receipt, keys.keys)
    : wholeFinding("origin_mismatch", `The keys are of ${keys.org}, the receipt is of another`);
  console.log(finding === null ? signedReceiptText(receipt) : findingText(finding));
  return finding === null ? 0 : WRONG;
}

async function verifyReceiptFile(path: string, keysPath: string): Promise<number> {
  const value = await readJson(path);
  if (isSignedReceipt(value)) return await verifySignedFile(path, keysPath);
  const pinnedKeys = await readKeys(keysPath);
  const parsed = parseReceipt(value);
  if (!parsed.ok) throw new Unusable(`Cannot read the receipt in ${path}: ${parsed.message}`);
  const verdict = await verifyReceipt(parsed.receipt, pinnedKeys);
  console.log(verdict.ok ? receiptReportText(verdict.report) : findingText(verdict.finding));
  return verdict.ok ? 0 : WRONG;
}

async function verifyMandateFile(path: string, keys: string): Promise<number> {
  const verdict = await verifyMandateLog(chunksOf(path), await readKeys(keys));
  console.log(verdict.ok ? mandateReportText(verdict.report) : findingText(verdict.finding));
  return verdict.ok ? 0 : WRONG;
}

async function verifyLogFile(path: string, files: Files): Promise<number> {
  const pinnedKeys = await readKeys(files.keys);
  const verdict = await verifyLog({
    chunks: chunksOf(path),
    checkpoint: await readCheckpoint(files.checkpoint ?? ""),
    previous: files.previous === undefined ? null : await readCheckpoint(files.previous),
    pinnedKeys,
    receipts: await Promise.all(files.receipts.map(readSigned)),
    ...(files.mandate === undefined ? {} : { mandate: files.mandate }),
    onProgress: (entries) => console.error(`${entries} entries checked`),
  });
  console.log(verdict.ok ? logReportText(verdict.report) : findingText(verdict.finding));
  return verdict.ok ? 0 : WRONG;
}

/** Runs the command line and gives its exit status. */
async function run(args: string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  try {
    const files = filesOf(args);
    const [receipt] = files.receipts;
    const { exported, mandate, keys } = files;
    if (exported !== undefined) return await verifyLogFile(exported, files);
    return receipt === undefined
      ? await verifyMandateFile(mandate ?? "", keys)
      : await verifyReceiptFile(receipt, keys);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    console.error(visibleText(error.message, { lines: true }));
    return UNUSABLE;
  }
}

if (import.meta.main) Deno.exit(await run(Deno.args));
