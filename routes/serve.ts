import type { Context } from "hono";
import type { Presented } from "../lib/identity/caller.ts";
import type { RateState } from "../lib/identity/rate_limit.ts";
import { Overloaded, StoreUnavailable } from "../lib/ledger/ledger.ts";
import { Refusal } from "../lib/refusals/refusal.ts";
import type { Services } from "../lib/services.ts";
import { MalformedRecord } from "../lib/store/kv.ts";
import { readBody } from "./body.ts";
import { Call } from "./call.ts";
import { idempotencyKeyOf, parseBody, parseInput, queryOf, secretOf } from "./inputs.ts";
import { problemOf, SurfaceRefusal } from "./problems.ts";
import type { Answer, GuardedRoute, Route } from "./route.ts";

/** What the server knows of a connection. */
export interface Connection {
  readonly remoteAddr?: Deno.Addr;
}

type Served = Context<{ Bindings: Connection }>;

/** Answers one request by its route. */
export async function serve(services: Services, route: Route, c: Served): Promise<Response> {
  const request = c.req.raw;
  const id = services.ids.make("req", services.deps.now());
  let rate: RateState | null = null;
  try {
    if (route.callers === "open") {
      const params = route.params === undefined ? {} : parseInput(route.params, c.req.param());
      return respond(await route.handle({ services, request, id, params }), id, null);
    }
    const { call, state } = await prepare(services, route, c, id);
    rate = state;
    return respond(await route.handle(call), id, rate);
  } catch (error) {
    return refuse(error, services, { path: c.req.path, id }, rate);
  }
}

async function prepare(services: Services, route: GuardedRoute, c: Served, id: string) {
  const request = c.req.raw;
  const presented = await presentedBy(services, request);
  const caller = await services.credentials.caller(presented, route.callers);
  const state = services.rateLimits.take(caller, services.deps.now());
  const takesBody = request.method !== "GET" && request.method !== "DELETE";
  const bytes = takesBody ? await readBody(request, services.deps) : new Uint8Array(0);
  const body = route.body === undefined ? undefined : parseInput(route.body, parseBody(bytes));
  const params = route.params === undefined ? undefined : parseInput(route.params, c.req.param());
  const query = route.query === undefined
    ? undefined
    : parseInput(route.query, queryOf(request.url));
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
  const call = new Call<unknown, unknown, unknown>(
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
  );
  return { call, state };
}

async function presentedBy(services: Services, request: Request): Promise<Presented> {
  const secret = secretOf(request.headers);
  if (secret === null) throw new Refusal("missing_credentials", {});
  return await services.credentials.present(secret);
}

/** The address of the client: behind a trusted proxy the last one it forwarded for. */
function addressOf(services: Services, request: Request, connection: Connection): string | null {
  if (services.settings.trusted_proxy) {
    const forwarded = request.headers.get("x-forwarded-for")?.split(",").at(-1)?.trim();
    if (forwarded) return forwarded.slice(0, 64);
  }
  const address = connection?.remoteAddr;
  return address !== undefined && "hostname" in address ? address.hostname : null;
}

const HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

function respond(answer: Answer | Response, id: string, rate: RateState | null): Response {
  if (answer instanceof Response) {
    answer.headers.set("x-request-id", id);
    return answer;
  }
  return new Response(JSON.stringify(answer.body), {
    status: answer.status,
    headers: { ...HEADERS, "x-request-id": id, ...rateHeaders(rate), ...answer.headers },
  });
}

/** IETF draft-ietf-httpapi-ratelimit-headers. */
function rateHeaders(rate: RateState | null): Record<string, string> {
  if (rate === null) return {};
  return {
    "ratelimit-policy": `"minute";q=${rate.limit};w=60`,
    ratelimit: `"minute";r=${rate.remaining};t=${rate.reset_seconds}`,
  };
}

/** The one place where an error becomes an answer. */
export function refuse(
  error: unknown,
  services: Services,
  request: { path: string; id: string },
  rate: RateState | null = null,
): Response {
  const refusal = refusalOf(error);
  if (refusal.code === "internal_error") {
    services.deps.log("error", "A request failed", {
      request_id: request.id,
      path: request.path,
      error: error instanceof Error ? error.stack ?? error.message : String(error),
    });
  }
  const { status, body } = problemOf(refusal, request);
  const headers: Record<string, string> = {
    ...HEADERS,
    "content-type": "application/problem+json",
    "x-request-id": request.id,
    ...rateHeaders(rate),
  };
  const { next } = body;
  if (typeof next === "object" && next !== null && "retry_after_seconds" in next) {
    headers["retry-after"] = String(next.retry_after_seconds);
  }
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="countersign"';
  if (refusal.code === "method_not_allowed" && "allow" in refusal.data) {
    headers.allow = refusal.data.allow.join(", ");
  }
  return new Response(JSON.stringify(body), { status, headers });
}

function refusalOf(error: unknown): Refusal | SurfaceRefusal {
  if (error instanceof Refusal || error instanceof SurfaceRefusal) return error;
  if (error instanceof Overloaded) return new SurfaceRefusal("overloaded", {});
  if (error instanceof StoreUnavailable || error instanceof MalformedRecord) {
    return new SurfaceRefusal("store_unavailable", {});
  }
  return new SurfaceRefusal("internal_error", {});
}
