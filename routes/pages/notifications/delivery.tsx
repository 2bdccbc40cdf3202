import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { type Definition, Definitions, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { spanWords, Time } from "../../../components/time.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { visibleLine } from "../../../lib/base/text.ts";
import { readChannel } from "../../../lib/channels/channels.ts";
import { CHANNELS } from "../../../lib/channels/sending.ts";
import { replayDelivery } from "../../../lib/endpoints/again.ts";
import { eventOfDelivery } from "../../../lib/endpoints/delivery.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { readRecord } from "../../../lib/store/kv.ts";
import { deliveryKey } from "../../../lib/store/news_keys.ts";
import { type EndpointDelivery, endpointDelivery } from "../../../lib/store/records/endpoint.ts";
import { WEBHOOKS } from "../../../lib/webhooks/sending.ts";
import { seeWebhook } from "../../../lib/webhooks/webhooks.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { DeliveryState, Tries } from "./endpoint_parts.tsx";
import { EVENT_WORDS } from "./event_words.tsx";
import { hostOf } from "./webhook_parts.tsx";

const params = z.object({ id: z.string().max(64), delivery: z.string().max(64) });

type Call = MemberCall<z.output<typeof params>>;

/** Whose deliveries a page shows. */
interface Of {
  readonly path:
    | "/notifications/webhooks/:id/deliveries/:delivery"
    | "/notifications/channels/:id/deliveries/:delivery";
  readonly page: "/notifications/webhooks/:id" | "/notifications/channels/:id";
  readonly list: { readonly label: string; readonly href: string };
  /** What people call the endpoint. */
  readonly nameOf: (call: Call) => Promise<string>;
  readonly again: (call: Call) => Promise<unknown>;
}

export const webhookDeliveryPage = deliveryPage({
  path: "/notifications/webhooks/:id/deliveries/:delivery",
  page: "/notifications/webhooks/:id",
  list: { label: "Webhooks", href: "/notifications/webhooks" },
  nameOf: async (call) => hostOf(await call.transact(seeWebhook(call.params.id))),
  again: (call) => call.transact(replayDelivery(WEBHOOKS, call.params.id, call.params.delivery)),
});

export const channelDeliveryPage = deliveryPage({
  path: "/notifications/channels/:id/deliveries/:delivery",
  page: "/notifications/channels/:id",
  list: { label: "Channels", href: "/notifications/channels" },
  nameOf: async (call) => (await call.transact(readChannel(call.params.id))).name,
  again: (call) => call.transact(replayDelivery(CHANNELS, call.params.id, call.params.delivery)),
});

/** One delivery: each try, and what is next. */
function deliveryPage({ path, page, list, nameOf, again }: Of) {
  return memberPage({
    path,
    section: "notifications",
    needs: "configure",
    params,
    load: async (call: Call) => {
      const name = await nameOf(call);
      return { id: call.params.id, name, delivery: await readDelivery(call) };
    },
    title: ({ delivery }) => `Delivery of ${delivery.type}`,
    view: ({ data: { id, name, delivery }, attempt, now }) => (
      <>
        <PageHeader
          title={<code class="mono">{delivery.type}</code>}
          breadcrumb={[list, { label: visibleLine(name), href: pagePath(page, { id }) }]}
          badges={<DeliveryState delivery={delivery} />}
          actions={delivery.state !== "queued" && (
            <Form do="replay">
              <Button variant="primary" icon="repeat">Replay</Button>
            </Form>
          )}
          description={EVENT_WORDS[delivery.type]}
        />
        <FieldErrors errors={attempted(attempt, "replay").errors} />
        <Section title="Details">
          <Definitions items={facts(delivery, now)} />
        </Section>
        <Section title="Tries" description="The newest first. Each tells the same event.">
          <Tries attempts={delivery.attempts} now={now} />
        </Section>
      </>
    ),
    actions: {
      replay: action(z.strictObject({}), async (call: Call) => {
        await again(call);
        return { to: pagePath(path, call.params), notice: "It is sent once more." };
      }),
    },
  });
}

/** @throws {Refusal} not_found */
async function readDelivery({ params: { id, delivery }, org, services }: Call) {
  const event = eventOfDelivery(delivery);
  const found = event === null
    ? null
    : await readRecord(services.deps.kv, deliveryKey(org, id, event), endpointDelivery);
  if (found === null) throw new Refusal("not_found", { what: `delivery ${delivery}` });
  return found.value;
}

function facts(delivery: EndpointDelivery, now: number): Definition[] {
  const { event, created_at, expires_at } = delivery;
  const next = delivery.state === "queued"
    ? {
      term: "Next try",
      value: delivery.under_way || delivery.next_at <= now
        ? "Now"
        : `In ${spanWords(delivery.next_at - now)}`,
    }
    : { term: "Ended", value: <Time at={delivery.ended_at} now={now} /> };
  return [
    { term: "Event", value: event, mono: true },
    { term: "Queued", value: <Time at={created_at} now={now} /> },
    next,
    { term: "Kept until", value: <Time at={expires_at} now={now} /> },
  ];
}
