import { assertNoPersonalIds } from "../catalog/personal_ids.ts";
import type { Span } from "../catalog/record_change.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { actorOf, type MachineCaller } from "../identity/caller.ts";
import type { Placed } from "../ledger/entry.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { listRecords } from "../store/kv.ts";
import { tombstoneKey, tombstonePrefix } from "../store/mandate_keys.ts";
import { type TombstoneRecord, tombstoneRecord } from "../store/records/mandate.ts";

/**
 * Tombstones: resources that nothing under a mandate may touch, whatever the mandate says. In force
 * from their commit on, on every node; a check without a mandate does not look for them.
 */

/** A tombstone as it was put or taken away. */
export interface WrittenTombstone {
  readonly record: TombstoneRecord;
  /** Null where it stood already. */
  readonly audit: Placed | null;
}

function load(resource: string) {
  return (reader: Reader) => reader.shared(tombstoneKey(reader.snapshot.orgId, resource));
}

/** Closes a resource to all mandates; one that is closed stays so. @throws {Refusal} invalid_request */
export function putTombstone(
  resource: string,
  request_id: string,
): MachineOperation<Shared<"tombstone">, WrittenTombstone> {
  return {
    load: load(resource),
    plan(transaction, caller, shared) {
      const old = transaction.latest(shared);
      if (old !== null) return { record: old, audit: null };
      assertNoPersonalIds(transaction.snapshot.org, { "/resource_id": resource });
      const by = { type: caller.type, id: caller.id };
      const record: TombstoneRecord = { resource, by, created_at: transaction.at };
      transaction.setGuarded(shared.key, record);
      return {
        record,
        audit: append(transaction, caller, "tombstone.set", { resource, request_id }),
      };
    },
  };
}

/** Opens a resource to mandates again. @throws {Refusal} not_found */
export function removeTombstone(
  resource: string,
  request_id: string,
): MachineOperation<Shared<"tombstone">, WrittenTombstone> {
  return {
    load: load(resource),
    plan(transaction, caller, shared) {
      const record = transaction.latest(shared);
      if (record === null) throw new Refusal("not_found", { what: `tombstone of ${resource}` });
      transaction.delete(shared.key);
      const told = { resource, request_id };
      return { record, audit: append(transaction, caller, "tombstone.removed", told) };
    },
  };
}

/** The tombstone of a resource; null where mandates may reach it. */
export async function readTombstone(
  reader: Reader,
  resource: string,
): Promise<TombstoneRecord | null> {
  return await reader.guarded(tombstoneKey(reader.snapshot.orgId, resource));
}

/** The tombstones by their resources, from behind one on. */
export async function listTombstones(
  reader: Reader,
  { after, limit }: Span,
): Promise<TombstoneRecord[]> {
  const prefix = [...tombstonePrefix(reader.snapshot.orgId)];
  // Nothing sorts between an id and the same with the character 0 behind it.
  const selector = after === null ? { prefix } : { prefix, start: [...prefix, `${after}\0`] };
  const rows = listRecords(reader.kv, selector, tombstoneRecord, { limit });
  return (await Array.fromAsync(rows)).map(({ value }) => value);
}

function append(
  transaction: Transaction,
  caller: MachineCaller,
  type: "tombstone.set" | "tombstone.removed",
  { resource, request_id }: { readonly resource: string; readonly request_id: string },
): Placed {
  return transaction.append({
    type,
    actor: actorOf(caller),
    subject: { resource },
    data: { request_id },
  });
}
