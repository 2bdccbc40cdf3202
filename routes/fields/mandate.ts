import { z } from "zod";
import { canonicalBytes } from "../../lib/base/canonical.ts";
import { isId } from "../../lib/base/id.ts";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import type { ReadBundle } from "../../lib/mandates/bundle.ts";
import type { CountedMandate } from "../../lib/mandates/mandate.ts";
import { mandateEnd } from "../../lib/mandates/narrow.ts";
import type { Clocks } from "../../lib/ledger/clock.ts";
import {
  condition,
  type Definition,
  type Scope,
  SCOPE_DECISIONS,
  scopeLimits,
} from "../../lib/store/records/mandate.ts";
import { budgetTerms } from "../../lib/store/records/budget.ts";
import { CONFIRM_BY } from "../../lib/store/records/user.ts";
import {
  budgetAnswer,
  budgetBody,
  budgetTermsOf,
  ownTerms,
  renderBudget,
  renderTerms,
} from "./budget.ts";
import { mandateId, tenantId, toolName, userId } from "./action.ts";
import { tagName } from "./catalog.ts";

/** Bundles and mandates on the wire. */

/** Most bytes of a mandate's metadata in canonical form. */
const MAX_METADATA_BYTES = 4 * 1024;

const YEAR_SECONDS = 366 * 24 * 60 * 60;

export const bundleId = z.string().regex(
  /^[a-z0-9_-]{1,64}$/,
  "has 1 to 64 small letters, digits, _ and -",
).describe("What the bundle is called");

const agentName = z.string().min(1, "must not be empty").max(128, "has at most 128 characters")
  .regex(/^[!-~]+$/, "has printable ASCII characters without spaces")
  .describe("An agent by its id, or a label that whoever asks stands for");

const decision = z.enum(SCOPE_DECISIONS);

const pattern = z.string().min(1, "must not be empty").max(256, "has at most 256 characters");

const most = z.int().min(1).max(1_000_000_000);

const scopeFields = {
  decision,
  resources: z.array(pattern).min(1, "must name a pattern, or be left out").max(100).nullish()
    .describe("Patterns of resource ids; `*` is any run of characters, nothing else is special"),
  conditions: z.array(z.strictObject({
    when: z.array(condition).min(1).max(10)
      .describe("Of which one has to hold; an absent field counts as if it did"),
    decision,
  })).max(32).nullish().describe("What tightens the decision, never loosens it"),
  budget: budgetBody.nullish().describe("What its tools may cost together"),
  limits: z.strictObject({
    max_per_minute: most.exactOptional(),
    max_per_hour: most.exactOptional(),
    max_per_day: most.exactOptional(),
  }).nullish().describe("How often it allows something"),
  confirm_by: z.enum(CONFIRM_BY).nullish()
    .describe("Who may say yes for the user; the stricter of this and the organization's counts"),
};

const scopeBody = z.union([
  z.strictObject({ tool: toolName, ...scopeFields }),
  z.strictObject({ tag: tagName, ...scopeFields }),
]);

const definitionFields = {
  agent: agentName,
  default_expiry_seconds: z.int().min(1).max(10 * YEAR_SECONDS).nullish()
    .describe("How long its mandates last unless they say so; 30 days where this does not"),
  scopes: z.array(scopeBody).min(1, "must name a scope").max(100, "has at most 100 scopes"),
};

export const bundleBody = z.strictObject({
  ...definitionFields,
  description: z.string().min(1).max(2048).nullish(),
});

type DefinitionBody = z.output<z.ZodObject<typeof definitionFields>>;

/** The definition that a body gives. */
export function definitionOf(
  { agent, default_expiry_seconds, scopes }: DefinitionBody,
): Definition {
  return {
    agent,
    default_expiry_seconds: default_expiry_seconds ?? null,
    scopes: scopesOf(scopes),
  };
}

/** The scopes that a body gives. */
export function scopesOf(scopes: DefinitionBody["scopes"]): Scope[] {
  return scopes.map((scope) => ({
    name: "tool" in scope ? scope.tool : `tag:${scope.tag}`,
    decision: scope.decision,
    resources: scope.resources ?? null,
    conditions: scope.conditions ?? [],
    ...(scope.budget == null ? {} : { budget: budgetTermsOf(scope.budget) }),
    ...(scope.limits == null ? {} : { limits: scope.limits }),
    ...(scope.confirm_by == null ? {} : { confirm_by: scope.confirm_by }),
  }));
}

const metadata = z.custom<JsonObject>(isJsonObject, "must be an object").refine(
  (value) => canonicalBytes(value).length <= MAX_METADATA_BYTES,
  `has more than ${MAX_METADATA_BYTES} bytes in canonical form`,
).meta({ type: "object", description: "Anything else, at most 4 KiB; kept apart from the log" });

const grantFields = {
  user_id: userId,
  tenant_id: tenantId.nullish(),
  expires_at: z.iso.datetime({ offset: true }).nullish().describe("At most 10 years away"),
  replaces: mandateId.nullish().describe("The mandate whose place it takes, which ends by it"),
  metadata: metadata.nullish(),
  budget: budgetBody.nullish().describe("What it may cost in all"),
  uses: most.nullish().describe("How often it allows something in all, whatever it costs"),
};

export const grantBody = z.union([
  z.strictObject({
    ...grantFields,
    bundle: z.strictObject({
      id: bundleId,
      edition: z.int().min(1).nullish().describe("The newest where it is left out"),
    }),
    scopes: z.array(z.string().min(1).max(133)).min(1).max(100)
      .refine((names) => new Set(names).size === names.length, "names a scope twice").nullish()
      .describe("Names of scopes of the bundle: a tool, or `tag:` and a tag; all where left out"),
  }),
  z.strictObject({
    ...grantFields,
    agent: agentName,
    scopes: definitionFields.scopes,
  }),
]);

/** A part of a mandate for somebody: what it leaves out is as there. */
export const delegationBody = z.strictObject({
  parent: mandateId.describe("The mandate that it is a part of"),
  agent: agentName.nullish(),
  scopes: definitionFields.scopes,
  user_id: userId.nullish().describe("Only that of the parent"),
  tenant_id: tenantId.nullish(),
  expires_at: grantFields.expires_at,
  metadata: metadata.nullish(),
  budget: budgetBody.nullish().describe("What it may cost in all, of what the parent may"),
  uses: grantFields.uses,
});

const time = z.iso.datetime();

const scopeAnswer = z.object({
  tool: z.string().optional(),
  tag: z.string().optional(),
  decision,
  resources: z.array(z.string()).nullable(),
  conditions: z.array(z.object({ when: z.array(condition), decision })),
  budget: budgetTerms.nullable(),
  limits: scopeLimits.nullable(),
  confirm_by: z.enum(CONFIRM_BY).nullable(),
});

/** A bundle with one of its editions. */
export const bundleAnswer = z.object({
  id: z.string(),
  edition: z.int(),
  newest_edition: z.int(),
  digest: z.string().describe("`sha256:` and the digest of the definition in RFC 8785 form"),
  agent: z.string(),
  default_expiry_seconds: z.int().nullable(),
  scopes: z.array(scopeAnswer),
  description: z.string().nullable(),
  archived_at: time.nullable(),
  created_at: time,
});

/** The wire form of a bundle with one of its editions. */
export function renderBundle({ bundle, edition }: ReadBundle): JsonObject {
  const { agent, default_expiry_seconds, scopes } = edition.definition;
  return {
    id: bundle.id,
    edition: edition.edition,
    newest_edition: bundle.edition,
    digest: edition.digest,
    agent,
    default_expiry_seconds,
    scopes: scopes.map(renderScope),
    description: edition.description,
    archived_at: bundle.archived_at === null ? null : new Date(bundle.archived_at).toISOString(),
    created_at: new Date(edition.created_at).toISOString(),
  };
}

function renderScope(
  { name, decision, resources, conditions, budget, limits, confirm_by }: Scope,
): JsonObject {
  return {
    ...(name.startsWith("tag:") ? { tag: name.slice(4) } : { tool: name }),
    decision,
    resources,
    conditions: conditions.map(({ when, decision }) => ({
      when: when.map((one) => ({ ...one })),
      decision,
    })),
    budget: budget === undefined ? null : { ...budget },
    limits: limits === undefined ? null : { ...limits },
    confirm_by: confirm_by ?? null,
  };
}

/** What a cursor in a list of mandates holds: the id to go on behind. */
export const afterMandate = z.tuple([z.string().refine((text) => isId(text, "mdt"))]);

export const MANDATE_STATES = ["active", "revoked", "superseded", "expired"] as const;

export type MandateState = (typeof MANDATE_STATES)[number];

/** A mandate as it stands. */
export const mandateAnswer = z.object({
  id: z.string(),
  state: z.enum(MANDATE_STATES),
  user_id: z.string(),
  tenant_id: z.string().nullable(),
  agent: z.string(),
  bundle: z.object({ id: z.string(), edition: z.int(), digest: z.string() }).nullable()
    .describe("Null where the mandate says itself what it allows"),
  scopes: z.array(z.string()).describe("Names of its scopes"),
  granted_by: z.object({ type: z.string(), id: z.string() }),
  created_at: time,
  expires_at: time,
  ended_at: time.nullable().describe("When it was revoked or replaced"),
  parent: z.string().nullable().describe("The mandate that it is a part of"),
  depth: z.int().describe("1, and one more for each that it is a part of"),
  replaces: z.string().nullable(),
  replaced_by: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  budget: budgetAnswer.extend(ownTerms).nullable(),
  uses: z.int().nullable().describe("How often it allows something in all; null for any number"),
  uses_left: z.int().nullable(),
  checks: z.int().describe("How often something was asked under it"),
  seq: z.int().describe("How many entries of the log are about it, numbered without a gap"),
});

/** The state of a mandate at a moment. */
export function stateOf({ record }: Pick<CountedMandate, "record">, clocks: Clocks): MandateState {
  return mandateEnd(record, clocks) ?? "active";
}

/** The wire form of a mandate as it stands. */
export function renderMandate(counted: CountedMandate, clocks: Clocks): JsonObject {
  const { record, count, budget, uses_left } = counted;
  return {
    id: record.id,
    state: stateOf(counted, clocks),
    user_id: record.user_id,
    tenant_id: record.tenant,
    agent: record.agent,
    bundle: record.bundle === null ? null : { ...record.bundle },
    scopes: [...record.scopes],
    granted_by: { ...record.granted_by },
    created_at: new Date(record.created_at).toISOString(),
    expires_at: new Date(record.expires_at).toISOString(),
    ended_at: record.ended === null ? null : new Date(record.ended.at).toISOString(),
    parent: record.ancestors[0] ?? null,
    depth: record.ancestors.length + 1,
    replaces: record.replaces,
    replaced_by: record.ended?.by ?? null,
    metadata: record.metadata,
    budget: budget === null || record.budget === null
      ? null
      : { ...renderTerms(record.budget), ...renderBudget(budget) },
    uses: record.uses,
    uses_left,
    checks: count.checks,
    seq: count.seq,
  };
}
