import { RE2JS } from "re2js";

/** A `pattern` compiled for an engine whose time is linear in the text. */
export interface LinearPattern {
  readonly source: string;
  /** Instructions of the compiled program; matching costs at most text length times this. */
  readonly size: number;
  test(text: string): boolean;
}

/** Instructions that one pattern may compile to: room for `.{1,1000}`, an IPv6 address, a date-time. */
export const MAX_PATTERN_SIZE = 2_500;
/** Opening parentheses that may be nested: the parser recurses. */
const MAX_GROUP_DEPTH = 100;

/**
 * Compiles a JSON Schema `pattern` for RE2 (ECMA-262 syntax where the two agree: look-around and
 * back-references do not exist, `\p` takes short names such as `\p{L}`). Returns the reason as a
 * string when the pattern is refused.
 */
export function linearPattern(source: string): LinearPattern | string {
  const reason = refusal(source);
  if (reason !== null) return reason;
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(RE2JS.translateRegExp(source));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return `is not a pattern that the linear-time engine (RE2) accepts: ${detail.slice(0, 200)}`;
  }
  const size = compiled.programSize();
  if (size > MAX_PATTERN_SIZE) return tooLarge(size);
  return { source, size, test: (text) => compiled.test(text) };
}

function tooLarge(size: number): string {
  return `expands to about ${size} matching instructions, at most ${MAX_PATTERN_SIZE} are allowed; ` +
    `use smaller repetition counts, or maxLength`;
}

const LOOK_AROUND = /^\?(?:=|!|<=|<!)/;
const COUNTED = /^\{(\d{1,6})(?:,(\d{0,6}))?\}/;

/**
 * Reads the pattern once, before it is compiled. Two things must not reach the engine: constructs
 * that its translation from ECMA-262 would silently change (`\k<name>` becomes the text "k<name>",
 * `\Q` has no meaning in ECMA-262), and nested counted repetitions, which the compiler writes out
 * in full (`(…){1000}`) before their size could be asked for.
 */
function refusal(source: string): string | null {
  const groups: number[] = [];
  let total = 0;
  let atom = 0;
  for (let i = 0; i < source.length; i++) {
    const character = source[i];
    if (character === "(") {
      const look = LOOK_AROUND.exec(source.slice(i + 1, i + 4));
      if (look !== null) {
        return `uses look-around "(${look[0]}", which a linear-time engine (RE2) cannot run; ` +
          `rewrite the pattern without it`;
      }
      if (groups.length >= MAX_GROUP_DEPTH) return `nests more than ${MAX_GROUP_DEPTH} groups`;
      groups.push(total);
      total = 0;
      atom = 0;
      continue;
    }
    if (character === ")") {
      atom = total + 2;
      total = (groups.pop() ?? 0) + atom;
    } else if (character === "{") {
      const counts = COUNTED.exec(source.slice(i, i + 16));
      if (counts === null) {
        total += atom = 1;
        continue;
      }
      // An optional repetition needs a branch instruction beside each copy.
      const copies = Math.max(Number(counts[1]), 2 * Number(counts[2] || 0), 1);
      total += atom * (copies - 1);
      atom *= copies;
      i += counts[0].length - 1;
    } else if (character === "\\") {
      const escaped = source[i + 1] ?? "";
      if (/[1-9k]/.test(escaped)) {
        return `uses the back-reference "\\${escaped}", which a linear-time engine (RE2) cannot ` +
          `run; rewrite the pattern without it`;
      }
      if (/[QEACz]/.test(escaped)) return `uses "\\${escaped}", which ECMA-262 does not have`;
      i += 1;
      total += atom = 1;
    } else if (character === "[") {
      i = endOfClass(source, i);
      total += atom = 1;
    } else {
      total += atom = 1;
    }
    if (total > 4 * MAX_PATTERN_SIZE) return tooLarge(total);
  }
  return null;
}

/** Index of the bracket that closes the class opened at `start`, or of the last character. */
function endOfClass(source: string, start: number): number {
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === "\\") i += 1;
    else if (source[i] === "]") return i;
  }
  return source.length;
}
