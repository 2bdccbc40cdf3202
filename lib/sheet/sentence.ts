import type { NamedRequester } from "../approvals/row.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { visibleText, withinQuotes } from "../base/text.ts";
import type { Cancelled } from "../store/records/approval.ts";
import type { QuickReason } from "../store/records/vocabulary.ts";

/**
 * Requests in words of our own: who wants to run what, why it was cancelled or denied, and the
 * parts of its view that a page lays out. Pure, and runs in the browser; what others named comes as
 * they named it, for the page to mark.
 */

/** One part of the sentence, so that a page can emphasize it and show what is hidden in it. */
interface SentencePart {
  readonly kind: "requester" | "tool" | "resource" | "tenant" | "method" | "text";
  /** As it came for what others named; plain words for `text`. */
  readonly text: string;
}

/** What a request is about, as its sentence tells it. */
export interface SentenceFacts {
  readonly requester: NamedRequester;
  readonly tool: string;
  readonly resource: string | null;
  readonly tenant: string | null;
  readonly method: string | null;
}

/**
 * What is asked for, in one sentence of our own making: nothing that the requester wrote about its
 * request has a say in it. Parts that the action does not name are left out.
 */
export function requestSentence(facts: SentenceFacts): SentencePart[] {
  const name: SentencePart = { kind: "requester", text: facts.requester.name };
  const parts: SentencePart[] = [
    ...(facts.requester.type === "oauth_grant"
      ? [
        text("The program “"),
        { ...name, text: withinQuotes(name.text) },
        text("” wants to run "),
      ]
      : [name, text(" wants to run ")]),
    { kind: "tool", text: facts.tool },
  ];
  const named = [
    [" using ", "method", facts.method],
    [" on ", "resource", facts.resource],
    [" for ", "tenant", facts.tenant],
  ] as const;
  for (const [words, kind, value] of named) {
    if (value !== null) parts.push(text(words), { kind, text: value });
  }
  return parts;
}

/** Who asked, within a sentence. */
export function requesterWords({ type, name }: NamedRequester): string {
  return type === "oauth_grant" ? `program “${withinQuotes(name)}”` : name;
}

function text(words: string): SentencePart {
  return { kind: "text", text: words };
}

/** The sentence as plain text for mail, push and titles, with hidden characters written out. */
export function sentenceText(parts: readonly SentencePart[]): string {
  return parts.map(({ text }) => visibleText(text)).join("");
}

const RISKS = ["low", "medium", "high", "critical"] as const;

type Risk = (typeof RISKS)[number];

const ANNOTATIONS = ["read_only", "destructive", "idempotent", "open_world"] as const;

/** What of a frozen view a page lays out; the digest is of the whole of it. */
export interface ShownView {
  readonly tool: {
    readonly name: string;
    readonly description: string;
    readonly risk_level: Risk;
    readonly annotations: Readonly<Record<(typeof ANNOTATIONS)[number], boolean>>;
    readonly parameters: JsonObject | null;
  };
  readonly arguments: JsonObject;
  readonly reason: string;
  readonly context: JsonObject | null;
  readonly reference_id: string | null;
  readonly rule: {
    readonly id: string;
    readonly permission: string;
    readonly note: string | null;
  } | null;
}

/** The parts of a view that a page lays out. A missing one is shown as empty, never guessed. */
export function shownView(view: JsonObject): ShownView {
  const tool = objectOf(view.tool) ?? {};
  const rule = objectOf(view.rule);
  const annotations = objectOf(tool.annotations) ?? {};
  return {
    tool: {
      name: textOf(tool.name) ?? "",
      description: textOf(tool.description) ?? "",
      // Nothing is milder for want of a word.
      risk_level: RISKS.find((risk) => risk === tool.risk_level) ?? "critical",
      annotations: {
        read_only: annotations.read_only === true,
        destructive: annotations.destructive !== false,
        idempotent: annotations.idempotent === true,
        open_world: annotations.open_world !== false,
      },
      parameters: objectOf(tool.parameters),
    },
    arguments: objectOf(view.arguments) ?? {},
    reason: textOf(view.reason) ?? "",
    context: objectOf(view.context),
    reference_id: textOf(view.reference_id),
    rule: rule === null ? null : {
      id: textOf(rule.id) ?? "",
      permission: textOf(rule.permission) ?? "",
      note: textOf(rule.note),
    },
  };
}

function textOf(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function objectOf(value: JsonValue | undefined): JsonObject | null {
  return isJsonObject(value) ? value : null;
}

const TEXTS: Record<QuickReason, string> = {
  wrong_target: "Wrong target",
  wrong_amount: "Wrong amount",
  not_now: "Not now",
  needs_discussion: "Let us talk first",
  suspicious: "Looks suspicious",
  other: "Another reason",
};

/** The reason in words, as a button has it. */
export function quickReasonText(reason: QuickReason): string {
  return TEXTS[reason];
}

/** Why a request was cancelled, as a clause behind "because". */
export const CANCELLED_WORDS: Readonly<Record<Cancelled, string>> = {
  withdrawn: "its requester withdrew it",
  tool_changed: "its tool was changed while it was open",
  rotated: "its agent was given a new token while it was open",
  levels_raised: "its tool needs two people by now, and one had approved",
  facts_required: "its tool requires a fact by now that the request lacks",
  decider_barred: "somebody who approved it may not decide it any more",
};

/** The same of a reason as an entry or a page carries it. */
export function cancelledWords(because: string | null): string {
  return because !== null && Object.hasOwn(CANCELLED_WORDS, because)
    ? CANCELLED_WORDS[because as Cancelled]
    : `of ${because ?? "an unknown reason"}`;
}
