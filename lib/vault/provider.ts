import * as oauth from "oauth4webapi";
import { joinBytes } from "../base/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { visibleLine } from "../base/text.ts";
import type { HostFetch } from "../deps.ts";
import { StrangerFetchFailed } from "../outside/http_answer.ts";

/**
 * Authorization servers of others, with which this deployment is a client (OAuth 2.1): what they say of
 * themselves, how it is registered there, codes and refresh tokens for tokens. Everything goes through
 * the guarded fetch, so none of it reaches into the operator's own network; nothing is stored here.
 */

/** How long one answer may take, milliseconds: well below a lease. */
const ANSWER_MS = 10_000;

const MAX_ANSWER = 256 * 1024;

/** Whoever issues tokens, as far as it is needed again. */
export interface Issuer {
  readonly issuer: string;
  readonly token_endpoint: string;
}

/** This deployment as a provider knows it. */
export interface ProviderClient {
  readonly id: string;
  /** Null for a public client, which PKCE alone binds. */
  readonly secret: string | null;
  readonly auth: "none" | "client_secret_basic" | "client_secret_post";
}

/** Tokens as a provider gave them. */
export interface Tokens {
  readonly access: string;
  /** Null where it gave none: the one before stays good. */
  readonly refresh: string | null;
  /** How long it lasts, seconds; null where that was not said. */
  readonly expires_in: number | null;
  /** Whose account it is, in the provider's words; null where it was not said. */
  readonly account: string | null;
}

/** Why a provider cannot be connected to. `why` completes a sentence that begins "The provider". */
export class ProviderFailed extends Error {
  constructor(readonly why: string) {
    super(`The provider ${why}.`);
  }
}

/** A provider as its own metadata describe it (RFC 8414, OpenID Connect Discovery). */
export type Metadata = oauth.AuthorizationServer;

/** @throws {ProviderFailed} */
export async function discover(hosts: HostFetch, issuer: string): Promise<Metadata> {
  const url = new URL(issuer);
  let problem = "publishes no metadata that can be used";
  for (const algorithm of ["oauth2", "oidc"] as const) {
    try {
      const answer = await oauth.discoveryRequest(url, { algorithm, ...by(hosts) });
      return await oauth.processDiscoveryResponse(url, answer);
    } catch (error) {
      problem = whyOf(error, problem);
    }
  }
  throw new ProviderFailed(problem);
}

/**
 * The resource that tokens are to be for (RFC 8707), as the server itself names it (RFC 9728); null
 * where it says nothing. @throws {ProviderFailed} where it names other issuers
 */
export async function resourceOf(
  hosts: HostFetch,
  origin: string,
  issuer: string,
): Promise<string | null> {
  const url = new URL(origin);
  let resource: oauth.ResourceServer;
  try {
    const answer = await oauth.resourceDiscoveryRequest(url, by(hosts));
    resource = await oauth.processResourceDiscoveryResponse(url, answer);
  } catch {
    return null;
  }
  const servers = resource.authorization_servers;
  const isNamed = servers === undefined ||
    servers.some((one) => URL.parse(one)?.href === URL.parse(issuer)?.href);
  if (!isNamed) throw new ProviderFailed(`is none that ${origin} takes tokens of`);
  return resource.resource;
}

/** Where a deployment says what it is as the client of one credential: the last part is its id. */
export const CLIENT_PATH = "/oauth/client/";

/**
 * This deployment as the client of one credential, which no other has a consent of: known by a document
 * of its own (Client ID Metadata Documents), so that it need not be registered.
 */
export function documentedClient(origin: string, id: string): ProviderClient {
  return { id: origin + CLIENT_PATH + id, secret: null, auth: "none" };
}

/** The document at that address. It says nothing of whether there is such a credential. */
export function clientDocument(
  { origin, host }: Pick<URL, "origin" | "host">,
  id: string,
  redirect_uri: string,
): JsonObject {
  return {
    client_id: documentedClient(origin, id).id,
    client_uri: origin,
    ...clientFields({ name: `Countersign at ${host}`, redirect_uri }),
    token_endpoint_auth_method: "none",
  };
}

/** Whether a provider takes such documents, from a deployment that it can ask for one. */
export function takesDocument(as: Metadata, origin: string): boolean {
  return as.client_id_metadata_document_supported === true && origin.startsWith("https:");
}

/** What is said of this deployment as a client, in a document and to whoever registers it. */
function clientFields({ name, redirect_uri }: {
  readonly name: string;
  readonly redirect_uri: string;
}) {
  return {
    client_name: name,
    // Of a deployment on the computer itself a provider takes http for that kind alone (RFC 8252).
    application_type: redirect_uri.startsWith("http:") ? "native" : "web",
    redirect_uris: [redirect_uri],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
  };
}

/** Registers this deployment, for one organization alone (RFC 7591). @throws {ProviderFailed} */
export async function register(
  hosts: HostFetch,
  as: Metadata,
  asked: { readonly name: string; readonly redirect_uri: string },
): Promise<ProviderClient> {
  if (as.registration_endpoint === undefined) {
    throw new ProviderFailed(
      "registers no clients by itself: give the credential the client_id that you have there",
    );
  }
  const methods = as.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  const method = methods.includes("none") ? "none" : methods.find(isKnownMethod);
  try {
    const answer = await oauth.dynamicClientRegistrationRequest(as, {
      ...clientFields(asked),
      token_endpoint_auth_method: method ?? "none",
    }, by(hosts));
    const client = await oauth.processDynamicClientRegistrationResponse(answer);
    const secret = typeof client.client_secret === "string" ? client.client_secret : null;
    return clientOf(as, client.client_id, secret, client.token_endpoint_auth_method);
  } catch (error) {
    throw new ProviderFailed(whyOf(error, "did not register this deployment"));
  }
}

/** A client that somebody registered before. */
export function clientOf(
  as: Pick<Metadata, "token_endpoint_auth_methods_supported">,
  id: string,
  secret: string | null,
  method: unknown = null,
): ProviderClient {
  if (secret === null) return { id, secret, auth: "none" };
  const taken = as.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  if (method === "client_secret_post" || method === "client_secret_basic") {
    return { id, secret, auth: method };
  }
  const isPosted = !taken.includes("client_secret_basic") && taken.includes("client_secret_post");
  return { id, secret, auth: isPosted ? "client_secret_post" : "client_secret_basic" };
}

function isKnownMethod(method: string): boolean {
  return method === "client_secret_basic" || method === "client_secret_post";
}

/** What goes to a provider with a person, and is needed when they come back. */
export interface Leaving {
  readonly client_id: string;
  readonly redirect_uri: string;
  readonly state: string;
  readonly verifier: string;
  readonly scope: string | null;
  readonly resource: string;
}

/** Where a person goes to let this deployment in. @throws {ProviderFailed} */
export async function authorizeUrl(as: Metadata, leaving: Leaving): Promise<string> {
  if (as.authorization_endpoint === undefined) {
    throw new ProviderFailed("has no place to which a person could be sent");
  }
  const url = new URL(as.authorization_endpoint);
  const scope = leaving.scope;
  const asked = {
    response_type: "code",
    client_id: leaving.client_id,
    redirect_uri: leaving.redirect_uri,
    state: leaving.state,
    code_challenge: await oauth.calculatePKCECodeChallenge(leaving.verifier),
    code_challenge_method: "S256",
    resource: leaving.resource,
    ...(scope === null ? {} : { scope }),
    // Without it, OpenID providers give no refresh token.
    ...(scope?.split(" ").includes("offline_access") ? { prompt: "consent" } : {}),
  };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  return url.href;
}

/**
 * Tokens for the code that a person came back with. That the answer is of this provider (`iss`, RFC
 * 9207) and to what was asked is looked at before the code is sent. @throws {ProviderFailed}
 */
export async function exchangeCode(
  hosts: HostFetch,
  as: Metadata,
  { client, leaving, answer }: {
    readonly client: ProviderClient;
    readonly leaving: Leaving;
    readonly answer: URLSearchParams;
  },
): Promise<Tokens> {
  try {
    const self = { client_id: client.id };
    const parameters = oauth.validateAuthResponse(as, self, answer, leaving.state);
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      self,
      authOf(client),
      parameters,
      leaving.redirect_uri,
      leaving.verifier,
      { additionalParameters: { resource: leaving.resource }, ...by(hosts) },
    );
    const result = await oauth.processAuthorizationCodeResponse(as, self, response);
    const claims = oauth.getValidatedIdTokenClaims(result);
    const label = claims?.email ?? claims?.preferred_username ?? claims?.sub;
    if (!isSendable(result.access_token)) {
      throw new ProviderFailed("gave no token that can be sent");
    }
    return {
      access: result.access_token,
      refresh: result.refresh_token ?? null,
      expires_in: secondsOf(result.expires_in),
      account: typeof label === "string" ? visibleLine(label, 200) : null,
    };
  } catch (error) {
    throw new ProviderFailed(whyOf(error, "gave no tokens"));
  }
}

/**
 * What became of a refresh token that was sent.
 * - `not_sent`: no byte of it was, or the provider took none (429, 503).
 * - `refused`: it is no good any more, or this client is not.
 * - `unknown`: it may be used up, and nobody has what came of it.
 */
export type Refreshed =
  | { readonly is: "tokens"; readonly tokens: Tokens }
  | { readonly is: "not_sent" | "refused" | "unknown"; readonly says: string };

/** @param beforeSending awaited when the connection stands and nothing was sent; what it throws goes on */
export async function refreshTokens(
  hosts: HostFetch,
  { issuer, client, refresh, resource, beforeSending }: {
    readonly issuer: Issuer;
    readonly client: ProviderClient;
    readonly refresh: string;
    readonly resource: string | null;
    readonly beforeSending: () => Promise<void>;
  },
): Promise<Refreshed> {
  let answer: Response;
  try {
    answer = await oauth.refreshTokenGrantRequest(
      { ...issuer },
      { client_id: client.id },
      authOf(client),
      refresh,
      {
        ...(resource === null ? {} : { additionalParameters: { resource } }),
        ...by(hosts, beforeSending),
      },
    );
  } catch (error) {
    if (!(error instanceof StrangerFetchFailed)) throw error;
    return { is: error.sent ? "unknown" : "not_sent", says: error.message };
  }
  const { status } = answer;
  let body: JsonValue = null;
  try {
    body = JSON.parse(await answer.text());
  } catch {
    // What is no JSON, or broke off, says nothing but its status.
  }
  const said = isJsonObject(body) ? body : {};
  if (status === 429 || status === 503) {
    return { is: "not_sent", says: `It answered ${status}: it is busy.` };
  }
  if (status >= 400 && status < 500) {
    const word = typeof said.error === "string" && /^[a-z_]{1,40}$/.test(said.error)
      ? said.error
      : "no reason";
    return { is: "refused", says: `It answered ${status} (${word}).` };
  }
  // Whatever else is wrong with the answer: the new tokens must not be thrown away for it.
  const { access_token, refresh_token, expires_in } = said;
  if (status !== 200 || typeof access_token !== "string" || !isSendable(access_token)) {
    return { is: "unknown", says: `It answered ${status}, and gave no token that can be sent.` };
  }
  const next = typeof refresh_token === "string" && refresh_token !== "" ? refresh_token : null;
  return {
    is: "tokens",
    tokens: {
      access: access_token,
      refresh: next,
      expires_in: secondsOf(expires_in),
      account: null,
    },
  };
}

/** Whether a token fits into a header (RFC 6750 section 2.1): nothing else of a stranger goes there. */
function isSendable(token: string): boolean {
  return /^[\x21-\x7e]{1,8192}$/.test(token);
}

/** A year at most: longer is as good as never. */
const MOST_SECONDS = 366 * 24 * 60 * 60;

function secondsOf(expires_in: unknown): number | null {
  if (typeof expires_in !== "number" || !(expires_in >= 1)) return null;
  return Math.min(Math.floor(expires_in), MOST_SECONDS);
}

function authOf({ secret, auth }: ProviderClient): oauth.ClientAuth {
  if (secret === null || auth === "none") return oauth.None();
  return auth === "client_secret_post"
    ? oauth.ClientSecretPost(secret)
    : oauth.ClientSecretBasic(secret);
}

/** By our own fetch, which judges addresses itself: http is for hosts alone that the operator named. */
function by(hosts: HostFetch, beforeSending?: () => Promise<void>) {
  return {
    [oauth.allowInsecureRequests]: true,
    async [oauth.customFetch](
      url: string,
      { method, headers, body }: {
        readonly method: string;
        readonly headers: Record<string, string>;
        readonly body?: unknown;
      },
    ): Promise<Response> {
      // Who asks is said by the guarded fetch itself.
      const { "user-agent": _library, ...rest } = headers;
      const sent = body === undefined || body === null ? null : String(body);
      const answer = await hosts({
        url,
        method: method === "POST" ? "POST" : "GET",
        headers: rest,
        ...(sent === null ? {} : { body: new TextEncoder().encode(sent) }),
        limit_ms: ANSWER_MS,
        max_body: MAX_ANSWER,
        ...(beforeSending === undefined ? {} : { beforeSending }),
      });
      const { status, headers: said } = answer;
      // Whole: what breaks off in the middle is no answer, and fails here as what was sent and lost.
      const pieces = answer.body === null ? [] : await Array.fromAsync(answer.body);
      const bytes = answer.body === null ? null : joinBytes(pieces);
      return new Response(bytes, { status, headers: said });
    },
  };
}

/** What is told of a failure: a word of the provider's, or what kind it is; never its answer. */
function whyOf(error: unknown, otherwise: string): string {
  if (error instanceof ProviderFailed) return error.why;
  if (error instanceof StrangerFetchFailed) return `could not be asked: ${error.message}`;
  if (
    error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError
  ) {
    return /^[a-z_]{1,40}$/.test(error.error) ? `answered ${error.error}` : "answered an error";
  }
  if (error instanceof oauth.OperationProcessingError) {
    return `answered what does not fit what was asked (${error.code ?? "no code"})`;
  }
  return otherwise;
}
