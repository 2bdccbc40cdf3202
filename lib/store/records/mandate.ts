import { z } from "zod";
import { budgetTerms } from "./budget.ts";
import { REQUESTER_TYPES } from "./identity.ts";
import { jsonObject } from "./policy.ts";
import { CONFIRM_BY } from "./user.ts";

/** Records of what users let agents do: editions of bundles, mandates, and how often they were asked. */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

/** What a scope answers, from the widest to the strictest. */
export const SCOPE_DECISIONS = ["allow", "confirm", "escalate", "deny"] as const;

export type ScopeDecision = (typeof SCOPE_DECISIONS)[number];

/** How a condition compares the value of its field with its own. */
export const CONDITION_OPS = [
  "eq",
  "ne",
  "gt",
  "gte",
  "lt",
  "lte",
  "in",
  "not_in",
  "exists",
  "contains_any",
  "contains_none",
  "empty",
] as const;

export type ConditionOp = (typeof CONDITION_OPS)[number];

const scalar = z.union([z.string(), z.number().int(), z.boolean(), z.null()]);

export type Scalar = z.infer<typeof scalar>;

export const condition = z.strictObject({
  /** JSON pointer into the arguments. */
  field: z.string(),
  op: z.enum(CONDITION_OPS),
  value: z.union([scalar, z.array(scalar)]),
});

export type Condition = z.infer<typeof condition>;

/** Holds if one of its conditions does; it only tightens what its scope answers. */
export const scopeRule = z.strictObject({
  when: z.array(condition),
  decision: z.enum(SCOPE_DECISIONS),
});

export type ScopeRule = z.infer<typeof scopeRule>;

/** How often something may be done. */
export const scopeLimits = z.strictObject({
  max_per_minute: z.number().int().positive().exactOptional(),
  max_per_hour: z.number().int().positive().exactOptional(),
  max_per_day: z.number().int().positive().exactOptional(),
});

export type ScopeLimits = z.infer<typeof scopeLimits>;

export const scope = z.strictObject({
  /** A tool, or `tag:` and a tag of tools. */
  name: z.string(),
  decision: z.enum(SCOPE_DECISIONS),
  /** Patterns of resource ids, of which one has to fit; null for any resource and none. */
  resources: z.array(z.string()).nullable(),
  conditions: z.array(scopeRule),
  // Absent where there is none, or the digests of definitions from before would be others.
  budget: budgetTerms.exactOptional(),
  limits: scopeLimits.exactOptional(),
  /** Who may say yes for the user, where that is stricter than what the org wants. */
  confirm_by: z.enum(CONFIRM_BY).exactOptional(),
});

export type Scope = z.infer<typeof scope>;

/** What the digest of an edition is taken of. */
export const definition = z.strictObject({
  /** An agent by its id, or a label that whoever asks stands for. */
  agent: z.string(),
  default_expiry_seconds: z.number().int().positive().nullable(),
  scopes: z.array(scope),
});

export type Definition = z.infer<typeof definition>;

/** Who made something. */
const by = z.object({ type: z.enum(REQUESTER_TYPES), id: z.string() });

export const bundleRecord = z.object({
  id: z.string(),
  /** The newest edition. */
  edition: z.number().int().positive(),
  /** When it was archived: no mandate is made of it any more. Null while one may be. */
  archived_at: timestamp.nullable(),
  created_at: timestamp,
});

export type BundleRecord = z.infer<typeof bundleRecord>;

/** Written once and never changed, so that a mandate on it means what it meant. */
export const bundleEdition = z.object({
  id: z.string(),
  edition: z.number().int().positive(),
  /** `sha256:` and the hex digest of the RFC 8785 form of the definition. */
  digest: z.string(),
  definition,
  /** Hex SHA-256 of what it was translated from, as its author has that; absent where it was not. */
  source_sha256: z.string().exactOptional(),
  description: z.string().nullable(),
  created_by: z.object({ type: z.enum([...REQUESTER_TYPES, "member"]), id: z.string() }),
  created_at: timestamp,
});

export type BundleEdition = z.infer<typeof bundleEdition>;

/** What an edition was translated from, deflated. Beside the edition, for no check reads it. */
export const bundleSource = z.object({ deflated: bytes });

export const MANDATE_ENDS = ["revoked", "superseded"] as const;

const terms = {
  id: z.string(),
  user_id: z.string(),
  tenant: z.string().nullable(),
  agent: z.string(),
  /** Which edition says what it allows. Null where the mandate says it itself. */
  bundle: z.object({ id: z.string(), edition: z.number().int(), digest: z.string() }).nullable(),
  /** What it allows where no bundle says so. */
  own_scopes: z.array(scope).nullable(),
  /** Names of the scopes of its bundle that it has. */
  scopes: z.array(z.string()),
  granted_by: by,
  created_at: timestamp,
  expires_at: timestamp,
  replaces: z.string().nullable(),
  metadata: jsonObject,
  budget: budgetTerms.nullable().default(null),
  /** The mandates that it was made of, its parent first. Those from before have none. */
  ancestors: z.array(z.string()).default([]),
  /** How often it allows something in all; null for any number of times. */
  uses: z.number().int().positive().nullable().default(null),
};

/** A mandate: its terms never change. What ends it before its time is added once. */
export const mandateRecord = z.object({
  ...terms,
  ended: z.object({
    state: z.enum(MANDATE_ENDS),
    at: timestamp,
    /** The mandate that took its place. */
    by: z.string().nullable(),
  }).nullable(),
});

export type MandateRecord = z.infer<typeof mandateRecord>;

/** How many entries of the log are about a mandate, and how many of these are checks. */
export const mandateCount = z.object({
  seq: z.number().int().positive(),
  checks: z.number().int().nonnegative(),
});

export type MandateCount = z.infer<typeof mandateCount>;

/** A resource that nothing under a mandate may touch. */
export const tombstoneRecord = z.object({ resource: z.string(), by, created_at: timestamp });

export type TombstoneRecord = z.infer<typeof tombstoneRecord>;

/** A row of an index of mandates. */
export const mandatePointer = z.object({ id: z.string() });
