import type { Refusal } from "../refusal.ts";

/** What reaches a terminal. A server, a request's reason or a file may hold what moves a cursor. */

/**
 * Controls of both sets, marks that nobody sees, and marks that turn the direction of what follows:
 * a terminal obeys the first, and a reader is deceived by the others.
 */
const HIDDEN =
  // deno-lint-ignore no-control-regex -- these are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** One line of a text, with what nobody would see written out. */
export function clean(text: unknown): string {
  return String(text).replace(HIDDEN, escaped);
}

/** A text of several lines, each of them clean. */
export function cleanLines(text: string): string {
  return text.split("\n").map((line) => clean(line.replaceAll("\t", "  "))).join("\n");
}

/** JSON of one line, or of several. Escapes in it are JSON's own, so that nothing is lost. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent);
  return text.replace(HIDDEN, (character) => character === "\n" ? "\n" : escaped(character));
}

/** Rows with their columns one under the other. */
export function table(rows: readonly (readonly unknown[])[]): string {
  const cells = rows.map((row) => row.map((cell) => clean(cell ?? "-")));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, at) => widths[at] = Math.max(widths[at] ?? 0, cell.length));
  }
  return cells.map((row) =>
    row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ").trimEnd()
  )
    .map((line) => `${line}\n`).join("");
}

/** What a host tells its model of a call that does not run. */
export function refusalText({ message, code, next, what_to_do }: Refusal): string {
  const more = next === null ? "" : `next: ${jsonText(next)}\n`;
  return `countersign: ${clean(message)} (${clean(code)})\n${what_to_do}\n${more}`;
}
