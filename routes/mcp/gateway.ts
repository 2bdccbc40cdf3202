import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { type CallAnswer, runCall } from "../../lib/calls/run_call.ts";
import type { MandateNaming } from "../../lib/mandates/mandate.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { CallRecord } from "../../lib/store/records/call.ts";
import type { Scope } from "../../lib/store/records/oauth.ts";
import { actionFields, actionOf, mandateFields, namingOf, reasonField } from "../fields/action.ts";
import { MAX_CALL_WAIT } from "../fields/call.ts";
import { parseInput } from "../http/inputs.ts";
import { logFailure, refusalOf } from "../http/serve.ts";
import { approvalData } from "./approval_tools.ts";
import { callTasks, taskOfCall } from "./call_tasks.ts";
import { chosenOrg } from "./caller.ts";
import { partyOf } from "./gateway_party.ts";
import {
  assertUpstream,
  hasOutputSchema,
  listPage,
  type Naming,
  REASON,
  takesReason,
  toolNamed,
} from "./gateway_tools.ts";
import { mcpHandler } from "./handler.ts";
import { withoutCancellations } from "./message.ts";
import { RawResults } from "./raw_result.ts";
import { GATEWAY_NEXT, guardedMeta, refusalResult, toolResult, withheldResult } from "./refusal.ts";
import { type MessagePart, rewritten } from "./rewritten.ts";
import { NO_TOOL, NO_VALIDATOR, SERVER_INFO, underWay } from "./server.ts";
import {
  asTask,
  declaresTasks,
  inProtocol,
  isTaskMethod,
  serveTask,
  TASKS_CAPABILITY,
  withoutTaskContent,
} from "./tasks.ts";
import { type AnswerMcp, type McpRequest, ToolCall } from "./tool.ts";

/**
 * The gateway: the tools of upstreams that a caller may run, as if this were their server. What is
 * listed is what can be called, by one resolution; a call is the same as over REST, and its result is
 * the upstream's own.
 */

/** Names and rights may change at any time, and are of one caller. */
const LIST_HINT = { ttlMs: 30_000, cacheScope: "private" } as const;

const OPTIONS = {
  capabilities: { tools: {} },
  instructions:
    "These tools run through Countersign: a person may have to approve a call. It is held " +
    "for them; where they have not decided in time, call the tool again with the same arguments.",
  jsonSchemaValidator: NO_VALIDATOR,
  cacheHints: { "tools/list": LIST_HINT, "server/discover": LIST_HINT },
};

/** What a grant needs for all of it. */
const NEEDS: Scope = "mcp:run";

/** The same where tasks are served. */
const OPTIONS_WITH_TASKS = {
  ...OPTIONS,
  capabilities: { ...OPTIONS.capabilities, extensions: TASKS_CAPABILITY },
};

/** What is asked by one HTTP request. */
interface Asked {
  readonly request: McpRequest;
  readonly messages: readonly JsonObject[];
  readonly upstream: string | null;
  /** Puts into messages what the library is not given. */
  change: (message: string) => readonly MessagePart[];
}

const answer = mcpHandler<Asked>((asked, era) => gatewayServer(asked, era));

/** Whether a method reaches tools. */
function reaches(method: unknown): boolean {
  return method === "tools/list" || runs(method);
}

/** Whether a method may run a tool, which takes minutes. */
function runs(method: unknown): boolean {
  return typeof method === "string" && (method === "tools/call" || isTaskMethod(method));
}

/**
 * Answers one request to the gateway, or to the part of it that has one upstream.
 * @throws {Refusal} insufficient_scope
 */
export const answerGateway: AnswerMcp = async (request, http, { body, messages, upstream }) => {
  const isWithin = request.caller.scopes.includes(NEEDS);
  if (!isWithin && messages.some(({ method }) => reaches(method))) {
    throw new Refusal("insufficient_scope", { needs: NEEDS });
  }
  // Whoever has left is noticed by the stream.
  const held = messages.some(({ method }) => runs(method));
  const change = (text: string) => [withoutTaskContent(text)];
  const asked: Asked = { request, messages, upstream, change };
  const parsedBody = withoutCancellations(body);
  const response = await answer(http, asked, { parsedBody, streams: held });
  return {
    response: held ? await rewritten(response, (text) => asked.change(text)) : response,
    held,
  };
};

function gatewayServer(asked: Asked, era: "legacy" | "modern"): Server {
  const { request, messages, upstream } = asked;
  const isLegacy = era === "legacy";
  const withTasks = !isLegacy && request.services.settings.mcp_tasks;
  const server = new Server(SERVER_INFO, withTasks ? OPTIONS_WITH_TASKS : OPTIONS);
  const naming = { upstream };
  const raw = new RawResults(request.services.deps.random, isLegacy);
  asked.change = (text) => raw.inPlace(withoutTaskContent(text));
  for (const { method } of messages) {
    switch (method) {
      case "tools/list":
        server.setRequestHandler(
          method,
          ({ params }) =>
            inProtocol(request, () => listPage(toolCall(request), naming, params?.cursor)),
        );
        break;
      case "tools/call":
        server.setRequestHandler(method, ({ params }, context) => {
          const { name } = params;
          const args = (params.arguments ?? {}) as JsonObject;
          const takesTask = withTasks && declaresTasks(context);
          return call({ request, naming, name, args, raw, takesTask }, context);
        });
        break;
      default:
        if (withTasks && typeof method === "string") {
          serveTask(server, request, callTasks(raw), method);
        }
    }
  }
  return server;
}

const givenArguments = z.strictObject({
  arguments: actionFields.arguments,
  reason: reasonField.nullable(),
});

const givenMandate = z.object({
  "countersign/mandate_id": mandateFields.mandate_id,
  "countersign/estimated_cost_micros": mandateFields.estimated_cost_micros,
});

/** The mandate that a call names, and what it may cost, beside its arguments. @throws {Refusal} invalid_request */
function mandateIn(meta: Readonly<Record<string, unknown>>): MandateNaming {
  const given = parseInput(givenMandate, {
    "countersign/mandate_id": meta["countersign/mandate_id"],
    "countersign/estimated_cost_micros": meta["countersign/estimated_cost_micros"],
  });
  return namingOf({
    mandate_id: given["countersign/mandate_id"],
    estimated_cost_micros: given["countersign/estimated_cost_micros"],
  });
}

/** A call of a tool as it came. */
interface Called {
  readonly request: McpRequest;
  readonly naming: Naming;
  readonly name: string;
  readonly args: JsonObject;
  readonly raw: RawResults;
  readonly takesTask: boolean;
}

/** Runs a call. What it is refused with is a result that its model can act on. */
async function call(
  { request, naming, name, args: given, raw, takesTask }: Called,
  context: ServerContext,
): Promise<CallToolResult> {
  const { services, caller, client: { request_id } } = request;
  const under = toolCall(request, context, takesTask);
  const meta: Readonly<Record<string, unknown>> = context.mcpReq._meta ?? {};
  let inWords = false;
  try {
    if (request.refusedArguments !== null) throw request.refusedArguments;
    if (caller.sub_token === null) {
      services.lastUsed.note(under.org, caller.id, services.deps.now());
    }
    const mandate = mandateIn(meta);
    const mandated = mandate.mandate_id !== null;
    const tool = await under.transact(toolNamed(naming, { name, mandated }));
    if (tool === null) {
      await assertUpstream(under, naming);
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, NO_TOOL);
    }
    inWords = hasOutputSchema(tool);
    const { [REASON]: said = null, ...rest } = given;
    const args = takesReason(tool) ? given : rest;
    const reason = takesReason(tool) ? null : said;
    const parsed = parseInput(givenArguments, { arguments: args, reason });
    const action = actionOf({ tool_name: tool.name, arguments: parsed.arguments });
    const asked = { ...mandate, action, reason: parsed.reason, key_hash: null, goes_on: null };
    const answer = await runCall(partyOf(under), asked, takesTask ? 0 : MAX_CALL_WAIT);
    const result = resultOf(under, answer, raw);
    const isOwn = answer.is === "completed" && answer.result !== null;
    return isOwn ? result : told(result, inWords);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const refusal = refusalOf(error);
    logFailure(services, error, refusal, { id: request_id, route: "/mcp/gateway" });
    return told(refusalResult(refusal, request_id, GATEWAY_NEXT), inWords);
  }
}

/** What is told in place of a result: in words alone where a host would hold it to the tool's schema. */
function told(result: CallToolResult, inWords: boolean): CallToolResult {
  if (!inWords) return result;
  const { structuredContent: _, ...rest } = result;
  return rest;
}

function toolCall(request: McpRequest, context?: ServerContext, takesTask = false): ToolCall {
  const nobody = { gone: new AbortController().signal, takesTask: false, progress: null };
  const under = context === undefined ? nobody : underWay(context, takesTask);
  return new ToolCall(request, chosenOrg(request.caller, undefined), NEEDS, under);
}

function resultOf(under: ToolCall, answer: CallAnswer, raw: RawResults): CallToolResult {
  switch (answer.is) {
    case "completed":
      if (answer.result === null) return withheldResult(answer.call);
      return withGuarded(raw.standIn(answer.result), answer.call);
    case "pending": {
      const { call, approval } = answer;
      if (under.underWay.takesTask) {
        return asTask(taskOfCall(under.org, { call, approval, status: "pending", own: true }));
      }
      return waitingResult(under, answer);
    }
    case "known":
      throw new Refusal("idempotency_in_progress", {});
  }
}

/** A result with what guards found in it, and replaced, beside it. */
function withGuarded(result: CallToolResult, call: CallRecord): CallToolResult {
  const { _meta = {} } = result;
  const guarded = Object.entries(guardedMeta(call)).map(([name, value]) =>
    [`countersign/${name}`, value] as const
  );
  if (guarded.length === 0) return result;
  return { ...result, _meta: { ..._meta, ...Object.fromEntries(guarded) } };
}

function waitingResult(
  { services: { settings } }: ToolCall,
  { call, approval }: Extract<CallAnswer, { is: "pending" }>,
): CallToolResult {
  const { review_url, reference, status, expires_at } = approvalData(approval, settings);
  const next = `Nobody has decided ${String(reference)} yet, and nothing was run. Call the tool ` +
    `again with the same arguments to go on waiting. A person decides at ${String(review_url)}.`;
  const about = { call_id: call.id, reference, review_url, status, expires_at };
  return { ...toolResult(about as JsonObject, next), isError: true };
}
