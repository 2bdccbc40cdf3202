import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  memberOf,
  pointerToken,
  pointerTokens,
  valueAtPointer,
} from "../base/json.ts";
import { linearPattern } from "../schema/pattern.ts";

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
  /** The members that the schema names for an object, in its order. */
  readonly members: readonly string[];
}

/** How a call's arguments are read: in which order, beside which words, and what is marked. */
export interface ArgumentsReading {
  /** Whether the schema says of any argument what it is. Else it is said once, and nothing is marked. */
  readonly described: boolean;
  /** Titles of the schema, by pointer. */
  readonly titles: ReadonlyMap<string, string>;
  /** The names of an object's members in the schema's order, by the object's pointer. */
  readonly order: ReadonlyMap<string, readonly string[]>;
  /** The outermost places that the schema does not describe, where it describes others. */
  readonly strangers: ReadonlySet<string>;
  /** What the last approved call had in a place where this one has something else. */
  readonly last: ReadonlyMap<string, JsonValue>;
  /** What the last approved call had and this one has not, by the pointer of what it was in. */
  readonly gone: ReadonlyMap<string, readonly (readonly [string, JsonValue])[]>;
}

/** One place in which a call's arguments differ from those of the last approved call. */
export interface ArgumentDifference {
  /** Into the arguments. */
  readonly pointer: string;
  readonly kind: "added" | "removed" | "changed";
  readonly before: JsonValue;
}

/** How arguments are read by the schema of their tool, beside the last call that was approved. */
export function readingOf(
  schema: JsonObject | null,
  args: JsonObject,
  differences: readonly ArgumentDifference[] = [],
): ArgumentsReading {
  const matches = patternReader();
  const reading = new SchemaReading(schema ?? true, matches);
  const root = schema === null ? [] : [schema];
  const described = reading.describesMembers(root);
  const marked = markedArguments(schema, args, matches);
  const outside = new Set(marked.flatMap(({ pointer, inSchema }) => inSchema ? [] : [pointer]));
  const strangers = [...outside].filter((pointer) => !outside.has(holderOf(pointer)));
  const gone = new Map<string, [string, JsonValue][]>();
  for (const { pointer, kind, before } of differences) {
    if (kind !== "removed") continue;
    const holder = holderOf(pointer);
    const member = [pointerTokens(pointer).at(-1) ?? "", before] as [string, JsonValue];
    gone.set(holder, [...gone.get(holder) ?? [], member]);
  }
  return {
    described,
    titles: new Map(marked.flatMap(({ pointer, title }) => title ? [[pointer, title]] : [])),
    order: new Map([
      ["", reading.members(root)],
      ...marked.map(({ pointer, members }) => [pointer, members] as const),
    ]),
    strangers: new Set(described ? strangers : []),
    last: new Map(
      differences.flatMap(({ pointer, kind, before }) =>
        kind === "changed" ? [[pointer, before] as const] : []
      ),
    ),
    gone,
  };
}

/** The names of a call's arguments in the order of the schema, `$ref` and branches looked through. */
export function argumentOrder(schema: JsonObject | null): readonly string[] {
  if (schema === null) return [];
  return new SchemaReading(schema, () => false).members([schema]);
}

/** Names longer than this fit no pattern: a page must end, whatever it is given. */
const MAX_NAME = 200;

/** Runs patterns of a schema in linear time, each compiled once. */
function patternReader(): (pattern: string, name: string) => boolean {
  const patterns = new Map<string, ReturnType<typeof linearPattern>>();
  return (source, name) => {
    if (name.length > MAX_NAME) return false;
    const pattern = patterns.get(source) ?? linearPattern(source);
    patterns.set(source, pattern);
    return typeof pattern !== "string" && pattern.test(name);
  };
}

/** The pointer of what holds the place of a pointer. */
function holderOf(pointer: string): string {
  return pointer.slice(0, pointer.lastIndexOf("/"));
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
): Omit<MarkedArgument, "pointer" | "name" | "depth" | "value"> {
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
    members: reading.members(schemas),
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

  /** The names of members that these name, in their order. */
  members(schemas: readonly JsonValue[]): string[] {
    const names = this.#objects(schemas).flatMap((schema) =>
      entriesOf(memberOf(schema, "properties")).map(([name]) => name)
    );
    return [...new Set(names)];
  }

  /** Whether these describe any member of an object. */
  describesMembers(schemas: readonly JsonValue[]): boolean {
    return this.#objects(schemas).some((schema) =>
      entriesOf(memberOf(schema, "properties")).length > 0 ||
      entriesOf(memberOf(schema, "patternProperties")).length > 0 ||
      saying(
          memberOf(schema, "additionalProperties"),
          memberOf(schema, "unevaluatedProperties"),
        ).length > 0
    );
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
