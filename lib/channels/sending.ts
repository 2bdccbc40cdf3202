import { z } from "zod";
import { type Ask, failed, retryAfterMs, shown } from "../endpoints/ask.ts";
import { endpointDeliverer } from "../endpoints/deliver.ts";
import type { TryOutcome } from "../endpoints/delivery.ts";
import { tellOwnerOfEndpoint } from "../endpoints/letters.ts";
import type { ToldApproval, ToldEvent } from "../endpoints/told.ts";
import type { Delivering, EndpointWay } from "../endpoints/way.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { readRecord } from "../store/kv.ts";
import { channelKey, channelSecretKey } from "../store/news_keys.ts";
import {
  type ChannelRecord,
  channelRecord,
  channelSecretRecord,
} from "../store/records/channel.ts";
import type { DueWork } from "../store/records/log.ts";
import { type Card, type CardNews, cardOf } from "./card.ts";
import { kindName, talkTo } from "./kinds.ts";
import type { Addressee, ChannelRequest, Known, Talked } from "./provider.ts";

/**
 * How channels are told: a card, by the requests of their provider, in the one engine that webhooks are
 * sent by. What a provider answers becomes an outcome and nothing else.
 */

export const CHANNELS: EndpointWay<ChannelRecord> = {
  kind: "channel",
  async load(reader, id) {
    return (await reader.get(channelKey(reader.snapshot.orgId, id), channelRecord))?.value ?? null;
  },
  store(transaction, channel) {
    transaction.set(channelKey(transaction.snapshot.orgId, channel.id), channel);
  },
  scopeOf: ({ scope }) => scope,
  moot: ({ is_news }) => is_news ? null : "The request had moved on before it could be sent.",
  called: ({ id, settings }) => `the ${kindName(settings.kind)} channel ${id}`,
  async send(services, ask, { org, endpoint, told, is_again, external_id }) {
    const { approval } = told;
    if (approval === null) return failed("It is about no request.", { for_good: true });
    const outcome = await tell(services, ask, { org, channel: endpoint }, {
      card: cardOfTold(told, approval),
      known: { incident: external_id, tried: is_again },
    });
    return outcome ?? failed("The channel was removed.", { for_good: true });
  },
};

/** The due work of channels. */
export const deliverToChannel = endpointDeliverer(CHANNELS);

export function tellOwnerOfChannel(services: Delivering, work: DueWork): Promise<void> {
  return tellOwnerOfEndpoint(services, CHANNELS, work);
}

/** Puts what a channel is reached by into the commit, sealed. */
export function storeSecret(transaction: Transaction, id: string, secret: string): void {
  const { deps, snapshot } = transaction;
  const key = channelSecretKey(snapshot.orgId, id);
  transaction.set(key, { sealed: deps.sealer.sealJson(key, secret) });
}

/**
 * Tells a channel a card, by as many requests as its provider takes; null where its secret is gone.
 * @throws {StrangerFetchFailed} where one had no answer, and {CannotOpen}
 */
export async function tell(
  { deps, settings }: Pick<Delivering, "deps" | "settings">,
  ask: Ask,
  { org, channel }: { readonly org: string; readonly channel: ChannelRecord },
  { card, known }: { readonly card: Card; readonly known: Known },
): Promise<TryOutcome | null> {
  const key = channelSecretKey(org, channel.id);
  const sealed = await readRecord(deps.kv, key, channelSecretRecord);
  if (sealed === null) return null;
  const secret = z.string().parse(deps.sealer.openJson(key, sealed.value.sealed));
  const to: Addressee = { settings: channel.settings, secret, apis: settings.channels };
  const talk = talkTo(to, card, known);
  let status: number | null = null;
  let step = talk.next();
  while (step.done !== true) {
    const answer = await ask({ ...sendable(step.value), wanted: MAX_ANSWER });
    status = answer.status;
    // Before it is cut to what is shown: a cut through the secret would leave the beginning of it.
    const text = withoutSecret(new TextDecoder().decode(answer.body), secret);
    step = talk.next({ status, wait_ms: retryAfterMs(answer.headers, deps.now()), text });
  }
  return tried(step.value, status, secret);
}

/** Bytes of an answer that are looked at: an incident with all that PagerDuty says of it. */
const MAX_ANSWER = 64 * 1024;

function sendable({ method, url, headers, body }: ChannelRequest) {
  if (body === null) return { method, url, headers };
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { method, url, headers, body: new TextEncoder().encode(text) };
}

/** What came of it, as the engine has it: without the channel's secret, and scrubbed. */
function tried(
  { outcome, incident }: Talked,
  status: number | null,
  secret: string,
): TryOutcome {
  const external = incident === null ? {} : { external_id: incident };
  if (outcome.type === "sent") return { type: "sent", status, ...external };
  const error = shown(withoutSecret(outcome.why, secret), MAX_WHY);
  if (outcome.type === "gone") return { type: "gone", status, error };
  const wait_ms = outcome.type === "again" ? outcome.wait_ms : 0;
  return {
    type: "failed",
    status,
    error,
    for_good: outcome.type === "refused",
    wait_ms,
    ...external,
  };
}

const MAX_WHY = 256;

/** Providers repeat what they were sent: the secret, or the part of an address that is one. */
function withoutSecret(text: string, secret: string): string {
  if (secret === "") return text;
  const { hostname = "" } = URL.parse(secret) ?? {};
  const parts = secret.split(/[/:?&=]/).filter((part) =>
    part.length >= LEAST_SECRET && part !== hostname
  );
  return [secret, ...parts].reduce((left, part) => left.replaceAll(part, "[secret]"), text);
}

/** Shorter parts of an address are words of its provider's. */
const LEAST_SECRET = 10;

function cardOfTold({ type, risk, levels }: ToldEvent, approval: ToldApproval): Card {
  return cardOf({
    news: newsOf(type, approval.outcome),
    approval: approval.approval,
    reference: approval.reference,
    tool: approval.tool_name,
    reason: approval.reason,
    // A tool that nobody knows counts as the worst.
    risk: risk ?? "critical",
    level: approval.level,
    levels: levels ?? approval.level,
    expires_at: Date.parse(approval.expires_at),
    url: approval.url,
  });
}

function newsOf(type: ToldEvent["type"], outcome: ToldApproval["outcome"]): CardNews {
  if (outcome !== undefined) return outcome;
  return type === "approval.escalated" ? "escalated" : "requested";
}
