import { toHex } from "../base/bytes.ts";
import { type ParsedCheckpoint, verifySignature } from "../tlog/checkpoint.ts";
import { type LogKey, orgOfOrigin } from "../tlog/log_key.ts";
import { appendLeaf, emptyRange, rangeRoot } from "../tlog/tree.ts";
import { type DecisionCounts, SignedDecisions } from "./decisions.ts";
import { byteLines, checkEntry, parseExportLine } from "./export_lines.ts";
import { entryFinding, type Finding, wholeFinding } from "./finding.ts";
import { checkPrivateParts } from "./private_parts.ts";
import { ReceiptsOfLog } from "./receipts_of_log.ts";
import type { SignedReceipt } from "./signed_receipt.ts";
import type { SpendingCounts } from "./spending.ts";
import { type MandateStanding, Story, type Untold } from "./story.ts";
import { type Handover, ROTATION_TYPE, TrustedKeys } from "./trusted_keys.ts";

/**
 * The second, independent reader of a log: an export against its checkpoint, offline, with keys
 * that were got from elsewhere.
 */

/** What to verify a log with. */
interface LogEvidence {
  /** The export, NDJSON, from entry 0 on. Read once, never held as a whole. */
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly checkpoint: ParsedCheckpoint;
  /** A checkpoint kept from before: the log must have only grown since. */
  readonly previous: ParsedCheckpoint | null;
  readonly pinnedKeys: readonly LogKey[];
  /** Signed receipts that are to be of it. */
  readonly receipts?: readonly SignedReceipt[];
  /** A mandate whose entries and spending are reported as well. */
  readonly mandate?: string;
  /** Hears how many entries are checked, every `PROGRESS_EVERY` of them. */
  readonly onProgress?: (entries: number) => void;
}

/** What is proven about a log that nothing is wrong with. */
export interface LogReport {
  readonly origin: string;
  /** Entries that the checkpoint covers. */
  readonly size: number;
  /** Entries after those: well-formed, but nobody signed for them yet. */
  readonly uncovered: number;
  readonly root: string;
  readonly key: LogKey;
  /** The hand-overs from a pinned key to `key`; empty when it is pinned itself. */
  readonly handovers: readonly Handover[];
  /** Times of the first and last covered entry. */
  readonly span: { readonly first: string; readonly last: string } | null;
  readonly privateParts: number;
  readonly decisions: DecisionCounts;
  readonly untold: Untold;
  readonly spending: SpendingCounts;
  /** What the log tells of the mandate that was asked for; null where none was. */
  readonly mandate: MandateStanding | null;
  /** Size of the previous checkpoint, if one was given. */
  readonly previousSize: number | null;
  /** The ids of receipts that are of it, and signed by keys of it. */
  readonly receipts: readonly string[];
}

export type LogVerdict =
  | { readonly ok: true; readonly report: LogReport }
  | { readonly ok: false; readonly finding: Finding };

/** After how many entries progress is reported. */
const PROGRESS_EVERY = 100_000;

/**
 * Verifies an exported log against its checkpoint, and gives the first thing that is wrong.
 *
 * Trusts only `pinnedKeys`, and keys that they handed the log over to inside of it; a retired one no
 * further than it says. Where one of them is active, the log has to end in it. Works offline,
 * in one pass; of the entries only the keys of the log and of its members' passkeys stay in memory.
 * The entries come first, then the checkpoint's size and root, its signature, and the previous
 * checkpoint.
 */
export async function verifyLog(evidence: LogEvidence): Promise<LogVerdict> {
  const { checkpoint, previous, pinnedKeys, mandate } = evidence;
  const walk = await walkEntries(evidence);
  if ("finding" in walk) return { ok: false, finding: walk.finding };
  const finding = rootFinding(checkpoint, walk);
  if (finding !== null) return { ok: false, finding };

  // Only keys from here on: the root has tied the hand-overs to this very checkpoint.
  const signature = await signatureOf(checkpoint, pinnedKeys, walk.trusted);
  if ("finding" in signature) return { ok: false, finding: signature.finding };
  const keyFinding = walk.trusted.endFinding(signature.key.kid, checkpoint.size);
  if (keyFinding !== null) return { ok: false, finding: keyFinding };
  if (previous !== null) {
    const wrong = await previousFinding(checkpoint, previous, pinnedKeys, walk);
    if (wrong !== null) return { ok: false, finding: wrong };
  }
  const { receipts = [] } = evidence;
  const receiptFinding = await walk.receipts.end(receipts);
  if (receiptFinding !== null) return { ok: false, finding: receiptFinding };
  if (mandate !== undefined && walk.story.mandate(mandate).seq === 0) {
    const what = `No entry is about the mandate ${mandate}`;
    return { ok: false, finding: wholeFinding("mandate_unknown", what) };
  }
  return {
    ok: true,
    report: {
      origin: checkpoint.origin,
      size: checkpoint.size,
      uncovered: walk.entries - checkpoint.size,
      root: toHex(checkpoint.rootHash),
      key: signature.key,
      handovers: walk.trusted.pathTo(signature.key.kid),
      span: walk.span,
      privateParts: walk.privateParts,
      decisions: walk.decisions.counts,
      untold: walk.story.untold,
      spending: walk.story.spending,
      mandate: mandate === undefined ? null : walk.story.mandate(mandate),
      previousSize: previous?.size ?? null,
      receipts: receipts.map(({ id }) => id),
    },
  };
}

interface Walk {
  entries: number;
  privateParts: number;
  span: { first: string; last: string } | null;
  /** Roots, in hex, at the sizes of the two checkpoints, as far as the entries reach. */
  readonly roots: Map<number, string>;
  readonly trusted: TrustedKeys;
  readonly decisions: SignedDecisions;
  readonly story: Story;
  readonly receipts: ReceiptsOfLog;
}

/** Goes through the entries once; ends at the first that is wrong. */
async function walkEntries(evidence: LogEvidence): Promise<Walk | { finding: Finding }> {
  const { checkpoint, previous, pinnedKeys, onProgress } = evidence;
  const org = orgOfOrigin(checkpoint.origin);
  if (org === null) {
    const what = `Checkpoint is of "${checkpoint.origin}", expected "<host>/log/<org_id>"`;
    return { finding: wholeFinding("origin_mismatch", what) };
  }
  const walk: Walk = {
    entries: 0,
    privateParts: 0,
    span: null,
    roots: new Map(),
    trusted: new TrustedKeys(checkpoint.origin, pinnedKeys),
    decisions: new SignedDecisions(),
    story: new Story(),
    receipts: new ReceiptsOfLog(evidence.receipts ?? [], checkpoint.origin),
  };
  const rootSizes = new Set([checkpoint.size, previous?.size ?? checkpoint.size]);
  const range = emptyRange();
  if (rootSizes.has(0)) walk.roots.set(0, toHex(rangeRoot(range)));
  let lastAt = "";
  const batches = byteLines(evidence.chunks);
  for await (const batch of batches) {
    for (const [position, bytes] of batch.entries()) {
      const index = walk.entries;
      const parsed = parseExportLine(bytes, index);
      if (!parsed.ok) return { finding: parsed.finding };
      const { line } = parsed;
      if (line.index !== index) {
        const later = batch.slice(position + 1);
        return { finding: await orderFinding(index, line.index, later, batches) };
      }
      const checked = checkEntry(line.entry, { index, org, leafHash: line.leafHash });
      if (!checked.ok) return { finding: checked.finding };
      const { entry } = checked;
      if (entry.at < lastAt) {
        const what = `Entry ${index} is of ${entry.at}, before entry ${index - 1} of ${lastAt}`;
        return { finding: entryFinding("time_backwards", index, what) };
      }
      lastAt = entry.at;
      if (line.private !== null) {
        const parts = checkPrivateParts(line.private, entry.data, index);
        if (!parts.ok) return { finding: parts.finding };
        walk.privateParts += parts.checked;
      }
      const unsigned = await walk.decisions.take(entry, line.private, { org, index });
      if (unsigned !== null) return { finding: unsigned };
      const wrong = walk.story.take(entry, line.private, index);
      if (wrong !== null) return { finding: wrong };
      if (index < checkpoint.size) {
        if (entry.type === ROTATION_TYPE) {
          const finding = await walk.trusted.rotate(entry, index);
          if (finding !== null) return { finding };
        }
        const other = walk.receipts.take(entry, line.private, { index, org });
        if (other !== null) return { finding: other };
        walk.span = { first: walk.span?.first ?? entry.at, last: entry.at };
      }
      appendLeaf(range, entry.leafHash);
      walk.entries = range.size;
      if (rootSizes.has(range.size)) walk.roots.set(range.size, toHex(rangeRoot(range)));
      if (range.size % PROGRESS_EVERY === 0) onProgress?.(range.size);
    }
  }
  return walk;
}

function rootFinding(checkpoint: ParsedCheckpoint, walk: Walk): Finding | null {
  const root = walk.roots.get(checkpoint.size);
  if (root === undefined) {
    return entryFinding(
      "too_few_entries",
      walk.entries,
      `The export ends after ${walk.entries} entries, but the checkpoint covers ${checkpoint.size}: ` +
        `entries ${walk.entries} to ${checkpoint.size - 1} are missing`,
    );
  }
  const signed = toHex(checkpoint.rootHash);
  if (root === signed) return null;
  return wholeFinding(
    "root_mismatch",
    `The first ${checkpoint.size} entries have root ${root}, but the checkpoint says ${signed}`,
  );
}

async function signatureOf(
  checkpoint: ParsedCheckpoint,
  pinnedKeys: readonly LogKey[],
  trusted: TrustedKeys,
): Promise<{ key: LogKey } | { finding: Finding }> {
  const keys = trusted.all.length > 0 ? trusted.all : pinnedKeys;
  const signature = await verifySignature(checkpoint, keys);
  if (signature.ok) return { key: signature.key };
  return { finding: wholeFinding(signature.code, signature.message) };
}

async function previousFinding(
  checkpoint: ParsedCheckpoint,
  previous: ParsedCheckpoint,
  pinnedKeys: readonly LogKey[],
  walk: Walk,
): Promise<Finding | null> {
  if (previous.origin !== checkpoint.origin) {
    return wholeFinding(
      "origin_mismatch",
      `The previous checkpoint is of log "${previous.origin}", the current one of ` +
        `"${checkpoint.origin}"`,
    );
  }
  const signature = await signatureOf(previous, pinnedKeys, walk.trusted);
  if ("finding" in signature) {
    const { code, what } = signature.finding;
    return wholeFinding(code, `In the previous checkpoint: ${what}`);
  }
  if (previous.size > checkpoint.size) {
    return wholeFinding(
      "rollback",
      `The previous checkpoint covers ${previous.size} entries, the current one only ` +
        `${checkpoint.size}`,
    );
  }
  const root = walk.roots.get(previous.size);
  const signed = toHex(previous.rootHash);
  if (root === signed) return null;
  return wholeFinding(
    "fork",
    `The first ${previous.size} entries have root ${root}, but the previous checkpoint, of that ` +
      `size, says ${signed}`,
  );
}

/** The lines still to come, as `byteLines` gives them. */
type Lines = ReturnType<typeof byteLines>;

/**
 * Names what is wrong with the order when the line for `expected` has another index.
 *
 * Reads on to the end of the export where it must, to tell a dropped entry from one moved back.
 */
async function orderFinding(
  expected: number,
  got: number,
  batch: readonly Uint8Array[],
  rest: Lines,
): Promise<Finding> {
  if (got < expected) {
    return entryFinding(
      "index_duplicate",
      expected,
      `Entry ${got} is there twice: it stands again where entry ${expected} was expected`,
    );
  }
  if (await appearsLater(expected, batch, rest)) {
    return entryFinding(
      "index_swap",
      expected,
      `Entry ${got} stands where entry ${expected} was expected, and entry ${expected} comes later`,
    );
  }
  const missing = got - expected === 1
    ? `Entry ${expected} is missing`
    : `Entries ${expected} to ${got - 1} are missing`;
  return entryFinding("index_gap", expected, `${missing}: entry ${got} comes in their place`);
}

async function appearsLater(
  index: number,
  batch: readonly Uint8Array[],
  rest: Lines,
): Promise<boolean> {
  const has = (bytes: Uint8Array) => {
    const parsed = parseExportLine(bytes, index);
    return parsed.ok && parsed.line.index === index;
  };
  if (batch.some(has)) return true;
  for await (const lines of rest) if (lines.some(has)) return true;
  return false;
}
