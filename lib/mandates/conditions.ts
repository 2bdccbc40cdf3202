import { isJsonObject, type JsonObject, type JsonValue, pointerTokens } from "../base/json.ts";
import {
  type Condition,
  type ConditionOp,
  type Scalar,
  SCOPE_DECISIONS,
  type ScopeDecision,
  type ScopeRule,
} from "../store/records/mandate.ts";

/**
 * Conditions of a mandate on the arguments of an action. They only tighten: a field that is absent, or
 * is not of the kind that its condition compares, counts as if the condition held. Pure.
 */

/** The stricter of two answers of scopes. */
export function stricterDecision(a: ScopeDecision, b: ScopeDecision): ScopeDecision {
  return SCOPE_DECISIONS.indexOf(a) >= SCOPE_DECISIONS.indexOf(b) ? a : b;
}

/** What a scope that says `decision` answers for these arguments, which its rules may tighten. */
export function tightened(
  decision: ScopeDecision,
  rules: readonly ScopeRule[],
  args: JsonObject,
): ScopeDecision {
  let strictest = decision;
  for (const rule of rules) {
    const isTighter = stricterDecision(strictest, rule.decision) !== strictest;
    if (isTighter && rule.when.some((condition) => holds(condition, args))) {
      strictest = rule.decision;
    }
  }
  return strictest;
}

/** All that a scope says to these arguments: its decision, and those of its rules that hold. */
export function decisionsOf(
  decision: ScopeDecision,
  rules: readonly ScopeRule[],
  args: JsonObject,
): ScopeDecision[] {
  const holding = rules.filter(({ when }) => when.some((condition) => holds(condition, args)));
  return [decision, ...holding.map((rule) => rule.decision)];
}

/** Whether a condition holds, or cannot be told not to. */
export function holds(condition: Condition, args: JsonObject): boolean {
  const { op, value } = condition;
  const actual = valueAt(args, condition);
  if (op === "exists") return (actual !== undefined) === value;
  if (actual === undefined) return true;
  switch (op) {
    case "eq":
      return mayEqual(actual, value);
    case "ne":
      return actual !== value;
    case "gt":
      return isOrdered(actual, value, (a, b) => a > b);
    case "gte":
      return isOrdered(actual, value, (a, b) => a >= b);
    case "lt":
      return isOrdered(actual, value, (a, b) => a < b);
    case "lte":
      return isOrdered(actual, value, (a, b) => a <= b);
    case "in":
      return listOf(value).some((one) => actual === one) ||
        listOf(value).every((one) => actual !== one && mayEqual(actual, one));
    case "not_in":
      return !listOf(value).some((one) => actual === one);
    case "contains_any":
      return !Array.isArray(actual) || listOf(value).some((one) => actual.includes(one));
    case "contains_none":
      return !Array.isArray(actual) || !listOf(value).some((one) => actual.includes(one));
    case "empty": {
      const size = sizeOf(actual);
      return size === null || (size === 0) === value;
    }
  }
}

/** What each operator compares with. */
const COMPARED_WITH: Readonly<Record<ConditionOp, "scalar" | "integer" | "list" | "boolean">> = {
  eq: "scalar",
  ne: "scalar",
  gt: "integer",
  gte: "integer",
  lt: "integer",
  lte: "integer",
  in: "list",
  not_in: "list",
  contains_any: "list",
  contains_none: "list",
  exists: "boolean",
  empty: "boolean",
};

/** What is wrong with a condition, as what follows its place in a message; null for nothing. */
export function conditionProblem({ field, op, value }: Condition): string | null {
  if (!/^(?:\/(?:[^~]|~[01])*)?$/.test(field)) {
    return 'has a field that is no JSON pointer, such as "/amount"';
  }
  const expected = COMPARED_WITH[op];
  const fits = expected === "list"
    ? Array.isArray(value) && value.length > 0
    : expected === "integer"
    ? Number.isSafeInteger(value)
    : expected === "boolean"
    ? typeof value === "boolean"
    : !Array.isArray(value);
  if (!fits) return `compares by ${op} with ${ARTICLED[expected]}`;
  const isExact = listOf(value).every((one) =>
    typeof one !== "number" || Number.isSafeInteger(one)
  );
  return isExact ? null : "compares with a number beyond 2^53 - 1, which is not exact";
}

const ARTICLED = {
  scalar: "a text, an integer, true, false or null",
  integer: "an integer within 2^53 - 1",
  list: "a list of texts, integers, true, false or null that is not empty",
  boolean: "true or false",
} as const;

function listOf(value: Condition["value"]): readonly Scalar[] {
  return Array.isArray(value) ? value : [value];
}

/** Whether two values are the same, or are of kinds that are not compared: `5` and `"5"`. */
function mayEqual(actual: JsonValue, value: Condition["value"]): boolean {
  if (actual === value) return true;
  return actual !== null && value !== null && typeof actual !== typeof value;
}

function isOrdered(
  actual: JsonValue,
  value: Condition["value"],
  compare: (a: number, b: number) => boolean,
): boolean {
  if (typeof actual !== "number" || typeof value !== "number") return true;
  return !Number.isSafeInteger(actual) || compare(actual, value);
}

/** How much is in a value; null for one that is no text, list or object. */
function sizeOf(value: JsonValue): number | null {
  if (value === null) return 0;
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return isJsonObject(value) ? Object.keys(value).length : null;
}

/** The names in the pointers of conditions, which are the same for every action. */
const names = new WeakMap<Condition, readonly string[]>();

function namesIn(condition: Condition): readonly string[] {
  const known = names.get(condition);
  if (known !== undefined) return known;
  const found = pointerTokens(condition.field);
  names.set(condition, found);
  return found;
}

/** The value that the JSON pointer (RFC 6901) of a condition leads to; undefined for nowhere. */
function valueAt(args: JsonObject, condition: Condition): JsonValue | undefined {
  let value: JsonValue | undefined = args;
  for (const name of namesIn(condition)) {
    if (Array.isArray(value)) {
      value = /^(?:0|[1-9][0-9]*)$/.test(name) ? value[Number(name)] : undefined;
    } else {
      value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    }
  }
  return value;
}
