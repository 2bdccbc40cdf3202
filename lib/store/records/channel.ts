import { z } from "zod";
import { endpointFields, SCOPES } from "./endpoint.ts";

/** Records of where teams are told of requests. What a channel is reached by lies apart, sealed. */

export const PAGERDUTY_REGIONS = ["us", "eu"] as const;

/** What a channel of each kind is, besides its secret. */
export const channelSettings = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("slack") }),
  z.object({
    kind: z.literal("pagerduty"),
    /** In whose name incidents are opened: PagerDuty asks for a member of that account. */
    from: z.string(),
    service_id: z.string(),
    region: z.enum(PAGERDUTY_REGIONS),
  }),
  z.object({ kind: z.literal("pagerduty_events"), region: z.enum(PAGERDUTY_REGIONS) }),
  z.object({ kind: z.literal("teams") }),
  z.object({ kind: z.literal("discord") }),
  z.object({ kind: z.literal("mattermost") }),
  z.object({ kind: z.literal("ntfy"), url: z.string(), topic: z.string() }),
  z.object({ kind: z.literal("gotify"), url: z.string() }),
  z.object({ kind: z.literal("telegram"), chat_id: z.string() }),
]);

export type ChannelSettings = z.infer<typeof channelSettings>;

export type ChannelKind = ChannelSettings["kind"];

/** Where a team is told of requests: an endpoint of a provider's, and what it is told of. */
export const channelRecord = z.object({
  ...endpointFields,
  name: z.string(),
  settings: channelSettings,
  scope: z.enum(SCOPES),
});

export type ChannelRecord = z.infer<typeof channelRecord>;

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

/** What a channel is reached by, sealed: an address, a key or a token. */
export const channelSecretRecord = z.object({ sealed: bytes });

/** That a member went to Slack for a channel, and for what; whoever comes back shows the state. */
export const slackStateRecord = z.object({
  /** The session that went there. */
  session: z.string(),
  scope: z.enum(SCOPES),
  ends_at: z.number().int().nonnegative(),
});

export type SlackStateRecord = z.infer<typeof slackStateRecord>;
