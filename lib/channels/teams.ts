import { REASON_LABEL, TOOL_LABEL, written } from "./card.ts";
import { byStatus, jsonIn, jsonRequest, type Provider, said, textAt } from "./provider.ts";
import { memberOf } from "../base/json.ts";

/**
 * Microsoft Teams, by a workflow that waits for a web request and posts a card. Others' words are text
 * runs, which have no Markdown; and a mention takes an entity, of which none is ever sent.
 */

export const teams: Provider<"teams"> = {
  name: "Microsoft Teams",

  render(card, { secret }) {
    const { title, tool, facts, reason, note, link } = written(card);
    return jsonRequest(secret, {
      type: "message",
      attachments: [{
        contentType: "application/vnd.microsoft.card.adaptive",
        contentUrl: null,
        content: {
          $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
          type: "AdaptiveCard",
          version: "1.4",
          body: [
            { type: "TextBlock", text: title, size: "Large", weight: "Bolder", wrap: true },
            ...(tool === null ? [] : [theirs(TOOL_LABEL, tool)]),
            ...(facts.length === 0 ? [] : [{
              type: "FactSet",
              facts: facts.map(({ label, text }) => ({ title: label, value: text })),
            }]),
            ...(reason === null ? [] : [theirs(REASON_LABEL, reason)]),
            ...(note === null ? [] : [{ type: "TextBlock", text: note, wrap: true }]),
          ],
          actions: [{ type: "Action.OpenUrl", title: link.label, url: link.url }],
        },
      }],
    });
  },

  outcome(answer) {
    const error = memberOf(jsonIn(answer), "error");
    const words = [textAt(error, "code"), textAt(error, "message")].filter((text) => text !== "");
    return byStatus("Microsoft Teams", answer, words.join(": ") || said(answer));
  },
};

/** Our label, and what others wrote. */
function theirs(label: string, text: string) {
  return {
    type: "RichTextBlock",
    inlines: [
      { type: "TextRun", text: `${label}: `, weight: "Bolder" },
      { type: "TextRun", text: withoutFunctions(text), fontType: "Monospace" },
    ],
  };
}

/** Cards put a date in place of `{{DATE(…)}}`. */
function withoutFunctions(text: string): string {
  return text.replace(/\{(?=\{)/g, "{ ");
}
