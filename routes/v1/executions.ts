import { logExecutionOperation } from "../../lib/tokens/execution.ts";
import { givenAction } from "../fields/action.ts";
import { logAnswer, logBody, renderLogged } from "../fields/token.ts";
import { guarded, type Route } from "../http/route.ts";

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
