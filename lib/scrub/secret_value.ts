import { type CharSet, charSet, type Scan, SPACE, type Span } from "./scan.ts";

/** How sure one must be that a value is a secret, from a sure place to a mere hint. */
export type Suspicion = "sure" | "likely" | "hint";

const MIN_LENGTH: Readonly<Record<Suspicion, number>> = { sure: 4, likely: 6, hint: 12 };

const NOT_VALUES: ReadonlySet<string> = new Set(
  ("null none true false undefined redacted removed hidden masked secret password token changeme " +
    "empty unset missing expired required invalid yes string").split(" "),
);

/**
 * What people write in place of a secret: `<token>`, `${TOKEN}`, `$TOKEN`, `{{token}}`, `****`,
 * `process.env.TOKEN`, `vault:…`, `null`.
 */
export function isStandIn(value: string): boolean {
  return NOT_VALUES.has(value.toLowerCase()) || /^[<${%]/.test(value) ||
    /^[*.xX•-]+$/.test(value) ||
    /^(?:process\.env|env\.|os\.environ|secrets\.|vault:|arn:aws:|op:\/\/)/i.test(value);
}

/** A path or a chain of words such as `prod/payments/db-main-2`: the place of a secret. */
function isPlaceName(value: string): boolean {
  return /^\/?[a-z0-9._-]+\/[a-z0-9._/-]*$/.test(value);
}

/** True when `value`, found with that much suspicion, is taken for a secret. */
export function isSecretValue(value: string, suspicion: Suspicion): boolean {
  if (value.length < MIN_LENGTH[suspicion] || isStandIn(value)) return false;
  if (suspicion === "sure") return true;
  if (isPlaceName(value)) return false;
  const digit = /\d/.test(value);
  const lower = /[a-z]/.test(value);
  const upper = /[A-Z]/.test(value);
  if (suspicion === "hint") return digit && lower && upper;
  return (digit && (lower || upper)) || ((lower || upper) && /[!@#$%^&*+=?~]/.test(value));
}

const QUOTES = charSet("\"'`");
const STOPS: CharSet = (code) => code <= 0 || SPACE(code) || QUOTES(code);
const LIST_MARKS = charSet(",;&");
const CLOSERS = charSet(".,;:)]}>&");
const SENTENCE_ENDS = charSet(".,;:)]}>&!?");
const NAME = charSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
const ASSIGN = charSet("=:");
const NAME_LIMIT = 40;

/** True when the comma, semicolon or ampersand at `at` ends a value: nothing or `name=` follows. */
function dividesMembers(scan: Scan, at: number): boolean {
  if (STOPS(scan.code(at + 1))) return true;
  const nameEnd = scan.runEnd(at + 1, NAME, NAME_LIMIT);
  return nameEnd > at + 1 && scan.is(nameEnd, ASSIGN);
}

/** A value is judged by this much of it; what is accepted is then taken to its end. */
const JUDGED_LENGTH = 256;

function unquotedEnd(scan: Scan, start: number, limit: number): number {
  let end = start;
  while (end - start < limit && !STOPS(scan.code(end))) {
    if (scan.is(end, LIST_MARKS) && dividesMembers(scan, end)) break;
    end++;
  }
  return end;
}

/**
 * The secret value that starts at `at`, up to its closing quote or to the blank or list mark that
 * ends it, without the punctuation of the sentence; null where it does not pass for a secret.
 */
export function secretValueAt(scan: Scan, at: number, suspicion: Suspicion): Span | null {
  const quote = scan.is(at, QUOTES) ? scan.code(at) : -1;
  const start = quote < 0 ? at : at + 1;
  if (quote >= 0) {
    const end = scan.runEnd(start, (code) => code > 0 && code !== quote && code !== 0x0a);
    if (scan.code(end) === quote) {
      return isSecretValue(scan.slice(start, end), suspicion) ? { start, end } : null;
    }
  }
  const judged = unquotedEnd(scan, start, JUDGED_LENGTH);
  // "password: reset!" is a sentence, but a password that has other marks may end with this one.
  const core = scan.runStart(judged, SENTENCE_ENDS, judged - start);
  if (!isSecretValue(scan.slice(start, core), suspicion)) return null;
  if (judged - start < JUDGED_LENGTH) {
    return { start, end: scan.runStart(judged, CLOSERS, judged - start) };
  }
  return { start, end: unquotedEnd(scan, judged, Infinity) };
}
