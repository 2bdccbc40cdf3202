import assert from "node:assert/strict";
import { fromHex, toHex } from "../../lib/base/bytes.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { parseCheckpoint, type ParsedCheckpoint } from "../../lib/tlog/checkpoint.ts";
import type { LogKey } from "../../lib/tlog/log_key.ts";
import { inclusionProof } from "../../lib/tlog/proof.ts";
import type { FindingCode } from "../../lib/verify/finding.ts";
import { type LogVerdict, verifyLog } from "../../lib/verify/verify_log.ts";
import { checkpointOf, exportOf, hashOf, type Line, logOf, signerOf } from "./signed_log.ts";

/** Who signs the logs of these tests. */
export const signer = await signerOf(1);
/** Somebody whose key nobody pinned. */
export const stranger = await signerOf(9);

/** The bytes of a text, `size` at a time. */
export async function* chunked(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.slice(at, at + size));
  }
}

export function parsed(note: string): ParsedCheckpoint {
  const result = parseCheckpoint(note);
  assert.ok(result.ok, result.ok ? "" : result.message);
  return result.checkpoint;
}

/** What a verifier is given; the signer's own key where `keys` says no other. */
export interface Case {
  exported: string;
  checkpoint: string;
  previous?: string;
  keys?: LogKey[];
}

export async function verdictOf(given: Case): Promise<LogVerdict> {
  return await verifyLog({
    chunks: chunked(given.exported, 1000),
    checkpoint: parsed(given.checkpoint),
    previous: given.previous === undefined ? null : parsed(given.previous),
    pinnedKeys: given.keys ?? [signer.key],
  });
}

/** Asserts that exactly this is found; gives what was said about it. */
export async function assertFinding(
  given: Case,
  code: FindingCode,
  index: number | null,
): Promise<string> {
  const verdict = await verdictOf(given);
  assert.ok(!verdict.ok, `Expected ${code}, but nothing was found`);
  assert.deepEqual([verdict.finding.code, verdict.finding.index], [code, index]);
  return verdict.finding.what;
}

/** A log of 20, its export changed by `tamper`, and the checkpoint of the log as it was. */
export async function tampered(tamper: (lines: Line[]) => Line[]): Promise<Case> {
  const lines = logOf(20);
  const checkpoint = await checkpointOf(lines, signer);
  return { exported: exportOf(tamper(structuredClone(lines))), checkpoint };
}

/** The lines numbered anew from 0, with leaf hashes to match: what a forger would export. */
export function renumbered(lines: Line[]): Line[] {
  return lines.map((line, index) => rehashed({ ...line, index, entry: { ...line.entry, index } }));
}

export function rehashed(line: Line): Line {
  return { ...line, leaf_hash: hashOf(line.entry) };
}

export function withEntry(line: Line, members: JsonObject): Line {
  return { ...line, entry: { ...line.entry, ...members } };
}

export function at(lines: Line[], index: number): Line {
  return lines[index] ?? assert.fail(`No line ${index}`);
}

/** The receipt of one entry, as the API gives it. */
export async function receiptOf(lines: Line[], index: number, by = signer): Promise<JsonObject> {
  const hashes = lines.map(({ leaf_hash }) => fromHex(leaf_hash) ?? assert.fail());
  const tile = Uint8Array.from(hashes.flatMap((hash) => [...hash]));
  const source = { tile: () => Promise.resolve(tile) };
  const { entry, leaf_hash } = at(lines, index);
  return {
    v: 1,
    entry,
    leaf_hash,
    index,
    size: lines.length,
    inclusion: (await inclusionProof(source, index, lines.length)).map(toHex),
    checkpoint: await checkpointOf(lines, by),
    key: { ...by.key.publicKey, kid: by.key.kid },
  };
}
