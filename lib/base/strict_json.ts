import { numberProblem } from "../json/exact_number.ts";
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  digitsEnd,
  END,
  escapedUnit,
  isSurrogate,
  MINUS,
  NINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  POINT,
  QUOTE,
  ZERO,
} from "../json/json_characters.ts";
import { addName, type Frame, framesPointer, openFrame } from "../json/json_frames.ts";
import type { JsonRefusal } from "../json/json_refusal.ts";
import { visibleText } from "../text/visible_text.ts";

/** So many characters without an exponent are always the decimal that the double prints. */
const EXACT_LENGTH = 15;

const NAME_EXCERPT = 40;

/** Whether to look on after a refusal at the place that these open containers lead to. */
export type LooksOn = (frames: readonly Frame[]) => boolean;

/**
 * One pass over a text by char codes, with open containers on a stack of its own. A method that
 * answers false has set the refusal, or for `#next` may have reached the end.
 */
export class StrictScan {
  #at = 0;
  #refusal: JsonRefusal | null = null;
  /** Whether the last string held an escape. */
  #escaped = false;
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #looksOn: LooksOn | null;
  readonly #frames: Frame[] = [];

  /** @param looksOn asked at each refusal of a text that is JSON so far; without it the first ends */
  constructor(text: string, maxDepth: number, looksOn: LooksOn | null = null) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#looksOn = looksOn;
  }

  /**
   * The first reason to refuse the text, or null when `JSON.parse` will take it. That the text is no
   * JSON at all goes before every other reason.
   */
  run(): JsonRefusal | null {
    do {
      if (!this.#value()) return this.#refusal;
    } while (this.#next());
    return this.#refusal;
  }

  /** Reads a scalar or an empty container, or opens containers up to the first of these. */
  #value(): boolean {
    for (;;) {
      const code = this.#peek();
      if (code === QUOTE) return this.#string();
      if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        if (!this.#open(code === OPEN_BRACE)) return false;
        const close = code === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
        if (this.#peek() === close) return true;
        if (code === OPEN_BRACE && !this.#name()) return false;
        this.#frames[this.#frames.length - 1]!.inside = true;
        continue;
      }
      if (code === MINUS || (code >= ZERO && code <= NINE)) return this.#number();
      if (code === 0x74) return this.#literal("true");
      if (code === 0x66) return this.#literal("false");
      if (code === 0x6e) return this.#literal("null");
      return this.#unexpected("a value");
    }
  }

  /** Closes what ends here; true when another value must follow. */
  #next(): boolean {
    for (;;) {
      const code = this.#peek();
      const frame = this.#frames[this.#frames.length - 1];
      if (frame === undefined) return code === END ? false : this.#unexpected("the end");
      if (code === COMMA) {
        this.#at++;
        if (frame.names === null) {
          frame.index++;
          return true;
        }
        frame.inside = false;
        const read = this.#name();
        frame.inside = true;
        return read;
      }
      if (code !== (frame.names === null ? CLOSE_BRACKET : CLOSE_BRACE)) {
        return this.#unexpected(frame.names === null ? `"," or "]"` : `"," or "}"`);
      }
      this.#at++;
      this.#frames.pop();
    }
  }

  #open(object: boolean): boolean {
    if (
      this.#frames.length >= this.#maxDepth && !this.#refuse(
        "invalid_request",
        `Value at position ${this.#at} nests deeper than ${this.#maxDepth} levels; flatten it`,
      )
    ) return false;
    this.#frames.push(openFrame(object));
    this.#at++;
    return true;
  }

  /** Reads a member name and its colon, and refuses a name that the object already has. */
  #name(): boolean {
    if (this.#peek() !== QUOTE) return this.#unexpected("a member name in double quotes");
    const start = this.#at;
    if (!this.#string()) return false;
    const name = this.#escaped
      ? JSON.parse(this.#text.slice(start, this.#at)) as string
      : this.#text.slice(start + 1, this.#at - 1);
    const frame = this.#frames[this.#frames.length - 1]!;
    if (!addName(frame, name)) {
      frame.inside = true;
      const refusal = `Member name ${quoted(name)} at position ${start} is already in this ` +
        `object; send each name once`;
      if (!this.#refuse("duplicate_key", refusal)) return false;
    }
    if (this.#peek() !== COLON) return this.#unexpected(`":"`);
    this.#at++;
    return true;
  }

  #string(): boolean {
    const text = this.#text;
    const start = this.#at;
    let escaped = false;
    let surrogates = false;
    for (let at = start + 1; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        this.#escaped = escaped;
        return !surrogates || this.#wellFormed(start);
      }
      if (code === BACKSLASH) {
        escaped = true;
        const unit = escapedUnit(text, at);
        if (unit === END) {
          this.#at = at;
          return this.#malformed(`Escape ${quoted(text.slice(at, at + 2))} is not one of JSON's`);
        }
        if (isSurrogate(unit)) surrogates = true;
        at += text.charCodeAt(at + 1) === 0x75 ? 5 : 1;
      } else if (code < 0x20) {
        this.#at = at;
        return this.#malformed(
          `Control character U+00${
            code.toString(16).padStart(2, "0").toUpperCase()
          } must be escaped in a string`,
        );
      } else if (isSurrogate(code)) {
        surrogates = true;
      }
    }
    return this.#malformed("String has no closing quote; it starts");
  }

  #wellFormed(start: number): boolean {
    const string = JSON.parse(this.#text.slice(start, this.#at)) as string;
    return string.isWellFormed() || this.#refuse(
      "invalid_request",
      `String at position ${start} holds half of a surrogate pair, which is not a character; ` +
        `send whole characters`,
    );
  }

  #number(): boolean {
    const text = this.#text;
    const start = this.#at;
    let at = text.charCodeAt(start) === MINUS ? start + 1 : start;
    const whole = at;
    at = text.charCodeAt(at) === ZERO ? at + 1 : digitsEnd(text, at);
    if (at === whole) return this.#incomplete(at);
    if (text.charCodeAt(at) === POINT) {
      const fraction = at + 1;
      at = digitsEnd(text, fraction);
      if (at === fraction) return this.#incomplete(at);
    }
    let exact = at - start <= EXACT_LENGTH;
    if ((text.charCodeAt(at) | 0x20) === 0x65) {
      exact = false;
      const sign = text.charCodeAt(at + 1);
      const power = sign === MINUS || sign === 0x2b ? at + 2 : at + 1;
      at = digitsEnd(text, power);
      if (at === power) return this.#incomplete(at);
    }
    const problem = exact ? null : numberProblem(text.slice(start, at));
    if (problem !== null && !this.#refuse("invalid_request", problem)) return false;
    this.#at = at;
    return true;
  }

  #incomplete(at: number): boolean {
    this.#at = at;
    return this.#unexpected("a digit");
  }

  #literal(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return this.#unexpected("a value");
    this.#at += word.length;
    return true;
  }

  /** The code at the next position that is not white space, which becomes the current one. */
  #peek(): number {
    const text = this.#text;
    for (let at = this.#at; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > 0x20 || (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09)) {
        this.#at = at;
        return code;
      }
    }
    this.#at = text.length;
    return END;
  }

  #unexpected(expected: string): boolean {
    const found = this.#text.codePointAt(this.#at);
    return this.#malformed(
      found === undefined
        ? `Text ends where ${expected} should be,`
        : `Found ${quoted(String.fromCodePoint(found))} instead of ${expected}`,
    );
  }

  #malformed(what: string): boolean {
    return this.#refuse("malformed_json", `${what} at position ${this.#at}`);
  }

  /** Whether to look on all the same. */
  #refuse(code: JsonRefusal["code"], message: string): boolean {
    const malformed = code === "malformed_json";
    if (this.#refusal === null || malformed) {
      this.#refusal = { ok: false, code, path: framesPointer(this.#frames), message };
    }
    return !malformed && this.#looksOn !== null && this.#looksOn(this.#frames);
  }
}

/** At most 40 units in JSON quotes, fit to be shown. */
function quoted(text: string): string {
  const part = text.length <= NAME_EXCERPT ? text : `${text.slice(0, NAME_EXCERPT)}…`;
  return visibleText(JSON.stringify(part.toWellFormed()));
}
