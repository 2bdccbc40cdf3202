import { Buffer } from "node:buffer";
import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";

/**
 * Schemas of a document as JSON Schema 2020-12 with local `$defs`: what tools of the catalog have. A
 * schema that others refer to is read once, whatever number of operations it is a part of, and refers
 * to others by name instead of holding them, so that one that is a part of itself has an end.
 *
 * References are within the document (RFC 6901, as fragments). One that leads out of it is refused by
 * name: nothing is ever fetched.
 */

/** Which dialect the schemas of a document are in. */
export type Dialect = "3.0" | "3.1";

/** Most bytes of the schema of an operation's arguments, with room for what is around its parts. */
const MAX_BYTES = 31_000;

/**
 * How much of schemas is kept, until what is left is small enough: first words for people go, then what
 * is nested deepest, of which only the type is held to here, and the rest by the server.
 */
const TIERS = [
  { characters: 1000, extras: true, levels: Infinity },
  { characters: 160, extras: false, levels: Infinity },
  { characters: 0, extras: false, levels: Infinity },
  { characters: 0, extras: false, levels: 9 },
  { characters: 0, extras: false, levels: 6 },
  { characters: 0, extras: false, levels: 4 },
] as const;

type Tier = typeof TIERS[number];

/** How deep a schema nests: what reads it recurses as deep. */
const MAX_DEPTH = 40;

/** What holds schemas by name, in a list, and one of them. */
const MAPS = new Set(["properties", "patternProperties", "$defs", "dependentSchemas"]);

const LISTS = new Set(["allOf", "anyOf", "oneOf", "prefixItems"]);

const ONES = new Set([
  "items",
  "additionalProperties",
  "not",
  "contains",
  "if",
  "then",
  "else",
  "propertyNames",
  "unevaluatedItems",
  "unevaluatedProperties",
]);

/** What is kept as it stands. All other members say nothing of what is valid, and are left out. */
const KEPT = new Set([
  "type",
  "enum",
  "const",
  "multipleOf",
  "maximum",
  "exclusiveMaximum",
  "minimum",
  "exclusiveMinimum",
  "maxLength",
  "minLength",
  "pattern",
  "maxItems",
  "minItems",
  "uniqueItems",
  "maxContains",
  "minContains",
  "maxProperties",
  "minProperties",
  "required",
  "dependentRequired",
  "format",
  "contentEncoding",
]);

/** What is kept where there is room. */
const EXTRAS = new Set(["title", "default", "deprecated", "contentMediaType"]);

/** What would make references mean something else than they say. */
const REBASES = ["$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef"];

/** A schema as it was read, the names of those that it refers to, and its size. */
interface Read {
  readonly schema: JsonValue;
  readonly refers: ReadonlySet<string>;
  readonly bytes: number;
}

/** The schemas of one document. */
export class Schemas {
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #read = TIERS.map(() => new Map<string, Read | Unusable>());

  constructor(readonly document: JsonObject, readonly dialect: Dialect) {}

  /**
   * The schema of an object with these members, and with all that they refer to under `$defs`: with
   * as much of what it says for people as there is room for.
   * @throws {Unusable}
   */
  objectOf(members: readonly ArgumentSchema[]): JsonObject {
    const required = members.filter((one) => one.required).map(({ name }) => name);
    for (const [at, tier] of TIERS.entries()) {
      const refers = new Set<string>();
      const properties = members.map(({ name, schema, description }) => {
        const own = this.#converted(schema, tier, refers, 0);
        const said = wordsOf(description, tier);
        const isSaid = said === "" || !isJsonObject(own) || Object.hasOwn(own, "description");
        return [name, isSaid ? own : { ...own, description: said }] as const;
      });
      const whole = this.#withDefinitions(at, refers, {
        type: "object",
        properties: Object.fromEntries(properties),
        ...(required.length === 0 ? {} : { required }),
        additionalProperties: false,
      });
      if (whole !== null) return whole;
    }
    throw new Unusable(`takes arguments whose schema is larger than ${MAX_BYTES} bytes`);
  }

  /** Null where it is too large. */
  #withDefinitions(
    at: number,
    refers: ReadonlySet<string>,
    root: JsonObject,
  ): JsonObject | null {
    let bytes = sizeOf(root);
    const definitions = new Map<string, JsonValue>();
    const queue = [...refers];
    for (const pointer of queue) {
      if (bytes > MAX_BYTES) return null;
      const name = this.#nameOf(pointer);
      if (definitions.has(name)) continue;
      const read = this.#definition(at, pointer);
      definitions.set(name, read.schema);
      bytes += read.bytes + name.length + 8;
      queue.push(...read.refers);
    }
    if (bytes > MAX_BYTES) return null;
    if (definitions.size === 0) return root;
    const sorted = [...definitions].sort(([a], [b]) => a < b ? -1 : 1);
    return { ...root, $defs: Object.fromEntries(sorted) };
  }

  #definition(at: number, pointer: string): Read {
    const read = this.#read[at]!.getOrInsertComputed(pointer, () => {
      try {
        const refers = new Set<string>();
        const { value } = referred(this.document, `#${encodeURI(pointer).replaceAll("#", "%23")}`);
        const schema = this.#converted(value, TIERS[at]!, refers, 0);
        return { schema, refers, bytes: sizeOf(schema) };
      } catch (error) {
        if (error instanceof Unusable) return error;
        throw error;
      }
    });
    if (read instanceof Unusable) throw read;
    return read;
  }

  /** What a schema is called under `$defs`: the last of its pointer, and no two alike. */
  #nameOf(pointer: string): string {
    return this.#names.getOrInsertComputed(pointer, () => {
      const last = pointer.slice(pointer.lastIndexOf("/") + 1).replace(/[^A-Za-z0-9_.-]/g, "_");
      const plain = last === "" || last === "__proto__" ? "schema" : last.slice(0, 80);
      let name = plain;
      for (let count = 2; this.#taken.has(name); count++) name = `${plain}_${count}`;
      this.#taken.add(name);
      return name;
    });
  }

  #converted(schema: JsonValue, tier: Tier, refers: Set<string>, depth: number): JsonValue {
    if (typeof schema === "boolean") return schema;
    if (!isJsonObject(schema)) throw new Unusable("has a schema that is none");
    if (depth > MAX_DEPTH) throw new Unusable(`has a schema of more than ${MAX_DEPTH} levels`);
    const rebases = REBASES.find((name) => Object.hasOwn(schema, name));
    if (rebases !== undefined) {
      throw new Unusable(`has a schema with ${rebases}, by which references mean something else`);
    }
    const reference = memberOf(schema, "$ref");
    if (reference !== undefined) {
      const { pointer } = referred(this.document, reference);
      refers.add(pointer);
      const local = { $ref: `#/$defs/${this.#nameOf(pointer)}` };
      // Before 3.1 what stands beside a reference is not read.
      if (this.dialect === "3.0") return local;
      const { $ref: _read, ...beside } = schema;
      return { ...this.#members(beside, tier, refers, depth), ...local };
    }
    const isDeepest = depth >= tier.levels;
    const read = isDeepest ? typeOf(schema) : schema;
    const converted = this.#members(read, tier, refers, depth);
    return this.dialect === "3.0" ? modern(schema, converted) : converted;
  }

  #members(
    schema: JsonObject,
    tier: Tier,
    refers: Set<string>,
    depth: number,
  ): JsonObject {
    const below = (one: JsonValue) => this.#converted(one, tier, refers, depth + 1);
    const out: [string, JsonValue][] = [];
    const hidden = new Set<string>();
    for (const [name, value] of Object.entries(schema)) {
      if (MAPS.has(name)) {
        if (!isJsonObject(value)) throw new Unusable(`has a schema whose ${name} are no object`);
        // What only answers have is not asked for (OpenAPI 3.0, "readOnly").
        const kept = Object.entries(value).filter(([member, one]) => {
          const isHidden = name === "properties" && memberOf(one, "readOnly") === true;
          if (isHidden) hidden.add(member);
          return !isHidden;
        });
        out.push([name, Object.fromEntries(kept.map(([member, one]) => [member, below(one)]))]);
      } else if (LISTS.has(name)) {
        if (!Array.isArray(value)) throw new Unusable(`has a schema whose ${name} is no list`);
        out.push([name, value.map(below)]);
      } else if (ONES.has(name)) out.push([name, below(value)]);
      else if (KEPT.has(name) || (tier.extras && EXTRAS.has(name))) out.push([name, value]);
      else if (name === "description") {
        const said = wordsOf(value, tier);
        if (said !== "") out.push([name, said]);
      }
    }
    return Object.fromEntries(out.map(([name, value]) => [
      name,
      name === "required" && Array.isArray(value)
        ? value.filter((one) => typeof one !== "string" || !hidden.has(one))
        : value,
    ]));
  }
}

/** One argument of an operation, as its document has it. */
export interface ArgumentSchema {
  readonly name: string;
  readonly schema: JsonValue;
  readonly description: JsonValue | undefined;
  readonly required: boolean;
}

function wordsOf(said: JsonValue | undefined, { characters }: Tier): string {
  if (typeof said !== "string" || characters === 0) return "";
  const text = said.toWellFormed();
  return text.length <= characters ? text : `${[...text].slice(0, characters - 1).join("")}…`;
}

/** What is left of a schema of which only the type is kept. */
function typeOf(schema: JsonObject): JsonObject {
  const type = memberOf(schema, "type");
  return type === undefined ? {} : { type };
}

function sizeOf(value: JsonValue): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** What 3.0 says in words of its own, said as later dialects say it. */
function modern(schema: JsonObject, converted: JsonObject): JsonValue {
  const out = { ...converted };
  for (const [name, limit] of [["exclusiveMinimum", "minimum"], ["exclusiveMaximum", "maximum"]]) {
    const isExclusive = memberOf(schema, name!);
    if (typeof isExclusive !== "boolean") continue;
    delete out[name!];
    const bound = memberOf(out, limit!);
    if (!isExclusive || bound === undefined) continue;
    out[name!] = bound;
    delete out[limit!];
  }
  if (memberOf(schema, "nullable") !== true) return out;
  const type = memberOf(out, "type");
  if (typeof type !== "string") return { anyOf: [out, { type: "null" }] };
  const values = memberOf(out, "enum");
  return {
    ...out,
    type: [type, "null"],
    ...(Array.isArray(values) && !values.includes(null) ? { enum: [...values, null] } : {}),
  };
}

/** Why a part of a document cannot be used. Its message completes "The operation …". */
export class Unusable extends Error {}

/** Most references of references. */
const MAX_CHAIN = 8;

/** What a reference means: where it leads, as its pointer. */
export function referred(document: JsonObject, reference: JsonValue): {
  readonly pointer: string;
  readonly value: JsonValue;
} {
  if (typeof reference !== "string" || !/^#(?:\/|$)/.test(reference)) {
    const said = typeof reference === "string" ? reference.slice(0, 200) : "something";
    throw new Unusable(
      `refers to ${JSON.stringify(said)}, which is not in the document: nothing is fetched`,
    );
  }
  const pointer = pointerOf(reference);
  let value: JsonValue | undefined = document;
  for (const part of pointer.split("/").slice(1)) {
    const token = part.replaceAll("~1", "/").replaceAll("~0", "~");
    value = Array.isArray(value)
      ? /^(?:0|[1-9][0-9]{0,9})$/.test(token) ? value[Number(token)] : undefined
      : memberOf(value, token);
  }
  if (value === undefined) {
    throw new Unusable(`refers to ${JSON.stringify(reference.slice(0, 200))}, which is nowhere`);
  }
  return { pointer, value };
}

function pointerOf(reference: string): string {
  try {
    return decodeURIComponent(reference.slice(1));
  } catch {
    throw new Unusable(`refers to ${JSON.stringify(reference.slice(0, 200))}, which is malformed`);
  }
}

/** The object that stands at a place, or that the reference there means. */
export function objectAt(document: JsonObject, place: JsonValue | undefined): JsonObject {
  let value = place;
  for (let chain = 0; chain < MAX_CHAIN; chain++) {
    if (!isJsonObject(value)) throw new Unusable("has a part that is no object");
    const reference = memberOf(value, "$ref");
    if (reference === undefined) return value;
    value = referred(document, reference).value;
  }
  throw new Unusable(`has references that refer to references more than ${MAX_CHAIN} times`);
}
