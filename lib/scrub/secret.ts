import {
  ALNUM,
  charSet,
  hasLongRun,
  joinOverlaps,
  LETTER,
  type Scan,
  SPACE,
  type Span,
  UNSPACED_FROM,
} from "./scan.ts";
import {
  credentialsAfter,
  findAuthorizations,
  findJwkSecrets,
  findPrivateKeys,
  findPuttyKeys,
  findUrlCredentials,
} from "./secret_block.ts";
import { findCommandSecrets } from "./secret_command.ts";
import { type NamePlace, nextSecretName, type SecretKind } from "./secret_names.ts";
import {
  findAwsSecretKeys,
  findMarkedTokens,
  findTokens,
  findUnknownTokens,
} from "./secret_token.ts";
import {
  closingQuoteLength,
  codeAt,
  quoteLength,
  secretValueAt,
  type Suspicion,
} from "./secret_value.ts";

/** Secrets in a text, whatever gives them away: their form, their name, or where they stand. */

function findLongTokens(scan: Scan): Span[] {
  return [...findMarkedTokens(scan), ...findUnknownTokens(scan), ...findAwsSecretKeys(scan)];
}

/**
 * Secrets, known by their own form or by what stands beside them. Random-looking text alone is not
 * one: commit hashes and digests are normal in a reason.
 */
export function findSecrets(scan: Scan): Span[] {
  return joinOverlaps([
    ...findPrivateKeys(scan),
    ...findPuttyKeys(scan),
    ...findJwkSecrets(scan),
    ...findTokens(scan),
    ...(hasLongRun(scan.text) ? findLongTokens(scan) : []),
    ...findAuthorizations(scan),
    ...findUrlCredentials(scan),
    ...findCommandSecrets(scan),
    ...findAssignments(scan),
  ]);
}

/**
 * Secrets that their own form gives away, whatever stands beside them: keys, tokens of issuers, web
 * tokens, what an authorization header or an address carries. Of a text that is no reason: there the
 * name of a secret stands before much that is none.
 */
export function findCredentials(scan: Scan): Span[] {
  return joinOverlaps([
    ...findPrivateKeys(scan),
    ...findPuttyKeys(scan),
    ...findJwkSecrets(scan),
    ...findTokens(scan),
    ...(hasLongRun(scan.text) ? findLongTokens(scan) : []),
    ...findAuthorizations(scan),
    ...findUrlCredentials(scan),
  ]);
}

const GAP_LIMIT = 8;

/** What closes a name: quotes, brackets of a subscript, the stars of bold text. */
const CLOSER = /\[\]|[\])*_]{1,3}|\s{0,2}\([^()\n]{1,40}\)/y;

const MARK =
  /\s{0,8}(?::\s?(?:&(?:'static\s)?)?(?:string|String|str|text|char|any|Final|Optional|Secret|SecretStr)(?:[[<]\w{1,12}[\]>])?\s?=(?!=)|:{1,2}=?|={1,3}>?|->|\u2192|>(?=[^\s<>"'`]{1,200}<\/)|\||(?<=\s)-{1,2}(?=\s))(?=\s|[^=])\*{0,2}/y;

/**
 * The value of a pair that has the name as a value: `"name": "DB_PASSWORD", "value": "…"`, also as
 * elements of XML: `name="ApiKey"><value>…`, `<key>ApiKey</key><string>…`.
 */
const PAIR =
  /(?:[,;]?\s{0,40}\\{0,8}["']?(?:value|val|default|content)\\{0,8}["']?\s{0,3}[:=]\s{0,3}|\s?(?:<\/\w{1,12})?>\s{0,40}<(?:value|string|val)>\s{0,8})/iy;

/** The second argument of a call whose first is the name: `define('DB_PASSWORD', '…')`. */
const ARGUMENT = /\s?,\s{0,3}(?=["'`])/y;

const CALL = charSet("(");

/** Verbs and what goes with them: "is now", "was set to", "lautet", "は". */
const FILLER = new RegExp(
  "\\s{0,4}(?:" + [
    "is|was|are|be|been|being|to|as|has|got|now|currently|still|again|set|changed|reset|updated",
    "rotated|equals|reads|ist|war|lautet|heißt|heisst|jetzt|nun|aktuell|wurde|auf|gesetzt|geändert",
    "est|était|sera|devient|maintenant|es|era|fue|será|ahora|cambiada|è|ora|adesso|stata|é|foi",
    "agora|wordt|luidt|nu|jest|brzmi|teraz|är|er|on|je|byl|это|теперь|это:|by|with",
  ].join("|") + ")(?=[\\s:=\"'`])",
  "iy",
);

const UNSPACED_FILLER = /\s?(?:は|が|を|를|을|是|为|為|就是|设为|改为|은|는|이|가|คือ)\s?[:,]?\s?/y;

const FILLERS = 4;

/** "for the admin of db-2", "nueva", "used by": whose secret it is, or which. */
const PREPOSITION = new RegExp(
  ",?\\s{1,3}(?:(?:" + [
    "for|of|on|to|in|at|from|behind|für|fuer|vom|von|zu|zum|zur|der|des|am|im|de|du|del|da|do|di",
    "della|dello|pour|para|per|van|voor|dla|från|för|til|till|pro|для|от|new|old|temporary|initial",
    "neu|neue|nueva|nuevo|actual|temporal|inicial|nova|novo|nouveau|actuel|provisoire|nuova|nuovo",
    "attuale|nieuw|nowe|nytt|nové|новый|(?:used|issued|generated|created|stored|configured|needed",
    "required|assigned|belonging|meant)(?:\\s(?:by|for|in|on|to|at|from|with|as))?|that|which",
    "den|die|das|dat|welches|que|qui|che|który|które|utilisée?|employée?|générée?|créée?|usad[oa]",
    "utilizad[oa]|generad[oa]|cread[oa]|usat[oa]|utilizzat[oa]|generat[oa]|gebruikt|używan[yae]",
  ].join("|") + ")(?=[\\s:=])|(?:dell|dall|nell|de l|à l|d|l|qu)['\u2019](?=\\S))",
  "iy",
);

const OWNER_WORD = /\s{0,3}(?:[^\s:="'`]|(?<=\p{L})'(?=\p{L})){1,40}/uy;

const OWNER_WORDS = 5;

/** What comes before the verb is over. */
const SENTENCE_END = charSet(".;!?");

const COMMA = charSet(",");

interface Value {
  readonly start: number;
  readonly suspicion: Suspicion;
  /** Where the place asks for more than the name does. */
  readonly kind?: SecretKind;
}

function skip(scan: Scan, at: number, pattern: RegExp): number {
  return at + (scan.matchAt(pattern, at)?.[0].length ?? 0);
}

/** What YAML has between the mark and the value: a tag, or the sign of a block. */
const YAML_SIGN = /\s{0,4}(?:!!?(?:str|binary)\s{1,4}|[|>][+-]?\d?\s{0,4}\n\s{1,40}(?=\S))/y;

/** After `=`, `:` and the like; null where no mark stands at `at`. */
function afterMark(scan: Scan, at: number, isClosed: boolean): Value | null {
  const mark = scan.matchAt(MARK, at)?.[0];
  if (mark === undefined) return null;
  const marked = at + mark.length;
  const start = scan.runEnd(skip(scan, marked, YAML_SIGN), SPACE, GAP_LIMIT);
  const isSure = mark.includes("=") || isClosed || quoteLength(scan, start) > 0 ||
    mark === ">";
  return { start, suspicion: isSure ? "sure" : "likely" };
}

/** After a verb; null where none stands at `at`. */
function afterVerb(scan: Scan, at: number): Value | null {
  let end = skip(scan, at, UNSPACED_FILLER);
  for (let i = 0; i < FILLERS; i++) end = skip(scan, end, FILLER);
  if (end === at) return null;
  const marked = afterMark(scan, end, false);
  const start = marked?.start ?? scan.runEnd(end, SPACE, GAP_LIMIT);
  return { start, suspicion: "likely" };
}

/** "The key for the feed, X, was …", "the key (X)": the value stands right behind, set off. */
function* setOff(scan: Scan, at: number, kind: SecretKind): Generator<Value> {
  const start = scan.is(at - 1, COMMA)
    ? scan.runEnd(at, SPACE, 2)
    : at + (scan.matchAt(SET_OFF, at)?.[0].length ?? 0);
  if (start === at) return;
  // Lists of names are set off so too.
  const isMade = kind === "key" || kind === "token";
  yield isMade ? { start, suspicion: "sure", kind: "vague" } : { start, suspicion: "hint" };
}

const SET_OFF = /,\s{1,2}(?=\S)|\s{1,2}\((?=\S)/y;

/** After up to five words that say whose secret it is, at each mark, verb or comma. */
function* afterOwner(scan: Scan, at: number, kind: SecretKind): Generator<Value> {
  yield* setOff(scan, at, kind);
  let end = skip(scan, at, PREPOSITION);
  if (end === at) return;
  for (let i = 0; i <= OWNER_WORDS; i++) {
    const value = afterMark(scan, end, false) ?? afterVerb(scan, end);
    if (value !== null) yield { start: value.start, suspicion: "likely" };
    yield* setOff(scan, end, kind);
    const next = skip(scan, end, OWNER_WORD);
    if (next === end || scan.is(next - 1, SENTENCE_END)) return;
    end = next;
  }
}

/** "hasło administratora:", "mot de passe temporaire :", and not "password hashing: argon2id". */
const ATTRIBUTES =
  /(?:\s{1,3}(?!(?:and|or|und|oder|et|ou|y|o|e|i)\s)\p{L}{2,20}){1,2}(?=\s{0,2}[:=])/iuy;

const OTHER_MATTERS = new RegExp(
  "\\s(?:polic|reset|rotat|hash|algo|length|file|path|field|manag|stor|generat|encod|encrypt|valid|" +
    "strength|histor|expir|min|max|format|type|version|hint|check|chang|prompt|option|flag|param|" +
    "variab|env|column|table|rule|require|error|link|url|page|form|request|ticket|service|vault|" +
    "name|count|attempt|cache|provider|endpoint|scope|issuer|audience|lifetime|limit|bucket|owner|" +
    "status|state|id|ref|helper|mode|size|age|days|ttl|last|update|create|used|usage|leak|found|" +
    "missing|invalid|wrong|richtlin|länge|datei|feld|ablauf|politique|longueur|fichier|politica)",
  "iu",
);

/** After one or two more words of the name and a mark. */
function afterAttributes(scan: Scan, at: number): Value | null {
  const words = scan.matchAt(ATTRIBUTES, at)?.[0];
  if (words === undefined || OTHER_MATTERS.test(words)) return null;
  const marked = afterMark(scan, at + words.length, false);
  return marked === null ? null : { start: marked.start, suspicion: "likely" };
}

/** The names in languages that put the owner right behind them. */
const SLAVIC_NAME =
  /^(?:kod|has[łl]|klucz|token d|hesl|gesl|lozink|лозинк|парол|пин|код|ключ|секрет|токен)/i;

const GENITIVE = /(?:\s{1,3}\p{L}{3,20}){1,2}(?=\s{1,3}(?:(?:to|jest|brzmi|je|это|-{1,2})\s))/uy;

/** "Kod PIN terminala to", "пароль администратора это". */
function afterGenitive(scan: Scan, name: NamePlace, at: number): Value | null {
  if (!SLAVIC_NAME.test(scan.slice(name.start, name.end))) return null;
  const owner = scan.matchAt(GENITIVE, at)?.[0];
  if (owner === undefined || OTHER_MATTERS.test(owner)) return null;
  const end = at + owner.length;
  const value = afterMark(scan, end, false) ?? afterVerb(scan, end);
  return value === null ? null : { start: value.start, suspicion: "likely" };
}

const LOGIN =
  /(?:user(?:name)?|login|account|benutzer|utilisateur|usuario|utente)\s?[:=]?\s?\S{1,40}\s{1,3}(?:and |with |und |y |e )?$/i;

const LOGIN_REACH = 64;

/** `--password hunter2`, "password hunter2": the next word, as the place before it says. */
function adjacent(scan: Scan, name: NamePlace, end: number): Value | null {
  const start = scan.runEnd(end, SPACE, 2);
  if (start === end || scan.startsWith(start, "-")) return null;
  const flag = scan.runStart(
    name.start,
    (code) => LETTER(code) || code === 0x2d || code === 0x5f,
    40,
  );
  const isFlag = scan.startsWith(flag, "-") && !scan.is(flag - 1, LETTER);
  const before = scan.slice(Math.max(0, name.start - LOGIN_REACH), name.start);
  // "Pass 'x' to it" is a deed.
  const isQuoted = quoteLength(scan, start) > 0 && name.end - name.start > "pass".length;
  const isLikely = isFlag || isQuoted || LOGIN.test(before);
  return { start, suspicion: isLikely ? "likely" : "hint" };
}

/** The places where the value of the name may start, the most telling first. */
function* valuesOf(scan: Scan, name: NamePlace): Generator<Value> {
  const quoted = name.end + closingQuoteLength(scan, name.end);
  const closed = skip(scan, quoted, CLOSER);
  const end = quoted === name.end ? closed : closed + closingQuoteLength(scan, closed);
  const marked = afterMark(scan, end, quoted > name.end);
  if (marked !== null) {
    yield marked;
    return;
  }
  if (name.kind === "authorization" || name.kind === "cookie") return;
  const argument = quoted > name.end ? skip(scan, quoted, ARGUMENT) : quoted;
  if (argument > quoted && isFirstArgument(scan, name)) {
    yield { start: argument, suspicion: "likely" };
  }
  const pair = skip(scan, end, PAIR);
  if (pair > end) yield { start: pair, suspicion: "sure" };
  const verb = afterVerb(scan, end);
  if (verb !== null) yield verb;
  if (closed > quoted) yield* setOff(scan, quoted, name.kind);
  yield* afterOwner(scan, end, name.kind);
  const attributes = afterAttributes(scan, end) ?? afterGenitive(scan, name, end);
  if (attributes !== null) yield attributes;
  const next = adjacent(scan, name, end);
  if (next !== null) yield next;
  else if (verb === null && end === name.end && isUnspaced(scan, name)) {
    yield { start: end, suspicion: quoteLength(scan, end) > 0 ? "likely" : "hint" };
  }
}

/** True for a name in quotes right behind the bracket of a call: `setenv("API_TOKEN"`. */
function isFirstArgument(scan: Scan, name: NamePlace): boolean {
  const start = scan.runStart(name.start, (code) => ALNUM(code) || code === 0x5f, 40);
  return quoteLength(scan, start - 1) > 0 && scan.is(start - 2, CALL) && scan.is(start - 3, ALNUM);
}

/** A script without blanks between words: the value may follow right on. */
function isUnspaced(scan: Scan, name: NamePlace): boolean {
  return scan.code(name.end - 1) >= UNSPACED_FROM;
}

/** After a name that says little, only `=` or a member of JSON counts. */
const OPAQUE_END = charSet("=\"'\\&:]");

const SPACED_EQUALS = /\s{1,2}=\s/y;

/** "Zugangsdaten: admin / …", "creds: admin, …": a login before the password. */
const LOGIN_BEFORE = /[\p{L}\d][\p{L}\d.@_-]{1,40}\s{0,2}\/\s{0,2}/uy;

function credentialAt(scan: Scan, name: NamePlace, value: Value): Span | null {
  const { start, suspicion, kind = name.kind } = value;
  if (kind === "authorization" || kind === "cookie") return credentialsAfter(scan, start, kind);
  const isCode = kind === "code" || kind === "phrase";
  const code = isCode ? codeAt(scan, start, kind, suspicion) : null;
  const span = code ?? secretValueAt(scan, start, kind, suspicion);
  // Digits that are no code count something: "OTP: 300 seconds".
  if (isCode && span !== null && /^\d+$/.test(scan.slice(span.start, span.end))) return code;
  // Where no blank follows the name, digits alone are no count of passwords.
  if (span === null && kind === "password" && isUnspaced(scan, name)) {
    return codeAt(scan, start, "code", suspicion);
  }
  if (span !== null || kind !== "token" || suspicion === "hint") return span;
  const password = skip(scan, start, LOGIN_BEFORE);
  return password > start ? secretValueAt(scan, password, "login", "likely") : null;
}

function valueOf(scan: Scan, name: NamePlace): Span | null {
  const isWeak = name.kind === "opaque" || name.kind === "vague";
  // `--key …` is a flag, "the key …" a sentence.
  const isFlag = isWeak && scan.startsWith(name.start - 2, "--") && scan.is(name.end, SPACE);
  if (isFlag) return secretValueAt(scan, scan.runEnd(name.end, SPACE, 2), name.kind, "sure");
  if (isWeak && !scan.is(name.end, OPAQUE_END) && scan.matchAt(SPACED_EQUALS, name.end) === null) {
    return null;
  }
  for (const value of valuesOf(scan, name)) {
    const span = credentialAt(scan, name, value);
    if (span !== null && span.end > span.start) return span;
  }
  return null;
}

/**
 * Values that are given a secret's name, in some twenty languages: `password=…`, `api_key: …`,
 * `"token": "…"`, `--token …`, "the password for db-2 is …", `Cookie: …`. The name stays. After "="
 * or in quotes any value of four characters is a password, unless it stands for one (`<token>`,
 * `$TOKEN`, `null`); after ":" or "is" it must look made up, because "token: expired" is a sentence.
 */
export function findAssignments(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let name = nextSecretName(scan, 0); name !== null;) {
    const span = valueOf(scan, name);
    if (span !== null) found.push(span);
    name = nextSecretName(scan, span?.end ?? name.end);
  }
  return found;
}
