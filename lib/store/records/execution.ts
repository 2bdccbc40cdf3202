import { z } from "zod";
import { binding, party } from "./token.ts";

export const EXECUTION_RESULTS = ["success", "failed", "error", "unknown"] as const;

export const executionResult = z.enum(EXECUTION_RESULTS);

export type ExecutionResult = z.infer<typeof executionResult>;

/** What was reported about one run, or that nothing was. The error's text is in the log alone. */
export const executionRecord = z.object({
  id: z.string(),
  /** Null when it was reported without a token: nothing attests that it was authorized. */
  token_id: z.string().nullable(),
  binding: binding.nullable(),
  tool: z.string(),
  tenant: z.string().nullable(),
  resource: z.string().nullable(),
  method: z.string().nullable(),
  action_digest: z.string(),
  result: executionResult,
  duration_ms: z.number().int().nonnegative().nullable(),
  cost_micros: z.number().int().nonnegative().nullable(),
  output_digest: z.string().nullable(),
  /** Whether it came after the run had counted as unknown. */
  late: z.boolean(),
  /** Null when nobody reported and the deadline passed. */
  reported_by: party.nullable(),
  logged_at: z.number().int().nonnegative(),
  /** Index of its entry in the log. */
  entry_index: z.number().int().nonnegative(),
});

export type ExecutionRecord = z.infer<typeof executionRecord>;
