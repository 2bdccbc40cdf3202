import type { Settings } from "../services.ts";
import { type Scope, SCOPES } from "../store/records/oauth.ts";

/** What a client may ask for besides: refresh tokens, which every client gets. Grants nothing. */
export const OFFLINE_ACCESS = "offline_access";

/** The scopes of a `scope` parameter that there are; others are ignored (RFC 6749 section 3.3). */
export function knownScopes(text: string): Scope[] {
  const named = new Set(text.split(" "));
  return SCOPES.filter((scope) => named.has(scope));
}

/**
 * What a person is asked about: what the client names of what the resource has, or all of that where
 * it names nothing that there is. Null where it names only what another resource has.
 */
export function askedScopes(text: string | null, { scopes }: Resource): Scope[] | null {
  const named = text === null ? [] : knownScopes(text);
  if (named.length === 0) return [...scopes];
  const within = named.filter((scope) => scopes.includes(scope));
  return within.length === 0 ? null : within;
}

/** The form of a `scope` parameter. */
export function scopeText(scopes: readonly Scope[]): string {
  return scopes.join(" ");
}

type Addressed = Pick<Settings, "url">;

/** What a token is for: an MCP endpoint of this deployment (RFC 8707, RFC 9728). */
export interface Resource {
  /** As clients name it. */
  readonly url: string;
  /** What there is to be granted of it. */
  readonly scopes: readonly Scope[];
  /** The one upstream whose tools it has; null where it has those of all, or none. */
  readonly upstream: string | null;
}

const MCP_SCOPES: readonly Scope[] = ["mcp:read", "mcp:write"];

const GATEWAY_SCOPES: readonly Scope[] = ["mcp:run"];

/** Scopes that reach one organization: what a tool is called there, another may call something else. */
export const ONE_ORG: ReadonlySet<Scope> = new Set(GATEWAY_SCOPES);

/** The endpoint by which is checked and asked. */
export function mcpResource({ url }: Addressed): Resource {
  return { url: `${url.origin}/mcp`, scopes: MCP_SCOPES, upstream: null };
}

/**
 * The endpoint by which tools of upstreams run: of all, or of one by its name. Each is a resource of
 * its own, for clients take no token for an address that they did not name (RFC 9728 section 3.3).
 */
export function gatewayResource({ url }: Addressed, upstream: string | null): Resource {
  const all = `${url.origin}/mcp/gateway`;
  return {
    url: upstream === null ? all : `${all}/${upstream}`,
    scopes: GATEWAY_SCOPES,
    upstream,
  };
}

/** Names of upstreams: whether there is one in some organization, strangers are not told. */
const UPSTREAM = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** The endpoint of an upstream, as a path may name it; null for what can be no name of one. */
export function upstreamResource(settings: Addressed, name: string): Resource | null {
  return UPSTREAM.test(name) ? gatewayResource(settings, name) : null;
}

/** The resource that a `resource` parameter names, with a slash behind it too, as some hosts send it. */
export function resourceNamed(settings: Addressed, named: string): Resource | null {
  const url = named.endsWith("/") ? named.slice(0, -1) : named;
  for (const one of [mcpResource(settings), gatewayResource(settings, null)]) {
    if (url === one.url) return one;
  }
  const prefix = `${gatewayResource(settings, null).url}/`;
  return url.startsWith(prefix) ? upstreamResource(settings, url.slice(prefix.length)) : null;
}

/**
 * Whether what was granted for one resource opens another: itself, and what is for the tools of all
 * upstreams those of each by their bare names.
 */
export function opens(granted: string, { url, upstream }: Resource): boolean {
  return granted === url || (upstream !== null && `${granted}/${upstream}` === url);
}

/** The upstream that a grant is bound to; null for none. @param resource of the grant */
export function upstreamOfResource(resource: string | undefined): string | null {
  return resource?.match(/\/mcp\/gateway\/([^/]+)$/)?.[1] ?? null;
}

/** Where the metadata of a resource are (RFC 9728 section 3.1). */
export function protectedResourceMetadataUrl({ url }: Resource): string {
  const { origin, pathname } = new URL(url);
  return `${origin}/.well-known/oauth-protected-resource${pathname}`;
}
