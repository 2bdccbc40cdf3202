import type { Deps } from "../deps.ts";
import { rangeRoot } from "../merkle/compact_range.ts";
import { logHeadKey, logKeyKey } from "../store/keys.ts";
import { parseRecord } from "../store/kv.ts";
import { logHead, type LogKeyRecord, logKeyRecord } from "../store/records/log.ts";
import { signCheckpoint } from "../tlog/checkpoint.ts";
import type { LogKey } from "../tlog/log_key.ts";
import { listLogKeys, publicLogKey, signerOf } from "./log_keys.ts";

/** A signed head of an org's log. */
export interface CurrentCheckpoint {
  readonly origin: string;
  readonly size: number;
  readonly rootHash: Uint8Array;
  /** C2SP signed note. */
  readonly note: string;
  readonly key: LogKey;
}

/** An org's log has no key to sign with: the store is damaged. */
export class NoLogKey extends Error {
  readonly code = "no_log_key";

  constructor(org: string) {
    super(`The log of ${org} has no active key in the store. Restore it from a backup.`);
  }
}

/** The key that an org's log is signed with now. @throws {NoLogKey} */
export async function activeLogKey(deps: Deps, org: string): Promise<LogKeyRecord> {
  const active = (await listLogKeys(deps, org)).find(({ status }) => status === "active");
  if (active === undefined) throw new NoLogKey(org);
  return active;
}

/**
 * The log's head of this moment, signed. The same head gives the same note.
 *
 * Head and key are read in one step: a head from before a change of the key, signed by the new one,
 * could not be verified by anybody who only has the old one.
 *
 * @throws {NoLogKey}, {CannotOpen}
 */
export async function currentCheckpoint(
  deps: Deps,
  org: string,
  origin: string,
): Promise<CurrentCheckpoint> {
  for (;;) {
    const { kid } = await activeLogKey(deps, org);
    const headKey = logHeadKey(org);
    const keyKey = logKeyKey(org, kid);
    const [head, key] = await deps.kv.getMany([headKey, keyKey]);
    const record = parseRecord(keyKey, logKeyRecord, key.value);
    if (record.status !== "active") continue; // Replaced between the two reads.
    const range = parseRecord(headKey, logHead, head.value);
    const rootHash = rangeRoot(range);
    const { size } = range;
    const signer = await signerOf(deps, org, origin, record);
    const note = await signCheckpoint({ origin, size, rootHash }, signer);
    return { origin, size, rootHash, note, key: publicLogKey(origin, record) };
  }
}
