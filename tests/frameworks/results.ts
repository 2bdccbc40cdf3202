import { FRAMEWORKS } from "./list.ts";

/** What the last run of each framework measured, and the table that is made of it. */

export interface Result {
  readonly version: string;
  /** Whether the tool runs where the framework's own hook throws. */
  readonly bare: "runs" | "does not run";
  /** `passed` for each case, or in what it failed. */
  readonly cases: Readonly<Record<string, string>>;
}

export type Results = Readonly<Record<string, Result>>;

/** In the order of the list, so that a file says the same however it came to be. */
export function resultsText(results: Results): string {
  const rows = FRAMEWORKS.flatMap(({ name }) => {
    const result = results[name];
    return result === undefined ? [] : [[name, result]];
  });
  return `${JSON.stringify(Object.fromEntries(rows), null, 2)}\n`;
}

const HEAD = [
  "Framework",
  "Version",
  "Its hook",
  "The hook throws",
  "Our guard",
  "Stays open",
];

const BEGIN = "<!-- made by deno task test:frameworks -->";
const END = "<!-- end -->";

/** The table, as wide as `deno fmt` makes it. */
export function table(results: Results): string {
  const rows = FRAMEWORKS.flatMap(({ name, title, language, flow, hook, open }) => {
    const result = results[name];
    if (result === undefined) return [];
    const { version, bare, cases } = result;
    const all = Object.values(cases);
    const passed = all.filter((outcome) => outcome === "passed").length;
    const written = language === "typescript" ? "TypeScript" : "Python";
    const of = flow === undefined ? written : "without code";
    const runs = bare === "runs" ? "**the tool runs**" : "the tool does not run";
    return [[
      `[${title}](frameworks/${name}.md), ${of}`,
      version,
      hook,
      runs,
      `${passed} of ${all.length}`,
      open,
    ]];
  });
  const widths = HEAD.map((_, i) =>
    Math.max(...[HEAD, ...rows].map((row) => (row[i] ?? "").length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return [line(HEAD), rule, ...rows.map(line)].join("\n");
}

/** A page with the table of these results between its marks. @throws for a page without marks */
export function withTable(page: string, results: Results): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`The page has no ${BEGIN} and ${END}`);
  return `${page.slice(0, from)}${BEGIN}\n\n${table(results)}\n\n${page.slice(to)}`;
}
