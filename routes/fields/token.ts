import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { binding, EXECUTION_RESULTS } from "../../lib/store/records/token.ts";
import type { LoggedExecution } from "../../lib/tokens/execution.ts";
import type { MintedToken } from "../../lib/tokens/mint.ts";
import { actionFields } from "./action.ts";

/** Any text: what is no token is answered as such, whatever is wrong with it. */
export const tokenField = z.string().describe("The text of a run token");

/** A new token as mint and check answer with it. */
export const mintAnswer = z.object({
  token: z.string().describe("Shown once"),
  token_id: z.string(),
  action_digest: z.string(),
  expires_at: z.iso.datetime(),
  decision_id: z.string(),
  approval_id: z.string().nullable(),
  mandate_id: z.string().nullable(),
});

/** The wire form of a new token. */
export function renderMinted({ text, record }: MintedToken): JsonObject {
  return {
    token: text,
    token_id: record.id,
    action_digest: record.action_digest,
    expires_at: new Date(record.expires_at).toISOString(),
    decision_id: record.decision_id,
    approval_id: record.approval_id,
    mandate_id: record.mandate_id,
  };
}

const YEAR_MS = 366 * 24 * 60 * 60 * 1000;

export const logBody = z.strictObject({
  ...actionFields,
  token: tokenField.nullish().describe("The run token that it ran under"),
  execution_result: z.enum(EXECUTION_RESULTS),
  duration_ms: z.int().min(0).max(YEAR_MS).nullish(),
  cost_micros: z.int().min(0).nullish().describe("Cost in millionths of your currency"),
  output_digest: z.string()
    .regex(/^sha256:[0-9a-f]{64}$/, 'must be "sha256:" and 64 lower-case hex digits').nullish(),
  error: z.string().min(1).max(4000).nullish().describe(
    "What went wrong; kept in the private part of the log",
  ),
});

/** An execution that was logged. */
export const logAnswer = z.object({
  execution_id: z.string(),
  token_id: z.string().nullable(),
  attested: z.boolean().describe("Whether a run token attests that the run was authorized"),
  binding: binding.nullable(),
  late: z.boolean().describe("Whether the run had counted as unknown before"),
  audit: z.object({ index: z.int(), leaf_hash: z.string() }),
});

/** The wire form of an execution that was logged. */
export function renderLogged({ record, audit }: LoggedExecution): JsonObject {
  return {
    execution_id: record.id,
    token_id: record.token_id,
    attested: record.token_id !== null,
    binding: record.binding,
    late: record.late,
    audit: { index: audit.index, leaf_hash: audit.leaf_hash },
  };
}
