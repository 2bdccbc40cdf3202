import { z } from "zod";

/**
 * Records of the credentials that upstreams are called with: what they are is policy; what is secret
 * lies apart, sealed.
 */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

export const VAULT_KINDS = ["bearer", "header", "basic", "query", "oauth2"] as const;

/** Whose a credential is that is of no member. */
export const OF_ORG = "org";

/** A key or an agent that a member lets act by their credential. */
const namedUser = z.object({
  id: z.string(),
  /** Who answered for it when it was named. Somebody more since is somebody who was shown its secret. */
  behind: z.array(z.string()),
});

/** A credential that calls to upstreams carry, and where it may go. Its secret is no part of it. */
export const vaultRecord = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(VAULT_KINDS),
  /** The header, or the parameter of the address, that it is sent in; null where its kind says it. */
  field: z.string().nullable(),
  /** Scheme, host and port, as URLs write them: it goes to no other. */
  origins: z.array(z.string()),
  /** `org`, or the id of the member whose own it is: it acts for nobody whom they did not name. */
  owner: z.string(),
  /** Of a member's own: for whom it acts besides the programs that they connected. */
  used_by: z.array(namedUser).default([]),
  /** Raised when it may be of another account than before: what was approved for that is not for this. */
  account: z.number().int().nonnegative().default(0),
  /** Of kind oauth2: by whom and for what its tokens are issued; null of every other kind. */
  oauth: z.object({
    issuer: z.string(),
    /** As it is registered there already; null to register it. */
    client_id: z.string().nullable(),
    scope: z.string().nullable(),
    /** RFC 8707; null to take what the server names, or its origin. */
    resource: z.string().nullable(),
  }).nullable().default(null),
  created_at: timestamp,
  rotated_at: timestamp.nullable(),
});

export type VaultRecord = z.infer<typeof vaultRecord>;

/** The secret of a credential, sealed. */
export const vaultSecretRecord = z.object({ sealed: bytes });

/** The one before, while it may still be tried; sealed. */
export const vaultBeforeRecord = z.object({ sealed: bytes, expires_at: timestamp });

/** Why a credential has to be connected again. */
export const RECONNECT_WHY = ["refused", "lost", "no_refresh_token"] as const;

export type ReconnectWhy = (typeof RECONNECT_WHY)[number];

/** The tokens of a credential of kind oauth2; what is secret of them is sealed. */
export const vaultGrantRecord = z.object({
  status: z.enum(["ready", "needs_reconnect"]),
  why: z.enum(RECONNECT_WHY).nullable(),
  /** Raised with each new access token: a refresh is of one generation. */
  generation: z.number().int().nonnegative(),
  /**
   * Who sends the refresh token of this generation, and until when they have its answer. One that is
   * over without one leaves a token that may be used up.
   */
  lease: z.object({ id: z.string(), until: timestamp }).nullable(),
  obtained_at: timestamp,
  /** When the access token ends; null where nobody said. */
  expires_at: timestamp.nullable(),
  /** When it is refreshed by itself. Due work of another time is of tokens before. */
  refresh_at: timestamp.nullable(),
  /** When somebody connected it, or put its tokens in; null in rows of before that was kept. */
  connected_at: timestamp.nullable().default(null),
  /** Since when it is not refreshed by itself, for nobody used it; null where it is. */
  resting_since: timestamp.nullable().default(null),
  /** The member who connected it; null for tokens that were put in. */
  connected_by: z.string().nullable(),
  sealed: bytes,
});

export type VaultGrantRecord = z.infer<typeof vaultGrantRecord>;

/** That a member went to a provider; whoever comes back shows the state. What they took is sealed. */
export const vaultConnectRecord = z.object({
  /** The session that went there. */
  session: z.string(),
  credential: z.string(),
  sealed: bytes,
  expires_at: timestamp,
});

/**
 * Which credential the calls to an upstream carry: one of the organization's, or that of the member
 * behind each caller. Of the latter the one that is named here is of the organization, and the upstream
 * is asked for its tools with it.
 */
export const upstreamCredential = z.discriminatedUnion("mode", [
  z.object({ mode: z.literal("org"), credential_id: z.string() }),
  z.object({ mode: z.literal("member"), credential_id: z.string().exactOptional() }),
]);

export type UpstreamCredential = z.infer<typeof upstreamCredential>;
