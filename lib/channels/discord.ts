import { type Card, codeSpan, cutTo, REASON_LABEL, TOOL_LABEL, waits, written } from "./card.ts";
import { byStatus, jsonIn, jsonRequest, type Provider, said, textAt } from "./provider.ts";
import { memberOf } from "../base/json.ts";

/**
 * Discord, by a webhook: an embed, with a line that notifications show. Others' words are code, and
 * whatever they hold, `allowed_mentions` lets nobody be mentioned.
 */

/** Limits of an embed and of a message, characters. */
const FIELD = 1024;
const CONTENT = 2000;

/** Room for the marks of a code span after the cut. */
const SPAN = FIELD - 2;

const WAITS = 0xd97706;
const ENDED = 0x6b7280;

export const discord: Provider<"discord"> = {
  name: "Discord",

  render(card, { secret }) {
    const { title, tool, facts, reason, note, link } = written(card);
    const first = tool === null ? title : `${title}: ${codeSpan(tool)}`;
    return jsonRequest(secret, {
      content: cutTo(first, CONTENT),
      allowed_mentions: { parse: [] },
      embeds: [{
        title: link.label,
        url: link.url,
        color: colour(card),
        ...(note === null ? {} : { description: note }),
        fields: [
          ...(tool === null ? [] : [theirs(TOOL_LABEL, tool)]),
          ...facts.map(({ label, text }) => ({ name: label, value: text, inline: true })),
          ...(reason === null ? [] : [theirs(REASON_LABEL, reason)]),
        ],
      }],
    });
  },

  outcome(answer) {
    const json = jsonIn(answer);
    const outcome = byStatus("Discord", answer, textAt(json, "message") || said(answer));
    const seconds = memberOf(json, "retry_after");
    if (outcome.type !== "again" || typeof seconds !== "number" || !(seconds >= 0)) return outcome;
    return { ...outcome, wait_ms: Math.max(outcome.wait_ms, Math.ceil(seconds * 1000)) };
  },
};

function theirs(name: string, text: string) {
  return { name, value: codeSpan(cutTo(text, SPAN)), inline: false };
}

function colour(card: Card): number {
  return waits(card) ? WAITS : ENDED;
}
