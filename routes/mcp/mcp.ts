import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { DEFAULT_MAX_DEPTH, type Frame, StrictScan } from "../../lib/base/strict_json.ts";
import { decodeUtf8 } from "../../lib/base/text.ts";
import { SECRET_PREFIXES } from "../../lib/identity/credentials.ts";
import { presentAccessToken } from "../../lib/oauth/access.ts";
import {
  gatewayResource,
  mcpResource,
  protectedResourceMetadataUrl,
  type Resource,
  scopeText,
  upstreamResource,
} from "../../lib/oauth/scopes.ts";
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import type { Scope } from "../../lib/store/records/oauth.ts";
import { type Exchange, refuseMachine, type Served, serveExchange } from "../http/serve.ts";
import { STREAM_HEADERS } from "../http/headers.ts";
import { parseBody, readBody } from "../http/inputs.ts";
import { SurfaceRefusal } from "../http/problem_document.ts";
import { agentCaller, grantedCaller, MCP_MACHINES, type McpCaller } from "./caller.ts";
import type { AnswerMcp } from "./tool.ts";

/** An endpoint of the protocol, and what is served there. */
export interface McpEndpoint {
  /** Its path, as a pattern. */
  readonly path: string;
  /** What access tokens have to be for. @param upstream that the path names */
  readonly resource: (
    settings: Services["settings"],
    upstream: string | undefined,
  ) => Resource;
  /** Loads what answers, at the first call. */
  readonly load: () => Promise<AnswerMcp>;
}

/** The endpoint by which what is about to run is checked, asked for and told of. */
export const MCP: McpEndpoint = {
  path: "/mcp",
  resource: mcpResource,
  load: async () => (await import("./server.ts")).answerMcp,
};

const loadGateway = async () => (await import("./gateway.ts")).answerGateway;

/** The endpoints by which the tools of upstreams are run: of all, and of one by their bare names. */
export const GATEWAYS: readonly McpEndpoint[] = [
  {
    path: "/mcp/gateway",
    resource: (settings) => gatewayResource(settings, null),
    load: loadGateway,
  },
  {
    path: "/mcp/gateway/:upstream",
    // What can be no name of an upstream has no tools, and nothing of its own that could be granted.
    resource: (settings, upstream = "") =>
      upstreamResource(settings, upstream) ?? gatewayResource(settings, null),
    load: loadGateway,
  },
];

/**
 * Answers one request to an MCP endpoint: who asks, whether they may, and then the protocol. What
 * stands before the protocol is answered as on every other route, with the challenge that tells a
 * client where to get an access token.
 */
export function serveMcp(services: Services, c: Served, endpoint = MCP): Promise<Response> {
  return serveExchange(services, c, endpoint.path, (exchange) => {
    const known: Known = { caller: null };
    return {
      answer: async () =>
        await finished(exchange, await answered(exchange, known, endpoint), known),
      refuse(error) {
        const response = refuseMachine(exchange, error);
        const resource = endpoint.resource(services.settings, c.req.param("upstream"));
        const challenge = challengeOf(resource, error, known.caller);
        if (challenge !== null) response.headers.set("www-authenticate", challenge);
        return response;
      },
    };
  });
}

/** Who asks, once that is known. */
interface Known {
  caller: McpCaller | null;
}

/**
 * The answer with the headers that the protocol's own code does not set. Which calls of a batch changed
 * something is not told apart: the answer of each is given.
 */
async function finished(
  { services, headers }: Exchange,
  response: Response,
  { caller }: Known,
): Promise<Response> {
  const given = Object.fromEntries(response.headers);
  const isStream = given["content-type"]?.startsWith("text/event-stream") === true;
  const body = caller === null || !given["content-type"]?.startsWith("application/json")
    ? response.body
    : services.answers.given(caller.id, await response.text());
  return new Response(body, {
    status: response.status,
    headers: {
      // A run token is in some answers.
      "cache-control": "no-store",
      ...given,
      ...headers,
      "x-content-type-options": "nosniff",
      ...(isStream ? STREAM_HEADERS : {}),
    },
  });
}

/**
 * Loaded by the first call of each endpoint: it takes longer than everything else that a start loads.
 * Kept, for to ask for what is loaded takes its time too.
 */
const LOADED = new Map<McpEndpoint, AnswerMcp>();

async function answered(
  exchange: Exchange,
  known: Known,
  endpoint: McpEndpoint,
): Promise<Response> {
  const { services, request } = exchange;
  // Programs send no Origin. A page sends its own, which no page but ours may: DNS rebinding.
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== services.settings.url.origin) {
    throw new SurfaceRefusal("foreign_origin", { origin });
  }
  const { monotonic } = services.deps;
  const since = monotonic();
  const upstream = exchange.c.req.param("upstream");
  const resource = endpoint.resource(services.settings, upstream);
  const caller = await presentedCaller(services, request.headers, { since, resource });
  const spent = monotonic() - since;
  known.caller = caller;
  exchange.org = caller.orgs[0]?.id ?? null;
  exchange.caller = caller.sub_token ?? caller.id;
  exchange.rate = services.rateLimits.take(caller, services.deps.now());
  services.answers.mayChange(caller.id);
  const read = readMessage(
    await readBody(request, services.bodyTimer),
    request.headers.get("mcp-protocol-version"),
  );
  if ("fault" in read) return Response.json(read.fault, { status: 400 });
  const { body, refusedArguments } = read;
  const messages = (Array.isArray(body) ? body : [body]).filter(isJsonObject);
  // A batch counts as what it holds.
  const more = Math.max(0, messages.length - 1);
  exchange.rate = services.rateLimits.take(caller, services.deps.now(), more);
  const client = exchange.client("mcp");
  let answer = LOADED.get(endpoint);
  if (answer === undefined) LOADED.set(endpoint, answer = await endpoint.load());
  const { response, held } = await answer(
    { services, caller, client, refusedArguments, spent },
    request,
    { body, messages, upstream: upstream ?? null },
  );
  exchange.held = held;
  return response;
}

const MACHINE_PREFIXES = [SECRET_PREFIXES.agent, SECRET_PREFIXES.sub_token];

const KEY_PREFIXES = [
  SECRET_PREFIXES.standard,
  SECRET_PREFIXES.management,
  SECRET_PREFIXES.approver,
];

/** Said of every one alike: which of them are good is not told here. */
const NO_KEYS = { instead: `an agent's token (${SECRET_PREFIXES.agent}…), or sign in` };

/**
 * Who presents the bearer token: an agent by its own, whoever was handed a sub-token, or the grant
 * behind an access token. Keys are not for this endpoint, and are not looked up.
 * @throws {Refusal} missing_credentials, invalid_credentials
 */
async function presentedCaller(
  services: Services,
  headers: Headers,
  { since, resource }: { readonly since: number; readonly resource: Resource },
): Promise<McpCaller> {
  const bearer = headers.get("authorization");
  if (bearer === null || !/^bearer /i.test(bearer)) throw new Refusal("missing_credentials", {});
  const secret = bearer.slice(7).trim();
  if (MACHINE_PREFIXES.some((prefix) => secret.startsWith(prefix))) {
    const presented = await services.credentials.present(secret);
    const agent = await services.credentials.caller(presented, MCP_MACHINES, since);
    const snapshot = services.ledgers.of(presented.org).knownSnapshot;
    return agentCaller(presented, agent, snapshot?.org.name ?? presented.org);
  }
  if (KEY_PREFIXES.some((prefix) => secret.startsWith(prefix))) {
    throw new Refusal("invalid_credentials", NO_KEYS);
  }
  const access = await presentAccessToken(services, secret, resource);
  if (access === null) throw new Refusal("invalid_credentials", {});
  return grantedCaller(access);
}

/**
 * The challenge of RFC 6750 section 3 and RFC 9728 section 5.1, for refusals that another token
 * would help with. It names what the call needs and what the token has already, so that a client
 * which asks for exactly this loses nothing.
 */
function challengeOf(resource: Resource, error: unknown, caller: McpCaller | null): string | null {
  if (!(error instanceof Refusal)) return null;
  const challenge = (fault: string | null, scopes: readonly Scope[]) =>
    "Bearer " + [
      ...(fault === null ? [] : [`error="${fault}"`]),
      `scope="${scopeText(scopes)}"`,
      `resource_metadata="${protectedResourceMetadataUrl(resource)}"`,
    ].join(", ");
  switch (error.code) {
    case "missing_credentials":
      return challenge(null, resource.scopes);
    case "invalid_credentials":
      return challenge("invalid_token", resource.scopes);
    case "insufficient_scope": {
      const needs = "needs" in error.data ? error.data.needs.split(" ") : [];
      const scopes = resource.scopes.filter((scope) =>
        needs.includes(scope) || caller?.scopes.includes(scope) === true
      );
      return challenge("insufficient_scope", scopes);
    }
    default:
      return null;
  }
}

/** What a body holds: what to serve, or the error of JSON-RPC to answer with. */
type ReadMessage =
  | { readonly body: JsonValue; readonly refusedArguments: AnyRefusal | null }
  | { readonly fault: JsonObject };

/** The one revision of the protocol that has batches. */
const BATCH_REVISION = "2025-03-26";

const NO_BATCH = invalid(
  `only revision ${BATCH_REVISION} has batches; send one message in each request`,
);

/** Of two calls with one id a client could be told of one alone, and both would have run. */
const TWINS = invalid("two requests of the batch have the same id; give each its own");

function invalid(why: string): { readonly fault: JsonObject } {
  const error = { code: -32600, message: `Invalid Request: ${why}` };
  return { fault: { jsonrpc: "2.0", id: null, error } };
}

function hasTwins(batch: readonly JsonValue[]): boolean {
  const ids = batch.flatMap((message) => {
    const { id = null, method = null } = isJsonObject(message) ? message : {};
    return id === null || method === null ? [] : [id];
  });
  return new Set(ids).size < ids.length;
}

/** How many refusals of one body are read around: a list of ids at most, at little cost. */
const MAX_REFUSALS = 1000;

/** Where the arguments of a call stand in its message. */
const ARGUMENTS = ["params", "arguments"] as const;

const ARGUMENTS_POINTER = ARGUMENTS.map((name) => `/${name}`).join("");

/**
 * Reads a body as JSON by the rules of the API. Agents send numbers in arguments that a double does
 * not hold: a call of which the arguments alone are refused is served without them, so that the model
 * behind it is told what to correct. Every other refusal is an error of the protocol.
 *
 * @param revision what `MCP-Protocol-Version` says; null is 2025-03-26, which had no such header
 */
export function readMessage(bytes: Uint8Array, revision: string | null): ReadMessage {
  try {
    const body = parseBody(bytes);
    if (Array.isArray(body)) {
      if (revision !== null && revision !== BATCH_REVISION) return NO_BATCH;
      if (hasTwins(body)) return TWINS;
    }
    return { body, refusedArguments: null };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const decoded = decodeUtf8(bytes);
    const envelope = decoded.ok ? envelopeOf(decoded.text) : NO_ENVELOPE;
    const { id, call } = envelope;
    return call === null
      ? { fault: faultOf(error, id) }
      : { body: call, refusedArguments: withinArguments(error) };
  }
}

/** What can be told of a message of which something is refused. */
interface Envelope {
  /** The id of the request; null where readers could take different ones for it. */
  readonly id: string | number | null;
  /** The call of a tool, without its arguments; null unless these alone are refused. */
  readonly call: JsonObject | null;
}

const NO_ENVELOPE: Envelope = { id: null, call: null };

/** Reads around what is refused. What is read stands once, and outside of everything refused. */
function envelopeOf(text: string): Envelope {
  let refusals = 0;
  let otherRefused = false;
  let readable = true;
  const refusal = new StrictScan(text, DEFAULT_MAX_DEPTH, (frames) => {
    refusals++;
    if (!isInArguments(frames)) otherRefused = true;
    readable = refusals <= MAX_REFUSALS && memberAt(frames[0]) !== "id";
    return readable;
  }).run();
  if (refusal?.code === "malformed_json" || !readable) return NO_ENVELOPE;
  const message: unknown = JSON.parse(text);
  if (!isJsonObject(message)) return NO_ENVELOPE;
  const { id, method, params } = message;
  // JSON-RPC takes fractions for an id; MCP does not.
  if (typeof id !== "string" && !Number.isSafeInteger(id)) return NO_ENVELOPE;
  const known = { id: id as string | number };
  if (otherRefused || method !== "tools/call" || !isJsonObject(params)) {
    return { ...known, call: null };
  }
  return { ...known, call: { ...message, params: { ...params, arguments: {} } } };
}

/** Whether a place lies within the arguments; a second member of their name does not. */
function isInArguments(frames: readonly Frame[]): boolean {
  return frames.length > ARGUMENTS.length &&
    ARGUMENTS.every((name, depth) => memberAt(frames[depth]) === name);
}

/** The member of an open object that a place belongs to; undefined for the object itself. */
function memberAt(frame: Frame | undefined): string | undefined {
  return frame?.inside === true ? frame.names?.at(-1) : undefined;
}

/** The refusal with pointers into the arguments, as those that their schema refuses have. */
function withinArguments(refusal: AnyRefusal): AnyRefusal {
  if (refusal.code !== "duplicate_key" && refusal.code !== "invalid_request") return refusal;
  const errors = refusal.data.errors.map(({ path, message }) => ({
    path: path.slice(ARGUMENTS_POINTER.length),
    message,
  }));
  return refusal.code === "duplicate_key"
    ? new Refusal("duplicate_key", { errors })
    : new Refusal("invalid_request", { errors });
}

/** JSON-RPC 2.0 section 5: an error, with the id of the request where that can be told. */
function faultOf({ code, data }: AnyRefusal, id: string | number | null): JsonObject {
  const errors = "errors" in data
    ? data.errors.map(({ path, message }) => ({ path, message }))
    : [];
  const [first] = errors;
  const reason = "message" in data
    ? data.message
    : first === undefined
    ? "The message is not taken as JSON"
    : `${first.path} ${first.message}`.trimStart();
  return {
    jsonrpc: "2.0",
    id,
    error: {
      code: -32700,
      message: `Parse error: ${reason}`,
      data: { code, ...(errors.length === 0 ? {} : { errors }) },
    },
  };
}
