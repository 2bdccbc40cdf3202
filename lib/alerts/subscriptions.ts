import { Buffer } from "node:buffer";
import { createECDH, createPublicKey, hash } from "node:crypto";
import { z } from "zod";
import { fromBase64Url, toBase64Url } from "../base/bytes.ts";
import type { MemberOperation } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { endpointProblem, type PushKey } from "../outside/push.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { accountKey, DEPLOYMENT_ORG } from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import {
  pushEndpointKey,
  pushKeyKey,
  pushSubscriptionKey,
  pushSubscriptionPrefix,
} from "../store/news_keys.ts";
import {
  pushEndpointRecord,
  type PushKeyRecord,
  pushKeyRecord,
  type PushSubscriptionRecord,
  pushSubscriptionRecord,
} from "../store/records/alert.ts";
import { accountRecord } from "../store/records/people.ts";

/**
 * Browsers that take pushes for a person, and the key that the deployment pushes by. A browser
 * belongs to whoever subscribed it last.
 */

/** Browsers of one person; one more takes the place of the oldest. */
export const MAX_SUBSCRIPTIONS = 10;

/** A `PushSubscription` as a browser's `toJSON()` gives it (Push API section 8). */
export const pushSubscriptionFields = z.object({
  endpoint: z.string().superRefine((endpoint, context) => {
    const problem = endpointProblem(endpoint);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  }),
  keys: z.object({
    p256dh: z.string().refine(isPoint, "is not an uncompressed P-256 point in base64url"),
    auth: z.string().refine(isSecret, "is not 16 bytes in base64url"),
  }),
});

export type PushSubscriptionFields = z.infer<typeof pushSubscriptionFields>;

interface LoadedSubscriptions {
  readonly own: readonly PushSubscriptionRecord[];
  /** The account that had subscribed this browser. */
  readonly before: string | null;
  /** Of the account. */
  readonly orgs: string[];
}

interface LoadedSubscription {
  readonly record: PushSubscriptionRecord | null;
  readonly orgs: string[];
}

/**
 * Takes pushes for the caller to a browser. Whoever subscribes it last is the one it is for, so that
 * a browser that two people share shows neither's requests to the other.
 */
export function subscribePush(
  { endpoint, keys }: PushSubscriptionFields,
  client: Client,
): MemberOperation<LoadedSubscriptions, PushSubscriptionRecord> {
  const id = subscriptionId(endpoint);
  return {
    async load(reader, caller) {
      const [before, own, account] = await Promise.all([
        reader.get(pushEndpointKey(id), pushEndpointRecord),
        listSubscriptions(reader.kv, caller.account),
        reader.get(accountKey(caller.account), accountRecord),
      ]);
      return { before: before?.value.account ?? null, own, orgs: account?.value.orgs ?? [] };
    },
    plan(transaction, caller, { before, own, orgs }) {
      demand(caller, "add_browser", "Having alerts pushed to another browser");
      if (before !== null && before !== caller.account) {
        transaction.delete(pushSubscriptionKey(before, id));
      }
      const others = own.filter((subscription) => subscription.id !== id);
      const crowded = others.slice(0, Math.max(0, others.length - MAX_SUBSCRIPTIONS + 1));
      for (const oldest of crowded) deleteSubscription(transaction, oldest);
      const record: PushSubscriptionRecord = {
        id,
        account: caller.account,
        endpoint,
        ...keys,
        user_agent: client.user_agent,
        created_at: transaction.at,
      };
      transaction.set(pushSubscriptionKey(caller.account, id), record);
      transaction.set(pushEndpointKey(id), { account: caller.account });
      tellIdentityEvent(transaction, { id: caller.account, orgs }, {
        type: "push_subscription.added",
        data: { browser: id, service: new URL(endpoint).host, crowded_out: crowded.length },
      }, client);
      return record;
    },
  };
}

/** Ends the pushes to one browser of the caller. @throws {Refusal} not_found */
export function unsubscribePush(
  id: string,
  client: Client,
): MemberOperation<LoadedSubscription, void> {
  return {
    load: async (reader, caller) => ({
      record: await loadSubscription(reader, caller.account, id),
      orgs: (await reader.get(accountKey(caller.account), accountRecord))?.value.orgs ?? [],
    }),
    plan(transaction, caller, { record, orgs }) {
      demand(caller, "choose_alerts");
      if (record === null) throw new Refusal("not_found", { what: "push subscription" });
      deleteSubscription(transaction, record);
      tellIdentityEvent(transaction, { id: caller.account, orgs }, {
        type: "push_subscription.removed",
        data: { browser: id },
      }, client);
    },
  };
}

/** Reads one subscription; null when there is none. @throws {MalformedRecord} */
export async function loadSubscription(
  reader: Reader,
  account: string,
  id: string,
): Promise<PushSubscriptionRecord | null> {
  const record = await reader.get(pushSubscriptionKey(account, id), pushSubscriptionRecord);
  return record?.value ?? null;
}

/** The browsers of a person, the one subscribed longest ago first. @throws {MalformedRecord} */
export async function listSubscriptions(
  kv: Kv,
  account: string,
): Promise<PushSubscriptionRecord[]> {
  const selector = { prefix: pushSubscriptionPrefix(account) };
  const records: PushSubscriptionRecord[] = [];
  for await (const { value } of listRecords(kv, selector, pushSubscriptionRecord)) {
    records.push(value);
  }
  return records.sort((a, b) => a.created_at - b.created_at);
}

/** Puts the end of a subscription into the commit. */
export function deleteSubscription(
  transaction: Transaction,
  { account, id }: Pick<PushSubscriptionRecord, "account" | "id">,
): void {
  transaction.delete(pushSubscriptionKey(account, id));
  transaction.delete(pushEndpointKey(id));
}

function subscriptionId(endpoint: string): string {
  return hash("sha256", endpoint, "hex").slice(0, 32);
}

function isPoint(text: string): boolean {
  const bytes = fromBase64Url(text);
  if (bytes?.length !== 65 || bytes[0] !== 4) return false;
  const part = (from: number) => Buffer.from(bytes).toString("base64url", from, from + 32);
  try {
    // A point that is not on the curve would give the sender's secret away, or fail at every push.
    createPublicKey({
      key: { kty: "EC", crv: "P-256", x: part(1), y: part(33) },
      format: "jwk",
    });
    return true;
  } catch {
    return false;
  }
}

function isSecret(text: string): boolean {
  return fromBase64Url(text)?.length === 16;
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
