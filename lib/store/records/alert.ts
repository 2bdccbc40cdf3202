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
