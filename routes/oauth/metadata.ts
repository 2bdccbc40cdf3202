import { mcpResource } from "../../lib/oauth/resource.ts";
import { OFFLINE_ACCESS } from "../../lib/oauth/scopes.ts";
import type { Services } from "../../lib/services.ts";
import { SCOPES } from "../../lib/store/records/oauth.ts";
import type { OAuthAnswer, OAuthCall, OAuthEndpoint } from "./oauth_endpoint.ts";

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
export const metadataEndpoints: readonly OAuthEndpoint[] = [
  {
    method: "get",
    path: "/.well-known/oauth-authorization-server",
    handle: ({ services }) => ({ status: 200, body: serverMetadata(services), headers: HEADERS }),
  },
  // RFC 9728 section 3.1 puts the path of the resource behind; hosts also ask without it.
  { method: "get", path: "/.well-known/oauth-protected-resource/mcp", handle: resourceMetadata },
  { method: "get", path: "/.well-known/oauth-protected-resource", handle: resourceMetadata },
];

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
    protected_resources: [mcpResource(settings)],
  };
}

/** RFC 9728 section 2. Refresh tokens are no matter of the resource: no `offline_access` here. */
function resourceMetadata({ services: { settings } }: OAuthCall): OAuthAnswer {
  return {
    status: 200,
    body: {
      resource: mcpResource(settings),
      authorization_servers: [settings.url.origin],
      scopes_supported: [...SCOPES],
      bearer_methods_supported: ["header"],
      resource_name: "Countersign",
    },
    headers: HEADERS,
  };
}
