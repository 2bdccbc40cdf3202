import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  memberOf,
  pointerToken,
  valueAtPointer,
} from "../base/json.ts";

/**
 * A call's arguments beside what the tool's schema says of them, for people to read. The schema is
 * a stranger's: it is read here and never run.
 */

/** One value among a call's arguments, with what the tool's parameter schema says of it. */
export interface MarkedArgument {
  /** RFC 6901, into the arguments. */
  readonly pointer: string;
  /** The raw member name, or the index in an array. */
  readonly name: string;
  /** How many objects and arrays it lies in, the arguments themselves not counted. */
  readonly depth: number;
  readonly value: JsonValue;
  readonly title: string | null;
  readonly description: string | null;
  /** False for what the schema does not describe: nobody said what the tool does with it. */
  readonly inSchema: boolean;
  /** The schema's `format`, such as `date-time`. */
  readonly format: string | null;
  /** The values of `enum` or `const`. */
  readonly options: readonly JsonValue[] | null;
}

/**
 * Every value of a call's arguments in the order in which they came, an object or array before what
 * is in it, each with what the schema says of it. What only an absent or plain
 * `additionalProperties: true` lets through is not described. A null schema describes nothing.
 *
 * Reads the schema, and does not check by it: where branches (`anyOf`, `if`, …) describe a value
 * differently, the first one that says something is taken.
 *
 * @param matches whether a pattern of `patternProperties` fits a name; without it none does, for a
 * stranger's pattern is only to be run by what runs in linear time
 */
export function markedArguments(
  schema: JsonObject | null,
  args: JsonObject,
  matches: (pattern: string, name: string) => boolean = () => false,
): MarkedArgument[] {
  const reading = new SchemaReading(schema ?? true, matches);
  const marked: MarkedArgument[] = [];
  const walk = (value: JsonValue, schemas: readonly JsonValue[], at: string, depth: number) => {
    const members: [string, JsonValue][] = Array.isArray(value)
      ? value.map((item, index) => [String(index), item])
      : isJsonObject(value)
      ? Object.entries(value)
      : [];
    for (const [name, member] of members) {
      const pointer = `${at}/${pointerToken(name)}`;
      const found = Array.isArray(value)
        ? reading.ofItem(schemas, Number(name))
        : reading.ofMember(schemas, name);
      marked.push({ pointer, name, depth, value: member, ...described(reading, found) });
      walk(member, found, pointer, depth + 1);
    }
  };
  walk(args, [schema ?? true], "", 0);
  return marked;
}

function described(
  reading: SchemaReading,
  schemas: readonly JsonValue[],
): Pick<MarkedArgument, "title" | "description" | "inSchema" | "format" | "options"> {
  const text = (keyword: string) => {
    const value = reading.first(schemas, keyword, (found) => typeof found === "string");
    return typeof value === "string" ? value : null;
  };
  const listed = reading.first(schemas, "enum", Array.isArray);
  const constant = reading.first(schemas, "const", () => true);
  return {
    title: text("title"),
    description: text("description"),
    inSchema: schemas.length > 0,
    format: text("format"),
    options: Array.isArray(listed) ? listed : constant === undefined ? null : [constant],
  };
}

/** Keywords whose subschemas speak of the same value as the schema that they stand in. */
const BESIDE = ["allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas"] as const;

/** More schemas than this of one value are not looked at: a page must end, whatever it is given. */
const MAX_SCHEMAS = 64;

/**
 * What a parameter schema says of the places in arguments, without checking them by it. A value is
 * described by a list of subschemas; an empty list is a value that the schema does not describe.
 */
class SchemaReading {
  readonly #all = new Map<JsonValue, readonly JsonObject[]>();

  constructor(
    readonly root: JsonValue,
    readonly matches: (pattern: string, name: string) => boolean,
  ) {}

  /** The subschemas that describe a member of an object that these describe. */
  ofMember(schemas: readonly JsonValue[], name: string): JsonValue[] {
    return this.#objects(schemas).flatMap((schema) => {
      const found: JsonValue[] = [];
      const named = memberOf(memberOf(schema, "properties"), name);
      if (named !== undefined) found.push(named);
      for (const [pattern, subschema] of entriesOf(memberOf(schema, "patternProperties"))) {
        if (this.matches(pattern, name)) found.push(subschema);
      }
      if (found.length > 0) return found;
      return saying(
        memberOf(schema, "additionalProperties"),
        memberOf(schema, "unevaluatedProperties"),
      );
    });
  }

  /** The subschemas that describe an element of an array that these describe. */
  ofItem(schemas: readonly JsonValue[], index: number): JsonValue[] {
    return this.#objects(schemas).flatMap((schema) => {
      const items = memberOf(schema, "items");
      // Draft-07 lists the first elements under `items`, 2020-12 under `prefixItems`.
      const prefix = Array.isArray(items) ? items : memberOf(schema, "prefixItems");
      const placed = Array.isArray(prefix) ? prefix[index] : undefined;
      if (placed !== undefined) return [placed];
      return Array.isArray(items)
        ? saying(memberOf(schema, "additionalItems"))
        : saying(items, memberOf(schema, "unevaluatedItems"));
    });
  }

  /** The first value of a keyword in these subschemas, and those they refer to, that is of use. */
  first(
    schemas: readonly JsonValue[],
    keyword: string,
    isUseful: (value: JsonValue) => boolean,
  ): JsonValue | undefined {
    for (const schema of this.#objects(schemas)) {
      const value = memberOf(schema, keyword);
      if (value !== undefined && isUseful(value)) return value;
    }
    return undefined;
  }

  /** These subschemas with all that they say beside themselves: references, branches. */
  #objects(schemas: readonly JsonValue[]): readonly JsonObject[] {
    const found = new Set<JsonObject>();
    for (const schema of schemas) {
      for (const one of this.#expanded(schema)) {
        if (found.size < MAX_SCHEMAS) found.add(one);
      }
    }
    return [...found];
  }

  #expanded(schema: JsonValue): readonly JsonObject[] {
    const known = this.#all.get(schema);
    if (known !== undefined) return known;
    const found = new Set<JsonObject>();
    const queue = [schema];
    for (const next of queue) {
      if (!isJsonObject(next) || found.has(next) || found.size === MAX_SCHEMAS) continue;
      found.add(next);
      for (const keyword of ["$ref", "$dynamicRef"]) {
        const target = this.#referred(memberOf(next, keyword));
        if (target !== undefined) queue.push(target);
      }
      for (const keyword of BESIDE) {
        const beside = memberOf(next, keyword);
        if (Array.isArray(beside)) queue.push(...beside);
        else if (keyword === "dependentSchemas") queue.push(...entriesOf(beside).map(([, s]) => s));
        else if (beside !== undefined) queue.push(beside);
      }
    }
    const all = [...found];
    this.#all.set(schema, all);
    return all;
  }

  /** The subschema that a reference into this document means: by pointer, or by anchor. */
  #referred(reference: JsonValue | undefined): JsonValue | undefined {
    if (typeof reference !== "string" || !reference.startsWith("#")) return undefined;
    const fragment = decoded(reference.slice(1));
    if (fragment === "" || fragment.startsWith("/")) return valueAtPointer(this.root, fragment);
    return this.#anchored(fragment);
  }

  /** The subschema that has this anchor; anywhere, for which places hold schemas matters little. */
  #anchored(name: string): JsonValue | undefined {
    const queue: JsonValue[] = [this.root];
    for (const next of queue) {
      if (typeof next !== "object" || next === null) continue;
      if (isJsonObject(next)) {
        const anchors = [memberOf(next, "$anchor"), memberOf(next, "$dynamicAnchor")];
        if (anchors.includes(name) || memberOf(next, "$id") === `#${name}`) return next;
      }
      queue.push(...Object.values(next));
    }
    return undefined;
  }
}

/** Those of some subschemas that say something; true, false and nothing do not. */
function saying(...schemas: (JsonValue | undefined)[]): JsonValue[] {
  return schemas.filter((schema) => isJsonObject(schema));
}

function entriesOf(value: JsonValue | undefined): [string, JsonValue][] {
  return isJsonObject(value) ? Object.entries(value) : [];
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}
