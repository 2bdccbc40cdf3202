import type { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { VERSION } from "../../lib/base/version.ts";
import { type ProblemCode, PROBLEMS } from "../http/problems.ts";
import type { Route } from "../http/route.ts";
import { SchemaComponents } from "./schemas.ts";

const DESCRIPTION = `Countersign decides whether an action of an AI agent may run, holds what is \
risky for a human, authorizes one run of it by a signed token, and records all of it in a log that \
nobody can quietly rewrite.

Errors are problem details (RFC 9457) with a stable \`code\`; \`/docs/errors\` lists every code. \
Every POST takes \`Idempotency-Key\`. Lists answer \`{"data": […], "next_cursor": …}\`. Times are \
RFC 3339 in UTC with milliseconds.

The same routes answer over one open socket: \`GET /v1/ws\`, a WebSocket with the subprotocol \
\`countersign.v1\`, takes frames \`{"id", "method", "path", "body"?, "idempotency_key"?}\`, answers each \
by \`{"id", "status", "body"}\`, and tells of the caller's own requests after \
\`{"id", "method": "SUBSCRIBE", "path": "/v1/approvals"}\`.`;

/**
 * The OpenAPI 3.1 document of routes, made from the same schemas that validate their requests.
 * @param origin the public origin of the deployment
 */
export function openApiDocument(routes: readonly Route[], origin: string): JsonObject {
  const components = startComponents();
  const paths: Record<string, Record<string, JsonValue>> = {};
  for (const route of routes) {
    const item = paths[templateOf(route.path)] ??= {};
    item[route.method] = operation(route, components);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Countersign",
      version: VERSION,
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: origin }],
    tags: [...new Set(routes.map((route) => route.group))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        key: { type: "apiKey", in: "header", name: "X-API-Key" },
        bearer: { type: "http", scheme: "bearer" },
      },
      headers: components.headers,
      responses: components.responses,
      schemas: components.schemas.all,
    },
  };
}

/** The path as OpenAPI writes it: `/v1/tools/:name{.+}` becomes `/v1/tools/{name}`. */
export function templateOf(path: string): string {
  return path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}");
}

/** A stable id made of method and path: `GET /v1/tools/:name` is `getToolsByName`. */
export function operationIdOf({ method, path }: Pick<Route, "method" | "path">): string {
  const words = path.split("/").filter((part) => part !== "" && part !== "v1").flatMap((part) =>
    part.startsWith(":")
      ? ["by", ...part.slice(1).replace(/\{.*/, "").split("_")]
      : part.split(/\W/)
  ).filter((word) => word !== "");
  return method + words.map(capitalized).join("");
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function operation(route: Route, components: Components): JsonObject {
  const { schemas } = components;
  const id = operationIdOf(route);
  const name = capitalized(id);
  const isOpen = route.callers === "open";
  const { body } = route;
  return {
    operationId: id,
    tags: [route.group],
    summary: route.summary,
    description: [route.description, callersText(route)].filter(Boolean).join("\n\n"),
    "x-callers": isOpen ? ["open"] : [...route.callers],
    security: isOpen
      ? []
      : [{ key: [] }, { bearer: [] }, ...(route.keyless === undefined ? [] : [{}])],
    parameters: [
      ...pathParameters(route, schemas),
      ...queryParameters(route, schemas),
      ...headerParameters(route),
    ],
    ...(body === undefined ? {} : {
      requestBody: {
        required: !body.safeParse(undefined).success,
        content: { "application/json": { schema: schemas.putZod(`${name}Body`, body, "input") } },
      },
    }),
    responses: responsesOf(route, name, components),
  };
}

/** Who may call a route, as a sentence. */
function callersText({ callers }: Pick<Route, "callers">): string {
  if (callers === "open") return "Open: no key is needed.";
  const names = callers.map((tier) => tier === "agent" ? "agent token" : `${tier} key`);
  return `Callers: ${names.join(", ")}.`;
}

function pathParameters(route: Route, schemas: SchemaComponents): JsonObject[] {
  const described = members(route.params, "params", schemas);
  return [...route.path.matchAll(/:(\w+)(\{\.\+\})?/g)].map(([, name = "", rest]) => {
    const { description, ...schema } = described.get(name)?.schema ?? { type: "string" };
    const note = rest === undefined ? [] : ["A slash in it is sent as it is or as `%2F`."];
    const text = [...(typeof description === "string" ? [`${description}.`] : []), ...note];
    return {
      name,
      in: "path",
      required: true,
      ...(text.length === 0 ? {} : { description: text.join(" ") }),
      schema,
    };
  });
}

function queryParameters(route: Route, schemas: SchemaComponents): JsonObject[] {
  const query = route.callers === "open" ? undefined : route.query;
  return [...members(query, "query", schemas)].map(([name, { schema, required }]) => {
    const { description, ...rest } = schema;
    return {
      name,
      in: "query",
      required,
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function headerParameters(route: Route): JsonObject[] {
  const refusals = refusalsOf(route);
  const parameters: JsonObject[] = [];
  if (refusals.includes("idempotency_mismatch")) {
    parameters.push({
      name: "Idempotency-Key",
      in: "header",
      required: false,
      description: "A repetition with the same key and body within 24 hours gets the first answer.",
      schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,255}$" },
    });
  }
  if (refusals.includes("precondition_required")) {
    parameters.push({
      name: "If-Match",
      in: "header",
      required: true,
      description: "The policy version that the change was made on, in quotes.",
      schema: { type: "string", examples: ['"42"'] },
    });
  }
  return parameters;
}

/** The members of an object schema, as parameters take them. */
function members(
  type: z.ZodType | undefined,
  name: string,
  schemas: SchemaComponents,
): Map<string, { schema: JsonObject; required: boolean }> {
  const found = new Map<string, { schema: JsonObject; required: boolean }>();
  if (type === undefined) return found;
  const { properties, required } = schemas.inline(name, type, "input");
  if (!isJsonObject(properties)) return found;
  for (const [member, schema] of Object.entries(properties)) {
    if (!isJsonObject(schema)) continue;
    found.set(member, { schema, required: Array.isArray(required) && required.includes(member) });
  }
  return found;
}

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
function refusalsOf(route: Route): ProblemCode[] {
  const codes = new Set<ProblemCode>([...route.refusals ?? [], ...ALWAYS]);
  const add = (more: readonly ProblemCode[]) => more.forEach((code) => codes.add(code));
  if (route.params !== undefined) add(["invalid_request"]);
  if (route.callers === "open" && route.body !== undefined) add(WITH_BODY);
  if (route.callers !== "open") {
    add(WITH_KEY);
    if (route.query !== undefined) add(["invalid_request"]);
    if (route.body !== undefined) add(WITH_BODY);
    if (route.method === "post") add(WITH_IDEMPOTENCY);
  }
  return [...codes].sort((a, b) => PROBLEMS[a].status - PROBLEMS[b].status);
}

/** What the operations of one document refer to. */
interface Components {
  readonly schemas: SchemaComponents;
  /** Filled with every problem response that is used. */
  readonly responses: Record<string, JsonObject>;
  readonly headers: JsonObject;
}

/** The components that every document starts with. */
function startComponents(): Components {
  const schemas = new SchemaComponents();
  schemas.put("Problem", PROBLEM_SCHEMA);
  return { schemas, responses: {}, headers: HEADERS };
}

/** The responses of a route by status: its answers, and a problem document for each refusal. */
function responsesOf(route: Route, name: string, components: Components): JsonObject {
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
