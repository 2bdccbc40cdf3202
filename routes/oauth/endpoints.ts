import { askLogin, CLI_CLIENT } from "../../lib/oauth/device.ts";
import { endByHolder, mayBeOfLogin, pollLogin } from "../../lib/oauth/device_token.ts";
import { isId } from "../../lib/base/id.ts";
import { refreshTokens } from "../../lib/oauth/refresh.ts";
import { registerClient } from "../../lib/oauth/register.ts";
import {
  gatewayResource,
  mcpResource,
  OFFLINE_ACCESS,
  type Resource,
  scopeText,
  upstreamResource,
} from "../../lib/oauth/scopes.ts";
import {
  exchangeCode,
  revokeToken,
  type TokenAnswer,
  type TokenFault,
} from "../../lib/oauth/tokens.ts";
import { pagePath } from "../../lib/base/page_path.ts";
import type { TooMany } from "../../lib/oauth/flood.ts";
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { SCOPES } from "../../lib/store/records/oauth.ts";
import { callbackUrl } from "../../lib/vault/connect.ts";
import { CLIENT_PATH, clientDocument } from "../../lib/vault/provider.ts";
import { parseBody, readBody } from "../http/inputs.ts";
import {
  faultAnswer,
  FormParameters,
  formParameters,
  type OAuthAnswer,
  type OAuthCall,
  type OAuthEndpoint,
  presentsSecret,
  secretAnswer,
} from "./serve_oauth.ts";

/** Clients ask each time they connect; a changed address is known everywhere within minutes. */
const HEADERS = { "cache-control": "public, max-age=300" };

/** Where the endpoints are. */
export const OAUTH_PATHS = {
  authorize: "/oauth/authorize",
  token: "/oauth/token",
  revoke: "/oauth/revoke",
  register: "/oauth/register",
  device_authorization: "/oauth/device_authorization",
} as const;

/** The grant of RFC 8628. */
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** The metadata by which a client that knows nothing but the MCP endpoint finds all the rest. */
const metadataEndpoints: readonly OAuthEndpoint[] = [
  {
    method: "get",
    path: "/.well-known/oauth-authorization-server",
    handle: ({ services }) => ({ status: 200, body: serverMetadata(services), headers: HEADERS }),
  },
  // RFC 9728 section 3.1 puts the path of the resource behind; hosts also ask without it.
  ...["/mcp", ""].map((path) => resourceEndpoint(path, mcpResource)),
  resourceEndpoint("/mcp/gateway", (settings) => gatewayResource(settings, null)),
  resourceEndpoint(
    "/mcp/gateway/:upstream",
    (settings, upstream) => upstreamResource(settings, upstream),
  ),
];

/** Where the metadata of a resource are; which names of upstreams there are, nobody is told here. */
function resourceEndpoint(
  path: string,
  resourceOf: (settings: Services["settings"], upstream: string) => Resource | null,
): OAuthEndpoint {
  return {
    method: "get",
    path: `/.well-known/oauth-protected-resource${path}`,
    handle({ services: { settings }, request }) {
      const last = new URL(request.url).pathname.split("/").at(-1) ?? "";
      const resource = resourceOf(settings, last);
      return resource === null
        ? { status: 404, body: { error: "not_found" }, headers: HEADERS }
        : { status: 200, body: resourceMetadata(settings, resource), headers: HEADERS };
    },
  };
}

/** RFC 8414 section 2, RFC 8628 section 4, RFC 9207 section 3, Client ID Metadata Documents. */
function serverMetadata({ settings }: Services) {
  const { origin } = settings.url;
  return {
    issuer: origin,
    authorization_endpoint: origin + OAUTH_PATHS.authorize,
    token_endpoint: origin + OAUTH_PATHS.token,
    revocation_endpoint: origin + OAUTH_PATHS.revoke,
    registration_endpoint: origin + OAUTH_PATHS.register,
    device_authorization_endpoint: origin + OAUTH_PATHS.device_authorization,
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: ["authorization_code", "refresh_token", DEVICE_GRANT],
    // Hosts take a metadata document only where they find `none`.
    token_endpoint_auth_methods_supported: ["none"],
    revocation_endpoint_auth_methods_supported: ["none"],
    code_challenge_methods_supported: ["S256"],
    scopes_supported: [...SCOPES, OFFLINE_ACCESS],
    client_id_metadata_document_supported: true,
    authorization_response_iss_parameter_supported: true,
    protected_resources: [mcpResource(settings).url, gatewayResource(settings, null).url],
  };
}

/** RFC 9728 section 2. Refresh tokens are no matter of the resource: no `offline_access` here. */
function resourceMetadata(settings: Services["settings"], { url, scopes }: Resource) {
  return {
    resource: url,
    authorization_servers: [settings.url.origin],
    scopes_supported: [...scopes],
    bearer_methods_supported: ["header"],
    resource_name: "Countersign",
  };
}

/**
 * Gives tokens for a code or a refresh token (RFC 6749 sections 4.1.3 and 6), and a computer that was
 * let in its secret (RFC 8628 section 3.4).
 */
const tokenEndpoint: OAuthEndpoint = {
  method: "post",
  path: OAUTH_PATHS.token,
  async handle(call) {
    if (presentsSecret(call.request)) return secretAnswer();
    const form = await formParameters(call);
    if (!(form instanceof FormParameters)) return faultAnswer(form);
    if (form.get("grant_type") === DEVICE_GRANT) return await pollAnswer(call, form);
    const answer = await answerFor(call, form);
    return "error" in answer ? refused(call, answer) : issued(call, answer);
  },
};

async function answerFor(
  { services, client }: OAuthCall,
  form: FormParameters,
): Promise<TokenAnswer> {
  const client_id = form.get("client_id");
  const resource = form.get("resource");
  const type = form.get("grant_type");
  if (type === null) return missing("grant_type");
  if (type !== "authorization_code" && type !== "refresh_token") {
    const error_description =
      `grant_type must be authorization_code, refresh_token, or ${DEVICE_GRANT}.`;
    return { error: "unsupported_grant_type", error_description };
  }
  if (client_id === null) return missing("client_id");
  if (type === "refresh_token") {
    const refresh_token = form.get("refresh_token");
    if (refresh_token === null) return missing("refresh_token");
    const scope = form.get("scope");
    return await refreshTokens(services, { client_id, refresh_token, scope, resource }, client);
  }
  const code = form.get("code");
  const code_verifier = form.get("code_verifier");
  if (code === null) return missing("code");
  if (code_verifier === null) return missing("code_verifier");
  const redirect_uri = form.get("redirect_uri");
  const presented = { client_id, code, code_verifier, redirect_uri, resource };
  return await exchangeCode(services, presented, client);
}

function missing(name: string): TokenFault {
  return { error: "invalid_request", error_description: `${name} is missing.` };
}

/** The secret of a computer that was let in; it is refreshed by nothing, and ends as others do. */
async function pollAnswer(call: OAuthCall, form: FormParameters): Promise<OAuthAnswer> {
  const { services, client } = call;
  const client_id = form.get("client_id");
  const device_code = form.get("device_code");
  if (client_id === null) return faultAnswer(missing("client_id"));
  if (device_code === null) return faultAnswer(missing("device_code"));
  services.sourceLimits.take(client.ip, services.deps.now());
  const answer = await pollLogin(services, { client_id, device_code }, client);
  if ("error" in answer) return refused(call, answer);
  const { secret, gives, id, name, org, org_name } = answer;
  return {
    status: 200,
    body: { access_token: secret, token_type: "Bearer", gives, id, name, org, org_name },
  };
}

/** Takes the request of a computer that wants to be let in (RFC 8628 section 3.1). */
const deviceEndpoint: OAuthEndpoint = {
  method: "post",
  path: OAUTH_PATHS.device_authorization,
  async handle(call) {
    const { services, client } = call;
    if (presentsSecret(call.request)) return secretAnswer();
    const form = await formParameters(call);
    if (!(form instanceof FormParameters)) return faultAnswer(form);
    const client_id = form.get("client_id");
    if (client_id === null) return faultAnswer(missing("client_id"));
    if (client_id !== CLI_CLIENT) {
      const error_description = `client_id must be ${CLI_CLIENT}.`;
      return faultAnswer({ error: "invalid_client", error_description });
    }
    services.sourceLimits.take(client.ip, services.deps.now());
    const asked = await askLogin(services, form.get("device_name"), client);
    if ("retry_after_seconds" in asked) return tooMany(asked, "computers asked to be let in");
    const verification_uri = services.settings.url.origin + pagePath("/device");
    return { status: 200, body: { ...asked, verification_uri } };
  },
};

function tooMany({ retry_after_seconds }: TooMany, what: string): OAuthAnswer {
  return {
    status: 429,
    body: {
      error: "temporarily_unavailable",
      error_description: `Too many ${what} lately. Try again later.`,
    },
    headers: { "retry-after": String(retry_after_seconds) },
  };
}

function issued(
  { services }: OAuthCall,
  { access_token, access_expires_at, refresh_token, scopes }: Exclude<TokenAnswer, TokenFault>,
): OAuthAnswer {
  const left = Math.floor((access_expires_at - services.deps.now()) / 1000);
  return {
    status: 200,
    body: {
      access_token,
      token_type: "Bearer",
      expires_in: Math.max(1, left),
      refresh_token,
      scope: scopeText(scopes),
    },
  };
}

/** Wrong codes and tokens are counted like any other credential that is not accepted. */
function refused({ services, client }: OAuthCall, fault: TokenFault): OAuthAnswer {
  if (fault.error === "invalid_grant" || fault.error === "invalid_client") {
    services.failedAttempts.note(client.ip, services.deps.now());
  }
  return faultAnswer(fault);
}

/** Registers a client (RFC 7591), for hosts that have no metadata document. */
const registrationEndpoint: OAuthEndpoint = {
  method: "post",
  path: OAUTH_PATHS.register,
  async handle(call) {
    const { services, client } = call;
    const body = await bodyOf(call);
    if (body instanceof Refusal) return invalid(`The body is not taken as JSON: ${reasonOf(body)}`);
    const registered = await registerClient(services, body, client);
    if ("retry_after_seconds" in registered) return tooMany(registered, "clients registered");
    if ("error" in registered) return { status: 400, body: { ...registered } };
    return {
      status: 201,
      body: {
        client_id: registered.id,
        client_id_issued_at: Math.floor(registered.created_at / 1000),
        client_name: registered.name,
        redirect_uris: registered.redirect_uris,
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
        scope: scopeText(SCOPES),
      },
    };
  },
};

async function bodyOf({ request, services }: OAuthCall) {
  try {
    return parseBody(await readBody(request, services.bodyTimer));
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** What is wrong with a body, and where; in ASCII (RFC 7591 section 3.2.2). */
function reasonOf({ data }: AnyRefusal): string {
  const [first] = "errors" in data ? data.errors : [];
  const reason = "message" in data
    ? data.message
    : first === undefined
    ? "it does not fit"
    : `${first.path} ${first.message}`.trimStart();
  return reason.replace(/[^\x20-\x7e]/g, "?");
}

function invalid(error_description: string): OAuthAnswer {
  return { status: 400, body: { error: "invalid_client_metadata", error_description } };
}

/** Takes a token back (RFC 7009). The answer does not tell whether it was one. */
const revocationEndpoint: OAuthEndpoint = {
  method: "post",
  path: OAUTH_PATHS.revoke,
  async handle(call) {
    if (presentsSecret(call.request)) return secretAnswer();
    const form = await formParameters(call);
    if (!(form instanceof FormParameters)) return faultAnswer(form);
    const token = form.get("token");
    if (token === null) {
      return faultAnswer({ error: "invalid_request", error_description: "token is missing." });
    }
    if (mayBeOfLogin(token)) await endByHolder(call.services, token, call.client);
    else await revokeToken(call.services, { token, client_id: form.get("client_id") }, call.client);
    return { status: 200, body: null };
  },
};

/**
 * What this deployment is as the client of somebody else's authorization server, for one credential.
 * The same for every id, so that it tells nobody which there are.
 */
const clientEndpoint: OAuthEndpoint = {
  method: "get",
  path: `${CLIENT_PATH}:credential`,
  handle({ services: { settings }, request }) {
    const id = new URL(request.url).pathname.split("/").at(-1) ?? "";
    if (!isId(id, "crd")) return { status: 404, body: { error: "not_found" }, headers: HEADERS };
    const body = clientDocument(settings.url, id, callbackUrl(settings));
    return { status: 200, body, headers: HEADERS };
  },
};

/** What programs ask of the authorization server; what people see of it is a page. */
export const OAUTH_ENDPOINTS: readonly OAuthEndpoint[] = [
  ...metadataEndpoints,
  tokenEndpoint,
  revocationEndpoint,
  registrationEndpoint,
  deviceEndpoint,
  clientEndpoint,
];
