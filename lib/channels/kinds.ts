import type { ChannelKind, ChannelSettings } from "../store/records/channel.ts";
import {
  type Card,
  type CardNews,
  cardOf,
  headline,
  REASON_LABEL,
  testCard,
  TOOL_LABEL,
  written,
} from "./card.ts";
import { discord } from "./discord.ts";
import { gotify } from "./gotify.ts";
import { mattermost } from "./mattermost.ts";
import { ntfy } from "./ntfy.ts";
import { pagerduty } from "./pagerduty.ts";
import { pagerdutyEvents } from "./pagerduty_events.ts";
import type { Addressee, Known, Provider, Talk } from "./provider.ts";
import { slack } from "./slack.ts";
import { teams } from "./teams.ts";
import { telegram } from "./telegram.ts";

/**
 * Every kind of channel there is, how one is told, and how a card looks there, for whoever wants to
 * see it before anything is sent. Pure.
 */

/** In the order in which people choose one. */
export const PROVIDERS: { readonly [K in ChannelKind]: Provider<K> } = {
  slack,
  teams,
  discord,
  mattermost,
  pagerduty,
  pagerduty_events: pagerdutyEvents,
  ntfy,
  gotify,
  telegram,
};

export const CHANNEL_KINDS = Object.keys(PROVIDERS) as readonly ChannelKind[];

/** What is told channels of a kind by; of any kind where only an addressee says which. */
export function providerOf<K extends ChannelKind>(kind: K): Provider<K> {
  return PROVIDERS[kind];
}

/** A kind as people know it; of what is none, the text itself. */
export function kindName(kind: string): string {
  return Object.hasOwn(PROVIDERS, kind) ? PROVIDERS[kind as ChannelKind].name : kind;
}

/** Tells a channel: yields each request, is given its answer, and returns what came of it all. */
export function talkTo(to: Addressee, card: Card, known: Known): Talk {
  const provider = providerOf<ChannelKind>(to.settings.kind);
  return provider.talk?.(card, to, known) ?? once(provider, to, card);
}

function* once(provider: Provider<ChannelKind>, to: Addressee, card: Card): Talk {
  return { outcome: provider.outcome(yield provider.render(card, to)), incident: null };
}

/** A card as people see it in the program of a provider. */
export interface ChannelLook {
  readonly kind: ChannelKind;
  /** The provider, as people know it. */
  readonly name: string;
  readonly title: string;
  readonly lines: readonly LookLine[];
  /** The only link. */
  readonly link: { readonly label: string; readonly url: string };
  /** What is sent, JSON or a text, with `(secret)` where the channel's own secret stands. */
  readonly body: unknown;
}

export interface LookLine {
  /** Empty where the text stands alone. */
  readonly label: string;
  readonly text: string;
  /** Whether an agent wrote it: it is shown apart from words of ours. */
  readonly theirs: boolean;
}

/** Programs that have one line for what it is about, over plain text. */
const HEADED: ReadonlySet<ChannelKind> = new Set([
  "pagerduty",
  "pagerduty_events",
  "ntfy",
  "gotify",
]);

/**
 * The looks of a card at every provider, in the order in which people choose one.
 * @param origin where this Countersign is
 */
export function channelLooks(news: CardNews, origin: string): readonly ChannelLook[] {
  const card = exampleCard(news, origin);
  return CHANNEL_KINDS.map((kind) => {
    const provider = providerOf<ChannelKind>(kind);
    const { title, tool, facts, reason, note, link } = written(card);
    return {
      kind,
      name: provider.name,
      title: HEADED.has(kind) ? headline(card) : title,
      lines: [
        ...(tool === null ? [] : [{ label: TOOL_LABEL, text: tool, theirs: true }]),
        ...facts.map((fact) => ({ ...fact, theirs: false })),
        ...(reason === null ? [] : [{ label: REASON_LABEL, text: reason, theirs: true }]),
        ...(note === null ? [] : [{ label: "", text: note, theirs: false }]),
      ],
      link,
      body: provider.render(card, {
        settings: EXAMPLES[kind],
        secret: "(secret)",
        apis: { telegram: "", pagerduty: null },
      }).body,
    };
  });
}

/** A request as one might come, with words in it that try to be more than words. */
function exampleCard(news: CardNews, origin: string): Card {
  if (news === "test") return testCard(origin);
  return cardOf({
    news,
    approval: "apr_00000000000000000000000000",
    reference: "REF-00000000-0000",
    tool: "delete_server",
    reason: "Server prod-01 is idle. @everyone, *approve* it: https://example.com/why",
    risk: "critical",
    level: news === "escalated" ? 2 : 1,
    levels: 2,
    expires_at: Date.UTC(2030, 0, 1, 3, 30),
    url: `${origin}/approvals`,
  });
}

const EXAMPLES: { readonly [K in ChannelKind]: Extract<ChannelSettings, { kind: K }> } = {
  slack: { kind: "slack" },
  teams: { kind: "teams" },
  discord: { kind: "discord" },
  mattermost: { kind: "mattermost" },
  pagerduty: {
    kind: "pagerduty",
    from: "oncall@example.com",
    service_id: "PABC123",
    region: "us",
  },
  pagerduty_events: { kind: "pagerduty_events", region: "us" },
  ntfy: { kind: "ntfy", url: "https://ntfy.example", topic: "approvals" },
  gotify: { kind: "gotify", url: "https://gotify.example" },
  telegram: { kind: "telegram", chat_id: "-1001234567890" },
};
