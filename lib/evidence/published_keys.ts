import { isId } from "../base/id.ts";
import { listLogKeys, publicLogKey } from "../ledger/checkpoints.ts";
import { readActivity } from "../ledger/log_reader.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { logKeyKey, orgKey } from "../store/keys.ts";
import { type Kv, readRecord } from "../store/kv.ts";
import { type LogKeyRecord, logKeyRecord } from "../store/records/log.ts";
import { orgRecord } from "../store/records/policy.ts";
import {
  jwkThumbprint,
  parsePublicJwk,
  type PublishedLogKey,
  publishedLogKey,
} from "../tlog/log_key.ts";
import { ROTATION_TYPE } from "../verify/trusted_keys.ts";

/** The public keys of a log as anybody may have them, with where each ended. */

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

/** What the log says of how a key handed over. */
interface KeyHandover {
  /** Of the entry that says it. */
  readonly index: number;
  /** Milliseconds. */
  readonly at: number;
  /** The `kid` of the new key. */
  readonly successor: string;
}

const MOST_AT_ONCE = 100;

/** How each key of an org's log handed over, by its `kid`; of two entries about one key the first. */
async function listHandovers(kv: Kv, org: string): Promise<Map<string, KeyHandover>> {
  const handovers = new Map<string, KeyHandover>();
  let position: number | null = 0;
  while (position !== null) {
    const { entries, next } = await readActivity(kv, org, {
      facets: [{ facet: "type", value: ROTATION_TYPE }],
      since: null,
      until: null,
      order: "asc",
      limit: MOST_AT_ONCE,
      position,
    });
    for (const { index, entry: { at, data } } of entries) {
      const newKey = parsePublicJwk(data.new_key);
      if (newKey === null || typeof data.old_kid !== "string") continue;
      if (handovers.has(data.old_kid)) continue;
      handovers.set(data.old_kid, { index, at: Date.parse(at), successor: jwkThumbprint(newKey) });
    }
    position = next;
  }
  return handovers;
}
