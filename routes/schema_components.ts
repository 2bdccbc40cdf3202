import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../lib/json/json_value.ts";

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
