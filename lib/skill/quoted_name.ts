import { visibleSegments } from "../text/visible_text.ts";

/** Ends code in Markdown, or begins something in HTML where somebody renders it. */
const MARKUP = /[`<>&]/g;

/**
 * A name that somebody chose, as a JSON string for a fenced block of Markdown that a model reads. It
 * stays on its line and within its quotes: a line break, markup and what nobody would see are
 * escaped, and parsed it is the name.
 */
export function quotedName(name: string): string {
  const quoted = JSON.stringify(name);
  return visibleSegments(quoted).map(({ text, hidden }) =>
    hidden === null ? text.replaceAll(MARKUP, escaped) : text.replaceAll(/[^]/g, escaped)
  ).join("");
}

/** By UTF-16 code unit, as JSON escapes (RFC 8259 section 7). */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
