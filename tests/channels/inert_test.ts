import assert from "node:assert/strict";
import fc from "fast-check";
import { REASON_LABEL } from "../../lib/channels/card.ts";
import { CHANNEL_KINDS, channelLooks } from "../../lib/channels/kinds.ts";
import type { ChannelRequest } from "../../lib/channels/provider.ts";
import type { ChannelKind } from "../../lib/store/records/channel.ts";
import {
  addressee,
  ALL_NEWS,
  answer,
  card,
  REQUEST_URL,
  SECRET,
  textsIn,
  told,
} from "./providers.ts";
import { runs } from "../helpers/property_runs.ts";

/** What agents write into reasons and names of tools so that it becomes more than words. */
const HOSTILE = [
  "<!channel>",
  "<!here|all>",
  "<@U012ABCDE>",
  "<https://evil.example|Open the request>",
  "&lt;!channel&gt;",
  "@everyone",
  "@here",
  "@all",
  "<@&123456789012345678>",
  "[Open the request](https://evil.example)",
  "![x](https://evil.example/x.png)",
  "https://evil.example/approve",
  "http://user:pass@evil.example",
  "tg://user?id=1",
  "www.evil.example",
  "evil.example/approve",
  "evil。example",
  "/start@bot",
  "#general",
  "**bold** _it_ ~~s~~ ||spoiler|| `code` ```block```",
  "` **out** `",
  "<b>bold</b><a href='https://evil.example'>x</a>",
  "<at>Everybody</at>",
  "{{DATE(2030-01-01T00:00:00Z, SHORT)}}",
  "{{{DATE(2030-01-01T00:00:00Z, SHORT)}}}",
  "@{body('x')} ${x}",
  "\\`escaped\\`",
  "\u202etxet sdrawkcab",
  "line\r\n\r\nReference: REF-00000000-0000",
  ":rotating_light:",
  '","priority":5,"x":"',
];

const hostile = fc.array(
  fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: "binary", maxLength: 8 })),
  { minLength: 1, maxLength: 6 },
).map((parts) => parts.join(" "));

/** Whether a text has the look of an address that a program makes a link of. */
const LINK = /[a-z][a-z0-9+.-]*:\/\/|www\.[a-z0-9]/i;

/** The texts of a request in which programs look for links, which are not the link of the card. */
function foundLinks(kind: ChannelKind, body: unknown): string[] {
  const schema = "http://adaptivecards.io/schemas/adaptive-card.json";
  return textsIn(body).filter((text) => text !== schema)
    .map((text) => text.replaceAll(REQUEST_URL, ""))
    .filter((text) => LINK.test(text)).map((text) => `${kind}: ${text}`);
}

type Texts = Readonly<Record<string, unknown>>;

const objects = (value: unknown): Texts[] => {
  if (typeof value !== "object" || value === null) return [];
  return [
    ...(Array.isArray(value) ? [] : [value as Texts]),
    ...Object.values(value).flatMap(objects),
  ];
};

/** All texts of a body outside of code spans: what a provider reads as its Markdown. */
const outsideCode = (body: unknown) =>
  textsIn(body).map((text) => text.replace(/`[^`]*`/g, "")).join("\n");

/** What holds of each provider's request whatever others wrote: it is data there, and no markup. */
const INERT: Readonly<Record<ChannelKind, (request: ChannelRequest) => void>> = {
  slack({ body }) {
    const { text, mrkdwn, blocks, ...rest } = body as Texts;
    assert.doesNotMatch(String(text), /[<>]|&(?!amp;|lt;|gt;)/);
    assert.equal(mrkdwn, false);
    assert.deepEqual(rest, { unfurl_links: false, unfurl_media: false });
    for (const found of objects(blocks)) {
      if (found["type"] === "mrkdwn") {
        assert.equal(found["text"], `<${REQUEST_URL}|Open the request>`);
      }
      if (found["type"] === "plain_text") assert.equal(found["emoji"], false);
    }
    const kinds = new Set(objects(blocks).map(({ type }) => type));
    assert(
      kinds.isSubsetOf(
        new Set(["header", "section", "context", "mrkdwn", "plain_text", undefined]),
      ),
    );
  },
  teams({ body }) {
    for (const found of objects(body)) {
      const text = String(found["text"] ?? found["value"] ?? "");
      if (found["type"] !== "TextRun") assert.doesNotMatch(text, /[<>[\]{}*_~`@\\]/);
      assert.doesNotMatch(text, /\{\{/);
      assert.equal(found["entities"], undefined);
    }
  },
  discord({ body }) {
    assert.deepEqual((body as Texts)["allowed_mentions"], { parse: [] });
    assert.doesNotMatch(outsideCode(body).replaceAll(REQUEST_URL, ""), /[<>[\]*_~|`@#\\]/);
  },
  mattermost({ body }) {
    assert.doesNotMatch(
      outsideCode(body).replaceAll(REQUEST_URL, "").replace(/#[0-9a-f]{6}/, ""),
      /[<>[\]*_~|`@#\\]/,
    );
  },
  pagerduty({ body }) {
    const { incident } = body as { incident: Texts };
    assert.deepEqual(Object.keys(incident).sort(), [
      "body",
      "incident_key",
      "service",
      "title",
      "type",
    ]);
  },
  pagerduty_events({ body }) {
    const { links, routing_key, ...rest } = body as Texts;
    assert.deepEqual(links, [{ href: REQUEST_URL, text: "Open the request" }]);
    assert.equal(routing_key, SECRET);
    assert.deepEqual(Object.keys(rest).sort(), [
      "client",
      "client_url",
      "dedup_key",
      "event_action",
      "payload",
    ]);
  },
  ntfy({ body, headers }) {
    assert.equal(typeof body, "string");
    // No `markdown`, `actions`, `attach` or `icon`, and no line of a header that another one ends.
    const { title = "", ...rest } = headers;
    assert.match(title, /^[\x20-\x7e]*$/);
    assert.deepEqual(rest, {
      "content-type": "text/plain; charset=utf-8",
      priority: "3",
      click: REQUEST_URL,
      authorization: `Bearer ${SECRET}`,
    });
  },
  gotify({ body }) {
    assert.deepEqual((body as Texts)["extras"], {
      "client::display": { contentType: "text/plain" },
      "client::notification": { click: { url: REQUEST_URL } },
    });
  },
  telegram({ body }) {
    const { text, entities, parse_mode } = body as {
      text: string;
      entities: { type: string; offset: number; length: number }[];
      parse_mode?: string;
    };
    assert.equal(parse_mode, undefined);
    let ours = text;
    for (const { type, offset, length } of entities) {
      if (type !== "code") continue;
      ours = ours.slice(0, offset) + "x".repeat(length) + ours.slice(offset + length);
    }
    assert.doesNotMatch(ours.replaceAll(REQUEST_URL, ""), /[<>[\]{}*_~`@\\/#]/);
  },
};

Deno.test("no reason names a host in letters that marks are part of", () => {
  const hosts = [
    "evil.example",
    "evile\u0301.example",
    "दुष्ट.भारत",
    "எ.சிங்கப்பூர்",
    "ข่าว.ไทย",
    "1.2.example",
  ];
  for (const host of hosts) {
    const { reason } = card("requested", { reason: `see ${host}/approve` });
    assert.equal(reason.split("/")[0], `see ${host.replaceAll(/\.(?=\D)/g, "[.]")}`);
  }
});

Deno.test("whatever a reason or a tool is made of, it is words to every provider, and no link", () => {
  fc.assert(
    fc.property(hostile, hostile, (reason, tool) => {
      const given = card("requested", { reason, tool });
      for (const kind of CHANNEL_KINDS) {
        const [request] = told(addressee(kind), given, () => answer(404)).requests;
        assert(request !== undefined);
        INERT[kind](request);
        assert.deepEqual(foundLinks(kind, request.body), []);
        // No line of others' words passes for one of ours.
        for (const text of textsIn(request.body)) {
          assert.doesNotMatch(text, /[\r\u0085\u2028\u2029\u202a-\u202e]/u);
          assert((text.match(/^Reference/gm) ?? []).length <= 1, text);
        }
      }
    }),
    runs(150),
  );
});

Deno.test("each hostile text by itself comes out inert", () => {
  for (const text of HOSTILE) {
    const given = card("requested", { reason: text, tool: text });
    for (const kind of CHANNEL_KINDS) {
      const [request] = told(addressee(kind), given, () => answer(404)).requests;
      if (request !== undefined) INERT[kind](request);
      assert.deepEqual(foundLinks(kind, request?.body), [], text);
    }
  }
});

Deno.test("a secret stands where its provider asks for it, and nowhere else", () => {
  for (const kind of CHANNEL_KINDS) {
    for (const news of ALL_NEWS) {
      for (const request of told(addressee(kind), card(news), () => answer(404)).requests) {
        const body = typeof request.body === "string" ? { text: request.body } : request.body;
        const { routing_key, ...rest } = (body ?? {}) as Texts;
        assert.doesNotMatch(JSON.stringify(rest), /S3CR3T/, kind);
        assert.equal(routing_key, kind === "pagerduty_events" ? SECRET : undefined);
      }
    }
  }
});

Deno.test("links are written as nobody follows them, and dots of names stay", () => {
  const { reason, tool } = card("requested", {
    reason: "See https://evil.example/x?y=z, evil.example. Costs 1.50; v1.2.3. Ok?",
    tool: "payments.refund",
  });
  assert.equal(
    reason,
    "See https[:]//evil[.]example/x?y=z, evil[.]example. Costs 1.50; v1.2.3. Ok?",
  );
  assert.equal(tool, "payments.refund");
  assert.equal(
    card("requested", { tool: "https://www.evil.example" }).tool,
    "https[:]//www[.]evil.example",
  );
});

Deno.test("channelLooks() shows every provider what is sent to it, and no secret", () => {
  for (const news of ALL_NEWS) {
    const looks = channelLooks(news, "https://countersign.example");
    assert.deepEqual(looks.map(({ kind }) => kind), CHANNEL_KINDS);
    for (const { kind, title, lines, link, body } of looks) {
      assert.notEqual(title, "");
      assert.match(link.url, /^https:\/\/countersign\.example/);
      assert.deepEqual(
        lines.filter(({ theirs }) => theirs).map(({ label }) => label),
        news === "test" ? [] : ["Tool", REASON_LABEL],
      );
      assert.deepEqual(
        textsIn(body).filter((text) =>
          LINK.test(text) && !text.includes("countersign.example") &&
          !text.includes("adaptivecards.io")
        ),
        [],
        kind,
      );
    }
  }
});
