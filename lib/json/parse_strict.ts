import { StrictScan } from "../base/strict_json.ts";
import type { JsonRefusal } from "./json_refusal.ts";
import type { JsonValue } from "./json_value.ts";

export type StrictJsonResult = { readonly ok: true; readonly value: JsonValue } | JsonRefusal;

/** How deep arrays and objects nest at most, where nothing else is said. */
export const DEFAULT_MAX_DEPTH = 64;

/**
 * Parses JSON that means the same to every reader, refusing the first place that would not.
 *
 * - `malformed_json`: not RFC 8259 JSON; the message names the position in UTF-16 units.
 * - `duplicate_key`: a member name twice in one object, compared after unescaping.
 * - `invalid_request`: a lone surrogate, a number that a double does not hold (see
 *   `numberProblem`), or arrays and objects nested deeper than `maxDepth` (64).
 *
 * `__proto__` and `constructor` are ordinary own members of the value. Takes time linear in the
 * text and never recurses.
 */
export function parseStrictJson(
  text: string,
  options: { readonly maxDepth?: number } = {},
): StrictJsonResult {
  const refusal = new StrictScan(text, options.maxDepth ?? DEFAULT_MAX_DEPTH).run();
  return refusal ?? { ok: true, value: JSON.parse(text) as JsonValue };
}
