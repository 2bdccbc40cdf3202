import type { VNode } from "preact";
import { z } from "zod";
import { Bare } from "../../components/bare.tsx";
import { ButtonLink } from "../../components/button.tsx";
import { ProgramName } from "../../components/program_name.tsx";
import { UntrustedText } from "../../components/untrusted_text.tsx";
import SignIn from "../../islands/sign_in.tsx";
import type { PresentedSession } from "../../lib/identity/sessions.ts";
import type { JsonValue } from "../../lib/json/json_value.ts";
import {
  type Asked,
  type AuthorizeRequest,
  MAX_QUERY,
  namesDocument,
  readAuthorizeRequest,
} from "../../lib/oauth/authorize.ts";
import { answerUrl } from "../../lib/oauth/authorize_answer.ts";
import { beginConsent } from "../../lib/oauth/begin_consent.ts";
import { allowConsent } from "../../lib/oauth/consent.ts";
import { consentOrgs, MAX_ORGS } from "../../lib/oauth/consent_orgs.ts";
import { redirectTarget } from "../../lib/oauth/redirect_uri.ts";
import { assertionResponse } from "../../lib/passkeys/responses.ts";
import { SCOPES } from "../../lib/store/records/oauth.ts";
import type { BrowserCall } from "../dashboard/browser_call.ts";
import { bareDocument, errorDocument } from "../dashboard/frame.tsx";
import { errorResponse } from "../dashboard/serve_page.tsx";
import { accountEndpoint, type Endpoint, publicEndpoint } from "../endpoint.ts";
import { securityHeaders } from "../http/headers.ts";
import { logFailure, refusalOf } from "../http/serve.ts";
import { accountEmail } from "../pages/account_email.ts";
import { ConsentPage } from "./consent_page.tsx";
import { OAUTH_PATHS } from "./metadata.ts";

const CONSENT_PATH = "/oauth/consent";

/** Where a client sends people, and what the page there asks for when they allow it. */
export const authorizeEndpoints: readonly Endpoint[] = [
  publicEndpoint({ method: "get", path: OAUTH_PATHS.authorize, handle: authorize }),
  accountEndpoint({
    method: "post",
    path: CONSENT_PATH,
    body: z.strictObject({ request: z.string().max(MAX_QUERY) }),
    async handle({ services, session, body }) {
      const { nonce, options } = await beginConsent(services, session, body.request);
      // Plain JSON by its type's own name: WebAuthn's JSON forms.
      return { nonce, options: options as unknown as JsonValue };
    },
  }),
  accountEndpoint({
    method: "post",
    path: `${CONSENT_PATH}/finish`,
    body: z.strictObject({
      nonce: z.string().max(64),
      scopes: z.array(z.enum(SCOPES)).max(SCOPES.length),
      orgs: z.array(z.string().max(64)).max(MAX_ORGS),
      response: assertionResponse,
    }),
    async handle({ services, session, body, client }) {
      return { ...await allowConsent(services, session, body, client) };
    },
  }),
];

/**
 * Answers a person whom a client sent here. Whoever is not signed in signs in first, on this very
 * page: only to a person is an error sent on to the client, or a stranger could use this server to
 * lead people anywhere (RFC 9700 section 4.11.2).
 */
async function authorize(call: BrowserCall): Promise<Response> {
  const { services, session, id } = call;
  try {
    const { search } = new URL(call.request.url);
    // For nobody this server asks a host that a link names, or keeps what it answers.
    if (session === null && search.length <= MAX_QUERY && namesDocument(search)) {
      return page(call, "Sign in", signIn(null, search));
    }
    const asked = await readAuthorizeRequest(services, search);
    if ("unanswerable" in asked) return unanswerable(call, asked.unanswerable);
    if (session === null) return page(call, "Sign in", signIn(asked, search));
    if ("refused" in asked) return refused(call, asked);
    return await consent(call, session, asked.request, search);
  } catch (error) {
    const refusal = refusalOf(error);
    logFailure(services, error, refusal, { id, route: OAUTH_PATHS.authorize });
    return errorResponse(services, refusal, id);
  }
}

async function consent(
  call: BrowserCall,
  { record: { account } }: PresentedSession,
  request: AuthorizeRequest,
  search: string,
): Promise<Response> {
  const { services } = call;
  const denied = { error: "access_denied", error_description: "The person said no." } as const;
  const body = (
    <ConsentPage
      request={request}
      query={search.slice(1)}
      path={OAUTH_PATHS.authorize + search}
      orgs={await consentOrgs(services, account)}
      email={await accountEmail(services, account)}
      deny={answerUrl(request, denied, services.settings.url.origin)}
    />
  );
  return page(call, "Connect a program", body);
}

function signIn(asked: Exclude<Asked, { unanswerable: string }> | null, search: string): VNode {
  const lead = asked !== null && "request" in asked
    ? (
      <>
        The program <ProgramName name={asked.request.client.name} />{" "}
        asks to act for you. Sign in to see what it wants.
      </>
    )
    : "A program asks to act for you. Sign in to go on.";
  return (
    <Bare title="Sign in" lead={lead} foot={<a href="/recover">Lost your passkeys?</a>}>
      <SignIn to={OAUTH_PATHS.authorize + search} />
      <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
    </Bare>
  );
}

/** What is answered by no redirect: it is not known whose it is. */
function unanswerable({ services, id }: BrowserCall, detail: string): Response {
  const html = errorDocument({
    title: "This connection cannot be made",
    detail: `${detail} Nothing was granted, and nothing was sent to anybody.`,
    request_id: id,
  });
  return new Response(html, { status: 400, headers: headersOf(services.settings.url) });
}

/**
 * Tells the client what is wrong with its request. To this computer at once; to anywhere else the
 * person goes by a link that names the place: anybody may have registered it, and could lead people
 * there by links to this server that are wrong on purpose.
 */
function refused(
  call: BrowserCall,
  { refused: error, description, answer_to }: Extract<Asked, { refused: unknown }>,
): Response {
  const { origin } = call.services.settings.url;
  const location = answerUrl(answer_to, { error, error_description: description }, origin);
  const target = redirectTarget(answer_to.redirect_uri);
  if (target.kind === "this_computer") return elsewhere(call, location);
  const title = "The program asked in a wrong way";
  const body = (
    <Bare title={title} lead={<>{description} Nothing was granted.</>}>
      <p>
        If you have just begun this at{" "}
        <UntrustedText text={target.shown} mono />, go back there: it is told what is wrong.
        Otherwise close this window.
      </p>
      <p>
        <ButtonLink href={location} rel="noreferrer">
          Go back to <UntrustedText text={target.shown} />
        </ButtonLink>
      </p>
    </Bare>
  );
  return page(call, title, body, 400);
}

function page({ services }: BrowserCall, title: string, body: VNode, status = 200): Response {
  const html = bareDocument({ title, body, notice: null });
  return new Response(html, { status, headers: headersOf(services.settings.url) });
}

function elsewhere({ services }: BrowserCall, location: string): Response {
  const headers = { ...headersOf(services.settings.url), location };
  return new Response(null, { status: 303, headers });
}

function headersOf(url: URL): Record<string, string> {
  return {
    ...securityHeaders(url),
    "content-type": "text/html; charset=utf-8",
    // Hosts open this page as a popup and wait for it: cut off from them, they take it for closed.
    // What they can do with the window is lead it elsewhere, where no passkey of this site works.
    "cross-origin-opener-policy": "unsafe-none",
  };
}
