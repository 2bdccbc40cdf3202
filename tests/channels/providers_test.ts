import assert from "node:assert/strict";
import { type CardNews, MAX_REASON } from "../../lib/channels/card.ts";
import { CHANNEL_KINDS, PROVIDERS } from "../../lib/channels/kinds.ts";
import type { ChannelAnswer, ChannelOutcome } from "../../lib/channels/provider.ts";
import type { ChannelKind } from "../../lib/store/records/channel.ts";
import { addressee, ALL_NEWS, answer, card, PagerDutyService, SECRET, told } from "./providers.ts";

/** What a provider answers, as its documentation has it, and what comes of that. */
const ANSWERS: readonly (readonly [ChannelKind, ChannelAnswer, ChannelOutcome["type"], RegExp?])[] =
  [
    ["slack", answer(200, "ok"), "sent"],
    ["slack", answer(200, { ok: true }), "sent"],
    ["slack", answer(200, { ok: false, error: "invalid_blocks" }), "refused", /invalid_blocks/],
    ["slack", answer(200, { ok: false, error: "is_archived" }), "gone"],
    ["slack", answer(200, "<html>captive portal</html>"), "refused"],
    ["slack", answer(400, "invalid_payload"), "refused", /400: invalid_payload/],
    ["slack", answer(403, "action_prohibited"), "refused", /action_prohibited/],
    ["slack", answer(403, "invalid_token"), "refused"],
    ["slack", answer(404, "channel_not_found"), "gone"],
    ["slack", answer(404, "no_service"), "gone"],
    ["slack", answer(410, "channel_is_archived"), "gone", /410: channel_is_archived/],
    ["slack", answer(429, { ok: false, error: "ratelimited" }, { "retry-after": "30" }), "again"],
    ["slack", answer(500, "rollup_error"), "again"],
    ["teams", answer(202), "sent"],
    ["teams", answer(200, "1"), "sent"],
    [
      "teams",
      answer(400, { error: { code: "TriggerInputSchemaMismatch", message: "no" } }),
      "refused",
    ],
    ["teams", answer(401, { error: { code: "DirectApiAuthorizationRequired" } }), "refused"],
    ["teams", answer(404, { error: { code: "WorkflowNotFound" } }), "gone", /WorkflowNotFound/],
    ["teams", answer(429, "", { "retry-after": "30" }), "again"],
    ["teams", answer(502), "again"],
    ["discord", answer(204), "sent"],
    ["discord", answer(400, { code: 50006, message: "Cannot send an empty message" }), "refused"],
    ["discord", answer(401, { code: 50027, message: "Invalid Webhook Token" }), "refused"],
    [
      "discord",
      answer(404, { code: 10015, message: "Unknown Webhook" }),
      "gone",
      /Unknown Webhook/,
    ],
    ["discord", answer(429, { message: "rate limited", retry_after: 29.7 }), "again"],
    ["mattermost", answer(200, "ok"), "sent"],
    [
      "mattermost",
      answer(400, { id: "web.incoming_webhook.invalid.app_error", message: "Invalid webhook" }),
      "gone",
    ],
    [
      "mattermost",
      answer(403, { id: "web.incoming_webhook.permissions.app_error", message: "No permission" }),
      "refused",
      /No permission/,
    ],
    // What a proxy before a server of one's own says while that starts is no word of the server's.
    ["mattermost", answer(404, "404 page not found"), "again"],
    ["mattermost", answer(404, { id: "web.incoming_webhook.invalid.app_error" }), "gone"],
    ["mattermost", answer(501, { id: "web.incoming_webhook.disabled.app_error" }), "again"],
    ["pagerduty", answer(400, { error: { errors: ["Requester User Not Found"] } }), "refused"],
    ["pagerduty", answer(401, { error: { message: "Unauthorized" } }), "refused", /Unauthorized/],
    ["pagerduty", answer(429, { error: { message: "Too Many Requests" } }), "again"],
    ["pagerduty_events", answer(202, { status: "success", dedup_key: "k" }), "sent"],
    [
      "pagerduty_events",
      answer(400, { message: "Event object is invalid", errors: ["'routing_key' is missing"] }),
      "refused",
      /Event object is invalid: 'routing_key' is missing/,
    ],
    ["pagerduty_events", answer(429, ""), "again"],
    ["pagerduty_events", answer(500, ""), "again"],
    ["ntfy", answer(200, { id: "x", event: "message" }), "sent"],
    ["ntfy", answer(401, { code: 40101, http: 401, error: "unauthorized" }), "refused"],
    ["ntfy", answer(403, { code: 40301, http: 403, error: "forbidden" }), "refused", /forbidden/],
    ["ntfy", answer(429, { code: 42901, http: 429, error: "limit reached" }), "again"],
    ["ntfy", answer(404, "404 page not found"), "again"],
    ["ntfy", answer(410), "gone"],
    ["gotify", answer(200, { id: 1 }), "sent"],
    ["gotify", answer(404, "<html>no backend</html>"), "again"],
    [
      "gotify",
      answer(401, { error: "Unauthorized", errorCode: 401, errorDescription: "a valid token" }),
      "refused",
      /401: Unauthorized: a valid token/,
    ],
    ["telegram", answer(200, { ok: true, result: {} }), "sent"],
    ["telegram", answer(200, "<html></html>"), "refused"],
    [
      "telegram",
      answer(400, { ok: false, error_code: 400, description: "Bad Request: chat not found" }),
      "refused",
      /chat not found/,
    ],
    [
      "telegram",
      answer(400, {
        ok: false,
        description: "Bad Request: group chat was upgraded to a supergroup chat",
        parameters: { migrate_to_chat_id: -1009 },
      }),
      "refused",
      /chat_id is -1009/,
    ],
    ["telegram", answer(401, { ok: false, description: "Unauthorized" }), "refused"],
    [
      "telegram",
      answer(403, { ok: false, description: "Forbidden: bot was blocked by the user" }),
      "gone",
      /blocked by the user/,
    ],
    ["telegram", answer(404, { ok: false, description: "Not Found" }), "gone"],
    ["telegram", answer(429, { ok: false, parameters: { retry_after: 30 } }), "again"],
  ];

Deno.test("outcome() reads what each provider answers, its error forms included", () => {
  for (const [kind, given, type, why] of ANSWERS) {
    const outcome = PROVIDERS[kind].outcome(given);
    const name = `${kind} ${given.status} ${given.text}`;
    assert.equal(outcome.type, type, name);
    if (outcome.type !== "sent") assert.match(outcome.why, why ?? /answered/, name);
  }
});

Deno.test("outcome() waits as long as a provider asks, wherever it says so", () => {
  const waits = (kind: ChannelKind) =>
    ANSWERS.filter(([of, , type]) => of === kind && type === "again").map(([, given]) => {
      const outcome = PROVIDERS[kind].outcome(given);
      return outcome.type === "again" ? outcome.wait_ms : null;
    });
  assert.deepEqual(waits("slack"), [30_000, 0]);
  assert.deepEqual(waits("teams"), [30_000, 0]);
  assert.deepEqual(waits("discord"), [29_700]);
  assert.deepEqual(waits("telegram"), [30_000]);
});

Deno.test("outcome() makes one short line of whatever comes, and is never led to more", () => {
  const texts = [
    "",
    "null",
    "[]",
    '{"error":{"message":["x"],"errors":[1,{}]},"message":7,"parameters":3}',
    "\u0000\u202e\r\n".repeat(5000),
    `{"ok":false,"error":${JSON.stringify("x".repeat(9000))}}`,
  ];
  for (const kind of CHANNEL_KINDS) {
    for (const status of [200, 201, 204, 301, 400, 401, 404, 429, 500, 599]) {
      for (const text of texts) {
        const outcome = PROVIDERS[kind].outcome(answer(status, text));
        if (outcome.type === "sent") assert(status < 300);
        else assert.match(outcome.why, /^[^\p{Cc}\p{Cf}]{1,700}$/u);
      }
    }
  }
});

const pagerduty = addressee("pagerduty");

Deno.test("Telegram: a group that got another number is told under that one, and nobody else", () => {
  const moved = (to: unknown) =>
    answer(400, {
      ok: false,
      description: "Bad Request: group chat was upgraded to a supergroup chat",
      parameters: { migrate_to_chat_id: to },
    });
  const asked = (to: unknown) =>
    told(addressee("telegram"), card("requested"), ({ body }) => {
      const { chat_id } = body as { chat_id: string };
      return chat_id === "-100123" ? moved(to) : answer(200, { ok: true });
    });
  const { outcome, requests } = asked(-1009);
  assert.equal(outcome.type, "sent");
  const chats = requests.map(({ body }) => (body as { chat_id: string }).chat_id);
  assert.deepEqual(chats, ["-100123", "-1009"]);
  assert.deepEqual(requests[1]?.url, requests[0]?.url);
  // Once, and nothing that is no number of a chat.
  const round = told(addressee("telegram"), card("requested"), () => moved(-1009));
  assert.deepEqual([round.outcome.type, round.requests.length], ["refused", 2]);
  for (const to of ["-1009", 1.5, 2 ** 60, "@evil", null, {}]) {
    assert.deepEqual([asked(to).outcome.type, asked(to).requests.length], ["refused", 1]);
  }
});

Deno.test("PagerDuty: a request is one incident, resolved by its id when decided, cancelled or revoked", () => {
  for (const news of ["approved", "denied", "cancelled", "revoked"] satisfies CardNews[]) {
    const service = new PagerDutyService();
    const opened = told(pagerduty, card("requested"), service.answer);
    assert.deepEqual(opened.outcome, { type: "sent" });
    assert.equal(opened.incident, "P1");
    assert.deepEqual(service.incidents, [{
      id: "P1",
      key: "countersign:apr_1",
      title: "Approval wanted: delete_server (REF-ABCD1234-EF56)",
      urgency: "default",
      status: "triggered",
    }]);
    // Level 2 is the same incident, and asks PagerDuty nothing.
    const known = { incident: opened.incident, tried: false };
    const second = told(pagerduty, card("escalated"), service.answer, known);
    assert.deepEqual([second.outcome.type, second.requests.length], ["sent", 0]);

    const ended = told(pagerduty, card(news), service.answer, known);
    assert.deepEqual(ended.requests.map(({ method, url }) => [method, url]), [
      ["PUT", "https://api.pagerduty.com/incidents/P1"],
    ]);
    assert.deepEqual(ended.outcome, { type: "sent" });
    assert.deepEqual(service.incidents.map(({ status }) => status), ["resolved"]);
    // Told twice it stays resolved, and that is no failure.
    assert.deepEqual(told(pagerduty, card(news), service.answer, known).outcome, { type: "sent" });
  }
});

Deno.test("PagerDuty: an incident that exists already is found, and never opened a second time", () => {
  const service = new PagerDutyService();
  told(pagerduty, card("requested"), service.answer);
  // The answer was lost; another node asks without knowing of any try.
  const found = told(pagerduty, card("requested"), service.answer);
  assert.deepEqual(found.outcome, { type: "sent" });
  assert.equal(found.incident, "P1");
  // A try before is known of: it is looked for first, so that one resolved there meanwhile counts.
  for (const incident of service.incidents) incident.status = "resolved";
  const again = told(pagerduty, card("requested"), service.answer, { incident: null, tried: true });
  assert.deepEqual(again.requests.map(({ method }) => method), ["GET"]);
  assert.equal(again.incident, "P1");
  assert.equal(service.incidents.length, 1);
});

Deno.test("PagerDuty: what was opened by a lost try is found by its key when it is to be resolved", () => {
  const service = new PagerDutyService();
  told(pagerduty, card("requested"), service.answer);
  const ended = told(pagerduty, card("denied"), service.answer);
  assert.deepEqual(ended.requests.map(({ method }) => method), ["GET", "PUT"]);
  assert.equal(service.incidents[0]?.status, "resolved");
  // Of what was never opened nothing is to be resolved, and resolving opens nothing.
  const none = new PagerDutyService();
  assert.deepEqual(told(pagerduty, card("denied"), none.answer).outcome, { type: "sent" });
  assert.equal(none.incidents.length, 0);
  // An API that looks for something else leads to no incident of others.
  const others = told(
    pagerduty,
    card("denied"),
    () => answer(200, { incidents: [{ id: "POTHER", incident_key: "another" }] }),
  );
  assert.deepEqual([others.outcome.type, others.requests.length], ["sent", 1]);
});

Deno.test("PagerDuty: an expiry is a new incident of high urgency, once, and ends the first", () => {
  const service = new PagerDutyService();
  const { incident } = told(pagerduty, card("requested"), service.answer);
  const known = { incident, tried: false };
  for (const tried of [false, true, true]) {
    const told_ = told(pagerduty, card("expired"), service.answer, { ...known, tried });
    assert.deepEqual(told_.outcome, { type: "sent" });
    assert.equal(told_.incident, "P1");
  }
  assert.deepEqual(service.incidents.map(({ key, urgency, status }) => [key, urgency, status]), [
    ["countersign:apr_1", "default", "resolved"],
    ["countersign:apr_1:expired", "high", "triggered"],
  ]);
  // Where the first was never opened, the new one does not pass for it.
  const alone = new PagerDutyService();
  for (const tried of [false, true]) {
    const { incident: first } = told(pagerduty, card("expired"), alone.answer, {
      incident: null,
      tried,
    });
    assert.equal(first, null);
  }
  assert.deepEqual(alone.incidents.map(({ status }) => status), ["triggered"]);
});

Deno.test("PagerDuty: a wrong key, an outage and a region are what they are", () => {
  const service = new PagerDutyService();
  const wrong = { ...pagerduty, secret: "wrong" };
  for (const news of ALL_NEWS) {
    assert.equal(told(wrong, card(news), service.answer).outcome.type, "refused", news);
    const down = told(pagerduty, card(news), () => answer(503));
    assert.deepEqual([down.outcome.type, down.requests.length], ["again", 1], news);
  }
  const [request] = told(
    addressee("pagerduty", { region: "eu" }),
    card("requested"),
    service.answer,
  ).requests;
  assert.equal(request?.url, "https://api.eu.pagerduty.com/incidents");
  assert.equal(request?.headers["from"], "oncall@example.com");
});

Deno.test("PagerDuty events: one key triggers and resolves; an expiry has its own", () => {
  const to = addressee("pagerduty_events");
  const sent = (news: CardNews) =>
    told(to, card(news), () => answer(202, {})).requests.map(({ url, body }) => {
      assert.equal(url, "https://events.pagerduty.com/v2/enqueue");
      const { routing_key, event_action, dedup_key } = body as Record<string, string>;
      assert.equal(routing_key, SECRET);
      return [event_action, dedup_key];
    });
  const key = "countersign:apr_1";
  assert.deepEqual(sent("requested"), [["trigger", key]]);
  assert.deepEqual(sent("escalated"), [["trigger", key]]);
  for (const news of ["approved", "denied", "cancelled", "revoked"] satisfies CardNews[]) {
    assert.deepEqual(sent(news), [["resolve", key]]);
  }
  assert.deepEqual(sent("expired"), [["trigger", `${key}:expired`], ["resolve", key]]);
  assert.deepEqual(sent("test").map(([action]) => action), ["trigger", "resolve"]);
});

Deno.test("ntfy and Gotify say what presses; both keep to a path, a token and plain text", () => {
  const ntfy = (news: CardNews) => {
    const { url, headers } = PROVIDERS.ntfy.render(card(news), addressee("ntfy") as never);
    assert.equal(url, "https://ntfy.example/approvals");
    assert.equal(headers["authorization"], `Bearer ${SECRET}`);
    return headers["priority"];
  };
  assert.deepEqual(
    ["requested", "escalated", "approved", "expired"].map((news) => ntfy(news as CardNews)),
    ["3", "4", "3", "4"],
  );
  const open = { ...addressee("ntfy"), secret: "" };
  assert.equal(
    PROVIDERS.ntfy.render(card("test"), open as never).headers["authorization"],
    undefined,
  );
  const { title } =
    PROVIDERS.ntfy.render(card("requested", { tool: "löschen" }), open as never).headers;
  const [, encoded = ""] = /^=\?UTF-8\?B\?(.*)\?=$/.exec(title ?? "") ?? [];
  const text = new TextDecoder().decode(Uint8Array.fromBase64(encoded));
  assert.equal(text, "Approval wanted: löschen (REF-ABCD1234-EF56)");
  const { url, headers } = PROVIDERS.gotify.render(card("test"), addressee("gotify") as never);
  assert.equal(url, "https://gotify.example/push/message");
  assert.equal(headers["x-gotify-key"], SECRET);
});

Deno.test("a reason is cut at 200 characters, and a card keeps to each provider's limits", () => {
  const long = { reason: "🎉`<&".repeat(900), tool: "t`<&".repeat(900) };
  assert.equal([...card("requested", long).reason].length, MAX_REASON);
  for (const kind of CHANNEL_KINDS) {
    for (const news of ALL_NEWS) {
      const [request] = told(addressee(kind), card(news, long), () => answer(404)).requests;
      const size = JSON.stringify(request?.body ?? "").length;
      assert(size < 8000, `${kind} ${news}: ${size}`);
      assert(JSON.stringify(request?.body ?? "").isWellFormed());
    }
  }
});
