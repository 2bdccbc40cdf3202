import type { Span } from "./scan.ts";

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
