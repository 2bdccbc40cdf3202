import {
  cancelApprovalTool,
  checkApprovalStatus,
  listPendingApprovals,
  requestApprovalTool,
} from "./approval_tools.ts";
import { checkPermission } from "./check_permission.ts";
import { listMyTools } from "./list_my_tools.ts";
import { consumeRunToken, logExecution, mintRunToken } from "./run_tools.ts";
import type { McpTool } from "./tool.ts";

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
