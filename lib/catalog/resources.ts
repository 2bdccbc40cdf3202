import type { CallerOperation } from "../identity/acting.ts";
import { demand } from "../identity/deeds.ts";
import type { Reader } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { resourceKey, resourcePrefix } from "../store/keys.ts";
import type { Kv } from "../store/kv.ts";
import { type ResourceRecord, resourceRecord } from "../store/records/policy.ts";
import { assertNoPersonalIds } from "./personal_ids.ts";
import {
  type RecordChange,
  recordsAfter,
  type Span,
  writeChange,
  type Written,
} from "./record_change.ts";

/**
 * Resources that an org registers: what approvers are shown of an id. Nothing is decided by a
 * resource, so any that is not registered may be named.
 */

/** What may be said of a resource besides its id. */
export type ResourceFields = Pick<ResourceRecord, "name" | "type" | "metadata">;

/** Registers a resource or replaces what is said of it. @throws {Refusal} invalid_request */
export function putResource(
  id: string,
  fields: ResourceFields,
  request_id: string,
): CallerOperation<ResourceRecord | null, Written<ResourceRecord>> {
  return writeResource(id, () => fields, request_id);
}

/** Changes named fields of a resource. @throws {Refusal} not_found, invalid_request */
export function changeResource(
  id: string,
  change: Partial<ResourceFields>,
  request_id: string,
): CallerOperation<ResourceRecord | null, Written<ResourceRecord>> {
  return writeResource(id, (old) => ({ ...found(id, old), ...change }), request_id);
}

function writeResource(
  id: string,
  fieldsOf: (old: ResourceRecord | null) => ResourceFields,
  request_id: string,
): CallerOperation<ResourceRecord | null, Written<ResourceRecord>> {
  return {
    load: (reader) => loadResource(reader, id),
    plan(transaction, caller, old) {
      const { name, type, metadata } = fieldsOf(old);
      assertNoPersonalIds(transaction.snapshot.org, { "/id": id });
      const created_at = old?.created_at ?? transaction.at;
      const next: ResourceRecord = { id, name, type, metadata, created_at };
      demand(caller, "configure");
      writeChange(transaction, { caller, request_id }, resourceChange(caller.org, old, next));
      return {
        record: next,
        created: old === null,
        policy_version: transaction.policyVersion,
      };
    },
  };
}

/** Removes a resource; rules that name it stay. @throws {Refusal} not_found */
export function removeResource(
  id: string,
  request_id: string,
): CallerOperation<ResourceRecord | null, Written<ResourceRecord>> {
  return {
    load: (reader) => loadResource(reader, id),
    plan(transaction, caller, old) {
      const record = found(id, old);
      demand(caller, "configure");
      writeChange(transaction, { caller, request_id }, resourceChange(caller.org, record, null));
      return { record, created: false, policy_version: transaction.policyVersion };
    },
  };
}

/** Reads one resource. @throws {Refusal} not_found */
export function readResource(id: string): CallerOperation<ResourceRecord | null, ResourceRecord> {
  return {
    load: (reader) => loadResource(reader, id),
    plan: (_transaction, _caller, old) => found(id, old),
  };
}

/** Resources of an org by ascending id. */
export function listResources(kv: Kv, org: string, span: Span): Promise<ResourceRecord[]> {
  const keys = { prefix: resourcePrefix(org), keyOf: (id: string) => resourceKey(org, id) };
  return recordsAfter(kv, org, keys, resourceRecord, span);
}

/** The change of one resource. */
export function resourceChange(
  org: string,
  old: ResourceRecord | null,
  next: ResourceRecord | null,
): RecordChange {
  const id = old?.id ?? next?.id ?? "";
  return {
    noun: "resource",
    key: resourceKey(org, id),
    subject: { resource: id },
    old,
    next,
    fields: ["name", "type", "metadata"],
    hidden: ["name", "metadata"],
  };
}

/** The record of a resource, to be checked by the commit; null when there is none. */
export async function loadResource(reader: Reader, id: string): Promise<ResourceRecord | null> {
  const record = await reader.getPolicy(resourceKey(reader.snapshot.orgId, id), resourceRecord);
  return record?.value ?? null;
}

function found(id: string, record: ResourceRecord | null): ResourceRecord {
  if (record === null) throw new Refusal("not_found", { what: `resource ${id}` });
  return record;
}
