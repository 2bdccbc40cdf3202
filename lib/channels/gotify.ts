import { headline, isPressing, plainLines, written } from "./card.ts";
import {
  byStatus,
  GONE_AT_OWN,
  jsonIn,
  jsonRequest,
  type Provider,
  said,
  textAt,
} from "./provider.ts";

/** Gotify, by the token of an application. The message says of itself that it is plain text. */

/** From 8 on phones sound. */
const PRESSING = 8;
const ORDINARY = 5;

export const gotify: Provider<"gotify"> = {
  name: "Gotify",

  render(card, { settings, secret }) {
    const words = written(card);
    return jsonRequest(`${settings.url.replace(/\/*$/, "")}/message`, {
      title: headline(card),
      message: [...plainLines(words), "", words.link.url].join("\n"),
      priority: isPressing(card) ? PRESSING : ORDINARY,
      extras: {
        "client::display": { contentType: "text/plain" },
        "client::notification": { click: { url: words.link.url } },
      },
    }, { "x-gotify-key": secret });
  },

  outcome(answer) {
    const json = jsonIn(answer);
    const words = [textAt(json, "error"), textAt(json, "errorDescription")]
      .filter((text) => text !== "");
    return byStatus("Gotify", answer, words.join(": ") || said(answer), GONE_AT_OWN);
  },
};
