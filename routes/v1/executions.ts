import { z } from "zod";
import type { LoggedExecution } from "../../lib/executions/record_execution.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import { EXECUTION_RESULTS } from "../../lib/store/records/execution.ts";
import { binding } from "../../lib/store/records/token.ts";
import { logExecutionOperation } from "../../lib/tokens/execution.ts";
import { actionFields } from "../fields/action.ts";
import { guarded, type Route } from "../http/route.ts";
import { givenAction } from "./given_action.ts";
import { tokenField } from "./tokens.ts";

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

export const executionRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/executions/log",
    group: "Executions",
    summary: "Log what came of a run",
    description:
      "A token that was not consumed is consumed by this; name the action's fields as well, or the " +
      'entry says `binding: "unchecked"`. A run that counts as `unknown` takes one late report.',
    callers: ["standard", "agent"],
    body: logBody,
    answers: { 201: logAnswer },
    refusals: [
      "token_invalid",
      "token_expired",
      "token_revoked",
      "action_mismatch",
      "already_logged",
      "tenant_not_permitted",
    ],
    handle: (call) => {
      const { body } = call;
      const report = {
        token: body.token ?? null,
        given: { ...givenAction(body), tool: body.tool_name },
        outcome: {
          result: body.execution_result,
          duration_ms: body.duration_ms ?? null,
          cost_micros: body.cost_micros ?? null,
          output_digest: body.output_digest ?? null,
          error: body.error ?? null,
        },
      };
      const { sealer } = call.services.deps;
      return call.commit(
        logExecutionOperation(sealer, report, call.client),
        (logged) => ({ status: 201, body: renderLogged(logged) }),
      );
    },
  }),
];
