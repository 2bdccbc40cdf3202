import type { z } from "zod";

type Issue = z.core.$ZodRawIssue;

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
  null: "null",
};

/**
 * What is wrong with an input, in words that follow the name of its place; undefined where the
 * schema's own words serve.
 */
export function inputWords(issue: Issue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined
        ? "is required"
        : `must be ${kindOf(issue.expected)}, not ${given(issue.input)}`;
    case "invalid_value":
      return issue.input === undefined ? "is required" : `must be ${oneOf(issue.values)}`;
    case "too_small":
      return bound("at least", issue.origin, issue.minimum);
    case "too_big":
      return bound("at most", issue.origin, issue.maximum);
    case "unrecognized_keys":
      return `does not take ${
        issue.keys.slice(0, 10).map((key) => JSON.stringify(key)).join(", ")
      }`;
    default:
      return undefined;
  }
}

const kindOf = (expected: string): string => KINDS[expected] ?? expected;

/** The kind of a value, never the value: an answer repeats nothing that may be secret. */
function given(input: unknown): string {
  if (input === null) return "null";
  if (Array.isArray(input)) return "a list";
  if (typeof input === "number" && !Number.isInteger(input)) return "a fraction";
  return kindOf(typeof input);
}

function oneOf(values: readonly unknown[]): string {
  const named = values.map((value) => JSON.stringify(value));
  return named.length === 1 ? named.join() : `one of ${named.join(", ")}`;
}

function bound(side: "at least" | "at most", origin: string, limit: number | bigint): string {
  switch (origin) {
    case "string":
      return `must have ${side} ${limit} ${limit === 1 ? "character" : "characters"}`;
    case "array":
      return `must have ${side} ${limit} ${limit === 1 ? "item" : "items"}`;
    default:
      return `must be ${side} ${limit}`;
  }
}
