import { z } from "zod";
import { membersBehind, withMembersBehind } from "./members_behind.ts";
import { killSwitch } from "./policy.ts";

/** Records of who may ask, decide and configure. Secrets are held as SHA-256 only. */

const timestamp = z.number().int().nonnegative();

const trustTier = z.number().int().min(0).max(3);

const tenantIds = z.array(z.string()).nullable();

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
    members_behind: membersBehind,
    created_at: timestamp,
  }),
);

export type AgentRecord = z.infer<typeof agentRecord>;

export const ROLES = ["owner", "admin", "approver", "viewer"] as const;

export const memberRecord = z.object({
  id: z.string(),
  email: z.string(),
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
  kind: z.enum(["api_key", "agent"]),
  id: z.string(),
});

export type CredentialIndex = z.infer<typeof credentialIndex>;

/** When a key or agent was last used, outside the policy: it changes with every request. */
export const credentialUsed = z.object({ at: timestamp });
