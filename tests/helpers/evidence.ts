import assert from "node:assert/strict";
import type { Entry, EntryDraft } from "../../lib/ledger/entry.ts";
import type { PrivateParts } from "../../lib/store/records/log.ts";
import { parseCheckpoint, type ParsedCheckpoint } from "../../lib/tlog/checkpoint.ts";
import { type LogKey, parseLogKeys } from "../../lib/tlog/log_key.ts";
import { type LogVerdict, verifyLog } from "../../lib/verify/verify_log.ts";
import type { TestOrg } from "./countersign.ts";

/** One line of an export. */
export interface ExportedLine {
  readonly index: number;
  readonly leaf_hash: string;
  readonly entry: Entry;
  readonly private: PrivateParts | null;
}

/** An entry that says nothing but its number. */
export function plainDraft(number: number): EntryDraft {
  return {
    type: "test.counted",
    actor: { type: "system", id: "test" },
    subject: { tool: "counter" },
    data: { number },
  };
}

/** Puts entries into a log, one commit for every `perCommit` of them. */
export async function grow(
  org: TestOrg,
  drafts: readonly EntryDraft[],
  perCommit = 100,
): Promise<void> {
  for (let at = 0; at < drafts.length; at += perCommit) {
    const part = drafts.slice(at, at + perCommit);
    await org.transact((transaction) => part.forEach((draft) => transaction.append(draft)));
  }
}

/** The export as text. */
export async function exportText(org: TestOrg, key = org.standard, query = ""): Promise<string> {
  const got = await org.get(`/v1/audit/export${query}`, key);
  assert.equal(got.status, 200, got.text);
  assert.equal(got.headers.get("content-type"), "application/x-ndjson");
  return got.text;
}

/** The lines of an export. */
export async function exportLines(
  org: TestOrg,
  key = org.standard,
  query = "",
): Promise<ExportedLine[]> {
  const text = await exportText(org, key, query);
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line) as ExportedLine);
}

/** The signed head of now, as a note. */
export async function checkpointNote(org: TestOrg): Promise<string> {
  const got = await org.get("/v1/audit/checkpoint");
  assert.equal(got.status, 200, got.text);
  return got.text;
}

/** A note taken apart. */
export function parsedNote(note: string): ParsedCheckpoint {
  const parsed = parseCheckpoint(note);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  return parsed.checkpoint;
}

/** The org's public keys as published, without a credential. */
export async function publishedKeys(org: TestOrg): Promise<{ text: string; keys: LogKey[] }> {
  const path = `/.well-known/countersign/keys/${org.id}`;
  const got = await org.countersign.request("GET", path);
  assert.equal(got.status, 200, got.text);
  const parsed = parseLogKeys(got.body);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  return { text: got.text, keys: parsed.keys };
}

/** What the offline verifier says of an export. */
export async function verdictOn(
  text: string,
  note: string,
  pinnedKeys: readonly LogKey[],
  { previous = null, mandate }: { previous?: string | null; mandate?: string | undefined } = {},
): Promise<LogVerdict> {
  return await verifyLog({
    chunks: ReadableStream.from([new TextEncoder().encode(text)]),
    checkpoint: parsedNote(note),
    previous: previous === null ? null : parsedNote(previous),
    pinnedKeys,
    ...(mandate === undefined ? {} : { mandate }),
  });
}
