import { z } from "zod";
import type { JsonValue } from "../../base/json.ts";
import { killSwitch } from "./policy.ts";

/**
 * Ids of the members who answer for what is asked with a secret: whoever made it, rotated it or was
 * shown it, and who answered for the key that did so. In the order in which they came to know it;
 * none ever goes, for nobody forgets a secret.
 */
export const membersBehind = z.array(z.string());

/** Rows of before named one member, or none. */
export function withMembersBehind(row: unknown): unknown {
  if (typeof row !== "object" || row === null || !("member_behind" in row)) return row;
  const { member_behind, ...rest } = row;
  if ("members_behind" in rest) return rest;
  return { ...rest, members_behind: member_behind === null ? [] : [member_behind] };
}

/** Records of who may ask, decide and configure. Secrets are held as SHA-256 only. */

const timestamp = z.number().int().nonnegative();

const trustTier = z.number().int().min(0).max(3);

const tenantIds = z.array(z.string()).nullable();

/** The mandates that a machine may name; `required`: any, but one. Null for any, and none. */
export const mandateIds = z.union([z.literal("required"), z.array(z.string())]).nullable();

export type MandateIds = z.infer<typeof mandateIds>;

/** By which login at a terminal it was handed out; absent where a person or key made it. */
const login = z.string().exactOptional();

export const KEY_TIERS = ["standard", "management", "approver"] as const;

export const apiKeyRecord = z.preprocess(
  withMembersBehind,
  z.object({
    id: z.string(),
    name: z.string(),
    tier: z.enum(KEY_TIERS),
    secret_hash: z.string(),
    trust_tier: trustTier,
    /** The tenants that this key may name; null when it may name any. */
    tenant_ids: tenantIds,
    expires_at: timestamp.nullable(),
    /** Requests a minute; null when not limited. */
    rate_limit_per_minute: z.number().int().positive().nullable(),
    /** Whether the key may read the private parts of the log. Made by an owner only. */
    audit_private: z.boolean(),
    /** True for a key that the operator handed over by environment. */
    bootstrap: z.boolean(),
    /** True for such a key that an owner chose to keep, under a passkey. */
    kept: z.boolean().default(false),
    mandate_ids: mandateIds.default(null),
    /** Whether a standard key may grant mandates. */
    may_grant: z.boolean().default(false),
    /** Whether a management key may say which passkeys speak for users. */
    user_passkeys: z.boolean().default(false),
    login,
    members_behind: membersBehind,
    created_at: timestamp,
  }),
);

export type ApiKeyRecord = z.infer<typeof apiKeyRecord>;

export const agentRecord = z.preprocess(
  withMembersBehind,
  z.object({
    id: z.string(),
    name: z.string(),
    secret_hash: z.string(),
    trust_tier: trustTier,
    tenant_ids: tenantIds,
    expires_at: timestamp.nullable(),
    rate_limit_per_minute: z.number().int().positive().nullable(),
    kill_switch: killSwitch,
    /**
     * What the agent asked or was given under an earlier policy version than this is void: the
     * version of its newest rotation that did not keep it.
     */
    void_before: z.number().int().nonnegative().default(0),
    mandate_ids: mandateIds.default(null),
    login,
    members_behind: membersBehind,
    created_at: timestamp,
  }),
);

export type AgentRecord = z.infer<typeof agentRecord>;

export const ROLES = ["owner", "admin", "approver", "viewer"] as const;

export const memberRecord = z.object({
  id: z.string(),
  email: z.string(),
  /** What they call themselves here; never shown without the address. Null until they say. */
  name: z.string().nullable().default(null),
  role: z.enum(ROLES),
  /** Approver groups: 1, 2 or both. */
  groups: z.array(z.union([z.literal(1), z.literal(2)])),
  /** The account of the person; null until they have accepted the membership. */
  account: z.string().nullable().default(null),
  /** Whether the person has accepted it under a passkey; stays true while they replace a lost one. */
  has_passkey: z.boolean().default(false),
  /**
   * Until when a member who recovered their account neither decides, nor sees arguments, nor changes
   * anything but a kill switch that they throw; null when they did not, or an owner confirmed it.
   */
  held_until: timestamp.nullable().default(null),
  created_at: timestamp,
});

export type MemberRecord = z.infer<typeof memberRecord>;

/** Where a presented secret belongs: found by its hash, before the org is known. */
export const credentialIndex = z.object({
  org: z.string(),
  kind: z.enum(["api_key", "agent", "sub_token"]),
  id: z.string(),
});

export type CredentialIndex = z.infer<typeof credentialIndex>;

/** When a key or agent was last used, outside the policy: it changes with every request. */
export const credentialUsed = z.object({ at: timestamp });

/** Who can ask: an API key, an agent, or an MCP client by the grant of a member. */
export const REQUESTER_TYPES = ["api_key", "agent", "oauth_grant"] as const;

export type RequesterType = (typeof REQUESTER_TYPES)[number];

/** A key, an agent or a grant, as records name it. */
export const party = z.object({
  type: z.enum(REQUESTER_TYPES),
  id: z.string(),
  /** The sub-token through which it acted; absent where it acted itself. */
  sub_token: z.string().exactOptional(),
});

export type Party = z.infer<typeof party>;

/**
 * By what is found that a party asked: what was asked through a sub-token is that one's, and neither its
 * maker's nor another's.
 */
export function askerId({ id, sub_token }: Pick<Party, "id" | "sub_token">): string {
  return sub_token ?? id;
}

/** An answer kept for a repeated request, sealed under a key of the credential that got it. */
export const idempotencyRecord = z.object({
  /** HMAC-SHA256 of the request's body under a key of the credential, hex. */
  body_digest: z.string(),
  /** Null while the first request is still running. */
  sealed: z.custom<Uint8Array>((value) => value instanceof Uint8Array).nullable(),
  expires_at: z.number().int(),
});

export type IdempotencyRecord = z.infer<typeof idempotencyRecord>;

/** What is inside: an answer, and what it depends on. */
export const keptAnswer = z.object({
  status: z.number().int(),
  // Not parsed further: a schema of its members would lose one that is called `__proto__`.
  body: z.custom<JsonValue>((value) => value !== undefined),
  /** The policy version under which it granted something; null when it granted nothing. */
  granted_under: z.number().int().nullable(),
  /** The run token it handed out, replayed only while unspent. */
  token_id: z.string().nullable(),
  /** The mandates under which it granted something, repeated only while all are in force. */
  mandate_ids: z.array(z.string()).default([]),
  /** On which resources it granted under them, repeated only while none is closed to mandates. */
  resources: z.array(z.string()).default([]),
});

export type KeptAnswer = z.infer<typeof keptAnswer>;

/** What a key and an agent have in common. */
export const withSecret = z.object({ secret_hash: z.string() });

/** Which org was the first: one is made once. */
export const bootstrapRecord = z.object({ org: z.string() });
