import type { Context } from "hono";
import type { RateState } from "../../lib/identity/rate_limit.ts";
import { SECRET_PREFIXES } from "../../lib/identity/secret.ts";
import { isJsonObject } from "../../lib/json/json_value.ts";
import { presentAccessToken } from "../../lib/oauth/access_token.ts";
import { protectedResourceMetadataUrl } from "../../lib/oauth/resource.ts";
import { scopeText } from "../../lib/oauth/scopes.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { type Scope, SCOPES } from "../../lib/store/records/oauth.ts";
import { readBody } from "../body.ts";
import { SurfaceRefusal } from "../http/problem_document.ts";
import { addressOf, type Connection, rateHeaders, refuse } from "../http/serve.ts";
import { logRequest } from "../request_log.ts";
import { STREAM_HEADERS } from "../stream_headers.ts";
import { nameSpan } from "../telemetry.ts";
import { agentCaller, grantedCaller, type McpCaller } from "./caller.ts";
import { readMessage } from "./read_message.ts";

const ROUTE = "/mcp";

/**
 * Answers one request to the MCP endpoint: who asks, whether they may, and then the protocol. What
 * stands before the protocol is answered as on every other route, with the challenge that tells a
 * client where to get an access token.
 */
export async function serveMcp(
  services: Services,
  c: Context<{ Bindings: Connection }>,
): Promise<Response> {
  const id = services.ids.make("req", services.deps.now());
  const started = services.deps.now();
  nameSpan("POST", ROUTE, id);
  const known: Known = { caller: null, rate: null, held: false };
  let response: Response;
  try {
    response = await answered(services, c, id, known);
    for (const [name, value] of Object.entries(rateHeaders(known.rate))) {
      response.headers.set(name, value);
    }
    response.headers.set("x-request-id", id);
    response.headers.set("x-content-type-options", "nosniff");
    if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
      for (const [name, value] of Object.entries(STREAM_HEADERS)) response.headers.set(name, value);
    }
    // A run token is in some answers.
    if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
  } catch (error) {
    if (error instanceof Refusal && error.code === "invalid_credentials") {
      services.failedAttempts.note(addressOf(services, c.req.raw, c.env), services.deps.now());
    }
    response = refuse(error, services, { path: ROUTE, id, route: ROUTE }, known.rate);
    const challenge = challengeOf(services, error, known.caller);
    if (challenge !== null) response.headers.set("www-authenticate", challenge);
  }
  const { caller, held } = known;
  logRequest(services, {
    request_id: id,
    method: "POST",
    route: ROUTE,
    status: response.status,
    org: caller?.orgs[0]?.id ?? null,
    caller: caller?.id ?? null,
  }, { started, held });
  return response;
}

/** What is known of a request so far, for whatever answers it. */
interface Known {
  caller: McpCaller | null;
  rate: RateState | null;
  held: boolean;
}

async function answered(
  services: Services,
  { req: { raw: request }, env }: Context<{ Bindings: Connection }>,
  id: string,
  known: Known,
): Promise<Response> {
  // Programs send no Origin. A page sends its own, which no page but ours may: DNS rebinding.
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== services.settings.url.origin) {
    throw new SurfaceRefusal("foreign_origin", { origin });
  }
  const { monotonic } = services.deps;
  const since = monotonic();
  const caller = await presentedCaller(services, request.headers, since);
  const spent = monotonic() - since;
  known.caller = caller;
  known.rate = services.rateLimits.take(caller, services.deps.now());
  services.answers.mayChange(caller.id);
  const read = readMessage(
    await readBody(request, services.deps),
    request.headers.get("mcp-protocol-version"),
  );
  if ("fault" in read) return Response.json(read.fault, { status: 400 });
  const { body, refusedArguments } = read;
  const messages = (Array.isArray(body) ? body : [body]).filter(isJsonObject);
  // A batch counts as what it holds.
  const more = Math.max(0, messages.length - 1);
  known.rate = services.rateLimits.take(caller, services.deps.now(), more);
  const client = {
    ip: addressOf(services, request, env),
    user_agent: request.headers.get("user-agent")?.slice(0, 256) ?? null,
    request_id: id,
    via: "mcp" as const,
  };
  // Loaded by the first call: it takes longer than everything else that a start loads.
  const { answerMcp } = await import("./server.ts");
  const { response, held } = await answerMcp(
    { services, caller, client, refusedArguments, spent },
    request,
    { body, messages },
  );
  known.held = held;
  if (!response.headers.get("content-type")?.startsWith("application/json")) return response;
  // Which calls of a batch changed something is not told apart: its answer is given.
  const { status, headers } = response;
  return new Response(services.answers.given(caller.id, await response.text()), {
    status,
    headers,
  });
}

/**
 * Who presents the bearer token: an agent by its own, or the grant behind an access token. Keys are
 * not for this endpoint, and are not looked up.
 * @throws {Refusal} missing_credentials, invalid_credentials
 */
async function presentedCaller(
  services: Services,
  headers: Headers,
  since: number,
): Promise<McpCaller> {
  const bearer = headers.get("authorization");
  if (bearer === null || !/^bearer /i.test(bearer)) throw new Refusal("missing_credentials", {});
  const secret = bearer.slice(7).trim();
  if (secret.startsWith(SECRET_PREFIXES.agent)) {
    const presented = await services.credentials.present(secret);
    const agent = await services.credentials.caller(presented, ["agent"], since);
    const snapshot = services.ledgers.of(presented.org).knownSnapshot;
    return agentCaller(presented, agent, snapshot?.org.name ?? presented.org);
  }
  const access = await presentAccessToken(services, secret);
  if (access === null) throw new Refusal("invalid_credentials", {});
  return grantedCaller(access);
}

/**
 * The challenge of RFC 6750 section 3 and RFC 9728 section 5.1, for refusals that another token
 * would help with. It names what the call needs and what the token has already, so that a client
 * which asks for exactly this loses nothing.
 */
function challengeOf(services: Services, error: unknown, caller: McpCaller | null): string | null {
  if (!(error instanceof Refusal)) return null;
  const challenge = (fault: string | null, scopes: readonly Scope[]) =>
    "Bearer " + [
      ...(fault === null ? [] : [`error="${fault}"`]),
      `scope="${scopeText(scopes)}"`,
      `resource_metadata="${protectedResourceMetadataUrl(services.settings)}"`,
    ].join(", ");
  switch (error.code) {
    case "missing_credentials":
      return challenge(null, SCOPES);
    case "invalid_credentials":
      return challenge("invalid_token", SCOPES);
    case "insufficient_scope": {
      const needs = "needs" in error.data ? error.data.needs.split(" ") : [];
      const scopes = SCOPES.filter((scope) =>
        needs.includes(scope) || caller?.scopes.includes(scope) === true
      );
      return challenge("insufficient_scope", scopes);
    }
    default:
      return null;
  }
}
