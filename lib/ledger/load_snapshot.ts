import { z } from "zod";
import { Snapshot, stored } from "../policy/snapshot.ts";
import { upstreamPrefix, vaultPrefix } from "../store/gateway_keys.ts";
import * as keys from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { MalformedRecord } from "../store/record.ts";
import * as log from "../store/records/log.ts";

/**
 * The policy of an org as the store has it: read whole, or brought up to date by what changed
 * since.
 */

/** How many changes of a policy are kept for other nodes to follow. */
export const KEPT_POLICY_CHANGES = 1000;

/**
 * Reads an org's whole policy. The records are read in several calls, so changes made meanwhile
 * are followed afterwards; what a commit then checks makes sure that nothing was missed.
 */
export async function loadSnapshot(kv: Kv, org: string): Promise<Snapshot> {
  const snapshot = new Snapshot(org);
  const version = await readRecord(kv, keys.policyVersionKey(org), log.policyVersion);
  snapshot.version = version?.value.version ?? 0;
  snapshot.generation = version?.value.generation ?? 0;
  snapshot.versionstamp = version?.versionstamp ?? null;
  const record = await kv.get(keys.orgKey(org));
  if (record.versionstamp !== null) {
    if (version === null) {
      // Read once more: another node may have made the org between the two reads.
      const { versionstamp } = await kv.get(keys.policyVersionKey(org));
      if (versionstamp !== null) return await loadSnapshot(kv, org);
      throw new MalformedRecord(keys.policyVersionKey(org), "missing, though its org exists");
    }
    snapshot.apply(keys.orgKey(org), stored(record.value));
  }
  const heard = await kv.get(keys.heardKey(org));
  if (heard.versionstamp !== null) snapshot.apply(keys.heardKey(org), stored(heard.value));
  const prefixes = [
    keys.toolPrefix(org),
    keys.categoryPrefix(org),
    keys.tenantPrefix(org),
    keys.rulePrefix(org),
    keys.apiKeyPrefix(org),
    keys.agentPrefix(org),
    keys.memberPrefix(org),
    keys.grantPrefix(org),
    upstreamPrefix(org),
    vaultPrefix(org),
  ];
  for (const common of prefixes) {
    const prefix = keys.placed(common, snapshot.generation);
    for await (const { key, value } of listRecords(kv, { prefix }, z.unknown())) {
      snapshot.apply(keys.unplaced(key), stored(value));
    }
  }
  return await refreshSnapshot(kv, snapshot);
}

/** Which generation of its rows is an org's policy: see `placed`. */
export async function currentGeneration(kv: Kv, org: string): Promise<number> {
  const version = await readRecord(kv, keys.policyVersionKey(org), log.policyVersion);
  return version?.value.generation ?? 0;
}

/**
 * The snapshot brought to the current policy version: the same object with what changed read
 * again, or a new one when too much did.
 */
export async function refreshSnapshot(kv: Kv, snapshot: Snapshot): Promise<Snapshot> {
  const org = snapshot.orgId;
  for (;;) {
    const current = await readRecord(kv, keys.policyVersionKey(org), log.policyVersion);
    if ((current?.versionstamp ?? null) === snapshot.versionstamp) return snapshot;
    if (current?.value.generation !== snapshot.generation) return await loadSnapshot(kv, org);
    const behind = current.value.version - snapshot.version;
    if (behind <= 0 || behind > KEPT_POLICY_CHANGES) return await loadSnapshot(kv, org);
    const changed = await changedKeys(kv, org, snapshot.version + 1, current.value.version);
    if (changed === null) return await loadSnapshot(kv, org);
    // Read everything first, then apply in one go: nobody sees half a change.
    const values = await Promise.all(
      changed.map((key) => kv.get(keys.placed(key, snapshot.generation) as Deno.KvKey)),
    );
    changed.forEach((key, i) => {
      const entry = values[i];
      snapshot.apply(key, entry?.versionstamp ? stored(entry.value) : null);
    });
    snapshot.version = current.value.version;
    snapshot.versionstamp = current.versionstamp;
  }
}

/** The keys that the versions `from` to `to` changed; null when that is not known any more. */
async function changedKeys(
  kv: Kv,
  org: string,
  from: number,
  to: number,
): Promise<keys.StoreKey[] | null> {
  const changed = new Map<string, keys.StoreKey>();
  let seen = 0;
  const range = {
    start: keys.policyChangeKey(org, from),
    end: keys.policyChangeKey(org, to + 1),
  };
  for await (const { value } of listRecords(kv, range, log.policyChange)) {
    if (value.keys === null) return null;
    seen++;
    for (const key of value.keys) changed.set(JSON.stringify(key), key);
  }
  return seen === to - from + 1 ? [...changed.values()] : null;
}
