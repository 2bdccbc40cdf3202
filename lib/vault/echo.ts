import { withStrings } from "../guards/json_strings.ts";
import { piecesOf, withPlaceholdersIn, type WrittenText } from "../guards/long_text.ts";
import {
  AMPERSAND,
  BACKSLASH,
  HTML,
  LETTER_U,
  PERCENT,
  type Reading,
  readingsOf,
  SPACE,
  unitAt,
  ZERO,
} from "./written.ts";

/**
 * A credential that comes back: an upstream repeats what it was sent, as it stands, percent-encoded,
 * with escapes, or as base64 or hex, by itself or inside of something longer. It is cut out of every
 * text before anybody reads it, and written over in files, which keep their length; pictures and sounds
 * stay as they are. Pure, and in time that
 * grows with the text alone, whatever secret the upstream itself handed out. It is looked for in the
 * bytes that came: all that it is written with is ASCII, so no text is made of a message without it,
 * and of one with it no more than a part at a time.
 */

/** What stands where a credential stood. No longer than any secret that is taken. */
export const CUT = "[secret]";

/** A secret shorter than this could not be told from other text. */
export const SHORTEST_SECRET = CUT.length;

/** A text without the secret, and how often it stood in it. */
export interface Cut<T> {
  readonly value: T;
  readonly count: number;
}

/** After so many characters others get their turn. */
const TURN_CHARACTERS = 128 * 1024;

type Turn = () => Promise<void> | undefined;

/** Work that lets others have their turn at each `yield`. */
type Work<R> = Generator<void, R>;

async function done<R>(work: Work<R>, turn: Turn): Promise<R> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    await turn();
  }
}

/** Where the pictures, sounds and files of a message stand. */
const CONTENT = ["result", "content"];

/** Finds one secret, in all the ways it may be written, and what else is secret with it. */
export class Echo {
  readonly #automaton: Automaton;
  /** Whether it has what is written with escapes itself: then only each text alone says what it is. */
  readonly #isEscaped: boolean;

  /** @param secrets each of at least `SHORTEST_SECRET` characters of ASCII */
  constructor(secrets: readonly string[]) {
    this.#automaton = new Automaton(new Set(secrets.flatMap(spellings)));
    this.#isEscaped = secrets.some((secret) => /[\\%&"]/.test(secret));
  }

  /** A text without it. */
  text(text: string, turn: Turn = () => undefined): Promise<Cut<string>> {
    return done(this.#text(text), turn);
  }

  /**
   * JSON without it, in values and in names of members; everything else stays byte for byte. What is
   * no JSON stays none, for whoever reads it to refuse.
   */
  json(
    bytes: Uint8Array<ArrayBuffer>,
    turn: Turn = () => undefined,
  ): Promise<Cut<Uint8Array<ArrayBuffer>>> {
    return done(this.#json(bytes), turn);
  }

  *#json(bytes: Uint8Array<ArrayBuffer>): Work<Cut<Uint8Array<ArrayBuffer>>> {
    const whole = { value: bytes, count: 0 };
    // Written with escapes of letters it may only be seen once these are read.
    const isPlain = !this.#isEscaped && !hasLetterEscapes(bytes);
    if (isPlain && (yield* this.#spans(bytes)).length === 0) return whole;
    let count = 0;
    const counted = <T>(cut: Cut<T>): T => {
      count += cut.count;
      return cut.value;
    };
    const [ofText, ofLong] = [this.#text.bind(this), this.#long.bind(this)];
    const ofFile = this.#file.bind(this);
    try {
      const value = yield* withStrings(bytes, "", {
        numbers: SHORTEST_SECRET,
        *text(text) {
          return text.length < SHORTEST_SECRET ? text : counted(yield* ofText(text));
        },
        *long(written) {
          return counted(yield* ofLong(written));
        },
        *file(base64) {
          return counted(yield* ofFile(base64));
        },
      }, CONTENT);
      return { value, count };
    } catch (error) {
      if (error instanceof SyntaxError) return whole;
      throw error;
    }
  }

  *#text(text: string): Work<Cut<string>> {
    const spans = yield* this.#spans(codesOf(text));
    let out = "";
    let from = 0;
    for (const { start, end } of spans) {
      out += text.slice(from, start) + CUT;
      from = end;
    }
    return { value: out + text.slice(from), count: spans.length };
  }

  *#long(written: WrittenText): Work<Cut<WrittenText>> {
    const spans = yield* this.#spans(codesIn(written));
    if (spans.length === 0) return { value: written, count: 0 };
    const placeholders = spans.map((span) => ({ ...span, text: CUT }));
    return {
      value: withPlaceholdersIn(written, placeholders),
      count: spans.length,
    };
  }

  /** The base64 of a file: what of it is the secret stands for asterisks, and all else for what it was. */
  *#file(base64: Uint8Array<ArrayBuffer>): Work<Cut<Uint8Array<ArrayBuffer>>> {
    const spans = yield* this.#spans(base64);
    if (spans.length === 0) return { value: base64, count: 0 };
    const value = base64.slice();
    for (const { start, end } of spans) {
      for (let at = start; at < end; at++) {
        if (value[at] !== EQUALS) value[at] = ASTERISKS[at % ASTERISKS.length]!;
      }
    }
    return { value, count: spans.length };
  }

  /** Where it stands in a text that is given by the codes of its characters. */
  *#spans(codes: Uint8Array): Work<Span[]> {
    const found: Span[] = [];
    for (const reading of readingsOf(codes)) {
      yield* this.#automaton.spans(codes, reading, found);
    }
    return merged(found);
  }
}

/** `***` in base64, again and again. */
const ASTERISKS = new TextEncoder().encode("Kioq");

const EQUALS = 0x3d;

/** What stands for every character that is no ASCII: no secret has one. */
const OTHER = 0x80;

function codesOf(text: string): Uint8Array {
  const codes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    codes[at] = Math.min(text.charCodeAt(at), OTHER);
  }
  return codes;
}

/** The same of a long text: its own bytes, where they are its characters. */
function codesIn(written: WrittenText): Uint8Array {
  const [part, ...more] = written;
  if (part !== undefined && more.length === 0 && part.every(isItself)) {
    return part;
  }
  const size = written.reduce((sum, { length }) => sum + length, 0);
  const codes = new Uint8Array(size);
  let length = 0;
  for (const { text, from } of piecesOf(written, 1)) {
    for (let at = 0; at < text.length; at++) {
      codes[from + at] = Math.min(text.charCodeAt(at), OTHER);
    }
    length = from + text.length;
  }
  return codes.subarray(0, length);
}

function isItself(byte: number): boolean {
  return byte < OTHER && byte !== BACKSLASH;
}

/** Whether a JSON text has characters of ASCII as `\u00..`. */
function hasLetterEscapes(json: Uint8Array): boolean {
  for (
    let at = json.indexOf(BACKSLASH);
    at >= 0;
    at = json.indexOf(BACKSLASH, at + 1)
  ) {
    if (
      json[at + 1] === LETTER_U && json[at + 2] === ZERO &&
      json[at + 3] === ZERO
    ) return true;
  }
  return false;
}

/** The texts that say the same: itself, as a form, and in base64 and hex wherever it begins in these. */
function spellings(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const hex = bytes.toHex();
  const encoded = [0, 1, 2].flatMap((before) => {
    // What stands before shifts it; the digits that hold bits of others are left out.
    const shifted = new Uint8Array(before + bytes.length);
    shifted.set(bytes, before);
    const from = Math.ceil(before * 8 / 6);
    const to = Math.floor(shifted.length * 8 / 6);
    return [
      shifted.toBase64().slice(from, to),
      shifted.toBase64({ alphabet: "base64url" }).slice(from, to),
    ];
  });
  return [
    secret,
    secret.replaceAll(" ", "+"),
    // Of a secret with a backslash or a percent sign, these would be read as escapes of something.
    ...severalTimes(secret, (text) => JSON.stringify(text).slice(1, -1)),
    ...severalTimes(secret, encodeURIComponent),
    ...severalTimes(
      secret,
      (text) => new URLSearchParams({ "": text }).toString().slice(1),
    ),
    secret.replace(/[&<>"]/g, (one) => HTML[one] ?? one),
    ...encoded,
    hex,
    hex.toUpperCase(),
  ];
}

/** A text within a text within a text. */
function severalTimes(
  text: string,
  within: (text: string) => string,
): string[] {
  const once = within(text);
  const twice = within(once);
  return [once, twice, within(twice)];
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function merged(spans: readonly Span[]): Span[] {
  const sorted = spans.toSorted((a, b) => a.start - b.start || b.end - a.end);
  const out: Span[] = [];
  for (const span of sorted) {
    const last = out.at(-1);
    if (last === undefined || span.start >= last.end) out.push(span);
    else if (span.end > last.end) {
      out[out.length - 1] = { start: last.start, end: span.end };
    }
  }
  return out;
}

/**
 * Finds many texts in one pass (Aho and Corasick, 1975): each character is looked at once, also of a
 * text that is made to nearly match everywhere.
 */
class Automaton {
  /** What follows at each state, by the code of a character. */
  readonly #next: Map<number, number>[] = [new Map()];
  /** The state to go on with where nothing follows. */
  readonly #instead: number[] = [0];
  /** Length of the longest of the texts that ends in a state; 0 for none. */
  readonly #ends: number[] = [0];
  #longest = 1;

  constructor(texts: ReadonlySet<string>) {
    for (const text of texts) {
      if (text === "") continue;
      this.#longest = Math.max(this.#longest, text.length);
      let state = 0;
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        let next = this.#next[state]!.get(code);
        if (next === undefined) {
          next = this.#next.push(new Map()) - 1;
          this.#next[state]!.set(code, next);
          this.#instead.push(0);
          this.#ends.push(0);
        }
        state = next;
      }
      this.#ends[state] = text.length;
    }
    const queue = [...this.#next[0]!.values()];
    for (const state of queue) {
      for (const [code, next] of this.#next[state]!) {
        this.#instead[next] = this.#after(this.#instead[state]!, code);
        this.#ends[next] ||= this.#ends[this.#instead[next]!]!;
        queue.push(next);
      }
    }
  }

  #after(from: number, code: number): number {
    for (let state = from;; state = this.#instead[state]!) {
      const next = this.#next[state]!.get(code);
      if (next !== undefined) return next;
      if (state === 0) return 0;
    }
  }

  *spans(codes: Uint8Array, reading: Reading, found: Span[]): Work<void> {
    const { escapes, joins } = reading;
    const root = this.#next[0]!;
    const first = Uint8Array.from(
      { length: 256 },
      (_, code) => root.has(code) ? 1 : 0,
    );
    // Where each of the last characters began: a match is as many of them as it has.
    const began = new Uint32Array(this.#longest);
    let units = 0;
    let state = 0;
    let since = 0;
    for (let at = 0; at < codes.length;) {
      let code = codes[at]!;
      let end = at + 1;
      const isOdd = (escapes &&
        (code === PERCENT || code === BACKSLASH || code === AMPERSAND)) ||
        (joins && (code <= SPACE || code === BACKSLASH));
      if (isOdd) [code, end] = unitAt(codes, at, reading);
      if (state === 0 && (code < 0 || first[code] !== 1)) {
        // Most of every text: nothing begins here.
      } else if (code >= 0) {
        began[units % this.#longest] = at;
        units++;
        state = this.#after(state, code);
        const length = this.#ends[state]!;
        if (length > 0) {
          found.push({ start: began[(units - length) % this.#longest]!, end });
        }
      }
      at = end;
      if (at - since >= TURN_CHARACTERS) {
        since = at;
        yield;
      }
    }
  }
}
