import { z } from "zod";
import {
  disableResolutionWebhook,
  putResolutionWebhook,
  readResolutionWebhook,
  rotateResolutionWebhook,
} from "../../lib/allowly/resolution_webhook.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { listDeliveries } from "../../lib/endpoints/again.ts";
import type { Attempt, EndpointDelivery, WebhookRecord } from "../../lib/store/records/endpoint.ts";
import { NOTHING_TOLD } from "../../lib/webhooks/resolution.ts";
import type { SecretWebhook } from "../../lib/webhooks/webhooks.ts";
import type { Call } from "../http/call.ts";
import { timeOf, translated } from "./surface.ts";

/** The webhook that tells clients of Allowly which prompts were answered. */

const PATH = "/v1/setup/resolution-webhook";

/** How many deliveries are shown. */
const SHOWN = 20;

const config = {
  workspace_id: z.string(),
  endpoint_id: z.string().nullable(),
  url: z.string().nullable(),
  enabled: z.boolean(),
  credential_version: z.int().nullable(),
  created_at: z.iso.datetime().nullable(),
  updated_at: z.iso.datetime().nullable(),
};

const configAnswer = z.strictObject(config);

const secretAnswer = z.strictObject({ ...config, signing_secret: z.string() });

const deliveriesAnswer = z.strictObject({
  items: z.array(z.strictObject({
    event_id: z.string(),
    event_type: z.enum(["confirmation.resolved", "escalation.resolved"]),
    status: z.enum(["pending", "delivered", "failed", "cancelled"]),
    attempts: z.int(),
    created_at: z.iso.datetime(),
    delivered_at: z.iso.datetime().nullable(),
    last_error: z.enum(["transport_error", "http_error", "endpoint_disabled"]).nullable(),
  })).max(SHOWN),
});

function renderConfig(workspace_id: string, record: WebhookRecord | null): JsonObject {
  if (record === null) {
    return {
      workspace_id,
      endpoint_id: null,
      url: null,
      enabled: false,
      credential_version: null,
      created_at: null,
      updated_at: null,
    };
  }
  const { id, url, status, created_at, allowly } = record;
  return {
    workspace_id,
    endpoint_id: id,
    url,
    enabled: status === "active",
    credential_version: allowly?.credential_version ?? 1,
    created_at: timeOf(created_at),
    updated_at: timeOf(allowly?.updated_at ?? created_at),
  };
}

function renderDelivery(delivery: EndpointDelivery): JsonObject {
  const { event, type, state, tries, attempts, created_at } = delivery;
  const last = attempts.at(-1);
  return {
    event_id: event,
    event_type: type === "confirmation.resolved" ? type : "escalation.resolved",
    status: statusOf(delivery, last),
    attempts: tries,
    created_at: timeOf(created_at),
    delivered_at: state === "sent" ? timeOf(delivery.ended_at) : null,
    last_error: state === "sent" || last === undefined ? null : errorOf(last),
  };
}

const DISABLED = "The endpoint is disabled.";

function statusOf({ state }: EndpointDelivery, last: Attempt | undefined): string {
  if (state === "queued") return "pending";
  if (state === "sent") return "delivered";
  return last?.error === DISABLED ? "cancelled" : "failed";
}

function errorOf({ status, error }: Attempt): string | null {
  if (error === null) return null;
  if (error === DISABLED) return "endpoint_disabled";
  return status === null ? "transport_error" : "http_error";
}

type AnyCall = Pick<Call<unknown, unknown, unknown>, "id" | "org" | "services">;

const writeOf = ({ id, services }: AnyCall) => ({
  request_id: id,
  named: services.settings.private_hosts,
});

const withSecret = ({ org }: AnyCall) => ({ record, secret }: SecretWebhook) => ({
  status: 200,
  body: { ...renderConfig(org, record), signing_secret: secret },
});

export const resolutionWebhookRoutes = [
  translated({
    method: "get",
    path: PATH,
    summary: "Read the resolution webhook",
    callers: ["management"],
    answers: { 200: configAnswer },
    handle: async (call) => ({
      status: 200,
      body: renderConfig(call.org, await call.transact(readResolutionWebhook)),
    }),
  }),
  translated({
    method: "put",
    path: PATH,
    summary: "Have resolutions posted to an address, by a new secret",
    callers: ["management"],
    body: z.strictObject({ url: z.string().min(1).max(2048) }),
    answers: { 200: secretAnswer },
    refusals: ["too_many_webhooks"],
    handle: (call) =>
      call.commit(putResolutionWebhook(call.body.url, writeOf(call)), withSecret(call)),
  }),
  translated({
    method: "post",
    path: `${PATH}/rotate`,
    summary: "Give the resolution webhook a new secret",
    callers: ["management"],
    answers: { 200: secretAnswer },
    refusals: ["not_found"],
    handle: (call) => call.commit(rotateResolutionWebhook(writeOf(call)), withSecret(call)),
  }),
  translated({
    method: "delete",
    path: PATH,
    summary: "Stop the resolution webhook",
    callers: ["management"],
    answers: { 200: configAnswer },
    refusals: ["not_found"],
    keyed: true,
    handle: (call) =>
      call.commit(disableResolutionWebhook(writeOf(call)), (record) => ({
        status: 200,
        body: renderConfig(call.org, record),
      })),
  }),
  translated({
    method: "get",
    path: `${PATH}/deliveries`,
    summary: "List what was sent to the resolution webhook, the newest first",
    callers: ["management"],
    answers: { 200: deliveriesAnswer },
    async handle(call) {
      const record = await call.transact(readResolutionWebhook);
      // Of some there was nothing to tell these clients.
      const span = { after: null, limit: 5 * SHOWN };
      const items = record === null
        ? []
        : await listDeliveries(call.services.deps.kv, call.org, record.id, span);
      const told = items.filter(({ attempts }) => attempts.at(-1)?.error !== NOTHING_TOLD);
      return { status: 200, body: { items: told.slice(0, SHOWN).map(renderDelivery) } };
    },
  }),
];
