import { memberOf } from "../base/json.ts";
import { type Card, cutTo, headline, REASON_LABEL, TOOL_LABEL, waits, written } from "./card.ts";
import { incidentKey } from "./pagerduty.ts";
import {
  type Addressee,
  byStatus,
  jsonIn,
  jsonRequest,
  type Provider,
  said,
  type Talk,
  textAt,
} from "./provider.ts";

/**
 * PagerDuty, by its Events API v2. An event with the key of an open alert adds to that alert, so asking
 * again opens nothing; and the same key resolves it.
 */

const APIS = { us: "https://events.pagerduty.com", eu: "https://events.eu.pagerduty.com" } as const;

const SUMMARY = 1024;

type To = Addressee<"pagerduty_events">;

export const pagerdutyEvents: Provider<"pagerduty_events"> = {
  name: "PagerDuty (Events API)",

  render(card, to) {
    const opens = waits(card) || card.news === "expired" || card.news === "test";
    return opens ? trigger(card, to) : resolve(incidentKey(card), to);
  },

  outcome(answer) {
    const json = jsonIn(answer);
    const errors = memberOf(json, "errors");
    const each = Array.isArray(errors) ? errors.filter((one) => typeof one === "string") : [];
    const words = [textAt(json, "message"), ...each].filter((text) => text !== "").join(": ");
    return byStatus("PagerDuty", answer, words || said(answer));
  },

  *talk(card, to): Talk {
    const outcome = pagerdutyEvents.outcome(yield pagerdutyEvents.render(card, to));
    // What wanted a decision that nobody can take any more, and what was a test, is over.
    const over = card.news === "expired" || card.news === "test";
    if (outcome.type !== "sent" || !over) return { outcome, incident: null };
    const key = incidentKey({ ...card, news: "cancelled" });
    return { outcome: pagerdutyEvents.outcome(yield resolve(key, to)), incident: null };
  },
};

function trigger(card: Card, to: To) {
  const { facts, tool, reason, note, link } = written(card);
  return event(to, {
    event_action: "trigger",
    dedup_key: incidentKey(card),
    client: "Countersign",
    client_url: link.url,
    links: [{ href: link.url, text: link.label }],
    payload: {
      summary: cutTo(headline(card), SUMMARY),
      source: "countersign",
      severity: severity(card),
      custom_details: {
        ...(tool === null ? {} : { [TOOL_LABEL]: tool }),
        ...Object.fromEntries(facts.map(({ label, text }) => [label, text])),
        ...(reason === null ? {} : { [REASON_LABEL]: reason }),
        ...(note === null ? {} : { Note: note }),
      },
    },
  });
}

function resolve(key: string, to: To) {
  return event(to, { event_action: "resolve", dedup_key: key });
}

function event({ settings, secret, apis }: To, fields: Readonly<Record<string, unknown>>) {
  const base = apis.pagerduty ?? APIS[settings.region];
  return jsonRequest(`${base}/v2/enqueue`, { routing_key: secret, ...fields });
}

function severity({ news }: Card): "critical" | "warning" | "info" {
  return news === "expired" ? "critical" : news === "test" ? "info" : "warning";
}
