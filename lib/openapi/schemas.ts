import { Buffer } from "node:buffer";
import { canonicalForm } from "../base/canonical.ts";
import { isDeeper, isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";
import { NoRoom, Room } from "./room.ts";

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
export const MAX_BYTES = 31_000;

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

/** The same of a value in it that stands as it is, such as a default. */
const MAX_VALUE_DEPTH = 64;

/**
 * What is kept of a member of a schema, by its name: schemas by name, a list of them, one of them, the
 * value as it stands, the same where there is room, words as far as there is room. All other members
 * say nothing of what is valid, and are left out.
 */
const KEPT: ReadonlyMap<string, "map" | "list" | "one" | "value" | "extra" | "words"> = new Map([
  ...["properties", "patternProperties", "$defs", "dependentSchemas"]
    .map((name) => [name, "map"] as const),
  ...["allOf", "anyOf", "oneOf", "prefixItems"].map((name) => [name, "list"] as const),
  ...[
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
  ].map((name) => [name, "one"] as const),
  ...[
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
  ].map((name) => [name, "value"] as const),
  ...["title", "default", "deprecated", "contentMediaType"].map((name) => [name, "extra"] as const),
  ["description", "words"],
]);

/** What would make references mean something else than they say. */
const REBASES: ReadonlySet<string> = new Set([
  "$id",
  "$anchor",
  "$dynamicAnchor",
  "$dynamicRef",
  "$recursiveRef",
]);

/** A schema as it was read, and its text in RFC 8785 form. */
export interface ReadSchema<T extends JsonValue = JsonValue> {
  readonly value: T;
  readonly text: string;
}

/** One that others refer to, and the names of those that it refers to itself. */
interface Read extends ReadSchema {
  readonly refers: ReadonlySet<string>;
  readonly bytes: number;
}

/** What of a schema is kept, how much more there is room for, and what it was found to refer to. */
interface Into {
  readonly tier: Tier;
  readonly room: Room;
  readonly refers: Set<string>;
}

/** Why an operation with more of schemas than a tool may have is none. */
export const TOO_LARGE = `takes arguments whose schema is larger than ${MAX_BYTES} bytes`;

/** The schemas of one document. */
export class Schemas {
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();
  /** How many are called alike, so that none of the names before is looked for again. */
  readonly #alike = new Map<string, number>();
  readonly #read = TIERS.map(() => new Map<string, Read | Unusable | NoRoom>());

  constructor(readonly document: JsonObject, readonly dialect: Dialect) {}

  /**
   * The schema of an object with these members, and with all that they refer to under `$defs`: with
   * as much of what it says for people as there is room for.
   * @throws {Unusable}
   */
  objectOf(members: readonly ArgumentSchema[]): ReadSchema<JsonObject> {
    const required = members.filter((one) => one.required).map(({ name }) => name);
    for (const [at, tier] of TIERS.entries()) {
      try {
        const refers = new Set<string>();
        const room = new Room(MAX_BYTES);
        const properties = members.map(({ name, schema, description }) => {
          const own = this.#converted(schema, { tier, room, refers }, 0);
          const said = wordsOf(description, tier);
          const isSaid = said === "" || !isJsonObject(own) || Object.hasOwn(own, "description");
          const described = isSaid ? own : inOrder([...Object.entries(own), ["description", said]]);
          return [name, described] as const;
        });
        const whole = this.#withDefinitions(at, refers, {
          additionalProperties: false,
          properties: inOrder(properties),
          ...(required.length === 0 ? {} : { required }),
          type: "object",
        });
        if (whole !== null) return whole;
      } catch (error) {
        if (!(error instanceof NoRoom)) throw error;
      }
    }
    throw new Unusable(TOO_LARGE);
  }

  /** Null where it is too large. */
  #withDefinitions(
    at: number,
    refers: ReadonlySet<string>,
    made: JsonObject,
  ): ReadSchema<JsonObject> | null {
    const root = canonicalForm(made);
    let bytes = Buffer.byteLength(root.text);
    const definitions = new Map<string, Read>();
    const queue = [...refers];
    for (const pointer of queue) {
      if (bytes > MAX_BYTES) return null;
      const name = this.#nameOf(pointer);
      if (definitions.has(name)) continue;
      const read = this.#definition(at, pointer);
      definitions.set(name, read);
      bytes += read.bytes + name.length + 8;
      queue.push(...read.refers);
    }
    if (bytes > MAX_BYTES) return null;
    if (definitions.size === 0) return root;
    const named = [...definitions].sort(byName);
    const texts = named.map(([name, { text }]) => `${JSON.stringify(name)}:${text}`);
    return {
      value: {
        $defs: Object.fromEntries(named.map(([name, { value }]) => [name, value])),
        ...root.value,
      },
      // Its first member: all others begin with letters.
      text: `{"$defs":{${texts.join()}},${root.text.slice(1)}`,
    };
  }

  #definition(at: number, pointer: string): Read {
    const read = this.#read[at]!.getOrInsertComputed(pointer, () => {
      try {
        const refers = new Set<string>();
        const { value } = referred(this.document, `#${encodeURI(pointer).replaceAll("#", "%23")}`);
        const room = new Room(MAX_BYTES);
        const into = { tier: TIERS[at]!, room, refers };
        const schema = canonicalForm(this.#converted(value, into, 0));
        return { ...schema, refers, bytes: Buffer.byteLength(schema.text) };
      } catch (error) {
        if (error instanceof Unusable || error instanceof NoRoom) return error;
        throw error;
      }
    });
    if (read instanceof Unusable || read instanceof NoRoom) throw read;
    return read;
  }

  /** What a schema is called under `$defs`: the last of its pointer, and no two alike. */
  #nameOf(pointer: string): string {
    return this.#names.getOrInsertComputed(pointer, () => {
      const last = pointer.slice(pointer.lastIndexOf("/") + 1).replace(/[^A-Za-z0-9_.-]/g, "_");
      const plain = last === "" || last === "__proto__" ? "schema" : last.slice(0, 80);
      let name = plain;
      let count = this.#alike.get(plain) ?? 1;
      while (this.#taken.has(name)) name = `${plain}_${++count}`;
      this.#alike.set(plain, count);
      this.#taken.add(name);
      return name;
    });
  }

  #converted(schema: JsonValue, into: Into, depth: number): JsonValue {
    if (typeof schema === "boolean") return schema;
    if (!isJsonObject(schema)) throw new Unusable("has a schema that is none");
    if (depth > MAX_DEPTH) throw new Unusable(`has a schema of more than ${MAX_DEPTH} levels`);
    const { tier, room, refers } = into;
    assertNoRebase(schema, room);
    const reference = memberOf(schema, "$ref");
    if (reference !== undefined) {
      const { pointer } = referred(this.document, reference);
      refers.add(pointer);
      const local = { $ref: `#/$defs/${this.#nameOf(pointer)}` };
      // Before 3.1 what stands beside a reference is not read.
      if (this.dialect === "3.0") return local;
      const { $ref: _read, ...beside } = schema;
      return { ...local, ...this.#members(beside, into, depth) };
    }
    const isDeepest = depth >= tier.levels;
    const read = isDeepest ? typeOf(schema) : schema;
    const converted = this.#members(read, into, depth);
    return this.dialect === "3.0" ? modern(schema, converted) : converted;
  }

  #members(schema: JsonObject, into: Into, depth: number): JsonObject {
    const { tier, room } = into;
    const below = (one: JsonValue) => this.#converted(one, into, depth + 1);
    const out: JsonObject = {};
    let hidden: Set<JsonValue> | null = null;
    // In order, as `inOrder` has them.
    const names = Object.keys(schema);
    for (const name of areInOrder(names) ? names : names.sort()) {
      const value = schema[name]!;
      switch (KEPT.get(name)) {
        case "map": {
          if (!isJsonObject(value)) throw new Unusable(`has a schema whose ${name} are no object`);
          const names = room.names(value);
          const kept: JsonObject = {};
          // In the order of the document, by which those that it refers to are called.
          for (const member of names) {
            const one = value[member]!;
            room.take(member.length + 3);
            // What only answers have is not asked for (OpenAPI 3.0, "readOnly").
            if (name === "properties" && memberOf(one, "readOnly") === true) {
              (hidden ??= new Set()).add(member);
            } else if (member === "__proto__") {
              const how = { configurable: true, enumerable: true, writable: true };
              Object.defineProperty(kept, member, { value: below(one), ...how });
            } else kept[member] = below(one);
          }
          out[name] = areInOrder(names) ? kept : inOrder(Object.entries(kept));
          break;
        }
        case "list":
          if (!Array.isArray(value)) throw new Unusable(`has a schema whose ${name} is no list`);
          out[name] = value.map((one) => {
            room.take(1);
            return below(one);
          });
          break;
        case "one":
          out[name] = below(value);
          break;
        case "value":
          out[name] = shallow(value, room);
          break;
        case "extra":
          if (tier.extras) out[name] = shallow(value, room);
          break;
        case "words": {
          const said = wordsOf(value, tier);
          room.take(said.length);
          if (said !== "") out[name] = said;
        }
      }
    }
    return hidden === null ? out : withoutRequired(out, hidden);
  }
}

/** @throws {Unusable} for a schema in which references mean something else */
function assertNoRebase(schema: JsonObject, room: Room): void {
  for (const name of room.names(schema)) {
    if (!REBASES.has(name)) continue;
    throw new Unusable(`has a schema with ${name}, by which references mean something else`);
  }
}

/** A schema that requires none of these members. */
function withoutRequired(schema: JsonObject, hidden: ReadonlySet<JsonValue>): JsonObject {
  const { required } = schema;
  if (Array.isArray(required)) schema.required = required.filter((one) => !hidden.has(one));
  return schema;
}

/**
 * An object with its members in the order of RFC 8785, in which its text is made again and again: what
 * has it already is written by the native writer as it stands.
 */
export function inOrder<T>(members: (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(members.sort(byName));
}

/** Whether names are in that order, in which they mostly stand. */
function areInOrder(names: readonly string[]): boolean {
  for (let at = 1; at < names.length; at++) if (names[at - 1]! > names[at]!) return false;
  return true;
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A value that is kept as it stands. */
function shallow(value: JsonValue, room: Room): JsonValue {
  room.takeValue(value, MAX_VALUE_DEPTH);
  if (typeof value !== "object" || value === null || !isDeeper(value, MAX_VALUE_DEPTH)) {
    return value;
  }
  throw new Unusable(`has a schema with a value of more than ${MAX_VALUE_DEPTH} levels`);
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
  if (said.length <= characters) return said.toWellFormed();
  // Each character has two units at most.
  const text = said.slice(0, 2 * characters).toWellFormed();
  return `${[...text].slice(0, characters - 1).join("")}…`;
}

/** What is left of a schema of which only the type is kept. */
function typeOf(schema: JsonObject): JsonObject {
  const type = memberOf(schema, "type");
  return type === undefined ? {} : { type };
}

/** What says in 3.0 that a bound is not within. */
const EXCLUSIVE = [["exclusiveMinimum", "minimum"], ["exclusiveMaximum", "maximum"]] as const;

/** What 3.0 says in words of its own, said as later dialects say it. */
function modern(schema: JsonObject, converted: JsonObject): JsonValue {
  let out = converted;
  for (const [name, limit] of EXCLUSIVE) {
    const isExclusive = memberOf(schema, name);
    if (typeof isExclusive !== "boolean") continue;
    const { [name]: _said, [limit]: bound, ...rest } = out;
    if (bound === undefined) out = rest;
    else out = { ...rest, [isExclusive ? name : limit]: bound };
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
