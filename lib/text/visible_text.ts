import { characterName } from "./character_names.ts";

/** A part of a text: shown as it is, or, where `hidden` is not null, by that name instead. */
export interface Segment {
  /** As it stands in the text; all segments' joined are the text. */
  readonly text: string;
  /** `U+202E RIGHT-TO-LEFT OVERRIDE`, and behind it ` ×3` for three of the same in a row. */
  readonly hidden: string | null;
}

/**
 * Runs of one character that a reader does not see, that changes how its neighbours are shown, or
 * whose look is for each font to choose: controls but line feed and tab, zero-width, bidirectional
 * and other format characters, line separators, fillers, variation selectors and tags, private use,
 * halves of surrogate pairs, and the blank Braille pattern, which looks like a space.
 */
const HIDDEN_RUN =
  /((?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Co}\p{Cs}\u2800])\1*/gu;

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
