import { pointerToken } from "../json/json_pointer.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";
import { SchemaReading } from "../sheet/arguments.ts";

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
