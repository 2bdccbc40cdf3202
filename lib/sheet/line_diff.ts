import { diffArrays } from "diff";
import type { Edit } from "./edits.ts";
import { textLines } from "./value_lines.ts";

/**
 * Two texts line by line, and changed lines word by word. Every line of both is in the result: who
 * asks chose both texts, so a line that stays is read like one that comes.
 */

/** More changes than this are not lined up: the two texts are shown one after the other. */
const MOST_EDITS = 600;

/** Within a line, and how many pairs of lines are compared so. */
const MOST_WORD_EDITS = 100;
const MOST_WORD_PAIRS = 200;

/** A stretch of a line; `changed` where its words are not in the other line. */
export interface DiffPart {
  readonly text: string;
  readonly changed: boolean;
}

/** A line of a difference. `about` is a line of a patch that speaks of the lines below it. */
export interface DiffRow {
  readonly kind: "same" | "removed" | "added" | "about";
  /** In the text that it stands in, from 1; in the later one for what is in both. */
  readonly number: number | null;
  readonly parts: readonly DiffPart[];
}

/** How one text becomes another. */
export interface LineDiff {
  readonly rows: readonly DiffRow[];
  readonly added: number;
  readonly removed: number;
}

/** The lines of an edit; null where they differ in too many places to be lined up. */
export function lineDiff({ before, after }: Pick<Edit, "before" | "after">): LineDiff | null {
  const ends = [textLines(before), textLines(after)] as const;
  // A difference in line ends alone is a difference, and shown.
  const both = ends[0].crlf && ends[1].crlf;
  const [old, now] = both
    ? [ends[0].lines, ends[1].lines]
    : [before.split("\n"), after.split("\n")];
  const changes = diffArrays([...old], [...now], { maxEditLength: MOST_EDITS });
  if (changes === undefined) return null;
  const rows: DiffRow[] = [];
  const at = { old: 0, now: 0 };
  for (const { added, removed, value } of changes) {
    for (const text of value) {
      if (!added) at.old++;
      if (!removed) at.now++;
      rows.push({
        kind: added ? "added" : removed ? "removed" : "same",
        number: removed ? at.old : at.now,
        parts: whole(text),
      });
    }
  }
  return withWords(rows);
}

/** A line of a hunk's head: where it stands in both texts, and how many lines it has of each. */
const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** A patch, and the file that it names. */
export interface Patch extends LineDiff {
  readonly path: string | null;
}

/**
 * A text as the unified patch that it is: with every line of it, signs included. Null for what is
 * none, or miscounts its own lines, and so could be read in two ways.
 */
export function patchIn(text: string): Patch | null {
  if (!/^@@ -/m.test(text)) return null;
  const { lines } = textLines(text.endsWith("\n") ? text.slice(0, -1) : text);
  const rows: DiffRow[] = [];
  const left = { old: 0, now: 0 };
  const at = { old: 0, now: 0 };
  let path: string | null = null;
  for (const line of lines) {
    const sign = line[0];
    if (left.old === 0 && left.now === 0) {
      const hunk = HUNK.exec(line);
      if (hunk !== null) {
        left.old = Number(hunk[2] ?? 1);
        left.now = Number(hunk[4] ?? 1);
        at.old = Number(hunk[1]) - 1;
        at.now = Number(hunk[3]) - 1;
      } else if (/^[-+]/.test(line) && !/^(?:---|\+\+\+) /.test(line)) return null;
      path ??= /^\+\+\+ (?:b\/)?(?!\/dev\/null)([^\t]+)/.exec(line)?.[1] ?? null;
      rows.push({ kind: "about", number: null, parts: whole(line) });
    } else if (sign === "\\") {
      rows.push({ kind: "about", number: null, parts: whole(line) });
    } else if (sign === "-" || sign === "+" || sign === " " || line === "") {
      if (sign !== "+") at.old++;
      if (sign !== "+") left.old--;
      if (sign !== "-") at.now++;
      if (sign !== "-") left.now--;
      const kind = sign === "-" ? "removed" : sign === "+" ? "added" : "same";
      rows.push({ kind, number: sign === "-" ? at.old : at.now, parts: whole(line.slice(1)) });
      if (left.old < 0 || left.now < 0) return null;
    } else return null;
  }
  return left.old === 0 && left.now === 0 ? { ...withWords(rows), path } : null;
}

function whole(text: string): DiffPart[] {
  return [{ text, changed: false }];
}

/** The rows with the words that changed where lines gave way to as many others. */
function withWords(rows: readonly DiffRow[]): LineDiff {
  const marked = [...rows];
  const counts = { added: 0, removed: 0 };
  let pairs = 0;
  for (let at = 0; at < rows.length;) {
    const removed = runFrom(rows, at, "removed");
    const added = runFrom(rows, at + removed, "added");
    counts.removed += removed;
    counts.added += added;
    for (let line = 0; line < Math.min(removed, added) && pairs < MOST_WORD_PAIRS; line++) {
      const [first, second] = [at + line, at + removed + line];
      const words = wordDiff(textOf(rows[first]), textOf(rows[second]));
      pairs++;
      if (words === null) continue;
      marked[first] = { ...rows[first]!, parts: words.removed };
      marked[second] = { ...rows[second]!, parts: words.added };
    }
    at += Math.max(1, removed + added);
  }
  return { rows: marked, ...counts };
}

function runFrom(rows: readonly DiffRow[], from: number, kind: DiffRow["kind"]): number {
  let end = from;
  while (rows[end]?.kind === kind) end++;
  return end - from;
}

function textOf(row: DiffRow | undefined): string {
  return row?.parts.map(({ text }) => text).join("") ?? "";
}

const WORDS = /[\p{L}\p{N}\p{M}_]+|\s+|[^]/gu;

function wordsOf(line: string): string[] {
  return line.match(WORDS) ?? [];
}

/** Two lines word by word; null where they have next to nothing in common. */
function wordDiff(before: string, after: string) {
  const changes = diffArrays(wordsOf(before), wordsOf(after), { maxEditLength: MOST_WORD_EDITS });
  if (
    !changes?.some(({ added, removed, value }) => !added && !removed && /\S/.test(value.join("")))
  ) {
    return null;
  }
  const side = (left: "added" | "removed"): DiffPart[] =>
    changes.flatMap(({ added, removed, value }) => {
      const changed = added || removed;
      if (changed && !(left === "added" ? added : removed)) return [];
      return [{ text: value.join(""), changed }];
    });
  return { removed: side("removed"), added: side("added") };
}
