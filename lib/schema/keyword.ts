import type { JsonValue } from "../base/json.ts";
import type { Check, SchemaNode } from "./evaluation.ts";
import type { LinearPattern } from "./pattern.ts";

/**
 * What a keyword is to the preparation of a schema: a name, a form that is checked once, and a
 * check that it is bound to.
 */

export type Token = string | number;

/** What a keyword sees of the schema that it stands in while that schema is prepared. */
export interface KeywordSite {
  /** True when the root declares draft-07. */
  readonly draft07: boolean;
  /** The value of a keyword of this schema, never an inherited one. */
  own(keyword: string): JsonValue | undefined;
  /** Prepares a subschema found at `tokens` below this schema. */
  subschema(value: JsonValue, tokens: readonly Token[]): SchemaNode;
  /** Compiles a pattern; null when it was refused. */
  pattern(source: string, tokens: readonly Token[]): LinearPattern | null;
  /** Resolves a reference once the whole schema is known. */
  reference(reference: string, tokens: readonly Token[], found: (target: SchemaNode) => void): void;
  /** Records that the schema is refused; returns null so that a builder can end with it. */
  refuse(tokens: readonly Token[], message: string): null;
}

/** A keyword, or several that act together: present when the schema has any of `names`. */
export interface Keyword {
  readonly names: readonly [string, ...string[]];
  /** Checks the form of the keyword's value and binds it. Null when there is nothing to check. */
  build(site: KeywordSite): Check | null;
  /** Runs after all others, on what they left unevaluated. */
  readonly late?: true;
}

/** The keyword's value as a non-negative integer, undefined when absent or refused. */
export function countOf(site: KeywordSite, name: string): number | undefined {
  const value = site.own(name);
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  site.refuse([name], `is ${describe(value)}, expected a whole number of 0 or more`);
  return undefined;
}

/** The keyword's value as a list of strings, null when absent or refused. */
export function namesOf(
  site: KeywordSite,
  value: JsonValue | undefined,
  tokens: readonly Token[],
): string[] | null {
  if (value === undefined) return null;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  return site.refuse(tokens, `is ${describe(value)}, expected an array of property names`);
}

/** The members of a keyword's object value; none when absent or refused. */
export function membersOf(site: KeywordSite, name: string): [string, JsonValue][] {
  const value = site.own(name);
  if (value === undefined) return [];
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value);
  }
  site.refuse([name], `is ${describe(value)}, expected an object`);
  return [];
}

/** The schemas of a keyword's array value; none when absent or refused. */
export function schemasOf(site: KeywordSite, name: string): SchemaNode[] {
  const value = site.own(name);
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length > 0) {
    return value.map((item, i) => site.subschema(item, [name, i]));
  }
  site.refuse([name], `is ${describe(value)}, expected a non-empty array of schemas`);
  return [];
}

/** The schema that is a keyword's value, null when absent. */
export function schemaOf(site: KeywordSite, name: string): SchemaNode | null {
  const value = site.own(name);
  return value === undefined ? null : site.subschema(value, [name]);
}

/** The JSON type of a value with its article, for messages. */
export function describe(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}
