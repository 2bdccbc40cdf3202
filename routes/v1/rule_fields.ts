import { z } from "zod";
import type { RuleFields } from "../../lib/catalog/rules.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import type { RuleWarning } from "../../lib/policy/rule_warnings.ts";
import { REQUIRED_FACTS, type Selector } from "../../lib/store/records/policy.ts";
import { methodName, resourceId, tenantId, toolName } from "../fields/action.ts";
import { permissionField, tagName } from "./catalog_fields.ts";

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
