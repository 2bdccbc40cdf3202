import assert from "node:assert/strict";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { prefixedLeafHash } from "../../lib/base/sha256.ts";
import type { Deps } from "../../lib/deps.ts";
import { listLogKeys, publicLogKey, signerOf } from "../../lib/ledger/checkpoints.ts";
import { decodeLeaf, type Entry } from "../../lib/ledger/entry.ts";
import { leavesFrom, PAGE_ENTRIES, readTile } from "../../lib/ledger/log_tail.ts";
import { logHeadKey, logPrivatePrefix, orgKey } from "../../lib/store/keys.ts";
import { listRecords, readRecord } from "../../lib/store/kv.ts";
import { logHead, type PrivateRow, sealedRecord } from "../../lib/store/records/log.ts";
import { orgRecord } from "../../lib/store/records/policy.ts";
import { parseCheckpoint, signCheckpoint } from "../../lib/tlog/checkpoint.ts";
import { rangeRoot } from "../../lib/tlog/tree.ts";
import { verifyLog } from "../../lib/verify/verify_log.ts";

/** An entry as it lies in the store. */
export interface StoredEntry {
  readonly index: number;
  readonly leaf_hash: string;
  readonly entry: Entry;
}

/**
 * Reads an org's whole log from the rows of the store, signs its head by the org's own key and
 * has the offline verifier look at all of it. Also holds the tiles against the leaves.
 */
export async function verifiedLog(deps: Deps, org: string): Promise<StoredEntry[]> {
  const { kv, sealer } = deps;
  const head = await readRecord(kv, logHeadKey(org), logHead);
  const { log_origin } = (await readRecord(kv, orgKey(org), orgRecord))?.value ??
    assert.fail("no org");
  const size = head?.value.size ?? 0;
  const parts = new Map<number, JsonObject>();
  for await (const row of listRecords(kv, { prefix: logPrivatePrefix(org) }, sealedRecord)) {
    for (const [index, values] of sealer.openJson(row.key, row.value.sealed) as PrivateRow) {
      assert.equal(parts.has(index), false, `private parts of entry ${index} are stored twice`);
      parts.set(index, { ...values });
    }
  }
  const entries: StoredEntry[] = [];
  const lines: Uint8Array[] = [];
  const hashes: Uint8Array[] = [];
  for await (const { index, leaf } of leavesFrom(kv, org, 0, Number.MAX_SAFE_INTEGER)) {
    assert.equal(index, entries.length, "indices are dense");
    const hash = prefixedLeafHash(leaf);
    const stored = { index, leaf_hash: hash.toHex(), entry: decodeLeaf(leaf) };
    hashes.push(hash);
    entries.push(stored);
    const line = canonicalJson({ ...stored, private: parts.get(index) ?? null });
    lines.push(new TextEncoder().encode(line + "\n"));
  }
  assert.equal(entries.length, size, "the head counts the entries");
  for (let page = 0; page < Math.floor(size / PAGE_ENTRIES); page++) {
    const leaves = hashes.slice(page * PAGE_ENTRIES, (page + 1) * PAGE_ENTRIES);
    const tile = await readTile(kv, org, 0, page);
    assert.equal(tile.toHex(), leaves.map((hash) => hash.toHex()).join(""), `tile ${page}`);
  }

  const record = (await listLogKeys(deps, org)).find(({ status }) => status === "active") ??
    assert.fail("no log key");
  const rootHash = rangeRoot({ size, peaks: [...head?.value.peaks ?? []] });
  const note = await signCheckpoint(
    { origin: log_origin, size, rootHash },
    await signerOf(deps, org, log_origin, record),
  );
  const parsed = parseCheckpoint(note);
  assert.ok(parsed.ok);
  const verdict = await verifyLog({
    chunks: ReadableStream.from(lines),
    checkpoint: parsed.checkpoint,
    previous: null,
    pinnedKeys: [publicLogKey(log_origin, record)],
  });
  assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.finding));
  return entries;
}
