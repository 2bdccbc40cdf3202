import { detectionCopy } from "../scrub/scan.ts";

/** The words of a text as guards compare them: in one case, and without accents and look-alikes. */

/** A word in the form in which it is compared: `Don't` as `dont`, `Órdenes` as `ordenes`. */
export function foldedWord(word: string): string {
  if (/^[a-z0-9]+$/.test(word)) return word;
  const lower = word.toLowerCase();
  return /^[a-z0-9]+$/.test(lower) ? lower : lower.normalize("NFD").replace(/[\p{M}'\u2019]/gu, "");
}

const LETTER = /[\p{L}\p{N}]/u;

/** For each unit of UTF-16 whether it is in a word: 0 where nobody asked yet, 1 for no, 2 for yes. */
const IN_WORD = new Uint8Array(0x10000);

function isInWord(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  const known = IN_WORD[unit];
  if (known === 1 || known === 2) return known === 2;
  // Letters beyond 16 bits have two units, both of the word.
  const isLetter = unit >= 0xd800 && unit <= 0xdfff || LETTER.test(String.fromCharCode(unit));
  IN_WORD[unit] = isLetter ? 2 : 1;
  return isLetter;
}

function isApostrophe(unit: number): boolean {
  return unit === 0x27 || unit === 0x2019;
}

/** Longer words are none that anybody lists; they are passed over without being made. */
const LONGEST = 64;

/**
 * Tells of the words of a text in order, by one reading of it: each folded, and where it stands in the
 * text. Characters that nobody sees do not part a word, and full-width or mathematical letters are the
 * letters that they look like.
 */
export function eachWord(
  text: string,
  tell: (word: string, start: number, end: number) => void,
): void {
  const copy = detectionCopy(text, []);
  const plain = copy.text;
  for (let at = 0; at < plain.length;) {
    if (!isInWord(plain, at)) {
      at++;
      continue;
    }
    const start = at;
    while (
      at < plain.length &&
      (isInWord(plain, at) || (isApostrophe(plain.charCodeAt(at)) && at + 1 < plain.length &&
        isInWord(plain, at + 1)))
    ) at++;
    const word = at - start > LONGEST ? "" : foldedWord(plain.slice(start, at));
    tell(word, copy.startOf(start), copy.endOf(at - 1));
  }
}
