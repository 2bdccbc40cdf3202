import { ALNUM, charSet, type Scan, type Span } from "./scan.ts";

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
