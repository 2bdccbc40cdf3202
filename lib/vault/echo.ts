import { isJsonObject, type JsonValue, memberOf } from "../base/json.ts";

/**
 * A credential that comes back: an upstream repeats what it was sent, as it stands, percent-encoded,
 * with escapes, or as base64 or hex, by itself or inside of something longer. It is cut out of every
 * text before anybody reads it; pictures and other bytes stay as they are. Pure, and in time that
 * grows with the text alone, whatever secret the upstream itself handed out.
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
  async text(text: string, turn: Turn = () => undefined): Promise<Cut<string>> {
    const found: Span[] = [];
    for (const reading of readingsOf(text)) {
      await this.#automaton.spans(text, reading, found, turn);
    }
    if (found.length === 0) return { value: text, count: 0 };
    const spans = merged(found);
    let out = "";
    let from = 0;
    for (const { start, end } of spans) {
      out += text.slice(from, start) + CUT;
      from = end;
    }
    return { value: out + text.slice(from), count: spans.length };
  }

  /**
   * JSON without it, in values and in names of members; everything else stays byte for byte. What is
   * no JSON comes back as it is, for whoever reads it to refuse.
   */
  async json(
    bytes: Uint8Array<ArrayBuffer>,
    turn: Turn = () => undefined,
  ): Promise<Cut<Uint8Array<ArrayBuffer>>> {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    const whole = { value: bytes, count: 0 };
    // Written with escapes of letters it may only be seen once these are read.
    const isPlain = !this.#isEscaped && !/\\u00/.test(text);
    if (isPlain && (await this.text(text, turn)).count === 0) return whole;
    const pictures = picturesIn(text);
    if (pictures === null) return whole;
    const parts: string[] = [];
    let count = 0;
    let from = 0;
    let name = "";
    for (const { start, end, isText } of tokensOf(text)) {
      if (end - start < SHORTEST_SECRET) {
        if (isText) name = text.slice(start + 1, end - 1);
        continue;
      }
      const token = text.slice(start, end);
      const read = isText ? textOf(token) : token;
      if (read === null) return whole;
      const isPicture = (name === "data" || name === "blob") && pictures.has(read);
      const cut = isPicture ? { value: read, count: 0 } : await this.text(read, turn);
      if (isText) name = read;
      if (cut.count === 0) continue;
      count += cut.count;
      parts.push(text.slice(from, start), JSON.stringify(cut.value));
      from = end;
    }
    if (count === 0) return whole;
    parts.push(text.slice(from));
    return { value: new TextEncoder().encode(parts.join("")), count };
  }
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
    ...severalTimes(secret, (text) => new URLSearchParams({ "": text }).toString().slice(1)),
    secret.replace(/[&<>"]/g, (one) => HTML[one] ?? one),
    ...encoded,
    hex,
    hex.toUpperCase(),
  ];
}

/** A text within a text within a text. */
function severalTimes(text: string, within: (text: string) => string): string[] {
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
    else if (span.end > last.end) out[out.length - 1] = { start: last.start, end: span.end };
  }
  return out;
}

/** How a text is read: as it stands, with its escapes read, and without line ends besides. */
interface Reading {
  readonly escapes: boolean;
  readonly joins: boolean;
}

/** The readings that can make a difference. */
function readingsOf(text: string): Reading[] {
  const escapes = /[%\\&]/.test(text);
  const readings = [{ escapes: false, joins: false }];
  if (escapes) readings.push({ escapes: true, joins: false });
  if (/[\r\n]|\\[rn]/.test(text)) readings.push({ escapes, joins: true });
  return readings;
}

const PERCENT = 0x25;

const BACKSLASH = 0x5c;

const AMPERSAND = 0x26;

const SPACE = 0x20;

const ESCAPES = [
  /%(?:25)*([0-9A-Fa-f]{2})/y,
  /\\+u00([0-9A-Fa-f]{2})/y,
  /&#[xX]0*([0-9A-Fa-f]{2});/y,
];

const DECIMAL = /&#0*([0-9]{2,3});/y;

const LINE_END = /(?:[\r\n\t ]|\\+[rnt])+/y;

const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

const NAMED: ReadonlyMap<string, string> = new Map(
  Object.entries(HTML).map(([one, name]) => [name, one]),
);

/** One character of a text as it is read: which, and where the next begins. */
function unitAt(text: string, at: number, { escapes, joins }: Reading): [number, number] {
  const code = text.charCodeAt(at);
  if (joins && (code === BACKSLASH || code <= SPACE)) {
    const end = matchEnd(LINE_END, text, at);
    if (end !== null) return [-1, end];
  }
  if (!escapes) return [code, at + 1];
  for (const escape of ESCAPES) {
    escape.lastIndex = at;
    const [whole, digits] = escape.exec(text) ?? [];
    if (whole !== undefined) return [parseInt(digits ?? "", 16), at + whole.length];
  }
  if (code === BACKSLASH) {
    let end = at;
    while (text.charCodeAt(end) === BACKSLASH) end++;
    const next = text.charAt(end);
    // In front of a letter it is a backslash; before anything else it only says: as it stands.
    return next === "" || /[A-Za-z0-9]/.test(next) ? [code, end] : [text.charCodeAt(end), end + 1];
  }
  if (code === AMPERSAND) {
    DECIMAL.lastIndex = at;
    const [whole, digits] = DECIMAL.exec(text) ?? [];
    if (whole !== undefined) return [Number(digits), at + whole.length];
    const semicolon = text.slice(at, at + 7).indexOf(";");
    const named = semicolon < 0 ? undefined : NAMED.get(text.slice(at, at + semicolon + 1));
    if (named !== undefined) return [named.charCodeAt(0), at + semicolon + 1];
  }
  return [code, at + 1];
}

function matchEnd(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
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

  async spans(text: string, reading: Reading, found: Span[], turn: Turn): Promise<void> {
    const { escapes, joins } = reading;
    const root = this.#next[0]!;
    const first = Uint8Array.from({ length: 128 }, (_, code) => root.has(code) ? 1 : 0);
    // Where each of the last characters began: a match is as many of them as it has.
    const began = new Uint32Array(this.#longest);
    let units = 0;
    let state = 0;
    let since = 0;
    for (let at = 0; at < text.length;) {
      let code = text.charCodeAt(at);
      let end = at + 1;
      const isOdd = (escapes && (code === PERCENT || code === BACKSLASH || code === AMPERSAND)) ||
        (joins && (code <= SPACE || code === BACKSLASH));
      if (isOdd) [code, end] = unitAt(text, at, reading);
      if (state === 0 && (code >= 128 || code < 0 || first[code] === 0)) {
        // Most of every text: nothing begins here.
      } else if (code >= 0) {
        began[units % this.#longest] = at;
        units++;
        state = this.#after(state, code);
        const length = this.#ends[state]!;
        if (length > 0) found.push({ start: began[(units - length) % this.#longest]!, end });
      }
      at = end;
      if (at - since >= TURN_CHARACTERS) {
        since = at;
        await turn();
      }
    }
  }
}

interface Token extends Span {
  readonly isText: boolean;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[-0-9][-+.0-9eE]*/g;

/** The strings and numbers of a JSON text, in order. */
function* tokensOf(text: string): Generator<Token> {
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    yield { start: index, end: index + token.length, isText: token.startsWith('"') };
  }
}

function textOf(token: string): string | null {
  try {
    return String(JSON.parse(token));
  } catch {
    return null;
  }
}

/** What of a message stands for bytes, as text of base64. Null for what is no JSON. */
function picturesIn(text: string): ReadonlySet<string> | null {
  let message: JsonValue;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  const content = memberOf(memberOf(message, "result"), "content");
  const pictures = new Set<string>();
  for (const block of Array.isArray(content) ? content : []) {
    const type = memberOf(block, "type");
    const data = type === "image" || type === "audio"
      ? memberOf(block, "data")
      : type === "resource" && isJsonObject(memberOf(block, "resource"))
      ? memberOf(memberOf(block, "resource"), "blob")
      : undefined;
    if (typeof data === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(data)) pictures.add(data);
  }
  return pictures;
}
