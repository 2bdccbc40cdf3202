import { Buffer } from "node:buffer";
import { isDeeper, isJsonObject, type JsonObject } from "../base/json.ts";
import { Evaluation, type ParameterProblem, TooComplexError } from "./evaluation.ts";
import { type PreparedSchema, prepareSchema } from "./prepare.ts";

/**
 * The JSON Schema of tools' parameters: whether a schema can be stored, and whether a call's
 * arguments are what it says. Both come from strangers, so both are bounded: whatever is asked
 * ends, and what cannot be checked within its bounds is refused.
 */

/**
 * Validates the arguments of a call against a tool's `parameters`. Returns at most 20 problems,
 * each with a JSON Pointer into the arguments ("" for all of them); empty when they are valid.
 * `checkParameterSchema` says what of JSON Schema is covered.
 *
 * Never throws and always ends: every subschema applied, name looked up and character compared is
 * taken from a budget, and whatever cannot be checked within it (exponential `$ref` trees,
 * references that only lead back to themselves) is refused, as is an unusable schema. Messages
 * quote the schema and property names, never the values of the arguments except numbers.
 */
export function argumentProblems(schema: JsonObject, args: JsonObject): ParameterProblem[] {
  try {
    const { root, problems: [unusable] } = preparedSchema(schema);
    if (unusable !== undefined || root === null) {
      return [{
        path: "",
        message: "cannot be checked: the tool's parameter schema is not usable" +
          (unusable ? ` at "${unusable.path}", which ${unusable.message}` : ""),
      }];
    }
    const run = new Evaluation();
    const valid = run.evaluate(root, args, null, null);
    if (valid) return [];
    const problems = run.problems;
    return problems.length > 0
      ? problems
      : [{ path: "", message: "do not match the tool's parameter schema" }];
  } catch (error) {
    // RangeError is a stack that overflowed before the depth limit, with the same meaning.
    return error instanceof TooComplexError || error instanceof RangeError
      ? [{
        path: "",
        message: "are too complex to check against the tool's parameter schema; " +
          "send fewer or less nested values, or simplify the schema",
      }]
      : [{ path: "", message: "cannot be checked against the tool's parameter schema" }];
  }
}

export const MAX_SCHEMA_BYTES = 32 * 1024;

export const MAX_SCHEMA_DEPTH = 64;

/**
 * Checks a tool's `parameters` before they are stored. Returns what is wrong, at most 20 problems
 * with their place in the schema; empty when the schema can be used. Never throws.
 *
 * What of JSON Schema 2020-12 is covered:
 *
 * - Asserted: `type`, `enum`, `const`, the number, string, array and object keywords,
 *   `dependentRequired`, `dependentSchemas`, `prefixItems`, `items`, `contains` with its counts,
 *   `allOf`, `anyOf`, `oneOf`, `not`, `if`/`then`/`else`, `unevaluatedProperties`,
 *   `unevaluatedItems`, `$ref`, `$dynamicRef`, `$id`, `$anchor`, `$dynamicAnchor`, `$defs`.
 * - Annotations only: `format`, `contentEncoding`, `contentMediaType`, `contentSchema`, `default`,
 *   `examples`, `title` and the like. Unknown keywords are ignored, as the standard asks.
 * - References stay inside the schema and lead to a subschema; nothing is fetched. `$vocabulary`
 *   is ignored.
 * - Patterns are those of ECMA-262 with the flag "u", found anywhere in the text, in linear time and
 *   of bounded size: no back-references, and no look-around but look-aheads right after `^`.
 *   `multipleOf` is exact for decimals; lengths count code points.
 * - Draft-07 (`$schema`) is read as 2020-12, with its `definitions`, `dependencies`, tuples written
 *   as `items: […]` with `additionalItems`, and `$id: "#name"`; keywords beside `$ref` count.
 * - The root describes an object: `type` is absent or "object".
 *
 * @param bytes how long its JSON is, where that is known, of one that is known to be nested no deeper
 *   than `MAX_SCHEMA_DEPTH` levels
 */
export function checkParameterSchema(schema: JsonObject, bytes?: number): ParameterProblem[] {
  // Not remembered: of a thousand tools that are registered at once most are never called.
  return [...prepare(schema, bytes).problems];
}

const preparedSchemas = new WeakMap<JsonObject, PreparedSchema | Refused>();

interface Refused {
  readonly root: null;
  readonly problems: readonly ParameterProblem[];
}

/** The schema made ready, once for each schema object, which must not change afterwards. */
function preparedSchema(schema: JsonObject): PreparedSchema | Refused {
  let prepared = preparedSchemas.get(schema);
  if (prepared === undefined) {
    prepared = prepare(schema);
    preparedSchemas.set(schema, prepared);
  }
  return prepared;
}

function prepare(schema: JsonObject, bytes?: number): PreparedSchema | Refused {
  try {
    const outside = sizeProblem(schema, bytes) ?? rootProblem(schema);
    return outside === null ? prepareSchema(schema) : { root: null, problems: [outside] };
  } catch {
    return { root: null, problems: [{ path: "", message: "cannot be read as a JSON Schema" }] };
  }
}

function sizeProblem(schema: JsonObject, known?: number): ParameterProblem | null {
  // First of all: what follows recurses as deep as the schema does.
  if (known === undefined && isDeeper(schema, MAX_SCHEMA_DEPTH)) {
    return { path: "", message: `is nested deeper than ${MAX_SCHEMA_DEPTH} levels` };
  }
  const bytes = known ?? Buffer.byteLength(JSON.stringify(schema));
  return bytes <= MAX_SCHEMA_BYTES
    ? null
    : { path: "", message: `is ${bytes} bytes, at most ${MAX_SCHEMA_BYTES} are allowed` };
}

function rootProblem(schema: JsonObject): ParameterProblem | null {
  if (!isJsonObject(schema)) return { path: "", message: "is not an object" };
  const type = Object.hasOwn(schema, "type") ? schema["type"] : undefined;
  const types = Array.isArray(type) ? type : [type];
  if (type === undefined || (types.length === 1 && types[0] === "object")) return null;
  return {
    path: "/type",
    message: `is ${JSON.stringify(type)}, expected "object": the arguments of a call are an object`,
  };
}
