import { memberOf } from "../base/json.ts";
import { pagePath } from "../base/page_path.ts";
import { visibleLine } from "../base/text.ts";
import { asking } from "../endpoints/ask.ts";
import { asMember, type MemberOperation } from "../identity/acting.ts";
import { secretHash } from "../identity/credentials.ts";
import { demand } from "../identity/deeds.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { StrangerFetchFailed } from "../outside/http_answer.ts";
import { Refusal } from "../refusal.ts";
import type { ChannelApis, Services, Settings } from "../services.ts";
import { slackStateKey } from "../store/news_keys.ts";
import {
  type ChannelRecord,
  type SlackStateRecord,
  slackStateRecord,
} from "../store/records/channel.ts";
import { APPROVAL_EVENTS } from "../store/records/event.ts";
import { createChannel } from "./channels.ts";
import { jsonIn, textAt } from "./provider.ts";

/**
 * Add to Slack: a member chooses a channel at Slack, which answers with the address of a webhook for
 * it (OAuth v2, with the one scope `incoming-webhook`). The state that goes there and comes back is
 * bound to the session that went, good once, for ten minutes.
 */

const STATE_MS = 10 * 60 * 1000;

const DEED = "Telling a Slack channel of requests";

/** Of what the new channel is told. */
export type SlackScope = ChannelRecord["scope"];

/**
 * Where a member goes to choose the channel.
 * @throws {Refusal} not_found where the operator has set no Slack app, role_required, recovery_held,
 *   fresh_assertion_required
 */
export function beginSlackConnect(
  { settings }: Pick<Services, "settings">,
  scope: SlackScope,
): MemberOperation<void, string> {
  const app = slackApp(settings.channels);
  return {
    plan(transaction, caller) {
      demand(caller, "send_outside", DEED);
      const { deps, now, snapshot } = transaction;
      const state = deps.random(32).toBase64({ alphabet: "base64url", omitPadding: true });
      const record: SlackStateRecord = {
        session: caller.session_id,
        scope,
        ends_at: now + STATE_MS,
      };
      const key = slackStateKey(snapshot.orgId, secretHash(state));
      transaction.set(key, record, { expireIn: STATE_MS });
      const url = new URL("../oauth/v2/authorize", `${settings.channels.slack}/`);
      url.search = String(
        new URLSearchParams({
          client_id: app.id,
          scope: "incoming-webhook",
          redirect_uri: callbackUrl(settings),
          state,
        }),
      );
      return url.href;
    },
  };
}

/** What Slack sends a member back with. */
export interface SlackAnswer {
  readonly state?: string | undefined;
  readonly code?: string | undefined;
  readonly error?: string | undefined;
}

/**
 * Makes the channel that a member chose at Slack.
 * @throws {Refusal} slack_not_connected, too_many_channels, role_required, recovery_held,
 *   fresh_assertion_required, and what ends a session
 */
export async function finishSlackConnect(
  services: Pick<Services, "deps" | "ledgers" | "settings">,
  { org, session, request_id }: {
    readonly org: string;
    readonly session: PresentedSession;
    readonly request_id: string;
  },
  { state = "", code = "", error }: SlackAnswer,
): Promise<ChannelRecord> {
  const { ledgers, settings } = services;
  const app = slackApp(settings.channels);
  const hash = secretHash(state);
  const scope = await ledgers.transact(org, asMember(session, "configure", takeState(hash)));
  if (error !== undefined || code === "") {
    throw new Refusal("slack_not_connected", { why: "was told not to: nothing was added" });
  }
  const { name, url } = await exchange(services, app, code);
  const asked = {
    name,
    kind: "slack",
    secret: url,
    fields: {},
    events: APPROVAL_EVENTS,
    scope,
  } as const;
  const write = { request_id, named: settings.private_hosts };
  return await ledgers.transact(
    org,
    asMember(session, "configure", createChannel(asked, write)),
  );
}

/** Takes what a member left for Slack; it is good once, and in their own session. */
function takeState(hash: string): MemberOperation<SlackStateRecord | null, SlackScope> {
  return {
    async load(reader) {
      const key = slackStateKey(reader.snapshot.orgId, hash);
      return (await reader.get(key, slackStateRecord))?.value ?? null;
    },
    plan(transaction, caller, record) {
      demand(caller, "send_outside", DEED);
      const { now, snapshot } = transaction;
      if (record === null || record.session !== caller.session_id || now >= record.ends_at) {
        const why = "answers something that was not begun in this session within ten minutes";
        throw new Refusal("slack_not_connected", { why });
      }
      transaction.delete(slackStateKey(snapshot.orgId, hash));
      return record.scope;
    },
  };
}

const MAX_ANSWER = 64 * 1024;

const MAX_NAME = 100;

/** Exchanges a code for the address of a webhook. @throws {Refusal} slack_not_connected */
async function exchange(
  { deps, settings }: Pick<Services, "deps" | "settings">,
  app: NonNullable<ChannelApis["slack_app"]>,
  code: string,
): Promise<{ readonly name: string; readonly url: string }> {
  const form = new URLSearchParams({
    client_id: app.id,
    client_secret: app.secret,
    code,
    redirect_uri: callbackUrl(settings),
  });
  const answer = await asking(deps.hosts)({
    url: `${settings.channels.slack}/oauth.v2.access`,
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new TextEncoder().encode(String(form)),
    wanted: MAX_ANSWER,
  }).catch((error) => {
    if (!(error instanceof StrangerFetchFailed)) throw error;
    throw new Refusal("slack_not_connected", { why: "did not answer" });
  });
  const json = jsonIn({ text: new TextDecoder().decode(answer.body) });
  const webhook = memberOf(json, "incoming_webhook");
  const url = memberOf(webhook, "url");
  if (memberOf(json, "ok") !== true || typeof url !== "string") {
    const word = /^[a-z_]{1,64}$/.exec(textAt(json, "error"))?.[0] ?? `status ${answer.status}`;
    throw new Refusal("slack_not_connected", { why: `answered ${word}` });
  }
  const name = visibleLine(textAt(webhook, "channel"), MAX_NAME);
  return { name: name === "" ? "Slack" : name, url };
}

/** @throws {Refusal} not_found */
function slackApp({ slack_app }: ChannelApis): NonNullable<ChannelApis["slack_app"]> {
  if (slack_app === null) throw new Refusal("not_found", { what: "Slack app of this deployment" });
  return slack_app;
}

function callbackUrl({ url }: Pick<Settings, "url">): string {
  return url.origin + pagePath("/channels/slack/callback");
}
