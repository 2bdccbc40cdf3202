import { isId } from "../base/id.ts";
import { listLogKeys, publicLogKey } from "../ledger/log_keys.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { logKeyKey, orgKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type LogKeyRecord, logKeyRecord } from "../store/records/log.ts";
import { orgRecord } from "../store/records/policy.ts";
import { type PublishedLogKey, publishedLogKey } from "../tlog/log_key.ts";
import { type KeyHandover, listHandovers } from "./key_handovers.ts";

type Stores = Pick<Services, "deps" | "ledgers">;

/**
 * The public keys of an org's log as anybody may have them, the retired ones too, oldest first, each
 * with where it ended.
 * @throws {Refusal} not_found when there is no such org
 */
export async function publishedKeysOf(services: Stores, org: string): Promise<PublishedLogKey[]> {
  const { deps } = services;
  const record = isId(org, "org") ? await readRecord(deps.kv, orgKey(org), orgRecord) : null;
  if (record === null) {
    throw new Refusal("not_found", { what: `organization ${JSON.stringify(org)}` });
  }
  const keys = await withRetirements(services, org, await listLogKeys(deps, org));
  return keys.map((key) => publishedLogKey(publicLogKey(record.value.log_origin, key)));
}

/**
 * The same keys, and for those that were retired before their end was kept, what the log tells of
 * it. That is stored, so a log is searched once. Of what it does not tell nothing is said, and
 * whoever verifies takes such a key for nothing.
 */
async function withRetirements(
  { deps, ledgers }: Stores,
  org: string,
  keys: LogKeyRecord[],
): Promise<LogKeyRecord[]> {
  const isOpen = ({ status, retirement }: LogKeyRecord) =>
    status === "retired" && retirement === undefined;
  if (!keys.some(isOpen)) return keys;
  const handovers = await listHandovers(deps.kv, org);
  return await Promise.all(keys.map(async (key) => {
    if (!isOpen(key)) return key;
    const retirement = retirementBy(handovers.get(key.kid));
    await ledgers.transact(org, {
      load: (reader) => reader.get(logKeyKey(org, key.kid), logKeyRecord),
      plan(transaction, row) {
        if (row === null || !isOpen(row.value)) return;
        transaction.set(logKeyKey(org, key.kid), { ...row.value, retirement });
      },
    });
    return { ...key, retirement };
  }));
}

function retirementBy(handover: KeyHandover | undefined): LogKeyRecord["retirement"] {
  if (handover === undefined) return null;
  const { index, at, successor } = handover;
  return { size: index, at, successor };
}
