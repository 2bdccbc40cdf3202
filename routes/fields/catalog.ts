import { z } from "zod";
import { canonicalBytes } from "../../lib/base/canonical.ts";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import { externalIdProblem } from "../../lib/base/text.ts";
import type { Written } from "../../lib/catalog/record_change.ts";
import type { RuleFields } from "../../lib/catalog/rules.ts";
import { foldedMethod } from "../../lib/policy/rule_index.ts";
import { patternIn } from "../../lib/catalog/selectors.ts";
import type { RuleWarning } from "../../lib/policy/rule_warnings.ts";
import { guardsRecord } from "../../lib/store/records/guards.ts";
import {
  REQUIRED_FACTS,
  RISK_LEVELS,
  type Selector,
  TOOL_STATUSES,
  toolFacts,
  type ToolRecord,
  toolRecord,
} from "../../lib/store/records/policy.ts";
import { PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import type { Answer } from "../http/call.ts";
import { addressed, methodName, resourceId, ruled, tenantId, toolName } from "./action.ts";
import { timeText } from "./machine.ts";

/** Fields that several nouns of the configuration have in common on the wire. */

/** Most bytes of `metadata` in canonical form. */
const MAX_METADATA_BYTES = 16 * 1024;

function shownText(max: number) {
  return ruled(
    z.string().min(1, "must not be empty").max(max, `has at most ${max} characters`),
    externalIdProblem,
  );
}

export const categoryName = shownText(64).describe("Name of the category");

export const registeredCategoryName = addressed(categoryName);

export const orgName = shownText(100).describe("What people call the organization");

export const tagName = shownText(64).describe("A tag of tools");

export const displayName = shownText(200).nullable().describe("What people call it");

export const resourceType = shownText(64).nullable().describe("What kind of thing it is");

/** Seconds in a range, for durations. */
export function seconds(min: number, max: number, what: string) {
  return z.int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`)
    .describe(what);
}

export const permissionField = z.enum(PERMISSIONS);

export const killSwitchField = z.strictObject({
  active: z.boolean(),
  reason: z.string().max(500, "has at most 500 characters").nullable().default(null),
}).describe("While active, everything is disabled. Releasing it is for an owner with a passkey");

const killSwitchAnswer = z.object({ active: z.boolean(), reason: z.string().nullable() });

export const metadataField = ruled(
  z.custom<JsonObject>(isJsonObject, "must be an object"),
  (value) => {
    const bytes = canonicalBytes(value).length;
    return bytes > MAX_METADATA_BYTES
      ? `has ${bytes} bytes in canonical form, at most ${MAX_METADATA_BYTES}`
      : null;
  },
).meta({ type: "object", description: "Anything else; replaced as a whole" });

export const metadataAnswer = z.record(z.string(), z.unknown());

/** Beside an object that went. */
export const removedAnswer = { removed: z.boolean() };

/** The answer to a write: the object, and the policy version that it made. */
export function writtenAnswer<T>(
  { record, created, policy_version }: Written<T>,
  render: (record: T) => JsonObject,
): Answer {
  return { status: created ? 201 : 200, body: { ...render(record), policy_version } };
}

/** The answer to a removal: what it was. */
export function removedAs<T>(
  { record, policy_version }: Written<T>,
  render: (record: T) => JsonObject,
): Answer {
  return { status: 200, body: { ...render(record), removed: true, policy_version } };
}

/** Which actions a rule in a body speaks of. */
export const ruleSelector = z.strictObject({
  tenant_id: tenantId.nullish(),
  resource_id: resourceId.nullish(),
  tool_name: toolName.nullish(),
  method: methodName.nullish(),
  tag: tagName.nullish(),
});

/** The id of a rule. */
export const ruleId = z.string().regex(/^rul_[0-9a-zA-Z]{1,64}$/, "must be the id of a rule");

/** A rule in a body: what its selector leaves out, or names as null, it does not speak of. */
export const ruleBody = z.strictObject({
  selector: ruleSelector,
  permission: permissionField,
  note: z.string().max(500, "has at most 500 characters").nullable().default(null)
    .describe("Why the rule is there"),
});

/** What is to be said of a rule where it is made. */
export const ruleWarning = z.object({
  code: z.enum(["rests_on_optional_fact"]),
  fact: z.enum(REQUIRED_FACTS),
  tool_name: z.string().nullable()
    .describe("The tool that the rule names and that does not require the fact; null: some tool"),
});

/** The wire form of warnings. */
export function renderWarnings(warnings: readonly RuleWarning[]): JsonObject[] {
  return warnings.map((warning) => ({ ...warning }));
}

/** A selector in an answer: the parts that it names. */
export const selectorAnswer = z.object({
  tenant_id: z.string().optional(),
  resource_id: z.string().optional(),
  tool_name: z.string().optional(),
  method: z.string().optional(),
  tag: z.string().optional(),
});

/** The rule that a body asks for. */
export function ruleOf({ selector, permission, note }: z.output<typeof ruleBody>): RuleFields {
  return { selector: selectorOf(selector), permission, note };
}

/** The selector with all of its parts. */
export function selectorOf(selector: z.output<typeof ruleSelector>): Selector {
  return {
    tenant_id: selector.tenant_id ?? null,
    resource_id: selector.resource_id ?? null,
    tool_name: selector.tool_name ?? null,
    method: selector.method ?? null,
    tag: selector.tag ?? null,
  };
}

const isUniqueMethod = (methods: readonly string[]) =>
  new Set(methods.map(foldedMethod)).size === methods.length;

const isUnique = (items: readonly string[]) => new Set(items).size === items.length;

/** Most bytes of a description: published tools have up to 9,000. */
const MAX_DESCRIPTION_BYTES = 16_384;

const encoder = new TextEncoder();

const toolDescription = z.string().refine(
  // Each UTF-16 unit is a byte at least: what is far too long is not encoded to be counted.
  (text) =>
    text.length <= MAX_DESCRIPTION_BYTES &&
    encoder.encode(text).length <= MAX_DESCRIPTION_BYTES,
  `has at most ${MAX_DESCRIPTION_BYTES} bytes of UTF-8`,
).meta({ maxLength: MAX_DESCRIPTION_BYTES, description: "At most 16,384 bytes of UTF-8" });

/** The digest of a definition as an upstream gives it. */
export const definitionDigest = z.string()
  .regex(/^sha256:[0-9a-f]{64}$/, "must be a definition_digest");

/** The fields of a tool in a body, all of which may be left out. */
export const toolFields = {
  description: toolDescription.exactOptional(),
  category: categoryName.nullable().exactOptional(),
  tags: z.array(tagName).max(16, "has at most 16 tags").refine(isUnique, "names a tag twice")
    .exactOptional(),
  risk_level: z.enum(RISK_LEVELS).exactOptional(),
  parameters: z.custom<JsonObject>(isJsonObject, "must be a JSON Schema that is an object")
    .nullable().exactOptional()
    .meta({
      type: ["object", "null"],
      description: "JSON Schema 2020-12 of the arguments, at most 32 KiB",
    }),
  default_permission: permissionField.nullable().exactOptional()
    .describe("Used when no rule matches; to be named when a draft is approved"),
  annotations: z.strictObject({
    read_only: z.boolean().exactOptional(),
    destructive: z.boolean().exactOptional(),
    idempotent: z.boolean().exactOptional(),
    open_world: z.boolean().exactOptional(),
  }).exactOptional(),
  annotations_acknowledged: z.boolean().exactOptional()
    .describe("True when a person stands for the annotations: only then it can be approved"),
  required_tier: z.int().min(0).max(3).exactOptional(),
  required_facts: z.array(z.enum(REQUIRED_FACTS)).refine(isUnique, "names a fact twice")
    .exactOptional(),
  facts: toolFacts.exactOptional().describe(
    "Of a tool of an upstream, where in the arguments of a call its facts stand: JSON pointers. A " +
      "fact is read there and believed from nowhere else; stays as it is where it is left out, and " +
      "{} reads none",
  ),
  methods: z.array(
    methodName.refine(
      (method) => patternIn(method) === null,
      "holds * ? or |: methods are compared as they are written, so list each by itself",
    ),
  ).min(1, "must name a method, or be null for any").max(64, "has at most 64 methods")
    .refine(isUniqueMethod, "names a method twice; case does not count")
    .nullable().exactOptional()
    .describe("The only methods that it takes, compared without case; null for any"),
  requires_second_approval: z.boolean().exactOptional(),
  requires_mandate: z.boolean().exactOptional()
    .describe("Whether nothing but a mandate opens it; stays as it is where it is left out"),
  guards: guardsRecord.exactOptional()
    .describe("What looks at its calls; stays as it is where it is left out"),
  approval_timeout_seconds: seconds(60, 7 * 24 * 60 * 60, "How long a request for it waits")
    .nullable().exactOptional(),
  approval_use_seconds: seconds(60, 24 * 60 * 60, "How long an approval may wait to be used")
    .nullable().exactOptional(),
  kill_switch: killSwitchField.exactOptional(),
  status: z.enum(TOOL_STATUSES).exactOptional(),
  definition_digest: definitionDigest.exactOptional().describe(
    "Of a tool of an upstream, the definition that was read: approving it asks for it once it has " +
      "changed since it was first offered",
  ),
};

/** A tool in an answer. */
export const toolAnswer = toolRecord.omit({ created_at: true, updated_at: true, parameters: true })
  .extend({
    parameters: z.record(z.string(), z.unknown()).nullable(),
    kill_switch: killSwitchAnswer,
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  });

/** The wire form of a tool. */
export function renderTool({ created_at, updated_at, ...tool }: ToolRecord): JsonObject {
  return { ...tool, created_at: timeText(created_at), updated_at: timeText(updated_at) };
}
