/**
 * A text as all detectors read it: classes of characters, spans, patterns that are tried at places
 * and never all over, and the copy in which look-alikes are plain. It bounds the work: every read
 * is counted.
 */

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

/** A letter of a script that puts no blanks between words, or none before particles, for a pattern. */
export const UNSPACED_LETTER = "[\\u0e00-\\u0eff\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7af]";

const UNSPACED = new RegExp(UNSPACED_LETTER);

/** The first code unit of those scripts. */
export const UNSPACED_FROM = 0x0e00;

/** Letters of scripts that put blanks between words: a number beside one of them is a part of it. */
export const WORD_LETTER: CharSet = (code) =>
  LETTER(code) && !(code >= UNSPACED_FROM && UNSPACED.test(String.fromCharCode(code)));

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

const LETTERS = 3;

const SIZE = 1 << (5 * LETTERS);

/** Five bits of a character, the same for small and capital ASCII letters. */
const bits = (code: number): number => code & 31;

/** The characters that the engine takes for `char` when it ignores case. */
function cases(char: string): string[] {
  return [...new Set([char, char.toLowerCase(), char.toUpperCase()])]
    .filter((variant) => variant.length === 1);
}

/** A pattern whose matches begin with one of the `beginnings`, in any case where it ignores case. */
export interface StartPattern {
  readonly pattern: RegExp;
  readonly beginnings: readonly string[];
}

/**
 * Where patterns of many alternatives are found, without trying all of them at every place: only
 * where three characters stand that one of them begins with. Finds what the patterns find.
 */
export class StartIndex {
  readonly #patterns: readonly RegExp[];
  /** For each hash of three characters the patterns that can begin with them, a bit each. */
  readonly #starts = new Uint8Array(SIZE);

  /** At most eight patterns; the first that matches at a place wins. */
  constructor(...patterns: readonly StartPattern[]) {
    this.#patterns = patterns.map(({ pattern }) => new RegExp(pattern.source, `${pattern.flags}y`));
    patterns.forEach(({ beginnings }, i) => {
      for (const beginning of beginnings) this.#add(beginning, 1 << i, 0, 0);
    });
  }

  #add(rest: string, bit: number, hash: number, length: number): void {
    if (length === LETTERS) {
      this.#starts[hash] = (this.#starts[hash] ?? 0) | bit;
    } else if (rest === "") {
      // A shorter beginning may go on with anything.
      for (let any = 0; any < 32; any++) this.#add("", bit, (hash << 5) | any, length + 1);
    } else {
      for (const variant of cases(rest.charAt(0))) {
        this.#add(rest.slice(1), bit, (hash << 5) | bits(variant.charCodeAt(0)), length + 1);
      }
    }
  }

  /** The next match that begins at `from` or after it. */
  find(text: string, from: number): Span | null {
    let hash = 0;
    // Behind the end stand two characters that nothing begins with, for what is shorter than three.
    for (let at = from; at < text.length + LETTERS - 1; at++) {
      const code = at < text.length ? text.charCodeAt(at) : 0;
      hash = ((hash << 5) | bits(code)) & (SIZE - 1);
      const starts = this.#starts[hash];
      const start = at - LETTERS + 1;
      if (starts === 0 || start < from) continue;
      const end = this.#matchEnd(text, start, starts ?? 0);
      if (end >= 0) return { start, end };
    }
    return null;
  }

  #matchEnd(text: string, start: number, starts: number): number {
    for (let rest = starts, i = 0; rest !== 0; rest >>= 1, i++) {
      const pattern = this.#patterns[i];
      if ((rest & 1) === 0 || pattern === undefined) continue;
      pattern.lastIndex = start;
      if (pattern.test(text)) return pattern.lastIndex;
    }
    return -1;
  }
}

const RUN_MARKS = charSet("_.~+/=!:|-");

const LONG_RUN_LETTER: CharSet = (code) => ALNUM(code) || RUN_MARKS(code);

/** Every marked form, every key of AWS and every unknown token has a run as long as this. */
const LEAST_LONG_RUN = 22;

/** False where none of the forms without a known beginning can stand. */
export function hasLongRun(text: string): boolean {
  // Only every 22nd character is looked at where none of them is in a run.
  let first = 0;
  for (let last = LEAST_LONG_RUN - 1; last < text.length; last = first + LEAST_LONG_RUN - 1) {
    let at = last;
    while (at >= first && LONG_RUN_LETTER(text.charCodeAt(at))) at--;
    if (at < first) return true;
    first = at + 1;
  }
  return false;
}

/**
 * Stands for text that is already scrubbed. No detector accepts it inside a finding, and no source
 * text can produce it, because control characters are left out of the copy.
 */
export const BARRIER = "\0";

/** A copy of a text that detectors can read plainly, with the way back to the source. */
export interface DetectionCopy {
  readonly text: string;
  /** For each character of the copy: where its source character starts and ends. */
  startOf(at: number): number;
  endOf(at: number): number;
}

const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Mn}\p{Me}]/u;

/**
 * Printable ASCII and line ends, and no "[" that might open a placeholder; letters of Latin, Greek,
 * Cyrillic, Chinese, Japanese and Korean, and quotes, that are their own plain form.
 */
const PLAIN =
  /^[\t\n\r -Z\\-~\u00a7\u00ab\u00b0\u00bb\u00bf-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0391-\u03c9\u0400-\u0481\u048a-\u052f\u2018-\u201f\u20ac\u3001\u3002\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]*$/;

const DASH = /[\p{Pd}\u2212]/u;

const BLANK = /\p{Zs}/u;

const DECIMAL_DIGIT = /\p{Nd}/u;

/** The value of a decimal digit of any script: each script has its ten in a row. */
function digitValue(char: string): string {
  let code = char.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && DECIMAL_DIGIT.test(String.fromCodePoint(code - 1))) {
    code--;
    value++;
  }
  return String(value);
}

function plain(char: string): string {
  if (char === "\n" || char === "\r" || char === "\t") return char;
  if (char >= " " && char <= "~") return char;
  let out = "";
  for (const part of char.normalize("NFKC")) {
    if (part >= " " && part <= "~") out += part;
    else if (INVISIBLE.test(part)) continue;
    else if (DASH.test(part)) out += "-";
    else if (BLANK.test(part)) out += " ";
    else if (DECIMAL_DIGIT.test(part)) out += digitValue(part);
    else out += part;
  }
  return out;
}

/**
 * The detection copy of a text: compatibility forms (full-width, mathematical, superscript) as
 * their plain characters (NFKC, one code point at a time so that positions can be mapped back),
 * digits of every script as ASCII digits, all dashes as "-", all blanks as " ", and without
 * invisible characters, so that a zero-width space in a card number does not hide it. Each of
 * the `placeholders` becomes one `BARRIER`.
 */
export function detectionCopy(source: string, placeholders: readonly string[]): DetectionCopy {
  // Most reasons are their own copy.
  if (PLAIN.test(source)) return { text: source, startOf: (at) => at, endOf: (at) => at + 1 };
  const chars: string[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  let at = 0;
  while (at < source.length) {
    const placeholder = source[at] === "["
      ? placeholders.find((candidate) => source.startsWith(candidate, at))
      : undefined;
    const from = placeholder ?? String.fromCodePoint(source.codePointAt(at) ?? 0);
    const end = at + from.length;
    const to = placeholder === undefined ? plain(from) : BARRIER;
    for (let i = 0; i < to.length; i++) {
      chars.push(to.charAt(i));
      starts.push(at);
      ends.push(end);
    }
    at = end;
  }
  return { text: chars.join(""), startOf: (at) => starts[at] ?? 0, endOf: (at) => ends[at] ?? 0 };
}
