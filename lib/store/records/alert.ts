import { z } from "zod";

/** Records of what people are told about requests. None holds what is said, only about what. */

const timestamp = z.number().int().nonnegative();

export const ALERT_KINDS = ["new_request", "second_level", "nearing_expiry", "decided"] as const;

export type AlertKind = (typeof ALERT_KINDS)[number];

export const CHANNELS = ["mail", "push"] as const;

export type Channel = (typeof CHANNELS)[number];

export const alertSwitches = z.strictObject({
  new_request: z.boolean(),
  second_level: z.boolean(),
  nearing_expiry: z.boolean(),
  decided: z.boolean(),
});

/** Which alerts a member wants, by channel. */
export const alertPreference = z.strictObject({ mail: alertSwitches, push: alertSwitches });

export type AlertPreference = z.infer<typeof alertPreference>;

const delivery = {
  id: z.string(),
  kind: z.enum(ALERT_KINDS),
  /** What happened; null of an ending that comes near, and before there were events. */
  event: z.string().nullable().default(null),
  approval: z.string(),
  /** The member who is told. */
  member: z.string(),
  channel: z.enum(CHANNELS),
  /** The browser, for a push. */
  subscription: z.string().nullable(),
  /** How often it was tried, a try under way included. */
  attempts: z.number().int().nonnegative(),
  /** Why the newest try that ended did not succeed, scrubbed. */
  last_error: z.string().nullable(),
  created_at: timestamp,
  expires_at: timestamp,
};

const ended = { ended_at: timestamp };

/** One alert to one member over one channel, each state with what is true in it. */
export const alertDelivery = z.discriminatedUnion("state", [
  z.object({
    ...delivery,
    state: z.literal("queued"),
    /** When it is tried next; while a try is under way, when that one counts as lost. */
    next_at: timestamp,
    under_way: z.boolean(),
  }),
  z.object({ ...delivery, state: z.literal("sent"), ...ended }),
  z.object({ ...delivery, state: z.literal("failed"), ...ended }),
  /** Nobody needed to hear it any more: decided meanwhile, or the member or browser is gone. */
  z.object({ ...delivery, state: z.literal("skipped"), ...ended }),
]);

export type AlertDelivery = z.infer<typeof alertDelivery>;

export type QueuedDelivery = Extract<AlertDelivery, { state: "queued" }>;

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

/** The key by which push services know this deployment (RFC 8292); the private part sealed. */
export const pushKeyRecord = z.object({
  /** The uncompressed point, base64url: what a browser subscribes with. */
  public_key: z.string(),
  /** The private scalar, 32 bytes. */
  sealed: bytes,
  created_at: timestamp,
});

export type PushKeyRecord = z.infer<typeof pushKeyRecord>;

/** One browser of a person that takes pushes. */
export const pushSubscriptionRecord = z.object({
  /** Made of the endpoint: a browser that subscribes again is the same one. */
  id: z.string(),
  account: z.string(),
  endpoint: z.string(),
  /** The browser's key and secret (RFC 8291), base64url. */
  p256dh: z.string(),
  auth: z.string(),
  user_agent: z.string().nullable(),
  created_at: timestamp,
});

export type PushSubscriptionRecord = z.infer<typeof pushSubscriptionRecord>;

/** Whose a browser is: the person who subscribed it last. */
export const pushEndpointRecord = z.object({ account: z.string() });

/** What a member tries Countersign out with, before an agent of their own is connected. */
export const sampleRecord = z.object({
  /** The agents that asked, the one in use last: others were removed since. */
  agents: z.array(z.string()).min(1),
  /** How many requests were sent; each is for another action by its number. */
  number: z.number().int().nonnegative(),
  /** The newest request; null until there is one. */
  approval: z.string().nullable(),
});

export type SampleRecord = z.infer<typeof sampleRecord>;
