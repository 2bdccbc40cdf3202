import { codeSpan, REASON_LABEL, TOOL_LABEL, waits, written } from "./card.ts";
import {
  byStatus,
  GONE_AT_OWN,
  jsonIn,
  jsonRequest,
  type Provider,
  said,
  textAt,
} from "./provider.ts";

/**
 * Mattermost, by an incoming webhook: an attachment. Others' words are code, in which Mattermost
 * reads no mentions, links or formatting; the text for notifications has none of them.
 */

export const mattermost: Provider<"mattermost"> = {
  name: "Mattermost",

  render(card, { secret }) {
    const { title, tool, facts, reason, note, link } = written(card);
    return jsonRequest(secret, {
      attachments: [{
        fallback: card.reference === "" ? title : `${title} (${card.reference})`,
        color: waits(card) ? "#d97706" : "#6b7280",
        title,
        title_link: link.url,
        ...(note === null ? {} : { text: note }),
        fields: [
          ...(tool === null ? [] : [theirs(TOOL_LABEL, tool)]),
          ...facts.map(({ label, text }) => ({ title: label, value: text, short: true })),
          ...(reason === null ? [] : [theirs(REASON_LABEL, reason)]),
        ],
      }],
    });
  },

  outcome(answer) {
    const json = jsonIn(answer);
    const words = textAt(json, "message") || said(answer);
    const outcome = byStatus("Mattermost", answer, words, GONE_AT_OWN);
    if (outcome.type === "sent") return outcome;
    // A webhook that was removed is no status of its own.
    return textAt(json, "id") === "web.incoming_webhook.invalid.app_error"
      ? { type: "gone", why: outcome.why }
      : outcome;
  },
};

function theirs(title: string, text: string) {
  return { title, value: codeSpan(text), short: false };
}
