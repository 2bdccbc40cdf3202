import { Buffer } from "node:buffer";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import type { Transaction } from "../ledger/transaction.ts";
import type { Kv } from "../store/kv.ts";
import { readRecord } from "../store/kv.ts";
import { webhookSecretKey } from "../store/news_keys.ts";
import { webhookSecretRecord } from "../store/records/endpoint.ts";
import type { Sealer } from "../store/sealing.ts";

/**
 * The secrets of webhooks, and what is signed with them as Standard Webhooks say: a receiver that
 * knows the secret tells what is ours from everything else, and an old message from a new one.
 */

/** How long the secret before the newest signs as well, milliseconds. */
export const OVERLAP_MS = 24 * 60 * 60 * 1000;

const secrets = z.object({ current: z.string(), previous: z.string().nullable() });

type Secrets = z.infer<typeof secrets>;

/** A new secret: `whsec_` and 32 random bytes in base64. It is told once, when it is made. */
export function makeSigningSecret(random: (bytes: number) => Uint8Array): string {
  return `whsec_${Buffer.from(random(32)).toString("base64")}`;
}

/** Puts the secrets of a webhook into the commit, sealed. */
export function storeSecrets(transaction: Transaction, id: string, held: Secrets): void {
  const { deps, snapshot } = transaction;
  const key = webhookSecretKey(snapshot.orgId, id);
  transaction.set(key, { sealed: deps.sealer.sealJson(key, held) });
}

/** What a sealed row of secrets holds. @throws {CannotOpen} */
export function openSecrets(sealer: Sealer, org: string, id: string, sealed: Uint8Array): Secrets {
  return secrets.parse(sealer.openJson(webhookSecretKey(org, id), sealed));
}

/** Reads the secrets of a webhook; null when it is gone. @throws {CannotOpen}, {MalformedRecord} */
export async function readSecrets(
  { kv, sealer }: { readonly kv: Kv; readonly sealer: Sealer },
  org: string,
  id: string,
): Promise<Secrets | null> {
  const found = await readRecord(kv, webhookSecretKey(org, id), webhookSecretRecord);
  return found === null ? null : openSecrets(sealer, org, id, found.value.sealed);
}

/**
 * The headers that a message is signed by: with the newest secret, and with the one before while it
 * signs as well.
 * @param at when it is sent, milliseconds; to the second in what is signed
 */
export function signedHeaders(
  message: { readonly id: string; readonly body: string },
  keys: readonly string[],
  at: number,
): Record<string, string> {
  const signatures = keys.map((key) =>
    new Webhook(key).sign(message.id, new Date(at), message.body)
  );
  return {
    "webhook-id": message.id,
    "webhook-timestamp": String(Math.floor(at / 1000)),
    "webhook-signature": signatures.join(" "),
  };
}
