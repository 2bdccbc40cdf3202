import { createECDH } from "node:crypto";
import { toBase64Url } from "../base/bytes.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, pushKeyKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type PushKeyRecord, pushKeyRecord } from "../store/records/push.ts";

/** The key that signs our requests to push services (VAPID, RFC 8292), base64url. */
export interface PushKey {
  readonly public_key: string;
  readonly private_key: string;
}

type Parts = Pick<Services, "deps" | "ledgers">;

/** The public key that a browser subscribes with. @throws {StoreUnavailable} */
export async function publicPushKey(services: Parts): Promise<string> {
  return (await keyRecord(services)).public_key;
}

/** The deployment's push key, made when it is first needed. @throws {CannotOpen} {StoreUnavailable} */
export async function pushKey(services: Parts): Promise<PushKey> {
  const { public_key, sealed } = await keyRecord(services);
  const secret = services.deps.sealer.open(pushKeyKey(), sealed);
  return { public_key, private_key: toBase64Url(secret) };
}

async function keyRecord({ deps, ledgers }: Parts): Promise<PushKeyRecord> {
  const found = await readRecord(deps.kv, pushKeyKey(), pushKeyRecord);
  if (found !== null) return found.value;
  const { point, secret } = keyPair(deps.random);
  return await ledgers.transact(DEPLOYMENT_ORG, {
    load: (reader) => reader.get(pushKeyKey(), pushKeyRecord),
    plan(transaction, made) {
      // Another node was first: browsers know the deployment by one key for good.
      if (made !== null) return made.value;
      const record: PushKeyRecord = {
        public_key: toBase64Url(point),
        sealed: deps.sealer.seal(pushKeyKey(), secret),
        created_at: transaction.at,
      };
      transaction.set(pushKeyKey(), record);
      transaction.append({
        type: "push_key.created",
        actor: { type: "system", id: "push" },
        subject: {},
        data: { public_key: record.public_key },
      });
      return record;
    },
  });
}

/** A P-256 key: the public point, uncompressed, and the secret scalar. */
function keyPair(random: (bytes: number) => Uint8Array): { point: Uint8Array; secret: Uint8Array } {
  const pair = createECDH("prime256v1");
  for (;;) {
    const secret = random(32);
    try {
      pair.setPrivateKey(secret);
    } catch {
      continue; // One number in four billion is beyond the order of the curve.
    }
    return { point: pair.getPublicKey(), secret };
  }
}
