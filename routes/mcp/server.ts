import {
  type CallToolResult,
  type jsonSchemaValidator,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  Server,
  type ServerContext,
  SUPPORTED_PROTOCOL_VERSIONS,
  type Tool,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { VERSION } from "../../lib/base/version.ts";
import { scopeText } from "../../lib/oauth/scopes.ts";
import { governText, INSTRUCTIONS } from "../../lib/onboarding/govern.ts";
import { Refusal } from "../../lib/refusal.ts";
import { parseInput } from "../http/inputs.ts";
import { logFailure, refusalOf } from "../http/serve.ts";
import { chosenOrg } from "./caller.ts";
import { mcpHandler } from "./handler.ts";
import { neededScopes, waits, withoutCancellations } from "./message.ts";
import { refusalResult, toolResult } from "./refusal.ts";
import { rewritten } from "./rewritten.ts";
import {
  APPROVAL_TASKS,
  declaresTasks,
  declaresTasksIn,
  inProtocol,
  serveTask,
  taskResult,
  TASKS_CAPABILITY,
  withoutTaskContent,
} from "./tasks.ts";
import { type McpRequest, type McpTool, refusalOutput, ToolCall, type UnderWay } from "./tool.ts";
import { MCP_TOOLS, toolNamed } from "./tools.ts";

const PROTOCOL_VERSIONS = ["2026-07-28", ...SUPPORTED_PROTOCOL_VERSIONS];

/** What does not change while the process runs can be kept by clients for an hour. */
const FIXED = { ttlMs: 60 * 60 * 1000, cacheScope: "public" } as const;

const GOVERN = {
  name: "govern",
  title: "Act under Countersign",
  description:
    "The procedure for actions that Countersign governs: check, ask, wait, act once, log",
  arguments: [{
    name: "org",
    description: "Id of the organization, where the connection reaches several",
    required: false,
  }],
};

/**
 * Answers one HTTP request to the endpoint, in the revision that it speaks. A call that is held is
 * answered by a stream from the first moment, by which it is noticed when the client goes away.
 *
 * @param messages what was sent, in a batch or alone
 * @throws {Refusal} insufficient_scope
 */
export async function answerMcp(
  request: McpRequest,
  http: Request,
  { body, messages }: { readonly body: JsonValue; readonly messages: readonly JsonObject[] },
): Promise<{ readonly response: Response; readonly held: boolean }> {
  const needed = neededScopes(messages);
  if (needed.some((scope) => !request.caller.scopes.includes(scope))) {
    throw new Refusal("insufficient_scope", { needs: scopeText(needed) });
  }
  const takesTask = request.services.settings.mcp_tasks && messages.some(declaresTasksIn);
  // What is answered with a task is not held.
  const held = request.refusedArguments === null && !takesTask && messages.some(waits);
  const parsedBody = withoutCancellations(body);
  const response = await answer(http, { request, messages }, { parsedBody, streams: held });
  const change = (text: string) => [withoutTaskContent(text)];
  return { response: takesTask ? await rewritten(response, change) : response, held };
}

/** The protocol on HTTP, made once. */
const answer = mcpHandler<{
  readonly request: McpRequest;
  readonly messages: readonly JsonObject[];
}>(({ request, messages }, era) => mcpServer(request, era, messages));

/** The server of one request, which serves what that asks for: to prepare for the rest takes time. */
function mcpServer(
  request: McpRequest,
  era: "legacy" | "modern",
  messages: readonly JsonObject[],
): Server {
  const withTasks = era === "modern" && request.services.settings.mcp_tasks;
  const server = new Server(SERVER_INFO, withTasks ? OPTIONS_WITH_TASKS : OPTIONS);
  for (const message of messages) {
    const { method } = message;
    if (typeof method !== "string") continue;
    if (Object.hasOwn(METHODS, method)) METHODS[method]?.(server, request, withTasks);
    else if (withTasks) serveTask(server, request, APPROVAL_TASKS, method);
  }
  return server;
}

/** Has a server serve one method of the protocol. */
type Serving = (server: Server, request: McpRequest, withTasks: boolean) => void;

/** What is served besides tasks, by method. */
const METHODS: Readonly<Record<string, Serving>> = {
  "tools/list": (server) => server.setRequestHandler("tools/list", () => ({ tools: LISTED })),
  "tools/call": (server, request, withTasks) =>
    server.setRequestHandler("tools/call", ({ params }, context) => {
      const tool = toolNamed(params.name);
      if (tool === undefined) {
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, NO_TOOL);
      }
      // The surface parsed the whole body as JSON, of which these are a part.
      const args = (params.arguments ?? {}) as JsonObject;
      return callTool(request, tool, args, underWay(context, withTasks && declaresTasks(context)));
    }),
  "resources/list": (server) =>
    server.setRequestHandler("resources/list", () => ({ resources: [STATUS_RESOURCE] })),
  "resources/templates/list": (server) =>
    server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates: [] })),
  "resources/read": (server, request) =>
    server.setRequestHandler("resources/read", ({ params: { uri } }) => {
      if (uri !== STATUS_RESOURCE.uri) throw new ResourceNotFoundError(uri);
      return inProtocol(request, async () => {
        const status = await statusOfConnection(request, PROTOCOL_VERSIONS);
        const { mimeType } = STATUS_RESOURCE;
        return { contents: [{ uri, mimeType, text: JSON.stringify(status) }] };
      });
    }),
  "prompts/list": (server) =>
    server.setRequestHandler("prompts/list", () => ({ prompts: [GOVERN] })),
  "prompts/get": (server, request) =>
    server.setRequestHandler("prompts/get", ({ params }) => {
      if (params.name !== GOVERN.name) {
        const message = `There is no prompt of this name; there is ${GOVERN.name}.`;
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
      }
      return inProtocol(request, () => {
        const named = params.arguments?.org;
        const text = governText(
          named === undefined ? {} : { org: chosenOrg(request.caller, named) },
        );
        return Promise.resolve({
          description: GOVERN.description,
          messages: [{ role: "user" as const, content: { type: "text" as const, text } }],
        });
      });
    }),
};

/** For a model that was told of a tool, or remembers one. */
export const NO_TOOL = "There is no tool of this name here: list the tools, and call one of those.";

/** Runs a tool. What it is refused with, or fails by, is a result that its caller can act on. */
async function callTool(
  request: McpRequest,
  tool: McpTool,
  given: JsonObject,
  underWay: UnderWay,
): Promise<CallToolResult> {
  const { services, caller, client: { request_id } } = request;
  try {
    if (request.refusedArguments !== null) throw request.refusedArguments;
    const args = parseInput(tool.input, given);
    const org = chosenOrg(caller, orgOf(args));
    if (caller.sub_token === null) services.lastUsed.note(org, caller.id, services.deps.now());
    const needs = tool.scopes(given).includes("mcp:write") ? "mcp:write" : "mcp:read";
    const call = new ToolCall(request, org, needs, underWay);
    const { data, next, waitsFor } = await tool.run(call, args);
    if (waitsFor !== undefined && underWay.takesTask) return taskResult(org, waitsFor);
    return toolResult({ org, ...data }, next);
  } catch (error) {
    const refusal = refusalOf(error);
    logFailure(services, error, refusal, { id: request_id, route: `/mcp ${tool.name}` });
    return refusalResult(refusal, request_id);
  }
}

function orgOf(args: Record<string, unknown>): string | undefined {
  return typeof args.org === "string" ? args.org : undefined;
}

/** What is known of a call while its request is served. */
export function underWay({ mcpReq }: ServerContext, takesTask: boolean): UnderWay {
  const progressToken = mcpReq._meta?.progressToken;
  return {
    gone: mcpReq.signal,
    takesTask,
    progress: progressToken === undefined ? null : async (progress, message, total = null) => {
      try {
        const params = { progressToken, progress, message, ...(total === null ? {} : { total }) };
        await mcpReq.notify({ method: "notifications/progress", params });
      } catch {
        // The client has gone; `gone` says so to whoever waits.
      }
    },
  };
}

/** The tools as a client lists them. */
const LISTED: Tool[] = MCP_TOOLS.map(({ name, title, description, hints, input, output }) => ({
  name,
  title,
  description,
  annotations: { title, ...hints },
  inputSchema: jsonSchemaOf(input, "input"),
  // A refusal is a result too, and some clients hold it to this schema as well.
  outputSchema: jsonSchemaOf(z.union([output, refusalOutput]), "output"),
}));

function jsonSchemaOf(type: z.ZodType, io: "input" | "output"): Tool["inputSchema"] {
  const { $schema: _, ...schema } = z.toJSONSchema(type, {
    io,
    unrepresentable: "any",
    override: ({ jsonSchema }) => withoutBulk(jsonSchema),
  });
  if (!isJsonObject(schema)) throw new Error("A schema of a tool is no JSON.");
  return { ...schema, type: "object" } as Tool["inputSchema"];
}

/** Leaves out what says again what `format` or `type` say: a model reads every character. */
function withoutBulk(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.format === "date-time") delete schema.pattern;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}

/** This server asks its clients for nothing that would have to be checked. */
export const NO_VALIDATOR: jsonSchemaValidator = {
  getValidator() {
    throw new Error("Nothing is asked of clients.");
  },
};

/** What every server says of itself. */
const OPTIONS = {
  capabilities: { tools: {}, resources: {}, prompts: {} },
  instructions: INSTRUCTIONS,
  jsonSchemaValidator: NO_VALIDATOR,
  cacheHints: {
    "tools/list": FIXED,
    "prompts/list": FIXED,
    "resources/list": FIXED,
    "resources/templates/list": FIXED,
    "server/discover": FIXED,
  },
};

/** The same where tasks are served. */
const OPTIONS_WITH_TASKS = {
  ...OPTIONS,
  capabilities: { ...OPTIONS.capabilities, extensions: TASKS_CAPABILITY },
};

/** What this server calls itself. */
export const SERVER_INFO = { name: "countersign", title: "Countersign", version: VERSION };

/** The one resource: how the server is, and what the connection reaches. */
const STATUS_RESOURCE = {
  uri: "countersign://status",
  name: "status",
  title: "Status and reach",
  description: "Whether the server can decide, its versions, and the scopes and organizations " +
    "that this connection has. No personal data.",
  mimeType: "application/json",
} as const;

/** The content of the resource, proven current in every organization. */
async function statusOfConnection(
  { services, caller }: McpRequest,
  protocolVersions: readonly string[],
): Promise<JsonObject> {
  const [{ ready, store, policy, clock }, organizations] = await Promise.all([
    services.readiness.report(),
    Promise.all(caller.orgs.map(async ({ id, scopes }) => ({
      scopes: [...scopes],
      ...await services.ledgers.transact(
        id,
        caller.operation(id, "mcp:read", {
          plan: ({ snapshot }) => ({
            id,
            name: snapshot.org.name,
            policy_version: snapshot.version,
            stopped: snapshot.org.kill_switch.active,
          }),
        }),
      ),
    }))),
  ]);
  return {
    ready,
    store,
    policy,
    clock,
    server: { ...SERVER_INFO },
    protocol_versions: [...protocolVersions],
    connection: {
      type: caller.type,
      id: caller.sub_token ?? caller.id,
      scopes: [...caller.scopes],
    },
    organizations,
  };
}
