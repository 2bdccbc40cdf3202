import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { problemOf } from "../http/problem_document.ts";
import { PROBLEMS } from "../http/problems.ts";
import { logFailure, refusalOf } from "../http/serve.ts";
import type { McpRequest } from "./tool_call.ts";

/**
 * Runs what is no tool, where a refusal can only be an error of the protocol: with the words of the
 * API, and nothing of an error that nobody foresaw.
 * @throws {ProtocolError}
 */
export async function inProtocol<T>(
  { services, client: { request_id } }: McpRequest,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const refusal = refusalOf(error);
    logFailure(services, error, refusal, { id: request_id, route: "/mcp" });
    const { code, detail } = problemOf(refusal, { path: "/mcp", id: request_id }).body;
    const fault = PROBLEMS[refusal.code].status >= 500
      ? ProtocolErrorCode.InternalError
      : ProtocolErrorCode.InvalidParams;
    throw new ProtocolError(fault, String(detail), { code, request_id });
  }
}
