import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "../base/json.ts";
import { HEALTHY } from "../endpoints/health.ts";
import { hearingOf, loadHearing, putHearing, removeHearing } from "../endpoints/hearing.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Caller } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { addressProblem, type PrivateHosts } from "../outside/addresses.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import { webhookKey, webhookPrefix, webhookSecretKey } from "../store/news_keys.ts";
import {
  type Hearing,
  type WebhookRecord,
  webhookRecord,
  webhookSecretRecord,
} from "../store/records/endpoint.ts";
import { WEBHOOKS } from "./sending.ts";
import { makeSigningSecret, openSecrets, OVERLAP_MS, storeSecrets } from "./signing.ts";

/**
 * Webhooks as an org has them: made, changed, given a new secret, removed. Each is one commit with its
 * entry; a secret is told once, when it is made.
 */

/** How many an org may have. */
export const MOST_WEBHOOKS = 20;

/** A webhook as it is asked for. */
export type WebhookFields = Pick<WebhookRecord, "url" | "events" | "description" | "allowly">;

/** What is to be another way; what is absent stays. */
export type WebhookChange = Partial<WebhookFields & Pick<WebhookRecord, "status">>;

/** A webhook with a new secret: the only time that it is told. */
export interface SecretWebhook {
  readonly record: WebhookRecord;
  readonly secret: string;
}

/** What is asked of whoever writes, and what is written by. */
export interface WebhookWrite {
  readonly request_id: string;
  /** Hosts that may be private. */
  readonly named: PrivateHosts;
}

/**
 * Makes a webhook.
 * @throws {Refusal} invalid_request, too_many_webhooks, role_required, recovery_held,
 *   fresh_assertion_required
 */
export function createWebhook(
  fields: WebhookFields,
  { request_id, named }: WebhookWrite,
): CallerOperation<readonly Hearing[], SecretWebhook> {
  return {
    load: loadHearing,
    plan(transaction, caller, hearing) {
      demand(caller, "send_outside", "Having events sent to an address");
      assertUrl(fields.url, named);
      const have = hearing.filter(({ kind }) => kind === "webhook").length;
      if (have >= MOST_WEBHOOKS) throw new Refusal("too_many_webhooks", { most: MOST_WEBHOOKS });
      const record: WebhookRecord = {
        id: transaction.id("whk"),
        ...fields,
        ...HEALTHY,
        last_success_at: null,
        rotating_until: null,
        created_at: transaction.at,
      };
      const secret = makeSigningSecret(transaction.deps.random);
      storeSecrets(transaction, record.id, { current: secret, previous: null });
      storeWebhook(transaction, hearing, record);
      appendEntry(transaction, caller, "webhook.made", { id: record.id, fields, request_id });
      return { record, secret };
    },
  };
}

/** A webhook that is there, and who hears of what besides. */
interface LoadedWebhook {
  /** Null when there is none. */
  readonly record: WebhookRecord | null;
  readonly hearing: readonly Hearing[];
}

/**
 * Changes a webhook. One that is set active again counts as sound until it fails anew.
 * @throws {Refusal} not_found, invalid_request, role_required, recovery_held, fresh_assertion_required
 */
export function changeWebhook(
  id: string,
  change: WebhookChange,
  { request_id, named }: WebhookWrite,
): CallerOperation<LoadedWebhook, WebhookRecord> {
  return {
    load: (reader) => loadWebhook(reader, id),
    plan(transaction, caller, { record, hearing }) {
      const old = found(id, record);
      const { url, events, status } = change;
      const sendsMore = url !== undefined || events !== undefined || status === "active";
      if (sendsMore) demand(caller, "send_outside", "Having events sent to an address");
      else demand(caller, "configure");
      if (url !== undefined) assertUrl(url, named);
      const health = status === undefined || status === old.status
        ? {}
        : { ...HEALTHY, status, disabled_why: null };
      const next: WebhookRecord = { ...old, ...change, ...health };
      if (isDeepStrictEqual(old, next)) return old;
      storeWebhook(transaction, hearing, next);
      appendEntry(transaction, caller, "webhook.changed", { id, fields: change, request_id });
      return next;
    },
  };
}

/**
 * Gives a webhook a new secret. The one before signs as well for a day, so that no receiver that knows
 * only one of them refuses a message.
 * @param force also while the one before the present one still signs; that one then ends at once
 * @throws {Refusal} not_found, rotation_running, role_required, recovery_held, fresh_assertion_required
 */
export function rotateWebhook(
  id: string,
  { force, request_id }: { readonly force: boolean; readonly request_id: string },
): CallerOperation<{ record: WebhookRecord | null; sealed: Uint8Array | null }, SecretWebhook> {
  return {
    async load(reader) {
      const key = webhookSecretKey(reader.snapshot.orgId, id);
      const [record, secrets] = await Promise.all([
        WEBHOOKS.load(reader, id),
        reader.get(key, webhookSecretRecord),
      ]);
      return { record, sealed: secrets?.value.sealed ?? null };
    },
    plan(transaction, caller, { record, sealed }) {
      const { now, deps, snapshot } = transaction;
      const old = found(id, record);
      demand(caller, "send_outside", "A new secret for a webhook");
      const { rotating_until } = old;
      if (!force && rotating_until !== null && now < rotating_until) {
        throw new Refusal("rotation_running", { until: new Date(rotating_until).toISOString() });
      }
      const before = sealed === null ? null : openSecrets(deps.sealer, snapshot.orgId, id, sealed);
      const secret = makeSigningSecret(deps.random);
      storeSecrets(transaction, id, { current: secret, previous: before?.current ?? null });
      const next: WebhookRecord = { ...old, rotating_until: now + OVERLAP_MS };
      WEBHOOKS.store(transaction, next);
      appendEntry(transaction, caller, "webhook.rotated", { id, fields: {}, request_id });
      return { record: next, secret };
    },
  };
}

/** Removes a webhook: nothing is sent to it any more. @throws {Refusal} not_found, role_required */
export function removeWebhook(
  id: string,
  request_id: string,
): CallerOperation<LoadedWebhook, WebhookRecord> {
  return {
    load: (reader) => loadWebhook(reader, id),
    plan(transaction, caller, { record, hearing }) {
      const old = found(id, record);
      demand(caller, "configure");
      const org = transaction.snapshot.orgId;
      transaction.delete(webhookKey(org, id));
      transaction.delete(webhookSecretKey(org, id));
      removeHearing(transaction, hearing, id);
      appendEntry(transaction, caller, "webhook.removed", { id, fields: {}, request_id });
      return old;
    },
  };
}

async function loadWebhook(reader: Reader, id: string): Promise<LoadedWebhook> {
  const [record, hearing] = await Promise.all([WEBHOOKS.load(reader, id), loadHearing(reader)]);
  return { record, hearing };
}

/** @throws {Refusal} not_found */
function found(id: string, record: WebhookRecord | null): WebhookRecord {
  if (record === null) throw new Refusal("not_found", { what: `webhook ${id}` });
  return record;
}

function storeWebhook(
  transaction: Transaction,
  hearing: readonly Hearing[],
  record: WebhookRecord,
): void {
  WEBHOOKS.store(transaction, record);
  putHearing(transaction, hearing, hearingOf("webhook", record, WEBHOOKS.scopeOf(record)));
}

/** @throws {Refusal} invalid_request for an address that nothing would be sent to */
function assertUrl(url: string, named: PrivateHosts): void {
  const problem = addressProblem(url, named);
  if (problem !== null) throw invalidRequest("/url", problem);
}

/** The address is kept apart: it may say more of a company than its log is to show. */
function appendEntry(
  transaction: Transaction,
  caller: Caller,
  type: "webhook.made" | "webhook.changed" | "webhook.rotated" | "webhook.removed",
  { id, fields, request_id }: {
    readonly id: string;
    readonly fields: WebhookChange;
    readonly request_id: string;
  },
): void {
  const { url, description, ...shown } = fields;
  const hidden: JsonObject = {
    ...(url === undefined ? {} : { url }),
    ...(description === undefined || description === "" ? {} : { description }),
  };
  transaction.append({
    type,
    actor: actorOf(caller),
    subject: { webhook: id },
    data: { ...shown, request_id },
    ...(Object.keys(hidden).length === 0 ? {} : { private: hidden }),
  });
}

/** The webhooks of an org, the oldest first. @throws {MalformedRecord} */
export async function listWebhooks(kv: Kv, org: string): Promise<WebhookRecord[]> {
  const rows = listRecords(kv, { prefix: webhookPrefix(org) }, webhookRecord);
  return await Array.fromAsync(rows, ({ value }) => value);
}

/** One webhook, for whoever may look. @throws {Refusal} not_found */
export function seeWebhook(id: string): CallerOperation<WebhookRecord | null, WebhookRecord> {
  return {
    load: (reader) => WEBHOOKS.load(reader, id),
    plan: (_transaction, _caller, record) => found(id, record),
  };
}

/** Whether a test may be sent to a webhook: gives it. @throws {Refusal} not_found, role_required */
export function testableWebhook(id: string): CallerOperation<WebhookRecord | null, WebhookRecord> {
  return {
    load: (reader) => WEBHOOKS.load(reader, id),
    plan(_transaction, caller, record) {
      demand(caller, "configure");
      return found(id, record);
    },
  };
}
