import type { JsonValue } from "../../json/json_value.ts";
import { describe, type Keyword, membersOf } from "../../schema/keyword.ts";

/** Keywords that check nothing in the arguments; only their form is checked. */

function annotation(name: string, expected: string, fits: (value: JsonValue) => boolean): Keyword {
  return {
    names: [name],
    build(site) {
      const value = site.own(name)!;
      return fits(value)
        ? null
        : site.refuse([name], `is ${describe(value)}, expected ${expected}`);
    },
  };
}

const TEXTS = [
  "title",
  "description",
  "$comment",
  "format",
  "contentEncoding",
  "contentMediaType",
];

const FLAGS = ["deprecated", "readOnly", "writeOnly"];

function definitions(name: string): Keyword {
  return {
    names: [name],
    build(site) {
      for (const [key, schema] of membersOf(site, name)) site.subschema(schema, [name, key]);
      return null;
    },
  };
}

/** Draft 2019-09's recursive reference: ignoring it would let everything through where it stands. */
const recursiveReference: Keyword = {
  names: ["$recursiveRef"],
  build: (site) => site.refuse(["$recursiveRef"], "is of draft 2019-09; use $ref or $dynamicRef"),
};

export const ANNOTATION_KEYWORDS: readonly Keyword[] = [
  ...TEXTS.map((name) => annotation(name, "a string", (value) => typeof value === "string")),
  ...FLAGS.map((name) => annotation(name, "true or false", (value) => typeof value === "boolean")),
  annotation("examples", "an array", (value) => Array.isArray(value)),
  definitions("$defs"),
  definitions("definitions"),
  recursiveReference,
];
