import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { type Scope, SCOPES } from "../../lib/store/records/oauth.ts";
import { taskScope } from "./tasks.ts";
import type { McpTool } from "./tool.ts";
import { toolNamed } from "./tools.ts";

/** What can be told of a message of the protocol, and of its request, before it is served. */

const JSON_TYPE = "application/json";

const STREAM_TYPE = "text/event-stream";

/** What a client of the protocol sends (Streamable HTTP, "Sending Messages to the Server"). */
const BOTH = `${JSON_TYPE}, ${STREAM_TYPE}`;

/**
 * The `Accept` of a request as the protocol writes it where it takes both kinds of answer, whatever
 * the case of its letters: by name, by a range, or by saying nothing (RFC 9110 section 12.5.1).
 * Anything else as it came.
 */
export function acceptedTypes(accept: string | null): string {
  if (accept === null || accept.trim() === "") return BOTH;
  const ranges = accept.toLowerCase().split(",").map(rangeOf).filter(({ taken }) => taken);
  const takes = (type: string) =>
    ranges.some(({ range }) =>
      range === type || range === "*/*" || range === `${type.split("/")[0]}/*`
    );
  return takes(JSON_TYPE) && takes(STREAM_TYPE) ? BOTH : accept;
}

function rangeOf(part: string): { readonly range: string; readonly taken: boolean } {
  const [range = "", ...parameters] = part.split(";").map((piece) => piece.trim());
  return { range, taken: !parameters.some((one) => /^q\s*=\s*0(\.0*)?$/.test(one)) };
}

/** Every scope that these messages need; none for what only tells how to use the endpoint. */
export function neededScopes(messages: readonly JsonObject[]): readonly Scope[] {
  const needed = messages.flatMap(scopesOf);
  return SCOPES.filter((scope) => needed.includes(scope));
}

/** Whether a call in this message can be held. */
export function waits(message: JsonObject): boolean {
  const { tool, args } = calledBy(message);
  return tool?.waits === true && args.wait_seconds !== 0;
}

/**
 * A batch without what cancels requests in it. A request that is cancelled gets no answer, and the
 * stream that waits for all of them would stay open for as long as its client likes. No cancellation
 * is lost: requests are served one HTTP request at a time, and end when its connection is closed.
 */
export function withoutCancellations(body: JsonValue): JsonValue {
  if (!Array.isArray(body)) return body;
  const rest = body.filter((message) =>
    !isJsonObject(message) || message.method !== "notifications/cancelled"
  );
  return rest.length === 0 ? body : rest;
}

function scopesOf(message: JsonObject): readonly Scope[] {
  const { method } = message;
  if (typeof method !== "string") return [];
  if (method === "tools/call") {
    const { tool, args } = calledBy(message);
    return tool?.scopes(args) ?? [];
  }
  if (method === "resources/read") return ["mcp:read"];
  const ofTask = taskScope(method);
  return ofTask === null ? [] : [ofTask];
}

function calledBy({ method, params }: JsonObject): {
  readonly tool: McpTool | undefined;
  readonly args: JsonObject;
} {
  if (method !== "tools/call" || !isJsonObject(params)) return { tool: undefined, args: {} };
  const { name, arguments: args } = params;
  return {
    tool: typeof name === "string" ? toolNamed(name) : undefined,
    args: isJsonObject(args) ? args : {},
  };
}
