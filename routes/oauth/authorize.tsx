import type { VNode } from "preact";
import { z } from "zod";
import { Badge } from "../../components/badges.tsx";
import { Bare } from "../../components/bare.tsx";
import { ButtonLink } from "../../components/button.tsx";
import { Form } from "../../components/form.tsx";
import { Definitions, Notice } from "../../components/layout.tsx";
import { absoluteWords } from "../../components/time.tsx";
import { ProgramName, UntrustedText } from "../../components/untrusted.tsx";
import Consent from "../../islands/consent.tsx";
import type { Tickable } from "../../islands/consent.tsx";
import SignIn from "../../islands/sign_in.tsx";
import type { JsonValue } from "../../lib/base/json.ts";
import { visibleText } from "../../lib/base/text.ts";
import type { PresentedSession } from "../../lib/identity/sessions.ts";
import {
  answerUrl,
  type Asked,
  type AuthorizeRequest,
  beginConsent,
  MAX_QUERY,
  namesDocument,
  readAuthorizeRequest,
} from "../../lib/oauth/authorize.ts";
import { allowConsent, type ConsentOrg, consentOrgs } from "../../lib/oauth/consent.ts";
import { type RedirectTarget, redirectTarget } from "../../lib/oauth/redirect_uri.ts";
import { assertionResponse } from "../../lib/passkeys/responses.ts";
import { MAX_ORGS } from "../../lib/people/membership.ts";
import { accountEmail } from "../../lib/people/sessions.ts";
import type { OAuthClient } from "../../lib/services.ts";
import { type Scope, SCOPES } from "../../lib/store/records/oauth.ts";
import type { BrowserCall } from "../dashboard/browser_call.ts";
import { accountEndpoint, type Endpoint, publicEndpoint } from "../dashboard/endpoint.ts";
import { bareDocument, errorDocument } from "../dashboard/frame.tsx";
import { errorResponse } from "../dashboard/serve_page.tsx";
import { ONE_ORG, upstreamOfResource } from "../../lib/oauth/scopes.ts";
import { SCOPE_WORDS } from "../fields/scopes.ts";
import { securityHeaders } from "../http/headers.ts";
import { logFailure, refusalOf } from "../http/serve.ts";
import { OAUTH_PATHS } from "./endpoints.ts";

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
    path: "/oauth/consent/finish",
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

interface ConsentPageProps {
  readonly request: AuthorizeRequest;
  /** Of the request's URL, without `?`. */
  readonly query: string;
  /** This page's own address. */
  readonly path: string;
  readonly orgs: readonly ConsentOrg[];
  /** Of whoever is signed in. */
  readonly email: string;
  /** Where the browser goes when the person says no. */
  readonly deny: string;
}

/** Asks a person whether a client may act for them: who asks, where the answer goes, and what for. */
function ConsentPage({ request, query, path, orgs, email, deny }: ConsentPageProps) {
  const { client, redirect_uri, code_challenge, resource, scopes } = request;
  const target = redirectTarget(redirect_uri);
  const upstream = upstreamOfResource(resource);
  const ofOne = scopes.some((scope) => ONE_ORG.has(scope));
  return (
    <Bare
      title="Connect a program"
      lead={
        <>
          The program <ProgramName name={client.name} /> asks to act for you in Countersign.
        </>
      }
      foot={
        <Form do="sign_out" action="/sign-out" hidden={{ to: path }}>
          Signed in as <UntrustedText text={email} />.{" "}
          <button type="submit" class="link-button">Use another account</button>
        </Form>
      }
    >
      <Definitions
        items={[
          { term: "Calls itself", value: <ProgramName name={client.name} /> },
          { term: "Known as", value: <KnownAs client={client} target={target} /> },
          { term: "Answer goes to", value: <UntrustedText text={target.shown} mono /> },
          ...(upstream === null ? [] : [{
            term: "Tools of",
            value: (
              <>
                the server <UntrustedText text={upstream} mono /> alone
              </>
            ),
          }]),
        ]}
      />
      <Doubt client={client} target={target} />
      {orgs.length === 0
        ? (
          <>
            <p>You are in no organization, so there is nothing that it could do for you.</p>
            <p>
              <ButtonLink href={deny} rel="noreferrer">Go back</ButtonLink>
            </p>
          </>
        )
        : (
          <Consent
            facts={{ client_id: client.id, redirect_uri, code_challenge, resource }}
            request={query}
            scopes={scopes.map((scope) => scopeBox(scope, orgs))}
            orgs={orgs.map((org) => orgBox(org, scopes, orgs.length === 1))}
            ofOne={ofOne}
            deny={deny}
            target={visibleText(target.shown)}
          />
        )}
      <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
    </Bare>
  );
}

interface Asker {
  readonly client: OAuthClient;
  readonly target: RedirectTarget;
}

/** Whether somebody vouches for who asks: its domain does, where the answer goes to a host as well. */
function isVerified({ client, target }: Asker): boolean {
  return client.kind === "metadata_document" && target.kind === "host";
}

function KnownAs(asker: Asker) {
  const { host } = asker.client;
  return (
    <span class="badges">
      {isVerified(asker)
        ? <Badge tone="success" icon="check">domain verified</Badge>
        : <Badge tone="warning" icon="warning">unverified</Badge>}
      {host !== null && <UntrustedText text={host} mono />}
    </span>
  );
}

/** What a person should think of before they believe the name. */
function Doubt(asker: Asker) {
  const { client: { host }, target: { shown } } = asker;
  if (isVerified(asker)) {
    if (host === null || shown === host || shown.endsWith(`.${host}`)) return null;
    // Many a host has documents of anybody: what it vouches for ends with its own addresses.
    return (
      <Notice tone="warning" live={false}>
        The answer goes to{" "}
        <UntrustedText text={shown} mono />. That is another address than the one that vouches for
        the program, and <UntrustedText text={host} mono />{" "}
        does not answer for it. Go on only if you know that both are theirs.
      </Notice>
    );
  }
  return (
    <Notice tone="warning" live={false}>
      {asker.target.kind === "host"
        ? "Unverified: it registered itself, so anybody could be asking under this name. Go on only if you have just begun this at the address that the answer goes to."
        : "Unverified: any program on this computer could be asking. Go on only if you have just begun this yourself."}
    </Notice>
  );
}

function scopeBox(scope: Scope, orgs: readonly ConsentOrg[]): Tickable {
  const { label, hint } = SCOPE_WORDS[scope];
  const possible = orgs.some((org) => org.scopes.includes(scope));
  return {
    value: scope,
    label,
    hint: possible ? hint : "Your role does not include this.",
    ticked: possible,
    disabled: !possible,
  };
}

function orgBox(org: ConsentOrg, asked: readonly Scope[], alone: boolean): Tickable {
  const reached = asked.filter((scope) => org.scopes.includes(scope));
  const possible = reached.length > 0 && org.held_until === null;
  return {
    value: org.id,
    label: visibleText(org.name),
    hint: orgHint(org, asked, reached),
    ticked: alone && possible,
    disabled: !possible,
  };
}

function orgHint(
  { role, held_until }: ConsentOrg,
  asked: readonly Scope[],
  reached: readonly Scope[],
): string {
  if (held_until !== null) {
    return `Not before ${absoluteWords(held_until)}: your account was recovered lately.`;
  }
  const own = `Your role: ${role}`;
  const beyond = asked.filter((scope) => !reached.includes(scope));
  if (beyond.length === 0) return own;
  return `${own}, which does not include: ${
    beyond.map((scope) => SCOPE_WORDS[scope].label.toLowerCase()).join(", ")
  }`;
}
