import { type NumberContext, numberContext } from "./phone_context.ts";
import { ALNUM, charSet, DIGIT, LETTER, type Scan, type Span, WORD_LETTER } from "./scan.ts";

/**
 * Telephone numbers in a text: by their form where that is enough, else by the words before them.
 * Rows of numbers, dates and measures are left.
 */

const MAX_GROUPS = 9;

const MAX_DIGITS = 16;

/** The shortest that is dialled within a town. */
const LEAST_DIGITS = 7;

const SEPARATORS = charSet(" -./()");

const OPENER = charSet("+(");

/** Before a number these make it a part of something longer: an id, a path, an amount, a date. */
const NO_START = charSet("+-./_,#$%&@:");

const PLUS = charSet("+");

const GLUED = (code: number) => ALNUM(code) || WORD_LETTER(code);

const NO_END = charSet("_@%$");

const EXTENSION_WORDS =
  "(?:x|ext|extn|extension|durchwahl|dw|nst|app|apparat|poste|extensión|anexo|interno|int|ramal|" +
  "toestel|tst|wew|wewn|anknytning|klapka|доб|內線|内線|分机|내선)[.:]?";

const EXTENSION_NUMBER = " ?(?:no\\.? ?|#)?\\d{1,6}";

/** An extension: 415-555-0132x204, "ext. 12", "(extension 12)", "Durchwahl 12", ";ext=77". */
const EXTENSION = new RegExp(
  `[ ,]{0,2}\\( ?${EXTENSION_WORDS}${EXTENSION_NUMBER} ?\\)|` +
    `(?:x|;ext=|[ ,(]{0,2}${EXTENSION_WORDS})${EXTENSION_NUMBER}(?![\\p{L}\\d]|[.,:]\\d)`,
  "iuy",
);

const CURRENCY = charSet("%$\u20ac");

/** Groups of digits read from one place, with the separators before each of them. */
interface Dialled {
  readonly groups: readonly string[];
  /** `separators[i]` stands before `groups[i]`; the first is what opened the number. */
  readonly separators: readonly string[];
  /** Where each group ends. */
  readonly ends: readonly number[];
}

const LONG_DATE =
  /^(?:(?:19|20)\d{2}[-./](?:0?[1-9]|1[0-2])[-./](?:[12]\d|3[01]|0?[1-9])|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d{2})(?!\d)/;

const SHORT_DATE = /^\d{1,2}([-./])\d{1,2}\1\d{2}(?!\d|[-./]\d)/;

const COMPACT_DATE = /^(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)/;

const DATE_LENGTH = 11;

/** "2024-05-12", "12.05.2024": after a number these end it. */
function isLongDate(scan: Scan, at: number): boolean {
  return LONG_DATE.test(scan.slice(at, at + DATE_LENGTH));
}

/** "2024-05-12", "12/5/24", "20240512": no number begins so. */
function isDate(scan: Scan, at: number): boolean {
  const text = scan.slice(at, at + DATE_LENGTH);
  return LONG_DATE.test(text) || SHORT_DATE.test(text) || COMPACT_DATE.test(text);
}

/** Reads the groups from `at` on, as far as they can belong to one number. */
function readDialled(scan: Scan, at: number): Dialled {
  const groups: string[] = [];
  const separators: string[] = [];
  const ends: number[] = [];
  let digits = 0;
  let from = at;
  while (groups.length < MAX_GROUPS) {
    const start = groups.length === 0
      ? scan.runEnd(from, OPENER, 2)
      : scan.runEnd(from, SEPARATORS, 3);
    if (groups.length > 0 && (start === from || isLongDate(scan, start))) break;
    const end = scan.runEnd(start, DIGIT, MAX_DIGITS + 1 - digits);
    if (end === start || scan.is(end, NO_END)) break;
    if (scan.is(end, WORD_LETTER) && scan.matchAt(EXTENSION, end) === null) break;
    digits += end - start;
    if (digits > MAX_DIGITS) break;
    groups.push(scan.slice(start, end));
    separators.push(scan.slice(from, start));
    ends.push(end);
    from = end;
  }
  return { groups, separators, ends };
}

/** The longest head of the groups that `accepts`: the count of its groups, or 0. */
function longestHead(dialled: Dialled, accepts: (head: Dialled) => boolean): number {
  for (let count = dialled.groups.length; count > 0; count--) {
    const head = {
      groups: dialled.groups.slice(0, count),
      separators: dialled.separators.slice(0, count),
      ends: dialled.ends.slice(0, count),
    };
    if (accepts(head)) return count;
  }
  return 0;
}

function sizes(head: Dialled): string {
  return head.groups.map((group) => group.length).join("-");
}

/** +49 30 1234567, +44 (0)20 7946 0000: the bracketed zero is dialled at home only. */
function isPlusNumber(head: Dialled): boolean {
  const groups = head.groups.filter((group, i) => {
    return !(group === "0" && head.separators[i]?.endsWith("("));
  });
  const isOpen = head.groups.at(-1) === "0" && head.separators.at(-1)?.endsWith("(") === true;
  return !isOpen && isInternational(groups.join(""));
}

/** 0049 30 1234567. Without groups only after a phone word: ids are padded with zeros too. */
function isZeroZeroNumber(head: Dialled, context: NumberContext): boolean {
  const digits = head.groups.join("");
  if (!digits.startsWith("00") || !isInternational(digits.slice(2))) return false;
  return head.groups.length > 1 || context === "phone" || context === "call";
}

/** (415) 555-0132, 415-555-0132, 1-415-555-0132, 415.555.0132. */
function isNorthAmericanNumber(head: Dialled): boolean {
  const digits = head.groups.join("");
  const long = sizes(head) === "1-3-3-4" && digits.startsWith("1");
  if (!long && sizes(head) !== "3-3-4") return false;
  if (!isNorthAmerican(long ? digits.slice(1) : digits)) return false;
  const [first = "", second = ""] = head.separators.slice(-2);
  return /^[-.]$/.test(second) && (first === second || first.includes(")"));
}

/** 06 12 34 56 78, 06.12.34.56.78. */
function isFrenchNumber(head: Dialled): boolean {
  return sizes(head) === "2-2-2-2-2" && /^0[1-9]/.test(head.groups[0] ?? "") &&
    /^[ .-]$/.test(head.separators[1] ?? "") && new Set(head.separators.slice(1)).size === 1;
}

/** 030 1234567, 0171/1234567, (030) 123 456-0, 020 7946 0000: an area code with its zero. */
function isAreaCodeNumber(head: Dialled): boolean {
  const [area = "", ...rest] = head.groups;
  const digits = head.groups.join("").length;
  return /^0[1-9]\d{1,4}$/.test(area) && rest.length >= 1 && rest.length <= 4 &&
    digits >= 9 && digits <= 12 && (rest[0]?.length ?? 0) >= 2 &&
    head.separators.slice(1).every((separator) => /^(?: |-|\/|\) ?| - | \/ )$/.test(separator));
}

/** After a word for "telephone" nearly any number is one; after "call" only a long one. */
function isAnnouncedNumber(head: Dialled, context: NumberContext): boolean {
  const digits = head.groups.join("").length;
  const least = context === "phone" ? LEAST_DIGITS : 9;
  return (context === "phone" || context === "call") && digits >= least && digits <= 15 &&
    head.groups.every((group, i) => i === 0 || group.length >= 2 || i === head.groups.length - 1) &&
    !(head.separators.slice(1).every((separator) => separator === ".") &&
      /^\d{1,3}(?:-\d{1,3}){3}$/.test(head.groups.join("-")));
}

/** "01 02 03 04 05", "01 02 04 08 16", "0600 1400 2200", "012 013 014" count something. */
function isList(head: Dialled): boolean {
  const numbers = head.groups.map(Number);
  if (new Set(head.groups.map((group) => group.length)).size > 1 || numbers.length < 3) {
    return false;
  }
  const [first = 0, second = 0] = numbers;
  const isSeries = numbers.every((number, i) =>
    i === 0 || number - (numbers[i - 1] ?? 0) === second - first
  );
  const isDoubling = numbers.every((number, i) => i === 0 || number === 2 * (numbers[i - 1] ?? 0));
  // Only the French write five pairs; groups of one size are else no way to write a number.
  return isSeries || isDoubling || first === second || (head.groups[0]?.length ?? 0) > 2;
}

const UNIT =
  /\s?(?:%|(?:ms|s|sec|secs|seconds?|min|mins|minutes?|hours?|hrs?|days?|weeks?|months?|years?|rows?|items?|times|files?|users?|units?|pieces|bytes|[kmg]b|eur|usd|gbp|chf|minuten|sekunden|stunden|tage|stück|zeilen|heures|jours|horas|días)(?![\p{L}\d]))/iuy;

const NEXT_NUMBER = /[ -]{1,2}(?=\d)/y;

/** A number that begins or ends in the middle of others, or that counts what is named after it. */
function isAmongNumbers(scan: Scan, start: number, end: number): boolean {
  const before = scan.runStart(start, charSet(" -"), 2);
  const word = scan.slice(scan.runStart(before, ALNUM, 8), before);
  if (before < start && /\d/.test(word)) return true;
  const next = scan.matchAt(NEXT_NUMBER, end)?.[0] ?? "";
  return (next !== "" && !isLongDate(scan, end + next.length)) || scan.matchAt(UNIT, end) !== null;
}

/** The ways of writing of a few countries, which need no word before them. */
function isWrittenAsNumber(scan: Scan, at: number, head: Dialled, context: NumberContext): boolean {
  const isForm = isNorthAmericanNumber(head) || isFrenchNumber(head) || isAreaCodeNumber(head) ||
    isZeroZeroNumber(head, context);
  if (!isForm || context === "other") return false;
  return context !== "none" ||
    !(isList(head) || isAmongNumbers(scan, at, head.ends.at(-1) ?? at));
}

function phoneEnd(scan: Scan, at: number): number {
  const previous = scan.code(at - 1);
  // A "+" opens a number even when the one before it was written right up to it.
  if (GLUED(previous) && !(scan.is(at, PLUS) && DIGIT(previous))) return -1;
  const dialled = readDialled(scan, at);
  if (dialled.groups.reduce((sum, group) => sum + group.length, 0) < LEAST_DIGITS) return -1;
  const plus = scan.is(at, PLUS) || scan.is(at + 1, PLUS);
  if (!plus && (isDate(scan, at) || (NO_START(previous) && !isAfterLabel(scan, at)))) return -1;
  const context = plus ? "none" : numberContext(scan, at);
  // An announced number may be followed by the next; others go on as an id or an address does.
  const isAnnounced = (head: Dialled) =>
    isAnnouncedNumber(head, context) && !continues(scan, head.ends.at(-1) ?? at);
  const count = plus
    ? longestHead(dialled, isPlusNumber)
    : longestHead(dialled, (head) =>
      isAnnounced(head) || isWrittenAsNumber(scan, at, head, context));
  const end = dialled.ends[count - 1];
  if (end === undefined || continues(scan, end)) return -1;
  if (CURRENCY(scan.code(scan.runEnd(end, charSet(" "), 1)))) return -1;
  return end + (scan.matchAt(EXTENSION, end)?.[0].length ?? 0);
}

/** "Tel.:0301234567", "phone:415-…": a colon or full stop after letters opens a number. */
function isAfterLabel(scan: Scan, at: number): boolean {
  const mark = scan.code(at - 1);
  const isMark = mark === 0x3a || mark === 0x2e;
  const before = scan.code(at - 2);
  return isMark && (LETTER(before) || before === 0x2e);
}

/** A number that goes on after a hyphen, dot or slash is an id, an address or a version. */
function continues(scan: Scan, end: number): boolean {
  return scan.is(end, charSet("-./")) && scan.is(end + 1, ALNUM);
}

/** Where a number can begin: what stands before says that it is not a part of something else. */
const START = /[+(]|\d(?<![A-Za-z\d/_,#$%&@-]\d)/g;

/** Finds something in every text in which `findPhones` does: a start, and seven digits from there. */
export const PHONE_HINT = new RegExp(`(?:${START.source})[(+]?\\d?(?:[ ./()-]{0,3}\\d){6}`);

/**
 * Telephone numbers: international ones with "+" (or "00") and a country calling code whose plan
 * has that length, the written forms of a few national plans, and numbers that the words before
 * them announce. A bare run of digits is never one.
 */
export function findPhones(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let start = scan.findPattern(START, 0); start !== null;) {
    const at = start.start;
    const end = phoneEnd(scan, at);
    if (end > at) found.push({ start: at, end });
    start = scan.findPattern(START, end > at ? end : Math.max(at + 1, scan.runEnd(at, DIGIT)));
  }
  return found;
}

/**
 * Country calling codes (ITU-T E.164) with the least and the greatest number of digits, code
 * included, of a number in the countries that agents meet most.
 */
const KNOWN_PLANS: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["1", [11, 11]],
  ["7", [11, 11]],
  ["27", [11, 11]],
  ["30", [12, 12]],
  ["31", [11, 11]],
  ["32", [10, 11]],
  ["33", [11, 11]],
  ["34", [11, 11]],
  ["36", [10, 11]],
  ["39", [9, 13]],
  ["41", [11, 11]],
  ["43", [9, 15]],
  ["44", [11, 12]],
  ["45", [10, 10]],
  ["46", [9, 12]],
  ["47", [10, 10]],
  ["48", [11, 11]],
  ["49", [9, 15]],
  ["61", [11, 11]],
  ["86", [11, 13]],
  ["91", [12, 12]],
  ["351", [12, 12]],
]);

const OTHER_CODES: ReadonlySet<string> = new Set(
  ("20 40 51 52 53 54 55 56 57 58 60 62 63 64 65 66 81 82 84 90 92 93 94 95 98 211 212 213 216 218 " +
    "220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 " +
    "243 244 245 246 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 " +
    "268 269 290 291 297 298 299 350 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 " +
    "377 378 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 " +
    "590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 " +
    "685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 880 886 960 961 962 963 964 " +
    "965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998").split(" "),
);

/** E.164 allows 15 digits; fewer than 9 with the code are mostly a count ("+4500000 rows"). */
const OTHER_PLAN = [9, 15] as const;

/** Area and exchange of a North American number do not begin with 0 or 1. */
export function isNorthAmerican(tenDigits: string): boolean {
  return /^[2-9]\d{2}[2-9]\d{6}$/.test(tenDigits);
}

/** True for digits that, after a "+", are a number of some country's plan. */
export function isInternational(digits: string): boolean {
  for (const size of [1, 2, 3]) {
    const code = digits.slice(0, size);
    const plan = KNOWN_PLANS.get(code) ?? (OTHER_CODES.has(code) ? OTHER_PLAN : undefined);
    if (plan === undefined) continue;
    if (digits.length < plan[0] || digits.length > plan[1]) return false;
    return code !== "1" || isNorthAmerican(digits.slice(1));
  }
  return false;
}
