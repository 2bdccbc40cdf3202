import type { Deps } from "../deps.ts";
import * as keys from "../store/keys.ts";
import { policyVersionRow } from "../store/records/log.ts";
import { KEPT_POLICY_CHANGES } from "./load_snapshot.ts";
import type { LogGrowth } from "./log_tail.ts";
import { privateRows, segmentRows } from "./segments.ts";
import type { Transaction } from "./transaction.ts";

/** The checks and writes of one commit, ready to be handed to the store. */
export function atomicCommit(
  { kv, sealer }: Pick<Deps, "kv" | "sealer">,
  transaction: Transaction,
  { batch, growth, turn, head }: {
    /** Names the attempt, so that a lost answer can be told from a lost commit. */
    readonly batch: string;
    /** Null when there are no entries. */
    readonly growth: LogGrowth | null;
    readonly turn: string | null;
    /** The stamp of the log's head; undefined when it is not to be checked. */
    readonly head: string | null | undefined;
  },
): Deno.AtomicOperation {
  const { snapshot, leaves, base, at } = transaction;
  const org = snapshot.orgId;
  const operation = kv.atomic()
    .check({ key: keys.policyVersionKey(org), versionstamp: snapshot.versionstamp })
    .check({ key: keys.logTurnKey(org), versionstamp: turn });
  if (head !== undefined) operation.check({ key: keys.logHeadKey(org), versionstamp: head });
  for (const { key, versionstamp } of transaction.checks.values()) {
    operation.check({ key: key as Deno.KvKey, versionstamp });
  }
  const rows = [
    ...growth?.rows ?? [],
    ...segmentRows(org, leaves, { base, at, batch }),
    ...privateRows(org, leaves, base, sealer),
    ...policyRows(transaction),
  ];
  for (const { key, value } of rows) operation.set(key as Deno.KvKey, value);
  for (const { key, value, expireIn } of transaction.writes.values()) {
    if (value === undefined) operation.delete(key as Deno.KvKey);
    else operation.set(key as Deno.KvKey, value, expireIn === undefined ? {} : { expireIn });
  }
  if (transaction.changesPolicy) {
    operation.delete(keys.policyChangeKey(org, transaction.policyVersion - KEPT_POLICY_CHANGES));
  }
  for (const { value, delay } of transaction.messages) operation.enqueue(value, { delay });
  return operation;
}

/** The new policy version and what it changed, for other nodes to follow. */
function policyRows(transaction: Transaction): { key: keys.StoreKey; value: unknown }[] {
  const { policyChanges, snapshot, policyVersion: version, generation } = transaction;
  if (!transaction.changesPolicy) return [];
  const changed = policyChanges.map(({ key }) => key);
  const fits = generation === snapshot.generation && JSON.stringify(changed).length < 20_000;
  return [
    {
      key: keys.policyVersionKey(snapshot.orgId),
      value: policyVersionRow({ version, generation }),
    },
    {
      key: keys.policyChangeKey(snapshot.orgId, version),
      value: { keys: fits ? changed : null },
    },
  ];
}
