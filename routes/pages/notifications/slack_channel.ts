import { z } from "zod";
import { pagePath } from "../../../lib/base/page_path.ts";
import { beginSlackConnect, finishSlackConnect } from "../../../lib/channels/slack_connect.ts";
import { SCOPES } from "../../../lib/store/records/endpoint.ts";
import { leadingPage, LeadsOn } from "../../dashboard/page.ts";

/**
 * Add to Slack: the address that leads a member to Slack, and the one that they come back to. Both
 * lead on at once; what a member sees of them is that a passkey is asked for, or what went wrong.
 */

/** To Slack, once who may has shown their passkey. */
export const slackConnectPage = leadingPage({
  path: "/channels/slack/connect",
  title: "Add to Slack",
  section: "notifications",
  needs: "configure",
  query: z.object({ scope: z.enum(SCOPES).default("team") }),
  load: async (call) =>
    new LeadsOn(await call.transact(beginSlackConnect(call.services, call.query.scope))),
});

/** Back from Slack, which may say more than is looked at. */
export const slackCallbackPage = leadingPage({
  path: "/channels/slack/callback",
  title: "Add to Slack",
  section: "notifications",
  needs: "configure",
  query: z.object({
    state: z.string().optional(),
    code: z.string().optional(),
    error: z.string().optional(),
  }),
  load: async (call) => {
    const { id: request_id, org, session, services, query } = call;
    const { id, name } = await finishSlackConnect(services, { org, session, request_id }, query);
    const to = pagePath("/notifications/channels/:id", { id });
    return new LeadsOn(to, `“${name}” at Slack is told of requests from now on.`);
  },
});
