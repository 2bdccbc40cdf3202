import { type JsonValue, memberOf } from "../base/json.ts";
import { type Card, cutTo, headline, plainLines, waits, written } from "./card.ts";
import {
  type Addressee,
  byStatus,
  type ChannelAnswer,
  type ChannelOutcome,
  type ChannelRequest,
  jsonIn,
  jsonRequest,
  type Known,
  type Provider,
  said,
  SENT,
  type Talk,
  type Talked,
  textAt,
} from "./provider.ts";

/**
 * PagerDuty, by its REST API. A request is one incident, whose key is made of the request's id and of
 * nothing that changes: so it is opened once, found again, and resolved by the id that it was given.
 */

const APIS = { us: "https://api.pagerduty.com", eu: "https://api.eu.pagerduty.com" } as const;

const TITLE = 255;

type To = Addressee<"pagerduty">;

/** The key of a request's incident. Another one is opened when nobody decided in time. */
export function incidentKey({ approval, news }: Pick<Card, "approval" | "news">): string {
  return `countersign:${approval}${news === "expired" ? ":expired" : ""}`;
}

export const pagerduty: Provider<"pagerduty"> = {
  name: "PagerDuty",

  /** An incident is opened. */
  render(card, to) {
    const words = written(card);
    const urgency = card.news === "expired" ? "high" : card.news === "test" ? "low" : null;
    return asked(to, "POST", "/incidents", {
      incident: {
        type: "incident",
        title: cutTo(headline(card), TITLE),
        service: { id: to.settings.service_id, type: "service_reference" },
        incident_key: incidentKey(card),
        ...(urgency === null ? {} : { urgency }),
        body: {
          type: "incident_body",
          details: [...plainLines(words), "", `${words.link.label}: ${words.link.url}`].join("\n"),
        },
      },
    });
  },

  outcome(answer) {
    return byStatus("PagerDuty", answer, errorsIn(answer) || said(answer));
  },

  *talk(card, to, known): Talk {
    if (waits(card)) return yield* opened(card, to, known);
    if (card.news === "expired") {
      const { outcome } = yield* opened(card, to, { ...known, incident: null });
      // The request's incident stays the first one, which asks for what nobody can decide any more.
      const { incident } = known;
      if (outcome.type !== "sent" || incident === null) return { outcome, incident };
      return yield* resolved(to, incident);
    }
    if (card.news === "test") {
      const told = yield* opened(card, to, known);
      if (told.outcome.type !== "sent" || told.incident === null) return told;
      return yield* resolved(to, told.incident);
    }
    if (known.incident !== null) return yield* resolved(to, known.incident);
    const found = yield* search(incidentKey(card), to);
    if (found.outcome.type !== "sent" || found.incident === null) return found;
    return yield* resolved(to, found.incident);
  },
};

/** Opens the incident of a card, unless it was opened before. */
function* opened(card: Card, to: To, known: Known): Talk {
  if (known.incident !== null) return { outcome: SENT, incident: known.incident };
  if (known.tried) {
    // Also one that somebody resolved there meanwhile: it was seen.
    const found = yield* search(incidentKey(card), to);
    if (found.outcome.type !== "sent" || found.incident !== null) return found;
  }
  const answer = yield pagerduty.render(card, to);
  if (isDuplicate(answer)) return yield* search(incidentKey(card), to);
  const outcome = pagerduty.outcome(answer);
  return { outcome, incident: outcome.type === "sent" ? idIn(jsonIn(answer), "incident") : null };
}

/** Looks for an incident by its key; `sent` where the question was answered, null for none. */
function* search(key: string, to: To): Talk {
  const query = new URLSearchParams({
    incident_key: key,
    "service_ids[]": to.settings.service_id,
    date_range: "all",
    limit: "1",
  });
  const answer = yield asked(to, "GET", `/incidents?${query}`);
  if (answer.status === 404) return { outcome: SENT, incident: null };
  const outcome = pagerduty.outcome(answer);
  const incidents = memberOf(jsonIn(answer), "incidents");
  // Whatever it answers, no incident of another key is ever taken for this one.
  const own = (Array.isArray(incidents) ? incidents : []).find((one) =>
    (memberOf(one, "incident_key") ?? key) === key
  );
  return { outcome, incident: outcome.type === "sent" ? idOf(own) : null };
}

function* resolved(to: To, incident: string): Generator<ChannelRequest, Talked, ChannelAnswer> {
  const answer = yield asked(to, "PUT", `/incidents/${encodeURIComponent(incident)}`, {
    incident: { type: "incident_reference", status: "resolved" },
  });
  // One that is not there any more, or resolved already, is what was wanted.
  const isDone = answer.status === 404 || /already.{0,20}resolved/i.test(errorsIn(answer));
  const outcome: ChannelOutcome = isDone ? SENT : pagerduty.outcome(answer);
  return { outcome, incident };
}

function asked(
  { settings, secret, apis }: To,
  method: ChannelRequest["method"],
  path: string,
  body: unknown = null,
): ChannelRequest {
  return {
    ...jsonRequest(`${apis.pagerduty ?? APIS[settings.region]}${path}`, body, {
      accept: "application/vnd.pagerduty+json;version=2",
      authorization: `Token token=${secret}`,
      from: settings.from,
    }),
    method,
  };
}

/** Rejected because an open incident has this key. */
function isDuplicate(answer: ChannelAnswer): boolean {
  return answer.status === 400 && /matching dedup key already exists/i.test(errorsIn(answer));
}

/** What PagerDuty says is wrong, in one line. */
function errorsIn(answer: ChannelAnswer): string {
  const error = memberOf(jsonIn(answer), "error");
  const errors = memberOf(error, "errors");
  const each = Array.isArray(errors) ? errors.filter((one) => typeof one === "string") : [];
  return [textAt(error, "message"), ...each].filter((text) => text !== "").join(": ");
}

function idIn(answer: JsonValue, name: string): string | null {
  return idOf(memberOf(answer, name));
}

function idOf(incident: JsonValue | undefined): string | null {
  const id = memberOf(incident, "id");
  return typeof id === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(id) ? id : null;
}
