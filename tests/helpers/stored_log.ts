import assert from "node:assert/strict";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { prefixedLeafHash } from "../../lib/base/sha256.ts";
import type { Deps } from "../../lib/deps.ts";
import { listLogKeys, publicLogKey, signerOf } from "../../lib/ledger/checkpoints.ts";
import { decodeLeaf, type Entry } from "../../lib/ledger/entry.ts";
import { leavesFrom, PAGE_ENTRIES, readTile } from "../../lib/ledger/log_tail.ts";
import { logHeadKey, logPrivatePrefix, orgKey, type StoreKey } from "../../lib/store/keys.ts";
import { type Kv, listRecords, readRecord } from "../../lib/store/kv.ts";
import { logHead, logPrivateRecord, type PrivateRow } from "../../lib/store/records/log.ts";
import { orgRecord } from "../../lib/store/records/policy.ts";
import { Sealer } from "../../lib/store/sealing.ts";
import { afterTurn, everyMinute, systemRandom, systemTimer } from "../../lib/store/system.ts";
import { parseCheckpoint, signCheckpoint } from "../../lib/tlog/checkpoint.ts";
import { rangeRoot } from "../../lib/tlog/tree.ts";
import { verifyLog } from "../../lib/verify/verify_log.ts";
import { MailBox } from "./mail_box.ts";
import type { Line } from "./signed_log.ts";

/**
 * Sets or deletes a row that the log's head guards as a commit of another node does: it moves the head,
 * by which a node that holds the row notices.
 */
export async function setAsAnotherNode(
  kv: Kv,
  org: string,
  key: StoreKey,
  value?: unknown,
): Promise<void> {
  let done = false;
  while (!done) {
    const head = await kv.get([...logHeadKey(org)]);
    const operation = kv.atomic().check(head).set([...logHeadKey(org)], head.value);
    if (value === undefined) operation.delete([...key]);
    else operation.set([...key], value);
    done = (await operation.commit()).ok;
  }
}

/** What it takes to read a store that no process has open, by the secret that it was written under. */
export function storeDeps(kv: Kv, secret: string): Deps {
  return {
    kv,
    sealer: new Sealer(new TextEncoder().encode(secret), null, systemRandom),
    queues: true,
    afterTurn,
    everyMinute,
    now: Date.now,
    monotonic: () => performance.now(),
    random: systemRandom,
    timer: systemTimer,
    log: () => {},
    mail: new MailBox(),
    push: () => Promise.reject(new Error("Nothing is pushed here.")),
    strangers: () => Promise.reject(new Error("Nobody is asked here.")),
    hosts: () => Promise.reject(new Error("No host is asked here.")),
    upstreams: { take: () => null, close: () => Promise.resolve() },
  };
}

/** An entry as it lies in the store. */
export interface StoredEntry {
  readonly index: number;
  readonly leaf_hash: string;
  readonly entry: Entry;
}

/** An entry in the store with its private parts, as a line of an export has them. */
export async function storedLines(deps: Deps, org: string): Promise<Line[]> {
  const parts = await storedParts(deps, org);
  const lines: Line[] = [];
  for await (const { index, leaf } of leavesFrom(deps.kv, org, 0, Number.MAX_SAFE_INTEGER)) {
    const leaf_hash = prefixedLeafHash(leaf).toHex();
    lines.push({ index, leaf_hash, entry: decodeLeaf(leaf), private: parts.get(index) ?? null });
  }
  return lines;
}

async function storedParts({ kv, sealer }: Deps, org: string): Promise<Map<number, JsonObject>> {
  const parts = new Map<number, JsonObject>();
  for await (const row of listRecords(kv, { prefix: logPrivatePrefix(org) }, logPrivateRecord)) {
    for (const [index, values] of sealer.openJson(row.key, row.value.sealed) as PrivateRow) {
      assert.equal(parts.has(index), false, `private parts of entry ${index} are stored twice`);
      parts.set(index, { ...values });
    }
  }
  return parts;
}

/**
 * Reads an org's whole log from the rows of the store, signs its head by the org's own key and
 * has the offline verifier look at all of it. Also holds the tiles against the leaves.
 */
export async function verifiedLog(deps: Deps, org: string): Promise<StoredEntry[]> {
  const { kv } = deps;
  const head = await readRecord(kv, logHeadKey(org), logHead);
  const { log_origin } = (await readRecord(kv, orgKey(org), orgRecord))?.value ??
    assert.fail("no org");
  const size = head?.value.size ?? 0;
  const parts = await storedParts(deps, org);
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
