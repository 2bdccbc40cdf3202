import type { JsonValue } from "../base/json.ts";
import { type Check, cut, JsonValueSet } from "./evaluation.ts";
import { countOf, describe, type Keyword, type KeywordSite, membersOf } from "./keyword.ts";

/**
 * Keywords that look at a single value: its type, its number, its text; and annotations, which check
 * nothing in the arguments, so that only their own form is checked.
 */

const TYPES = ["null", "boolean", "object", "array", "number", "integer", "string"];

function isType(value: JsonValue, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return describe(value) === `a ${type}`;
  }
}

/** Of a single type, as most schemas are. */
function oneType(name: string): Check {
  return (value, run, at) =>
    isType(value, name) || run.report(at, `is ${describe(value)}, expected ${name}`);
}

const type: Keyword = {
  names: ["type"],
  build(site) {
    const value = site.own("type")!;
    if (typeof value === "string" && TYPES.includes(value)) return oneType(value);
    const types = Array.isArray(value) ? value : [value];
    const known = types.filter((name) => typeof name === "string").filter((n) => TYPES.includes(n));
    if (known.length === 0 || known.length < types.length || new Set(known).size < known.length) {
      return site.refuse(["type"], `is not one or several different of ${TYPES.join(", ")}`);
    }
    const expected = known.join(" or ");
    return (value, run, at) =>
      known.some((name) => isType(value, name)) ||
      run.report(at, `is ${describe(value)}, expected ${expected}`);
  },
};

const enumeration: Keyword = {
  names: ["enum"],
  build(site) {
    const values = site.own("enum")!;
    if (!Array.isArray(values)) {
      return site.refuse(["enum"], `is ${describe(values)}, expected an array`);
    }
    // Made at the first call: most schemas are only looked at when they are stored.
    let set: JsonValueSet | null = null;
    return (value, run, at) =>
      (set ??= setOf(values)).has(value, run.spendCharacters) ||
      run.report(at, () => `is not one of ${cut(JSON.stringify(values), 200)}`);
  },
};

function setOf(values: readonly JsonValue[]): JsonValueSet {
  const set = new JsonValueSet();
  for (const value of values) set.add(value, () => {});
  return set;
}

const constant: Keyword = {
  names: ["const"],
  build(site) {
    const expected = site.own("const")!;
    const set = new JsonValueSet();
    set.add(expected, () => {});
    const shown = cut(JSON.stringify(expected), 200);
    return (value, run, at) =>
      set.has(value, run.spendCharacters) || run.report(at, `is not ${shown}`);
  },
};

function bound(name: string, words: string, holds: (value: number, limit: number) => boolean) {
  return {
    names: [name],
    build(site: KeywordSite) {
      const limit = site.own(name)!;
      if (typeof limit !== "number") {
        return site.refuse([name], `is ${describe(limit)}, expected a number`);
      }
      return (value, run, at) =>
        typeof value !== "number" || holds(value, limit) ||
        run.report(at, `is ${value}, expected ${words} ${limit}`);
    },
  } satisfies Keyword;
}

/** A finite number as an integer and a power of ten, exactly as it prints. */
function decimal(value: number): { digits: bigint; exponent: number } {
  const [mantissa = "0", power = "0"] = Math.abs(value).toString().split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return { digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length };
}

/** Decimal arithmetic: 0.3 is a multiple of 0.1, although the floating-point remainder is not 0. */
function isMultiple(value: number, divisor: number): boolean {
  const a = decimal(value);
  const b = decimal(divisor);
  const shift = a.exponent - b.exponent;
  return shift >= 0
    ? (a.digits * 10n ** BigInt(shift)) % b.digits === 0n
    : a.digits % (b.digits * 10n ** BigInt(-shift)) === 0n;
}

const multipleOf: Keyword = {
  names: ["multipleOf"],
  build(site) {
    const divisor = site.own("multipleOf")!;
    if (typeof divisor !== "number" || divisor <= 0) {
      return site.refuse(["multipleOf"], "is not a number greater than 0");
    }
    return (value, run, at) =>
      typeof value !== "number" || isMultiple(value, divisor) ||
      run.report(at, `is ${value}, expected a multiple of ${divisor}`);
  },
};

/** Characters as JSON Schema counts them: code points. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

const length: Keyword = {
  names: ["minLength", "maxLength"],
  build(site) {
    const min = countOf(site, "minLength") ?? 0;
    const max = countOf(site, "maxLength") ?? Infinity;
    return (value, run, at) => {
      if (typeof value !== "string") return true;
      run.spendCharacters(value.length);
      const count = characters(value);
      if (count < min) return run.report(at, `has ${count} characters, expected at least ${min}`);
      if (count > max) return run.report(at, `has ${count} characters, expected at most ${max}`);
      return true;
    };
  },
};

const pattern: Keyword = {
  names: ["pattern"],
  build(site) {
    const source = site.own("pattern")!;
    if (typeof source !== "string") {
      return site.refuse(["pattern"], `is ${describe(source)}, expected a string`);
    }
    const compiled = site.pattern(source, ["pattern"]);
    if (compiled === null) return null;
    const shown = cut(source, 200);
    return (value, run, at) =>
      typeof value !== "string" || run.matches(compiled, value) ||
      run.report(at, `does not match the pattern ${shown}`);
  },
};

export const VALUE_KEYWORDS: readonly Keyword[] = [
  type,
  enumeration,
  constant,
  bound("minimum", "at least", (value, limit) => value >= limit),
  bound("maximum", "at most", (value, limit) => value <= limit),
  bound("exclusiveMinimum", "more than", (value, limit) => value > limit),
  bound("exclusiveMaximum", "less than", (value, limit) => value < limit),
  multipleOf,
  length,
  pattern,
];

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
