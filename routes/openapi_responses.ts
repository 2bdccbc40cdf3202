import type { JsonObject } from "../lib/json/json_value.ts";
import { type ProblemCode, PROBLEMS } from "./http/problems.ts";
import type { Route } from "./http/route.ts";
import { SchemaComponents } from "./schema_components.ts";

const PROBLEM_SCHEMA: JsonObject = {
  type: "object",
  description: "Problem details (RFC 9457). A code may add members of its own.",
  properties: {
    type: { type: "string", format: "uri-reference" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What went wrong this time" },
    instance: { type: "string", description: "Path of the request" },
    code: { type: "string", enum: Object.keys(PROBLEMS) },
    request_id: { type: "string" },
    errors: {
      type: "array",
      items: {
        type: "object",
        properties: {
          path: { type: "string", description: "JSON pointer (RFC 6901) into the input" },
          message: { type: "string" },
        },
        required: ["path", "message"],
      },
    },
    next: { type: "object", description: "What the caller can do: routes, seconds to wait" },
  },
  required: ["type", "title", "status", "detail", "instance", "code", "request_id"],
};

const HEADERS: Record<string, JsonObject> = {
  "X-Request-Id": {
    description: "Names the request in the log and in error reports.",
    schema: { type: "string" },
  },
  RateLimit: {
    description: 'What is left of the minute: `"minute";r=<requests>;t=<seconds>`. Absent for a ' +
      "credential without a limit.",
    schema: { type: "string" },
  },
  "RateLimit-Policy": {
    description: 'The limit of the credential: `"minute";q=<requests>;w=60`.',
    schema: { type: "string" },
  },
  "Retry-After": {
    description: "Seconds to wait before the request is sent again.",
    schema: { type: "integer", minimum: 0 },
  },
  "Idempotent-Replayed": {
    description: "`true` when the answer is the one kept for the idempotency key.",
    schema: { type: "string", const: "true" },
  },
};

/** Codes of every request, of every request with a key, and of every request with a body. */
const ALWAYS: readonly ProblemCode[] = ["misdirected_request", "internal_error", "stopping"];

const WITH_KEY: readonly ProblemCode[] = [
  "missing_credentials",
  "invalid_credentials",
  "wrong_tier",
  "rate_limited",
  "too_many_streams",
  "overloaded",
  "store_unavailable",
  "clock",
];

const WITH_BODY: readonly ProblemCode[] = [
  "malformed_json",
  "duplicate_key",
  "invalid_request",
  "payload_too_large",
  "request_timeout",
];

const WITH_IDEMPOTENCY: readonly ProblemCode[] = [
  "invalid_request",
  "idempotency_mismatch",
  "idempotency_in_progress",
  "idempotency_stale",
];

/** Every code that a route can answer: its own, and those that come with what kind it is. */
export function refusalsOf(route: Route): ProblemCode[] {
  const codes = new Set<ProblemCode>([...route.refusals ?? [], ...ALWAYS]);
  const add = (more: readonly ProblemCode[]) => more.forEach((code) => codes.add(code));
  if (route.params !== undefined) add(["invalid_request"]);
  if (route.callers !== "open") {
    add(WITH_KEY);
    if (route.query !== undefined) add(["invalid_request"]);
    if (route.body !== undefined) add(WITH_BODY);
    if (route.method === "post") add(WITH_IDEMPOTENCY);
  }
  return [...codes].sort((a, b) => PROBLEMS[a].status - PROBLEMS[b].status);
}

/** What the operations of one document refer to. */
export interface Components {
  readonly schemas: SchemaComponents;
  /** Filled with every problem response that is used. */
  readonly responses: Record<string, JsonObject>;
  readonly headers: JsonObject;
}

/** The components that every document starts with. */
export function startComponents(): Components {
  const schemas = new SchemaComponents();
  schemas.put("Problem", PROBLEM_SCHEMA);
  return { schemas, responses: {}, headers: HEADERS };
}

/** The responses of a route by status: its answers, and a problem document for each refusal. */
export function responsesOf(route: Route, name: string, components: Components): JsonObject {
  const responses: JsonObject = {};
  for (const [status, schema] of Object.entries(route.answers)) {
    const content: JsonObject = {};
    if (schema !== null) {
      const reference = components.schemas.putZod(`${name}Answer`, schema, "output");
      content["application/json"] = { schema: reference };
    }
    if (route.media !== undefined) content[route.media] = { schema: { type: "string" } };
    responses[status] = {
      description: SUCCESSES[status] ?? "Success",
      headers: headersOf(successHeaders(route)),
      ...(Object.keys(content).length === 0 ? {} : { content }),
    };
  }
  const byStatus = Map.groupBy(refusalsOf(route), (code) => PROBLEMS[code].status);
  for (const [status, codes] of byStatus) {
    const shared = codes.join("-or-");
    components.responses[shared] ??= problemResponse(codes, status);
    responses[status] = { $ref: `#/components/responses/${shared}` };
  }
  return responses;
}

const SUCCESSES: Readonly<Record<string, string>> = {
  200: "Done",
  201: "Made",
  204: "Done; there is nothing to say",
};

function successHeaders(route: Route): string[] {
  if (route.callers === "open") return ["X-Request-Id"];
  const names = ["X-Request-Id", "RateLimit", "RateLimit-Policy"];
  return route.method === "post" ? [...names, "Idempotent-Replayed"] : names;
}

function problemResponse(codes: readonly ProblemCode[], status: number): JsonObject {
  const waits = status === 429 || status === 503;
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(" "),
    headers: headersOf(["X-Request-Id", ...(waits ? ["Retry-After"] : [])]),
    content: {
      "application/problem+json": {
        schema: {
          allOf: [
            { $ref: "#/components/schemas/Problem" },
            { properties: { code: { enum: [...codes] }, status: { const: status } } },
          ],
        },
      },
    },
  };
}

function headersOf(names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
}
