import { z } from "zod";
import { mintOperation } from "../../lib/authorize/mint.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { toolRecord } from "../../lib/store/records/policy.ts";
import { PERMISSIONS, RESOLVED_FROM } from "../../lib/store/records/vocabulary.ts";
import { consumeOperation } from "../../lib/tokens/consume.ts";
import { logExecutionOperation } from "../../lib/tokens/execution.ts";
import { actionFields, actionOf, mandateFields, namingOf } from "../fields/action.ts";
import { idParams } from "../fields/approval.ts";
import { decodeCursor, DEFAULT_PAGE, encodeCursor, pageQuery } from "../fields/paging.ts";
import {
  logAnswer,
  logBody,
  mintAnswer,
  renderLogged,
  renderMinted,
  tokenField,
} from "../fields/token.ts";
import { consumeAnswer, renderConsumed, ttlField } from "../v1/tokens.ts";
import {
  cancelApprovalTool,
  checkApprovalStatus,
  listPendingApprovals,
  requestApprovalTool,
} from "./approval_tools.ts";
import { type ListedTool, listedTools } from "./caller.ts";
import { checkPermission } from "./check_permission.ts";
import { type McpTool, mcpTool, orgField, READ, type ToolHints, WRITE } from "./tool.ts";

const ONCE: ToolHints = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: false,
};

const mintRunToken = mcpTool({
  name: "mint_run_token",
  title: "Take the run token of an action",
  description: "Decides about an action anew and mints its run token: single-use proof that this " +
    "action, with these arguments, was authorized. An approval named by reference is used up.",
  hints: ONCE,
  scopes: WRITE,
  input: {
    ...actionFields,
    ...mandateFields,
    reference: idParams.shape.id.nullish()
      .describe("`reference` or `id` of the approval to use, where one was required"),
    ttl_seconds: ttlField,
  },
  output: mintAnswer.shape,
  async run(call, { reference, ttl_seconds, ...fields }) {
    const minted = await call.transact(mintOperation({
      ...namingOf(fields),
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

const consumeRunToken = mcpTool({
  name: "consume_run_token",
  title: "Use a run token up",
  description: "Uses up a run token that this connection minted, for the action that is about to " +
    "run: of any number of calls one succeeds, and only after that the action may run. Skip it " +
    "where whatever runs the action consumes the token itself.",
  hints: { ...ONCE, destructiveHint: true },
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

const logExecution = mcpTool({
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

const { name, category, risk_level, annotations, required_facts, facts, methods } =
  toolRecord.shape;

const item = z.object({
  tool_name: name,
  category,
  risk_level,
  annotations,
  required_facts: required_facts.describe("What an action with this tool has to name"),
  facts: facts.describe("Where in its arguments facts of an action are read, by JSON pointers"),
  methods: methods.unwrap().describe("The only methods that it takes, in any case; null for any"),
  permission: z.enum(PERMISSIONS).nullable()
    .describe("What a check would answer that names nothing else; null where it is refused"),
  resolved_from: z.enum(RESOLVED_FROM).nullable(),
  rule_id: z.string().nullable(),
  refusal: z.string().nullable().describe("Why such a check is refused"),
});

const afterName = z.tuple([z.string()]);

function render({ tool, answer }: ListedTool): JsonObject {
  const refused = typeof answer === "string";
  return {
    tool_name: tool.name,
    category: tool.category,
    risk_level: tool.risk_level,
    annotations: { ...tool.annotations },
    required_facts: [...tool.required_facts],
    ...(tool.facts === undefined ? {} : { facts: { ...tool.facts } }),
    methods: tool.methods === null ? null : [...tool.methods],
    permission: refused ? null : answer.permission,
    resolved_from: refused ? null : answer.resolved_from,
    rule_id: refused ? null : answer.rule?.id ?? null,
    refusal: refused ? answer : null,
  };
}

const listMyTools = mcpTool({
  name: "list_my_tools",
  title: "List governed tools",
  description: "Lists the organization's approved tools, each with its annotations, category and " +
    "risk, and with what check_permission would answer for it without tenant, resource, method " +
    "and arguments. Changes nothing.",
  hints: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scopes: READ,
  input: { cursor: pageQuery.cursor.describe("`next_cursor` of the page before") },
  output: { tools: z.array(item), next_cursor: z.string().nullable() },
  async run(call, { cursor }) {
    const after = cursor === undefined ? null : decodeCursor(cursor, afterName)[0];
    const { items, next } = await call.transact({
      plan: ({ snapshot }, caller) => listedTools(snapshot, caller, { after, limit: DEFAULT_PAGE }),
    });
    return {
      data: {
        tools: items.map(render),
        next_cursor: next === null ? null : encodeCursor([next]),
      },
      next: next !== null
        ? "There are more tools: call list_my_tools again with cursor set to next_cursor."
        : items.length === 0
        ? "No tool is approved yet. check_permission registers an unknown tool for a " +
          "person to look at, where the organization lets it."
        : "Call check_permission for the action that you mean to run, with its tenant, " +
          "resource, method and arguments: they can change the answer.",
    };
  },
});

/** Every tool of the endpoint, in the order in which they are used. */
export const MCP_TOOLS: readonly McpTool[] = [
  listMyTools,
  checkPermission,
  requestApprovalTool,
  listPendingApprovals,
  checkApprovalStatus,
  cancelApprovalTool,
  mintRunToken,
  consumeRunToken,
  logExecution,
];

const byName = new Map(MCP_TOOLS.map((tool) => [tool.name, tool]));

/** The tool of a name. */
export function toolNamed(name: string): McpTool | undefined {
  return byName.get(name);
}

/** The table of tools in `docs/mcp.md`, as the code has them. */
export function toolsMarkdown(): string {
  return [
    "| tool | scope | arguments | hints |",
    "| --- | --- | --- | --- |",
    ...MCP_TOOLS.map((tool) =>
      `| \`${tool.name}\` | ${scopesOf(tool)} | ${argumentsOf(tool)} | ${hintsOf(tool)} |`
    ),
  ].join("\n") + "\n";
}

function scopesOf({ scopes }: McpTool): string {
  const least = scopes({});
  const most = scopes({ request: true });
  const more = most.filter((scope) => !least.includes(scope));
  return [...least, ...more.map((scope) => `${scope} for \`request\``)].join("; ");
}

function argumentsOf({ input }: McpTool): string {
  return Object.entries(input.shape).map(([name, field]) => {
    const optional = field === orgField || field.safeParse(undefined).success;
    return `\`${name}${optional ? "?" : ""}\``;
  }).join(", ");
}

function hintsOf({ hints }: McpTool): string {
  const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = hints;
  return [
    readOnlyHint ? "reads only" : "writes",
    destructiveHint ? "destructive" : "not destructive",
    idempotentHint ? "idempotent" : "not idempotent",
    openWorldHint ? "open world" : "closed world",
  ].join(", ");
}
