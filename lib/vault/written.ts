/**
 * How a text may be written: with escapes of JSON, addresses and HTML, once or several times over, and
 * on lines. It is read by the codes of its characters, each once.
 */

/** How a text is read: as it stands, with its escapes read, and without line ends besides. */
export interface Reading {
  readonly escapes: boolean;
  readonly joins: boolean;
}

/** The readings that can make a difference. */
export function readingsOf(codes: Uint8Array): Reading[] {
  let [escapes, joins] = [false, false];
  for (let at = 0; at < codes.length && !(escapes && joins); at++) {
    const code = codes[at]!;
    if (code === BACKSLASH) {
      const next = codes[at + 1];
      joins ||= next === LETTER_R || next === LETTER_N;
    }
    escapes ||= code === PERCENT || code === BACKSLASH || code === AMPERSAND;
    joins ||= code === CARRIAGE_RETURN || code === LINE_FEED;
  }
  const readings = [{ escapes: false, joins: false }];
  if (escapes) readings.push({ escapes: true, joins: false });
  if (joins) readings.push({ escapes, joins: true });
  return readings;
}

const TAB = 0x09;

const LINE_FEED = 0x0a;

const CARRIAGE_RETURN = 0x0d;

export const SPACE = 0x20;

const NUMBER_SIGN = 0x23;

export const PERCENT = 0x25;

export const AMPERSAND = 0x26;

export const ZERO = 0x30;

const TWO = 0x32;

const FIVE = 0x35;

const SEMICOLON = 0x3b;

export const BACKSLASH = 0x5c;

const LETTER_N = 0x6e;

const LETTER_R = 0x72;

const LETTER_T = 0x74;

export const LETTER_U = 0x75;

const LETTER_X = 0x78;

/** Makes a small letter of a large one. */
const SMALL = 0x20;

export const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

const NAMED: ReadonlyMap<string, number> = new Map(
  Object.entries(HTML).map(([one, name]) => [name, one.charCodeAt(0)]),
);

/** Which character is read, -1 for none, and where the next begins. */
type Unit = readonly [code: number, end: number];

/** One character of a text as it is read. */
export function unitAt(
  codes: Uint8Array,
  at: number,
  { escapes, joins }: Reading,
): Unit {
  const code = codes[at]!;
  if (joins) {
    const end = lineEndFrom(codes, at);
    if (end > at) return [-1, end];
  }
  if (escapes) {
    switch (code) {
      case PERCENT:
        return percentAt(codes, at) ?? [code, at + 1];
      case BACKSLASH:
        return escapedAt(codes, at);
      case AMPERSAND:
        return entityAt(codes, at) ?? [code, at + 1];
    }
  }
  return [code, at + 1];
}

/** Where line ends and blanks are over that begin there, as they stand or as escapes. */
function lineEndFrom(codes: Uint8Array, at: number): number {
  for (let end = at;;) {
    const code = codes[end];
    const isBlank = code === SPACE || code === TAB || code === LINE_FEED ||
      code === CARRIAGE_RETURN;
    if (isBlank) {
      end++;
      continue;
    }
    const letter = code === BACKSLASH ? pastBackslashes(codes, end) : end;
    const isEscape = letter > end &&
      (codes[letter] === LETTER_R || codes[letter] === LETTER_N ||
        codes[letter] === LETTER_T);
    if (!isEscape) return end;
    end = letter + 1;
  }
}

function pastBackslashes(codes: Uint8Array, at: number): number {
  let end = at;
  while (codes[end] === BACKSLASH) end++;
  return end;
}

/** `%41`, and `%2541`, which is that within something that was encoded once more. */
function percentAt(codes: Uint8Array, at: number): Unit | null {
  let from = at + 1;
  while (codes[from] === TWO && codes[from + 1] === FIVE) from += 2;
  const byte = byteAt(codes, from);
  if (byte !== null) return [byte, from + 2];
  return from > at + 1 ? [PERCENT, from] : null;
}

/** `\u0041`, however often it was escaped; a backslash before anything else says: as it stands. */
function escapedAt(codes: Uint8Array, at: number): Unit {
  const end = pastBackslashes(codes, at);
  const next = codes[end];
  if (next === LETTER_U && codes[end + 1] === ZERO && codes[end + 2] === ZERO) {
    const byte = byteAt(codes, end + 3);
    if (byte !== null) return [byte, end + 5];
  }
  // In front of a letter it is a backslash.
  return next === undefined || isLetterOrDigit(next) ? [BACKSLASH, end] : [next, end + 1];
}

/** `&amp;`, `&#x26;`, `&#38;`, with any number of zeros before the digits. */
function entityAt(codes: Uint8Array, at: number): Unit | null {
  if (codes[at + 1] !== NUMBER_SIGN) {
    const name = String.fromCharCode(...codes.subarray(at, at + 7)).split(";", 1)[0] + ";";
    const code = NAMED.get(name);
    return code === undefined ? null : [code, at + name.length];
  }
  const isHex = (codes[at + 2]! | SMALL) === LETTER_X;
  const from = at + (isHex ? 3 : 2);
  const digitOf = isHex ? hexDigit : decimalDigit;
  let end = from;
  while (digitOf(codes[end]) !== null) end++;
  if (end - from < 2 || codes[end] !== SEMICOLON) return null;
  let code = 0;
  for (let i = from; i < end; i++) {
    code = code * (isHex ? 16 : 10) + (digitOf(codes[i]) ?? 0);
    if (code > (isHex ? 0xff : 999)) return null;
  }
  return [code, end + 1];
}

/** The byte that two hex digits stand for. */
function byteAt(codes: Uint8Array, at: number): number | null {
  const [high, low] = [hexDigit(codes[at]), hexDigit(codes[at + 1])];
  return high === null || low === null ? null : high * 16 + low;
}

function decimalDigit(code: number | undefined): number | null {
  return code !== undefined && code >= ZERO && code < ZERO + 10 ? code - ZERO : null;
}

function hexDigit(code: number | undefined): number | null {
  if (code === undefined) return null;
  const letter = (code | SMALL) - 0x61;
  return decimalDigit(code) ?? (letter >= 0 && letter < 6 ? letter + 10 : null);
}

function isLetterOrDigit(code: number): boolean {
  const letter = (code | SMALL) - 0x61;
  return decimalDigit(code) !== null || (letter >= 0 && letter < 26);
}
