import { RISK_WORDS } from "../approvals/danger.ts";
import { visibleLine } from "../base/text.ts";
import type { ToolRecord } from "../store/records/policy.ts";

/**
 * What a channel is told of a request, the same for every provider: a card, made when it is sent, and
 * its words. What agents wrote stands apart from words of ours, so that each provider can show it as
 * what it is. Pure.
 */

/** What has become of a request; `test` is of none. */
export type CardNews =
  | "requested"
  | "escalated"
  | "approved"
  | "denied"
  | "expired"
  | "cancelled"
  | "revoked"
  | "test";

/** All that any provider is told. Never arguments, context, end users or credentials. */
export interface Card {
  readonly news: CardNews;
  /** What one incident is told from another by. */
  readonly approval: string;
  readonly reference: string;
  /** Agents name the tools that they discover: one line, with no link in it. */
  readonly tool: string;
  /** Scrubbed, one line of at most `MAX_REASON` characters, with no link in it. */
  readonly reason: string;
  readonly risk: ToolRecord["risk_level"];
  readonly level: 1 | 2;
  readonly levels: 1 | 2;
  /** Milliseconds. */
  readonly expires_at: number;
  /** The one link: to the request, where it is decided by whoever signs in there. */
  readonly url: string;
}

/** Most characters of a reason. */
export const MAX_REASON = 200;

const MAX_TOOL = 100;

/** A card of facts as they are kept: `reason` scrubbed, `tool` as it was named. */
export function cardOf(facts: Card): Card {
  return {
    ...facts,
    tool: visibleLine(withoutSchemes(visibleLine(facts.tool)), MAX_TOOL),
    reason: visibleLine(withoutLinks(visibleLine(facts.reason)), MAX_REASON),
  };
}

/** What Test sends. It names no request, and its link leads to where channels are kept. */
export function testCard(url: string): Card {
  return {
    news: "test",
    approval: "test",
    reference: "",
    tool: "",
    reason: "",
    risk: "low",
    level: 1,
    levels: 1,
    expires_at: 0,
    url,
  };
}

/** Whether a decision is still wanted. */
export function waits({ news }: Pick<Card, "news">): boolean {
  return news === "requested" || news === "escalated";
}

/** Whether it should wake people: Level 2 waits, or nobody decided in time. */
export function isPressing({ news, level }: Pick<Card, "news" | "level">): boolean {
  return news === "expired" || (waits({ news }) && level === 2);
}

/** One line of a card, all of it our words. */
export interface Fact {
  readonly label: string;
  readonly text: string;
}

/** A card in words. `tool` and `reason` are others' words, everything else is ours. */
export interface Written {
  readonly title: string;
  readonly tool: string | null;
  readonly facts: readonly Fact[];
  readonly reason: string | null;
  /** In place of a request. */
  readonly note: string | null;
  readonly link: { readonly label: string; readonly url: string };
}

/** How others' words are introduced, everywhere alike. */
export const TOOL_LABEL = "Tool";
export const REASON_LABEL = "The agent says (unverified)";

/** The words of a card. */
export function written(card: Card): Written {
  const title = TITLES[card.news];
  if (card.news === "test") {
    return {
      title,
      tool: null,
      facts: [],
      reason: null,
      note: "You asked for it. Requests that wait for a decision are told here like this.",
      link: { label: "Open Countersign", url: card.url },
    };
  }
  const level = { label: "Level", text: `${card.level} of ${card.levels}` };
  const until = { label: "Expires", text: utcMinute(card.expires_at) };
  return {
    title,
    tool: card.tool,
    facts: [
      { label: "Risk", text: RISK_WORDS[card.risk] },
      level,
      ...(waits(card) ? [until] : []),
      { label: "Reference", text: card.reference },
    ],
    reason: card.reason,
    note: null,
    link: { label: "Open the request", url: card.url },
  };
}

/** A card in lines of plain text, for whoever shows nothing else; without its title and link. */
export function plainLines({ tool, facts, reason, note }: Written): string[] {
  return [
    ...(tool === null ? [] : [`${TOOL_LABEL}: ${tool}`]),
    ...facts.map(({ label, text }) => `${label}: ${text}`),
    ...(reason === null ? [] : [`${REASON_LABEL}: ${reason}`]),
    ...(note === null ? [] : [note]),
  ];
}

/** Title, tool and reference in one line, for lists and lock screens. */
export function headline({ news, tool, reference }: Card): string {
  const title = TITLES[news];
  return news === "test" ? title : `${title}: ${tool} (${reference})`;
}

const TITLES: Readonly<Record<CardNews, string>> = {
  requested: "Approval wanted",
  escalated: "Second approval wanted",
  approved: "Approved",
  denied: "Denied",
  expired: "Expired, nobody decided",
  cancelled: "Cancelled",
  revoked: "Approval revoked",
  test: "A test from Countersign",
};

/**
 * Others' words within a code span of a provider's Markdown, where neither mentions nor markup nor
 * links count. A backtick would end the span: an apostrophe stands for it.
 */
export function codeSpan(text: string): string {
  const inside = text.replaceAll("`", "'").trim();
  return inside === "" ? "–" : `\`${inside}\``;
}

/** Cut to so many units, by whole characters. */
export function cutTo(text: string, limit: number): string {
  if (text.length <= limit) return text;
  let cut = "";
  for (const character of text) {
    if (cut.length + character.length > limit - 1) break;
    cut += character;
  }
  return `${cut}…`;
}

/**
 * A text in which no program that looks for links finds one, as security people write addresses that
 * nobody is to follow: `https[:]//evil[.]example`. Whoever reads it still sees what it was.
 */
function withoutLinks(text: string): string {
  return withoutSchemes(text).replace(/(?<=[\p{L}\p{N}\p{M}])[.。．｡](?=[\p{L}\p{M}]{2})/gu, "[.]");
}

/** Of a tool only schemes and `www.`: names such as `payments.refund` stay what they are. */
function withoutSchemes(text: string): string {
  return text.replace(/:(?=\/\/)/g, "[:]").replace(/\b(www)\./gi, "$1[.]");
}

/** A moment to the minute: a channel does not know where its readers are. */
function utcMinute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
