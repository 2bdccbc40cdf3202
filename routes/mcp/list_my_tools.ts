import { z } from "zod";
import type { JsonObject } from "../../lib/json/json_value.ts";
import { type ListedTool, listedTools } from "../../lib/mcp/listed_tools.ts";
import { RESOLVED_FROM } from "../../lib/policy/levels.ts";
import { PERMISSIONS } from "../../lib/policy/permission.ts";
import { toolRecord } from "../../lib/store/records/policy.ts";
import { decodeCursor, DEFAULT_PAGE, encodeCursor, pageQuery } from "../fields/paging.ts";
import { mcpTool, READ } from "./tool.ts";

const { name, category, risk_level, annotations, required_facts, methods } = toolRecord.shape;

const item = z.object({
  tool_name: name,
  category,
  risk_level,
  annotations,
  required_facts: required_facts.describe("What an action with this tool has to name"),
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
    methods: tool.methods === null ? null : [...tool.methods],
    permission: refused ? null : answer.permission,
    resolved_from: refused ? null : answer.resolved_from,
    rule_id: refused ? null : answer.rule?.id ?? null,
    refusal: refused ? answer : null,
  };
}

export const listMyTools = mcpTool({
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
