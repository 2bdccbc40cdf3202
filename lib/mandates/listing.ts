import type { z } from "zod";
import type { CallerOperation } from "../identity/acting.ts";
import type { Caller } from "../identity/caller.ts";
import { clocksAt } from "../ledger/clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import type { StoreKey } from "../store/keys.ts";
import { type Kv, listRecords, readRecords } from "../store/kv.ts";
import {
  budgetKey,
  mandateByAgentPrefix,
  mandateByParentPrefix,
  mandateByUserPrefix,
  mandateCountKey,
  mandateInForcePrefix,
  mandateKey,
  mandatePrefix,
} from "../store/mandate_keys.ts";
import { budgetRow } from "../store/records/budget.ts";
import {
  mandateCount,
  mandatePointer,
  type MandateRecord,
  mandateRecord,
} from "../store/records/mandate.ts";
import {
  type CountedMandate,
  endedWith,
  loadCounted,
  type LoadedMandate,
  loadScopes,
  mayKnow,
  NEVER,
  standingNow,
} from "./mandate.ts";
import { mandateEnd, type MandateTerms } from "./narrow.ts";
import { budgetOf, ownScope, usesLeft, usesScope } from "./counters.ts";

/** Mandates as they are looked at: one, or by user, by agent, or all. They may be very many. */

/** Which mandates are wanted; null for any. */
interface MandateFilter {
  readonly user_id: string | null;
  readonly agent: string | null;
  readonly state: "active" | "revoked" | "superseded" | "expired" | null;
  /** The mandate that they were made of. */
  readonly parent?: string | null;
}

/** How many rows one page looks at, however few of them match. */
const MAX_LOOKED_AT = 500;

/**
 * A page of the mandates that a caller may know of. `next` is the id to go on behind; a page can have
 * fewer than `limit` where few of many match.
 */
export async function listMandates(
  reader: Reader,
  caller: Caller,
  filter: MandateFilter,
  { limit, after }: { readonly limit: number; readonly after: string | null },
): Promise<{ readonly items: readonly CountedMandate[]; readonly next: string | null }> {
  const { kv, snapshot: { orgId }, now } = reader;
  const clocks = clocksAt(now);
  const items: CountedMandate[] = [];
  let last: string | null = null;
  let lookedAt = 0;
  const newest = await reader.gathered.lookup(kv, orgId);
  const rowsOf = async <T>(keys: StoreKey[], schema: z.ZodType<T>) =>
    (await Array.fromAsync(readRecords(kv, keys, schema))).map((row, i) =>
      newest(keys[i] ?? [], schema) ?? row
    );
  for await (const ids of inBatches(idsIn(reader, filter, after), Math.max(limit, 50))) {
    const rows = (scopeOf: typeof ownScope) =>
      rowsOf(ids.map((id) => budgetKey(orgId, scopeOf({ id }))), budgetRow);
    const [records, counts, budgets, uses] = await Promise.all([
      Array.fromAsync(readRecords(kv, ids.map((id) => mandateKey(orgId, id)), mandateRecord)),
      rowsOf(ids.map((id) => mandateCountKey(orgId, id)), mandateCount),
      rows(ownScope),
      rows(usesScope),
    ]);
    for (const [i, found] of records.entries()) {
      if (items.length === limit || lookedAt === MAX_LOOKED_AT) return { items, next: last };
      lookedAt++;
      last = ids[i] ?? last;
      if (found === null || !mayKnow(caller, found)) continue;
      if (filter.agent !== null && found.agent !== filter.agent) continue;
      if (filter.user_id !== null && found.user_id !== filter.user_id) continue;
      const record = await standing(kv, orgId, found);
      const state = mandateEnd(record, clocks) ?? "active";
      if (filter.state !== null && state !== filter.state) continue;
      const budget = budgetOf(record, budgets[i] ?? null, now);
      const uses_left = usesLeft(record, uses[i] ?? null);
      items.push({ record, count: counts[i] ?? NEVER, budget, uses_left });
    }
  }
  return { items, next: null };
}

/** A mandate that was found, ended where one that it was made of is. @throws {MalformedRecord} */
async function standing(kv: Kv, org: string, record: MandateRecord): Promise<MandateRecord> {
  if (record.ancestors.length === 0) return record;
  const keys = record.ancestors.map((id) => mandateKey(org, id));
  const above = await Array.fromAsync(readRecords(kv, keys, mandateRecord));
  return endedWith(record, above.filter((one) => one !== null));
}

/** A mandate as it stands, with the scopes that it has. */
export type ReadMandate = CountedMandate & Pick<MandateTerms, "scopes">;

interface LoadedTerms extends Pick<MandateTerms, "scopes"> {
  readonly loaded: LoadedMandate;
}

/** Reads a mandate with all it allows. @throws {Refusal} mandate_not_found; {MalformedRecord} */
export function readMandate(id: string): CallerOperation<LoadedTerms | null, ReadMandate> {
  return {
    async load(reader) {
      const loaded = await loadCounted(reader, id);
      return loaded === null ? null : { loaded, scopes: await loadScopes(reader, loaded.record) };
    },
    plan(transaction, caller, found) {
      if (found === null || !mayKnow(caller, found.loaded.record)) {
        throw new Refusal("mandate_not_found", { mandate_id: id });
      }
      return { ...standingNow(transaction, found.loaded), scopes: found.scopes };
    },
  };
}

/** Which rows name the mandates that are wanted, and few others. */
function prefixOf(org: string, { user_id, agent, state, parent = null }: MandateFilter): StoreKey {
  if (parent !== null) return mandateByParentPrefix(org, parent);
  if (state === "active") {
    if (user_id !== null) return mandateInForcePrefix(org, "user", user_id);
    if (agent !== null) return mandateInForcePrefix(org, "agent", agent);
    return mandateInForcePrefix(org, "org", "");
  }
  if (user_id !== null) return mandateByUserPrefix(org, user_id);
  return agent !== null ? mandateByAgentPrefix(org, agent) : mandatePrefix(org);
}

/** The ids of mandates behind one, the newest first. */
async function* idsIn(
  { kv, snapshot: { orgId } }: Reader,
  filter: MandateFilter,
  after: string | null,
): AsyncGenerator<string> {
  const prefix = prefixOf(orgId, filter);
  const selector = after === null
    ? { prefix: [...prefix] }
    : { prefix: [...prefix], end: [...prefix, after] };
  for await (const { value } of listRecords(kv, selector, mandatePointer, { reverse: true })) {
    yield value.id;
  }
}

async function* inBatches<T>(all: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const one of all) {
    batch.push(one);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
