import { trace } from "@opentelemetry/api";
import type { Context } from "hono";
import type { z } from "zod";
import type { MachineCaller, Presented } from "../../lib/identity/caller.ts";
import type { RateState } from "../../lib/identity/limits.ts";
import { ClockRefused } from "../../lib/ledger/clock.ts";
import { Overloaded } from "../../lib/ledger/ledger.ts";
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { StoreUnavailable } from "../../lib/store/kv.ts";
import { MalformedRecord } from "../../lib/store/record.ts";
import { type Answer, Call } from "./call.ts";
import {
  idempotencyKeyOf,
  mayExceed,
  parseBody,
  parseInput,
  parseQuery,
  readBody,
  secretOf,
  USUAL_BODY,
} from "./inputs.ts";
import { problemOf, retryAfter, SurfaceRefusal } from "./problem_document.ts";
import { PROBLEMS } from "./problems.ts";
import type { GuardedRoute, Route } from "./route.ts";

/** What the server knows of a connection. */
export interface Connection {
  readonly remoteAddr?: Deno.Addr;
}

type Served = Context<{ Bindings: Connection }>;

/** Answers one request by its route. */
export async function serve(services: Services, route: Route, c: Served): Promise<Response> {
  const id = services.ids.make("req", services.deps.now());
  const started = services.deps.now();
  nameSpan(c.req.method, route.path, id);
  const { response, caller = null, held = false } = await answered(services, route, c, id);
  logRequest(services, {
    request_id: id,
    method: c.req.method,
    route: route.path,
    status: response.status,
    org: caller?.org ?? null,
    caller: caller?.id ?? null,
  }, { started, held });
  return response;
}

async function answered(services: Services, route: Route, c: Served, id: string): Promise<{
  readonly response: Response;
  readonly caller?: MachineCaller;
  readonly held?: boolean;
}> {
  const request = c.req.raw;
  let known: { caller?: MachineCaller; held?: boolean } = {};
  let rate: RateState | null = null;
  let sender: string | null = null;
  try {
    if (route.callers === "open") {
      const params = route.params === undefined ? {} : parseInput(route.params, c.req.param());
      const answer = await route.handle({ services, request, id, params });
      return { response: respond(answer, id, null) };
    }
    const { presented, caller, spent } = await authenticate(services, route, request);
    known = { caller };
    rate = services.rateLimits.take(caller, services.deps.now());
    if (route.bodyLimit !== undefined && mayExceed(request, USUAL_BODY)) {
      services.largeBodies.take(caller.org);
      sender = caller.org;
    }
    if (request.method !== "GET") services.answers.mayChange(caller.id);
    const call = await prepare(services, route, c, { id, presented, caller, spent });
    if (route.counts !== undefined) {
      rate = services.rateLimits.take(caller, services.deps.now(), route.counts(call.body) - 1);
    }
    known = { caller, held: asksToWait(call.query) || asksToWait(call.body) };
    return { response: respond(await route.handle(call), id, rate, bodyFor(call)), ...known };
  } catch (error) {
    if (error instanceof Refusal && error.code === "invalid_credentials") {
      services.failedAttempts.note(addressOf(services, request, c.env), services.deps.now());
    }
    const about = { path: c.req.path, id, route: route.path };
    return { response: refuse(error, services, about, rate), ...known };
  } finally {
    if (sender !== null) services.largeBodies.release(sender);
  }
}

async function authenticate(services: Services, route: GuardedRoute, request: Request) {
  const { monotonic, now } = services.deps;
  const since = monotonic();
  const presented = await presentedBy(services, request);
  const caller = await services.credentials.caller(presented, route.callers, since);
  services.lastUsed.note(caller.org, caller.id, now());
  return { presented, caller, spent: monotonic() - since };
}

async function prepare(
  services: Services,
  route: GuardedRoute,
  c: Served,
  { id, presented, caller, spent }: {
    readonly id: string;
    readonly presented: Presented;
    readonly caller: MachineCaller;
    readonly spent: number;
  },
) {
  const request = c.req.raw;
  const takesBody = request.method !== "GET" && request.method !== "DELETE";
  const bytes = takesBody
    ? await readBody(request, services.bodyTimer, route.bodyLimit)
    : new Uint8Array(0);
  const body = route.body === undefined ? undefined : bodyOf(route.body, bytes);
  const params = route.params === undefined ? undefined : parseInput(route.params, c.req.param());
  const query = route.query === undefined ? undefined : parseQuery(route.query, request.url);
  const key = request.method === "POST" ? idempotencyKeyOf(request.headers) : null;
  const repetition = key === null
    ? null
    : { key, method: request.method, path: c.req.path, body: bytes };
  const client = {
    ip: addressOf(services, request, c.env),
    user_agent: request.headers.get("user-agent")?.slice(0, 256) ?? null,
    request_id: id,
    via: "rest" as const,
  };
  return new Call<unknown, unknown, unknown>(
    services,
    request,
    id,
    params,
    query,
    body,
    client,
    presented,
    route.callers,
    repetition,
    caller,
    spent,
  );
}

/** What a body says; none at all is for the schema to take or to refuse. */
function bodyOf(schema: z.ZodType, bytes: Uint8Array): unknown {
  const absent = bytes.length === 0 && schema.safeParse(undefined).success;
  return parseInput(schema, absent ? undefined : parseBody(bytes));
}

async function presentedBy(services: Services, request: Request): Promise<Presented> {
  const secret = secretOf(request.headers);
  if (secret === null) throw new Refusal("missing_credentials", {});
  return await services.credentials.present(secret);
}

/** The address of the client: behind trusted proxies whom they forwarded for. */
export function addressOf(
  services: Services,
  request: Request,
  connection: Connection,
): string | null {
  const forwarded = services.forwardedFor.client(request.headers.get("x-forwarded-for"));
  if (forwarded !== null) return forwarded;
  const address = connection?.remoteAddr;
  return address !== undefined && "hostname" in address ? address.hostname : null;
}

const HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/**
 * How an answer becomes a body. A large one takes a place among the open answers; that of a change
 * is given in any case, for the change has been made.
 */
function bodyFor({ services, request, caller }: Call<unknown, unknown, unknown>) {
  const how = request.method === "GET" ? "body" : "given";
  return (text: string) => services.answers[how](caller.id, text);
}

function respond(
  answer: Answer | Response,
  id: string,
  rate: RateState | null,
  body: (text: string) => BodyInit = (text) => text,
): Response {
  if (answer instanceof Response) {
    const headers = { "x-request-id": id, ...rateHeaders(rate) };
    for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
    return answer;
  }
  return new Response(body(JSON.stringify(answer.body)), {
    status: answer.status,
    headers: { ...HEADERS, "x-request-id": id, ...rateHeaders(rate), ...answer.headers },
  });
}

/** IETF draft-ietf-httpapi-ratelimit-headers. */
export function rateHeaders(rate: RateState | null): Record<string, string> {
  if (rate === null) return {};
  return {
    "ratelimit-policy": `"minute";q=${rate.limit};w=60`,
    ratelimit: `"minute";r=${rate.remaining};t=${rate.reset_seconds}`,
  };
}

/** The one place where an error becomes an answer in JSON. */
export function refuse(
  error: unknown,
  services: Services,
  request: { path: string; id: string; route?: string },
  rate: RateState | null = null,
): Response {
  const refusal = refusalOf(error);
  logFailure(services, error, refusal, request);
  const { status, body } = problemOf(refusal, request);
  const headers: Record<string, string> = {
    ...HEADERS,
    "content-type": "application/problem+json",
    "x-request-id": request.id,
    ...rateHeaders(refusal instanceof Refusal ? exhausted(refusal) ?? rate : rate),
  };
  const retry = retryAfter(refusal);
  if (retry !== null) headers["retry-after"] = String(retry);
  // A proxy that keeps the connection would send its next request into the end of the process.
  if (refusal.code === "stopping") headers.connection = "close";
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="countersign"';
  if (refusal.code === "method_not_allowed" && "allow" in refusal.data) {
    headers.allow = refusal.data.allow.join(", ");
  }
  return new Response(JSON.stringify(body), { status, headers });
}

/** Logs what is no fault of the caller. */
export function logFailure(
  services: Services,
  error: unknown,
  { code }: AnyRefusal | SurfaceRefusal,
  request: { id: string; route?: string },
): void {
  if (PROBLEMS[code].status < 500 || code === "stopping") return;
  services.deps.log("error", "A request failed", {
    request_id: request.id,
    route: request.route ?? null,
    code,
    error: error instanceof Error ? error.stack ?? error.message : String(error),
  });
}

/** The state of a limit that refused a request; null for every other refusal. */
function exhausted(refusal: AnyRefusal): RateState | null {
  const { code, data } = refusal;
  if (code !== "rate_limited" || !("left" in data)) return null;
  return { limit: data.limit, remaining: data.left, reset_seconds: data.retry_after_seconds };
}

/** What an error is to a caller; one that nobody foresaw tells nothing of itself. */
export function refusalOf(error: unknown): AnyRefusal | SurfaceRefusal {
  if (error instanceof Refusal || error instanceof SurfaceRefusal) return error;
  if (error instanceof Overloaded) return new SurfaceRefusal("overloaded", {});
  if (error instanceof StoreUnavailable || error instanceof MalformedRecord) {
    return new SurfaceRefusal("store_unavailable", {});
  }
  if (error instanceof ClockRefused) return new SurfaceRefusal("clock", { doubt: error.doubt });
  return new SurfaceRefusal("internal_error", {});
}

/** A request that takes longer than this is written down, unless it asked to be held. */
const SLOW_MS = 2000;

/** What is known of a request when it has been answered. Nothing here is the client's own text. */
interface AnsweredRequest {
  readonly request_id: string;
  readonly method: string;
  /** The pattern, not the path: an id in a path can be a person's e-mail, or a key by mistake. */
  readonly route: string;
  readonly status: number;
  readonly org: string | null;
  readonly caller: string | null;
}

/**
 * Writes a request down when it was slow, or when the operator wants a line for each.
 * @param started when it came, milliseconds since 1970
 * @param held whether it asked to wait for a decision
 */
export function logRequest(
  { deps, settings }: Services,
  answered: AnsweredRequest,
  { started, held }: { started: number; held: boolean },
): void {
  const milliseconds = deps.now() - started;
  if (milliseconds > SLOW_MS && !held) {
    deps.log("warn", "A request was slow", { ...answered, milliseconds });
  } else if (settings.log === "access") {
    deps.log("info", "Request", { ...answered, milliseconds });
  }
}

/** Whether the parsed query or body asks to be held until a decision. */
function asksToWait(input: unknown): boolean {
  return typeof input === "object" && input !== null && "wait" in input && Number(input.wait) > 0;
}

/**
 * Names the span that the runtime opened for a request by its route, and ties it to the request id
 * of the answer and the log. Does nothing unless the process runs with `OTEL_DENO=true`.
 */
export function nameSpan(method: string, route: string, requestId: string): void {
  const span = trace.getActiveSpan();
  if (span === undefined) return;
  span.updateName(`${method} ${route}`);
  span.setAttributes({ "http.route": route, "countersign.request_id": requestId });
}
