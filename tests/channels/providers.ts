import type { Card, CardNews } from "../../lib/channels/card.ts";
import { cardOf, testCard } from "../../lib/channels/card.ts";
import type { HostFetch } from "../../lib/deps.ts";
import { talkTo } from "../../lib/channels/kinds.ts";
import type {
  Addressee,
  ChannelAnswer,
  ChannelRequest,
  Known,
  Talked,
} from "../../lib/channels/provider.ts";
import type { ChannelKind, ChannelSettings } from "../../lib/store/records/channel.ts";

/** Providers of channels as their documentation says they behave, without a network. */

export const ALL_NEWS: readonly CardNews[] = [
  "requested",
  "escalated",
  "approved",
  "denied",
  "expired",
  "cancelled",
  "revoked",
  "test",
];

const SETTINGS: { readonly [K in ChannelKind]: Extract<ChannelSettings, { kind: K }> } = {
  slack: { kind: "slack" },
  teams: { kind: "teams" },
  discord: { kind: "discord" },
  mattermost: { kind: "mattermost" },
  pagerduty: { kind: "pagerduty", from: "oncall@example.com", service_id: "PSVC1", region: "us" },
  pagerduty_events: { kind: "pagerduty_events", region: "us" },
  ntfy: { kind: "ntfy", url: "https://ntfy.example", topic: "approvals" },
  gotify: { kind: "gotify", url: "https://gotify.example/push/" },
  telegram: { kind: "telegram", chat_id: "-100123" },
};

/** Kinds whose secret is the whole address. */
const BY_ADDRESS: ReadonlySet<ChannelKind> = new Set(["slack", "teams", "discord", "mattermost"]);

export const SECRET = "S3CR3T-0f-this-channel";

export function addressee(kind: ChannelKind, settings: object = {}): Addressee {
  return {
    settings: { ...SETTINGS[kind], ...settings },
    secret: BY_ADDRESS.has(kind) ? `https://hooks.example/${SECRET}` : SECRET,
    apis: { telegram: "https://api.telegram.org", pagerduty: null },
  };
}

export const REQUEST_URL = "https://countersign.example/approvals/apr_1";

export function card(news: CardNews, facts: Partial<Card> = {}): Card {
  if (news === "test") return testCard("https://countersign.example/notifications");
  return cardOf({
    news,
    approval: "apr_1",
    reference: "REF-ABCD1234-EF56",
    tool: "delete_server",
    reason: "it is old",
    risk: "high",
    level: news === "escalated" ? 2 : 1,
    levels: 2,
    expires_at: Date.UTC(2026, 0, 1, 1),
    url: REQUEST_URL,
    ...facts,
  });
}

export const answer = (
  status: number,
  body: unknown = "",
  headers: Record<string, string> = {},
): ChannelAnswer => ({
  status,
  wait_ms: Number(headers["retry-after"] ?? 0) * 1000,
  text: typeof body === "string" ? body : JSON.stringify(body),
});

/** What answers a request. */
export type StandIn = (request: ChannelRequest) => ChannelAnswer;

export const NEW: Known = { incident: null, tried: false };

/** Tells a card to a provider. */
export function told(
  to: Addressee,
  given: Card,
  provider: StandIn,
  known: Known = NEW,
): Talked & { readonly requests: readonly ChannelRequest[] } {
  const talk = talkTo(to, given, known);
  const requests: ChannelRequest[] = [];
  let step = talk.next();
  while (step.done !== true) {
    requests.push(step.value);
    step = talk.next(provider(step.value));
  }
  return { ...step.value, requests };
}

export interface Incident {
  readonly id: string;
  readonly key: string;
  readonly title: string;
  readonly urgency: string;
  status: "triggered" | "resolved";
}

/** PagerDuty's REST API: incidents of one service. */
export class PagerDutyService {
  readonly incidents: Incident[] = [];

  readonly answer: StandIn = ({ method, url, headers, body }) => {
    const { pathname, searchParams } = new URL(url);
    if (headers["authorization"] !== `Token token=${SECRET}`) {
      return answer(401, { error: { message: "Unauthorized", code: 2006 } });
    }
    const given = (body as { incident?: Record<string, string> } | null)?.incident ?? {};
    if (method === "POST" && pathname === "/incidents") return this.#open(given);
    if (method === "GET" && pathname === "/incidents") {
      const key = searchParams.get("incident_key");
      const found = this.incidents.filter((one) => one.key === key);
      return answer(200, { incidents: found.map((one) => ({ ...one, incident_key: one.key })) });
    }
    const incident = this.incidents.find(({ id }) => pathname === `/incidents/${id}`);
    if (method !== "PUT" || incident === undefined) {
      return answer(404, { error: { message: "Not Found", code: 2100 } });
    }
    if (incident.status === "resolved") {
      const error = { message: "Arguments Caused Error", code: 2001 };
      return answer(400, { error: { ...error, errors: ["Incident Already Resolved"] } });
    }
    incident.status = "resolved";
    return answer(200, { incident });
  };

  #open(given: Record<string, string>): ChannelAnswer {
    const { incident_key: key = "", title = "", urgency = "default" } = given;
    if (this.incidents.some((one) => one.key === key && one.status === "triggered")) {
      const errors = ["Open incident with matching dedup key already exists on this service"];
      return answer(400, { error: { message: "Arguments Caused Error", code: 2002, errors } });
    }
    const id = `P${this.incidents.length + 1}`;
    const incident: Incident = { id, key, title, urgency, status: "triggered" };
    this.incidents.push(incident);
    return answer(201, { incident });
  }
}

/** Every text within a value, wherever it stands, names aside. */
export function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}

/** The providers of all kinds as a network: by the host of each address what stands in for it. */
export class Providers {
  readonly received: (ChannelRequest & { readonly host: string })[] = [];
  readonly pagerduty = new PagerDutyService();
  /** By host; what is not named answers as a provider does that took it. */
  readonly by: Record<string, StandIn> = {};

  readonly fetch: HostFetch = ({ url, method, headers = {}, body }) => {
    const { host } = new URL(url);
    const text = new TextDecoder().decode(body);
    const sent = body === undefined ? null : host.startsWith("ntfy.") ? text : JSON.parse(text);
    const request = { method: method as ChannelRequest["method"], url, headers, body: sent };
    this.received.push({ ...request, host });
    const { status, wait_ms, text: said } = (this.by[host] ?? this.#taken)(request);
    const after = wait_ms === 0 ? {} : { "retry-after": String(wait_ms / 1000) };
    const answered = new Response(said).body;
    return Promise.resolve({ status, headers: new Headers(after), body: answered });
  };

  /** What was received since the last time. */
  taken() {
    return this.received.splice(0);
  }

  readonly #taken: StandIn = (request) => {
    switch (new URL(request.url).host) {
      case "api.pagerduty.com":
        return this.pagerduty.answer(request);
      case "api.telegram.org":
        return answer(200, { ok: true, result: {} });
      default:
        return answer(200, "ok");
    }
  };
}
