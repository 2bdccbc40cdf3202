import type { DueWork } from "../ledger/due.ts";
import type { Actor } from "../ledger/entry.ts";
import { removeRows } from "../orgs/remove_rows.ts";
import type { Services } from "../services.ts";
import { dueKey, generationPrefixes, policyGenerationKey, type StoreKey } from "../store/keys.ts";
import type { Kv } from "../store/kv.ts";
import { loadStaging } from "./staging.ts";

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
  if (!isRead) await removeRows(services, org, rowsOf(deps.kv, org, generation));
  await ledgers.transact(org, {
    plan: (transaction) => transaction.delete(dueKey(at, kind, org, id)),
  });
}

async function* rowsOf(kv: Kv, org: string, generation: number): AsyncGenerator<StoreKey> {
  for (const prefix of generationPrefixes(org, generation)) {
    const selector = { prefix: prefix as Deno.KvKey };
    for await (const { key } of kv.list(selector)) yield key as StoreKey;
  }
}
