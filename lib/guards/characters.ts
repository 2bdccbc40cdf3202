import type { FoundSpan, Looked } from "./findings.ts";

/**
 * Characters by which a value becomes more than a value where it is pasted into a command line or a
 * statement. It is advice about values that are pasted, and reads neither shell nor SQL: `O'Brien`
 * is found too.
 */

// deno-lint-ignore no-control-regex -- that they are there is what is found.
const SHELL = /[;&|`$<>(){}\[\]*?!#~'"\\\n\r\x00]/g;

// deno-lint-ignore no-control-regex -- likewise.
const SQL = /['"`;\\\x00]|--|\/\*|\*\//g;

/** A value that a program takes for an option. */
const OPTION = /^\s*-/;

/** Where a text holds what a shell takes for its own, or begins as an option does. */
export function findCommand(text: string): Looked {
  const spans = matches(text, SHELL);
  const isOption = OPTION.test(text);
  return {
    spans: isOption ? [{ start: 0, end: 1, kind: "option" }, ...spans] : spans,
    reads: text.length,
  };
}

/** Where a text holds what ends a value in SQL, or begins a comment. */
export function findSql(text: string): Looked {
  return { spans: matches(text, SQL), reads: text.length };
}

function matches(text: string, pattern: RegExp): FoundSpan[] {
  return Array.from(text.matchAll(pattern), (match) => ({
    start: match.index,
    end: match.index + match[0].length,
    kind: "metacharacter",
  }));
}
