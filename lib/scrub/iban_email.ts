import {
  ALNUM,
  type CharSet,
  charSet,
  DIGIT,
  LETTER,
  type Scan,
  type Span,
  WORD_LETTER,
} from "./scan.ts";

/** Bank accounts (ISO 13616) and e-mail addresses in a text. */

/** Country codes with the length of their IBAN, from the ISO 13616 registry. */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  ("AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 " +
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 " +
    "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 " +
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 " +
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30")
    .split(" ").map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** Fewer digits in the account part than this is prose that happens to check out. */
const MIN_ACCOUNT_DIGITS = 6;

const SEPARATOR = charSet(" -.");

/** ISO 7064 MOD 97-10 over the IBAN with its first four characters moved to the end. */
export function passesMod97(iban: string): boolean {
  let rest = 0;
  for (const char of iban.slice(4) + iban.slice(0, 4)) {
    const value = parseInt(char, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** The `length` characters of an IBAN from `at` on, with single separators between; or null. */
function readIban(scan: Scan, at: number, length: number): { iban: string; end: number } | null {
  let iban = "";
  let next = at;
  while (iban.length < length) {
    if (iban.length > 0 && scan.is(next, SEPARATOR)) next++;
    if (!scan.is(next, ALNUM)) return null;
    iban += scan.slice(next, next + 1).toUpperCase();
    next++;
  }
  return scan.is(next, ALNUM) ? null : { iban, end: next };
}

function ibanEnd(scan: Scan, at: number): number {
  const length = LENGTHS.get(scan.slice(at, at + 2).toUpperCase());
  const read = length === undefined ? null : readIban(scan, at, length);
  if (read === null) return -1;
  const accountDigits = read.iban.slice(4).replaceAll(/\D/g, "").length;
  return accountDigits >= MIN_ACCOUNT_DIGITS && passesMod97(read.iban) ? read.end : -1;
}

/** Finds something in every text in which `findIbans` does. */
export const IBAN_HINT = new RegExp(
  `(?:(?<![A-Za-z\\d])|(?<=IBAN))(?:${[...LENGTHS.keys()].join("|")})[ .-]?\\d\\d` +
    "(?:[ .-]?[A-Za-z\\d]){11}",
  "i",
);

const IBAN_START = new RegExp(IBAN_HINT.source, "gi");

/**
 * International bank account numbers (ISO 13616): a country of the registry with its length and a
 * right check number; upper or lower case; together or in groups.
 */
export function findIbans(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let start = scan.findPattern(IBAN_START, 0); start !== null;) {
    const end = ibanEnd(scan, start.start);
    if (end >= 0) found.push({ start: start.start, end });
    start = scan.findPattern(IBAN_START, Math.max(end, start.start + 1));
  }
  return found;
}

const LOCAL_MARKS = charSet("._%+-'");

const DOMAIN_MARKS = charSet(".-");

const LOCAL = (code: number) => LETTER(code) || DIGIT(code) || LOCAL_MARKS(code);

const DOMAIN = (code: number) => LETTER(code) || DIGIT(code) || DOMAIN_MARKS(code);

/** The same without letters that no blank parts from the words around an address: "…comです". */
const SPACED_LOCAL: CharSet = (code) => WORD_LETTER(code) || DIGIT(code) || LOCAL_MARKS(code);

const SPACED_DOMAIN: CharSet = (code) => WORD_LETTER(code) || DIGIT(code) || DOMAIN_MARKS(code);

/** "@" as it is, in a URL, in HTML, in JSON, or spelled out in brackets. */
const AT =
  /(?<=\S)@(?=\S)|%40|&#(?:0{0,4}64|x0{0,4}40);|&commat;|\\{1,8}u0040|\s?[([{]\s?(?:at|@|arroba|chez)\s?[)\]}]\s?/gi;

/** Finds something in every text in which `findEmails` does. */
export const EMAIL_HINT = new RegExp(AT.source, "i");

/** A host whose dots are spelled out too: "example (dot) com". */
const SPELLED_DOMAIN =
  /[\p{L}\d][\p{L}\d-]{0,62}(?:(?:\.|\s?[([{]\s?(?:dot|punkt|punto|point)\s?[)\]}]\s?|\sdot\s)[\p{L}\d-]{1,63}){1,4}/iuy;

const words = (list: string): ReadonlySet<string> => new Set(list.split(" "));

/** `wg-quick@wg0.service` names a systemd unit, `left-pad@next.beta` a version. No top-level domains. */
const NO_DOMAINS = words(
  "service socket timer mount target slice scope alpha beta next canary rc latest nightly stable " +
    "snapshot png jpg jpeg gif svg webp css js json html yml yaml",
);

/** Networks of one's own. A person's address there has a dot in it ("ann.smith@corp.local"). */
const OWN_NETWORKS = words("local localdomain internal lan intranet svc cluster consul home corp");

/** Accounts of machines, which name nobody: `git@host`, `rabbit@mq-0`. */
const SERVICE_ACCOUNTS = words("git hg svn root rabbit celery ubuntu ec2-user centos vagrant");

/** A login on a host, as a command or a URL names it. */
const LOGIN =
  /(?:(?:ssh|sftp|rsync|svn\+ssh|git\+ssh):\/\/|(?<![\w-])(?:ssh|mosh|sftp|ssh-copy-id|sshfs)(?:\s{1,3}-{1,2}[\w-]{1,20}(?:[ =][^\s@-][^\s@]{0,40})?){0,4}\s{1,3})$/i;

const LOGIN_REACH = 120;

/** Standards allow 64 characters before the "@". */
const LOCAL_LIMIT = 256;

/** `deploy@web-1.example.com:/srv` is a place on a host. */
const REMOTE_PATH = /:(?=[/~])/y;

/** The domain at the head of `run`: labels up to the last one that can be a top-level domain. */
function domainOf(run: string): string | null {
  const labels = run.split("..", 1)[0]?.split(".") ?? [];
  while (labels.length >= 2 && !/^(?:\p{L}{2,}|xn--[a-z0-9-]+)$/iu.test(labels.at(-1) ?? "")) {
    labels.pop();
  }
  if (labels.length < 2 || labels.some((label) => !/^[\p{L}\d]/u.test(label))) return null;
  return labels.join(".");
}

/** `pkg@2.0.0-rc.beta` is a version, `logo@2x.png` a file, `web@blue.service` a unit. */
function isNoMailHost(local: string, domain: string): boolean {
  const suffix = domain.slice(domain.lastIndexOf(".") + 1).toLowerCase();
  return /^(?:\d+\.\d|\dx\.)/.test(domain) || NO_DOMAINS.has(suffix) ||
    (OWN_NETWORKS.has(suffix) && !local.includes("."));
}

function isLogin(scan: Scan, local: Span, domainEnd: number): boolean {
  return URL_USER.test(scan.slice(Math.max(0, local.start - LOGIN_REACH), local.start)) ||
    SERVICE_ACCOUNTS.has(scan.slice(local.start, local.end).toLowerCase()) ||
    scan.matchAt(REMOTE_PATH, domainEnd) !== null ||
    LOGIN.test(scan.slice(Math.max(0, local.start - LOGIN_REACH), local.start));
}

/** Where the host after the "@" ends; -1 where none is there. */
function domainEnd(scan: Scan, from: number, at: string): number {
  if (/[([{]/.test(at)) {
    const spelled = scan.matchAt(SPELLED_DOMAIN, from)?.[0];
    return spelled === undefined ? -1 : from + spelled.length;
  }
  for (const letters of [SPACED_DOMAIN, DOMAIN]) {
    const runEnd = scan.runEnd(from, letters);
    const run = scan.slice(from, scan.runStart(runEnd, DOMAIN_MARKS, runEnd - from));
    const domain = domainOf(run);
    if (domain !== null) return from + domain.length;
  }
  return -1;
}

const QUOTE = charSet('"');

const IN_QUOTES = (code: number) => code >= 0x20 && code !== 0x22 && code !== 0x40;

const QUOTED_LIMIT = 64;

/** The name in a URL that has a password: what stands before the host is no mail box. */
const URL_USER = /:\/\/[^\s/@]{0,64}:$/;

/** The name in quotes that ends at `end` (RFC 5322, `"jane doe"@…`), or null. */
function quotedLocal(scan: Scan, end: number): Span | null {
  if (!scan.is(end - 1, QUOTE)) return null;
  const start = scan.runStart(end - 1, IN_QUOTES, QUOTED_LIMIT) - 1;
  return start < end - 2 && scan.is(start, QUOTE) ? { start, end } : null;
}

function mailAround(scan: Scan, at: Span): Span | null {
  const mark = scan.slice(at.start, at.end);
  const quoted = quotedLocal(scan, at.start);
  if (quoted !== null) {
    const end = domainEnd(scan, at.end, mark);
    return end < 0 ? null : { start: quoted.start, end };
  }
  const letters = scan.is(at.start - 1, SPACED_LOCAL) ? SPACED_LOCAL : LOCAL;
  const local = scan.slice(scan.runStart(at.start, letters, LOCAL_LIMIT), at.start).replace(
    /^[.'%+-]+/,
    "",
  );
  if (local === "" || local.endsWith(".")) return null;
  const start = at.start - local.length;
  const end = domainEnd(scan, at.end, mark);
  if (end < 0 || isNoMailHost(local, scan.slice(at.end, end))) return null;
  return isLogin(scan, { start, end: at.start }, end) ? null : { start, end };
}

/**
 * E-mail addresses: a dot-atom (RFC 5322 section 3.2.3, without its rare marks) before the "@", and
 * a host name with a top-level domain after it; letters of every script. The "@" may be written as
 * in URLs, HTML and JSON, or as "(at)", the name in quotes. Address literals are not found, nor logins on
 * hosts.
 */
export function findEmails(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let at = scan.findPattern(AT, 0); at !== null; at = scan.findPattern(AT, at.end)) {
    const mail = mailAround(scan, at);
    // Two "@" can share a host: what was found before stays.
    if (mail !== null && mail.start >= (found.at(-1)?.end ?? 0)) found.push(mail);
  }
  return found;
}
