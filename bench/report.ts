import type { Measured } from "./measure.ts";
import { median } from "./percentile.ts";

/** Something that was wanted, and what came out. */
export interface Wanted {
  readonly what: string;
  readonly wanted: string;
  readonly got: string;
  readonly reached: boolean;
}

/** How much of something is wanted, and how much would be better still. */
export interface Aim {
  readonly wanted: number;
  readonly better?: number;
}

/** Something that is to be as large as wanted. */
export function atLeast(
  what: string,
  got: number,
  aim: Aim,
  shown: (amount: number) => string,
): Wanted {
  return {
    what,
    wanted: `at least ${aimText(aim, shown)}`,
    got: shown(got),
    reached: got >= aim.wanted,
  };
}

/** Something that is to be as small as wanted. */
export function atMost(
  what: string,
  got: number,
  aim: Aim,
  shown: (amount: number) => string,
): Wanted {
  return {
    what,
    wanted: `at most ${aimText(aim, shown)}`,
    got: shown(got),
    reached: got <= aim.wanted,
  };
}

function aimText({ wanted, better }: Aim, shown: (amount: number) => string): string {
  return shown(wanted) + (better === undefined ? "" : `, better ${shown(better)}`);
}

/** Prints rows in columns; the first column is text, the others are numbers. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
    ).join("  ");
  console.log(line(head));
  console.log(widths.map((width) => "-".repeat(width)).join("  "));
  for (const row of rows) console.log(line(row));
}

/** Says of each wanted thing whether it was reached. */
export function printWanted(all: readonly Wanted[]): void {
  console.log();
  for (const { what, wanted, got, reached } of all) {
    console.log(
      `${reached ? "reached    " : "NOT reached"}  ${what}: wanted ${wanted}, got ${got}`,
    );
  }
}

/** The columns of `measuredRow`. */
export const MEASURED_HEAD = ["", "connections", "a second", "p50 ms", "p99 ms", "generator"];

/** One subject's rounds in one row, each number the median of its own. */
export function measuredRow(name: string, connections: number, rounds: readonly Measured[]) {
  const of = (field: "perSecond" | "p50" | "p99" | "generatorBusy") =>
    median(rounds.map((round) => round[field]));
  const busy = of("generatorBusy");
  return [
    name,
    String(connections),
    count(of("perSecond")),
    milliseconds(of("p50")),
    milliseconds(of("p99")),
    busy === 0 ? "" : percent(busy),
  ];
}

/** The median of one figure of some rounds over the same of others, round by round. */
export function ratio(
  field: "perSecond" | "p50" | "p99",
  over: readonly Measured[],
  under: readonly Measured[],
): number {
  return median(over.map((round, i) => round[field] / (under[i]?.[field] ?? NaN)));
}

/** Ends the process with status 1 when any answer was not 200 or 201: figures of errors mean nothing. */
export function refuseFailures(rounds: readonly Measured[]): void {
  const failed = rounds.reduce((sum, round) => sum + round.failed, 0);
  if (failed === 0) return;
  const first = rounds.find((round) => round.firstFailure !== undefined)?.firstFailure;
  console.error(
    `\n${failed} answers were not 200 or 201, so the figures mean nothing. The first:\n${first}`,
  );
  Deno.exitCode = 1;
}

/** 12345.6 as "12,346". */
export function count(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

export function milliseconds(number: number): string {
  return number.toFixed(number < 10 ? 2 : 1);
}

/** 0.1234 as "12 %". */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function times(factor: number): string {
  return `${factor.toFixed(2)} times`;
}
