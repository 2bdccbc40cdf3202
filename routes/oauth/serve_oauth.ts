import type { JsonObject } from "../../lib/base/json.ts";
import type { Client } from "../../lib/identity/caller.ts";
import type { TokenFault } from "../../lib/oauth/tokens.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { FORM, formValues, isForm } from "../dashboard/form.ts";
import { type Exchange, logFailure, refusalOf, type Served, serveExchange } from "../http/serve.ts";
import { readBody } from "../http/inputs.ts";
import { retryAfter, SurfaceRefusal } from "../http/problem_document.ts";
import { PROBLEMS } from "../http/problems.ts";

/** Tokens and codes stay in no cache (RFC 6749 section 5.1); metadata say otherwise. */
const HEADERS = {
  "cache-control": "no-store",
  pragma: "no-cache",
  "x-content-type-options": "nosniff",
  // Without credentials a page learns nothing that its server could not ask as well.
  "access-control-allow-origin": "*",
};

const PREFLIGHT = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "content-type, authorization, mcp-protocol-version",
  "access-control-max-age": "86400",
};

/** Answers what a browser asks before it lets a page of another site ask. */
export function servePreflight({ method }: OAuthEndpoint): Response {
  const headers = { ...PREFLIGHT, "access-control-allow-methods": method.toUpperCase() };
  return new Response(null, { status: 204, headers });
}

/** Answers one request of an OAuth client, refusals in the form that OAuth has for them. */
export function serveOAuth(
  services: Services,
  endpoint: OAuthEndpoint,
  c: Served,
): Promise<Response> {
  return serveExchange(services, c, endpoint.path, (exchange) => ({
    async answer() {
      const { request } = exchange;
      const client = exchange.client("mcp");
      return respond(exchange, await endpoint.handle({ services, request, client }));
    },
    refuse: (error) => respond(exchange, failed(services, error, exchange)),
  }));
}

function respond(exchange: Exchange, answer: OAuthAnswer): Response {
  const body = answer.body === null ? null : JSON.stringify(answer.body);
  const headers = new Headers({ ...HEADERS, ...exchange.headers });
  if (body !== null) headers.set("content-type", "application/json");
  for (const [name, value] of Object.entries(answer.headers ?? {})) headers.set(name, value);
  // A cache that may keep the answer is not told twice.
  if (!headers.get("cache-control")?.includes("no-store")) headers.delete("pragma");
  return new Response(body, { status: answer.status, headers });
}

/** What nobody foresaw, or what the request itself broke. */
function failed(
  services: Services,
  error: unknown,
  about: { readonly id: string; readonly route: string },
): OAuthAnswer {
  const refusal = refusalOf(error);
  logFailure(services, error, refusal, about);
  const { status, title } = PROBLEMS[refusal.code];
  if (refusal instanceof Refusal && "retry_after_seconds" in refusal.data) {
    const headers = { "retry-after": String(refusal.data.retry_after_seconds) };
    const error_description = `${title}. Wait, then try again.`;
    return { status, body: { error: "temporarily_unavailable", error_description }, headers };
  }
  const retry = retryAfter(refusal);
  if (status < 500) {
    // Broken JSON, a form that is none, a body too large: 400 where OAuth knows no other status.
    const own = refusal instanceof SurfaceRefusal ? status : 400;
    return { status: own, body: { error: "invalid_request", error_description: `${title}.` } };
  }
  return {
    status,
    body: {
      error: status === 503 ? "temporarily_unavailable" : "server_error",
      error_description: `${title}. Nothing was granted.`,
    },
    ...(retry === null ? {} : { headers: { "retry-after": String(retry) } }),
  };
}

/** One request of a program that wants to act for somebody, or asks how. */
export interface OAuthCall {
  readonly services: Services;
  readonly request: Request;
  readonly client: Client;
}

/** An answer in JSON; `null` has no body. */
export interface OAuthAnswer {
  readonly status: number;
  readonly body: JsonObject | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What MCP clients ask of the authorization server. They are programs, some of them in pages of
 * other sites: any origin may read the answers, and no cookie counts.
 */
export interface OAuthEndpoint {
  readonly method: "get" | "post";
  readonly path: string;
  readonly handle: (call: OAuthCall) => Promise<OAuthAnswer> | OAuthAnswer;
}

/** The parameters of a form. */
export class FormParameters {
  constructor(readonly values: ReadonlyMap<string, string>) {}

  /** Null when absent, or without a value, which is the same (RFC 6749 section 3.2). */
  get(name: string): string | null {
    return this.values.get(name) ?? null;
  }
}

/**
 * The parameters that a client sent, each once (RFC 6749 section 3.2).
 * @throws {Refusal} invalid_request, malformed_json for what is no form; {SurfaceRefusal}
 */
export async function formParameters(
  { request, services }: OAuthCall,
): Promise<FormParameters | TokenFault> {
  if (!isForm(request.headers)) {
    const error_description = `The body must be sent as Content-Type: ${FORM}.`;
    return { error: "invalid_request", error_description };
  }
  const fields = formValues(request.headers, await readBody(request, services.bodyTimer));
  const values = new Map<string, string>();
  for (const [name, [value = "", ...more]] of Object.entries(fields)) {
    if (more.length > 0) {
      // The name is the sender's: it goes back only where it can break nothing.
      const shown = /^[a-z_]{1,40}$/.test(name) ? name : "A parameter";
      return { error: "invalid_request", error_description: `${shown} is sent more than once.` };
    }
    if (value !== "") values.set(name, value);
  }
  return new FormParameters(values);
}

/**
 * Clients here have no secret. One that presents any is told in the scheme that it used, as RFC 6749
 * section 5.2 asks.
 */
export function presentsSecret({ headers }: Request): boolean {
  return headers.has("authorization");
}

/** A refusal as the token endpoint gives it. */
export function faultAnswer(fault: TokenFault): OAuthAnswer {
  const status = fault.error === "invalid_client" ? 401 : 400;
  return { status, body: { ...fault } };
}

/** The refusal of a client that presents a secret. */
export function secretAnswer(): OAuthAnswer {
  const error_description = "Clients have no secret here: send client_id in the form only.";
  return {
    ...faultAnswer({ error: "invalid_client", error_description }),
    headers: { "www-authenticate": 'Basic realm="countersign"' },
  };
}
