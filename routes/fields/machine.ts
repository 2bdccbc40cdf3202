import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { externalIdProblem } from "../../lib/base/text.ts";
import { DEFAULT_RATE_LIMIT } from "../../lib/catalog/api_keys.ts";
import type { MandateIds } from "../../lib/store/records/identity.ts";
import { mandateId, ruled, tenantId } from "./action.ts";

/** What keys and agents have in common on the wire. */

/** Most tenants that one credential may be bound to by name. */
const MAX_TENANTS = 100;

/** Most mandates that one credential may be bound to by name. */
const MAX_MANDATES = 20;

const name = ruled(
  z.string().min(1, "must not be empty").max(100, "has at most 100 characters"),
  externalIdProblem,
).describe("What people call it");

const trustTier = z.number().int().min(0).max(3)
  .describe("Trust from 0 to 3; a tool may require one");

const tenantIds = z.array(tenantId).min(1, "must name a tenant, or be null for all of them")
  .max(MAX_TENANTS, `has at most ${MAX_TENANTS} tenants`)
  .refine((ids) => new Set(ids).size === ids.length, "names a tenant twice")
  .nullable()
  .describe("The tenants that it may act for; null for all of them");

const expiresAt = z.iso.datetime({
  offset: true,
  error: "must be a time as in RFC 3339, such as 2030-01-31T12:00:00Z",
}).nullable().describe("When it stops being accepted; null for never");

const rateLimit = z.int().min(1, "must be at least 1, or null for no limit").nullable()
  .describe("Requests a minute; null for no limit");

const mandateIds = z.union([
  z.literal("required"),
  z.array(mandateId).min(1, "must name a mandate, be `required`, or null")
    .max(MAX_MANDATES, `has at most ${MAX_MANDATES} mandates`)
    .refine((ids) => new Set(ids).size === ids.length, "names a mandate twice"),
]).nullable()
  .describe(
    "The mandates that it may ask under; `required` for any, but one; null for any, and for none. " +
      "Fixed for its life",
  );

/** The fields of a body that makes a key or an agent. */
export const newMachineFields = {
  name,
  trust_tier: trustTier.default(0),
  tenant_ids: tenantIds.default(null),
  expires_at: expiresAt.default(null),
  rate_limit_per_minute: rateLimit.default(DEFAULT_RATE_LIMIT),
  mandate_ids: mandateIds.default(null),
};

/** The same in a body that changes one: what is absent stays. */
export const machineChangeFields = {
  name: name.exactOptional(),
  trust_tier: trustTier.exactOptional(),
  tenant_ids: tenantIds.exactOptional(),
  expires_at: expiresAt.exactOptional(),
  rate_limit_per_minute: rateLimit.exactOptional(),
};

/** Milliseconds of an expiry, or null. */
export function expiryOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}

/** The fields of an answer. */
export const machineAnswer = {
  id: z.string(),
  name: z.string(),
  trust_tier: z.number(),
  tenant_ids: z.array(z.string()).nullable(),
  expires_at: z.iso.datetime().nullable(),
  rate_limit_per_minute: z.number().nullable(),
  mandate_ids: z.union([z.literal("required"), z.array(z.string())]).nullable(),
  members_behind: z.array(z.string()).describe("The members who answer for what it asks"),
  created_at: z.iso.datetime(),
};

/** Beside them where it is read. */
export const lastUsedAnswer = {
  last_used_at: z.iso.datetime().nullable().describe("Up to a minute late; null when never"),
};

/** Beside them where it was written. */
export const versionAnswer = {
  policy_version: z.number().describe("The version of the policy with this change"),
};

/** The wire form of a time; null stays. */
export function timeText(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}

/** The wire form of what keys and agents have in common; never a secret or its hash. */
export function renderMachine(record: {
  readonly id: string;
  readonly name: string;
  readonly trust_tier: number;
  readonly tenant_ids: string[] | null;
  readonly expires_at: number | null;
  readonly rate_limit_per_minute: number | null;
  readonly mandate_ids: MandateIds;
  readonly members_behind: readonly string[];
  readonly created_at: number;
}): JsonObject {
  return {
    id: record.id,
    name: record.name,
    trust_tier: record.trust_tier,
    tenant_ids: record.tenant_ids,
    expires_at: timeText(record.expires_at),
    rate_limit_per_minute: record.rate_limit_per_minute,
    mandate_ids: record.mandate_ids,
    members_behind: [...record.members_behind],
    created_at: timeText(record.created_at),
  };
}
