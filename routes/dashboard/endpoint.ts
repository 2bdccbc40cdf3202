import type { JsonValue } from "../../lib/json/json_value.ts";
import type { Services } from "../../lib/services.ts";
import { readBody } from "../body.ts";
import type { Endpoint } from "../endpoint.ts";
import { securityHeaders } from "../http/headers.ts";
import { parseBody, parseInput } from "../http/inputs.ts";
import { refuse } from "../http/serve.ts";
import { logRequest } from "../request_log.ts";
import { nameSpan } from "../telemetry.ts";
import { type BrowserCall, MemberCall } from "./browser_call.ts";
import { addCookies, browserCall, type Served } from "./browser_request.ts";

/** Answers one request of the browser's own script. */
export async function serveEndpoint(
  services: Services,
  endpoint: Endpoint,
  c: Served,
): Promise<Response> {
  const id = services.ids.make("req", services.deps.now());
  const started = services.deps.now();
  nameSpan(c.req.method, endpoint.path, id);
  const { response, call } = await answered(services, endpoint, c, id);
  // No other site frames what is answered here, or draws it into its own process.
  const headers = securityHeaders(services.settings.url);
  for (const [name, value] of Object.entries(headers)) {
    if (!response.headers.has(name)) response.headers.set(name, value);
  }
  logRequest(services, {
    request_id: id,
    method: c.req.method,
    route: endpoint.path,
    status: response.status,
    org: call?.session?.record.org ?? null,
    caller: call?.session?.record.id ?? null,
  }, { started, held: response.headers.get("content-type") === "text/event-stream" });
  return response;
}

function jsonResponse(
  services: Services,
  member: string | null,
  isRead: boolean,
  answer: JsonValue,
) {
  const text = JSON.stringify(answer);
  const how = isRead ? "body" : "given";
  const body = member === null ? text : services.answers[how](member, text);
  return new Response(body, { headers: { "content-type": "application/json" } });
}

async function answered(
  services: Services,
  endpoint: Endpoint,
  c: Served,
  id: string,
): Promise<{ response: Response; call: BrowserCall | null }> {
  let call: BrowserCall | null = null;
  try {
    const { body } = endpoint;
    const readInput = async () =>
      body === undefined
        ? undefined
        : parseInput(body, parseBody(await readBody(c.req.raw, services.deps)));
    call = await browserCall(services, endpoint, c, id, readInput);
    // The endpoint's audience is what `browserCall` made the call by.
    const member = call instanceof MemberCall ? call.caller.id : null;
    const isRead = c.req.method === "GET";
    if (member !== null && !isRead) services.answers.mayChange(member);
    const handle = endpoint.handle as (call: BrowserCall) => Promise<JsonValue | Response>;
    const answer = await handle(call);
    const response = answer instanceof Response
      ? answer
      : jsonResponse(services, member, isRead, answer);
    if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
    response.headers.set("x-request-id", id);
    addCookies(response.headers, call);
    return { response, call };
  } catch (error) {
    const response = refuse(error, services, { path: c.req.path, id, route: endpoint.path });
    return { response, call };
  }
}
