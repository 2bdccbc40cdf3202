import { ALNUM, charSet, type Scan, type Span, UPPER } from "./scan.ts";
import { isScrambled } from "./secret_token.ts";
import { isSecretValue, isStandIn, looksEncoded, quoteLength } from "./secret_value.ts";

/**
 * Secrets in forms of their own: private keys, JSON Web Keys, headers of authorization, credentials
 * in URLs.
 */

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

const LEAST_PUTTY = 16;

const PUTTY = "Private-Lines:";

const PUTTY_COUNT = /\s?\d{1,4}(?:\s|\\[rn]){1,4}/y;

const PUTTY_LINE = /(?!Private-)[A-Za-z\d+/=]{1,80}(?:\s|\\[rn]){0,4}/y;

/** The private half of a key in PuTTY's own format. */
export function findPuttyKeys(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let mark = scan.find(PUTTY, 0); mark >= 0;) {
    const start = mark + PUTTY.length +
      (scan.matchAt(PUTTY_COUNT, mark + PUTTY.length)?.[0].length ?? 0);
    let end = start;
    for (let line = ""; (line = scan.matchAt(PUTTY_LINE, end)?.[0] ?? "") !== "";) {
      end += line.length;
    }
    if (end - start >= LEAST_PUTTY) found.push({ start, end });
    mark = scan.find(PUTTY, end);
  }
  return found;
}

/** What a JSON Web Key (RFC 7517, 7518 section 6) keeps private, of every type of key. */
export const PRIVATE_JWK_MEMBERS: ReadonlySet<string> = new Set("d k p q dp dq qi priv".split(" "));

/** The type of the key, which every such key has. */
const JWK = /(?<![\w-])kty(?![\w-])/g;

const JWK_MEMBER = new RegExp(
  `(?<![\\w-])(?:${[...PRIVATE_JWK_MEMBERS].join("|")})` +
    "\\\\{0,8}[\"']?\\s{0,4}[:=]\\s{0,4}\\\\{0,8}[\"']?(?=[\\w-]{16})",
  "g",
);

const BASE64URL = (code: number) => ALNUM(code) || code === 0x2d || code === 0x5f;

/** The private members of the keys in a text that holds JSON Web Keys; the public ones stay. */
export function findJwkSecrets(scan: Scan): Span[] {
  const found: Span[] = [];
  if (scan.findPattern(JWK, 0) === null) return found;
  for (let name = scan.findPattern(JWK_MEMBER, 0); name !== null;) {
    const span = { start: name.end, end: scan.runEnd(name.end, BASE64URL) };
    const judged = scan.slice(span.start, Math.min(span.end, span.start + JUDGED_LENGTH));
    if (looksEncoded(judged)) found.push(span);
    name = scan.findPattern(JWK_MEMBER, span.end);
  }
  return found;
}

const CREDENTIAL_MARKS = charSet("._~+/=-:%|");

const CREDENTIAL = (code: number) => ALNUM(code) || CREDENTIAL_MARKS(code);

const SENTENCE_END = charSet(".:-|%");

const SCHEME = /[A-Za-z][A-Za-z\d-]{1,30}\s{1,2}/y;

/** The parameters of `Digest`, `OAuth` and AWS signatures, which go together. */
const PARAMETERS =
  /(?:[A-Za-z][\w-]{0,30}=(?:"[^"\n]{0,200}"|[^\s,"']{1,200})(?:,\s{0,2}|(?![^\s"']))){1,12}/y;

const COOKIE_PAIR = /[\w!#$%*+.^|~-]{1,64}=[^\s;,"'`]{0,256}/y;

const NEXT_COOKIE = /;\s{0,2}(?=[\w!#$%*+.^|~-]{1,64}(?:=|;|$))/y;

const COOKIE_END = charSet(" \t\r\n;,\"'`");

const IN_COOKIE = (code: number) => code > 0 && !COOKIE_END(code);

const LEAST_COOKIE = 6;

function credentialEnd(scan: Scan, start: number, limit = Infinity): number {
  const run = scan.runEnd(start, CREDENTIAL, limit);
  return scan.runStart(run, SENTENCE_END, run - start);
}

/** A credential is judged by this much of it; what is accepted is then taken to its end. */
const JUDGED_LENGTH = 128;

/** `Bearer …`, `SSWS …`, `AWS4-HMAC-SHA256 Credential=…`, or a bare value. The scheme stays. */
function authorizationAt(scan: Scan, at: number): Span | null {
  const scheme = scan.matchAt(SCHEME, at)?.[0] ?? "";
  for (const start of scheme === "" ? [at] : [at + scheme.length, at]) {
    const parameters = scan.matchAt(PARAMETERS, start)?.[0] ?? "";
    const end = start + parameters.length;
    const judged = parameters === "" ? credentialEnd(scan, start, JUDGED_LENGTH) : end;
    if (looksEncoded(scan.slice(start, judged))) {
      return { start, end: parameters === "" ? credentialEnd(scan, start) : end };
    }
  }
  return null;
}

/** `session=…; theme=dark`: all pairs, when one of them can be a secret. */
function cookiesAt(scan: Scan, at: number): Span | null {
  let end = at;
  let isSecret = false;
  for (let start = at; start >= 0;) {
    const pair = scan.matchAt(COOKIE_PAIR, start)?.[0];
    if (pair === undefined) break;
    const value = pair.slice(pair.indexOf("=") + 1);
    isSecret ||= value.length >= LEAST_COOKIE && !isStandIn(value);
    end = start + pair.length;
    const next = scan.matchAt(NEXT_COOKIE, end)?.[0];
    start = next === undefined ? -1 : end + next.length;
  }
  return isSecret ? { start: at, end: scan.runEnd(end, IN_COOKIE) } : null;
}

/** The credentials of an `Authorization` or `Cookie` field whose value starts at `at`. */
export function credentialsAfter(
  scan: Scan,
  at: number,
  kind: "authorization" | "cookie",
): Span | null {
  const start = at + quoteLength(scan, at);
  return kind === "cookie" ? cookiesAt(scan, start) : authorizationAt(scan, start);
}

const BARE_SCHEME = /(?<![A-Za-z\d])(?:bearer|basic),?\s{1,2}(?=[\w+/.~=-]{8})/gi;

const LEAST_BEARER = 16;

/** "user:password" in base64. */
function isBasicPair(value: string): boolean {
  try {
    return /^[\x20-\x7e]+:[\x20-\x7e]+$/.test(atob(value));
  } catch {
    return false;
  }
}

/** Bearer tokens and basic credentials (RFC 9110 section 11.6.2) outside of their field. */
export function findAuthorizations(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let scheme = scan.findPattern(BARE_SCHEME, 0); scheme !== null;) {
    const end = credentialEnd(scan, scheme.end);
    const value = scan.slice(scheme.end, end);
    const isBearer = (scan.code(scheme.start) | 0x20) === 0x62 &&
      (scan.code(scheme.start + 1) | 0x20) === 0x65;
    const isFound = isBearer
      ? value.length >= LEAST_BEARER && isSecretValue(value, "key", "likely")
      : isBasicPair(value);
    if (isFound) found.push({ start: scheme.end, end });
    scheme = scan.findPattern(BARE_SCHEME, Math.max(end, scheme.end));
  }
  return found;
}

const AUTHORITY_END = charSet("/?#\"'<>`");

const AUTHORITY = (code: number) => code > 0x20 && !AUTHORITY_END(code);

const SCHEME_END = "://";

const LEAST_USER_TOKEN = 20;

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
    const user = authority.slice(0, Math.max(at, 0));
    const isToken = colon < 0 && user.length >= LEAST_USER_TOKEN && isScrambled(user);
    if (isToken || (password !== "" && !isStandIn(password))) {
      found.push({ start, end: start + at });
    }
    mark = scan.find(SCHEME_END, end);
  }
  return found;
}

/** Finds something in every text in which a detector of this file does. */
export const BLOCK_HINT = new RegExp(
  `${BEGIN}|${PUTTY}|${JWK.source}|${BARE_SCHEME.source}|://[^/?#"'<>\`\\x00-\\x20]*@`,
  "i",
);
