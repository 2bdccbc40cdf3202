/** Who can ask: an API key, an agent, or an MCP client by the grant of a member. */
export const REQUESTER_TYPES = ["api_key", "agent", "oauth_grant"] as const;

export type RequesterType = (typeof REQUESTER_TYPES)[number];
