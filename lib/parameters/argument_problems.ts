import type { JsonObject } from "../json/json_value.ts";
import { preparedSchema } from "../schema/check.ts";
import { Evaluation, TooComplexError } from "../schema/evaluation.ts";
import type { ParameterProblem } from "./location.ts";

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
