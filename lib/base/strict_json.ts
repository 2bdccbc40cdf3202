import { type JsonRefusal, type JsonValue, pointerToken } from "./json.ts";
import { visibleText } from "./text.ts";

type StrictJsonResult = { readonly ok: true; readonly value: JsonValue } | JsonRefusal;

/** How deep arrays and objects nest at most, where nothing else is said. */
export const DEFAULT_MAX_DEPTH = 64;

/**
 * Parses JSON that means the same to every reader, refusing the first place that would not.
 *
 * - `malformed_json`: not RFC 8259 JSON; the message names the position in UTF-16 units.
 * - `duplicate_key`: a member name twice in one object, compared after unescaping.
 * - `invalid_request`: a lone surrogate, a number that a double does not hold (see
 *   `numberProblem`), or arrays and objects nested deeper than `maxDepth` (64).
 *
 * `__proto__` and `constructor` are ordinary own members of the value. Takes time linear in the
 * text and never recurses.
 */
export function parseStrictJson(
  text: string,
  options: { readonly maxDepth?: number } = {},
): StrictJsonResult {
  const refusal = new StrictScan(text, options.maxDepth ?? DEFAULT_MAX_DEPTH).run();
  return refusal ?? { ok: true, value: JSON.parse(text) as JsonValue };
}

/** Up to here comparing names one by one is cheaper than a set. */
const FEW_NAMES = 8;

/** An array or object that is open at a scan's position. */
export interface Frame {
  /** Names so far, the one being read last; null for an array. */
  readonly names: string[] | null;
  /** The same names once they are many. */
  seen: Set<string> | null;
  /** Elements begun before the one being read. */
  index: number;
  /** True when the position belongs to a member or element, not to the container itself. */
  inside: boolean;
}

function openFrame(object: boolean): Frame {
  return { names: object ? [] : null, seen: null, index: 0, inside: false };
}

/** Adds a member name; false when the object had it already. */
function addName(frame: Frame, name: string): boolean {
  const names = frame.names ?? [];
  if (names.length === FEW_NAMES) frame.seen = new Set(names);
  const known = frame.seen === null ? names.includes(name) : frame.seen.has(name);
  names.push(name);
  frame.seen?.add(name);
  return !known;
}

/** The RFC 6901 pointer of the place that the open frames lead to. */
function framesPointer(frames: readonly Frame[]): string {
  let path = "";
  for (const { names, index, inside } of frames) {
    if (inside) path += `/${names === null ? index : pointerToken(names.at(-1) ?? "")}`;
  }
  return path;
}

const QUOTE = 0x22;

const COMMA = 0x2c;

const MINUS = 0x2d;

const POINT = 0x2e;

const ZERO = 0x30;

const NINE = 0x39;

const COLON = 0x3a;

const OPEN_BRACKET = 0x5b;

const BACKSLASH = 0x5c;

const CLOSE_BRACKET = 0x5d;

const OPEN_BRACE = 0x7b;

const CLOSE_BRACE = 0x7d;

/** Where a char code would be, were there another one. */
const END = -1;

/** The UTF-16 unit that the escape at `at` stands for, or `END` when it is not an escape of JSON. */
function escapedUnit(text: string, at: number): number {
  const letter = text.charCodeAt(at + 1);
  if (letter !== 0x75) return `"\\/bfnrt`.includes(text.charAt(at + 1) || " ") ? letter : END;
  let unit = 0;
  for (let digit = at + 2; digit < at + 6; digit++) {
    const code = text.charCodeAt(digit);
    if (code >= ZERO && code <= NINE) unit = unit * 16 + code - ZERO;
    else if ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66) {
      unit = unit * 16 + (code | 0x20) - 0x57;
    } else return END;
  }
  return unit;
}

/** Whether a UTF-16 unit is half of a surrogate pair. */
function isSurrogate(unit: number): boolean {
  return (unit & 0xf800) === 0xd800;
}

/** The position after the ASCII digits that start at `from`. */
function digitsEnd(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code >= ZERO && code <= NINE; code = text.charCodeAt(at)) {
    at++;
  }
  return at;
}

/** RFC 8785 writes integers below this without an exponent. */
const EXPONENT_FROM = 1e21;

/** What is shown of a literal or a name, UTF-16 units. */
const EXCERPT = 40;

/**
 * Why a number literal in JSON grammar cannot be carried by a double without changing, or null.
 *
 * Refused are integers beyond ±(2^53−1), in whichever notation they would be digested, and any
 * literal whose decimal value is not that of the shortest form of its double (`1e400`,
 * `0.12345678901234567890`). `1.10`, `1e2` and `-0` are fine: they mean the number that RFC 8785
 * prints. Takes time linear in the literal.
 */
function numberProblem(literal: string): string | null {
  const value = Number(literal);
  const magnitude = Math.abs(value);
  // A refused spelling must not come back through another one: 1e16 is digested as
  // 10000000000000000, so both are refused. From 1e21 on the digested form keeps its exponent.
  if (
    magnitude > Number.MAX_SAFE_INTEGER &&
    (magnitude < EXPONENT_FROM || !/[.eE]/.test(literal))
  ) {
    return `Integer ${excerpt(literal)} is beyond ±9007199254740991; send it as a string`;
  }
  if (!Number.isFinite(value) || !sameDecimal(literal, String(value))) {
    return `Number ${excerpt(literal)} does not fit a double exactly (nearest: ${value}); ` +
      `send it as a string or with fewer digits`;
  }
  return null;
}

function sameDecimal(a: string, b: string): boolean {
  const left = decimal(a);
  const right = decimal(b);
  if (left.digits === "" || right.digits === "") return left.digits === right.digits;
  return left.digits === right.digits && left.exponent === right.exponent;
}

/** The magnitude as digits × 10^exponent, without leading or trailing zeros; zero has no digits. */
function decimal(literal: string): { digits: string; exponent: number } {
  const unsigned = literal.startsWith("-") ? literal.slice(1) : literal;
  const [mantissa = "", power = "0"] = unsigned.split(/[eE]/);
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = whole + fraction;
  let start = 0;
  while (start < digits.length && digits[start] === "0") start++;
  let end = digits.length;
  while (end > start && digits[end - 1] === "0") end--;
  return {
    digits: digits.slice(start, end),
    exponent: Number(power) - fraction.length + (digits.length - end),
  };
}

function excerpt(text: string): string {
  return text.length <= EXCERPT ? text : `${text.slice(0, EXCERPT)}…`;
}

/** So many characters without an exponent are always the decimal that the double prints. */
const EXACT_LENGTH = 15;

/** Whether to look on after a refusal at the place that these open containers lead to. */
type LooksOn = (frames: readonly Frame[]) => boolean;

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
  return visibleText(JSON.stringify(excerpt(text).toWellFormed()));
}
