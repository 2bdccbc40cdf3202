import { z } from "zod";
import { schedule } from "../ledger/commit.ts";
import { clocksAt } from "../ledger/clock.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { dueKey, duePrefix, orgPrefix, type StoreKey } from "../store/keys.ts";
import { listRecords, readRecords } from "../store/kv.ts";
import {
  mandateByParentPrefix,
  mandateInForceKey,
  mandateKey,
  mandatePrefix,
} from "../store/mandate_keys.ts";
import { type DueWork, dueWork } from "../store/records/log.ts";
import { mandatePointer, type MandateRecord, mandateRecord } from "../store/records/mandate.ts";
import { mandateEnd } from "./narrow.ts";

/**
 * Which mandates are in force, of the org, of a user and of an agent: rows that go when their mandate
 * ends, so that the few in force are found at once among any number that are over. They are there to
 * find mandates by and grant nothing: whoever lists them looks at each mandate itself.
 */

/** So many mandates' rows go in one commit. */
const TOGETHER = 100;

/** So much due work is looked through for what goes together. */
const LOOKED_AT = 1000;

type Indexed = Pick<MandateRecord, "id" | "user_id" | "agent" | "expires_at">;

function keysOf(org: string, { id, user_id, agent }: Indexed): StoreKey[] {
  return [
    mandateInForceKey(org, "org", "", id),
    mandateInForceKey(org, "user", user_id, id),
    mandateInForceKey(org, "agent", agent, id),
  ];
}

/** Has a mandate be found until it is over, in the commit that grants it. */
export function noteInForce(transaction: Transaction, record: Indexed): void {
  const { id, expires_at: at } = record;
  for (const key of keysOf(transaction.snapshot.orgId, record)) transaction.set(key, { id });
  // Nobody waits for it: the sweep of the minute is soon enough.
  schedule(transaction, { kind: "mandate_over", at, id, wakes: false });
}

/** Has a mandate that is over, or ends in this commit, be found no more. */
export function noteOver(transaction: Transaction, record: Indexed): void {
  const { orgId } = transaction.snapshot;
  for (const key of keysOf(orgId, record)) transaction.delete(key);
  transaction.delete(dueKey(record.expires_at, "mandate_over", orgId, record.id));
}

/** Has mandates be found no more that are over by now, with whatever of their org is over besides. */
export async function forgetOver({ deps, ledgers }: Services, work: DueWork): Promise<void> {
  const { kv } = deps;
  const { org, kind } = work;
  const own = await kv.get([...dueKey(work.at, kind, org, work.id)]);
  // Together with one before.
  if (own.versionstamp === null) return;
  const together = new Map([[work.id, work]]);
  const selector = { prefix: [...duePrefix()], end: [...duePrefix(), deps.now() + 1] };
  for await (const { value } of listRecords(kv, selector, z.unknown(), { limit: LOOKED_AT })) {
    const { data: other } = dueWork.safeParse(value);
    const isSame = other?.kind === kind && other.org === org;
    if (isSame && together.size < TOGETHER) together.set(other.id, other);
  }
  const works = [...together.values()];
  const keys = works.map(({ id }) => mandateKey(org, id));
  const records = await Array.fromAsync(readRecords(kv, keys, mandateRecord));
  await ledgers.transact(org, {
    plan(transaction) {
      for (const [i, record] of records.entries()) {
        const { at, id } = works[i] ?? work;
        if (record === null || record === undefined) transaction.delete(dueKey(at, kind, org, id));
        else if (mandateEnd(record, transaction) !== null) noteOver(transaction, record);
      }
    },
  });
}

/** Has what was made of a mandate that ended be found no more: it ended with it. */
export async function forgetMadeOf(services: Services, { org, id }: DueWork): Promise<void> {
  const { kv } = services.deps;
  const line = [id];
  for (let of = line.shift(); of !== undefined; of = line.shift()) {
    const children = listRecords(kv, { prefix: mandateByParentPrefix(org, of) }, mandatePointer);
    let batch: string[] = [];
    for await (const { value } of children) {
      line.push(value.id);
      batch.push(value.id);
      if (batch.length < TOGETHER) continue;
      await forget(services, org, batch);
      batch = [];
    }
    if (batch.length > 0) await forget(services, org, batch);
  }
}

async function forget({ deps, ledgers }: Services, org: string, ids: string[]): Promise<void> {
  const keys = ids.map((id) => mandateKey(org, id));
  const records = await Array.fromAsync(readRecords(deps.kv, keys, mandateRecord));
  await ledgers.transact(org, {
    plan(transaction) {
      for (const record of records) if (record !== null) noteOver(transaction, record);
    },
  });
}

/**
 * Writes these rows for all mandates in force that were granted before there were such rows: a step of
 * the store's migration. Begun again it writes the same.
 */
export async function findInForce({ deps, ledgers }: Services): Promise<void> {
  for await (
    const { key: [, org] } of listRecords(deps.kv, { prefix: [...orgPrefix()] }, z.unknown())
  ) {
    const all = { prefix: [...mandatePrefix(String(org))] };
    let batch: MandateRecord[] = [];
    const write = async () => {
      const records = batch;
      batch = [];
      await ledgers.transact(String(org), {
        plan(transaction) {
          for (const record of records) noteInForce(transaction, record);
        },
      });
    };
    for await (const { key, value } of listRecords(deps.kv, all, z.unknown())) {
      const record = mandateRecord.safeParse(value);
      if (!record.success) {
        deps.log("error", "A mandate is malformed", { key: JSON.stringify(key) });
      } else if (mandateEnd(record.data, clocksAt(deps.now())) === null) {
        batch.push(record.data);
        if (batch.length === TOGETHER) await write();
      }
    }
    if (batch.length > 0) await write();
  }
}
