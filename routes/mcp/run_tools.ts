import { logExecutionOperation } from "../../lib/executions/log_execution.ts";
import { TOKEN_TTL } from "../../lib/tokens/mint.ts";
import { mintOperation } from "../../lib/tokens/mint_operation.ts";
import { actionFields, actionOf } from "../v1/action_fields.ts";
import { idParams } from "../v1/approval_fields.ts";
import { logAnswer, logBody, renderLogged } from "../v1/executions.ts";
import { mintAnswer, renderMinted, tokenField } from "../v1/tokens.ts";
import { mcpTool, type ToolHints, WRITE } from "./tool.ts";

const ONCE: ToolHints = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: false,
};

export const mintRunToken = mcpTool({
  name: "mint_run_token",
  title: "Take the run token of an action",
  description: "Decides about an action anew and mints its run token: single-use proof that this " +
    "action, with these arguments, was authorized. An approval named by reference is used up.",
  hints: ONCE,
  scopes: WRITE,
  input: {
    ...actionFields,
    reference: idParams.shape.id.nullish()
      .describe("`reference` or `id` of the approval to use, where one was required"),
  },
  output: mintAnswer.shape,
  async run(call, { reference, ...fields }) {
    const minted = await call.transact(mintOperation({
      action: actionOf(fields),
      approval_id: reference ?? null,
      ttl_seconds: TOKEN_TTL.default,
    }, call.client));
    const until = new Date(minted.record.expires_at).toISOString();
    return {
      data: renderMinted(minted),
      next: `Run exactly this action once before ${until}, then call log_execution with ` +
        "the token and what came of it. If anything in the action changes, begin again " +
        "with check_permission.",
    };
  },
});

const { duration_ms, error, execution_result } = logBody.shape;

export const logExecution = mcpTool({
  name: "log_execution",
  title: "Log what came of a run",
  description: "Records the result of an action that ran under a run token: success, failed, " +
    "error, or unknown where that cannot be told. The token counts as used.",
  hints: ONCE,
  scopes: WRITE,
  input: {
    tool_name: actionFields.tool_name,
    token: tokenField.describe("The run token that it ran under"),
    execution_result,
    duration_ms,
    error,
  },
  output: logAnswer.omit({ audit: true }).shape,
  async run(call, { tool_name, token, execution_result, duration_ms, error }) {
    const report = {
      token,
      given: { tool: tool_name },
      outcome: {
        result: execution_result,
        duration_ms: duration_ms ?? null,
        cost_micros: null,
        output_digest: null,
        error: error ?? null,
      },
    };
    const { sealer } = call.services.deps;
    const logged = await call.transact(logExecutionOperation(sealer, report, call.client));
    const { audit: _audit, ...data } = renderLogged(logged);
    return {
      data,
      next: execution_result === "unknown"
        ? "Logged as unknown. Find out whether it ran before anything is run again; one " +
          "late report with what you found is taken."
        : "Logged; this action is done. For another one, begin with check_permission.",
    };
  },
});
