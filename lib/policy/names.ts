import type { Selector } from "../store/records/policy.ts";

/**
 * How names are compared: methods without case, everything else as it stands, and never as a
 * pattern.
 */

/** What a method may look like: 1-64 printable ASCII characters, no space at either end. */
export const METHOD_FORM = /^[!-~](?:[ -~]{0,62}[!-~])?$/;

/** Any ASCII text; what was stored before methods were ASCII is compared as it is. */
const ASCII = /^[\0-\x7f]*$/;

/**
 * The form in which methods are compared by rules, `methods` of tools and gates: without case, so
 * that `delete` does not pass a rule about `DELETE`. Digests have a method as it was sent.
 */
export function foldedMethod(method: string): string {
  return ASCII.test(method) ? method.toLowerCase() : method;
}

/** Whether two methods are the same one to rules, tools and gates. */
export function isSameMethod(a: string, b: string): boolean {
  return a === b || foldedMethod(a) === foldedMethod(b);
}

/** The form in which selectors are compared: two with the same one are of one rule. */
export function foldedSelector(selector: Selector): Selector {
  const { method } = selector;
  return method === null ? selector : { ...selector, method: foldedMethod(method) };
}

/**
 * Where other systems take patterns, nothing here does: a name is compared as it stands. One that
 * holds a character of patterns would be kept without a word, and match what nobody meant.
 */
const PATTERN_CHARACTER = /[*?|]/;

/** The first character of a name that only a pattern would hold; null when there is none. */
export function patternIn(name: string): string | null {
  return PATTERN_CHARACTER.exec(name)?.[0] ?? null;
}
