import { toBase64 } from "../base/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";

/**
 * Arguments that HTTP repeats in headers, because the tool's schema says so by `x-mcp-header`
 * (2026-07-28, "Custom Headers from Tool Parameters"). Who routes by them sees what the tool gets.
 */

const ANNOTATION = "x-mcp-header";

/** Keywords whose values are no schemas: what stands in them is data. */
const DATA: readonly string[] = ["const", "default", "enum", "example", "examples"];

/** Keywords whose members are schemas by names of the schema's author. */
const NAMED: readonly string[] = [
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
  "dependencies",
];

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;

const TYPES: readonly unknown[] = ["string", "integer", "boolean"];

/** A header, and where its value stands in the arguments. */
interface ParameterHeader {
  readonly name: string;
  readonly path: readonly string[];
}

/** Why a schema's annotations are not to be followed, as the end of "It …"; null where they are. */
export function parameterHeaderProblem(schema: JsonObject): string | null {
  const found = parameterHeadersOf(schema);
  return typeof found === "string" ? found : null;
}

/** The headers for a call; none where the schema's annotations are not as they must be. */
export function parameterHeaders(schema: JsonObject, args: JsonObject): Record<string, string> {
  const found = parameterHeadersOf(schema);
  const headers: Record<string, string> = {};
  for (const { name, path } of typeof found === "string" ? [] : found) {
    const value = path.reduce<JsonValue | undefined>((at, step) => memberOf(at, step), args);
    const isSent = typeof value === "string" || typeof value === "boolean" ||
      Number.isSafeInteger(value);
    if (isSent) headers[`mcp-param-${name}`] = plainHeader(String(value));
  }
  return headers;
}

/** A text as the value of a header: in Base64 where it would not arrive as it is. */
export function plainHeader(text: string): string {
  const isPlain = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/.test(text) &&
    !/^=\?base64\?.*\?=$/.test(text);
  return isPlain ? text : `=?base64?${toBase64(new TextEncoder().encode(text))}?=`;
}

function parameterHeadersOf(schema: JsonObject): ParameterHeader[] | string {
  const found: ParameterHeader[] = [];
  return collect(schema, [], found) ?? found;
}

/** @param path null where no chain of `properties` leads to the schema */
function collect(
  schema: JsonValue,
  path: readonly string[] | null,
  found: ParameterHeader[],
): string | null {
  if (Array.isArray(schema)) return first(schema, (one) => collect(one, null, found));
  if (!isJsonObject(schema)) return null;
  const annotation = memberOf(schema, ANNOTATION);
  if (annotation !== undefined) {
    if (path === null || path.length === 0) return `has ${ANNOTATION} where it may not stand`;
    const name = typeof annotation === "string" ? annotation.toLowerCase() : "";
    if (!TOKEN.test(name)) return `has a value of ${ANNOTATION} that is no name of a header`;
    if (!TYPES.includes(memberOf(schema, "type"))) {
      return `has ${ANNOTATION} at what is no string, integer or boolean`;
    }
    if (found.some((header) => header.name === name)) return `has ${ANNOTATION} ${name} twice`;
    found.push({ name, path });
  }
  return first(Object.entries(schema), ([keyword, value]) => {
    if (DATA.includes(keyword)) return null;
    if (!NAMED.includes(keyword) || !isJsonObject(value)) return collect(value, null, found);
    return first(Object.entries(value), ([name, one]) => {
      const isStep = keyword === "properties" && path !== null;
      return collect(one, isStep ? [...path, name] : null, found);
    });
  });
}

/** What the first element that has something to say says. */
function first<T>(all: readonly T[], says: (one: T) => string | null): string | null {
  for (const one of all) {
    const said = says(one);
    if (said !== null) return said;
  }
  return null;
}
