import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { externalIdProblem } from "../../lib/base/text.ts";
import {
  changeChannel,
  type ChannelWrite,
  createChannel,
  listChannels,
  readChannel,
  removeChannel,
  testChannel,
} from "../../lib/channels/channels.ts";
import { CHANNEL_FIELDS, type GivenFields } from "../../lib/channels/given.ts";
import { CHANNEL_KINDS } from "../../lib/channels/kinds.ts";
import { type ChannelRecord, PAGERDUTY_REGIONS } from "../../lib/store/records/channel.ts";
import { SCOPES } from "../../lib/store/records/endpoint.ts";
import { APPROVAL_EVENTS, DISABLED_WHY } from "../../lib/store/records/event.ts";
import { ruled } from "../fields/action.ts";
import { timeText } from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import type { Answer } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

const name = ruled(
  z.string().min(1, "must not be empty").max(100, "has at most 100 characters"),
  externalIdProblem,
).describe("What people call it");

const secret = z.string().describe(
  "Written only, and in no answer: of slack, teams, discord and mattermost the address of a " +
    "webhook; of pagerduty an API key, of pagerduty_events a routing key; of gotify and telegram a " +
    "token; of ntfy a token, where its topic needs one",
);

const events = z.array(z.enum(APPROVAL_EVENTS)).min(1, "names no event")
  .refine((types) => new Set(types).size === types.length, "names an event twice")
  .describe("What it is told of");

const scope = z.enum(SCOPES).describe(
  "Of which requests: of all, or of what happens at one level of approval",
);

const text = z.string().max(2048, "has at most 2048 characters");

/** What kinds ask for besides. */
const kindFields = {
  from: text.describe("pagerduty: the e-mail address of the user that opens incidents")
    .exactOptional(),
  service_id: text.describe("pagerduty: the service that has the incidents").exactOptional(),
  region: z.enum(PAGERDUTY_REGIONS)
    .describe("pagerduty, pagerduty_events: where the account is; us when absent").exactOptional(),
  url: text.describe("ntfy, gotify: the address of the server").exactOptional(),
  topic: text.describe("ntfy: the topic").exactOptional(),
  chat_id: z.union([text, z.int().transform(String)])
    .describe("telegram: the number of the chat, or the @name of a public channel")
    .exactOptional(),
};

const newChannel = z.strictObject({
  name,
  kind: z.enum(CHANNEL_KINDS),
  secret: secret.default(""),
  events: events.default([...APPROVAL_EVENTS]),
  scope: scope.default("team"),
  ...kindFields,
});

const channelChange = z.strictObject({
  name: name.exactOptional(),
  secret: secret.exactOptional(),
  events: events.exactOptional(),
  scope: scope.exactOptional(),
  status: z.enum(["active", "disabled"]).exactOptional(),
  ...kindFields,
});

const channel = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(CHANNEL_KINDS),
  events: z.array(z.enum(APPROVAL_EVENTS)),
  scope,
  status: z.enum(["active", "disabled"]),
  disabled_why: z.enum(DISABLED_WHY).nullable()
    .describe("Why nothing is sent any more; null where a member said so, and while it is active"),
  last_success_at: z.iso.datetime().nullable().describe("To the minute"),
  failing_since: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
  ...Object.fromEntries(CHANNEL_FIELDS.map((field) => [field, z.string().optional()])),
});

const byId = z.object({ id: z.string() });

function renderChannel(record: ChannelRecord): JsonObject {
  return {
    id: record.id,
    name: record.name,
    ...record.settings,
    events: [...record.events],
    scope: record.scope,
    status: record.status,
    disabled_why: record.disabled_why,
    last_success_at: timeText(record.last_success_at),
    failing_since: timeText(record.failing_since),
    created_at: timeText(record.created_at),
  };
}

/** What kinds ask for besides, of a body; undefined where it has none of it. */
function fieldsIn(body: GivenFields): GivenFields | undefined {
  const given = CHANNEL_FIELDS.filter((field) => body[field] !== undefined);
  return given.length === 0
    ? undefined
    : Object.fromEntries(given.map((field) => [field, body[field]]));
}

function writeBy(
  { id, services }: {
    readonly id: string;
    readonly services: {
      readonly settings: { readonly private_hosts: ChannelWrite["named"] };
    };
  },
): ChannelWrite {
  return { request_id: id, named: services.settings.private_hosts };
}

export const channelRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/channels",
    group: "Notifications",
    summary: "Make a channel",
    description:
      "Where a team is told of requests; at most 20 an organization. Which fields a kind " +
      "asks for stands at each; one that it does not have is refused.",
    callers: ["management"],
    body: newChannel,
    answers: { 201: channel },
    refusals: ["too_many_channels"],
    handle: (call) => {
      const { name, kind, secret, events, scope, ...rest } = call.body;
      const asked = { name, kind, secret, events, scope, fields: fieldsIn(rest) ?? {} };
      return call.commit(
        createChannel(asked, writeBy(call)),
        (record): Answer => ({ status: 201, body: renderChannel(record) }),
      );
    },
  }),
  guarded({
    method: "get",
    path: "/v1/channels",
    group: "Notifications",
    summary: "List the channels",
    callers: ["management"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(channel) },
    handle: async (call) => {
      const records = await listChannels(call.services.deps.kv, call.org);
      const { items, next_cursor } = pageByName(records, ({ id }) => id, call.query);
      return { status: 200, body: { data: items.map(renderChannel), next_cursor } };
    },
  }),
  guarded({
    method: "get",
    path: "/v1/channels/:id",
    group: "Notifications",
    summary: "Read a channel",
    callers: ["management"],
    params: byId,
    answers: { 200: channel },
    refusals: ["not_found"],
    handle: async (call) => ({
      status: 200,
      body: renderChannel(await call.transact(readChannel(call.params.id))),
    }),
  }),
  guarded({
    method: "patch",
    path: "/v1/channels/:id",
    group: "Notifications",
    summary: "Change a channel",
    description:
      "Members that are absent stay as they are, and its kind always does; with another `url` its secret " +
      "is given again, as it does not go along. One that is set active again counts as sound.",
    callers: ["management"],
    params: byId,
    body: channelChange,
    answers: { 200: channel },
    refusals: ["not_found"],
    handle: (call) => {
      const { name, secret, events, scope, status, ...rest } = call.body;
      const fields = fieldsIn(rest);
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(secret === undefined ? {} : { secret }),
        ...(events === undefined ? {} : { events }),
        ...(scope === undefined ? {} : { scope }),
        ...(status === undefined ? {} : { status }),
        ...(fields === undefined ? {} : { fields }),
      };
      return call.commit(
        changeChannel(call.params.id, change, writeBy(call)),
        (record): Answer => ({ status: 200, body: renderChannel(record) }),
      );
    },
  }),
  guarded({
    method: "delete",
    path: "/v1/channels/:id",
    group: "Notifications",
    summary: "Remove a channel",
    callers: ["management"],
    params: byId,
    answers: { 200: channel.extend({ removed: z.literal(true) }) },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        removeChannel(call.params.id, call.id),
        (record): Answer => ({ status: 200, body: { ...renderChannel(record), removed: true } }),
      ),
  }),
  guarded({
    method: "post",
    path: "/v1/channels/:id/test",
    group: "Notifications",
    summary: "Try a channel",
    description: "Tells it a test, also while it is disabled, and waits for what comes of it. " +
      "Neither its state nor its record of failures changes by it.",
    callers: ["management"],
    params: byId,
    answers: {
      200: z.object({
        outcome: z.enum(["sent", "failed"]),
        status: z.int().optional().describe("What its provider answered; absent where it did not"),
        answer: z.string().optional()
          .describe("Why it failed, scrubbed, at most 256 characters; untrusted"),
      }),
    },
    refusals: ["not_found", "rate_limited"],
    handle: async (call) => {
      const record = await call.transact(readChannel(call.params.id));
      const { outcome, status, answer } = await testChannel(call.services, call.org, record);
      return {
        status: 200,
        body: {
          outcome,
          ...(status === null ? {} : { status }),
          ...(answer === null ? {} : { answer }),
        },
      };
    },
  }),
];
