import { visibleText } from "../json/external_text.ts";

/** One part of the sentence, so that a page can emphasize it and show what is hidden in it. */
export interface SentencePart {
  readonly kind: "requester" | "tool" | "resource" | "tenant" | "method" | "text";
  /** As it came for what others named; plain words for `text`. */
  readonly text: string;
}

/** What a request is about, as its sentence tells it. */
export interface SentenceFacts {
  /** Name of who asked. */
  readonly requester: string;
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
  const parts: SentencePart[] = [
    { kind: "requester", text: facts.requester },
    { kind: "text", text: " wants to run " },
    { kind: "tool", text: facts.tool },
  ];
  const named = [
    [" using ", "method", facts.method],
    [" on ", "resource", facts.resource],
    [" for ", "tenant", facts.tenant],
  ] as const;
  for (const [words, kind, text] of named) {
    if (text !== null) parts.push({ kind: "text", text: words }, { kind, text });
  }
  return parts;
}

/** The sentence as plain text for mail, push and titles, with hidden characters written out. */
export function sentenceText(parts: readonly SentencePart[]): string {
  return parts.map(({ text }) => visibleText(text)).join("");
}
