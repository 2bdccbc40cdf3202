import { trace } from "@opentelemetry/api";
import type { Context } from "hono";
import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import {
  askerOf,
  type Client,
  type MachineCaller,
  type Presented,
} from "../../lib/identity/caller.ts";
import type { RateState } from "../../lib/identity/limits.ts";
import { LARGE_CHARACTERS } from "../../lib/identity/open_answers.ts";
import { ClockRefused } from "../../lib/ledger/clock.ts";
import { Overloaded } from "../../lib/ledger/ledger.ts";
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { StoreUnavailable } from "../../lib/store/kv.ts";
import { MalformedRecord } from "../../lib/store/record.ts";
import { type Answer, Call, type OpenCall } from "./call.ts";
import {
  assertNoQuery,
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

/**
 * What is the same of every request, on whichever surface: it gets an id, which its answer, the log
 * and its span name; what it throws becomes an answer; and it is written down when it was slow, or
 * when the operator wants a line for each. What is an answer, and the form of a refusal, the surface
 * says; that of the REST API is here (`restHandler`): who asks is found before anything of the request is
 * read, and counted before anything is done.
 */

/** What the server knows of a connection. */
export interface Connection {
  readonly remoteAddr?: Deno.Addr;
}

export type Served = Context<{ Bindings: Connection }>;

/** One request on the way to its answer: what is known of it grows. */
export class Exchange {
  readonly id: string;
  /** When it came, milliseconds since 1970. */
  readonly started: number;
  /** Whom it is of, once that is known: ids, and nothing that the client chose. */
  org: string | null = null;
  caller: string | null = null;
  /** The limit that it was counted against; null for none. */
  rate: RateState | null = null;
  /** Whether it asked to wait, and so may be slow. */
  held = false;

  constructor(
    readonly services: Services,
    readonly c: Served,
    /** The pattern, not the path: an id in a path can be a person's e-mail, or a key by mistake. */
    readonly route: string,
  ) {
    this.started = services.deps.now();
    this.id = services.ids.make("req", this.started);
  }

  get request(): Request {
    return this.c.req.raw;
  }

  /** The address of the client: behind trusted proxies whom they forwarded for. */
  get address(): string | null {
    const { forwardedFor } = this.services;
    const forwarded = forwardedFor.client(this.request.headers.get("x-forwarded-for"));
    if (forwarded !== null) return forwarded;
    const address = this.c.env?.remoteAddr;
    return address !== undefined && "hostname" in address ? address.hostname : null;
  }

  /** Who sends it, as entries of logs tell it. */
  client(via: Client["via"]): Client {
    return {
      ip: this.address,
      user_agent: this.request.headers.get("user-agent")?.slice(0, 256) ?? null,
      request_id: this.id,
      via,
    };
  }

  /** What every answer of a machine carries. */
  get headers(): Record<string, string> {
    return { "x-request-id": this.id, ...rateHeaders(this.rate) };
  }
}

/** How a surface answers one request. */
interface Answering {
  answer(): Promise<Response>;
  /** What becomes of an error, of whatever kind. */
  refuse(error: unknown): Promise<Response> | Response;
}

/** Answers one request, by what the surface does with it. */
export async function serveExchange(
  services: Services,
  c: Served,
  route: string,
  answering: (exchange: Exchange) => Answering,
): Promise<Response> {
  const exchange = new Exchange(services, c, route);
  nameSpan(exchange);
  const surface = answering(exchange);
  let response: Response;
  try {
    response = await surface.answer();
  } catch (error) {
    response = await surface.refuse(error);
  }
  logRequest(exchange, response.status);
  return response;
}

/** What answers the requests for a route of the REST API. */
export function restHandler(services: Services, route: Route): (c: Served) => Promise<Response> {
  const answering = (exchange: Exchange) => new RestAnswer(exchange, route);
  return (c) => serveExchange(services, c, route.path, answering);
}

/** One answer of the REST API in the making: who asks, what they ask, and what came of it. */
class RestAnswer implements Answering {
  constructor(readonly exchange: Exchange, readonly route: Route) {}

  async answer(): Promise<Response> {
    const { exchange, route } = this;
    const { services, request } = exchange;
    if (route.callers === "open") return respond(exchange, await route.handle(await this.#open()));
    const { monotonic, now } = services.deps;
    const since = monotonic();
    const secret = secretOf(request.headers);
    if (secret === null) {
      if (route.keyless === undefined) throw new Refusal("missing_credentials", {});
      return respond(exchange, await route.keyless(await this.#open()));
    }
    // Mostly both are known, and then nothing waits.
    const found = services.credentials.present(secret);
    const presented = found instanceof Promise ? await found : found;
    const known = services.credentials.caller(presented, route.callers, since);
    const caller = known instanceof Promise ? await known : known;
    const spent = monotonic() - since;
    // When a sub-token was used its own row tells: its maker was not.
    if (caller.sub_token === null) services.lastUsed.note(caller.org, caller.id, now());
    exchange.org = caller.org;
    exchange.caller = askerOf(caller);
    exchange.rate = services.rateLimits.take(caller, now());
    const isLarge = route.bodyLimit !== undefined && mayExceed(request, USUAL_BODY);
    if (isLarge) services.largeBodies.take(caller.org);
    try {
      const { answers } = services;
      if (request.method !== "GET" && answers.toChanges.size > 0) answers.mayChange(caller.id);
      const takesBody = request.method !== "GET" &&
        (request.method !== "DELETE" || route.body !== undefined);
      const bytes = takesBody
        ? await readBody(request, services.bodyTimer, route.bodyLimit)
        : new Uint8Array(0);
      const call = callOf(exchange, route, { presented, caller, spent }, bytes);
      if (route.counts !== undefined) {
        const more = route.counts(call.body) - 1;
        exchange.rate = services.rateLimits.take(caller, now(), more);
      }
      exchange.held = asksToWait(call.query) || asksToWait(call.body);
      let answer: Answer | Response;
      try {
        answer = await route.handle(call);
      } finally {
        // What was read beside the ledger leaves only for who may still ask, refusals among it.
        if (!call.isChecked) await call.transact({ plan: () => {} });
      }
      return respond(exchange, answer, bodyFor(call));
    } finally {
      if (isLarge) services.largeBodies.release(caller.org);
    }
  }

  /** What a request asks whose caller nobody has looked for. @throws {Refusal} */
  async #open(): Promise<OpenCall> {
    const { exchange, route: { params, body } } = this;
    const { services, request, id, c } = exchange;
    return {
      services,
      request,
      id,
      params: params === undefined ? {} : parseInput(params, c.req.param()),
      body: body === undefined
        ? undefined
        : bodyOf(body, await readBody(request, services.bodyTimer, undefined)),
      client: exchange.client("rest"),
      secret: secretOf(request.headers),
    };
  }

  refuse(error: unknown): Response {
    return refuseMachine(this.exchange, error);
  }
}

/** What an authenticated request asks, by the schemas of its route. @throws {Refusal} */
function callOf(
  exchange: Exchange,
  route: GuardedRoute,
  { presented, caller, spent }: {
    readonly presented: Presented;
    readonly caller: MachineCaller;
    readonly spent: number;
  },
  bytes: Uint8Array,
): Call<unknown, unknown, unknown> {
  const { services, request, id, c } = exchange;
  const query = route.query === undefined
    ? assertNoQuery(request.url)
    : parseQuery(route.query, request.url);
  const params = route.params === undefined ? undefined : parseInput(route.params, c.req.param());
  const body = bodyOf(route.body ?? NOTHING, bytes);
  const isKeyed = request.method === "POST" || route.keyed === true;
  const key = isKeyed ? idempotencyKeyOf(request.headers) : null;
  const repetition = key === null
    ? null
    : { key, method: request.method, path: c.req.path, body: bytes };
  return new Call<unknown, unknown, unknown>(
    services,
    request,
    id,
    params,
    query,
    body,
    exchange.client("rest"),
    presented,
    route.callers,
    repetition,
    caller,
    spent,
  );
}

/** The body of a request that takes none: what somebody says there is not passed over in silence. */
const NOTHING = z.strictObject({}).optional();

/** What a body says; none at all is for the schema to take or to refuse. */
function bodyOf(schema: z.ZodType, bytes: Uint8Array): unknown {
  const absent = bytes.length === 0 && schema.safeParse(undefined).success;
  return parseInput(schema, absent ? undefined : parseBody(bytes));
}

/**
 * How an answer becomes a body. A large one takes a place among the open answers; that of a change
 * is given in any case, for the change has been made.
 */
function bodyFor({ services, request, caller }: Call<unknown, unknown, unknown>) {
  const how = request.method === "GET" ? "body" : "given";
  // Most are small, and asking for a place would cost them a call.
  return (text: string) =>
    text.length <= LARGE_CHARACTERS ? text : services.answers[how](caller.id, text);
}

function respond(
  { headers }: Exchange,
  answer: Answer | Response,
  body: (text: string) => BodyInit = (text) => text,
): Response {
  if (answer instanceof Response) return withHeaders(answer, headers);
  // 204 has none (RFC 9110 section 15.3.5).
  const content = answer.status === 204 ? null : body(JSON.stringify(answer.body));
  if (answer.status !== 200) {
    return new Response(content, {
      status: answer.status,
      headers: { ...JSON_HEADERS, ...headers, ...answer.headers },
    });
  }
  // The runtime makes what is made with several headers ready for its server at once, and has the
  // collector of garbage watch over that, which takes the thread longer than to add each of these.
  const response = new Response(content, JSON_CONTENT);
  const { headers: added } = response;
  for (const name in NEVER_KEPT) added.append(name, NEVER_KEPT[name]!);
  for (const name in headers) added.append(name, headers[name]!);
  return answer.headers === undefined ? response : withHeaders(response, answer.headers);
}

/** Puts headers on an answer that is made, in the place of those of the same names. */
function withHeaders(response: Response, added: Readonly<Record<string, string>>): Response {
  const { headers } = response;
  for (const name in added) headers.set(name, added[name]!);
  return response;
}

/** Whether the parsed query or body asks to be held until a decision. */
function asksToWait(input: unknown): boolean {
  return typeof input === "object" && input !== null && "wait" in input && Number(input.wait) > 0;
}

/**
 * The refusal of a request in JSON.
 * @param more members that its sender is told besides
 */
export function refuseExchange(
  exchange: Exchange,
  error: unknown,
  more: JsonObject = {},
): Response {
  const { services, c: { req: { path } }, id, route, rate } = exchange;
  return refuse(error, services, { path, id, route }, rate, more);
}

/** The same to a machine: secrets that are nobody's are counted by where they came from. */
export function refuseMachine(exchange: Exchange, error: unknown): Response {
  if (error instanceof Refusal && error.code === "invalid_credentials") {
    const { failedAttempts, deps } = exchange.services;
    failedAttempts.note(exchange.address, deps.now());
  }
  return refuseExchange(exchange, error);
}

/** What an answer in JSON is made with. */
const JSON_CONTENT = { headers: { "content-type": "application/json" } };

const NEVER_KEPT: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** Headers of an answer in JSON. */
const JSON_HEADERS = { ...JSON_CONTENT.headers, ...NEVER_KEPT };

/** IETF draft-ietf-httpapi-ratelimit-headers. */
function rateHeaders(rate: RateState | null): Record<string, string> {
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
  more: JsonObject = {},
): Response {
  const refusal = refusalOf(error);
  logFailure(services, error, refusal, request);
  const { status, body } = problemOf(refusal, request);
  const headers: Record<string, string> = {
    ...JSON_HEADERS,
    "content-type": "application/problem+json",
    "x-request-id": request.id,
    ...rateHeaders(refusal instanceof Refusal ? exhausted(refusal) ?? rate : rate),
  };
  const retry = retryAfter(refusal);
  if (retry !== null) headers["retry-after"] = String(retry);
  // A proxy that keeps the connection would send its next request into the end of the process.
  if (refusal.code === "stopping") headers.connection = "close";
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="countersign"';
  if (refusal.code === "upgrade_required") headers.upgrade = "websocket";
  if (refusal.code === "method_not_allowed" && "allow" in refusal.data) {
    headers.allow = refusal.data.allow.join(", ");
  }
  return new Response(JSON.stringify({ ...body, ...more }), { status, headers });
}

/** Logs what is no fault of the caller. */
export function logFailure(
  services: Services,
  error: unknown,
  { code, data }: AnyRefusal | SurfaceRefusal,
  request: { id: string; route?: string },
): void {
  if (PROBLEMS[code].status < 500 || code === "stopping") return;
  const about = { request_id: request.id, route: request.route ?? null, code };
  // What a server of somebody else did is no failure here.
  if ("upstream" in data) {
    services.deps.log("info", "An upstream gave no result", { ...about, upstream: data.upstream });
    return;
  }
  services.deps.log("error", "A request failed", {
    ...about,
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

/** Writes a request down when it was slow, or when the operator wants a line for each. */
function logRequest(
  { services: { deps, settings }, c, id, route, org, caller, started, held }: Exchange,
  status: number,
): void {
  const milliseconds = deps.now() - started;
  const isSlow = milliseconds > SLOW_MS && !held;
  if (!isSlow && settings.log !== "access") return;
  // Nothing here is the client's own text.
  const { method } = c.req;
  const answered = { request_id: id, method, route, status, org, caller, milliseconds };
  if (isSlow) deps.log("warn", "A request was slow", answered);
  else deps.log("info", "Request", answered);
}

/**
 * Names the span that the runtime opened for a request by its route, and ties it to the request id
 * of the answer and the log. Does nothing unless the process runs with `OTEL_DENO=true`.
 */
function nameSpan({ c, route, id }: Exchange): void {
  const span = trace.getActiveSpan();
  if (span === undefined) return;
  span.updateName(`${c.req.method} ${route}`);
  span.setAttributes({ "http.route": route, "countersign.request_id": id });
}
