import openapiTS, { astToString } from "openapi-typescript";
import { isJsonObject, type JsonObject, type JsonValue } from "../lib/base/json.ts";
import { openApiDocument } from "../routes/docs/openapi.ts";
import { ROUTES } from "../routes/manifest.ts";

/** Makes the types of the TypeScript client from the OpenAPI document: `deno task clients:types`. */

const TYPES = new URL("../clients/typescript/src/openapi.ts", import.meta.url);
const HEAD = "// Made from the OpenAPI document by `deno task clients:types`: not to be edited.\n";

/** The schema `Value` of the document, which is any JSON. */
const JSON_VALUE = `/** Any JSON. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | {
    readonly [name: string]: JsonValue;
  };
`;

const NAMES = new URL("../clients/typescript/src/wire.ts", import.meta.url);

/** The text of the types that `wire.ts` names, and of what these are made of. */
export async function clientTypes(): Promise<string> {
  const document = openApiDocument(ROUTES, "https://countersign.example");
  const schemas = schemasOf(document);
  const named = [...(await Deno.readTextFile(NAMES)).matchAll(/Schemas\["(\w+)"\]/g)];
  const wanted = new Set<string>();
  for (const [, name = ""] of named) take(name, schemas, wanted);
  const chosen = Object.fromEntries([...wanted].sort().map((name) => [name, schemas[name] ?? {}]));
  chosen["Value"] = { type: "string" };
  const ast = await openapiTS(
    JSON.stringify({
      openapi: "3.1.1",
      info: { title: "Countersign", version: "1" },
      paths: {},
      components: { schemas: chosen },
    }),
    { immutable: true, emptyObjectsUnknown: true, defaultNonNullable: false },
  );
  const text = astToString(ast)
    // What a document without routes leaves.
    .replace(/^export type (paths|webhooks|\$defs|operations).*\n/gm, "")
    // An interface cannot name itself in a member's own type.
    .replace(/^ *readonly Value: string;\n/m, "")
    .replaceAll('components["schemas"]["Value"]', "JsonValue");
  return [HEAD, JSON_VALUE, text].join("\n");
}

function schemasOf(document: JsonObject): JsonObject {
  const { components } = document;
  const schemas = isJsonObject(components) ? components["schemas"] : undefined;
  if (!isJsonObject(schemas)) throw new Error("The OpenAPI document has no schemas");
  return schemas;
}

function take(name: string, schemas: JsonObject, wanted: Set<string>): void {
  if (wanted.has(name)) return;
  const schema = schemas[name];
  if (schema === undefined) throw new Error(`wire.ts names ${name}, which is no schema`);
  wanted.add(name);
  for (const other of references(schema)) take(other, schemas, wanted);
}

function references(value: JsonValue): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, of]) =>
    name === "$ref" && typeof of === "string" ? [of.replace(/^.*\//, "")] : references(of)
  );
}

if (import.meta.main) await Deno.writeTextFile(TYPES, await clientTypes());
