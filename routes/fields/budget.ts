import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { available, heldIn, overrun, windowEnd } from "../../lib/mandates/budget.ts";
import {
  BUDGET_PERIODS,
  type BudgetRow,
  type BudgetTerms,
} from "../../lib/store/records/budget.ts";

/** Budgets on the wire. */

/** An amount of money, millionths of the organization's currency. */
export const micros = z.int().min(0, "must not be negative")
  .max(Number.MAX_SAFE_INTEGER, "must be at most 2^53 - 1");

export const budgetFields = {
  limit_micros: micros.describe("Most that may be spent in a period"),
  period: z.enum(BUDGET_PERIODS).describe(
    "Days, weeks from Monday, and months, in UTC; or for ever",
  ),
  ask_above_micros: micros.nullish().describe("Above it a human is asked, up to the limit"),
};

/** A budget that is set beside those of mandates. */
export const setBudgetBody = z.strictObject(budgetFields);

/** What such a body sets. */
export function setBudgetOf(
  { limit_micros, period, ask_above_micros }: z.output<typeof setBudgetBody>,
): Pick<BudgetRow, "limit" | "period" | "ask_above"> {
  return { limit: limit_micros, period, ask_above: ask_above_micros ?? null };
}

/** The budget of a mandate, or of a scope of a bundle. */
export const budgetBody = z.strictObject({
  ...budgetFields,
  min_estimate_micros: micros.nullish().describe("A lower estimate counts as this"),
  on_silence: z.enum(["spent", "release"]).nullish().describe(
    "What becomes of what a check without a run token reserved and nobody settles: it is spent, or " +
      "is given back after an hour, whatever was done; usually `spent`",
  ),
});

/** The terms that a body gives. */
export function budgetTermsOf(
  { limit_micros, period, ask_above_micros, min_estimate_micros, on_silence }: z.output<
    typeof budgetBody
  >,
): BudgetTerms {
  return {
    limit_micros,
    period,
    ask_above_micros: ask_above_micros ?? null,
    min_estimate_micros: min_estimate_micros ?? 0,
    ...(on_silence === "release" ? { on_silence } : {}),
  };
}

/** How the budget of a mandate counts. */
export const ownTerms = {
  period: z.enum(BUDGET_PERIODS),
  ask_above_micros: z.int().nullable(),
  min_estimate_micros: z.int(),
  on_silence: z.enum(["spent", "release"]),
};

/** The wire form of how the budget of a mandate counts. */
export function renderTerms(
  { period, ask_above_micros, min_estimate_micros, on_silence }: BudgetTerms,
): JsonObject {
  return { period, ask_above_micros, min_estimate_micros, on_silence: on_silence ?? "spent" };
}

/** What is left of a budget. */
export const budgetAnswer = z.object({
  limit: z.int(),
  settled: z.int().describe("What was spent in this window, as far as is known"),
  reserved: z.int().describe("What run tokens that are not spent yet may still cost"),
  available: z.int(),
  overrun: z.int().describe("How far what was spent lies above the limit"),
  window_ends_at: z.iso.datetime().nullable().describe("Null for a budget for ever"),
});

/** The wire form of a counter as it stands. */
export function renderBudget(row: BudgetRow): JsonObject {
  const end = windowEnd(row.period, row.window);
  return {
    limit: row.limit,
    settled: row.settled,
    reserved: heldIn(row),
    available: available(row),
    overrun: overrun(row),
    window_ends_at: end === null ? null : new Date(end).toISOString(),
  };
}
