import { ALNUM, type CharSet, charSet, DIGIT, type Scan, type Span, UPPER } from "./scan.ts";

const MARKS = charSet("_-");
const DOT = charSet(".");
const WORD: CharSet = (code) => ALNUM(code) || MARKS(code);
const DOTTED: CharSet = (code) => WORD(code) || DOT(code);
const KEY_ID: CharSet = (code) => UPPER(code) || DIGIT(code);
const BASE64: CharSet = (code) => ALNUM(code) || code === 0x2f || code === 0x2b;

interface TokenForm {
  readonly prefix: string;
  readonly body: CharSet;
  /** The least length of the body. */
  readonly least: number;
  /** The only length of the body, where the issuer fixed it. */
  readonly exact?: number;
  /** Words in kebab case can begin with the prefix: the body must have a digit. */
  readonly needsDigit?: boolean;
}

function forms(prefixes: string, form: Omit<TokenForm, "prefix">): TokenForm[] {
  return prefixes.split(" ").map((prefix) => ({ prefix, ...form }));
}

/** The token forms that their issuers documented, longest prefix of a family first. */
const FORMS: readonly TokenForm[] = [
  ...forms("cs_live_ cs_mgmt_ cs_appr_ cs_agent_ cs_run_ cs_at_ cs_rt_", {
    body: DOTTED,
    least: 16,
  }),
  ...forms("ghp_ gho_ ghs_ ghu_ ghr_", { body: ALNUM, least: 20 }),
  ...forms("github_pat_", { body: WORD, least: 20 }),
  ...forms("glpat- gldt- glrt- glptt- glcbt-", { body: DOTTED, least: 20 }),
  ...forms("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", {
    body: WORD,
    least: 10,
    needsDigit: true,
  }),
  ...forms("sk_live_ rk_live_ sk_test_ rk_test_ whsec_", { body: ALNUM, least: 16 }),
  ...forms("sk-ant- sk-proj- sk-svcacct- sk-admin- sk-or-", {
    body: WORD,
    least: 16,
    needsDigit: true,
  }),
  ...forms("sk-", { body: ALNUM, least: 20, needsDigit: true }),
  ...forms("AIza", { body: WORD, least: 30 }),
  ...forms("npm_", { body: ALNUM, least: 30 }),
  ...forms("AKIA ASIA", { body: KEY_ID, least: 16, exact: 16 }),
  ...forms("dop_v1_ shpat_ dckr_pat_ rubygems_ lin_api_", { body: WORD, least: 20 }),
  ...forms("hf_", { body: ALNUM, least: 30 }),
  ...forms("pypi- GOCSPX-", { body: WORD, least: 24, needsDigit: true }),
  ...forms("SG. hvs. ya29.", { body: DOTTED, least: 20, needsDigit: true }),
];

const FORMS_BY_FIRST: ReadonlyMap<number, readonly TokenForm[]> = Map.groupBy(
  FORMS,
  (form) => form.prefix.charCodeAt(0),
);

const AFTER_SENTENCE = charSet(".-");

const HEAD = 64;

function tokenEnd(scan: Scan, at: number): number {
  for (const form of FORMS_BY_FIRST.get(scan.code(at)) ?? []) {
    if (!scan.startsWith(at, form.prefix)) continue;
    const body = at + form.prefix.length;
    // Judged by its head, so that a chain of prefixes is not read to its end from each of them.
    const head = scan.runEnd(body, form.body, HEAD);
    if (form.needsDigit && !/\d/.test(scan.slice(body, head))) continue;
    const run = scan.runEnd(head, form.body);
    const end = scan.runStart(run, AFTER_SENTENCE, run - body);
    if (end - body < form.least) continue;
    if (form.exact !== undefined && (end - body !== form.exact || scan.is(end, ALNUM))) continue;
    return end;
  }
  return -1;
}

const LEAST_JWT_PART = 8;

/** Header, payload and signature of a JSON Web Token (RFC 7519); "eyJ" is the base64 of `{"`. */
function jwtEnd(scan: Scan, at: number): number {
  if (!scan.startsWith(at, "eyJ")) return -1;
  const header = scan.runEnd(at, WORD);
  if (header - at < LEAST_JWT_PART || !scan.is(header, DOT)) return -1;
  const payload = scan.runEnd(header + 1, WORD);
  if (payload - header <= LEAST_JWT_PART || !scan.is(payload, DOT)) return -1;
  const end = scan.runEnd(payload + 1, DOTTED);
  return scan.runStart(end, AFTER_SENTENCE, end - payload);
}

/** Tokens that can be told by their own form. */
export function findTokens(scan: Scan): Span[] {
  const found: Span[] = [];
  let previous = -1;
  for (let at = 0; at < scan.length; at++) {
    const isStart = !ALNUM(previous);
    // A JWT starts its run: inside of one, nothing is read twice.
    const jwt = isStart && !WORD(previous) ? jwtEnd(scan, at) : -1;
    const end = isStart ? Math.max(jwt, tokenEnd(scan, at)) : -1;
    if (end > at) {
      found.push({ start: at, end });
      at = end - 1;
    }
    previous = scan.code(at);
  }
  return found;
}

const AWS_SECRET_LENGTH = 40;
const AWS_CONTEXT_REACH = 80;

/**
 * Secret keys of AWS: 40 base64 characters have no form of their own (a git hash is as long), so
 * the word "aws" or "secret", or a key id, must stand shortly before, and the key must mix cases
 * and digits.
 */
export function findAwsSecretKeys(scan: Scan): Span[] {
  const found: Span[] = [];
  let context = -Infinity;
  let at = 0;
  while (at < scan.length) {
    const end = scan.runEnd(at, BASE64);
    if (end - at === AWS_SECRET_LENGTH && at - context <= AWS_CONTEXT_REACH) {
      const key = scan.slice(at, end);
      if (/[A-Z]/.test(key) && /[a-z]/.test(key) && /\d/.test(key)) found.push({ start: at, end });
    } else if (
      /^(?:aws|amazon|secret|secretaccesskey|a[ks]ia[a-z0-9]{16})$/i.test(
        scan.slice(at, Math.min(end, at + 32)),
      )
    ) {
      context = end;
    }
    at = Math.max(end, at + 1);
  }
  return found;
}
