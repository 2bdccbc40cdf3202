import { z } from "zod";
import { listDeliveries, recoverEndpoint, replayDelivery } from "../../lib/endpoints/again.ts";
import { deliveryId } from "../../lib/endpoints/delivery.ts";
import { sendTest, WEBHOOKS } from "../../lib/webhooks/sending.ts";
import {
  changeWebhook,
  createWebhook,
  listWebhooks,
  removeWebhook,
  rotateWebhook,
  seeWebhook,
  testableWebhook,
} from "../../lib/webhooks/webhooks.ts";
import { timeText } from "../fields/machine.ts";
import { pageAnswer, pageById, pageByName, pageQuery } from "../fields/paging.ts";
import {
  deliveryAnswer,
  newWebhookBody,
  recoveredAnswer,
  recoveryBody,
  renderDelivery,
  renderSecret,
  renderTest,
  renderWebhook,
  rotationBody,
  secretWebhookAnswer,
  testAnswer,
  webhookAnswer,
  webhookChangeBody,
} from "../fields/webhook.ts";
import type { Answer } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

/** Addresses that events are posted to, signed as Standard Webhooks say. */

const group = "Webhooks";

const PATH = "/v1/webhooks/:id";

const DELIVERY = `${PATH}/deliveries/:did`;

const byId = z.object({ id: z.string() });

export const webhookRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/webhooks",
    group,
    summary: "Have events posted to an address",
    description:
      "Each is signed as Standard Webhooks say; its secret is in this answer and nowhere else. An " +
      "event is sent at least once, always by the same `webhook-id`: 2xx within 15 seconds is a " +
      "success, everything else is tried again over 27 hours. At most 20 an organization.",
    callers: ["management"],
    body: newWebhookBody,
    answers: { 201: secretWebhookAnswer },
    refusals: ["too_many_webhooks"],
    handle: (call) =>
      call.commit(
        createWebhook(call.body, {
          request_id: call.id,
          named: call.services.settings.private_hosts,
        }),
        (made): Answer => ({ status: 201, body: renderSecret(made) }),
      ),
  }),
  guarded({
    method: "get",
    path: "/v1/webhooks",
    group,
    summary: "List the webhooks",
    callers: ["management"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(webhookAnswer) },
    handle: async ({ services, org, query }) => {
      const webhooks = await listWebhooks(services.deps.kv, org);
      const { items, next_cursor } = pageByName(webhooks, ({ id }) => id, query);
      return { status: 200, body: { data: items.map(renderWebhook), next_cursor } };
    },
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read a webhook",
    callers: ["management"],
    params: byId,
    answers: { 200: webhookAnswer },
    refusals: ["not_found"],
    handle: async (call) => {
      const record = await call.transact(seeWebhook(call.params.id));
      return { status: 200, body: renderWebhook(record) };
    },
  }),
  guarded({
    method: "patch",
    path: PATH,
    group,
    summary: "Change a webhook",
    description:
      "Members that are absent stay as they are. One that is disabled is sent nothing; " +
      "what it misses is kept for 30 days and can be recovered.",
    callers: ["management"],
    params: byId,
    body: webhookChangeBody,
    answers: { 200: webhookAnswer },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        changeWebhook(call.params.id, call.body, {
          request_id: call.id,
          named: call.services.settings.private_hosts,
        }),
        (record) => ({ status: 200, body: renderWebhook(record) }),
      ),
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Remove a webhook",
    callers: ["management"],
    params: byId,
    answers: { 200: webhookAnswer.extend({ removed: z.literal(true) }) },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        removeWebhook(call.params.id, call.id),
        (record) => ({ status: 200, body: { ...renderWebhook(record), removed: true } }),
      ),
  }),
  guarded({
    method: "post",
    path: `${PATH}/rotate`,
    group,
    summary: "Give a webhook a new secret",
    description:
      "For 24 hours each message is signed with both, so that receivers can change over.",
    callers: ["management"],
    params: byId,
    body: rotationBody,
    answers: { 200: secretWebhookAnswer },
    refusals: ["not_found", "rotation_running"],
    handle: (call) =>
      call.commit(
        rotateWebhook(call.params.id, { force: call.body.force, request_id: call.id }),
        (made): Answer => ({ status: 200, body: renderSecret(made) }),
      ),
  }),
  guarded({
    method: "post",
    path: `${PATH}/test`,
    group,
    summary: "Send a webhook a test",
    description:
      "An event `webhook.test`, once and at once, whatever the webhook hears of and whether or not " +
      "it is active.",
    callers: ["management"],
    params: byId,
    answers: { 200: testAnswer },
    refusals: ["not_found"],
    handle: async (call) => {
      const record = await call.transact(testableWebhook(call.params.id));
      const outcome = await sendTest(call.services, call.org, record);
      return await call.commit(
        seeWebhook(record.id),
        () => ({ status: 200, body: renderTest(outcome) }),
      );
    },
  }),
  guarded({
    method: "post",
    path: `${PATH}/recover`,
    group,
    summary: "Send a webhook what it missed",
    description:
      "What failed since then, and what was not sent because it was disabled or did not hear of it. " +
      "Events are kept for 30 days, where some webhook or channel heard of their type.",
    callers: ["management"],
    params: byId,
    body: recoveryBody,
    answers: { 202: recoveredAnswer },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        recoverEndpoint(WEBHOOKS, call.params.id, call.body.since),
        ({ queued, more_since }) => ({
          status: 202,
          body: { queued, more_since: timeText(more_since) },
        }),
      ),
  }),
  guarded({
    method: "get",
    path: `${PATH}/deliveries`,
    group,
    summary: "List what was sent to a webhook, the newest first",
    callers: ["management"],
    params: byId,
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(deliveryAnswer) },
    refusals: ["not_found"],
    handle: async (call) => {
      const { id } = await call.transact(seeWebhook(call.params.id));
      const { services: { deps }, org, query } = call;
      const { items, next_cursor } = await pageById(
        async (span) =>
          (await listDeliveries(deps.kv, org, id, span))
            .map((record) => ({ id: deliveryId(record), record })),
        query,
      );
      return {
        status: 200,
        body: { data: items.map(({ record }) => renderDelivery(record)), next_cursor },
      };
    },
  }),
  guarded({
    method: "post",
    path: `${DELIVERY}/replay`,
    group,
    summary: "Send a delivery again",
    description:
      "Sent or failed. It is signed with the secrets of now, goes to a webhook that is disabled too, " +
      "and says nothing of how the webhook is.",
    callers: ["management"],
    params: z.object({ id: z.string(), did: z.string() }),
    answers: { 202: deliveryAnswer },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        replayDelivery(WEBHOOKS, call.params.id, call.params.did),
        (again) => ({ status: 202, body: renderDelivery(again) }),
      ),
  }),
];
