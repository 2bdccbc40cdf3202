import {
  type CharSet,
  charSet,
  type Scan,
  SPACE,
  type Span,
  UNSPACED_FROM,
  UNSPACED_LETTER,
} from "./scan.ts";
import type { SecretKind } from "./secret_names.ts";
import { isMixedUp, isScrambled } from "./secret_token.ts";

/**
 * Whether what stands behind the name of a secret is a value, a stand-in for one, or just a word;
 * and where it ends.
 */

/** How much the way of writing says that a value is a secret, from a sure place to a mere hint. */
export type Suspicion = "sure" | "likely" | "hint";

/** What a value can be: what its name says, or the password that follows the name of its user. */
export type ValueKind = SecretKind | "login";

const MIN_LENGTH: Readonly<Record<Suspicion, number>> = { sure: 4, likely: 6, hint: 8 };

const NOT_VALUES: ReadonlySet<string> = new Set(
  ("null none nil true false undefined redacted removed hidden masked secret password passwort " +
    "token tokens changeme change-me empty unset missing expired required invalid yes string " +
    "bearer basic optional enabled disabled default unknown rotated revoked reset changed placeholder " +
    "example dummy sample include omit prompt encrypted protected incorrect wrong correct failed text " +
    "varchar number boolean object array value here todo tbd n/a").split(" "),
);

/** Calls, look-ups and markers that stand where a secret will be put. */
const STAND_INS = [
  /^<[^>]*>?$|^\{{1,2}[^{}]*\}{0,2}$|^\$(?:[A-Z_]|\{|\(|[a-z_]\w*$)|^%(?:[A-Za-z_]+%?$|\()|^\([A-Za-z ]+\)?$/,
  /^!(?:vault|ref|sub|getatt|secret|env|encrypted|reference|include)\b/i,
  /^@[A-Za-z]\w*[.(]/,
  /^\[[A-Za-z -]+\]?$|\]\(|<[A-Za-z][\w -]*>/,
  /^[*.xX\u2022#_?-]+$|\*{3,}|x{6,}|\.{3,}$/i,
  /^(?:process\.env|import\.meta|env[.:[(]|os\.environ|os\.getenv|secrets?[.:[]|vault[:/]|arn:aws|op:\/\/|ref\+|ssm:|sm:\/\/|kms:|enc[[(]|keyring:|file:|config\.|settings\.|var\.|getenv|system\.)/i,
  /^(?:your|my|the|insert|replace|enter|add|put|some|any|test|fake|dummy|example|sample)[-_ ](?:[a-z]+[-_ ])*[a-z]*\d*$/i,
  /^[A-Z]+(?:_[A-Z]+)+$/,
  /^[A-Za-z_][\w.]*(?:\(|\[$|\[["'])/,
  // Fingerprints of keys and public keys, as OpenSSH writes them.
  /^(?:SHA256:[A-Za-z\d+/]{43}=?|MD5(?::[\da-f]{2}){16})$/i,
  /^(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-(?:ssh|ecdsa)-[\w@.-]{1,60})(?: AAAA|$)/,
  /^AAAA[A-Z][\dA-Za-z](?:NzaC1|VjZHNh|NrLX)/,
];

/**
 * What people write in place of a secret: `<token>`, `${TOKEN}`, `$TOKEN`, `{{token}}`, `****`,
 * `YOUR_API_KEY`, `!vault`, `process.env.TOKEN`, `vault:…`, `null`.
 */
export function isStandIn(value: string): boolean {
  return NOT_VALUES.has(value.toLowerCase()) || STAND_INS.some((form) => form.test(value));
}

/** A word, a number, a version: what names and sentences are made of, and random values are not. */
const WORD_PIECE = /^(?:[A-Z]?[a-z]+|[A-Z]+|\d+|v?\d{1,4}[a-z]?|[a-z]{1,2}\d{1,2})$/;

/** True for `payments-db-v2`, `rotation-2024`, `prod/payments/db-main`. */
function isWordy(value: string): boolean {
  // "theirClass" is two words.
  const pieces = value.replaceAll(/([a-z])(?=[A-Z])/g, "$1-").split(/[-_./:@\s]+/);
  return pieces.every((piece) => piece === "" || WORD_PIECE.test(piece));
}

/** A path or a chain of names such as `/srv/app/current`, `projects/p/secrets/db`, `C:\keys`. */
function isPlace(value: string, suspicion: Suspicion): boolean {
  if (/^(?:[A-Za-z]:\\|\\\\)[\w\\. -]+$/.test(value)) return true;
  if (/^\w+:\/\/[^@]*$/.test(value)) return suspicion !== "sure";
  if (!value.includes("/") || !/^[~.\w@/-]+$/.test(value)) return false;
  const pieces = value.split("/").filter((piece) => piece !== "");
  return pieces.length >= 2 && pieces.every((piece) => isWordy(piece));
}

/** A date, a time, a duration, a version, an amount, a ticket. */
const MEASURE =
  /^(?:v?\d+(?:\.\d+)+(?:-\w+)?|\d+(?:[.,]\d+)?[A-Za-z%]{1,7}|\d{4}-\d\d-\d\d(?:T[\d:.Z+-]*)?|[A-Z]{2,10}-\d+)$/;

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

const MARK = /[!@#$%^&*+=?~]/;

interface Traits {
  readonly digit: boolean;
  readonly lower: boolean;
  readonly upper: boolean;
  readonly letter: boolean;
  readonly mark: boolean;
}

function traitsOf(value: string): Traits {
  const lower = /\p{Ll}/u.test(value);
  const upper = /\p{Lu}/u.test(value);
  return {
    digit: /\d/.test(value),
    lower,
    upper,
    letter: lower || upper || /\p{Lo}/u.test(value),
    mark: MARK.test(value),
  };
}

/** A run of letters and digits of that length that holds both. */
function hasMixedRun(value: string, least: number): boolean {
  return value.split(/[^A-Za-z\d]+/).some((run) =>
    run.length >= least && /\d/.test(run) && /[A-Za-z]/.test(run)
  );
}

function isPassword(value: string, suspicion: Suspicion): boolean {
  if (suspicion === "sure") return true;
  const { digit, lower, upper, letter, mark } = traitsOf(value);
  if (MEASURE.test(value)) return false;
  if (suspicion === "likely") return (digit && letter) || (letter && mark);
  const isSpelledWithDigits = (value.match(/\p{L}\d+(?=\p{L})/gu)?.length ?? 0) >= 2;
  return !isWordy(value) && digit && letter &&
    ((lower && upper) || mark || isSpelledWithDigits || hasMixedRun(value, 16));
}

/** `Walnut-Engine-903`: capitals and a number, as passwords have them that are made of words. */
function isPassphrase(value: string): boolean {
  return value.length >= LEAST_PASSPHRASE && /^[A-Za-z\d]+(?:[-_][A-Za-z\d]+)+$/.test(value) &&
    /[A-Z]/.test(value) && /[a-z]/.test(value) && /(?<![A-Za-z\d])\d{2}/.test(value);
}

const LEAST_PASSPHRASE = 10;

const LEAST_OPAQUE = 16;

/** Names that are put together can be longer than random keys, but not by much. */
const LEAST_RANDOM_KEY = 32;

function isKey(value: string, suspicion: Suspicion): boolean {
  const { digit, lower, upper, letter, mark } = traitsOf(value);
  if (suspicion === "sure") {
    if (/[-_./:]/.test(value) && isWordy(value) && value.length < LEAST_RANDOM_KEY) {
      return isPassphrase(value);
    }
    return digit || mark || (lower && upper) || value.length >= LEAST_OPAQUE;
  }
  if (MEASURE.test(value) || isWordy(value) || !digit || !letter) return false;
  return suspicion === "likely" ? value.length >= 8 : (lower && upper) || hasMixedRun(value, 16);
}

function isToken(value: string, suspicion: Suspicion): boolean {
  const { digit, lower, upper, letter, mark } = traitsOf(value);
  if (suspicion === "sure") {
    if (/^\d+$/.test(value)) return value.length >= 6;
    if (isWordy(value) && value.length < 24) return isPassphrase(value);
    return (digit && letter) || mark || (lower && upper && value.length >= 8);
  }
  if (MEASURE.test(value) || isWordy(value)) return false;
  return (digit && lower && upper) || hasMixedRun(value, 16) || UUID.test(value);
}

/** `session=…` and `sig=…` hold a secret where the value is random; `key=…` where it is wild. */
function isOpaque(value: string, suspicion: Suspicion, isVague: boolean): boolean {
  return suspicion === "sure" && value.length >= LEAST_OPAQUE && !isPlace(value, "likely") &&
    value.split(/[^A-Za-z\d]+/).some((run) =>
      run.length >= 10 &&
      (isScrambled(run) || /^[\da-f]{32,}$/i.test(run) || (!isVague && isMixedUp(run)))
    );
}

/** Words of BIP 39, in one of its lengths or more. */
const PHRASE = /^\p{Ll}{3,10}(?:[ ,]{1,2}\p{Ll}{3,10}){11,23}$/u;

const LEAST_CODE = 3;

/** `k3x9p-m2q7w`, "881 204": how codes to recover an account, and long ones, are written. */
function isGroups(value: string): boolean {
  return /^[A-Za-z\d]{3,10}(?:[- ][A-Za-z\d]{3,10}){1,5}$/.test(value) && /\d/.test(value);
}

/** True when `value`, found under a name of that kind and with that suspicion, is a secret. */
export function isSecretValue(value: string, kind: ValueKind, suspicion: Suspicion): boolean {
  const least = kind === "code" ? LEAST_CODE : MIN_LENGTH[suspicion];
  if (value.length < least || isStandIn(value) || isPlace(value, suspicion)) {
    return false;
  }
  switch (kind) {
    case "password":
      return isPassword(value, suspicion);
    case "key":
      return isKey(value, suspicion);
    case "token":
      return isToken(value, suspicion);
    case "opaque":
    case "vague":
      return isOpaque(value, suspicion, kind === "vague");
    case "login":
      return isPassword(value, suspicion) && !isWordy(value);
    case "code":
      return /^\d+$/.test(value)
        ? value.length <= 10
        : isGroups(value) || isPassword(value, "hint");
    case "phrase":
      return PHRASE.test(value);
    case "authorization":
    case "cookie":
      return looksEncoded(value);
  }
}

/** "expired-token" is prose; an encoded credential has digits or mixes cases. */
export function looksEncoded(value: string): boolean {
  return value.length >= 8 && !isStandIn(value) &&
    (/\d/.test(value) || (/[A-Z]/.test(value.slice(1)) && /[a-z]/.test(value)));
}

/** A quote as it is, escaped by JSON inside of JSON, or as an entity of HTML. */
const QUOTE =
  /\\{0,8}["'`]|["'`]|[\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u2039\u300c\u300e]|&(?:quot|#34|#x22|apos|#39);|%2[27]|\\u002[27]/y;

const CLOSING: ReadonlyMap<string, string> = new Map([
  ["\u201c", "\u201d"],
  ["\u201e", "\u201c"],
  ["\u2018", "\u2019"],
  ["\u201a", "\u2018"],
  ["\u00ab", "\u00bb"],
  ["\u2039", "\u203a"],
  ["\u300c", "\u300d"],
  ["\u300e", "\u300f"],
]);

const OPENING = /[\u201c\u201e\u2018\u201a\u00ab\u2039\u300c\u300e]/;

/** The length of the quote at `at` that can close what stands before, 0 where there is none. */
export function closingQuoteLength(scan: Scan, at: number): number {
  const quote = scan.matchAt(QUOTE, at)?.[0] ?? "";
  return OPENING.test(quote) ? 0 : quote.length;
}

/** The length of the quote at `at`, 0 where there is none. */
export function quoteLength(scan: Scan, at: number): number {
  return scan.matchAt(QUOTE, at)?.[0].length ?? 0;
}

const QUOTES = charSet("\"'`");

/** Quotes, and what ends a sentence or a part of one in Chinese and Japanese. */
const CURLY_OR_STOP =
  /["'`\u3001\u3002\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb\u2039\u203a\u300c-\u300f]/;

const STOPS: CharSet = (code) =>
  code <= 0 || SPACE(code) || QUOTES(code) ||
  (code > 127 && CURLY_OR_STOP.test(String.fromCharCode(code)));

const LIST_MARKS = charSet(",;&|");

const ANGLE = charSet("<");

const CLOSERS = charSet(".,;:)]}>&\\*_");

const SENTENCE_ENDS = charSet(".,;:)]}>&!?\\*_");

const NAME = charSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-#");

const ASSIGN = charSet("=:");

const AMPERSAND = charSet("&");

const SEMICOLON = charSet(";");

const NAME_LIMIT = 40;

/** True when the list mark at `at` ends a value: nothing, or `name=`, or an entity follows. */
function dividesMembers(scan: Scan, at: number): boolean {
  const next = scan.code(at + 1);
  if (STOPS(next) || next >= UNSPACED_FROM) return true;
  const nameEnd = scan.runEnd(at + 1, NAME, NAME_LIMIT);
  return nameEnd > at + 1 &&
    (scan.is(nameEnd, ASSIGN) || (scan.is(at, AMPERSAND) && scan.is(nameEnd, SEMICOLON)));
}

/** A value is judged by this much of it; what is accepted is then taken to its end. */
const JUDGED_LENGTH = 128;

/** What stands between quotes further apart than this is no value. */
const QUOTED_LENGTH = 2048;

/**
 * What goes on in a script without blanks behind a value in Latin letters: particles and verbs, as
 * in "Sakura#2291です", or all that follows up to a stop. A value may mix scripts: `ab桜12`.
 */
const SENTENCE_GOES_ON = new RegExp(
  "[\\u3041-\\u3096]|입니다|이[고며다가]|라고|으?로|[은는을를이가와과에의도만]|[请請并並和的是了但且或已就在后後]|" +
    `${UNSPACED_LETTER}{61}|${UNSPACED_LETTER}{1,60}(?=$|[\\s,.;:!?)"'\\u3001\\u3002])`,
  "y",
);

function unquotedEnd(scan: Scan, start: number, limit: number): number {
  const isAngled = scan.is(start - 1, charSet(">"));
  let end = start;
  for (let before = UNSPACED_FROM; end - start < limit;) {
    const code = scan.code(end);
    if (STOPS(code)) break;
    const isOther = code >= UNSPACED_FROM && before < UNSPACED_FROM;
    if (isOther && scan.matchAt(SENTENCE_GOES_ON, end) !== null) break;
    before = code;
    if (scan.is(end, LIST_MARKS) && dividesMembers(scan, end)) break;
    if (isAngled && scan.is(end, ANGLE)) break;
    end++;
  }
  return end;
}

const BACKSLASH = charSet("\\");

/** Where the quote that is `text` closes, on the same line; -1 where it does not. */
function closingAt(scan: Scan, start: number, text: string): number {
  const closing = CLOSING.get(text) ?? text;
  const isPlain = QUOTES(text.charCodeAt(0));
  const first = closing.charCodeAt(0);
  for (let at = start; at - start < QUOTED_LENGTH; at++) {
    const code = scan.code(at);
    if (code <= 0 || code === 0x0a) return -1;
    if (isPlain && BACKSLASH(code)) at++;
    else if (code === first && scan.startsWith(at, closing)) return at;
  }
  return -1;
}

/**
 * The secret value that starts at `at`, up to its closing quote or to the blank or list mark that
 * ends it, without the punctuation of the sentence; null where it does not pass for a secret.
 */
export function secretValueAt(
  scan: Scan,
  at: number,
  kind: ValueKind,
  suspicion: Suspicion,
): Span | null {
  const quote = scan.matchAt(QUOTE, at)?.[0] ?? "";
  const start = at + quote.length;
  if (quote !== "") {
    const end = closingAt(scan, start, quote);
    if (end >= 0) {
      return isSecretValue(scan.slice(start, end), kind, suspicion) ? { start, end } : null;
    }
  }
  const judged = unquotedEnd(scan, start, JUDGED_LENGTH);
  // "password: reset!" is a sentence, but a password that has other marks may end with this one.
  const core = scan.runStart(judged, SENTENCE_ENDS, judged - start);
  if (!isSecretValue(scan.slice(start, core), kind, suspicion)) return null;
  if (judged - start < JUDGED_LENGTH) {
    return { start, end: scan.runStart(judged, CLOSERS, judged - start) };
  }
  return { start, end: unquotedEnd(scan, judged, Infinity) };
}

const ONE_CODE =
  "(?:\\d{3,4}[ -]\\d{3,4}(?:[ -]\\d{3,4})?|\\d{3,10}|(?=[A-Za-z-]{0,30}\\d)[A-Za-z\\d]{4,10}(?:-[A-Za-z\\d]{4,10}){1,5})";

/** "493027", "881 204", "k3x9p-m2q7w", and more of them after commas. */
const CODES = new RegExp(
  `${ONE_CODE}(?:,\\s{0,2}${ONE_CODE}){0,15}(?!\\d|(?!${UNSPACED_LETTER})\\p{L})(?![.,]\\d)`,
  "uy",
);

const WORDS = /\p{Ll}{3,10}(?:[ ,]{1,2}\p{Ll}{3,10}){11,23}/uy;

/** "300 seconds", "30 %": what is counted is no code. */
const COUNTED =
  /\s?(?:%|°|:\d|\/|[年月日件個个回次秒分桁位字条人台つ개회초분자년건명]|文字|時間|小时|시간|(?:ms|s|px|mm|cm|kb|mb|seconds?|minutes?|hours?|days?|digits?|characters?|attempts?|times|users?|rows?|errors?|codes?|requests?|ziffern|stellen|zeichen|minuten|sekunden|versuche|chiffres|dígitos|cifre|cijfers|cyfr)(?![\p{L}\d]))/uy;

/** With nothing between it and its name, a shorter number is the count of something. */
const LEAST_BARE_CODE = 4;

/** The code or the phrase that starts at `at`, behind a quote or not; null where none does. */
export function codeAt(
  scan: Scan,
  at: number,
  kind: "code" | "phrase",
  suspicion: Suspicion,
): Span | null {
  const start = at + quoteLength(scan, at);
  const text = scan.matchAt(kind === "code" ? CODES : WORDS, start)?.[0] ?? "";
  const end = start + text.length;
  if (text === "" || scan.matchAt(COUNTED, end) !== null) return null;
  return suspicion === "hint" && text.length < LEAST_BARE_CODE ? null : { start, end };
}
