import { characterName, codePointText } from "../base/confusables.ts";

/** A part of a text: shown as it is, or, where `hidden` is not null, by that name instead. */
export interface Segment {
  /** As it stands in the text; all segments' joined are the text. */
  readonly text: string;
  /** `U+202E RIGHT-TO-LEFT OVERRIDE`, and behind it ` ×3` for three of the same in a row. */
  readonly hidden: string | null;
}

/**
 * The one definition, for pages, mail, push, titles and terminals: a character that a reader does not
 * see, that changes how its neighbours are shown, or whose look is for each font to choose. Controls,
 * zero-width, bidirectional and other format characters, line separators, fillers, variation selectors
 * and tags, private use, halves of surrogate pairs, and the blank Braille pattern, which looks like a
 * space. Line feed and tab are seen where a text may have several lines.
 */
const HIDDEN =
  "[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\p{Co}\\p{Cs}\\u2800]";

const HIDDEN_IN_LINE = new RegExp(HIDDEN, "gu");

const HIDDEN_IN_LINES = new RegExp(`(?![\\n\\t])${HIDDEN}`, "gu");

const HIDDEN_RUN = new RegExp(`((?![\\n\\t])${HIDDEN})\\1*`, "gu");

/** Spaces, tabs and every line end that some program knows. */
const SPACES = /[ \t-\r\u0085\u2028\u2029]+/g;

/** What most texts are made of: nothing to look for in them. */
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * A text that others sent, taken apart so that a page can show what is hidden in it. Loses and
 * changes nothing; takes time linear in the text.
 */
export function visibleSegments(text: string): Segment[] {
  const segments: Segment[] = [];
  let shown = 0;
  for (const { 0: run, 1: character = "", index } of text.matchAll(HIDDEN_RUN)) {
    if (index > shown) segments.push({ text: text.slice(shown, index), hidden: null });
    const count = run.length / character.length;
    const name = characterName(character);
    segments.push({ text: run, hidden: count === 1 ? name : `${name} ×${count}` });
    shown = index + run.length;
  }
  if (shown < text.length) segments.push({ text: text.slice(shown), hidden: null });
  return segments;
}

/**
 * The same where only text has room, each hidden character as ⟨U+202E⟩. Of one line; with `lines`,
 * line feeds and tabs stay.
 */
export function visibleText(text: string, options: { readonly lines?: boolean } = {}): string {
  if (PLAIN.test(text)) return text;
  const hidden = options.lines === true ? HIDDEN_IN_LINES : HIDDEN_IN_LINE;
  return text.replace(hidden, (character) => `⟨${codePointText(character.codePointAt(0) ?? 0)}⟩`);
}

/**
 * What somebody else wrote as one line that cannot pass for a line of ours: for mail, push and
 * titles. Line ends, tabs and spaces in a row are one space; cut by whole characters.
 */
export function visibleLine(text: string, limit = Infinity): string {
  const line = visibleText(text.replace(SPACES, " ").trim());
  // In units first: most texts are far shorter than any limit.
  if (line.length <= limit) return line;
  const characters = [...line];
  return characters.length <= limit ? line : characters.slice(0, limit - 1).join("") + "…";
}
