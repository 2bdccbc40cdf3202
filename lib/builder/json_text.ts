import type { JsonValue } from "../json/json_value.ts";
import { visibleSegments } from "../text/visible_text.ts";

/**
 * JSON for people to read and programs to run: indented, and whatever an eye would not see or would
 * see elsewhere (controls, zero-width, bidirectional characters) written as `\u` and four digits, so
 * that the script says what it does.
 */
export function jsonText(value: JsonValue): string {
  return escapeHidden(JSON.stringify(value, null, 2), codeUnits);
}

/** A text as a JSON string in one line. */
export function jsonString(text: string): string {
  return escapeHidden(JSON.stringify(text), codeUnits);
}

/** Replaces each hidden character of a text by what `escape` makes of it. */
export function escapeHidden(text: string, escape: (character: string) => string): string {
  return visibleSegments(text).map(({ text, hidden }) =>
    hidden === null ? text : Array.from(text, escape).join("")
  ).join("");
}

/** Four digits a UTF-16 unit: characters beyond them are pairs (RFC 8259 section 7). */
function codeUnits(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");
}
