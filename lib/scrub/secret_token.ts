import {
  ALNUM,
  type CharSet,
  charSet,
  type Scan,
  type Span,
  StartIndex,
  type StartPattern,
} from "./scan.ts";
import { type Alphabet, MARKED_FORMS, TOKEN_FORMS, type TokenForm } from "./token_forms.ts";

/**
 * Tokens by their form: the issuers' of the table, and those of unknown ones that write theirs
 * alike.
 */

const HEX = charSet("0123456789abcdefABCDEF");

const UPPER_DIGIT = charSet("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

const WORD_MARKS = charSet("_-");

const DOTTED_MARKS = charSet("_-.");

const BASE64_MARKS = charSet("_-+/=");

const PATH_MARKS = charSet("_-/@.=%");

const ANY_MARKS = charSet("_-.~+/=$!:|%");

const WORD: CharSet = (code) => ALNUM(code) || WORD_MARKS(code);

const DOTTED: CharSet = (code) => ALNUM(code) || DOTTED_MARKS(code);

const ALPHABETS: Readonly<Record<Alphabet, CharSet>> = {
  hex: HEX,
  upper: UPPER_DIGIT,
  alnum: ALNUM,
  word: WORD,
  dotted: DOTTED,
  base64: (code) => ALNUM(code) || BASE64_MARKS(code),
  path: (code) => ALNUM(code) || PATH_MARKS(code),
  any: (code) => ALNUM(code) || ANY_MARKS(code),
};

const FORMS_BY_FIRST: ReadonlyMap<number, readonly TokenForm[]> = Map.groupBy(
  // The longest prefix of a family first.
  TOKEN_FORMS.toSorted((a, b) => b.prefix.length - a.prefix.length),
  (form) => form.prefix.charCodeAt(0),
);

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

const JWT = "eyJ";

/** Where a token can begin: not inside a word, but after `%3D` and after `\n` of JSON. */
const WORD_START = "(?:(?<![A-Za-z\\d_])|(?<=\\\\[nrt]|%[\\dA-Fa-f]{2}))";

/** No body of the table is shorter, nor has other characters. */
const BODY_START = "(?=[\\w.~+/=$!:|%@-]{10})";

const PREFIXES = [...TOKEN_FORMS.map((form) => form.prefix), JWT];

/** Every place where a form of the table can begin. */
export const TOKEN_START: StartPattern = {
  pattern: new RegExp(`${WORD_START}(?:${PREFIXES.map(escaped).join("|")})${BODY_START}`),
  beginnings: PREFIXES,
};

const TOKEN_STARTS = new StartIndex(TOKEN_START);

const MARKED = new RegExp(
  `(?:(?<![A-Za-z\\d])|(?<=\\\\[nrt]|%[\\dA-Fa-f]{2}))(?:${
    MARKED_FORMS.map(([, form]) => form.source).join("|")
  })(?![A-Za-z0-9])`,
  "g",
);

const UNKNOWN_RUN = /(?<![A-Za-z\d])[A-Za-z\d]{30,}/g;

/** The same in base64url: a name, and 36 or more letters, digits, hyphens and underscores. */
const UNKNOWN_WORD = /(?<![\w-])(?:[a-z][a-z\d]{1,15}|[A-Z][A-Z\d]{1,15})[-_](?=[\w-]{36})/g;

const AWS_KEY = /(?<![A-Za-z\d+/])[A-Za-z\d+/]{40}(?![A-Za-z\d+/=])/g;

/** The forms without a known beginning; each has a long run. */
export const LONG_FORMS = [MARKED, UNKNOWN_RUN, UNKNOWN_WORD, AWS_KEY];

/** A prefix this short begins words and file names too, so that the rest must be one long run. */
const SHORT_PREFIX = 4;

const LONG_RUN = 16;

const RUN = 8;

/** How much of a body is judged; a chain of prefixes is not read to its end from each of them. */
const HEAD = 96;

/** True for text that nobody wrote by hand: a run of letters and digits that mixes its kinds. */
function isMadeUp(body: string, form: TokenForm): boolean {
  // The path of a web hook says enough.
  if (form.alphabet === "path") return true;
  const isShort = form.prefix.length < SHORT_PREFIX;
  const least = form.exact === undefined && isShort ? LONG_RUN : RUN;
  return body.split(/[^A-Za-z\d]+/).some((run) =>
    run.length >= least &&
    (/\d/.test(run) ||
      (isShort ? isScrambledLetters(run) : /[a-z]/.test(run) && /[A-Z]/.test(run)))
  );
}

const AFTER_SENTENCE = charSet(".-:|/%!");

function formEnd(scan: Scan, at: number, form: TokenForm): number {
  const body = at + form.prefix.length;
  const alphabet = ALPHABETS[form.alphabet];
  const head = scan.runEnd(body, alphabet, HEAD);
  if (head - body < Math.min(form.least, HEAD) || !isMadeUp(scan.slice(body, head), form)) {
    return -1;
  }
  const run = scan.runEnd(head, alphabet, form.exact);
  const end = scan.runStart(run, AFTER_SENTENCE, run - body);
  if (end - body < form.least) return -1;
  if (form.exact !== undefined && (end - body !== form.exact || scan.is(end, ALNUM))) return -1;
  // What goes on with other letters is taken whole, unless the alphabet is all that tells the form.
  return form.prefix.length < SHORT_PREFIX && scan.is(end, ALNUM) ? -1 : scan.runEnd(end, ALNUM);
}

function tokenEnd(scan: Scan, at: number): number {
  for (const form of FORMS_BY_FIRST.get(scan.code(at)) ?? []) {
    if (!scan.startsWith(at, form.prefix)) continue;
    const end = formEnd(scan, at, form);
    if (end > at) return end;
  }
  return -1;
}

const LEAST_JWT_PART = 8;

const DOT = charSet(".");

/** Header, payload and signature of a JSON Web Token (RFC 7519); "eyJ" is the base64 of `{"`. */
function jwtEnd(scan: Scan, at: number): number {
  // A JWT starts its run: inside of one, nothing is read twice.
  if (!scan.startsWith(at, JWT) || scan.is(at - 1, WORD)) return -1;
  const header = scan.runEnd(at, WORD);
  if (header - at < LEAST_JWT_PART || !scan.is(header, DOT)) return -1;
  const payload = scan.runEnd(header + 1, WORD);
  if (payload - header <= LEAST_JWT_PART || !scan.is(payload, DOT)) return -1;
  const end = scan.runEnd(payload + 1, DOTTED);
  return scan.runStart(end, charSet(".-"), end - payload);
}

/** Tokens whose form begins as an issuer documents it. */
export function findTokens(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let start = scan.findStart(TOKEN_STARTS, 0); start !== null;) {
    const at = start.start;
    const end = Math.max(jwtEnd(scan, at), tokenEnd(scan, at));
    if (end > at) found.push({ start: at, end });
    start = scan.findStart(TOKEN_STARTS, Math.max(end, at + 1));
  }
  return found;
}

/** Tokens that are told by a mark inside or at the end of them. */
export function findMarkedTokens(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let span = scan.findPattern(MARKED, 0); span !== null;) {
    found.push(span);
    span = scan.findPattern(MARKED, span.end);
  }
  return found;
}

const OWN_NAME_LIMIT = 40;

/** What stands before the digest of a file: `sha512-…`, `md5-…`. */
const DIGEST_NAME = /(?:sha|md|blake)\d*[-_]$/i;

/** `acme_pat_`, `TINES-`: words, and not a piece of a longer digest. */
const ISSUER_NAME =
  /(?<![A-Za-z\d_-])(?:[a-z]{3,16}\d{0,2}(?:[-_][a-z\d]{1,12}){0,3}|[A-Z]{3,16}(?:[-_][A-Z\d]{1,12}){0,3})[-_]$/;

/** The least share of places at which a random run of letters and digits changes its kind. */
const LEAST_CHANGES = 0.4;

const LEAST_MIXED_CHANGES = 0.25;

const LEAST_MIXED_RUN = 20;

/** The share of the places in a run at which small and capital letters and digits change. */
function changesOf(run: string): number {
  const kinds = run.replaceAll(/[a-z]/g, "a").replaceAll(/[A-Z]/g, "A").replaceAll(/\d/g, "0");
  let changes = 0;
  for (let i = 1; i < kinds.length; i++) if (kinds[i] !== kinds[i - 1]) changes++;
  return changes / run.length;
}

/** True for a run that mixes small and capital letters and digits as no name does. */
export function isScrambled(run: string): boolean {
  return /[a-z]/.test(run) && /[A-Z]/.test(run) && /\d/.test(run) &&
    changesOf(run) >= LEAST_CHANGES;
}

/** The same for a run of letters of one case and digits, which must be longer to tell as much. */
export function isMixedUp(run: string): boolean {
  return run.length >= LEAST_MIXED_RUN && /[A-Za-z]/.test(run) && /\d/.test(run) &&
    changesOf(run) >= LEAST_MIXED_CHANGES;
}

/** `getUserById`: words in a row, each with one capital. */
const CAMEL_CASE = /^[a-z]*(?:[A-Z][a-z]+)*$/;

const LEAST_LETTER_CHANGES = 0.3;

/** The same for letters alone, of which names are made too. */
function isScrambledLetters(run: string): boolean {
  return run.length >= LEAST_MIXED_RUN && /^[A-Za-z]+$/.test(run) && !CAMEL_CASE.test(run) &&
    changesOf(run) >= LEAST_LETTER_CHANGES;
}

const LEAST_LOWER_RUN = 36;

/** True for a long run of small letters and digits that is no digest: it has letters beyond "f". */
function isScrambledLower(run: string): boolean {
  return run.length >= LEAST_LOWER_RUN && /[g-z]/.test(run) && /^[a-z\d]+$/.test(run) &&
    changesOf(run) >= LEAST_MIXED_CHANGES;
}

/**
 * Tokens of issuers that are not in the table but write theirs as most do: a name, `_` or `-`, and
 * 30 or more scrambled letters and digits.
 */
export function findUnknownTokens(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let run = scan.findPattern(UNKNOWN_RUN, 0); run !== null;) {
    const before = scan.slice(Math.max(0, run.start - OWN_NAME_LIMIT), run.start);
    const name = ISSUER_NAME.exec(before);
    const body = scan.slice(run.start, Math.min(run.end, run.start + HEAD));
    const isFound = name !== null && !DIGEST_NAME.test(before) &&
      (isScrambled(body) || isScrambledLower(body));
    if (isFound) found.push({ start: run.start - before.length + name.index, end: run.end });
    run = scan.findPattern(UNKNOWN_RUN, run.end);
  }
  for (let name = scan.findPattern(UNKNOWN_WORD, 0); name !== null;) {
    const end = scan.runStart(scan.runEnd(name.end, WORD), WORD_MARKS, 1);
    const body = scan.slice(name.end, Math.min(end, name.end + HEAD)).replaceAll(/[-_]/g, "");
    const isFound = !DIGEST_NAME.test(scan.slice(name.start, name.end)) && isScrambled(body) &&
      isScrambled(body.slice(-LEAST_MIXED_RUN));
    if (isFound) found.push({ start: name.start, end });
    name = scan.findPattern(UNKNOWN_WORD, end);
  }
  return found;
}

const AWS_CONTEXT_REACH = 80;

const AWS_CONTEXT =
  /(?<![A-Za-z\d])(?:aws|amazon|secret|secretaccesskey|a[ks]ia[a-z\d]{16})(?![A-Za-z\d])/i;

/**
 * Secret keys of AWS: 40 base64 characters have no form of their own (a git hash is as long), so
 * the word "aws" or "secret", or a key id, must stand shortly before, and the key must mix cases
 * and digits.
 */
export function findAwsSecretKeys(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let key = scan.findPattern(AWS_KEY, 0); key !== null;) {
    const text = scan.slice(key.start, key.end);
    const before = scan.slice(Math.max(0, key.start - AWS_CONTEXT_REACH), key.start);
    if (/[A-Z]/.test(text) && /[a-z]/.test(text) && /\d/.test(text) && AWS_CONTEXT.test(before)) {
      found.push(key);
    }
    key = scan.findPattern(AWS_KEY, key.end);
  }
  return found;
}
