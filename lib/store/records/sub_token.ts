import { z } from "zod";
import { party } from "./identity.ts";

/** Records of sub-tokens: narrower credentials that agents and standard keys make for themselves. */

const timestamp = z.number().int().nonnegative();

const names = z.array(z.string()).nullable();

/** What a sub-token may do of what its maker may, by each fact; null for all of that. */
export const subTokenScope = z.object({
  tools: names,
  /** At least one of them has to be the tool's. */
  tags: names,
  methods: names,
  resources: names,
  tenant_ids: names,
});

export type SubTokenScope = z.infer<typeof subTokenScope>;

/** A sub-token. What it may do never changes; that it was revoked is added once. */
export const subTokenRecord = z.object({
  id: z.string(),
  name: z.string(),
  secret_hash: z.string(),
  /** Whose rights it narrows; never one that is a sub-token itself. */
  maker: party.omit({ sub_token: true }).extend({ type: z.enum(["api_key", "agent"]) }),
  scope: subTokenScope,
  /** Never more than this, whatever its maker is trusted with by now. */
  trust_tier: z.number().int().min(0).max(3),
  /** How many decisions may be made with it; null for any number. */
  max_uses: z.number().int().positive().nullable(),
  /** The policy on which it was made: a rotation of its maker voids what is from before it. */
  policy_version: z.number().int().nonnegative(),
  created_at: timestamp,
  expires_at: timestamp,
  revoked_at: timestamp.nullable(),
});

export type SubTokenRecord = z.infer<typeof subTokenRecord>;

/** How many decisions were made with a sub-token, and when it was last decided with it. */
export const subTokenUse = z.object({
  count: z.number().int().nonnegative(),
  last_used_at: timestamp,
});

export type SubTokenUse = z.infer<typeof subTokenUse>;

/** Which sub-tokens of a maker may be in force. */
export const makersSubTokens = z.object({
  tokens: z.array(z.object({ id: z.string(), expires_at: timestamp })),
});

export type MakersSubTokens = z.infer<typeof makersSubTokens>;
