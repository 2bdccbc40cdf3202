import { ALNUM, charSet, DIGIT, type Scan, type Span, WORD_LETTER } from "./scan.ts";

/**
 * Payment cards in a text: 12 to 19 digits that pass Luhn, in the forms that cards are written in.
 */

const MIN_DIGITS = 13;

const MAX_DIGITS = 19;

/** Issuer ranges (ISO/IEC 7812 prefixes) with the lengths that the schemes issue. */
const ISSUERS: readonly { first: string; last: string; lengths: readonly number[] }[] = [
  { first: "4", last: "4", lengths: [13, 16, 19] }, // Visa
  { first: "51", last: "55", lengths: [16] }, // Mastercard
  { first: "2221", last: "2720", lengths: [16] }, // Mastercard
  { first: "34", last: "34", lengths: [15] }, // American Express
  { first: "37", last: "37", lengths: [15] }, // American Express
  { first: "300", last: "305", lengths: [14, 16, 17, 18, 19] }, // Diners Club
  { first: "36", last: "36", lengths: [14, 16, 17, 18, 19] }, // Diners Club
  { first: "38", last: "39", lengths: [14, 16, 17, 18, 19] }, // Diners Club
  { first: "3528", last: "3589", lengths: [16, 17, 18, 19] }, // JCB
  { first: "6011", last: "6011", lengths: [16, 17, 18, 19] }, // Discover
  { first: "644", last: "659", lengths: [16, 17, 18, 19] }, // Discover, RuPay, Verve
  { first: "62", last: "62", lengths: [16, 17, 18, 19] }, // UnionPay
  { first: "81", last: "82", lengths: [16, 17, 18, 19] }, // UnionPay, RuPay
  { first: "2200", last: "2204", lengths: [16, 17, 18, 19] }, // Mir
  { first: "9792", last: "9792", lengths: [16] }, // Troy
  { first: "5018", last: "5020", lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro, Dankort
  { first: "5038", last: "5038", lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { first: "5060", last: "5061", lengths: [16, 18, 19] }, // Verve
  { first: "5893", last: "5893", lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { first: "6304", last: "6304", lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { first: "6390", last: "6390", lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { first: "6759", last: "6763", lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { first: "6767", last: "6767", lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro
];

function hasKnownIssuer(digits: string): boolean {
  return ISSUERS.some(({ first, last, lengths }) => {
    const prefix = digits.slice(0, first.length);
    return prefix >= first && prefix <= last && lengths.includes(digits.length);
  });
}

/** The check digit of ISO/IEC 7812-1 annex B. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = digit * 2;
    sum += i % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** The check digit of a GTIN-13, the number under a bar code. */
function passesGtin(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) sum += Number(digits[i]) * (i % 2 === 0 ? 1 : 3);
  return sum % 10 === 0;
}

/** True for the digits of a payment card: length and prefix of an issuer, and its check digit. */
export function isCardNumber(digits: string): boolean {
  if (!hasKnownIssuer(digits) || !passesLuhn(digits)) return false;
  // German article numbers begin with 400-440; Visa stopped issuing 13 digits long ago.
  return digits.length !== 13 || !passesGtin(digits);
}

/** One number, equal groups with a rest at the end (4-4-4-4, 4-4-4-4-3, 4-4-5), 4-6-5 or 4-6-4. */
function isCardGrouping(sizes: readonly number[]): boolean {
  const [first, second, third] = sizes;
  if (first === undefined || sizes.length === 1) return true;
  if (sizes.length === 3 && first === 4 && second === 6 && (third === 4 || third === 5)) {
    return true;
  }
  const last = sizes.length - 1;
  return sizes.every((size, i) => i === last ? size <= first + 1 : size === first);
}

const SPACE_OR_HYPHEN = charSet(" -");

const DOT = charSet(".");

const COMMA = charSet(",");

const ZERO = charSet("0");

const PLUS = charSet("+");

const AT = charSet("@");

/** Where the next group of the same number starts, or -1. */
function nextGroup(scan: Scan, end: number): number {
  const next = scan.is(end, DOT) ? end + 1 : scan.runEnd(end, SPACE_OR_HYPHEN, 3);
  return next > end && scan.is(next, DIGIT) ? next : -1;
}

/** Groups of digits with nothing but separators between; glued to a letter, a group ends them. */
function readChain(scan: Scan, at: number): { groups: Span[]; end: number } {
  const groups: Span[] = [];
  let start = at;
  while (true) {
    const end = scan.runEnd(start, DIGIT);
    const glued = scan.is(end, WORD_LETTER) || scan.is(start - 1, WORD_LETTER);
    if (!glued) groups.push({ start, end });
    const next = glued ? -1 : nextGroup(scan, end);
    if (next < 0) return { groups, end };
    start = next;
  }
}

/**
 * "0.4111…", "0,4111…" and "4111….50" are amounts or measurements. Other commas divide lists: of
 * columns, of arguments, of numbers.
 */
function isPartOfDecimal(scan: Scan, start: number, end: number): boolean {
  if (scan.is(start - 1, DOT) && scan.is(start - 2, DIGIT)) return true;
  if (scan.is(end, DOT) && scan.is(end + 1, DIGIT)) return true;
  return scan.is(start - 1, COMMA) && scan.is(start - 2, ZERO) && !scan.is(start - 3, ALNUM);
}

/** The longest card number that begins with the group `from`: the index after its last group. */
function cardEnd(scan: Scan, groups: readonly Span[], from: number): number {
  const sizes: number[] = [];
  let digits = "";
  let found = -1;
  for (let i = from; i < groups.length; i++) {
    const group = groups[i];
    if (group === undefined || digits.length + group.end - group.start > MAX_DIGITS) break;
    digits += scan.slice(group.start, group.end);
    sizes.push(group.end - group.start);
    const start = groups[from]?.start ?? group.start;
    // Single digits can be a row of numbers: then it must be all of them.
    const plausible = digits.length >= MIN_DIGITS && isCardGrouping(sizes) &&
      (sizes[0] !== 1 || groups.length === digits.length) && isCardNumber(digits) &&
      !isPartOfDecimal(scan, start, group.end) &&
      !scan.is(start - 1, PLUS) && !scan.is(group.end, AT);
    if (plausible) found = i + 1;
  }
  return found;
}

/** Finds something in every text in which `findCards` does: 13 digits with little between them. */
export const CARD_HINT = /\d(?:[ .-]{0,3}\d){12}/;

const CHAIN_START = /(?<![A-Za-z\d])\d/g;

/**
 * Payment card numbers: 13 to 19 digits, also in groups divided by blanks, hyphens or dots, with a
 * known issuer's prefix and length and a right check digit. A run of digits is taken whole or not
 * at all: a longer number that contains a card number is not one.
 */
export function findCards(scan: Scan): Span[] {
  const found: Span[] = [];
  for (let start = scan.findPattern(CHAIN_START, 0); start !== null;) {
    const { groups, end } = readChain(scan, start.start);
    for (let i = 0; i < groups.length;) {
      const next = cardEnd(scan, groups, i);
      const first = groups[i];
      const last = groups[next - 1];
      if (first !== undefined && last !== undefined) {
        found.push({ start: first.start, end: last.end });
        i = next;
      } else i++;
    }
    start = scan.findPattern(CHAIN_START, end);
  }
  return found;
}
