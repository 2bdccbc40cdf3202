import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import {
  type BudgetFields,
  changeBudgetedOrg,
  readBudgetedOrg,
} from "../../lib/mandates/org_budgets.ts";
import { type OrgRecord, orgRecord } from "../../lib/store/records/policy.ts";
import { BUDGET_PERIODS } from "../../lib/store/records/budget.ts";
import { setBudgetOf } from "../fields/budget.ts";
import { writtenAnswer } from "../fields/catalog.ts";
import { timeText, versionAnswer } from "../fields/machine.ts";
import { orgChange } from "../fields/policy.ts";
import { guarded, type Route } from "../http/route.ts";

const orgAnswer = orgRecord.omit({ created_at: true, deleted_at: true, guards: true }).extend({
  created_at: z.iso.datetime(),
  budget: z.object({
    limit_micros: z.int(),
    period: z.enum(BUDGET_PERIODS),
    ask_above_micros: z.int().nullable(),
  }).nullable().describe("What all may cost together; `GET /v1/budgets` says what is left of it"),
  ...versionAnswer,
});

/** Its guards are at a path of their own. */
function renderOrg(
  { created_at, guards: _guards, ...org }: OrgRecord,
  budget: BudgetFields | null,
): JsonObject {
  return {
    ...org,
    created_at: timeText(created_at),
    budget: budget === null ? null : {
      limit_micros: budget.limit,
      period: budget.period,
      ask_above_micros: budget.ask_above,
    },
  };
}

export const orgRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/org",
    group: "Configuration",
    summary: "Read the organization's settings",
    callers: ["management", "standard"],
    answers: { 200: orgAnswer },
    handle: async (call) => {
      const { org, budget, policy_version } = await call.transact(readBudgetedOrg);
      return { status: 200, body: { ...renderOrg(org, budget), policy_version } };
    },
  }),
  guarded({
    method: "patch",
    path: "/v1/org",
    group: "Configuration",
    summary: "Change the organization's settings",
    description:
      "Members that are absent stay. A key sets what narrows; what lets more through is " +
      "for an owner under a passkey. It switches the kill switch off until an owner has a passkey.",
    callers: ["management"],
    body: orgChange,
    answers: { 200: orgAnswer },
    refusals: ["owner_required"],
    handle: (call) => {
      const { budget, ...change } = call.body;
      const fields = budget == null ? budget : setBudgetOf(budget);
      return call.commit(
        changeBudgetedOrg(change, fields, call.id),
        (written) => writtenAnswer(written.org, (org) => renderOrg(org, written.budget)),
      );
    },
  }),
];
