import { memberOf } from "../base/json.ts";
import { REASON_LABEL, TOOL_LABEL, type Written, written } from "./card.ts";
import {
  byStatus,
  type ChannelAnswer,
  type ChannelOutcome,
  jsonIn,
  jsonRequest,
  type Provider,
  said,
  SENT,
  type Talk,
  textAt,
} from "./provider.ts";

/**
 * Telegram, by a bot. The text is sent without a parse mode, so no character of it is markup; and
 * others' words are marked as code, in which Telegram looks for no mentions, commands or links.
 */

interface Entity {
  readonly type: "bold" | "code";
  /** In UTF-16 code units, as the length. */
  readonly offset: number;
  readonly length: number;
}

export const telegram: Provider<"telegram"> = {
  name: "Telegram",

  render(card, { settings, secret, apis }) {
    const { text, entities } = message(written(card));
    return jsonRequest(`${apis.telegram}/bot${secret}/sendMessage`, {
      chat_id: settings.chat_id,
      text,
      entities,
      link_preview_options: { is_disabled: true },
      // The same to servers of before Bot API 7.0.
      disable_web_page_preview: true,
    });
  },

  outcome(answer) {
    const json = jsonIn(answer);
    if (answer.status >= 200 && answer.status < 300) {
      if (memberOf(json, "ok") === true) return SENT;
      return { type: "refused", why: `Telegram answered: ${textAt(json, "description")}` };
    }
    return failure(answer);
  },

  /** A group that grew has another number, by which alone it is still told. */
  *talk(card, to): Talk {
    const answer = yield telegram.render(card, to);
    const moved = movedTo(answer);
    if (moved === null) return { outcome: telegram.outcome(answer), incident: null };
    const settings = { ...to.settings, chat_id: String(moved) };
    const again = yield telegram.render(card, { ...to, settings });
    return { outcome: telegram.outcome(again), incident: null };
  },
};

/** The number that a group has now, of an answer that tells nothing arrived; null for all else. */
function movedTo(answer: ChannelAnswer): number | null {
  if (answer.status !== 400) return null;
  const moved = memberOf(memberOf(jsonIn(answer), "parameters"), "migrate_to_chat_id");
  return typeof moved === "number" && Number.isSafeInteger(moved) ? moved : null;
}

function failure(answer: ChannelAnswer): ChannelOutcome {
  const json = jsonIn(answer);
  const outcome = byStatus("Telegram", answer, textAt(json, "description") || said(answer));
  const { status } = answer;
  // Blocked by the person, thrown out of the group, or a group that is there no more.
  if (status === 403 && outcome.type === "refused") return { type: "gone", why: outcome.why };
  const parameters = memberOf(json, "parameters");
  const seconds = memberOf(parameters, "retry_after");
  if (outcome.type === "again" && typeof seconds === "number" && seconds >= 0) {
    return { ...outcome, wait_ms: Math.max(outcome.wait_ms, Math.ceil(seconds * 1000)) };
  }
  const moved = movedTo(answer);
  if (outcome.type === "refused" && moved !== null) {
    return { type: "refused", why: `${outcome.why} Its chat_id is ${moved} now.` };
  }
  return outcome;
}

/** A few hundred characters: far from Telegram's limit of 4,096. */
function message({ title, tool, facts, reason, note, link }: Written) {
  let text = "";
  const entities: Entity[] = [];
  const add = (words: string, type: Entity["type"] | null = null) => {
    if (type !== null && words.length > 0) {
      entities.push({ type, offset: text.length, length: words.length });
    }
    text += words;
  };
  add(title, "bold");
  if (tool !== null) {
    add(`\n${TOOL_LABEL}: `);
    add(tool, "code");
  }
  for (const { label, text: fact } of facts) add(`\n${label}: ${fact}`);
  if (reason !== null) {
    add(`\n${REASON_LABEL}: `);
    add(reason, "code");
  }
  if (note !== null) add(`\n${note}`);
  add(`\n\n${link.url}`);
  return { text, entities };
}
