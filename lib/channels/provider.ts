import { type JsonValue, memberOf } from "../base/json.ts";
import { visibleLine } from "../base/text.ts";
import type { ChannelApis } from "../services.ts";
import type { ChannelKind, ChannelSettings } from "../store/records/channel.ts";
import type { Card } from "./card.ts";

/**
 * What a provider of channels is to the rest: a card becomes a request, an answer an outcome. Nothing
 * else of an answer is ever used: no answer decides anything.
 */

/** A channel with its secret, for the moment in which it is told something. */
export type Addressee<K extends ChannelKind = ChannelKind> = {
  readonly settings: Extract<ChannelSettings, { kind: K }>;
  /** Empty where a kind needs none and has none. */
  readonly secret: string;
  readonly apis: Pick<ChannelApis, "telegram" | "pagerduty">;
};

export interface ChannelRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** A text is sent as it is, null not at all, and everything else as JSON. */
  readonly body: unknown;
}

/** What came back: untrusted, and cut to a size. */
export interface ChannelAnswer {
  readonly status: number;
  /** How long it asks to be left alone, by `Retry-After`; milliseconds. */
  readonly wait_ms: number;
  readonly text: string;
}

/** What came of a request. `why` is for people, and still to be scrubbed. */
export type ChannelOutcome =
  | { readonly type: "sent" }
  /** Another try may succeed, after as many milliseconds at least. */
  | { readonly type: "again"; readonly why: string; readonly wait_ms: number }
  /** The same would be refused again. */
  | { readonly type: "refused"; readonly why: string }
  /** The provider says that there is no such channel any more. */
  | { readonly type: "gone"; readonly why: string };

/** One kind of channel. */
export interface Provider<K extends ChannelKind> {
  /** As people know it. */
  readonly name: string;
  render(card: Card, to: Addressee<K>): ChannelRequest;
  outcome(answer: ChannelAnswer): ChannelOutcome;
  /** Where telling takes several requests; otherwise it is one `render` and its `outcome`. */
  talk?(card: Card, to: Addressee<K>, known: Known): Talk;
}

/** What is remembered of a request at a provider. */
export interface Known {
  /** Of the incident that was opened for it. */
  readonly incident: string | null;
  /** Whether this was tried before, and the provider may have taken it. */
  readonly tried: boolean;
}

/** What telling came to, and the incident that it opened or found. */
export interface Talked {
  readonly outcome: ChannelOutcome;
  readonly incident: string | null;
}

/** Asks and is given the answers, until it is done. */
export type Talk = Generator<ChannelRequest, Talked, ChannelAnswer>;

export const SENT: ChannelOutcome = { type: "sent" };

/** A request of JSON. */
export function jsonRequest(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ChannelRequest {
  return {
    method: "POST",
    url,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body,
  };
}

/** Statuses after which a later try may succeed (RFC 9110, RFC 6585). */
const LATER = new Set([404, 408, 409, 423, 425, 429]);

/** What says that there is no such channel any more, at a provider that all of its customers share. */
const GONE: readonly number[] = [404, 410];

/**
 * The same for a server of one's own: while it starts, the proxy before it says 404 of everything, and
 * would have ended the channel for good.
 */
export const GONE_AT_OWN: readonly number[] = [410];

/**
 * What a status says where a provider has no other words for it.
 * @param name of the provider
 */
export function byStatus(
  name: string,
  answer: ChannelAnswer,
  words = said(answer),
  gone = GONE,
): ChannelOutcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return SENT;
  const why = `${name} answered ${status}${words === "" ? "." : `: ${words}`}`;
  if (gone.includes(status)) return { type: "gone", why };
  if (LATER.has(status) || status >= 500) {
    return { type: "again", why, wait_ms: answer.wait_ms };
  }
  return { type: "refused", why };
}

const MAX_SAID = 256;

/** The beginning of an answer as one line. */
export function said({ text }: Pick<ChannelAnswer, "text">): string {
  return visibleLine(text.slice(0, 4 * MAX_SAID), MAX_SAID);
}

/** An answer read as JSON; null where it is none. */
export function jsonIn({ text }: Pick<ChannelAnswer, "text">): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A member of an answer that is a text, as one line; empty where it is none. */
export function textAt(value: JsonValue | undefined, name: string): string {
  const text = memberOf(value, name);
  return typeof text === "string" ? visibleLine(text, MAX_SAID) : "";
}
