import { isJsonObject, type JsonObject, type JsonValue } from "../lib/json/json_value.ts";

/**
 * The schema of a member or element of what `schema` describes, where it says so by `properties`,
 * `prefixItems`, `items` or a `$ref` into its own document; else null. Only for showing titles: it
 * decides nothing.
 */
export function schemaOf(
  root: JsonObject,
  schema: JsonObject | null,
  part: string | number,
): JsonObject | null {
  const here = schema === null ? null : resolved(root, schema);
  if (here === null) return null;
  if (typeof part === "string") return resolved(root, own(here["properties"], part));
  const prefix = here["prefixItems"];
  const element = Array.isArray(prefix) && part < prefix.length ? prefix[part] : here["items"];
  return resolved(root, element);
}

/** The title of a schema, or null. */
export function schemaTitle(schema: JsonObject | null): string | null {
  const title = schema?.["title"];
  return typeof title === "string" && title !== "" ? title : null;
}

function resolved(root: JsonObject, schema: JsonValue | undefined): JsonObject | null {
  if (!isJsonObject(schema)) return null;
  const reference = schema["$ref"];
  if (typeof reference !== "string" || !reference.startsWith("#/")) return schema;
  let target: JsonValue | undefined = root;
  for (const token of reference.slice(2).split("/")) {
    target = own(target, token.replaceAll("~1", "/").replaceAll("~0", "~"));
  }
  return isJsonObject(target) ? target : null;
}

function own(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
