import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { externalIdProblem } from "../../lib/base/text.ts";
import {
  findBudget,
  listBudgets,
  type OrgBudget,
  putBudget,
  removeBudget,
} from "../../lib/mandates/org_budgets.ts";
import { settleDecision } from "../../lib/mandates/settle.ts";
import { ruled } from "../fields/action.ts";
import {
  budgetAnswer,
  micros,
  renderBudget,
  setBudgetBody,
  setBudgetOf,
} from "../fields/budget.ts";
import { pageAnswer, pageById, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Mandates";

const PATH = "/v1/budgets/:scope{.+}";

const scopeName = ruled(z.string().max(134), (text) => {
  const id = /^(?:user|agent|tenant):([^]+)$/.exec(text)?.[1];
  if (text === "org") return null;
  return id === undefined
    ? "must be org, or user:, agent: or tenant: and an id"
    : externalIdProblem(id);
}).describe("`org`, `user:<id>`, `agent:<id>` or `tenant:<id>`");

const byScope = z.object({ scope: scopeName });

const orgBudget = budgetAnswer.extend({
  scope: z.string(),
  period: z.string(),
  ask_above_micros: z.int().nullable(),
});

function renderOrgBudget({ scope, row }: OrgBudget): JsonObject {
  const { period, ask_above } = row;
  return { scope, period, ask_above_micros: ask_above, ...renderBudget(row) };
}

const settled = z.object({
  decision_id: z.string(),
  mandate_id: z.string(),
  estimated_cost_micros: z.int(),
  actual_cost_micros: z.int(),
  delta_micros: z.int(),
  audit: z.object({ index: z.int(), leaf_hash: z.string() }),
});

export const budgetRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/budgets",
    group,
    summary: "List the budgets that are set, by scope",
    description: "Those of mandates stand in the mandates.",
    callers: ["management", "standard"],
    query: z.strictObject({ ...pageQuery, scope: scopeName.optional() }),
    answers: { 200: pageAnswer(orgBudget) },
    handle: async (call) => {
      const { scope } = call.query;
      const { items, next_cursor } = await pageById(async (span) => {
        const found = await call.transact({
          load: (reader, caller) =>
            scope === undefined
              ? listBudgets(reader, caller, span)
              : findBudget(reader, caller, scope),
          plan: (_transaction, _caller, found) => found,
        });
        return found.map((budget) => ({ id: budget.scope, budget }));
      }, call.query);
      const data = items.map(({ budget }) => renderOrgBudget(budget));
      return { status: 200, body: { data, next_cursor } };
    },
  }),
  guarded({
    method: "post",
    path: "/v1/budgets/settle",
    group,
    summary: "Say what an action cost that was allowed without a run token",
    description:
      "Once; the same cost again is answered the same. What nobody settles counts as its estimate. " +
      "What ran under a run token is settled by its execution.",
    callers: ["standard", "agent"],
    body: z.strictObject({
      decision_id: z.string().min(1).max(64).describe("The check that allowed it"),
      actual_cost_micros: micros,
    }),
    answers: { 200: settled },
    refusals: ["reservation_not_found", "already_settled"],
    handle: (call) => {
      const { decision_id, actual_cost_micros } = call.body;
      return call.commit(
        settleDecision(decision_id, actual_cost_micros, call.id),
        ({ mandate, estimated_micros, actual_micros, entry }) => ({
          status: 200,
          body: {
            decision_id,
            mandate_id: mandate,
            estimated_cost_micros: estimated_micros,
            actual_cost_micros: actual_micros,
            delta_micros: actual_micros - estimated_micros,
            audit: { ...entry },
          },
        }),
      );
    },
  }),
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Set the budget of a user, an agent, a tenant, or of all",
    description: "It counts what is asked under mandates, beside the mandates' own budgets.",
    callers: ["management"],
    params: byScope,
    body: setBudgetBody,
    answers: { 200: orgBudget, 201: orgBudget },
    handle: (call) => {
      const { scope } = call.params;
      return call.commit(putBudget(scope, setBudgetOf(call.body), call.id), (written) => ({
        status: written.created ? 201 : 200,
        body: renderOrgBudget(written),
      }));
    },
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Take a budget off",
    callers: ["management"],
    params: byScope,
    answers: { 200: orgBudget },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(removeBudget(call.params.scope, call.id), (removed) => ({
        status: 200,
        body: renderOrgBudget(removed),
      })),
  }),
];
