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
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { SCOPES } from "../../lib/store/records/oauth.ts";
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
} as const;

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

/** RFC 8414 section 2, RFC 9207 section 3, Client ID Metadata Documents. */
function serverMetadata({ settings }: Services) {
  const { origin } = settings.url;
  return {
    issuer: origin,
    authorization_endpoint: origin + OAUTH_PATHS.authorize,
    token_endpoint: origin + OAUTH_PATHS.token,
    revocation_endpoint: origin + OAUTH_PATHS.revoke,
    registration_endpoint: origin + OAUTH_PATHS.register,
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: ["authorization_code", "refresh_token"],
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

/** Gives tokens for a code or a refresh token (RFC 6749 sections 4.1.3 and 6). */
const tokenEndpoint: OAuthEndpoint = {
  method: "post",
  path: OAUTH_PATHS.token,
  async handle(call) {
    if (presentsSecret(call.request)) return secretAnswer();
    const form = await formParameters(call);
    if (!(form instanceof FormParameters)) return faultAnswer(form);
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
  const missing = (name: string): TokenFault => ({
    error: "invalid_request",
    error_description: `${name} is missing.`,
  });
  const type = form.get("grant_type");
  if (type === null) return missing("grant_type");
  if (type !== "authorization_code" && type !== "refresh_token") {
    const error_description = "grant_type must be authorization_code or refresh_token.";
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
    if ("retry_after_seconds" in registered) {
      return {
        status: 429,
        body: {
          error: "temporarily_unavailable",
          error_description: "Too many clients registered within the hour. Try again later.",
        },
        headers: { "retry-after": String(registered.retry_after_seconds) },
      };
    }
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
    await revokeToken(call.services, { token, client_id: form.get("client_id") }, call.client);
    return { status: 200, body: null };
  },
};

/** What programs ask of the authorization server; what people see of it is a page. */
export const OAUTH_ENDPOINTS: readonly OAuthEndpoint[] = [
  ...metadataEndpoints,
  tokenEndpoint,
  revocationEndpoint,
  registrationEndpoint,
];
