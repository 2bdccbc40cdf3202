import type { z } from "zod";
import { VERSION } from "../../lib/base/version.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/json/json_value.ts";
import type { Route } from "../http/route.ts";
import { type Components, refusalsOf, responsesOf, startComponents } from "../openapi_responses.ts";
import type { SchemaComponents } from "../schema_components.ts";

const DESCRIPTION = `Countersign decides whether an action of an AI agent may run, holds what is \
risky for a human, authorizes one run of it by a signed token, and records all of it in a log that \
nobody can quietly rewrite.

Errors are problem details (RFC 9457) with a stable \`code\`; \`/docs/errors\` lists every code. \
Every POST takes \`Idempotency-Key\`. Lists answer \`{"data": […], "next_cursor": …}\`. Times are \
RFC 3339 in UTC with milliseconds.`;

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
  const body = isOpen ? undefined : route.body;
  return {
    operationId: id,
    tags: [route.group],
    summary: route.summary,
    description: [route.description, callersText(route)].filter(Boolean).join("\n\n"),
    "x-callers": isOpen ? ["open"] : [...route.callers],
    security: isOpen ? [] : [{ key: [] }, { bearer: [] }],
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
export function callersText({ callers }: Pick<Route, "callers">): string {
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
