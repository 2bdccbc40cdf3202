import { z } from "zod";
import { DISABLED_WHY, HEARD_TYPES } from "./event.ts";

/**
 * Records of endpoints, webhooks and channels: who outside of an org hears of what, and what was sent
 * to them. None holds what is said, only about what.
 */

const timestamp = z.number().int().nonnegative();

export const ENDPOINT_KINDS = ["webhook", "channel"] as const;

export type EndpointKind = (typeof ENDPOINT_KINDS)[number];

/** Of which requests an endpoint hears: of all, or of those at a level. */
export const SCOPES = ["team", "level_1", "level_2"] as const;

/** What is true of an endpoint of either kind. */
export const endpointFields = {
  id: z.string(),
  events: z.array(z.enum(HEARD_TYPES)),
  status: z.enum(["active", "disabled"]),
  /** Why we disabled it; null when a member did, and while it is active. */
  disabled_why: z.enum(DISABLED_WHY).nullable(),
  /** To the minute: when something sent there last arrived. */
  last_success_at: timestamp.nullable(),
  /** The first try that failed since one succeeded, and how many have. */
  failing_since: timestamp.nullable(),
  failures: z.number().int().nonnegative(),
  /** When owners were last told that nothing arrives there; absent where they never were. */
  warned_at: timestamp.exactOptional(),
  created_at: timestamp,
};

/** An address of the org's own that events are posted to, signed. */
export const webhookRecord = z.object({
  ...endpointFields,
  url: z.string(),
  description: z.string(),
  /** Until when the secret before the newest signs as well; null when there is none. */
  rotating_until: timestamp.nullable(),
  /** Of the one that is sent what clients of Allowly take: how many secrets it has had, and when. */
  allowly: z.object({ credential_version: z.number().int().positive(), updated_at: timestamp })
    .exactOptional(),
});

export type WebhookRecord = z.infer<typeof webhookRecord>;

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

/** The secrets of a webhook, sealed. */
export const webhookSecretRecord = z.object({ sealed: bytes });

const endpointHealth = z.object(endpointFields);

/** An endpoint as far as both kinds are alike. */
export type EndpointFields = z.infer<typeof endpointHealth>;

/** One endpoint as the index of its org has it: what is looked at when an event is told. */
export const hearing = z.object({
  kind: z.enum(ENDPOINT_KINDS),
  id: z.string(),
  events: z.array(z.enum(HEARD_TYPES)),
  scope: z.enum(SCOPES),
  /** One that is disabled is sent nothing, and can still be sent later what it missed. */
  active: z.boolean(),
});

export type Hearing = z.infer<typeof hearing>;

/** All endpoints of an org: every write of one writes this too, so that none misses another. */
export const endpointsRecord = z.object({ endpoints: z.array(hearing) });

/** One try, as whoever configured the endpoint is shown it. */
export const attempt = z.object({
  at: timestamp,
  /** What the host answered; null where it did not. */
  status: z.number().int().nullable(),
  /** Why it did not succeed, scrubbed; null where it did. */
  error: z.string().nullable(),
});

export type Attempt = z.infer<typeof attempt>;

const delivery = {
  target: z.object({ kind: z.enum(ENDPOINT_KINDS), id: z.string() }),
  /** What it tells of: the same id whenever and however often it is sent. */
  event: z.string(),
  type: z.enum(HEARD_TYPES),
  /** Sent again because somebody wants it: says nothing of how the endpoint is. */
  replay: z.boolean(),
  /** How often it was tried since it was queued, a try under way included. */
  tries: z.number().int().nonnegative(),
  /** The newest tries that ended, the oldest first. */
  attempts: z.array(attempt),
  created_at: timestamp,
  expires_at: timestamp,
};

/** By what the host of an endpoint knows what it made of a request, such as an incident. */
export const externalRecord = z.object({ external_id: z.string() });

/** One event to one endpoint, each state with what is true in it. */
export const endpointDelivery = z.discriminatedUnion("state", [
  z.object({
    ...delivery,
    state: z.literal("queued"),
    /** When it is tried next; while a try is under way, when that one counts as lost. */
    next_at: timestamp,
    under_way: z.boolean(),
  }),
  z.object({ ...delivery, state: z.literal("sent"), ended_at: timestamp }),
  z.object({ ...delivery, state: z.literal("failed"), ended_at: timestamp }),
]);

export type EndpointDelivery = z.infer<typeof endpointDelivery>;

export type QueuedEndpointDelivery = Extract<EndpointDelivery, { state: "queued" }>;
