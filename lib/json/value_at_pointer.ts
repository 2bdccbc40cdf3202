import type { JsonObject, JsonValue } from "./json_value.ts";

/** The tokens of an RFC 6901 pointer, unescaped; none for `""`, the whole value. */
export function pointerTokens(pointer: string): string[] {
  return pointer.split("/").slice(1).map((token) =>
    token.replaceAll("~1", "/").replaceAll("~0", "~")
  );
}

/** What stands at an RFC 6901 pointer; undefined where the value has no such place. */
export function valueAtPointer(value: JsonValue, pointer: string): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (const token of pointerTokens(pointer)) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, token)) return undefined;
    // `length` is an own property of an array, and no element of it.
    if (Array.isArray(at)) at = /^(0|[1-9]\d*)$/.test(token) ? at[Number(token)] : undefined;
    else at = (at as JsonObject)[token];
  }
  return at;
}
