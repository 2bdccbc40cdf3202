import { z } from "zod";
import { canonicalBytes } from "../../lib/base/canonical.ts";
import { externalIdProblem } from "../../lib/base/text.ts";
import type { Written } from "../../lib/catalog/record_change.ts";
import { isJsonObject, type JsonObject } from "../../lib/json/json_value.ts";
import { PERMISSIONS } from "../../lib/policy/permission.ts";
import type { Answer } from "../answer.ts";

/** Fields that several nouns of the configuration have in common on the wire. */

/** Most bytes of `metadata` in canonical form. */
const MAX_METADATA_BYTES = 16 * 1024;

function shownText(max: number) {
  return z.string().min(1, "must not be empty").max(max, `has at most ${max} characters`)
    .superRefine((text, context) => {
      const problem = externalIdProblem(text);
      if (problem !== null) context.addIssue({ code: "custom", message: problem });
    });
}

export const categoryName = shownText(64).describe("Name of the category");

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

export const killSwitchAnswer = z.object({ active: z.boolean(), reason: z.string().nullable() });

export const metadataField = z.custom<JsonObject>(isJsonObject, "must be an object")
  .superRefine((value, context) => {
    const bytes = canonicalBytes(value).length;
    if (bytes > MAX_METADATA_BYTES) {
      context.addIssue({
        code: "custom",
        message: `has ${bytes} bytes in canonical form, at most ${MAX_METADATA_BYTES}`,
      });
    }
  }).meta({ type: "object", description: "Anything else; replaced as a whole" });

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
