import { type Card, cutTo, headline, isPressing, plainLines, written } from "./card.ts";
import { byStatus, GONE_AT_OWN, jsonIn, type Provider, said, textAt } from "./provider.ts";

/**
 * ntfy, published to a topic: the message is the body, and headers say the rest. It is plain text:
 * ntfy reads Markdown only where a header asks for it.
 */

/** Characters, of which a message may have 4,096 bytes before ntfy makes a file of it. */
const MESSAGE = 1000;
const TITLE = 250;

export const ntfy: Provider<"ntfy"> = {
  name: "ntfy",

  render(card, { settings, secret }) {
    const words = written(card);
    return {
      method: "POST",
      url: `${settings.url.replace(/\/*$/, "")}/${settings.topic}`,
      headers: {
        "content-type": "text/plain; charset=utf-8",
        title: headerText(cutTo(headline(card), TITLE)),
        priority: priority(card),
        click: words.link.url,
        ...(secret === "" ? {} : { authorization: `Bearer ${secret}` }),
      },
      body: cutTo(plainLines(words).join("\n"), MESSAGE),
    };
  },

  outcome(answer) {
    const words = textAt(jsonIn(answer), "error") || said(answer);
    return byStatus("ntfy", answer, words, GONE_AT_OWN);
  },
};

/** 3 is ntfy's default, 4 is high. */
function priority(card: Card): string {
  return isPressing(card) ? "4" : "3";
}

/** A text as a header has it: other letters than ASCII as an encoded word (RFC 2047), which ntfy reads. */
function headerText(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text) && !text.includes("=?")) return text;
  return `=?UTF-8?B?${new TextEncoder().encode(text).toBase64()}?=`;
}
