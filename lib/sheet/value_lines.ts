import { isJsonObject, type JsonValue } from "../base/json.ts";

/** A value as lines on a page: how many there are, which repeat, what counts as long. */

/** Beyond either, a value is long: it stands behind the short ones, in a viewer of its own. */
const SHORT = { characters: 200, lines: 4 } as const;

/** So many lines in a row that are the same, and all but the first are told by their number. */
const REPEATS = 4;

/** The lines of a text. */
export interface TextLines {
  /** Without their ends; an empty last one where the text ends with a line feed. */
  readonly lines: readonly string[];
  /** Whether every line ends with CR LF, which then no line shows. */
  readonly crlf: boolean;
}

/** Takes a text apart at its line feeds. A carriage return that does not end every line stays in it. */
export function textLines(text: string): TextLines {
  const lines = text.split("\n");
  const ended = lines.slice(0, -1);
  const crlf = ended.length > 0 && ended.every((line) => line.endsWith("\r")) &&
    ended.every((line) => line.indexOf("\r") === line.length - 1) &&
    !lines.at(-1)?.includes("\r");
  return {
    lines: crlf ? [...ended.map((line) => line.slice(0, -1)), lines.at(-1) ?? ""] : lines,
    crlf,
  };
}

/** One line as it is shown, or a row of lines that are the same as the one before them. */
export type ShownLine =
  | { readonly fold: false; /** From 1. */ readonly number: number }
  | {
    readonly fold: true; /** Both from 1, both within. */
    readonly from: number;
    readonly to: number;
  };

/**
 * Which lines are shown. Left out are only those that are the same, character for character, as the
 * one before them: with the number of them a reader knows all of the text.
 */
export function foldedLines(lines: readonly string[]): ShownLine[] {
  const shown: ShownLine[] = [];
  for (let at = 0; at < lines.length;) {
    let end = at + 1;
    while (end < lines.length && lines[end] === lines[at]) end++;
    const isFolded = end - at >= REPEATS;
    for (let line = at; line < (isFolded ? at + 1 : end); line++) {
      shown.push({ fold: false, number: line + 1 });
    }
    if (isFolded) shown.push({ fold: true, from: at + 2, to: end });
    at = end;
  }
  return shown;
}

/** Characters as Unicode counts them. */
export function characterCount(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length; at++) {
    if ((text.charCodeAt(at) & 0xfc00) === 0xd800) {
      if ((text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) pairs++;
    }
  }
  return text.length - pairs;
}

/** `7 lines, 250 characters`. */
export function sizeWords(lines: number, characters: number): string {
  return `${counted(lines, "line")}, ${counted(characters, "character")}`;
}

/** `1 line`, `2 lines`, `10,000 lines`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** Whether a value is long: in it, texts of more than 200 characters or 4 lines together. */
export function isLong(...values: readonly JsonValue[]): boolean {
  const size = { characters: 0, lines: 0 };
  const queue: JsonValue[] = [...values];
  for (const value of queue) {
    if (size.characters > SHORT.characters || size.lines > SHORT.lines) return true;
    if (Array.isArray(value)) queue.push(...value);
    else if (isJsonObject(value)) queue.push(...Object.values(value));
    else {
      const text = typeof value === "string" ? value : String(value);
      size.characters += text.length;
      size.lines += text.split("\n", SHORT.lines + 2).length;
    }
  }
  return size.characters > SHORT.characters || size.lines > SHORT.lines;
}
