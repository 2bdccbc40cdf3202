import type { MachineOperation } from "../identity/acting.ts";
import type { MachineCaller } from "../identity/caller.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { listRecords } from "../store/kv.ts";
import { webhookPrefix } from "../store/news_keys.ts";
import { type WebhookRecord, webhookRecord } from "../store/records/endpoint.ts";
import {
  changeWebhook,
  createWebhook,
  rotateWebhook,
  type SecretWebhook,
  type WebhookWrite,
} from "../webhooks/webhooks.ts";

/**
 * The one webhook of an organization that tells clients of Allowly which prompts were answered. It is a
 * webhook as any other, that is sent what they take.
 */

/** The webhook, where there is one. */
async function findResolutionWebhook({ kv, snapshot }: Reader): Promise<WebhookRecord | null> {
  const prefix = [...webhookPrefix(snapshot.orgId)];
  for await (const { value } of listRecords(kv, { prefix }, webhookRecord)) {
    if (value.allowly !== undefined) return value;
  }
  return null;
}

/** Reads it; null where there is none. */
export const readResolutionWebhook: MachineOperation<WebhookRecord | null, WebhookRecord | null> = {
  load: findResolutionWebhook,
  plan: (_transaction, _caller, record) => record,
};

/** An operation that has read what it plans by. */
type Planned<R> = (transaction: Transaction, caller: MachineCaller) => R;

/** What is done about the webhook that there is, or about none: chosen by what was read. */
function chosen<R>(
  choose: (record: WebhookRecord | null, reader: Reader, caller: MachineCaller) => Promise<
    Planned<R>
  >,
): MachineOperation<Planned<R>, R> {
  return {
    load: async (reader, caller) =>
      await choose(await findResolutionWebhook(reader), reader, caller),
    plan: (transaction, caller, planned) => planned(transaction, caller),
  };
}

const HEARS: WebhookRecord["events"] = ["confirmation.resolved", "approval.decided"];

/** Has it sent to an address, by a new secret. @throws {Refusal} what making and changing one refuse */
export function putResolutionWebhook(
  url: string,
  write: WebhookWrite,
): MachineOperation<Planned<SecretWebhook>, SecretWebhook> {
  return chosen(async (old, reader, caller) => {
    if (old !== null) return await renewed(old, { url, status: "active" }, write, reader, caller);
    const creating = createWebhook({
      url,
      events: HEARS,
      description: "Tells clients of Allowly which prompts were answered",
      allowly: { credential_version: 1, updated_at: reader.now },
    }, write);
    const hearing = await creating.load?.(reader, caller) ?? [];
    return (transaction, caller) => creating.plan(transaction, caller, hearing);
  });
}

/** Gives it a new secret; the one before signs as well for a day. @throws {Refusal} not_found */
export function rotateResolutionWebhook(
  write: WebhookWrite,
): MachineOperation<Planned<SecretWebhook>, SecretWebhook> {
  return chosen((old, reader, caller) => renewed(existing(old), {}, write, reader, caller));
}

/** A change together with a new secret. */
async function renewed(
  { id, allowly }: WebhookRecord,
  change: Pick<Partial<WebhookRecord>, "url" | "status">,
  write: WebhookWrite,
  reader: Reader,
  caller: MachineCaller,
): Promise<Planned<SecretWebhook>> {
  const credential_version = (allowly?.credential_version ?? 0) + 1;
  const newest = { credential_version, updated_at: reader.now };
  const changing = changeWebhook(id, { ...change, allowly: newest }, write);
  const rotating = rotateWebhook(id, { force: true, request_id: write.request_id });
  const [changed, rotated] = await Promise.all([
    changing.load?.(reader, caller) ?? { record: null, hearing: [] },
    rotating.load?.(reader, caller) ?? { record: null, sealed: null },
  ]);
  return (transaction, caller) => {
    const record = changing.plan(transaction, caller, changed);
    return rotating.plan(transaction, caller, { ...rotated, record });
  };
}

/** Stops it. @throws {Refusal} not_found */
export function disableResolutionWebhook(
  write: WebhookWrite,
): MachineOperation<Planned<WebhookRecord>, WebhookRecord> {
  return chosen(async (old, reader, caller) => {
    const { id, allowly } = existing(old);
    const credential_version = allowly?.credential_version ?? 1;
    const changing = changeWebhook(id, {
      status: "disabled",
      allowly: { credential_version, updated_at: reader.now },
    }, write);
    const loaded = await changing.load?.(reader, caller) ?? { record: null, hearing: [] };
    return (transaction, caller) => changing.plan(transaction, caller, loaded);
  });
}

/** @throws {Refusal} not_found */
function existing(record: WebhookRecord | null): WebhookRecord {
  if (record === null) throw new Refusal("not_found", { what: "resolution webhook" });
  return record;
}
