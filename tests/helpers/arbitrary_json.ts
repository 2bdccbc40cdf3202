import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";

const name = fc.oneof(
  fc.string({ unit: "binary", maxLength: 5 }),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toJSON",
    "10",
    "9",
    "a/b",
    "~",
    "",
    "€",
    "😀",
    "\ufb33",
  ),
);

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
);

/** An object with exactly these own members; assignment would lose `__proto__`. */
export function objectOf(entries: readonly (readonly [string, JsonValue])[]): JsonObject {
  const object: JsonObject = {};
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}

const tied = fc.letrec<{ value: JsonValue; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), number, fc.string({ unit: "binary" })),
    fc.array(tie("value"), { maxLength: 5 }),
    tie("object"),
  ),
  object: fc.uniqueArray(fc.tuple(name, tie("value")), { selector: ([key]) => key, maxLength: 30 })
    .map(objectOf),
}));

/** JSON values with awkward member names, astral characters and every kind of double. */
export const jsonValue: fc.Arbitrary<JsonValue> = tied.value;

/** Objects of such values. */
export const jsonObject: fc.Arbitrary<JsonObject> = tied.object;

/** The same value with every object's members the other way round. */
export function reversed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return objectOf(Object.entries(value).reverse().map(([key, member]) => [key, reversed(member)]));
}
