import { fromHex, toHex } from "../base/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { parseCheckpoint, type ParsedCheckpoint, verifySignature } from "../tlog/checkpoint.ts";
import {
  type Ed25519PublicJwk,
  jwkThumbprint,
  type LogKey,
  orgOfOrigin,
  parsePublicJwk,
  unknownJwkMember,
} from "../tlog/log_key.ts";
import { verifyInclusion } from "../tlog/verify_proof.ts";
import { checkEntry, isIndex } from "./export_lines.ts";
import { entryFinding, type Finding, wholeFinding } from "./finding.ts";

/**
 * One entry, proven with what a receipt brings and keys that it does not bring.
 */

/** One entry with all that proves it; nothing is verified yet. */
export interface Receipt {
  readonly entry: JsonObject;
  readonly leafHash: string;
  readonly index: number;
  readonly size: number;
  readonly inclusion: readonly Uint8Array[];
  readonly checkpoint: ParsedCheckpoint;
  /** The key that the receipt says signed it. A hint where to look, never a reason to trust. */
  readonly key: Ed25519PublicJwk;
}

type ParseReceiptResult =
  | { readonly ok: true; readonly receipt: Receipt }
  | {
    readonly ok: false;
    readonly code: "malformed_receipt" | "newer_receipt";
    readonly message: string;
  };

/** The version of receipts that this verifier reads. Those made before it was said have none. */
export const RECEIPT_VERSION = 1;

const MEMBERS: ReadonlySet<string> = new Set([
  ...["v", "entry", "leaf_hash", "index", "size", "inclusion", "checkpoint", "key"],
]);

/** What is proven about a receipt that nothing is wrong with. */
export interface ReceiptReport {
  readonly origin: string;
  readonly index: number;
  readonly size: number;
  readonly root: string;
  readonly key: LogKey;
  readonly type: string;
  readonly at: string;
}

type ReceiptVerdict =
  | { readonly ok: true; readonly report: ReceiptReport }
  | { readonly ok: false; readonly finding: Finding };

/** Reads a receipt's JSON; a refusal means that it is no receipt, not that it proves nothing. */
export function parseReceipt(value: JsonValue): ParseReceiptResult {
  if (!isJsonObject(value)) return malformed("Receipt is not a JSON object");
  const { v = RECEIPT_VERSION } = value;
  if (isIndex(v) && v > RECEIPT_VERSION) {
    const message = `Receipt is of version ${v}, and this verifier reads version ` +
      `${RECEIPT_VERSION}: the verifier is older than the receipt. Take a newer one`;
    return { ok: false, code: "newer_receipt", message };
  }
  if (v !== RECEIPT_VERSION) {
    return malformed(`Receipt has "v" ${JSON.stringify(v)}, expected ${RECEIPT_VERSION}`);
  }
  // Nothing covers what stands beside the entry, so nothing may stand there that nobody checks.
  const unknown = Object.keys(value).find((name) => !MEMBERS.has(name));
  if (unknown !== undefined) {
    return malformed(`Receipt has an unknown member ${JSON.stringify(unknown)}`);
  }
  const { entry, leaf_hash: leafHash, index, size, inclusion, checkpoint: note } = value;
  if (!isJsonObject(entry)) return malformed('Receipt has no object "entry"');
  if (typeof leafHash !== "string" || fromHex(leafHash)?.length !== 32) {
    return malformed('Receipt has no "leaf_hash" of 64 lower-case hex digits');
  }
  if (!isIndex(index) || !isIndex(size)) {
    return malformed('Receipt has no "index" and "size" that are whole numbers from 0 on');
  }
  const proof = Array.isArray(inclusion) ? inclusion.map(hashOf) : [null];
  if (!proof.every((hash) => hash !== null)) {
    return malformed('Receipt has no "inclusion" that is a list of hashes in lower-case hex');
  }
  if (typeof note !== "string") return malformed('Receipt has no text "checkpoint"');
  const checkpoint = parseCheckpoint(note);
  if (!checkpoint.ok) {
    return malformed(`Receipt has an unreadable checkpoint: ${checkpoint.message}`);
  }
  const key = parsePublicJwk(value.key);
  if (key === null || !isJsonObject(value.key)) {
    return malformed('Receipt has no "key" that is an Ed25519 JWK');
  }
  const beside = unknownJwkMember(value.key);
  if (beside !== null) {
    return malformed(`Receipt has a key with an unknown member ${JSON.stringify(beside)}`);
  }
  const parts = { entry, leafHash, index, size, inclusion: proof, key };
  return { ok: true, receipt: { ...parts, checkpoint: checkpoint.checkpoint } };
}

/**
 * Verifies a receipt: the entry's hash, its place under the checkpoint's root, and the signature
 * by a pinned key. Works offline.
 *
 * The key inside the receipt is never trusted: whoever makes up a receipt makes up its key too.
 */
export async function verifyReceipt(
  receipt: Receipt,
  pinnedKeys: readonly LogKey[],
): Promise<ReceiptVerdict> {
  const { entry, index, size, checkpoint } = receipt;
  const { origin, rootHash } = checkpoint;
  const org = orgOfOrigin(origin);
  if (org === null) {
    const what = `Checkpoint is of "${origin}", expected "<host>/log/<org_id>"`;
    return wrong(wholeFinding("origin_mismatch", what));
  }
  const checked = checkEntry(entry, { index, org, leafHash: receipt.leafHash });
  if (!checked.ok) return wrong(checked.finding);
  if (size !== checkpoint.size) {
    const what = `The receipt's proof is for ${size} entries, its checkpoint covers ` +
      `${checkpoint.size}`;
    return wrong(wholeFinding("receipt_size_mismatch", what));
  }
  const { type, at, leafHash } = checked.entry;
  if (!verifyInclusion(leafHash, index, size, receipt.inclusion, rootHash)) {
    const what = `The proof does not lead from entry ${index} of ${size} to the checkpoint's ` +
      `root ${toHex(rootHash)}`;
    return wrong(entryFinding("receipt_not_included", index, what));
  }
  const signature = await verifySignature(checkpoint, pinnedKeys);
  const ownKid = jwkThumbprint(receipt.key);
  if (!signature.ok) {
    const hint = signature.code === "unpinned_key"
      ? `. The receipt brings its own key ${ownKid}, which is not in your keys file and is not ` +
        "trusted for being in the receipt"
      : "";
    return wrong(wholeFinding(signature.code, signature.message + hint));
  }
  const { key } = signature;
  if (ownKid !== key.kid) {
    const what = `The receipt names key ${ownKid}, but key ${key.kid} signed its checkpoint`;
    return wrong(wholeFinding("receipt_key_mismatch", what));
  }
  const retiredAt = key.retirement?.at ?? null;
  if (retiredAt !== null && at > retiredAt) {
    const what =
      `Entry ${index} is of ${at}, but key ${key.kid}, which signed for it, was retired ` +
      `at ${retiredAt}`;
    return wrong(wholeFinding("key_retired", what));
  }
  return { ok: true, report: { origin, index, size, root: toHex(rootHash), key, type, at } };
}

function hashOf(hex: JsonValue): Uint8Array | null {
  const bytes = typeof hex === "string" ? fromHex(hex) : null;
  return bytes?.length === 32 ? bytes : null;
}

function malformed(message: string): ParseReceiptResult {
  return { ok: false, code: "malformed_receipt", message };
}

function wrong(finding: Finding): ReceiptVerdict {
  return { ok: false, finding };
}
