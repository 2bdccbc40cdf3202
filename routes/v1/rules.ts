import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { existingRule, putRule, removeRule } from "../../lib/catalog/rules.ts";
import { givenParts } from "../../lib/catalog/selectors.ts";
import { type MachineCaller, mayKnowOf, tenantWithin } from "../../lib/identity/caller.ts";
import type { Snapshot } from "../../lib/policy/snapshot.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { RuleRecord } from "../../lib/store/records/policy.ts";
import { resourceId, tenantId, toolName } from "../fields/action.ts";
import {
  permissionField,
  removedAnswer,
  removedAs,
  renderWarnings,
  ruleBody,
  ruleOf,
  ruleWarning,
  selectorAnswer,
  writtenAnswer,
} from "../fields/catalog.ts";
import { timeText, versionAnswer } from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Configuration";

const byId = z.object({ id: z.string() });

const ruleQuery = z.strictObject({
  ...pageQuery,
  tenant_id: tenantId.optional(),
  tool_name: toolName.optional(),
  resource_id: resourceId.optional(),
});

const ruleAnswer = z.object({
  id: z.string(),
  selector: selectorAnswer,
  permission: permissionField,
  note: z.string().nullable(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

const writtenRule = ruleAnswer.extend(versionAnswer);

const madeRule = writtenRule.extend({
  warnings: z.array(ruleWarning)
    .describe("Where a disabled rule rests on a fact that a call may leave out"),
});

function renderRule(rule: RuleRecord): JsonObject {
  const { id, selector, permission, note, created_at, updated_at } = rule;
  return {
    id,
    selector: givenParts(selector),
    permission,
    note,
    created_at: timeText(created_at),
    updated_at: timeText(updated_at),
  };
}

const tenantsOf = ({ selector: { tenant_id } }: RuleRecord) =>
  tenant_id === null ? null : [tenant_id];

/** The rules that a query asks for and the caller may know of, by ascending id. */
function* matching(
  { rules }: Snapshot,
  caller: MachineCaller,
  { tenant_id, tool_name, resource_id }: z.output<typeof ruleQuery>,
): Generator<RuleRecord> {
  // Without a rule of the tenant there is no branch to walk.
  const some = tenant_id === undefined
    ? rules
    : rules.hasTenant(tenant_id)
    ? rules.forTenant(tenant_id)
    : [];
  for (const rule of some) {
    const { selector } = rule;
    if (!mayKnowOf(caller, tenantsOf(rule))) continue;
    if (tool_name !== undefined && selector.tool_name !== tool_name) continue;
    if (resource_id !== undefined && selector.resource_id !== resource_id) continue;
    yield rule;
  }
}

export const ruleRoutes: readonly Route[] = [
  guarded({
    method: "put",
    path: "/v1/rules",
    group,
    summary: "Make the rule of a selector, or replace it",
    description:
      "There is one rule for each selector, however its method is spelled. It may name " +
      "what is not registered yet; `*`, `?` and `|` are in no selector, but in ids that are.",
    callers: ["management"],
    body: ruleBody,
    answers: { 200: madeRule, 201: madeRule },
    refusals: ["invalid_selector"],
    handle: (call) =>
      call.commit(
        putRule(ruleOf(call.body), call.id),
        (written) =>
          writtenAnswer(written, (rule) => ({
            ...renderRule(rule),
            warnings: renderWarnings(written.warnings),
          })),
      ),
  }),
  guarded({
    method: "get",
    path: "/v1/rules",
    group,
    summary: "List the rules in the order in which they were made",
    callers: ["management", "standard"],
    query: ruleQuery,
    answers: { 200: pageAnswer(ruleAnswer) },
    refusals: ["tenant_not_permitted"],
    handle: (call) =>
      call.transact({
        plan: ({ snapshot }, caller) => {
          if (call.query.tenant_id !== undefined) tenantWithin(caller, call.query.tenant_id);
          const rules = matching(snapshot, caller, call.query);
          const { items, next_cursor } = pageByName(rules, ({ id }) => id, call.query);
          return { status: 200, body: { data: items.map(renderRule), next_cursor } };
        },
      }),
  }),
  guarded({
    method: "get",
    path: "/v1/rules/:id",
    group,
    summary: "Read a rule",
    callers: ["management", "standard"],
    params: byId,
    answers: { 200: ruleAnswer },
    refusals: ["not_found"],
    handle: (call) =>
      call.transact({
        plan(transaction, caller) {
          const rule = existingRule(transaction, call.params.id);
          if (mayKnowOf(caller, tenantsOf(rule))) return { status: 200, body: renderRule(rule) };
          throw new Refusal("not_found", { what: `rule ${rule.id}` });
        },
      }),
  }),
  guarded({
    method: "delete",
    path: "/v1/rules/:id",
    group,
    summary: "Remove a rule",
    callers: ["management"],
    params: byId,
    answers: { 200: writtenRule.extend(removedAnswer) },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(removeRule(call.params.id, call.id), (removed) => removedAs(removed, renderRule)),
  }),
];
