/** Answers that are kept: all of ASCII, and the characters beyond that were asked for last. */
const KEPT = 256;

/**
 * Which characters an atom of ECMA-262 matches (`.`, `\s`, `\p{Lu}`, `[^a-z]`), by the language's
 * own engine: asked for one character alone it has nothing to backtrack into. Characters are code
 * points with the flag "u", else UTF-16 code units.
 */
export class CharacterSet {
  readonly #alone: RegExp;
  readonly #codes = new Int32Array(KEPT).fill(-1);
  readonly #answers = new Uint8Array(KEPT);

  constructor(atom: string, flags: string) {
    this.#alone = new RegExp(`^${atom}$`, flags);
  }

  has(code: number): boolean {
    const slot = code < 128 ? code : 128 + (code & 127);
    if (this.#codes[slot] !== code) {
      this.#codes[slot] = code;
      this.#answers[slot] = this.#alone.test(String.fromCodePoint(code)) ? 1 : 0;
    }
    return this.#answers[slot] === 1;
  }
}
