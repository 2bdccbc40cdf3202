import { z } from "zod";
import { ed25519KeyPair, type Ed25519PrivateJwk } from "../checkpoint/ed25519.ts";
import type { Deps } from "../deps.ts";
import { logKeyKey, logKeyPrefix } from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { type LogKeyRecord, logKeyRecord } from "../store/records/log.ts";
import { jwkThumbprint, type LogKey, logKey, type LogSigner, logSigner } from "../tlog/log_key.ts";

const privateJwk = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  d: z.string(),
});

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
