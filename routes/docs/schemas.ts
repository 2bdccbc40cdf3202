import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/json/json_value.ts";

/** The schema or response that a `$ref` into the document stands for; itself without one. */
export function resolved(value: JsonObject, document: JsonObject): JsonObject {
  const { $ref, ...beside } = value;
  if (typeof $ref !== "string") return value;
  let found: JsonValue = document;
  for (const part of $ref.slice(2).split("/")) {
    found = isJsonObject(found) ? found[part] ?? {} : {};
  }
  return isJsonObject(found) ? { ...found, ...beside } : {};
}

/** A schema's type in a few words: `integer 1 to 200`, `string or null`, `"asc" | "desc"`. */
export function typeName(schema: JsonObject): string {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(alternatives)) {
    const names = alternatives.filter(isJsonObject).map(typeName);
    return [...new Set(names)].join(" or ");
  }
  if (Array.isArray(schema.enum)) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (typeof schema.$ref === "string") return schema.$ref.split("/").at(-1) ?? "";
  if (schema.type === "array") {
    return `list of ${isJsonObject(schema.items) ? typeName(schema.items) : "any"}`;
  }
  const name = typeof schema.type === "string" ? schema.type : "any";
  const [least, most] = name === "string"
    ? [undefined, schema.maxLength]
    : [schema.minimum, schema.maximum];
  if (typeof most !== "number" || Math.abs(most) >= Number.MAX_SAFE_INTEGER) return name;
  return typeof least === "number" ? `${name} ${least} to ${most}` : `${name} to ${most}`;
}

/** Values that read better in an example than a bare type would. */
const BY_NAME: Readonly<Record<string, JsonValue>> = {
  tool_name: "restart_service",
  tenant_id: "acme",
  resource_id: "server-prod-01",
  method: "POST",
  reason: "Worker queue is stuck",
  permission: "requires_approval",
  decision: "approve",
  decided_by: "owner@example.com",
  email: "approver@example.com",
  name: "example",
  selector: { tool_name: "restart_service" },
  execution_result: "success",
  token: "cs_run_…",
  org_id: "$ORG",
  id: "$ID",
};

/** A value that fits a schema: its own example or default, else required members only. */
export function exampleOf(name: string, given: JsonObject, document: JsonObject): JsonValue {
  const schema = resolved(given, document);
  if (Array.isArray(schema.examples) && schema.examples[0] !== undefined) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  const byName = BY_NAME[name];
  if (Array.isArray(schema.enum)) {
    return byName !== undefined && schema.enum.includes(byName) ? byName : schema.enum[0] ?? null;
  }
  if (byName !== undefined) return byName;
  if (isJsonObject(schema.properties)) {
    const required = Array.isArray(schema.required) ? schema.required.map(String) : [];
    const { properties } = schema;
    return Object.fromEntries(required.map((member) => {
      const inner = properties[member];
      return [member, exampleOf(member, isJsonObject(inner) ? inner : {}, document)];
    }));
  }
  if (schema.default !== undefined) return schema.default;
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(alternatives) && isJsonObject(alternatives[0])) {
    return exampleOf(name, alternatives[0], document);
  }
  switch (schema.type) {
    case "object":
      return {};
    case "array":
      return isJsonObject(schema.items) ? [exampleOf("", schema.items, document)] : [];
    case "integer":
    case "number":
      return typeof schema.minimum === "number" ? Math.max(schema.minimum, 0) : 0;
    case "boolean":
      return false;
    case "null":
      return null;
    default:
      return "…";
  }
}
