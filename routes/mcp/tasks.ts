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
import { type McpRequest, ToolCall } from "./tool.ts";

/**
 * The extension `io.modelcontextprotocol/tasks` (SEP-2663): a client that declares it gets a task in
 * place of a held call. At `/mcp` the task is the request for approval, so it outlives connection and
 * process, and is found only by the grant or agent that asked.
 */
const EXTENSION = "io.modelcontextprotocol/tasks";

/** What the server declares of it. */
export const TASKS_CAPABILITY: Record<string, JsonObject> = { [EXTENSION]: {} };

/** The methods of the extension that name a task, and what each needs at `/mcp`. */
const METHODS = {
  "tasks/get": "mcp:read",
  "tasks/update": "mcp:write",
  "tasks/cancel": "mcp:write",
} as const satisfies Record<string, Scope>;

export type TaskMethod = keyof typeof METHODS;

/** What tasks stand for at an endpoint. */
export interface Tasks {
  readonly needs: Readonly<Record<TaskMethod, Scope>>;
  /** What each method does with the thing of this id that its task is. */
  readonly runs: Readonly<Record<TaskMethod, (call: ToolCall, id: string) => Promise<JsonObject>>>;
}

export function isTaskMethod(method: string): method is TaskMethod {
  return Object.hasOwn(METHODS, method);
}

/** The scope that a method of the extension needs; null for other methods. */
export function taskScope(method: string): Scope | null {
  return isTaskMethod(method) ? METHODS[method] : null;
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

/** A message without `content`, which the library adds, where it is a task; any other as it is. */
export function withoutTaskContent(text: string): string {
  if (!text.includes('"resultType":"task"')) return text;
  const message: unknown = JSON.parse(text);
  const result = isJsonObject(message) ? message.result : undefined;
  if (!isJsonObject(message) || !isJsonObject(result) || result.resultType !== "task") return text;
  const { content: _content, ...task } = result;
  return JSON.stringify({ ...message, result: task });
}

/** A task in place of the result of the call that was to wait for it. */
export function asTask(task: JsonObject): CallToolResult {
  // The library knows no tasks, and passes on what it takes for a result of the tool.
  return { resultType: "task", ...task } as unknown as CallToolResult;
}

/** The task of a pending request. */
export function taskResult(org: string, approval: SeenApproval): CallToolResult {
  return asTask(taskOf(org, approval));
}

const PARAMS = z.looseObject({ taskId: z.string().min(1).max(128) });

const RESULT = z.looseObject({});

/** What each method does with the request that its task is. */
const RUNS: Tasks["runs"] = {
  async "tasks/get"(call, id) {
    const approval = await call.transact(lookAtApproval(id));
    const task = taskOf(call.org, approval);
    if (task.status !== "completed") return task;
    const { data, next } = approvalResult(call, approval);
    return { ...task, result: toolResult({ ...data, org: call.org }, next) as JsonObject };
  },
  async "tasks/update"(call, id) {
    // A task never asks its client for anything, so whatever comes is left aside.
    await call.transact(lookAtApproval(id));
    return {};
  },
  async "tasks/cancel"(call, id) {
    try {
      await call.transact(cancelApproval(id, call.client));
    } catch (error) {
      // One that has ended is acknowledged as well: `tasks/get` tells how.
      if (!(error instanceof Refusal && error.code === "approval_not_pending")) throw error;
    }
    return {};
  },
};

/** Tasks that are requests for approval. */
export const APPROVAL_TASKS: Tasks = { needs: METHODS, runs: RUNS };

/** Has a server serve a method, if it is one of the extension. */
export function serveTask(
  server: Server,
  request: McpRequest,
  { needs, runs }: Tasks,
  method: string,
): void {
  if (!isTaskMethod(method)) return;
  server.setRequestHandler(
    method,
    { params: PARAMS, result: RESULT },
    ({ taskId }, context) =>
      inProtocol(request, async () => {
        if (!declaresTasks(context)) {
          throw new MissingRequiredClientCapabilityError({
            requiredCapabilities: { extensions: { [EXTENSION]: {} } },
          });
        }
        const [org = "", id = ""] = taskId.split(".");
        const waits = { gone: context.mcpReq.signal, progress: null, takesTask: false };
        const call = new ToolCall(request, chosenOrg(request.caller, org), needs[method], waits);
        return await runs[method](call, id);
      }),
  );
}

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
