import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";

/**
 * Collects JSON Schemas under names, equal ones under one name, for `#/components/schemas/…`.
 * What zod writes into `$defs` of a single schema moves there as well.
 */
export class SchemaComponents {
  readonly #byName = new Map<string, JsonObject>();
  readonly #nameOf = new Map<string, string>();

  /** The schemas by name, in the order of their first use. */
  get all(): JsonObject {
    return Object.fromEntries(this.#byName);
  }

  /** Puts a schema under a name, or finds its equal, and returns the reference to it. */
  put(name: string, schema: JsonObject): JsonObject {
    const text = JSON.stringify(schema);
    let known = this.#nameOf.get(text);
    if (known === undefined) {
      known = this.#freeName(name);
      this.#nameOf.set(text, known);
      this.#byName.set(known, schema);
    }
    return reference(known);
  }

  /** The reference to what a zod schema takes (`input`) or gives (`output`). */
  putZod(name: string, type: z.ZodType, io: "input" | "output"): JsonObject {
    return this.put(name, this.inline(name, type, io));
  }

  /** The JSON Schema of a zod schema; what it shares inside itself becomes components. */
  inline(name: string, type: z.ZodType, io: "input" | "output"): JsonObject {
    const { $schema: _, $defs, ...schema } = z.toJSONSchema(type, {
      io,
      unrepresentable: "any",
    }) as JsonObject;
    const definitions = isJsonObject($defs) ? Object.entries($defs) : [];
    const recursive = JSON.stringify([schema, $defs ?? null]).includes('"$ref":"#"');
    const self = recursive ? this.#freeName(name) : null;
    const names = new Map<string, string>();
    const fresh = new Set<string>();
    for (const [local, definition] of definitions) {
      // Equal to one of before when it is so with its own name left out: it may refer to itself.
      const text = JSON.stringify(definition).replaceAll(`"#/$defs/${local}"`, '"#/$defs/self"');
      const known = this.#nameOf.get(text);
      const chosen = known ?? this.#freeName(local.startsWith("__") ? "Value" : local, names);
      names.set(local, chosen);
      if (known !== undefined) continue;
      fresh.add(local);
      this.#nameOf.set(text, chosen);
    }
    const point = (ref: string): string =>
      ref === "#"
        ? `#/components/schemas/${self}`
        : `#/components/schemas/${names.get(ref.replace("#/$defs/", "")) ?? ref}`;
    for (const [local, definition] of definitions) {
      const target = names.get(local);
      if (target === undefined || !fresh.has(local) || !isJsonObject(definition)) continue;
      this.#byName.set(target, withReferences(definition, point) as JsonObject);
    }
    const whole = withReferences(schema, point) as JsonObject;
    if (self === null) return whole;
    this.#byName.set(self, whole);
    return reference(self);
  }

  #freeName(wanted: string, taken: ReadonlyMap<string, string> = new Map()): string {
    const used = new Set([...this.#byName.keys(), ...taken.values()]);
    let name = wanted;
    for (let i = 2; used.has(name); i++) name = `${wanted}${i}`;
    return name;
  }
}

function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

function withReferences(value: JsonValue, point: (ref: string) => string): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withReferences(item, point));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === "$ref" && typeof member === "string" ? point(member) : withReferences(member, point),
    ]),
  );
}

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
