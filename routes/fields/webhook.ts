import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { deliveryId } from "../../lib/endpoints/delivery.ts";
import type { EndpointDelivery, WebhookRecord } from "../../lib/store/records/endpoint.ts";
import { HEARD_TYPES } from "../../lib/store/records/event.ts";
import type { TestOutcome } from "../../lib/webhooks/sending.ts";
import type { SecretWebhook } from "../../lib/webhooks/webhooks.ts";
import { timeField } from "./log.ts";
import { timeText } from "./machine.ts";

/** Webhooks and what is sent to them, on the wire. */

const url = z.string().max(2000, "has at most 2000 characters").describe(
  "https on port 443 of a host of the internet, without a user or password; or a host that the " +
    "operator named as private, http too",
);

const events = z.array(z.enum(HEARD_TYPES)).min(1, "names at least one type")
  .transform((types) => HEARD_TYPES.filter((type) => types.includes(type)))
  .describe("What it hears of");

const description = z.string().max(500, "has at most 500 characters");

export const newWebhookBody = z.strictObject({ url, events, description: description.default("") });

export const webhookChangeBody = z.strictObject({
  url: url.exactOptional(),
  events: events.exactOptional(),
  description: description.exactOptional(),
  status: z.enum(["active", "disabled"]).exactOptional()
    .describe("One that is set active counts as sound until it fails anew"),
});

export const webhookAnswer = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(z.enum(HEARD_TYPES)),
  description: z.string(),
  status: z.enum(["active", "disabled"]),
  disabled_why: z.enum(["gone", "failing"]).nullable()
    .describe(
      "`gone`: it answered 410; `failing`: nothing has arrived for five days. Null when a " +
        "caller disabled it, and while it is active",
    ),
  last_success_at: z.iso.datetime().nullable().describe("To the minute"),
  failing_since: z.iso.datetime().nullable()
    .describe("When the first try failed since one succeeded"),
  rotating_until: z.iso.datetime().nullable()
    .describe("Until when the secret before the present one signs as well"),
  created_at: z.iso.datetime(),
});

export const secretWebhookAnswer = webhookAnswer.extend({
  secret: z.string().describe("`whsec_…`, shown once"),
});

export const rotationBody = z.strictObject({
  force: z.boolean().default(false)
    .describe("Also while the secret before the present one still signs; that one ends at once"),
}).default({ force: false });

export const testAnswer = z.object({
  outcome: z.enum(["sent", "failed"]),
  status: z.number().optional().describe("What the host answered; absent when it did not"),
  answer: z.string().optional()
    .describe("How the answer begins: at most 256 characters, personal data and secrets taken out"),
  error: z.string().optional().describe("Why it was not sent, or is no success"),
});

export const recoveryBody = z.strictObject({
  since: timeField.describe("From this time on, RFC 3339"),
});

export const recoveredAnswer = z.object({
  queued: z.number(),
  more_since: z.iso.datetime().nullable()
    .describe("Where to go on: one call queues 200 at most. Null when nothing is left"),
});

export const deliveryAnswer = z.object({
  id: z.string(),
  event_id: z.string().describe("The `webhook-id` of each try"),
  type: z.enum(HEARD_TYPES),
  state: z.enum(["queued", "sent", "failed"]),
  replay: z.boolean().describe("Whether it was sent again on purpose"),
  next_at: z.iso.datetime().nullable().describe("When it is tried next; null when it has ended"),
  attempts: z.array(z.object({
    at: z.iso.datetime(),
    status: z.number().nullable(),
    error: z.string().optional(),
  })).describe("The newest 20 tries that ended, the oldest first"),
});

/** Never a secret. */
export function renderWebhook(record: WebhookRecord): JsonObject {
  return {
    id: record.id,
    url: record.url,
    events: record.events,
    description: record.description,
    status: record.status,
    disabled_why: record.disabled_why,
    last_success_at: timeText(record.last_success_at),
    failing_since: timeText(record.failing_since),
    rotating_until: timeText(record.rotating_until),
    created_at: timeText(record.created_at),
  };
}

/** With the secret, the only time that it is told. */
export function renderSecret({ record, secret }: SecretWebhook): JsonObject {
  return { ...renderWebhook(record), secret };
}

export function renderDelivery(record: EndpointDelivery): JsonObject {
  const { event, type, state, replay, attempts } = record;
  return {
    id: deliveryId(record),
    event_id: event,
    type,
    state,
    replay,
    next_at: record.state === "queued" ? timeText(record.next_at) : null,
    attempts: attempts.map(({ at, status, error }) => ({
      at: timeText(at),
      status,
      ...(error === null ? {} : { error }),
    })),
  };
}

export function renderTest({ outcome, status, answer, error }: TestOutcome): JsonObject {
  return {
    outcome,
    ...(status === null ? {} : { status }),
    ...(answer === null ? {} : { answer }),
    ...(error === null ? {} : { error }),
  };
}
