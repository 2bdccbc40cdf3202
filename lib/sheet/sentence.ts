import type { NamedRequester } from "./row.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { idTail } from "../base/confusables.ts";
import { visibleText, withinQuotes } from "../base/text.ts";
import type { Cancelled } from "../store/records/approval.ts";
import type { Finding } from "../store/records/guards.ts";
import type { HttpOperation } from "../store/records/operation.ts";
import type { QuickReason } from "../store/records/vocabulary.ts";

/**
 * Requests in words of our own: who wants to run what, why it was cancelled or denied, and the
 * parts of its view that a page lays out. Pure, and runs in the browser; what others named comes as
 * they named it, for the page to mark.
 */

/** One part of the sentence, so that a page can emphasize it and show what is hidden in it. */
interface SentencePart {
  readonly kind: "requester" | "id" | "tool" | "resource" | "tenant" | "method" | "text";
  /** As it came for what others named; plain words for `text`, the end of the requester's for `id`. */
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
  const named = facts.requester.type === "oauth_grant"
    ? [text("The program “"), { ...name, text: withinQuotes(name.text) }, text("” ")]
    : [name, text(" ")];
  const id: SentencePart = { kind: "id", text: idTail(facts.requester.id) };
  return [...named, id, text(" wants to run "), ...actionParts(facts)];
}

/** What is to run, as the end of a sentence. */
export function actionParts(facts: Omit<SentenceFacts, "requester">): SentencePart[] {
  const parts: SentencePart[] = [{ kind: "tool", text: facts.tool }];
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
export function requesterWords({ type, id, name }: NamedRequester): string {
  const words = type === "oauth_grant" ? `program “${withinQuotes(name)}”` : name;
  return `${words} ${idTail(id)}`;
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

/** How an operation of an HTTP API is asked: with the arguments it says what would be sent. */
export interface ShownOperation {
  readonly http: HttpOperation;
  /** What its path is below. */
  readonly url: string;
}

/** What of a frozen view a page lays out; the digest is of the whole of it. */
export interface ShownView {
  readonly tool: {
    readonly name: string;
    readonly description: string;
    readonly risk_level: Risk;
    readonly annotations: Readonly<Record<(typeof ANNOTATIONS)[number], boolean>>;
    readonly parameters: JsonObject | null;
    /** Where it runs, for one that runs through here; null for all others. */
    readonly upstream: {
      readonly name: string;
      /** Null for a program of the host, and where a view of before does not say. */
      readonly host: string | null;
      readonly is_program: boolean;
      /** Since when it is defined as it is. */
      readonly since: number | null;
      /** Of an HTTP API: how it is asked; null of others. */
      readonly operation: ShownOperation | null;
    } | null;
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
  /** The mandate that it is asked under; null for none. */
  readonly mandate: { readonly id: string; readonly user_id: string } | null;
  /** What guards found in the arguments. */
  readonly findings: readonly Finding[];
  /** What its asker says it is about, and no argument does: what would run may be about something else. */
  readonly stated: readonly ("resource" | "method")[];
  /** Whose account acts there; null where nobody's does. */
  readonly acts_as: {
    readonly credential_id: string;
    readonly name: string;
    /** The member whose own it is, in words; null for one of the organization. */
    readonly owner: string | null;
    /** In the words of its provider; null where those were not said. */
    readonly account: string | null;
    readonly issuer: string | null;
  } | null;
}

/** The parts of a view that a page lays out. A missing one is shown as empty, never guessed. */
export function shownView(view: JsonObject): ShownView {
  const tool = objectOf(view.tool) ?? {};
  const rule = objectOf(view.rule);
  const mandate = objectOf(view.mandate);
  const annotations = objectOf(tool.annotations) ?? {};
  const upstream = objectOf(tool.upstream);
  const acts_as = objectOf(view.acts_as);
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
      upstream: upstream === null ? null : {
        name: textOf(upstream.name) ?? "",
        host: textOf(upstream.host),
        is_program: upstream.kind === "mcp_stdio",
        since: typeof upstream.since === "number" ? upstream.since : null,
        operation: operationIn(objectOf(upstream.operation)),
      },
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
    mandate: mandate === null ? null : {
      id: textOf(mandate.id) ?? "",
      user_id: textOf(mandate.user_id) ?? "",
    },
    findings: Array.isArray(view.findings) ? view.findings.map(findingOf) : [],
    stated: (["resource", "method"] as const).filter((fact) =>
      Array.isArray(view.stated) && view.stated.includes(fact)
    ),
    acts_as: acts_as === null ? null : {
      credential_id: textOf(acts_as.credential_id) ?? "",
      name: textOf(acts_as.name) ?? "",
      owner: acts_as.owner === "org" ? null : textOf(acts_as.owner_name) ?? "a former member",
      account: textOf(acts_as.account),
      issuer: textOf(acts_as.issuer),
    },
  };
}

/** As it was frozen, which was by a description of it that was parsed. */
function operationIn(operation: JsonObject | null): ShownOperation | null {
  const http = objectOf(operation?.http);
  const url = textOf(operation?.url);
  return http === null || url === null ? null : { http: http as unknown as HttpOperation, url };
}

function findingOf(value: JsonValue): Finding {
  const { guard, kind, pointer, count } = objectOf(value) ?? {};
  return {
    guard: textOf(guard) ?? "?",
    kind: textOf(kind) ?? "?",
    ...(typeof pointer === "string" ? { pointer } : {}),
    count: typeof count === "number" ? count : 1,
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
  needs_discussion: "Let's talk first",
  suspicious: "Looks suspicious",
  other: "Other",
};

/** The reason in words, as a button has it. */
export function quickReasonText(reason: QuickReason): string {
  return TEXTS[reason];
}

/** Why a request was cancelled, as a clause behind "because". */
export const CANCELLED_WORDS: Readonly<Record<Cancelled, string>> = {
  withdrawn: "its requester withdrew it",
  tool_changed: "its tool was changed while it was open",
  mandate_ended: "the mandate that it was asked under was ended",
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
