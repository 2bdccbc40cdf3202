import { demand } from "../identity/acting.ts";
import { tenantWithin } from "../identity/caller.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import { currentGeneration } from "../ledger/load_snapshot.ts";
import type { Reader } from "../ledger/transaction.ts";
import { tenantWidens } from "../policy/widening.ts";
import { Refusal } from "../refusal.ts";
import { placed, tenantKey, tenantPrefix } from "../store/keys.ts";
import { type Kv, readRecord } from "../store/kv.ts";
import { type TenantRecord, tenantRecord } from "../store/records/policy.ts";
import { assertNoPersonalIds } from "./personal_ids.ts";
import { type RecordChange, writeChange, type Written } from "./record_change.ts";
import { recordsAfter, type Span } from "./records_after.ts";

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
export async function loadTenant(reader: Reader, id: string): Promise<TenantRecord | null> {
  const record = await reader.getPolicy(tenantKey(reader.snapshot.orgId, id), tenantRecord);
  return record?.value ?? null;
}

function foundTenant(id: string, record: TenantRecord | null): TenantRecord {
  if (record === null) throw new Refusal("not_found", { what: `tenant ${id}` });
  return record;
}
