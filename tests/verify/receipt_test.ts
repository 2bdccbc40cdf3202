import assert from "node:assert/strict";
import { toHex } from "../../lib/base/bytes.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { leafHash } from "../../lib/base/sha256.ts";
import { logOrigin } from "../../lib/tlog/log_key.ts";
import { parseReceipt, verifyReceipt } from "../../lib/verify/verify_receipt.ts";
import { at, receiptOf, signer, stranger, withEntry } from "../helpers/log_verdicts.ts";
import { hashOf, logOf, ORG, signerOf } from "../helpers/signed_log.ts";

async function receiptCode(receipt: JsonValue, keys = [signer.key]): Promise<string> {
  const result = parseReceipt(receipt);
  if (!result.ok) return result.code;
  const verdict = await verifyReceipt(result.receipt, keys);
  return verdict.ok ? "ok" : verdict.finding.code;
}

Deno.test("verifyReceipt() proves an entry by a pinned key", async () => {
  const lines = logOf(20);
  for (const index of [0, 7, 19]) {
    assert.equal(await receiptCode(await receiptOf(lines, index)), "ok");
  }
});

Deno.test("verifyReceipt() never trusts the key that a receipt brings", async () => {
  const result = parseReceipt(await receiptOf(logOf(20), 7, stranger));
  assert.ok(result.ok);
  const verdict = await verifyReceipt(result.receipt, [signer.key]);
  assert.ok(!verdict.ok);
  assert.equal(verdict.finding.code, "unpinned_key");
  assert.match(verdict.finding.what, /not trusted for being in the receipt/);
});

Deno.test("verifyReceipt() finds every altered part", async () => {
  const lines = logOf(20);
  const receipt = await receiptOf(lines, 7);
  const other = await receiptOf(lines, 8);
  const shorter = await receiptOf(lines.slice(0, 19), 7);
  const changed = withEntry(at(lines, 7), { data: { permission: "disabled" } }).entry;
  const inclusion = Array.isArray(receipt.inclusion) ? receipt.inclusion : [];
  const elsewhere = await signerOf(1, logOrigin("countersign.example", "org_other"));
  const foreign = await receiptOf(lines, 7, elsewhere);
  const cases: [string, JsonObject][] = [
    ["leaf_hash_mismatch", { entry: changed }],
    ["receipt_not_included", { entry: changed, leaf_hash: hashOf(changed) }],
    ["entry_index_mismatch", { index: 8 }],
    ["leaf_hash_mismatch", { leaf_hash: other.leaf_hash ?? null }],
    ["receipt_size_mismatch", { size: 19 }],
    ["receipt_size_mismatch", { checkpoint: shorter.checkpoint ?? null }],
    ["receipt_not_included", { inclusion: other.inclusion ?? null }],
    ["receipt_not_included", { inclusion: inclusion.slice(1) }],
    ["receipt_not_included", { inclusion: [...inclusion, toHex(leafHash(new Uint8Array(0)))] }],
    ["org_mismatch", { checkpoint: foreign.checkpoint ?? null }],
    ["receipt_key_mismatch", { key: { ...stranger.key.publicKey } }],
    ["bad_signature", {
      checkpoint: String(receipt.checkpoint).replace("\n\n", "\nextension\n\n"),
    }],
    ["malformed_receipt", { checkpoint: "none" }],
    ["malformed_receipt", { inclusion: ["00"] }],
    ["malformed_receipt", { inclusion: "none" }],
    ["malformed_receipt", { leaf_hash: "00" }],
    ["malformed_receipt", { index: -1 }],
    ["malformed_receipt", { entry: null }],
    ["malformed_receipt", { key: null }],
    ["malformed_receipt", { key: { ...signer.key.publicKey, d: "secret" } }],
    ["malformed_receipt", { v: 0 }],
    ["malformed_receipt", { v: "1" }],
    ["malformed_receipt", { v: null }],
    ["malformed_receipt", { note: "vouched for by nobody" }],
    ["newer_receipt", { v: 2 }],
    ["newer_receipt", { v: 2, note: "whatever it holds" }],
  ];
  for (const [code, members] of cases) {
    assert.equal(await receiptCode({ ...receipt, ...members }), code, JSON.stringify(members));
  }
  assert.equal(await receiptCode(null), "malformed_receipt");
  const away = await signerOf(1, logOrigin("elsewhere.example", ORG));
  assert.equal(await receiptCode(receipt, [away.key]), "origin_mismatch");
});

Deno.test("parseReceipt() reads receipts that were made before they had a version", async () => {
  const { v, ...receipt } = await receiptOf(logOf(20), 7);
  assert.equal(v, 1);
  assert.equal(await receiptCode(receipt), "ok");
});

Deno.test("parseReceipt() says of a newer receipt that the verifier is older", async () => {
  const parsed = parseReceipt({ ...await receiptOf(logOf(20), 7), v: 2 });
  assert.ok(!parsed.ok);
  assert.match(parsed.message, /the verifier is older than the receipt/);
});
