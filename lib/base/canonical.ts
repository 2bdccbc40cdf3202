import type { JsonObject, JsonValue } from "./json.ts";

const encoder = new TextEncoder();

/** Up to here insertion sort beats `Array.prototype.sort`, which pays for a call per key. */
const FEW_KEYS = 24;

/**
 * The RFC 8785 (JCS) form of a JSON value: members sorted by UTF-16 units, numbers and strings as
 * ECMAScript writes them, no white space. `-0` becomes `0`.
 *
 * @throws {TypeError} when the value is not JSON: an undefined member or element, a number that is
 * not finite, a lone surrogate, or an object that is neither plain nor an array. What comes from
 * outside is checked before; here this is a mistake of the program.
 */
export function canonicalJson(value: JsonValue): string {
  return written(value, isInOrder(value) ? value : inOrder(value));
}

/** The text of a value, by what the native writer can write in order; undefined for nothing. */
function written(value: JsonValue, sorted: JsonValue | undefined): string {
  if (sorted !== undefined) {
    const text = JSON.stringify(sorted);
    // JSON.stringify writes lone surrogates as \udXXX, and RFC 8785 section 3.2.2.2 forbids them.
    if (!text.includes("\\ud")) return text;
  }
  return write(value);
}

/**
 * The RFC 8785 form, and the value as whoever parses that has it: with its members in that order. The
 * same value where they are in order already. @throws {TypeError} as `canonicalJson` does
 */
export function canonicalForm<T extends JsonValue>(
  value: T,
): { readonly text: string; readonly value: T } {
  if (isInOrder(value)) return { text: written(value, value), value };
  const text = written(value, inOrder(value));
  return { text, value: JSON.parse(text) };
}

/** The RFC 8785 form as UTF-8. */
export function canonicalBytes(value: JsonValue): Uint8Array<ArrayBuffer> {
  return encoder.encode(canonicalJson(value));
}

/**
 * Whether the native writer writes a value in RFC 8785 form as it stands: what the program builds has
 * its members in order mostly, and is not taken apart to find that out. False for whatever else, and
 * for what is no JSON.
 */
export function isInOrder(value: JsonValue): boolean {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object") return false;
  if (Array.isArray(value)) {
    // By index: a hole is no JSON, and `every` passes over it.
    for (let at = 0; at < value.length; at++) if (!isInOrder(value[at]!)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  let before = "";
  // Own members in the order that they are written in; nothing is inherited from these prototypes.
  for (const name in value) {
    if (name <= before || !isInOrder(value[name]!)) return false;
    before = name;
  }
  return true;
}

/**
 * The value with every object's members in RFC 8785 order, so that the native writer, several
 * times faster than one in script, can write it. Shares what is in order already. Undefined when
 * a member name cannot be put in order: integer-like ones come first in every object, by value,
 * and `__proto__` cannot be set by assignment.
 */
function inOrder(value: JsonValue): JsonValue | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return checked(value);
  if (Array.isArray(value)) return arrayInOrder(value);
  const names = plainNames(value);
  let inPlace = true;
  for (let at = 0; at < names.length; at++) {
    const name = names[at]!;
    const first = name.charCodeAt(0);
    if ((first >= 0x30 && first <= 0x39) || name === "__proto__") return undefined;
    if (at > 0 && names[at - 1]! > name) inPlace = false;
  }
  let copy: JsonObject | null = null;
  if (!inPlace) {
    sortNames(names);
    copy = {};
  }
  for (let at = 0; at < names.length; at++) {
    const name = names[at]!;
    const member = value[name]!;
    if (member === undefined) throw undefinedAt(name);
    const sorted = inOrder(member);
    if (sorted === undefined) return undefined;
    if (copy === null && sorted !== member) copy = firstMembers(value, names, at);
    if (copy !== null) copy[name] = sorted;
  }
  return copy ?? value;
}

function arrayInOrder(elements: JsonValue[]): JsonValue | undefined {
  let copy: JsonValue[] | null = null;
  for (let at = 0; at < elements.length; at++) {
    const element = elements[at]!;
    if (element === undefined) throw undefinedAt(at);
    const sorted = inOrder(element);
    if (sorted === undefined) return undefined;
    if (copy === null && sorted !== element) copy = elements.slice();
    if (copy !== null) copy[at] = sorted;
  }
  return copy ?? elements;
}

function firstMembers(object: JsonObject, names: string[], count: number): JsonObject {
  const copy: JsonObject = {};
  for (let at = 0; at < count; at++) copy[names[at]!] = object[names[at]!]!;
  return copy;
}

/** Writes any JSON value member by member: slower, but free of what objects do to their names. */
function write(value: JsonValue): string {
  if (typeof value === "string" && !value.isWellFormed()) {
    throw new TypeError(`String ${JSON.stringify(value)} holds a lone surrogate`);
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(checked(value));
  if (Array.isArray(value)) {
    return `[${Array.from(value, (element, at) => writePart(element, at)).join(",")}]`;
  }
  const names = plainNames(value).sort();
  return `{${names.map((name) => `${write(name)}:${writePart(value[name], name)}`).join(",")}}`;
}

function writePart(value: JsonValue | undefined, place: string | number): string {
  if (value === undefined) throw undefinedAt(place);
  return write(value);
}

function checked(value: null | boolean | number | string): null | boolean | number | string {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`Number ${value} is not JSON`);
      return value;
    case "string":
    case "boolean":
      return value;
    default:
      if (value === null) return null;
      throw new TypeError(`A value of type ${typeof value} is not JSON`);
  }
}

/** An object's own names; a Date, Map or byte array would be written as something it is not. */
function plainNames(object: JsonObject): string[] {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`An object of class ${prototype.constructor?.name} is not JSON`);
  }
  return Object.keys(object);
}

/** Sorts by UTF-16 units, which is how JavaScript compares strings. */
function sortNames(names: string[]): void {
  if (names.length > FEW_KEYS) {
    names.sort();
    return;
  }
  for (let next = 1; next < names.length; next++) {
    const name = names[next]!;
    let at = next - 1;
    for (; at >= 0 && names[at]! > name; at--) names[at + 1] = names[at]!;
    names[at + 1] = name;
  }
}

function undefinedAt(place: string | number): TypeError {
  return new TypeError(
    `Member ${JSON.stringify(place)} is undefined, which is not JSON; leave it out or use null`,
  );
}
