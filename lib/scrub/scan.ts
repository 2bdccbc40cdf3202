import type { StartIndex } from "./start_index.ts";

/** A stretch of the scanned text: `start` included, `end` not. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Which characters (UTF-16 code units) belong to a set. */
export type CharSet = (code: number) => boolean;

/** The set of the listed ASCII characters. */
export function charSet(members: string): CharSet {
  const table = new Uint8Array(128);
  for (let i = 0; i < members.length; i++) table[members.charCodeAt(i)] = 1;
  return (code) => code >= 0 && code < 128 && table[code] === 1;
}

const LOWER_LETTERS = "abcdefghijklmnopqrstuvwxyz";

export const LOWER = charSet(LOWER_LETTERS);

export const UPPER = charSet(LOWER_LETTERS.toUpperCase());

export const DIGIT = charSet("0123456789");

export const ALNUM: CharSet = (code) => DIGIT(code) || LOWER(code) || UPPER(code);

export const SPACE = charSet(" \t\r\n");

const BEYOND_ASCII_LETTER = /\p{L}/u;

/** Letters of every script whose letters are one UTF-16 unit. */
export const LETTER: CharSet = (code) =>
  LOWER(code) || UPPER(code) ||
  (code >= 128 && BEYOND_ASCII_LETTER.test(String.fromCharCode(code)));

const UNSPACED = /[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/;

/** Letters of scripts that put blanks between words: a number beside one of them is a part of it. */
export const WORD_LETTER: CharSet = (code) =>
  LETTER(code) && !(code >= 0x0e00 && UNSPACED.test(String.fromCharCode(code)));

/**
 * The text that detectors read, with a count of the characters that they looked at. Detectors
 * are written on these few moves instead of on backtracking patterns, so that the work for a
 * hostile text is bounded by its length, and a test can count it instead of timing it.
 */
export class Scan {
  readonly text: string;
  #reads = 0;

  constructor(text: string) {
    this.text = text;
  }

  get length(): number {
    return this.text.length;
  }

  /** How many characters were looked at until now. */
  get reads(): number {
    return this.#reads;
  }

  /** The code unit at `at`; -1 outside of the text. */
  code(at: number): number {
    this.#reads++;
    return at >= 0 && at < this.text.length ? this.text.charCodeAt(at) : -1;
  }

  is(at: number, set: CharSet): boolean {
    return set(this.code(at));
  }

  /** The first index from `from` on that is not in the set; at most `from + limit`. */
  runEnd(from: number, set: CharSet, limit = Infinity): number {
    let at = from;
    while (at - from < limit && set(this.code(at))) at++;
    return at;
  }

  /** Where the run of the set that ends before `end` begins; at least `end - limit`. */
  runStart(end: number, set: CharSet, limit = Infinity): number {
    let at = end;
    while (end - at < limit && set(this.code(at - 1))) at--;
    return at;
  }

  startsWith(at: number, word: string): boolean {
    this.#reads += word.length;
    return this.text.startsWith(word, at);
  }

  /** The next place of `word`, or -1. */
  find(word: string, from: number): number {
    const at = this.text.indexOf(word, from);
    this.#reads += (at < 0 ? this.text.length : at) - from + word.length;
    return at;
  }

  /** The next match in an index of patterns. */
  findStart(index: StartIndex, from: number): Span | null {
    const match = index.find(this.text, from);
    this.#reads += (match?.end ?? this.text.length) - from;
    return match;
  }

  /** The next match of a global pattern; the pattern must look at a bounded stretch only. */
  findPattern(pattern: RegExp, from: number): Span | null {
    pattern.lastIndex = from;
    const match = pattern.exec(this.text);
    this.#reads += (match === null ? this.text.length : pattern.lastIndex) - from;
    return match === null ? null : { start: match.index, end: pattern.lastIndex };
  }

  /** The match of a sticky pattern right at `at`. */
  matchAt(pattern: RegExp, at: number): RegExpExecArray | null {
    pattern.lastIndex = at;
    const match = pattern.exec(this.text);
    this.#reads += 1 + (match?.[0].length ?? 0);
    return match;
  }

  slice(start: number, end: number): string {
    this.#reads += end - start;
    return this.text.slice(start, end);
  }
}

/** Sorts spans and joins those that overlap; spans that only touch stay two. */
export function joinOverlaps(spans: Span[]): Span[] {
  const joined: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = joined.at(-1);
    if (last !== undefined && span.start < last.end) {
      joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
    } else joined.push(span);
  }
  return joined;
}
