import { secretValueAt, type Suspicion } from "./secret_value.ts";
import { ALNUM, charSet, LETTER, type Scan, SPACE, type Span } from "./scan.ts";

/** Names that hold nothing but a secret; a longer name may end with one (`DB_PASSWORD`). */
const PASSWORD_NAMES = [
  "password",
  "passwd",
  "pwd",
  "passphrase",
  "passwort",
  "kennwort",
  "motdepasse",
  "contrasena",
  "contraseña",
  "apikey",
  "accesskey",
  "secretkey",
  "privatekey",
  "clientsecret",
  "accesstoken",
  "authtoken",
  "refreshtoken",
  "accountkey",
  "sharedaccesskey",
  "signingkey",
  "encryptionkey",
];

/** Names that hold a secret as often as its name or its fate. */
const LOOSE_NAMES = ["secret", "token", "credential", "credentials"];

/** Tokens of lists, not of people. */
const HARMLESS_NAMES = ["pagetoken", "nexttoken", "continuationtoken", "synctoken"];

const VERBS: ReadonlySet<string> = new Set(["is", "was", "ist", "lautet", "est", "es"]);

const NAME_MARKS = charSet("_-.");
const NAME = (code: number) => ALNUM(code) || LETTER(code) || NAME_MARKS(code);
const NAME_LIMIT = 64;
const QUOTES = charSet("\"'`");
const ASSIGN = charSet("=:>");
const EQUALS = charSet("=");
const GAP_LIMIT = 8;

/** Finds nothing only where no name in the text can end in one of these. */
const ANY_NAME = new RegExp([...PASSWORD_NAMES, ...LOOSE_NAMES].join("|"));

function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\d]/gu, "");
}

type NameKind = "password" | "loose" | "none";

function nameKind(name: string): NameKind {
  const plain = plainName(name);
  if (HARMLESS_NAMES.some((tail) => plain.endsWith(tail))) return "none";
  if (PASSWORD_NAMES.some((tail) => plain.endsWith(tail))) return "password";
  return LOOSE_NAMES.some((tail) => plain.endsWith(tail)) ? "loose" : "none";
}

/** True for a member name whose value is a secret: `password`, `db_password`, `apiKey`, `token`. */
export function isSecretName(name: string): boolean {
  return nameKind(name) !== "none";
}

/** Where a value starts after a name, and how much the way of writing says; or null. */
function valueAfter(scan: Scan, nameEnd: number, kind: NameKind): [number, Suspicion] | null {
  const closed = scan.runEnd(nameEnd, QUOTES, 1);
  const gap = scan.runEnd(closed, SPACE, GAP_LIMIT);
  const marks = scan.runEnd(gap, ASSIGN, 2);
  const start = scan.runEnd(marks, SPACE, GAP_LIMIT);
  if (marks > gap) {
    const isSure = scan.is(gap, EQUALS) || closed > nameEnd || scan.is(start, QUOTES);
    return [start, isSure ? "sure" : kind === "password" ? "likely" : "hint"];
  }
  const wordEnd = scan.runEnd(gap, LETTER, GAP_LIMIT);
  if (gap === closed || !VERBS.has(scan.slice(gap, wordEnd).toLowerCase())) return null;
  const after = scan.runEnd(scan.runEnd(wordEnd, ASSIGN, 1), SPACE, GAP_LIMIT);
  return after > wordEnd ? [after, kind === "password" ? "likely" : "hint"] : null;
}

/** `--password hunter2`: a flag takes the next word, unless that is a flag too. */
function flagValue(scan: Scan, nameStart: number, nameEnd: number): [number, Suspicion] | null {
  const value = scan.runEnd(nameEnd, SPACE, 1);
  const isFlag = scan.startsWith(nameStart, "--") && value > nameEnd &&
    !scan.startsWith(value, "-");
  return isFlag ? [value, "likely"] : null;
}

/** "mot de passe" and "api key" are names of several words. */
const NAMES_OF_WORDS = ["mot de passe", "api key", "access key", "secret key", "private key"];

function nameSpan(scan: Scan, at: number): Span {
  const start = at;
  const many = NAMES_OF_WORDS.find((name) =>
    scan.code(at) !== -1 && scan.slice(at, at + name.length).toLowerCase() === name
  );
  if (many !== undefined) return { start, end: at + many.length };
  return { start, end: scan.runEnd(at, NAME) };
}

/**
 * Values that are given a secret's name: `password=…`, `api_key: …`, `"token": "…"`, `--token …`,
 * "the password is …". The name stays. After "=" or in quotes any value of four characters is
 * one, unless it stands for a value (`<token>`, `$TOKEN`, `null`); after ":" or "is" it must look
 * made up, because "token: expired" is a sentence.
 */
export function findAssignments(scan: Scan): Span[] {
  if (!ANY_NAME.test(plainName(scan.slice(0, scan.length)))) return [];
  const found: Span[] = [];
  let at = 0;
  while (at < scan.length) {
    if (!NAME(scan.code(at))) {
      at++;
      continue;
    }
    const name = nameSpan(scan, at);
    at = name.end;
    // Only the tail of a name says what it holds; a run of any length is not copied.
    const tail = scan.slice(Math.max(name.start, name.end - NAME_LIMIT), name.end);
    const kind = nameKind(tail);
    if (kind === "none") continue;
    const value = valueAfter(scan, name.end, kind) ?? flagValue(scan, name.start, name.end);
    if (value === null) continue;
    const span = secretValueAt(scan, value[0], value[1]);
    if (span === null) continue;
    found.push(span);
    at = span.end;
  }
  return found;
}
