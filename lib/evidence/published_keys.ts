import { type PublishedLogKey, publishedLogKey } from "../checkpoint/log_key.ts";
import type { Deps } from "../deps.ts";
import { isId } from "../ids/id.ts";
import { listLogKeys, publicLogKey } from "../ledger/log_keys.ts";
import { Refusal } from "../refusals/refusal.ts";
import { orgKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { orgRecord } from "../store/records/policy.ts";

/**
 * The public keys of an org's log as anybody may have them, the retired ones too, oldest first.
 * @throws {Refusal} not_found when there is no such org
 */
export async function publishedKeysOf(deps: Deps, org: string): Promise<PublishedLogKey[]> {
  const record = isId(org, "org") ? await readRecord(deps.kv, orgKey(org), orgRecord) : null;
  if (record === null) {
    throw new Refusal("not_found", { what: `organization ${JSON.stringify(org)}` });
  }
  const keys = await listLogKeys(deps, org);
  return keys.map((key) => publishedLogKey(publicLogKey(record.value.log_origin, key)));
}
