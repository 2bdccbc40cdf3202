import { z } from "zod";
import { SESSION_LIFE_MS } from "../../lib/identity/sessions.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import { assertionResponse } from "../../lib/passkeys/responses.ts";
import type { Handout } from "../../lib/people/ceremonies.ts";
import { beginSignIn, signIn } from "../../lib/people/sign_in.ts";
import { beginStepUp, stepUp } from "../../lib/people/step_up.ts";
import { RIGHTS } from "../../lib/policy/rights.ts";
import type { Services } from "../../lib/services.ts";
import { liveStream } from "../dashboard/live.ts";
import { accountEndpoint, type Endpoint, memberEndpoint, publicEndpoint } from "../endpoint.ts";
import { localPath } from "../local_path.ts";
import { withQuery } from "../page_query.ts";
import { ADD_PASSKEY_PATH } from "./security_paths.ts";

/** Where a person goes on after signing in, as the address of the sign-in page had it. */
const to = z.string().max(4000).optional();

const answer = { nonce: z.string().max(64), response: assertionResponse };

/** The ceremonies of a session: it begins with one, and another makes it fresh. */
export const sessionEndpoints: readonly Endpoint[] = [
  publicEndpoint({
    method: "post",
    path: "/session/sign-in",
    body: z.strictObject({ to }),
    handle: async ({ services, flow }) => handed(await beginSignIn(services, flow)),
  }),
  publicEndpoint({
    method: "post",
    path: "/session/sign-in/finish",
    body: z.strictObject({ to, ...answer }),
    async handle(call) {
      const { services, flow, session: replaces, client, body } = call;
      const { nonce, response } = body;
      const entered = await signIn(services, { flow, nonce, response, replaces }, client);
      call.signIn(entered.secret, SESSION_LIFE_MS / 1000);
      const next = nextPath(services, body.to ?? null, entered.session.org);
      // A phone's passkey on somebody else's desk: one of this device's own saves the next code.
      return { to: entered.cross_device ? withQuery(ADD_PASSKEY_PATH, { to: next }) : next };
    },
  }),
  // What every page of a member follows that follows nothing else: it ends with the right by which
  // the page was shown.
  memberEndpoint({
    method: "get",
    path: "/session/live",
    isWatch: true,
    needs: "see_requests",
    query: z.strictObject({ right: z.enum(RIGHTS) }),
    handle: (call) => {
      const { right } = call.query;
      const look = () => call.transact({ plan: () => null }, right);
      return Promise.resolve(liveStream(call, {}, look));
    },
  }),
  accountEndpoint({
    method: "post",
    path: "/session/fresh",
    body: z.strictObject({}),
    handle: async ({ services, session }) => handed(await beginStepUp(services, session)),
  }),
  accountEndpoint({
    method: "post",
    path: "/session/fresh/finish",
    body: z.strictObject(answer),
    async handle({ services, session, body, client }) {
      const { fresh_until } = await stepUp(services, session, body, client);
      return { fresh_until: new Date(fresh_until).toISOString() };
    },
  }),
];

function nextPath({ settings }: Services, wanted: string | null, org: string | null): string {
  const path = localPath(wanted, settings.url);
  return path ?? (org === null ? "/organizations" : "/");
}

function handed<Options>({ nonce, options }: Handout<Options>): JsonObject {
  // Plain JSON by its type's own name: WebAuthn's JSON forms.
  return { nonce, options: options as unknown as JsonObject };
}
