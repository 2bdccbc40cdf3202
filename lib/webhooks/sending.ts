import type { JsonObject } from "../base/json.ts";
import {
  type Ask,
  asking,
  type EndpointAnswer,
  type EndpointRequest,
  failed,
  retryAfterMs,
  shown,
  unanswered,
} from "../endpoints/ask.ts";
import { endpointDeliverer } from "../endpoints/deliver.ts";
import type { TryOutcome } from "../endpoints/delivery.ts";
import { tellOwnerOfEndpoint } from "../endpoints/letters.ts";
import type { ToldEvent } from "../endpoints/told.ts";
import type { Delivering, EndpointWay, Sending } from "../endpoints/way.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { readRecord } from "../store/kv.ts";
import { webhookKey } from "../store/news_keys.ts";
import { type WebhookRecord, webhookRecord } from "../store/records/endpoint.ts";
import type { DueWork } from "../store/records/log.ts";
import { mootForClients, resolutionBody } from "./resolution.ts";
import { readSecrets, signedHeaders } from "./signing.ts";

/** How webhooks are sent: what is told as JSON, signed, in one POST. */

export const WEBHOOKS: EndpointWay<WebhookRecord> = {
  kind: "webhook",
  async load(reader, id) {
    return (await reader.get(webhookKey(reader.snapshot.orgId, id), webhookRecord))?.value ?? null;
  },
  store(transaction, webhook) {
    transaction.set(webhookKey(transaction.snapshot.orgId, webhook.id), webhook);
  },
  scopeOf: () => "team",
  moot: (told, { allowly }) => allowly === undefined ? null : mootForClients(told),
  called: ({ id, url }) => `the webhook ${id} at ${new URL(url).hostname}`,
  async send({ deps }, ask, sending) {
    const answer = await post(deps, ask, sending, 0);
    return answer === null
      ? failed("The webhook was removed.", { for_good: true })
      : webhookOutcome(answer, deps.now());
  },
};

/** Sends once, and gives so many bytes of what is answered; null for a webhook that is gone. */
async function post(
  { kv, sealer, now }: Delivering["deps"],
  ask: Ask,
  { org, endpoint, told }: Pick<Sending<WebhookRecord>, "org" | "endpoint" | "told">,
  wanted: number,
): Promise<EndpointAnswer | null> {
  const held = await readSecrets({ kv, sealer }, org, endpoint.id);
  if (held === null) return null;
  // Read after the secrets: by what was known of it before they were rotated, the new one would sign
  // alone, which its receiver may not have yet.
  const standing = await readRecord(kv, webhookKey(org, endpoint.id), webhookRecord);
  if (standing === null) return null;
  const { rotating_until } = standing.value;
  const at = now();
  const isRotating = rotating_until !== null && at < rotating_until;
  // A test is of no prompt.
  const isUsual = endpoint.allowly === undefined || told.type === "webhook.test";
  const body = isUsual ? bodyOf(told) : await resolutionBody(kv, org, told);
  if (body === null) return null;
  const keys = [held.current, ...(isRotating && held.previous !== null ? [held.previous] : [])];
  const request = webhookRequest(endpoint.url, { id: told.id, body }, keys, at);
  return await ask({ ...request, wanted });
}

/** What came of a test: what the host answered, or why it did not. */
export interface TestOutcome {
  readonly outcome: "sent" | "failed";
  readonly status: number | null;
  /** The beginning of what was answered, scrubbed. */
  readonly answer: string | null;
  readonly error: string | null;
}

/** Most characters of an answer that are shown, and the bytes that are read for them. */
const ANSWER_SHOWN = 256;
const ANSWER_READ = 4 * ANSWER_SHOWN;

/** How many tests of one webhook are sent in a minute. */
const TESTS_A_MINUTE = 10;

/**
 * Sends a test to a webhook, active or not. It says nothing of how the webhook is.
 * @throws {Refusal} rate_limited, not_found
 */
export async function sendTest(
  services: Delivering & Pick<Services, "ids" | "rateLimits">,
  org: string,
  endpoint: WebhookRecord,
): Promise<TestOutcome> {
  const { deps, ids, rateLimits } = services;
  const now = deps.now();
  const test = { id: `test ${endpoint.id}`, rate_limit_per_minute: TESTS_A_MINUTE };
  rateLimits.take(test, now);
  const told = testEvent(ids.make("evt", now), endpoint.id, now);
  try {
    const answer = await post(deps, asking(deps.hosts), { org, endpoint, told }, ANSWER_READ);
    if (answer === null) throw new Refusal("not_found", { what: `webhook ${endpoint.id}` });
    const { type, ...outcome } = webhookOutcome(answer, now);
    return {
      outcome: type === "sent" ? "sent" : "failed",
      status: answer.status,
      answer: shown(new TextDecoder().decode(answer.body), ANSWER_SHOWN),
      error: "error" in outcome ? outcome.error : null,
    };
  } catch (error) {
    const outcome = unanswered(error);
    const said = outcome.type === "failed" ? outcome.error : BUSY;
    return { outcome: "failed", status: null, answer: null, error: said };
  }
}

const BUSY = "Too many requests to that host are under way already.";

function testEvent(id: string, webhook_id: string, at: number): ToldEvent {
  return {
    id,
    type: "webhook.test",
    timestamp: new Date(at).toISOString(),
    data: { webhook_id },
    approval: null,
    request: null,
    is_news: true,
    levels: null,
    risk: null,
  };
}

/** The due work of webhooks. */
export const deliverWebhook = endpointDeliverer(WEBHOOKS);

export function tellOwnerOfWebhook(services: Delivering, work: DueWork): Promise<void> {
  return tellOwnerOfEndpoint(services, WEBHOOKS, work);
}

/** What a webhook is sent of an event. */
export function bodyOf({ type, timestamp, data }: ToldEvent): JsonObject {
  return { type, timestamp, data };
}

/** What is sent of an event, signed with each of the keys. */
export function webhookRequest(
  url: string,
  { id, body: told }: { readonly id: string; readonly body: JsonObject },
  keys: readonly string[],
  now: number,
): Omit<EndpointRequest, "wanted"> {
  const body = JSON.stringify(told);
  return {
    url,
    method: "POST",
    headers: { "content-type": "application/json", ...signedHeaders({ id, body }, keys, now) },
    body: new TextEncoder().encode(body),
  };
}

/** What an answer says of a try: any 2xx is a yes, and 410 that there is nobody any more. */
export function webhookOutcome({ status, headers }: EndpointAnswer, now: number): TryOutcome {
  if (status >= 200 && status < 300) return { type: "sent", status };
  const error = `The endpoint answered ${status}.`;
  if (status === 410) return { type: "gone", status, error };
  return failed(error, { status, wait_ms: retryAfterMs(headers, now) });
}
