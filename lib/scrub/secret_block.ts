import { isSecretValue, isStandIn } from "./secret_value.ts";
import { ALNUM, charSet, LETTER, type Scan, SPACE, type Span, UPPER } from "./scan.ts";

const LABEL = (code: number) => UPPER(code) || code === 0x20;
const LABEL_LIMIT = 40;
const BEGIN = "-----BEGIN ";
const END = "-----END ";

/** A private key in PEM (RFC 7468). One that was cut off before its end takes the rest with it. */
export function findPrivateKeys(scan: Scan): Span[] {
  const found: Span[] = [];
  let start = scan.find(BEGIN, 0);
  while (start >= 0) {
    const label = start + BEGIN.length;
    const labelEnd = scan.runEnd(label, LABEL, LABEL_LIMIT);
    if (!scan.slice(label, labelEnd).includes("PRIVATE KEY")) {
      start = scan.find(BEGIN, labelEnd);
      continue;
    }
    const close = scan.find(END, labelEnd);
    const end = close < 0
      ? scan.length
      : scan.runEnd(scan.runEnd(close + END.length, LABEL, LABEL_LIMIT), charSet("-"), 5);
    found.push({ start, end });
    start = scan.find(BEGIN, end);
  }
  return found;
}

const CREDENTIAL_MARKS = charSet("._~+/=-:");
const CREDENTIAL = (code: number) => ALNUM(code) || CREDENTIAL_MARKS(code);
const SENTENCE_END = charSet(".:-");
const LEAST_BEARER = 16;
const LEAST_HEADER_VALUE = 8;
const SCHEMES: ReadonlySet<string> = new Set(["bearer", "basic", "token", "apikey", "digest"]);
const AUTHORIZATION = "authorization";

/** True when `Authorization:` or `Authorization=` stands right before `at`. */
function isInHeader(scan: Scan, at: number): boolean {
  const mark = scan.runStart(at, (code) => SPACE(code) || code === 0x22 || code === 0x27, 4);
  const name = scan.runStart(mark, charSet(":= \"'"), 4);
  return name < mark &&
    scan.slice(Math.max(0, name - AUTHORIZATION.length), name).toLowerCase() === AUTHORIZATION;
}

/** "Bearer expired-token" is prose; an encoded credential has digits or mixes cases. */
function looksEncoded(value: string): boolean {
  return /\d/.test(value) || (/[A-Z]/.test(value) && /[a-z]/.test(value));
}

/** Credentials of the `Authorization` field (RFC 9110 section 11.6.2), and bare bearer tokens. */
export function findAuthorizations(scan: Scan): Span[] {
  const found: Span[] = [];
  let at = 0;
  while (at < scan.length) {
    if (!LETTER(scan.code(at))) {
      at++;
      continue;
    }
    const wordEnd = scan.runEnd(at, LETTER);
    const scheme = wordEnd - at > 6 ? "" : scan.slice(at, wordEnd).toLowerCase();
    const start = scan.runEnd(wordEnd, SPACE, 2);
    if (SCHEMES.has(scheme) && start > wordEnd) {
      const run = scan.runEnd(start, CREDENTIAL);
      const end = scan.runStart(run, SENTENCE_END, run - start);
      const value = scan.slice(start, end);
      const header = isInHeader(scan, at);
      const isFound = header
        ? value.length >= LEAST_HEADER_VALUE && looksEncoded(value)
        : scheme === "bearer" && value.length >= LEAST_BEARER && isSecretValue(value, "likely");
      if (isFound) {
        found.push({ start, end });
        at = end;
        continue;
      }
    }
    at = wordEnd;
  }
  return found;
}

const AUTHORITY_END = charSet("/?#\"'<>`");
const AUTHORITY = (code: number) => code > 0x20 && !AUTHORITY_END(code);
const SCHEME_END = "://";

/** User name and password of a URL (RFC 3986 section 3.2.1). The host stays. */
export function findUrlCredentials(scan: Scan): Span[] {
  const found: Span[] = [];
  let mark = scan.find(SCHEME_END, 0);
  while (mark >= 0) {
    const start = mark + SCHEME_END.length;
    const end = scan.runEnd(start, AUTHORITY);
    const authority = scan.slice(start, end);
    // A password may hold "@"; a host cannot.
    const at = authority.lastIndexOf("@");
    const colon = authority.indexOf(":");
    const password = colon >= 0 && colon < at ? authority.slice(colon + 1, at) : "";
    if (password !== "" && !isStandIn(password)) found.push({ start, end: start + at });
    mark = scan.find(SCHEME_END, end);
  }
  return found;
}
