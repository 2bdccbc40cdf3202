import { FRAMEWORKS, HOOK_FAULTS } from "./list.ts";

/** What the last run of each framework measured, and the table that is made of it. */

export interface Result {
  readonly version: string;
  /** Whether the tool runs where the framework's own hook throws. */
  readonly bare: "runs" | "does not run";
  /** `passed` for each case, or in what it failed. */
  readonly cases: Readonly<Record<string, string>>;
  /** In a host that runs the tools itself: whether a call runs that nobody authorized. */
  readonly faults?: Readonly<Record<string, "open" | "closed">>;
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

/** The table of all frameworks. */
export function table(results: Results): string {
  const rows = FRAMEWORKS.flatMap(
    ({ name, within = name, title, language, flow, hook, open, unheard }) => {
      const result = results[name];
      if (result === undefined) return [];
      const { version, bare, cases } = result;
      const all = Object.values(cases);
      const passed = all.filter((outcome) => outcome === "passed").length;
      const written = language === "typescript" ? "TypeScript" : "Python";
      // A program that hears no more than a command's end takes one in any language.
      const of = flow === undefined ? written : "without code";
      const runs = bare === "runs" ? "**the tool runs**" : "the tool does not run";
      return [[
        `[${title}](frameworks/${within}.md)${unheard ? "" : `, ${of}`}`,
        version,
        hook,
        runs,
        `${passed} of ${all.length}`,
        open,
      ]];
    },
  );
  return inColumns([HEAD, ...rows]);
}

const HOSTS_BEGIN = "<!-- hosts, made by deno task test:frameworks -->";
const HOSTS_END = "<!-- end of hosts -->";

/** What goes wrong with the hooks of hosts, and where a call runs then. */
export function hostsTable(results: Results): string {
  const hosts = FRAMEWORKS.filter(({ faults }) => faults !== undefined);
  const head = hosts.map(({ title, language }) =>
    language === "python" ? `${title}, Python` : title
  );
  const rows = Object.keys(HOOK_FAULTS).map((fault) => [
    fault,
    ...hosts.map(({ name }) => {
      const found = results[name]?.faults?.[fault];
      return found === undefined ? "" : found === "open" ? "**open**" : "closed";
    }),
  ]);
  return inColumns([["The hook …", ...head], ...rows]);
}

/** Rows of Markdown, as wide as `deno fmt` makes them. */
function inColumns([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, i) =>
    Math.max(...[head, ...rows].map((row) => (row[i] ?? "").length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** A page with the tables of these results between their marks. @throws for a page without marks */
export function withTables(page: string, results: Results): string {
  const one = between(page, BEGIN, END, table(results));
  return between(one, HOSTS_BEGIN, HOSTS_END, hostsTable(results));
}

function between(page: string, begin: string, end: string, text: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`The page has no ${begin} and ${end}`);
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`;
}
