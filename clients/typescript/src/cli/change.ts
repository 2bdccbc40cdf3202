import { realpath } from "node:fs/promises";
import type { Call } from "./command.ts";
import { Failed, WrongUse } from "./exit.ts";
import { replaceFile, textOf } from "./files.ts";
import { cleanLines } from "./shown.ts";

/** A file as it is, and as it would be. */
export interface Change {
  /** Where it really is: links of a project may lead out of it. */
  readonly path: string;
  /** Null where there is none. */
  readonly before: string | null;
  readonly after: string;
  /** The rights of a new file. */
  readonly mode: number;
}

/** What an edit makes of a file; null where it leaves it as it is. */
export async function changeOf(
  path: string,
  mode: number,
  edit: (before: string | null) => string,
): Promise<Change | null> {
  const real = await realpath(path).catch(() => path);
  const before = await textOf(real);
  const after = edit(before);
  return after === before ? null : { path: real, before, after, mode };
}

/**
 * Shows changes, asks whoever sits there, and makes exactly these: a file that was changed meanwhile
 * is left alone.
 * @returns whether they were made @throws {Failed} {WrongUse}
 */
export async function made(call: Call, changes: readonly Change[]): Promise<boolean> {
  if (!call.json) { for (const change of changes) call.machine.out(cleanLines(diffOf(change))); }
  if (changes.length === 0 || call.flag("dry-run")) return false;
  if (!call.flag("yes")) {
    if (!call.machine.interactive) throw new WrongUse("Nobody is here to ask: look, and say --yes");
    const said = await call.machine.ask("Write this? [y/N] ");
    if (!/^y(es)?$/i.test(said.trim())) throw new Failed("Nothing was written");
  }
  for (const { path, before } of changes) {
    if (await textOf(path) !== before) throw new Failed(`${path} was changed meanwhile: try again`);
  }
  for (const { path, after, mode } of changes) await replaceFile(path, after, mode);
  return true;
}

type Line = readonly [sign: " " | "-" | "+", text: string];

/** Lines with their ends, so that a last line without one differs from one that has it. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Beyond this many pairs of lines, what differs is shown as taken out and put in whole. */
const MOST_PAIRS = 4_000_000;

/** The lines of both, by a longest common subsequence of what is not the same at both ends. */
function compared(before: readonly string[], after: readonly string[]): Line[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  while (
    tail < before.length - head && tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  ) {
    tail++;
  }
  const same = (lines: readonly string[]) => lines.map((line): Line => [" ", line]);
  return [
    ...same(before.slice(0, head)),
    ...middle(
      before.slice(head, before.length - tail),
      after.slice(head, after.length - tail),
    ),
    ...same(before.slice(before.length - tail)),
  ];
}

function middle(before: readonly string[], after: readonly string[]): Line[] {
  const width = after.length + 1;
  const common = before.length * after.length > MOST_PAIRS
    ? null
    : new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; common !== null && i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const at = i * width + j;
      common[at] = before[i] === after[j]
        ? (common[at + width + 1] ?? 0) + 1
        : Math.max(common[at + width] ?? 0, common[at + 1] ?? 0);
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const at = i * width + j;
    const [old, fresh] = [before[i], after[j]];
    if (common !== null && old !== undefined && old === fresh) {
      lines.push([" ", old]);
      i++;
      j++;
    } else if (
      old !== undefined &&
      (fresh === undefined || common === null || (common[at + width] ?? 0) >= (common[at + 1] ?? 0))
    ) {
      lines.push(["-", old]);
      i++;
    } else if (fresh !== undefined) {
      lines.push(["+", fresh]);
      j++;
    }
  }
  return lines;
}

const CONTEXT = 3;

/** A change in the unified form, as `diff -u` and `git diff` write it. */
export function diffOf({ path, before, after }: Change): string {
  const lines = compared(linesOf(before ?? ""), linesOf(after));
  const near = lines.map((_, at) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(([sign]) => sign !== " ")
  );
  const text = [`--- ${before === null ? "/dev/null" : path}\n`, `+++ ${path}\n`];
  let [old, fresh] = [0, 0];
  for (let at = 0; at < lines.length;) {
    if (near[at] !== true) {
      at++;
      old++;
      fresh++;
      continue;
    }
    let end = at;
    while (near[end] === true) end++;
    const hunk = lines.slice(at, end);
    const olds = hunk.filter(([sign]) => sign !== "+").length;
    const news = hunk.filter(([sign]) => sign !== "-").length;
    const from = (start: number, count: number) => `${count === 0 ? start : start + 1},${count}`;
    text.push(`@@ -${from(old, olds)} +${from(fresh, news)} @@\n`);
    for (const [sign, line] of hunk) {
      text.push(
        line.endsWith("\n") ? `${sign}${line}` : `${sign}${line}\n\\ No newline at end of file\n`,
      );
    }
    old += olds;
    fresh += news;
    at = end;
  }
  return text.join("");
}
