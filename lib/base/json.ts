/**
 * JSON values, the places in them (RFC 6901), and where two of them differ. A name of
 * `Object.prototype` is a name like any other. Runs in the browser.
 */

/** A value that JSON can carry. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** A JSON object. Members are always own properties, `__proto__` included. */
export interface JsonObject {
  [member: string]: JsonValue;
}

/** True for a JSON object: not null, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member of a JSON object; undefined where it is absent, whatever `Object.prototype` calls so. */
export function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Whether arrays and objects nest deeper than so many levels in one. Recurses as deep as that at most. */
export function isDeeper(value: JsonObject | readonly JsonValue[], levels: number): boolean {
  if (levels === 0) return true;
  if (Array.isArray(value)) {
    // By index: the names of its places are texts that have to be made.
    for (let at = 0; at < value.length; at++) {
      const element: JsonValue = value[at];
      if (typeof element === "object" && element !== null && isDeeper(element, levels - 1)) {
        return true;
      }
    }
    return false;
  }
  // Whole documents are asked about: what lists the members first takes three times as long.
  for (const name in value) {
    const member = value[name as never] as JsonValue;
    if (typeof member === "object" && member !== null && isDeeper(member, levels - 1)) return true;
  }
  return false;
}

/** One reference token of a JSON pointer, escaped as RFC 6901 section 3 says. */
export function pointerToken(name: string): string {
  return name.includes("~") || name.includes("/")
    ? name.replaceAll("~", "~0").replaceAll("/", "~1")
    : name;
}

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

/** More places than this help nobody; answers stay small. */
export const MAX_DIFFERING_POINTERS = 50;

/**
 * The RFC 6901 pointers at which two JSON values differ, sorted, the first 50.
 *
 * Each names the deepest place: a member or element that only one side has, or a value that is
 * not the same on both. Arrays are compared index by index. `""` is the whole value.
 */
export function differingPointers(a: JsonValue, b: JsonValue): string[] {
  const found: string[] = [];
  collect(a, b, "", found);
  return found.sort().slice(0, MAX_DIFFERING_POINTERS);
}

function collect(a: JsonValue, b: JsonValue, path: string, found: string[]): void {
  if (a === b) return;
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let index = 0; index < Math.max(a.length, b.length); index++) {
      compare(a[index], b[index], `${path}/${index}`, found);
    }
  } else if (isJsonObject(a) && isJsonObject(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const here = `${path}/${pointerToken(name)}`;
      compare(memberOf(a, name), memberOf(b, name), here, found);
    }
  } else {
    found.push(path);
  }
}

function compare(
  a: JsonValue | undefined,
  b: JsonValue | undefined,
  path: string,
  found: string[],
): void {
  if (a === undefined || b === undefined) found.push(path);
  else collect(a, b, path, found);
}

/** Why a text is not taken as JSON. `path` is the RFC 6901 pointer of the place. */
export interface JsonRefusal {
  readonly ok: false;
  readonly code: "malformed_json" | "duplicate_key" | "invalid_request";
  readonly path: string;
  readonly message: string;
}
