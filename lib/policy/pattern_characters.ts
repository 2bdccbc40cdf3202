/**
 * Where other systems take patterns, nothing here does: a name is compared as it stands. One that
 * holds a character of patterns would be kept without a word, and match what nobody meant.
 */
const PATTERN_CHARACTER = /[*?|]/;

/** The first character of a name that only a pattern would hold; null when there is none. */
export function patternIn(name: string): string | null {
  return PATTERN_CHARACTER.exec(name)?.[0] ?? null;
}
