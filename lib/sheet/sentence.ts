import type { RequesterType } from "../store/records/requester.ts";
import { visibleText } from "../text/visible_text.ts";
import { withinQuotes } from "../text/within_quotes.ts";

/** One part of the sentence, so that a page can emphasize it and show what is hidden in it. */
export interface SentencePart {
  readonly kind: "requester" | "tool" | "resource" | "tenant" | "method" | "text";
  /** As it came for what others named; plain words for `text`. */
  readonly text: string;
}

/** Who asked, as far as people are told. */
export interface NamedRequester {
  readonly type: RequesterType;
  /** Members named keys and agents; a program chose its own name, and may have chosen a person's. */
  readonly name: string;
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
