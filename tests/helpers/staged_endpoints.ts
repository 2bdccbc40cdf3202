import { CHANNELS } from "../../lib/channels/sending.ts";
import { DELIVERY_KEPT_MS, deliveryId, storeDelivery } from "../../lib/endpoints/delivery.ts";
import type { ChannelRecord } from "../../lib/store/records/channel.ts";
import type { WebhookRecord } from "../../lib/store/records/endpoint.ts";
import { WEBHOOKS } from "../../lib/webhooks/sending.ts";
import { MOST_WEBHOOKS } from "../../lib/webhooks/webhooks.ts";
import type { TestOrg } from "./countersign.ts";

/**
 * Webhooks and channels for pages to show, of which the first of each fails, with what was sent to
 * it. Nothing is told to them.
 * @returns paths of pages about one, by the path of the page as the manifest has it
 */
export async function stageEndpoints(
  org: TestOrg,
  state: "one" | "many" | "long" | "arabic",
  { name, title, description }: {
    readonly name: (noun: string, n: number) => string;
    readonly title: (noun: string, n: number) => string;
    readonly description: string;
  },
): Promise<Readonly<Record<string, string>>> {
  const count = state === "many" ? MOST_WEBHOOKS : 1;
  const path = state === "long" ? "x".repeat(300) : "countersign";
  return await org.transact((transaction) => {
    const { now } = transaction;
    const health = (n: number) => ({
      status: n === 1 ? "disabled" as const : "active" as const,
      disabled_why: n === 1 ? "gone" as const : null,
      last_success_at: n === 2 ? null : now - 90_000_000,
      failing_since: n === 0 ? now - 3 * 3_600_000 : null,
      failures: n === 0 ? 4 : 0,
      created_at: transaction.at,
    });
    const numbers = Array.from({ length: count }, (_, n) => n);
    const webhooks = numbers.map((n): WebhookRecord => ({
      ...health(n),
      id: transaction.id("whk"),
      url: `https://hooks-${n}.example.com/${path}`,
      description: description.slice(0, 200),
      events: ["approval.created", "approval.decided", "kill_switch.changed"],
      rotating_until: n === 0 ? now + 3_600_000 : null,
    }));
    const channels = numbers.map((n): ChannelRecord => ({
      ...health(n),
      id: transaction.id("chn"),
      name: title("channel", n),
      events: ["approval.created", "approval.expired"],
      scope: "level_1",
      settings: {
        kind: "pagerduty",
        from: `${name("oncall", n).slice(0, 60)}@example.com`,
        service_id: "PABC123",
        region: "eu",
      },
    }));
    for (const webhook of webhooks) WEBHOOKS.store(transaction, webhook);
    for (const channel of channels) CHANNELS.store(transaction, channel);
    const events = Array.from({ length: state === "many" ? 60 : 3 }, () => transaction.id("evt"));
    const first = { webhook: webhooks[0]?.id ?? "", channel: channels[0]?.id ?? "" };
    for (const kind of ["webhook", "channel"] as const) {
      for (const [n, event] of events.entries()) {
        const error = n % 3 === 0 ? null : `It answered 503: ${description}`.slice(0, 200);
        const at = now - (events.length - n) * 60_000;
        storeDelivery(transaction, {
          target: { kind, id: first[kind] },
          event,
          type: "approval.created",
          replay: false,
          tries: error === null ? 1 : 8,
          attempts: [{ at, status: error === null ? 204 : 503, error }],
          created_at: at,
          expires_at: at + DELIVERY_KEPT_MS,
          state: error === null ? "sent" : "failed",
          ended_at: at,
        });
      }
    }
    const { webhook, channel } = first;
    const delivery = deliveryId({ event: events[1] ?? "" });
    return {
      "/notifications/channels/:id": `/notifications/channels/${channel}`,
      "/notifications/channels/:id/deliveries/:delivery":
        `/notifications/channels/${channel}/deliveries/${delivery}`,
      "/notifications/webhooks/:id": `/notifications/webhooks/${webhook}`,
      "/notifications/webhooks/:id/deliveries/:delivery":
        `/notifications/webhooks/${webhook}/deliveries/${delivery}`,
    };
  });
}
