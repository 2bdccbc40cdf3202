import type { JsonObject, JsonValue } from "../json/json_value.ts";

/** An array or object: what does not compare by `===`. */
export function isComposite(value: JsonValue): value is JsonObject | JsonValue[] {
  return typeof value === "object" && value !== null;
}

/**
 * A text that two JSON values share exactly when JSON Schema calls them equal: the order of
 * members does not count, 1 and 1.0 are the same. `visit` is told of every value read and how many
 * characters it holds, so that the caller can bound the work by throwing.
 */
export function equalityKey(value: JsonValue, visit: (characters: number) => void): string {
  if (typeof value === "string") {
    visit(value.length);
    return JSON.stringify(value);
  }
  visit(1);
  if (!isComposite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.map((item) => equalityKey(item, visit)).join(",")}]`;
  }
  const members = Object.keys(value).sort().map((name) => {
    visit(name.length);
    return `${JSON.stringify(name)}:${equalityKey(value[name]!, visit)}`;
  });
  return `{${members.join(",")}}`;
}

/** A set of JSON values under JSON Schema equality. */
export class JsonValueSet {
  readonly #primitives = new Set<JsonValue>();
  readonly #composites = new Set<string>();

  /** Adds the value. Returns false when an equal one was there. */
  add(value: JsonValue, visit: (characters: number) => void): boolean {
    const set: Set<JsonValue> = isComposite(value) ? this.#composites : this.#primitives;
    const key = isComposite(value) ? equalityKey(value, visit) : value;
    if (set.has(key)) return false;
    set.add(key);
    return true;
  }

  /** Whether an equal value was added. */
  has(value: JsonValue, visit: (characters: number) => void): boolean {
    if (!isComposite(value)) return this.#primitives.has(value);
    return this.#composites.size > 0 && this.#composites.has(equalityKey(value, visit));
  }
}
