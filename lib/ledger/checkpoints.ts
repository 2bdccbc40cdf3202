import type { Deps } from "../deps.ts";
import { logHeadKey, logKeyKey, logKeyPrefix } from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { parseRecord } from "../store/record.ts";
import { logHead, type LogKeyRecord, logKeyRecord, privateJwk } from "../store/records/log.ts";
import { signCheckpoint } from "../tlog/checkpoint.ts";
import {
  ed25519KeyPair,
  type Ed25519PrivateJwk,
  jwkThumbprint,
  type LogKey,
  logKey,
  type LogSigner,
  logSigner,
} from "../tlog/log_key.ts";
import { rangeRoot } from "../tlog/tree.ts";

/**
 * An org's checkpoints and the keys that sign them: the newest head as a signed note, made when
 * asked for, and every key that ever signed, active or retired.
 */

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

/** A new signing key for an org's log, as it is stored. */
export async function makeLogKey(deps: Deps, org: string, at: number): Promise<LogKeyRecord> {
  const jwk = await ed25519KeyPair(deps.random(32));
  const public_key = { kty: jwk.kty, crv: jwk.crv, x: jwk.x };
  const kid = jwkThumbprint(public_key);
  return {
    kid,
    public_key,
    sealed_private_key: deps.sealer.sealJson(logKeyKey(org, kid), jwk),
    status: "active",
    created_at: at,
  };
}

/** The signer of a stored key. @throws {CannotOpen} */
export async function signerOf(
  deps: Deps,
  org: string,
  origin: string,
  record: LogKeyRecord,
): Promise<LogSigner> {
  const key = logKeyKey(org, record.kid);
  const jwk: Ed25519PrivateJwk = privateJwk.parse(
    deps.sealer.openJson(key, record.sealed_private_key),
  );
  return await logSigner(origin, jwk);
}

/** All keys that ever signed an org's log, the retired ones too, oldest first. */
export async function listLogKeys(deps: Deps, org: string): Promise<LogKeyRecord[]> {
  const records: LogKeyRecord[] = [];
  for await (
    const { value } of listRecords(deps.kv, { prefix: logKeyPrefix(org) }, logKeyRecord)
  ) records.push(value);
  return records.sort((a, b) => a.created_at - b.created_at || endOf(a) - endOf(b));
}

function endOf({ retirement }: LogKeyRecord): number {
  return retirement?.size ?? Number.MAX_SAFE_INTEGER;
}

/** The public form of a stored key. */
export function publicLogKey(origin: string, record: LogKeyRecord): LogKey {
  const { public_key, status, retirement = null } = record;
  const at = retirement === null ? null : new Date(retirement.at).toISOString();
  return logKey(origin, public_key, {
    status,
    retirement: retirement === null ? null : { ...retirement, at },
  });
}
