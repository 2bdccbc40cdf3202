import type { Settings } from "../server/settings.ts";

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
