import { cutTo, headline, REASON_LABEL, TOOL_LABEL, written } from "./card.ts";
import {
  byStatus,
  type ChannelAnswer,
  jsonIn,
  jsonRequest,
  type Provider,
  said,
  SENT,
  textAt,
} from "./provider.ts";

/**
 * Slack, by an incoming webhook: blocks, with the text that notifications and lists show. Others'
 * words are `plain_text`, in which Slack reads no mentions, links or formatting.
 */

/** Limits of Block Kit: characters of a header, of a text in a section, of a field. */
const HEADER = 150;
const SECTION = 3000;
const FIELD = 2000;

export const slack: Provider<"slack"> = {
  name: "Slack",

  render(card, { secret }) {
    const { title, tool, facts, reason, note, link } = written(card);
    const fields = [
      ...(tool === null ? [] : [plain(`${TOOL_LABEL}\n${tool}`, FIELD)]),
      ...facts.map(({ label, text }) => plain(`${label}\n${text}`, FIELD)),
    ];
    return jsonRequest(secret, {
      text: escaped(headline(card)),
      mrkdwn: false,
      unfurl_links: false,
      unfurl_media: false,
      blocks: [
        { type: "header", text: plain(title, HEADER) },
        ...(fields.length === 0 ? [] : [{ type: "section", fields }]),
        ...(reason === null ? [] : [section(`${REASON_LABEL}:\n${reason}`)]),
        ...(note === null ? [] : [section(note)]),
        {
          type: "context",
          elements: [{ type: "mrkdwn", text: `<${escaped(link.url)}|${link.label}>` }],
        },
      ],
    });
  },

  outcome(answer) {
    const word = errorWord(answer);
    if (word === null) return SENT;
    const why = `Slack answered ${answer.status}${word === "" ? "." : `: ${word}`}`;
    if (GONE.has(word)) return { type: "gone", why };
    if (LATER.has(word)) return { type: "again", why, wait_ms: answer.wait_ms };
    if (answer.status < 300) return { type: "refused", why };
    return byStatus("Slack", answer, word);
  },
};

/** What Slack says of a webhook whose channel, app or workspace is there no more. */
const GONE = new Set([
  "channel_is_archived",
  "is_archived",
  "channel_not_found",
  "no_active_hooks",
  "no_service",
  "no_service_id",
  "no_team",
  "team_disabled",
]);

const LATER = new Set(["rate_limited", "ratelimited", "rollup_error"]);

/**
 * What went wrong, in Slack's word; null when nothing did. Webhooks say `ok` or a word in plain text;
 * the APIs say it in JSON, with a status of 200 where it failed, too.
 */
function errorWord(answer: ChannelAnswer): string | null {
  const json = jsonIn(answer);
  const isOk = answer.status >= 200 && answer.status < 300;
  if (json === null || typeof json !== "object" || Array.isArray(json)) {
    const word = said(answer);
    return isOk && (word === "ok" || word === "") ? null : word;
  }
  if (isOk && json["ok"] !== false) return null;
  return textAt(json, "error");
}

function section(text: string) {
  return { type: "section", text: plain(text, SECTION) };
}

function plain(text: string, limit: number) {
  return { type: "plain_text", text: cutTo(text, limit), emoji: false };
}

/** The three characters by which mentions and links begin and end in Slack's markup. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
