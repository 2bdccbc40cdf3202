import { z } from "zod";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import type { Policy } from "../../lib/catalog/apply_policy.ts";
import { givenParts } from "../../lib/catalog/selectors.ts";
import { TOOL_FIELDS } from "../../lib/catalog/tool_record.ts";
import { foldedSelector } from "../../lib/policy/rule_index.ts";
import { categoryRecord } from "../../lib/store/records/policy.ts";
import { CONFIRM_BY } from "../../lib/store/records/user.ts";
import {
  registeredResourceId,
  registeredTenantId,
  resourceId,
  tenantId,
  toolName,
} from "./action.ts";
import { setBudgetBody } from "./budget.ts";
import {
  categoryName,
  displayName,
  killSwitchField,
  metadataAnswer,
  metadataField,
  orgName,
  permissionField,
  registeredCategoryName,
  resourceType,
  ruleBody,
  ruleId,
  ruleOf,
  ruleSelector,
  ruleWarning,
  seconds,
  selectorAnswer,
  toolAnswer,
  toolFields,
} from "./catalog.ts";
import { versionAnswer } from "./machine.ts";

/** The whole policy as one document on the wire. */

/** A list whose items are told apart by some of their members. */
function listOf<T extends z.ZodType>(item: T, nameOf: (item: z.output<T>) => JsonValue) {
  return z.array(item).superRefine((items, context) => {
    const seen = new Map<string, number>();
    items.forEach((one, i) => {
      const name = canonicalJson(nameOf(one));
      const first = seen.get(name);
      if (first === undefined) seen.set(name, i);
      else {
        context.addIssue({
          code: "custom",
          path: [i],
          message: `is the same one as item ${first}; name each once`,
        });
      }
    });
  }).exactOptional();
}

/** Rows of a policy in a body, each whole. */
const rowsBody = z.strictObject({
  tools: listOf(z.strictObject({ name: toolName, ...toolFields }), ({ name }) => name),
  categories: listOf(
    z.strictObject({
      name: registeredCategoryName,
      default_permission: permissionField.nullable().default(null),
    }),
    ({ name }) => name,
  ),
  tenants: listOf(
    z.strictObject({
      id: registeredTenantId,
      name: displayName.default(null),
      metadata: metadataField.default(() => ({})),
    }),
    ({ id }) => id,
  ),
  resources: listOf(
    z.strictObject({
      id: registeredResourceId,
      name: displayName.default(null),
      type: resourceType.default(null),
      metadata: metadataField.default(() => ({})),
    }),
    ({ id }) => id,
  ),
  rules: listOf(ruleBody, (rule) => givenParts(foldedSelector(ruleOf(rule).selector))),
});

/** A policy in a body. */
export const documentBody = rowsBody.extend({
  policy_version: z.int().exactOptional().describe("Ignored: `If-Match` counts"),
});

/** Changes of single rows in a body. */
export const patchBody = z.strictObject({
  put: rowsBody.exactOptional().describe("Rows to make or to replace"),
  remove: z.strictObject({
    tools: z.array(toolName).exactOptional().describe("They are archived"),
    categories: z.array(categoryName).exactOptional(),
    tenants: z.array(tenantId).exactOptional().describe("Rules of theirs go as well"),
    resources: z.array(resourceId).exactOptional(),
    rules: z.array(z.union([ruleId, ruleSelector])).exactOptional()
      .describe("Each by its selector or its id"),
  }).exactOptional(),
});

/** A policy in an answer. */
export const policyAnswer = z.object({
  ...versionAnswer,
  tools: z.array(
    toolAnswer.omit({ id: true, discovered: true, created_at: true, updated_at: true }),
  ),
  categories: z.array(categoryRecord),
  tenants: z.array(
    z.object({ id: z.string(), name: z.string().nullable(), metadata: metadataAnswer }),
  ),
  resources: z.array(z.object({
    id: z.string(),
    name: z.string().nullable(),
    type: z.string().nullable(),
    metadata: metadataAnswer,
  })),
  rules: z.array(z.object({
    selector: selectorAnswer,
    permission: permissionField,
    note: z.string().nullable(),
  })),
});

/** Rows by kind, each with further fields. */
const differences = (fields: z.ZodRawShape) => {
  const named = z.array(z.object({ name: z.string(), ...fields }));
  const identified = z.array(z.object({ id: z.string(), ...fields }));
  return z.object({
    tools: named,
    categories: named,
    tenants: identified,
    resources: identified,
    rules: z.array(
      z.object({ selector: selectorAnswer, permission: permissionField, ...fields }),
    ),
  });
};

/** What a document made different, in an answer. */
export const appliedAnswer = z.object({
  dry_run: z.boolean(),
  ...versionAnswer,
  added: differences({}),
  changed: differences({ fields: z.array(z.string()).describe("Members with another value") }),
  removed: differences({}).describe("Tools among them are archived"),
  warnings: z.array(ruleWarning.extend({ path: z.string().describe("The rule in the document") }))
    .describe("Where a disabled rule that it makes rests on a fact that a call may leave out"),
});

const WEEK = 7 * 24 * 60 * 60;

const DAY = 24 * 60 * 60;

/** 30 days. */
const MAX_HOLD_HOURS = 720;

const alertPercents = z.array(z.number().int().min(1).max(100))
  .max(10, "has at most 10 shares")
  .refine((all) => all.every((percent, i) => i === 0 || percent > (all[i - 1] ?? 0)), {
    message: "must be ascending, each once",
  }).describe("At which shares of a budget webhooks hear of it, each once in its window");

function drafts(most: number, what: string) {
  return z.number().int().min(0).max(most).exactOptional()
    .describe(`${what}; 0 makes none, and more than before is for an owner`);
}

export const orgChange = z.strictObject({
  name: orgName.exactOptional(),
  approval_timeout_seconds: seconds(60, WEEK, "How long a request waits for its decision")
    .exactOptional(),
  approval_use_seconds: seconds(60, DAY, "How long an approval may wait to be used")
    .exactOptional(),
  report_within_seconds: seconds(60, WEEK, "When a run that was not reported counts as unknown")
    .exactOptional(),
  discovery: z.enum(["all", "mcp", "off"]).exactOptional()
    .describe("By which way in an unknown tool becomes a draft"),
  discovery_max_per_hour: drafts(1000, "How many drafts questions make in an hour"),
  discovery_max_per_caller_per_hour: drafts(1000, "How many of these one caller's make"),
  discovery_max_untriaged: drafts(5000, "How many such drafts may wait for a person"),
  retain_arguments: z.boolean().exactOptional(),
  separation_of_duties: z.boolean().exactOptional()
    .describe("Whether those who answer for a requester may not decide; off is for an owner"),
  strict_levels: z.boolean().exactOptional()
    .describe("Whether a second approval that nobody could give is refused; off is for an owner"),
  api_decisions: z.boolean().exactOptional()
    .describe(
      "Whether approver keys decide, and say yes for users; on is for an owner",
    ),
  confirm_by: z.enum(CONFIRM_BY).exactOptional().describe(
    "Who may say yes for the user of a mandate: `passkey` is theirs alone; `app` is for an owner",
  ),
  allow_personal_ids: z.boolean().exactOptional().describe("On is for an owner"),
  recovery_hold_hours: z.number().int().min(0).max(MAX_HOLD_HOURS).exactOptional()
    .describe("How long a member who recovered their account may not rule others"),
  budget_alert_percent: alertPercents.exactOptional(),
  budget: setBudgetBody.nullable().exactOptional().describe(
    "What all may cost together under mandates, as `PUT /v1/budgets/org` sets it; null for no limit",
  ),
  allowly: z.boolean().exactOptional()
    .describe("Whether clients of Allowly's API are answered under `/allowly`; on is for an owner"),
  register_from_policies: z.boolean().exactOptional().describe(
    "Whether what their policies name and the catalog does not know becomes an approved tool that " +
      "nothing but a mandate opens; on is for an owner, and for a key until one has a passkey",
  ),
  kill_switch: killSwitchField.exactOptional(),
});

/** The policy as a document that can be sent back, without what only the store says. */
export function renderPolicy(policy: Policy): JsonObject {
  return {
    policy_version: policy.policy_version,
    tools: policy.tools.map((tool) =>
      Object.fromEntries(
        (["name", ...TOOL_FIELDS] as const).flatMap((field) => {
          const value: JsonValue | undefined = tool[field];
          return value === undefined ? [] : [[field, value]];
        }),
      )
    ),
    categories: policy.categories.map(({ name, default_permission }) => ({
      name,
      default_permission,
    })),
    tenants: policy.tenants.map(({ id, name, metadata }) => ({ id, name, metadata })),
    resources: policy.resources.map(({ id, name, type, metadata }) => ({
      id,
      name,
      type,
      metadata,
    })),
    rules: policy.rules.map(({ selector, permission, note }) => ({
      selector: givenParts(selector),
      permission,
      note,
    })),
  };
}
