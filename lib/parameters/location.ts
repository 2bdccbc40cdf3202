/** A place in a JSON value as a chain of tokens from the leaf up; null is the whole value. */
export interface Location {
  readonly parent: Location | null;
  readonly token: string | number;
}

/** Where something is wrong (a JSON Pointer, RFC 6901, "" for the whole value) and what. */
export interface ParameterProblem {
  readonly path: string;
  readonly message: string;
}

const MAX_POINTER_CHARACTERS = 1_000;

/** The JSON Pointer of a location. One too long to print becomes that of the nearest shorter parent. */
export function pointerOf(location: Location | null): string {
  const parts: string[] = [];
  for (let at = location; at !== null; at = at.parent) {
    parts.push(String(at.token).replaceAll("~", "~0").replaceAll("/", "~1"));
  }
  let pointer = "";
  for (const part of parts.reverse()) {
    if (pointer.length + 1 + part.length > MAX_POINTER_CHARACTERS) break;
    pointer += `/${part}`;
  }
  return pointer;
}

/** `text` cut to `limit` characters, with a mark when something was left out. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… (cut)`;
}

/** A quoted, bounded form of a name for messages. */
export function quoted(text: string): string {
  return JSON.stringify(cut(text, 80));
}
