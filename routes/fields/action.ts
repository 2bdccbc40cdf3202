import { z } from "zod";
import type { Action } from "../../lib/base/action.ts";
import { canonicalBytes } from "../../lib/base/canonical.ts";
import { isId } from "../../lib/base/id.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import {
  externalIdProblem,
  isDotSegment,
  MAX_EXTERNAL_ID,
  saysSomething,
} from "../../lib/base/text.ts";
import type { MandateNaming } from "../../lib/mandates/mandate.ts";
import { METHOD_FORM } from "../../lib/policy/rule_index.ts";
import type { GivenAction } from "../../lib/tokens/presented.ts";
import { micros } from "./budget.ts";

/** Schemas of the fields that name an action, on every route that takes one. */

/** Most bytes of the arguments in canonical form. */
const MAX_ARGUMENT_BYTES = 32 * 1024;

/** How deep arguments may nest. */
export const MAX_ARGUMENT_DEPTH = 32;

/**
 * A schema with one rule more, which says what is wrong, or null. `superRefine` would hang a function on
 * what it checks each time, and V8 keeps such a one, and all that it checks, until its next full
 * collection.
 */
export function ruled<T extends z.ZodType>(
  schema: T,
  problemOf: (value: z.output<T>) => string | null,
): T {
  return schema.refine((value) => problemOf(value) === null, {
    error: ({ input }) => problemOf(input as z.output<T>) ?? undefined,
  });
}

function externalText(max: number, what: string) {
  const text = z.string().min(1, "must not be empty").max(max, `has at most ${max} characters`);
  return ruled(text, externalIdProblem).describe(what);
}

export const tenantId = externalText(MAX_EXTERNAL_ID, "External id of the tenant");

export const resourceId = externalText(MAX_EXTERNAL_ID, "External id of the resource");

/** An id that something is put under: it has an address, unlike one that a check only names. */
export function addressed(id: typeof tenantId) {
  return id.refine((text) => !isDotSegment(text), "cannot be . or .., which no address can hold");
}

export const registeredTenantId = addressed(tenantId);

export const registeredResourceId = addressed(resourceId);

export const methodName = z.string().regex(
  METHOD_FORM,
  "has 1 to 64 printable ASCII characters, and no space at either end",
).describe("The operation on the tool, such as DELETE; rules compare it without case");

/** A name that cannot be mistaken for a path elsewhere. */
export const toolName = z.string().min(1, "must not be empty").max(
  128,
  "has at most 128 characters",
)
  .regex(/^[A-Za-z0-9_.:/-]+$/, "may have letters, digits and _ . : / - only")
  .refine((name) => {
    const segments = name.split("/");
    return !segments.some((segment) => segment === "" || isDotSegment(segment));
  }, "has an empty segment, or one that is . or ..")
  .describe("Name of the tool");

/** The id of a mandate. */
export const mandateId = z.string().refine(
  (text) => isId(text, "mdt"),
  "must be the id of a mandate, such as mdt_01jd8x2v6nfy0s6g9q4t3hw7ke",
).describe("The mandate that is asked under");

/** Whom a mandate is of: an id of the application's own. */
export const userId = externalText(128, "External id of the user");

/** What an action is asked under, on every route that takes one. */
export const mandateFields = {
  mandate_id: mandateId.nullish(),
  user_id: userId.nullish().describe(
    "Whom the caller acts for: a mandate of somebody else counts as none",
  ),
  estimated_cost_micros: micros.nullish().describe(
    "What it costs at most, in millionths of your currency; counts under a mandate",
  ),
};

/** How parsed fields name a mandate. */
export function namingOf(fields: {
  mandate_id?: string | null | undefined;
  user_id?: string | null | undefined;
  estimated_cost_micros?: number | null | undefined;
}): MandateNaming {
  return {
    mandate_id: fields.mandate_id ?? null,
    user_id: fields.user_id ?? null,
    estimated_cost_micros: fields.estimated_cost_micros ?? null,
  };
}

const jsonObject = z.custom<JsonObject>(isJsonObject, "must be an object");

const argumentsField = ruled(jsonObject, (value) => {
  if (depthOf(value) > MAX_ARGUMENT_DEPTH) return `nest deeper than ${MAX_ARGUMENT_DEPTH} levels`;
  return hasMoreBytes(value, MAX_ARGUMENT_BYTES)
    ? `have more than ${MAX_ARGUMENT_BYTES} bytes in canonical form`
    : null;
}).meta({ type: "object", description: "The call's arguments" });

/** Whether the canonical form of a value has more bytes; one that surely has not is not written. */
export function hasMoreBytes(value: JsonValue, limit: number): boolean {
  return mostBytes(value) > limit && canonicalBytes(value).length > limit;
}

/** No fewer bytes than the canonical form has: a unit of a text takes at most six (`\u0000`). */
function mostBytes(value: JsonValue): number {
  if (typeof value === "string") return 6 * value.length + 2;
  if (typeof value !== "object" || value === null) return 25;
  if (Array.isArray(value)) {
    return value.reduce((sum: number, item) => sum + mostBytes(item) + 1, 2);
  }
  let sum = 2;
  for (const name in value) sum += 6 * name.length + 4 + mostBytes(value[name] ?? null);
  return sum;
}

/** How deep objects and arrays nest; 0 for a value that is neither. */
export function depthOf(value: JsonValue): number {
  if (typeof value !== "object" || value === null) return 0;
  let deepest = 0;
  for (const item of Object.values(value)) deepest = Math.max(deepest, depthOf(item));
  return deepest + 1;
}

/** The fields of an action as they stand in a body. */
export const actionFields = {
  tool_name: toolName,
  tenant_id: tenantId.nullish(),
  resource_id: resourceId.nullish(),
  method: methodName.nullish(),
  arguments: argumentsField.nullish(),
};

/** The action that parsed fields name; what is absent is null, absent arguments are `{}`. */
export function actionOf(fields: {
  tool_name: string;
  tenant_id?: string | null | undefined;
  resource_id?: string | null | undefined;
  method?: string | null | undefined;
  arguments?: JsonObject | null | undefined;
}): Action {
  return {
    tool: fields.tool_name,
    tenant: fields.tenant_id ?? null,
    resource: fields.resource_id ?? null,
    method: fields.method ?? null,
    arguments: fields.arguments ?? {},
  };
}

export const reasonField = z.string().min(1).max(2000)
  .refine((text) => text === "" || saysSomething(text), "says nothing that can be read")
  .describe("Why the action is wanted");

export const referenceField = externalText(200, "The caller's own id for this");

export const sessionField = externalText(
  200,
  "What of the caller's own this belongs to, such as a conversation; it stands in the entry",
);

/** The fields of an action that a body names; null is a name too, of having none. */
export function givenAction(fields: {
  tool_name?: string | undefined;
  tenant_id?: string | null | undefined;
  resource_id?: string | null | undefined;
  method?: string | null | undefined;
  arguments?: JsonObject | null | undefined;
}): GivenAction {
  const { tool_name, tenant_id, resource_id, method, arguments: args } = fields;
  return {
    ...(tool_name === undefined ? {} : { tool: tool_name }),
    ...(tenant_id === undefined ? {} : { tenant: tenant_id }),
    ...(resource_id === undefined ? {} : { resource: resource_id }),
    ...(method === undefined ? {} : { method }),
    ...(args === undefined ? {} : { arguments: args ?? {} }),
  };
}
