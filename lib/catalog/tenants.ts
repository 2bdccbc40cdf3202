import type { CallerOperation } from "../identity/acting.ts";
import { demand } from "../identity/deeds.ts";
import { tenantWithin } from "../identity/caller.ts";
import { currentGeneration } from "../ledger/load_snapshot.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { tenantWidens } from "../policy/widening.ts";
import { Refusal } from "../refusal.ts";
import { placed, ruleKey, tenantKey, tenantPrefix } from "../store/keys.ts";
import { keyText, type Kv, readRecord } from "../store/kv.ts";
import { type RuleRecord, type TenantRecord, tenantRecord } from "../store/records/policy.ts";
import { assertNoPersonalIds } from "./personal_ids.ts";
import {
  type Author,
  type RecordChange,
  recordsAfter,
  type Span,
  writeChange,
  type Written,
} from "./record_change.ts";
import { ruleChange } from "./rules.ts";

/**
 * Tenants of an org, and how one is removed with all of its rules. An action of a tenant that is
 * not registered is held as long as there are rules of it.
 */

/** What may be said of a tenant besides its id. */
export type TenantFields = Pick<TenantRecord, "name" | "metadata">;

/**
 * Registers a tenant or replaces what is said of it.
 * @throws {Refusal} invalid_request, fresh_assertion_required
 */
export function putTenant(
  id: string,
  fields: TenantFields,
  request_id: string,
): CallerOperation<TenantRecord | null, Written<TenantRecord>> {
  return writeTenant(id, () => fields, request_id);
}

/** Changes named fields of a tenant. @throws {Refusal} not_found, invalid_request */
export function changeTenant(
  id: string,
  change: Partial<TenantFields>,
  request_id: string,
): CallerOperation<TenantRecord | null, Written<TenantRecord>> {
  return writeTenant(id, (old) => ({ ...foundTenant(id, old), ...change }), request_id);
}

function writeTenant(
  id: string,
  fieldsOf: (old: TenantRecord | null) => TenantFields,
  request_id: string,
): CallerOperation<TenantRecord | null, Written<TenantRecord>> {
  return {
    load: (reader) => loadTenant(reader, id),
    plan(transaction, caller, old) {
      const { name, metadata } = fieldsOf(old);
      assertNoPersonalIds(transaction.snapshot.org, { "/id": id });
      const next: TenantRecord = {
        id,
        name,
        metadata,
        created_at: old?.created_at ?? transaction.at,
      };
      demand(caller, "configure");
      if (tenantWidens(old, next, transaction.snapshot.rules)) {
        demand(caller, "loosen", `Registering the tenant ${id}`);
      }
      writeChange(transaction, { caller, request_id }, tenantChange(caller.org, old, next));
      return {
        record: next,
        created: old === null,
        policy_version: transaction.policyVersion,
      };
    },
  };
}

/** Reads one tenant. @throws {Refusal} not_found, tenant_not_permitted */
export function readTenant(id: string): CallerOperation<TenantRecord | null, TenantRecord> {
  return {
    load: (reader) => loadTenant(reader, id),
    plan(_transaction, caller, old) {
      tenantWithin(caller, id);
      return foundTenant(id, old);
    },
  };
}

/** Tenants of an org by ascending id. */
export function listTenants(kv: Kv, org: string, span: Span): Promise<TenantRecord[]> {
  const keys = { prefix: tenantPrefix(org), keyOf: (id: string) => tenantKey(org, id) };
  return recordsAfter(kv, org, keys, tenantRecord, span);
}

/** Those of the named tenants that are registered, by ascending id. */
export async function registeredTenants(
  kv: Kv,
  org: string,
  ids: readonly string[],
): Promise<TenantRecord[]> {
  const generation = await currentGeneration(kv, org);
  const records = await Promise.all(
    ids.toSorted().map((id) =>
      readRecord(kv, placed(tenantKey(org, id), generation), tenantRecord)
    ),
  );
  return records.flatMap((record) => record?.value ?? []);
}

/** The change of one tenant. */
export function tenantChange(
  org: string,
  old: TenantRecord | null,
  next: TenantRecord | null,
): RecordChange {
  const id = old?.id ?? next?.id ?? "";
  return {
    noun: "tenant",
    key: tenantKey(org, id),
    subject: { tenant: id },
    old,
    next,
    fields: ["name", "metadata"],
    hidden: ["name", "metadata"],
  };
}

/** The record of a tenant, to be checked by the commit; null when there is none. */
async function loadTenant(reader: Reader, id: string): Promise<TenantRecord | null> {
  const record = await reader.getPolicy(tenantKey(reader.snapshot.orgId, id), tenantRecord);
  return record?.value ?? null;
}

function foundTenant(id: string, record: TenantRecord | null): TenantRecord {
  if (record === null) throw new Refusal("not_found", { what: `tenant ${id}` });
  return record;
}

/** One commit takes so many rules at most, and keys of so many characters. */
const MAX_RULES = 250;

const MAX_KEY_CHARACTERS = 50_000;

/** A step of a removal. */
interface RemovalStep {
  /** Null when the tenant was not registered any more. */
  readonly tenant: TenantRecord | null;
  readonly rules_removed: number;
  /** Whether rules of the tenant are left. */
  readonly unfinished: boolean;
  readonly policy_version: number;
}

/** Runs one operation for the caller. */
type Transact = (operation: CallerOperation<TenantRecord | null, RemovalStep>) => Promise<
  RemovalStep
>;

/**
 * Removes a tenant and its rules. The tenant goes with the first commit: whatever stops the rest,
 * an action of an unregistered tenant is held as long as any of its rules is left. Removing it again
 * removes what was left.
 * @throws {Refusal} not_found when there is neither the tenant nor a rule of it,
 *   fresh_assertion_required
 */
export async function removeTenant(
  transact: Transact,
  id: string,
  request_id: string,
): Promise<RemovalStep> {
  let step = await transact(firstStep(id, request_id));
  const { tenant } = step;
  let rules_removed = step.rules_removed;
  while (step.unfinished) {
    step = await transact(nextStep(id, request_id));
    rules_removed += step.rules_removed;
  }
  return { ...step, tenant, rules_removed };
}

function firstStep(id: string, request_id: string): Parameters<Transact>[0] {
  return {
    load: (reader) => loadTenant(reader, id),
    plan(transaction, caller, tenant) {
      const author = { caller, request_id };
      const { rules } = transaction.snapshot;
      if (tenant === null && !rules.hasTenant(id)) {
        throw new Refusal("not_found", { what: `tenant ${id}` });
      }
      demand(caller, "configure");
      if (tenantWidens(tenant, null, rules) || rules.hasTenant(id)) {
        demand(caller, "loosen", `Removing the tenant ${id}`);
      }
      writeChange(transaction, author, tenantChange(caller.org, tenant, null));
      return removeRules(transaction, author, id, tenant);
    },
  };
}

function nextStep(id: string, request_id: string): Parameters<Transact>[0] {
  return {
    plan(transaction, caller) {
      // The first step was the one to widen, so only the right is asked again.
      demand(caller, "configure");
      // Registered anew meanwhile: what it has now is not ours to remove.
      if (transaction.snapshot.isTenantRegistered(id)) {
        const { policyVersion: policy_version } = transaction;
        return { tenant: null, rules_removed: 0, unfinished: false, policy_version };
      }
      return removeRules(transaction, { caller, request_id }, id, null);
    },
  };
}

function removeRules(
  transaction: Transaction,
  author: Author,
  id: string,
  tenant: TenantRecord | null,
): RemovalStep {
  const { orgId, rules } = transaction.snapshot;
  const own = rules.hasTenant(id) ? rules.forTenant(id) : [];
  // What a rule stands before goes first, so that it never comes into force.
  const all = own.flatMap((rule) => [...rules.twinsOf(rule.selector), rule]);
  const batch = firstFitting(orgId, all);
  for (const rule of batch) writeChange(transaction, author, ruleChange(orgId, rule, null));
  return {
    tenant,
    rules_removed: batch.length,
    unfinished: batch.length < all.length,
    policy_version: transaction.policyVersion,
  };
}

function firstFitting(org: string, rules: readonly RuleRecord[]): RuleRecord[] {
  const batch: RuleRecord[] = [];
  let characters = 0;
  for (const rule of rules) {
    characters += keyText(ruleKey(org, rule.selector)).length;
    if (batch.length === MAX_RULES || characters > MAX_KEY_CHARACTERS) break;
    batch.push(rule);
  }
  return batch;
}
