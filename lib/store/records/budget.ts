import { z } from "zod";

/** Records of what may be spent, and of what was. Money is millionths of the organization's currency. */

const micros = z.number().int().nonnegative();

/** For how long what is spent counts. */
export const PERIODS = ["total", "minute", "hour", "day", "week", "month"] as const;

export type Period = (typeof PERIODS)[number];

/** Of money; shorter ones are for how often something is done. */
export const BUDGET_PERIODS = [
  "total",
  "day",
  "week",
  "month",
] as const satisfies readonly Period[];

/** What a bundle or a mandate lets be spent. */
export const budgetTerms = z.strictObject({
  limit_micros: micros,
  period: z.enum(BUDGET_PERIODS),
  /** Above it a human is asked; null where the limit alone counts. */
  ask_above_micros: micros.nullable(),
  /** A lower estimate counts as this. */
  min_estimate_micros: micros,
  /** Gives back what a check without a token reserved and nobody settles. Absent: that is spent. */
  on_silence: z.literal("release").exactOptional(),
});

export type BudgetTerms = z.infer<typeof budgetTerms>;

/**
 * What counts against one limit in its newest window. `held` is what run tokens that are not spent yet
 * may still cost: by the minute in which the last of them is over, sums. What is over counts no more.
 */
export const budgetRow = z.object({
  limit: micros,
  period: z.enum(PERIODS),
  ask_above: micros.nullable(),
  /** When the window began, milliseconds; 0 for one that never ends. */
  window: z.number().int().nonnegative(),
  settled: micros,
  held: z.array(z.tuple([z.number().int().nonnegative(), micros])),
  /** The largest share of the limit that was told of in this window, percent. */
  told: z.number().int().nonnegative().default(0),
});

export type BudgetRow = z.infer<typeof budgetRow>;

/** What a budget is of, as far as that is told. */
export const BUDGET_SCOPES = ["org", "user", "agent", "tenant", "mandate"] as const;

/** What one decision has reserved against one limit. */
export const reservedAmount = z.object({
  /** The name of its row. */
  scope: z.string(),
  window: z.number().int().nonnegative(),
  micros,
  /** Until when it counts unless somebody settles it, milliseconds; absent where it counts for good. */
  until: z.number().int().nonnegative().exactOptional(),
});

export type ReservedAmount = z.infer<typeof reservedAmount>;

/** What became of the reservation of a decision without a token: it is written once. */
export const settledDecision = z.object({
  /** What it cost in fact; null where a token took it over. */
  actual_micros: micros.nullable(),
  estimated_micros: micros,
  mandate: z.string(),
  /** Where its entry stands. */
  entry: z.object({ index: z.number().int().nonnegative(), leaf_hash: z.string() }),
});

export type SettledDecision = z.infer<typeof settledDecision>;
