import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { cancelApproval, lookAtApproval } from "../../lib/approvals/end.ts";
import type { SeenApproval } from "../../lib/approvals/seen.ts";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Scope } from "../../lib/store/records/oauth.ts";
import { problemOf } from "../http/problem_document.ts";
import { PROBLEMS } from "../http/problems.ts";
import { logFailure, refusalOf } from "../http/serve.ts";
import { approvalResult } from "./approval_tools.ts";
import { chosenOrg } from "./caller.ts";
import { toolResult } from "./refusal.ts";
import { type McpRequest, ToolCall, type UnderWay } from "./tool.ts";

/**
 * The extension `io.modelcontextprotocol/tasks` (SEP-2663), everything of it in this file: a client
 * that declares it gets a task in place of a held call. The task is the request for approval, so it
 * outlives connection and process, and is found only by the grant or agent that asked.
 */
const EXTENSION = "io.modelcontextprotocol/tasks";

/** What the server declares of it. */
export const TASKS_CAPABILITY: Record<string, JsonObject> = { [EXTENSION]: {} };

/** The methods of the extension that name a task, and what each needs. */
const METHODS = {
  "tasks/get": "mcp:read",
  "tasks/update": "mcp:write",
  "tasks/cancel": "mcp:write",
} as const satisfies Record<string, Scope>;

/** The scope that a method of the extension needs; null for other methods. */
export function taskScope(method: string): Scope | null {
  return Object.hasOwn(METHODS, method) ? METHODS[method as keyof typeof METHODS] : null;
}

const POLL_INTERVAL_MS = 5000;

/** Whether the client declared the extension on this very request; it does so on each. */
export function declaresTasks({ mcpReq }: ServerContext): boolean {
  // As it came: the types of the library leave this member out.
  const envelope: Readonly<Record<string, unknown>> = { ...mcpReq.envelope };
  return namesExtension(envelope[CLIENT_CAPABILITIES_META_KEY]);
}

/** Whether a message as it was sent declares the extension. */
export function declaresTasksIn({ params }: JsonObject): boolean {
  const meta = isJsonObject(params) ? params._meta : undefined;
  return isJsonObject(meta) && namesExtension(meta[CLIENT_CAPABILITIES_META_KEY]);
}

function namesExtension(capabilities: unknown): boolean {
  const extensions = isJsonObject(capabilities) ? capabilities.extensions : undefined;
  return isJsonObject(extensions) && EXTENSION in extensions;
}

/** The answer to a call without `content`, which the library adds, where it is a task. */
export async function withoutTaskContent(response: Response): Promise<Response> {
  if (!response.headers.get("content-type")?.startsWith("application/json")) return response;
  const text = await response.text();
  const message: unknown = JSON.parse(text);
  const { status, headers } = response;
  const result = isJsonObject(message) ? message.result : undefined;
  if (!isJsonObject(message) || !isJsonObject(result) || result.resultType !== "task") {
    return new Response(text, { status, headers });
  }
  const { content: _content, ...task } = result;
  return new Response(JSON.stringify({ ...message, result: task }), { status, headers });
}

/** The task of a pending request, in place of the result of the call that was to wait for it. */
export function taskResult(org: string, approval: SeenApproval): CallToolResult {
  // The library knows no tasks, and passes on what it takes for a result of the tool.
  return { resultType: "task", ...taskOf(org, approval) } as unknown as CallToolResult;
}

/** Serves the methods of the extension. */
export function serveTasks(server: Server, request: McpRequest): void {
  const params = z.looseObject({ taskId: z.string().min(1).max(128) });
  const result = z.looseObject({});
  const serve = (
    method: keyof typeof METHODS,
    run: (call: ToolCall, approval: string) => Promise<JsonObject>,
  ) => {
    server.setRequestHandler(
      method,
      { params, result },
      ({ taskId }, context) =>
        inProtocol(request, async () => {
          if (!declaresTasks(context)) {
            throw new MissingRequiredClientCapabilityError({
              requiredCapabilities: { extensions: { [EXTENSION]: {} } },
            });
          }
          const [org = "", approval = ""] = taskId.split(".");
          const call = new ToolCall(request, chosenOrg(request.caller, org), METHODS[method], IDLE);
          return await run(call, approval);
        }),
    );
  };
  serve("tasks/get", async (call, id) => {
    const approval = await call.transact(lookAtApproval(id));
    const task = taskOf(call.org, approval);
    if (task.status !== "completed") return task;
    const { data, next } = approvalResult(call, approval);
    return { ...task, result: toolResult({ ...data, org: call.org }, next) as JsonObject };
  });
  serve("tasks/update", async (call, id) => {
    // A task never asks its client for anything, so whatever comes is left aside.
    await call.transact(lookAtApproval(id));
    return {};
  });
  serve("tasks/cancel", async (call, id) => {
    try {
      await call.transact(cancelApproval(id, call.client));
    } catch (error) {
      // One that has ended is acknowledged as well: `tasks/get` tells how.
      if (!(error instanceof Refusal && error.code === "approval_not_pending")) throw error;
    }
    return {};
  });
}

/** Nobody waits for, or is told of, what a task's methods do. */
const IDLE: UnderWay = { gone: new AbortController().signal, progress: null, takesTask: false };

/** The task that a request is; its result aside. */
function taskOf(org: string, { record }: SeenApproval): JsonObject {
  const { progress, reference, created_at, expires_at } = record;
  const ended = "ended_at" in progress ? progress.ended_at : null;
  const decided = "decided_at" in progress ? progress.decided_at : null;
  const task = {
    // The org is in the name because nothing else of a task's request tells it.
    taskId: `${org}.${record.id}`,
    createdAt: new Date(created_at).toISOString(),
    lastUpdatedAt: new Date(ended ?? decided ?? created_at).toISOString(),
    // Requests are kept, so a task can be read at any later time.
    ttlMs: null,
  };
  if (progress.state === "pending") {
    const until = new Date(expires_at).toISOString();
    return {
      ...task,
      status: "working",
      statusMessage: `Waiting until ${until} for a person to decide ${reference}`,
      pollIntervalMs: POLL_INTERVAL_MS,
    };
  }
  const withdrawn = progress.state === "cancelled" && progress.because === "withdrawn";
  return { ...task, status: withdrawn ? "cancelled" : "completed" };
}

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
