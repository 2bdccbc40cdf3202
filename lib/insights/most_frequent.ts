import { canonicalJson } from "../base/canonical.ts";
import type { JsonValue } from "../json/json_value.ts";

/**
 * The value that occurs most often, told apart by a name for each, as it occurs first, and how
 * often. Of several equally frequent ones the one whose name sorts first, so that the same facts
 * give the same answer in any order.
 */
export function mostFrequent<T>(
  values: readonly T[],
  nameOf: (value: T) => JsonValue,
): { readonly value: T; readonly count: number } | null {
  const counts = new Map<string, { readonly value: T; count: number }>();
  for (const value of values) {
    const name = canonicalJson(nameOf(value));
    const known = counts.get(name);
    if (known === undefined) counts.set(name, { value, count: 1 });
    else known.count++;
  }
  const [first] = [...counts].sort(([a, of], [b, or]) => or.count - of.count || (a < b ? -1 : 1));
  return first?.[1] ?? null;
}
