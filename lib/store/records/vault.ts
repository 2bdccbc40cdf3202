import { z } from "zod";

/**
 * Records of the credentials that upstreams are called with: what they are is policy; what is secret
 * lies apart, sealed.
 */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

export const VAULT_KINDS = ["bearer", "header", "basic", "query"] as const;

/** A credential that calls to upstreams carry, and where it may go. Its secret is no part of it. */
export const vaultRecord = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(VAULT_KINDS),
  /** The header, or the parameter of the address, that it is sent in; null where its kind says it. */
  field: z.string().nullable(),
  /** Scheme, host and port, as URLs write them: it goes to no other. */
  origins: z.array(z.string()),
  owner: z.literal("org"),
  created_at: timestamp,
  rotated_at: timestamp.nullable(),
});

export type VaultRecord = z.infer<typeof vaultRecord>;

/** The secret of a credential, sealed. */
export const vaultSecretRecord = z.object({ sealed: bytes });

/** The one before, while it may still be tried; sealed. */
export const vaultBeforeRecord = z.object({ sealed: bytes, expires_at: timestamp });

/** Which credential the calls to an upstream carry. */
export const upstreamCredential = z.object({ mode: z.literal("org"), credential_id: z.string() });

export type UpstreamCredential = z.infer<typeof upstreamCredential>;
