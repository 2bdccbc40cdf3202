import { z } from "zod";

/** Records of what members let MCP clients do for them. */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array<ArrayBuffer>>(
  (value) => value instanceof Uint8Array,
  "expected bytes",
);

export const SCOPES = ["mcp:read", "mcp:write", "mcp:run"] as const;

export type Scope = (typeof SCOPES)[number];

const scopes = z.array(z.enum(SCOPES));

/** How a client came to be known: by a document at its own address, or by registering itself. */
export const CLIENT_KINDS = ["metadata_document", "registered"] as const;

const clientKind = z.enum(CLIENT_KINDS);

/** What a consent says of the client that it is for. */
const consented = {
  client_id: z.string(),
  /** As the client calls itself. */
  client_name: z.string(),
  client_kind: clientKind,
  /**
   * Whether the client is who it says: named by a document at its own domain, and answered there.
   * An answer to this computer can be taken by any program on it.
   */
  verified: z.boolean(),
  scopes,
};

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
  ...consented,
  verified: consented.verified.default(false),
  /** What its tokens are good for; absent in those of before there were several: `/mcp`. */
  resource: z.string().exactOptional(),
  created_at: timestamp,
});

export type GrantRecord = z.infer<typeof grantRecord>;

/** The same consent as its account has it: what tokens are issued for. */
export const accountGrant = z.object({
  id: z.string(),
  account: z.string(),
  ...consented,
  /** The orgs that were ticked; the policy of each has the last word. */
  orgs: z.array(z.string()),
  /** What its tokens are good for (RFC 8707). */
  resource: z.string(),
  created_at: timestamp,
  /** When it ends, unless its tokens are refreshed before. */
  expires_at: timestamp,
});

export type AccountGrant = z.infer<typeof accountGrant>;

/** A client that registered itself (RFC 7591). Nobody vouches for a word of it. */
export const registeredClient = z.object({
  id: z.string(),
  name: z.string(),
  redirect_uris: z.array(z.string()),
  created_at: timestamp,
  /** To about a day. */
  used_at: timestamp,
  expires_at: timestamp,
});

export type RegisteredClient = z.infer<typeof registeredClient>;

/** Times at which a source had something kept, or all did. */
export const registrationTimes = z.object({ at: z.array(timestamp) });

/** An authorization code, by its hash. Kept when it was used, so that a second use is noticed. */
export const codeRecord = z.object({
  grant: z.string(),
  account: z.string(),
  client_id: z.string(),
  redirect_uri: z.string(),
  /** S256 of the verifier, base64url (RFC 7636). */
  code_challenge: z.string(),
  resource: z.string(),
  expires_at: timestamp,
  used_at: timestamp.nullable(),
});

export type CodeRecord = z.infer<typeof codeRecord>;

/** What every token says of itself. */
export const tokenOwner = z.object({
  grant: z.string(),
  account: z.string(),
  client_id: z.string(),
  expires_at: timestamp,
});

/** An access token, by its hash. */
export const accessTokenRecord = tokenOwner.extend({ scopes });

export type AccessTokenRecord = z.infer<typeof accessTokenRecord>;

/** A refresh token, by its hash. Kept when it was used, so that a second use is noticed. */
export const refreshTokenRecord = tokenOwner.extend({
  /** What it was exchanged for, sealed under a key derived from this very token. */
  successor: z.object({ at: timestamp, sealed: bytes }).nullable(),
});

export type RefreshTokenRecord = z.infer<typeof refreshTokenRecord>;

/** What a client's own document said when it was last fetched (Client ID Metadata Documents). */
export const oauthDocument = z.object({
  name: z.string(),
  /** The allowed ones. */
  redirect_uris: z.array(z.string()),
  fetched_at: timestamp,
  /** Until when it is not fetched again. */
  fresh_until: timestamp,
  /** Until when it serves while it cannot be fetched. */
  expires_at: timestamp,
});

export type OAuthDocument = z.infer<typeof oauthDocument>;

/** A request that a person is asked about, as it is kept while they decide. */
export const consentRequest = z.object({
  client_id: z.string(),
  client_name: z.string(),
  client_kind: z.enum(CLIENT_KINDS),
  redirect_uri: z.string(),
  state: z.string().nullable(),
  /** What may be ticked. */
  scopes: z.array(z.enum(SCOPES)),
  code_challenge: z.string(),
  resource: z.string(),
});

export type ConsentRequest = z.infer<typeof consentRequest>;

export const issuedTokens = z.object({
  access_token: z.string(),
  access_expires_at: z.number(),
  refresh_token: z.string(),
  scopes: z.array(z.enum(SCOPES)),
});
