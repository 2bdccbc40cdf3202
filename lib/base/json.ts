import { pointerToken } from "../json/json_pointer.ts";
import { isJsonObject, type JsonValue } from "../json/json_value.ts";

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
      compare(own(a, name), own(b, name), here, found);
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

/** A missing member named like one of `Object.prototype` must not be found there. */
function own(object: { [member: string]: JsonValue }, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
