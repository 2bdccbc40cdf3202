import { serialize } from "node:v8";
import type { JsonObject } from "../base/json.ts";
import { schedule } from "../ledger/commit.ts";
import type { Actor } from "../ledger/entry.ts";
import { removeRows } from "../ledger/ledgers.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import {
  categoryKey,
  dueKey,
  generationPrefixes,
  policyGenerationKey,
  resourceKey,
  ruleKey,
  type StoreKey,
  tenantKey,
  toolKey,
} from "../store/keys.ts";
import { keyText, type Kv } from "../store/kv.ts";
import { type DueWork, policyGeneration } from "../store/records/log.ts";
import type { Described } from "./policy_edit.ts";
import type { RecordChange } from "./record_change.ts";

/**
 * A generation of the policy's rows that is written beside the one that is read, in parts that each
 * fit a commit. It is given up when it takes too long, and swept away when it is not read any more.
 */

/** How long a generation may take to be written, milliseconds, before it is given up. */
const STAGED_FOR_MS = 30 * 60 * 1000;

/** Most rows, and bytes of values and entries, and of keys, that are meant for one commit. */
const MAX_ROWS = 400;

const MAX_BYTES = 500_000;

const MAX_KEY_BYTES = 40_000;

/** An entry shows its change in brief, and says by whom and about what in so many bytes more. */
const MAX_SHOWN_BYTES = 2000;

const ENTRY_BYTES = 600;

/** One row of a generation, and what became other with it; a row that goes is a change only. */
export interface StagedRow {
  readonly key: StoreKey;
  readonly value: JsonObject | null;
  readonly change: RecordChange | null;
}

/** When a generation that is being written is given up. */
export type Staging = ReturnType<typeof policyGeneration.parse>;

/**
 * Begins a generation of the policy's rows that nobody reads.
 * @param generation the index of the entry that says so, which no other generation has
 */
export function beginStaging(transaction: Transaction, generation: number): void {
  const staging: Staging = { ends_at: transaction.now + STAGED_FOR_MS };
  transaction.set(policyGenerationKey(transaction.snapshot.orgId, generation), staging);
  schedule(transaction, { kind: "policy_sweep", at: staging.ends_at, id: String(generation) });
}

/** Reads, to be checked by the commit, that a generation is still being written; else null. */
export async function loadStaging(reader: Reader, generation: number): Promise<Staging | null> {
  const key = policyGenerationKey(reader.snapshot.orgId, generation);
  return (await reader.get(key, policyGeneration))?.value ?? null;
}

/** Ends the writing of a generation: nothing can be added to it, or make it current, afterwards. */
export function endStaging(transaction: Transaction, generation: number, staging: Staging): void {
  const org = transaction.snapshot.orgId;
  transaction.delete(policyGenerationKey(org, generation));
  transaction.delete(dueKey(staging.ends_at, "policy_sweep", org, String(generation)));
}

/** All rows of a policy with changes made, in parts that each fit a commit. */
export function stagedParts(
  snapshot: Snapshot,
  described: Described,
  changes: readonly RecordChange[],
): StagedRow[][] {
  const kept = rowsOf(snapshot, described);
  const rows: StagedRow[] = [];
  for (const change of changes) {
    const { key, oldKey, next } = change;
    kept.delete(keyText(key));
    if (oldKey !== undefined) kept.delete(keyText(oldKey));
    rows.push({ key, value: next, change });
  }
  for (const { key, value } of kept.values()) rows.push({ key, value, change: null });
  return inParts(rows);
}

function rowsOf(
  { orgId, tools, categories, rules }: Snapshot,
  { tenants, resources }: Described,
): Map<string, { readonly key: StoreKey; readonly value: JsonObject }> {
  const rows = new Map<string, { readonly key: StoreKey; readonly value: JsonObject }>();
  const add = (key: StoreKey, value: JsonObject) => rows.set(keyText(key), { key, value });
  for (const tool of tools.values()) add(toolKey(orgId, tool.name), tool);
  for (const category of categories.values()) add(categoryKey(orgId, category.name), category);
  for (const tenant of tenants) add(tenantKey(orgId, tenant.id), tenant);
  for (const resource of resources) add(resourceKey(orgId, resource.id), resource);
  for (const rule of rules) {
    for (const one of [rule, ...rules.twinsOf(rule.selector)]) {
      add(ruleKey(orgId, one.selector), one);
    }
  }
  return rows;
}

function inParts(rows: readonly StagedRow[]): StagedRow[][] {
  const parts: StagedRow[][] = [];
  let part: StagedRow[] = [];
  let bytes = 0;
  let keyBytes = 0;
  for (const row of rows) {
    const stored = serialize(row.value).length;
    const logged = row.change === null ? 0 : Math.min(stored, MAX_SHOWN_BYTES) + ENTRY_BYTES;
    const size = stored + logged;
    const keySize = keyText(row.key).length;
    const full = part.length === MAX_ROWS || bytes + size > MAX_BYTES ||
      keyBytes + keySize > MAX_KEY_BYTES;
    if (part.length === 0 || full) {
      parts.push(part = []);
      bytes = 0;
      keyBytes = 0;
    }
    part.push(row);
    bytes += size;
    keyBytes += keySize;
  }
  return parts;
}

const SYSTEM: Actor = { type: "system", id: "policy" };

/**
 * Removes the rows of a generation of the policy that is not read: one that was replaced, or one
 * that was never finished. Stopped anywhere it goes on from there the next time.
 * @param work its id is the generation
 */
export async function sweepPolicy(services: Services, work: DueWork): Promise<void> {
  const { kind, at, org, id } = work;
  const { deps, ledgers } = services;
  const generation = Number(id);
  const isRead = await ledgers.transact(org, {
    load: (reader) => loadStaging(reader, generation),
    plan(transaction, staging) {
      // Without this row it can never become the one that is read. The work stays until all is done.
      if (staging !== null) {
        transaction.delete(policyGenerationKey(org, generation));
        transaction.append({
          type: "policy.dropped",
          actor: SYSTEM,
          subject: {},
          data: { generation, because: "unfinished" },
        });
      }
      return transaction.snapshot.generation === generation;
    },
  });
  if (!isRead) await removeRows(services, org, keysOf(deps.kv, org, generation));
  await ledgers.transact(org, {
    plan: (transaction) => transaction.delete(dueKey(at, kind, org, id)),
  });
}

async function* keysOf(kv: Kv, org: string, generation: number): AsyncGenerator<StoreKey> {
  for (const prefix of generationPrefixes(org, generation)) {
    const selector = { prefix: prefix as Deno.KvKey };
    for await (const { key } of kv.list(selector)) yield key as StoreKey;
  }
}
