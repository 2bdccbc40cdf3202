import { z } from "zod";

/** Records of what members let MCP clients do for them. */

const timestamp = z.number().int().nonnegative();

export const SCOPES = ["mcp:read", "mcp:write"] as const;
export type Scope = (typeof SCOPES)[number];

/** How a client came to be known: by a document at its own address, or by registering itself. */
export const CLIENT_KINDS = ["metadata_document", "registered"] as const;

/**
 * One member's consent for one client, in the policy of each org that was ticked: what is removed
 * here is refused on every node at the next call.
 */
export const grantRecord = z.object({
  /** The same in every org of one consent. */
  id: z.string(),
  account: z.string(),
  /** The member behind everything that is asked by this grant. */
  member: z.string(),
  client_id: z.string(),
  client_name: z.string(),
  client_kind: z.enum(CLIENT_KINDS),
  scopes: z.array(z.enum(SCOPES)),
  created_at: timestamp,
});
export type GrantRecord = z.infer<typeof grantRecord>;
