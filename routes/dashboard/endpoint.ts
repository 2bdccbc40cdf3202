import type { z } from "zod";
import type { JsonValue } from "../../lib/base/json.ts";
import type { PagePath } from "../../lib/base/page_path.ts";
import type { Right } from "../../lib/policy/rights.ts";
import type { Services } from "../../lib/services.ts";
import {
  type Exchange,
  refusalOf,
  refuseExchange,
  type Served,
  serveExchange,
} from "../http/serve.ts";
import { securityHeaders } from "../http/headers.ts";
import { parseBody, parseInput, readBody } from "../http/inputs.ts";
import { type AccountCall, type BrowserCall, MemberCall } from "./browser_call.ts";
import { addCookies, browserCall } from "./browser_request.ts";
import { adviceToPerson, refusalDetail } from "./refusal_words.ts";

interface Described {
  readonly method: "get" | "post";
  readonly path: PagePath;
  /** True for what an open page asks by itself: no use of the session. */
  readonly isWatch?: boolean;
}

interface Inputs<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
}

type Answered = Promise<JsonValue | Response>;

type AnyInputs = Inputs<z.ZodType, z.ZodType, z.ZodType>;

/** What the browser's own script asks for, in JSON or as a stream. */
export type Endpoint =
  & Described
  & AnyInputs
  & (
    | {
      readonly audience: "member";
      readonly needs: Right;
      readonly handle: (call: MemberCall) => Answered;
    }
    | { readonly audience: "account"; readonly handle: (call: AccountCall) => Answered }
    | { readonly audience: "anyone"; readonly handle: (call: BrowserCall) => Answered }
  );

type Given<C, P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> =
  & Described
  & Inputs<P, Q, B>
  & { readonly handle: (call: C) => Answered };

/** Declares an endpoint for members with a right. */
export function memberEndpoint<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(
  endpoint: Given<MemberCall<z.output<P>, z.output<Q>, z.output<B>>, P, Q, B> & {
    readonly needs: Right;
  },
): Endpoint {
  return { ...endpoint, audience: "member" } as unknown as Endpoint;
}

/** Declares an endpoint for whoever is signed in. */
export function accountEndpoint<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(endpoint: Given<AccountCall<z.output<P>, z.output<Q>, z.output<B>>, P, Q, B>): Endpoint {
  return { ...endpoint, audience: "account" } as unknown as Endpoint;
}

/** Declares an endpoint for everybody. */
export function publicEndpoint<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(endpoint: Given<BrowserCall<z.output<P>, z.output<Q>, z.output<B>>, P, Q, B>): Endpoint {
  return { ...endpoint, audience: "anyone" } as unknown as Endpoint;
}

/** Answers one request of the browser's own script. */
export function serveEndpoint(
  services: Services,
  endpoint: Endpoint,
  c: Served,
): Promise<Response> {
  return serveExchange(services, c, endpoint.path, (exchange) => ({
    async answer() {
      const response = await answered(exchange, endpoint);
      exchange.held = response.headers.get("content-type") === "text/event-stream";
      return secured(services, response);
    },
    refuse(error) {
      // The page shows it to a person, who sees neither headers nor `next`.
      const refusal = refusalOf(error);
      const [detail, advice] = [refusalDetail(refusal), adviceToPerson(refusal)];
      const more = { detail, ...(advice === null ? {} : { advice }) };
      return secured(services, refuseExchange(exchange, error, more));
    },
  }));
}

/** No other site frames what is answered here, or draws it into its own process. */
function secured(services: Services, response: Response): Response {
  const headers = securityHeaders(services.settings.url);
  for (const [name, value] of Object.entries(headers)) {
    if (!response.headers.has(name)) response.headers.set(name, value);
  }
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

async function answered(exchange: Exchange, endpoint: Endpoint): Promise<Response> {
  const { services, request, id } = exchange;
  const { body } = endpoint;
  const readInput = async () =>
    body === undefined
      ? undefined
      : parseInput(body, parseBody(await readBody(request, services.bodyTimer)));
  const call = await browserCall(exchange, endpoint, readInput);
  // The endpoint's audience is what `browserCall` made the call by.
  const member = call instanceof MemberCall ? call.caller.id : null;
  const isRead = request.method === "GET";
  if (member !== null && !isRead) services.answers.mayChange(member);
  const handle = endpoint.handle as (call: BrowserCall) => Promise<JsonValue | Response>;
  const answer = await handle(call);
  const response = answer instanceof Response
    ? answer
    : jsonResponse(services, member, isRead, answer);
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
  response.headers.set("x-request-id", id);
  addCookies(response.headers, call);
  return response;
}
