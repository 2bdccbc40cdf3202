import { codePointText } from "./confusables.ts";

/**
 * Which way the letters of a text run. A value is always laid out from left to right, and what runs
 * the other way within it is marked: where letters run both ways, neighbours on the screen need not
 * be neighbours in the bytes. Runs in the browser.
 */

/** The blocks of Unicode that are set aside for scripts written from right to left, as a class. */
const LEFTWARDS = "\\u0590-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufefc\\u{10800}-\\u{10fff}" +
  "\\u{1e800}-\\u{1efff}";

const RUNS_LEFT = new RegExp(`[${LEFTWARDS}]`, "u");

const RUNS_RIGHT = new RegExp(`[[\\p{L}\\p{Nl}]--[${LEFTWARDS}]]`, "v");

/** `right`: from left to right alone, which digits and marks do not change. */
export type Direction = "right" | "left" | "both";

/** Which way the letters of a text run; `right` also for a text without letters. */
export function directionOf(text: string): Direction {
  if (!RUNS_LEFT.test(text)) return "right";
  return RUNS_RIGHT.test(text) ? "both" : "left";
}

/** One character, or the ASCII characters that stand in a row, in the order of the text. */
export interface CodePoint {
  /** `U+0645`; null for a run of ASCII. */
  readonly point: string | null;
  readonly text: string;
  /** Its script and kind: `Arabic letter`. */
  readonly kind: string;
}

/** Scripts that a reader is told by name; others are called other. */
const SCRIPTS = [
  "Arabic",
  "Hebrew",
  "Syriac",
  "Thaana",
  "Nko",
  "Latin",
  "Greek",
  "Cyrillic",
  "Armenian",
  "Devanagari",
  "Thai",
  "Han",
  "Hiragana",
  "Katakana",
  "Hangul",
].map((name) => ({ name, has: new RegExp(`\\p{Script=${name}}`, "u") }));

const KINDS = [
  { name: "letter", has: /\p{L}/u },
  { name: "mark", has: /\p{M}/u },
  { name: "digit", has: /\p{N}/u },
  { name: "punctuation", has: /\p{P}/u },
  { name: "space", has: /\p{Z}/u },
  { name: "control", has: /\p{C}/u },
];

/**
 * A text character by character, as its bytes are ordered and not as a screen lays them out. Ends
 * after `most` of them.
 */
export function codePoints(text: string, most: number): CodePoint[] {
  const found: CodePoint[] = [];
  for (const [part] of text.matchAll(/[\x20-\x7e]+|[^]/gu)) {
    if (found.length === most) break;
    if (/^[\x20-\x7e]/.test(part)) {
      found.push({ point: null, text: part, kind: part.trim() === "" ? "Space" : "ASCII" });
    } else {found.push({
        point: codePointText(part.codePointAt(0) ?? 0),
        text: part,
        kind: kindOf(part),
      });}
  }
  return found;
}

function kindOf(character: string): string {
  const script = SCRIPTS.find(({ has }) => has.test(character))?.name;
  const kind = KINDS.find(({ has }) => has.test(character))?.name ?? "symbol";
  return script === undefined ? `Other ${kind}` : `${script} ${kind}`;
}
