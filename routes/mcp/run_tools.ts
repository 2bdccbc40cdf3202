import { mintOperation } from "../../lib/authorize/mint.ts";
import { consumeOperation } from "../../lib/tokens/consume.ts";
import { logExecutionOperation } from "../../lib/tokens/execution.ts";
import { actionFields, actionOf } from "../fields/action.ts";
import { idParams } from "../v1/approval_fields.ts";
import { logAnswer, logBody, renderLogged } from "../v1/executions.ts";
import {
  consumeAnswer,
  mintAnswer,
  renderConsumed,
  renderMinted,
  tokenField,
  ttlField,
} from "../v1/tokens.ts";
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
    ttl_seconds: ttlField,
  },
  output: mintAnswer.shape,
  async run(call, { reference, ttl_seconds, ...fields }) {
    const minted = await call.transact(mintOperation({
      action: actionOf(fields),
      approval_id: reference ?? null,
      ttl_seconds,
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

export const consumeRunToken = mcpTool({
  name: "consume_run_token",
  title: "Use a run token up",
  description: "Uses up a run token that this connection minted, for the action that is about to " +
    "run: of any number of calls one succeeds, and only after that the action may run. Skip it " +
    "where whatever runs the action consumes the token itself.",
  hints: { ...ONCE, destructiveHint: true, openWorldHint: true },
  scopes: WRITE,
  input: { ...actionFields, token: tokenField },
  output: consumeAnswer.shape,
  async run(call, { token, ...fields }) {
    const { sealer } = call.services.deps;
    const action = actionOf(fields);
    const consumed = await call.transact(
      consumeOperation(sealer, token, action, call.client, { ownOnly: true }),
    );
    return {
      data: renderConsumed(consumed),
      next: "The token is used up. Run exactly this action now, once, then call log_execution " +
        "with the token and what came of it.",
    };
  },
});

const { cost_micros, duration_ms, error, execution_result, output_digest } = logBody.shape;

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
    cost_micros,
    output_digest,
    error,
  },
  output: logAnswer.omit({ audit: true }).shape,
  async run(call, args) {
    const { tool_name, token, execution_result, duration_ms, error } = args;
    const report = {
      token,
      given: { tool: tool_name },
      outcome: {
        result: execution_result,
        duration_ms: duration_ms ?? null,
        cost_micros: args.cost_micros ?? null,
        output_digest: args.output_digest ?? null,
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
