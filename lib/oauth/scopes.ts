import type { Settings } from "../services.ts";
import { type Scope, SCOPES } from "../store/records/oauth.ts";

/** What a client may ask for besides: refresh tokens, which every client gets. Grants nothing. */
export const OFFLINE_ACCESS = "offline_access";

/** The scopes of a `scope` parameter that there are; others are ignored (RFC 6749 section 3.3). */
export function knownScopes(text: string): Scope[] {
  const named = new Set(text.split(" "));
  return SCOPES.filter((scope) => named.has(scope));
}

/** What a person is asked about: what the client names, or all where it names none that there is. */
export function askedScopes(text: string | null): Scope[] {
  const named = text === null ? [] : knownScopes(text);
  return named.length === 0 ? [...SCOPES] : named;
}

/** The form of a `scope` parameter. */
export function scopeText(scopes: readonly Scope[]): string {
  return scopes.join(" ");
}

type Addressed = Pick<Settings, "url">;

/** What tokens are for: the URL of the MCP endpoint, as RFC 8707 and RFC 9728 name it. */
export function mcpResource({ url }: Addressed): string {
  return `${url.origin}/mcp`;
}

/** Whether a `resource` parameter names it; with a slash behind it too, as some hosts send it. */
export function isMcpResource(settings: Addressed, resource: string): boolean {
  const own = mcpResource(settings);
  return resource === own || resource === `${own}/`;
}

/** Where the metadata of that resource is (RFC 9728 section 3.1). */
export function protectedResourceMetadataUrl({ url }: Addressed): string {
  return `${url.origin}/.well-known/oauth-protected-resource/mcp`;
}
