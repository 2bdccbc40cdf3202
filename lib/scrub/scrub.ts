import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { CARD_HINT, findCards } from "./card.ts";
import { EMAIL_HINT, findEmails, findIbans, IBAN_HINT } from "./iban_email.ts";
import { findPhones, PHONE_HINT } from "./phone.ts";
import { isPhoneName } from "./phone_context.ts";
import { BARRIER, detectionCopy, hasLongRun, Scan, type Span, StartIndex } from "./scan.ts";
import { findCredentials, findSecrets } from "./secret.ts";
import { BLOCK_HINT, PRIVATE_JWK_MEMBERS } from "./secret_block.ts";
import { passwordFlags, POSITIONAL, PROGRAM, USER_PAIR } from "./secret_command.ts";
import { NAME_PATTERNS, type SecretKind, secretKindOf } from "./secret_names.ts";
import { LONG_FORMS, TOKEN_START } from "./secret_token.ts";
import { findSsns, SSN_HINT } from "./ssn.ts";
import { isSecretValue, isStandIn, looksEncoded } from "./secret_value.ts";

/**
 * Texts and JSON without personal data and secrets. It runs all detectors once, joins what they
 * found, and names what stood there; a text that provably holds nothing is not scanned.
 */

/** What can be found; a finding of a kind is replaced by the kind in square brackets. */
export type ScrubKind = "secret" | "IBAN" | "card" | "e-mail" | "phone";

export interface Found {
  readonly kind: ScrubKind;
  readonly count: number;
}

export interface ScrubbedText {
  readonly text: string;
  /** Kinds that were found, the most severe first; none with a count of 0. */
  readonly found: Found[];
}

export interface ScrubbedJson {
  readonly value: JsonObject;
  readonly found: Found[];
}

interface Detector<K = ScrubKind> {
  readonly kind: K;
  readonly find: (scan: Scan) => Span[];
  /** True for every text in which `find` finds something: without it there is no need to look. */
  readonly mayHold: (text: string) => boolean;
}

const STARTS = new StartIndex(TOKEN_START, PROGRAM, USER_PAIR, POSITIONAL, ...NAME_PATTERNS);

/** True for every text in which `findSecrets` finds something, and for few others. */
export function mayHoldSecrets(text: string): boolean {
  return STARTS.find(text, 0) !== null || BLOCK_HINT.test(text) ||
    (hasLongRun(text) && LONG_FORMS.some((form) => text.search(form) >= 0));
}

/**
 * The most severe first: what one kind takes, the next do not see, so that the digits of an IBAN
 * are not a card as well, and "me@example.com" in `password=me@example.com` is a secret.
 */
const DETECTORS: readonly Detector[] = [
  { kind: "secret", find: findSecrets, mayHold: mayHoldSecrets },
  { kind: "IBAN", find: findIbans, mayHold: (text) => IBAN_HINT.test(text) },
  { kind: "card", find: findCards, mayHold: (text) => CARD_HINT.test(text) },
  { kind: "e-mail", find: findEmails, mayHold: (text) => EMAIL_HINT.test(text) },
  { kind: "phone", find: findPhones, mayHold: (text) => PHONE_HINT.test(text) },
];

const placeholder = (kind: ScrubKind): string => `[${kind}]`;

const PLACEHOLDERS = DETECTORS.map(({ kind }) => placeholder(kind));

/**
 * A replaced neighbour can uncover a finding (two numbers glued together), so a text is read again
 * until nothing is found. Three readings were enough for every text tried; one that still gives
 * findings after this many was built to escape.
 */
const MAX_PASSES = 8;

type Counts = Map<ScrubKind, number>;

function add(counts: Counts, kind: ScrubKind, count: number): void {
  if (count > 0) counts.set(kind, (counts.get(kind) ?? 0) + count);
}

function foundIn(counts: Counts): Found[] {
  return DETECTORS.flatMap(({ kind }) => {
    const count = counts.get(kind);
    return count === undefined ? [] : [{ kind, count }];
  });
}

/** `text` with each span replaced by what `by` gives for it; the spans are in order. */
function replaceSpans<S extends Span>(
  text: string,
  spans: readonly S[],
  by: (span: S) => string,
): string {
  let out = "";
  let at = 0;
  for (const span of spans) {
    out += text.slice(at, span.start) + by(span);
    at = span.end;
  }
  return out + text.slice(at);
}

interface Pass {
  readonly text: string;
  readonly reads: number;
  readonly isClean: boolean;
}

/** A stretch of a text, and what it is. */
export interface KindSpan<K> extends Span {
  readonly kind: K;
}

/** What some detectors find in a text, in order, and how many characters they looked at for it. */
function findAll<K extends ScrubKind | ExtraKind>(
  source: string,
  detectors: readonly Detector<K>[],
): { readonly spans: KindSpan<K>[]; readonly reads: number } {
  const copy = detectionCopy(source, PLACEHOLDERS);
  const found: KindSpan<K>[] = [];
  let text = copy.text;
  let reads = copy.text.length;
  for (const { kind, find, mayHold } of detectors) {
    reads += text.length;
    if (!mayHold(text)) continue;
    const scan = new Scan(text);
    const spans = find(scan);
    reads += scan.reads;
    text = replaceSpans(text, spans, ({ start, end }) => BARRIER.repeat(end - start));
    for (const { start, end } of spans) {
      found.push({ start: copy.startOf(start), end: copy.endOf(end - 1), kind });
    }
  }
  return { spans: found.sort((a, b) => a.start - b.start), reads };
}

function scrubOnce(source: string, counts: Counts): Pass {
  const { spans, reads } = findAll(source, DETECTORS);
  for (const { kind } of spans) add(counts, kind, 1);
  return {
    text: replaceSpans(source, spans, ({ kind }) => placeholder(kind)),
    reads,
    isClean: spans.length === 0,
  };
}

/** What reasons may hold, and only who asks for it has looked for. */
export type ExtraKind = "ssn" | "credential";

const ALL_DETECTORS: readonly Detector<ScrubKind | ExtraKind>[] = [
  { kind: "credential", find: findCredentials, mayHold: mayHoldSecrets },
  ...DETECTORS,
  { kind: "ssn", find: findSsns, mayHold: (text) => SSN_HINT.test(text) },
];

/**
 * Where a text holds something of these kinds, by one reading: in order, and never overlapping. What
 * stands beside a finding can be one itself once that is replaced: whoever replaces reads again.
 */
export function findKinds<K extends ScrubKind | ExtraKind>(
  text: string,
  kinds: readonly K[],
): { readonly spans: KindSpan<K>[]; readonly reads: number } {
  const wanted = ALL_DETECTORS.filter((one): one is Detector<K> =>
    (kinds as readonly string[]).includes(one.kind)
  );
  return findAll(text, wanted);
}

/**
 * `scrubText()` with the work that it took: how often the text was read through (`passes`), and
 * how many characters the detectors looked at in all (`reads`), which grows with the length of
 * the text and not faster. A text that is not clean after `maxPasses` readings becomes `[secret]`.
 */
export function scrubMeasured(
  source: string,
  maxPasses = MAX_PASSES,
): ScrubbedText & { passes: number; reads: number } {
  const counts: Counts = new Map();
  let text = source;
  let reads = 0;
  for (let passes = 1; passes <= maxPasses; passes++) {
    const pass = scrubOnce(text, counts);
    reads += pass.reads;
    if (pass.isClean) return { text, found: foundIn(counts), passes, reads };
    text = pass.text;
  }
  return { text: placeholder("secret"), found: foundIn(counts), passes: maxPasses, reads };
}

/**
 * Replaces personal data and secrets in a free text by `[e-mail]`, `[card]`, `[IBAN]`, `[phone]`
 * and `[secret]`; the rest of the text stays as it is. Scrubbing the result again changes nothing
 * and finds nothing. The result can be longer than the text (a secret of four characters becomes
 * eight). docs/scrubbing.md says what is found, and what is not.
 */
export function scrubText(text: string): ScrubbedText {
  const scrubbed = scrubMeasured(text);
  return { text: scrubbed.text, found: scrubbed.found };
}

/** Fewer digits cannot be a card: ids, amounts and times stay numbers. */
const LEAST_CARD_NUMBER = 1e12;

/** Announces a phone number to the detectors; it holds nothing that they find. */
const PHONE_LEAD = "tel ";

/** Whether a string goes whole because of the name that it goes by. */
function isNamedSecret(name: string, value: string): boolean {
  const kind = secretKindOf(name);
  if (kind === null || value === "" || PLACEHOLDERS.includes(value)) return false;
  const isJudged = kind === "opaque" || kind === "vague" || kind === "code" || kind === "phrase";
  return isJudged ? isSecretValue(value, kind, "sure") : !isStandIn(value);
}

/** The fewest digits of a number that is a secret; names of other kinds go before counts and ids. */
const LEAST_DIGITS: ReadonlyMap<SecretKind, number> = new Map([
  ["password", 4],
  ["code", 3],
  ["token", 6],
  ["key", 6],
]);

/** Names under which a number is a count of tests that passed, or the key of a row. */
const COUNTS = /^pass$|(?:product|serial)[ _.-]?key$/i;

/** Whether a number goes because of the name that it goes by: `{"pin": 4471}`. */
function isNumericSecret(name: string, value: number): boolean {
  if (!Number.isInteger(value) || value < 0 || COUNTS.test(name)) return false;
  const kind = secretKindOf(name);
  const least = kind === null ? undefined : LEAST_DIGITS.get(kind);
  return kind !== null && least !== undefined && String(value).length >= least &&
    isSecretValue(String(value), kind, "sure");
}

/** A string or number at its place in a JSON value. */
function scrubScalar({ name, lead }: ValuePlace, value: JsonValue, counts: Counts): JsonValue {
  if (typeof value === "number") {
    if (isNumericSecret(name, value)) {
      add(counts, "secret", 1);
      return placeholder("secret");
    }
    const isLong = Number.isSafeInteger(value) && value >= LEAST_CARD_NUMBER;
    return isLong && findCards(new Scan(String(value))).length > 0
      ? scrubScalar({ name, lead }, String(value), counts)
      : value;
  }
  if (typeof value !== "string") return value;
  if (isNamedSecret(name, value)) {
    add(counts, "secret", 1);
    return placeholder("secret");
  }
  const before = isPhoneName(name) ? PHONE_LEAD : lead;
  const { text, found } = scrubText(before + value);
  for (const { kind, count } of found) add(counts, kind, count);
  // Where the lead is gone the whole text was replaced.
  return text.startsWith(before) ? text.slice(before.length) : text;
}

/** Sets an own member, `__proto__` included. */
function setMember(target: JsonObject | JsonValue[], name: string, value: JsonValue): void {
  Object.defineProperty(target, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/**
 * A copy of a JSON object with every string in it scrubbed at any depth. Names stay, and help: the
 * value of a member named as a secret (`password`, `authorization`), or of a pair or a flag that
 * names one, is replaced whole, and that of `phone` is read as a phone number. An integer under such
 * a name becomes the string `[secret]`, one that is a card number `[card]`; other numbers stay.
 */
export function scrubJson(value: JsonObject): ScrubbedJson {
  const counts: Counts = new Map();
  const result: JsonObject = {};
  // A list of open work instead of recursion: a deep value must not exhaust the stack.
  const open: { name: string; from: JsonObject | JsonValue[]; to: JsonObject | JsonValue[] }[] = [
    { name: "", from: value, to: result },
  ];
  for (let work = open.pop(); work !== undefined; work = open.pop()) {
    const placeOf = valuePlaces(work.from, work.name);
    for (const [key, member] of Object.entries(work.from)) {
      const place = placeOf(key);
      if (Array.isArray(member) || isJsonObject(member)) {
        const to = Array.isArray(member) ? [] : {};
        setMember(work.to, key, to);
        open.push({ name: place.name, from: member, to });
      } else setMember(work.to, key, scrubScalar(place, member, counts));
    }
  }
  return { value: result, found: foundIn(counts) };
}

/** What is known of a value from where it stands in a JSON value. */
export interface ValuePlace {
  /** The name that the value goes by; "" for none. */
  readonly name: string;
  /** Text that a command line has before the value, and that says what the value is. */
  readonly lead: string;
}

/** Members of pairs, as in the environment of a container: `{"name": …, "value": …}`. */
const NAME_MEMBERS = [
  "name",
  "key",
  "k",
  "field",
  "header",
  "variable",
  "var",
  "param",
  "parameter",
];

const VALUE_MEMBERS: ReadonlySet<string> = new Set(
  "value val v values".split(" "),
);

/**
 * Of a longer name its end counts: it is read again for each element of its array, and the work
 * must not grow with both.
 */
const LONGEST_NAME = 256;

/** More words are a title: {"name": "Rotate the API key", "value": 3}. */
const SHORT_NAME = /^\S{1,60}(?: \S{1,30})?$/;

/** A flag or a name, and not a value that ends like one. */
const WORDS = /^-{0,2}\p{L}[\p{L}_. -]*$/u;

const USER_FLAGS: ReadonlySet<string> = new Set(["-u", "-U", "--user", "--proxy-user"]);

function pairName(value: JsonObject): string | null {
  for (const [member, name] of Object.entries(value)) {
    const isName = typeof name === "string" && NAME_MEMBERS.includes(member.toLowerCase());
    if (!isName || !SHORT_NAME.test(name)) continue;
    if (secretKindOf(name) !== null || isPhoneName(name)) return name;
  }
  return null;
}

/** A secret in a list that is named for them, `"tokens": […]`, and not the name of one. */
function isSecretOf(plural: string, value: string): boolean {
  const kind = /s$/i.test(plural) ? secretKindOf(plural.slice(0, -1)) : null;
  return kind !== null && isSecretValue(value, kind === "code" ? kind : "token", "likely");
}

/** The flags that take a password in a list that is a command line. */
function flagsIn(list: readonly JsonValue[]): readonly string[] {
  const program = list[0];
  return typeof program === "string" ? passwordFlags(program, list.slice(1, 9).join(" ")) : [];
}

/** Where an element of a list stands: after a flag, after the name of a header, or in a pair. */
function elementPlace(
  list: readonly JsonValue[],
  at: number,
  outer: string,
  flags: readonly string[],
): ValuePlace {
  const [first, before, value] = [list[0], list[at - 1], list[at]];
  const isText = typeof value === "string";
  const isOneOfMany = (isText || typeof value === "number") && isSecretOf(outer, String(value));
  const plain = { name: isOneOfMany ? outer.slice(0, -1) : outer, lead: "" };
  if (typeof before !== "string") return plain;
  if (!isText) return before.startsWith("-") ? { name: before, lead: "" } : plain;
  if (value.startsWith("-")) {
    const isGlued = flags.some((flag) => value.startsWith(flag) && value.length > flag.length);
    return isGlued ? { name: outer, lead: `${first} ` } : plain;
  }
  if (USER_FLAGS.has(before)) return { name: outer, lead: `${before} ` };
  if (flags.includes(before)) return { name: "password", lead: "" };
  const kind = WORDS.test(before) ? secretKindOf(before) : null;
  const isNamed = kind !== null && kind !== "opaque" && kind !== "vague" &&
    (before.startsWith("-") || list.length === 2 || looksEncoded(value));
  return isNamed ? { name: before, lead: "" } : plain;
}

/**
 * Where the member `key` of a JSON array or object stands. Members go by their own name, or by the
 * one that stands beside them; the elements of an array go by the name of the array, or by the flag
 * or name before them.
 */
export function valuePlaces(
  value: JsonObject | readonly JsonValue[],
  whole: string,
): (key: string) => ValuePlace {
  const outer = whole.slice(-LONGEST_NAME);
  if (!isJsonObject(value)) {
    const flags = flagsIn(value);
    return (key) => elementPlace(value, Number(key), outer, flags);
  }
  // {"token": {"value": …}} too.
  const pair = pairName(value) ?? (secretKindOf(outer) === null ? null : outer);
  const isJwk = typeof value["kty"] === "string";
  return (key) => {
    if (isJwk && PRIVATE_JWK_MEMBERS.has(key)) return { name: "private key", lead: "" };
    return {
      name: pair !== null && VALUE_MEMBERS.has(key.toLowerCase()) ? pair : key,
      lead: "",
    };
  };
}
