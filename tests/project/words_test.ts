import assert from "node:assert/strict";
import { projectFiles, projectText, sourceFiles } from "../helpers/project_files.ts";

/** How the pages and the problems speak: short, active, the same thing always in the same words. */

interface Line {
  readonly at: string;
  readonly words: string;
}

/** What people may read of the sources: everything but comments, and what only developers see. */
async function linesOf(...folders: string[]): Promise<Line[]> {
  const lines: Line[] = [];
  for (const folder of folders) {
    for (const path of await sourceFiles(folder)) {
      const text = (await projectText(path)).replaceAll(
        /\/\*[\s\S]*?\*\//g,
        (comment) => comment.replaceAll(/[^\n]/g, ""),
      );
      for (const [index, line] of text.split("\n").entries()) {
        const words = line.replace(/(^|\s)\/\/\s.*$/, "").trim();
        if (/new Error\(|console\./.test(words)) continue;
        lines.push({ at: `${path}:${index + 1}`, words });
      }
    }
  }
  return lines;
}

function found(lines: readonly Line[], pattern: RegExp): string[] {
  return lines.filter(({ words }) => pattern.test(words)).map(({ at, words }) => `${at}: ${words}`);
}

const PAGES = ["routes/pages/", "routes/dashboard/", "components/", "islands/"];

Deno.test("no page begs, and none says that something went well", async () => {
  const lines = await linesOf(...PAGES, "lib/", "routes/");
  assert.deepEqual(found(lines, /\b(please|successful(ly)?)\b/i), []);
});

Deno.test("pages contract what they deny, as people speak", async () => {
  const lines = await linesOf(...PAGES);
  const negations = /\b(cannot|(does|do|did|is|are|was|were|has|have|could|will|would) not)\b/i;
  assert.deepEqual(found(lines, negations), []);
});

Deno.test("problems of the API contract nothing, for programs and for who reads them in another language", async () => {
  const lines = await linesOf("routes/http/", "routes/mcp/", "routes/fields/");
  assert.deepEqual(found(lines, /\b(can't|won't|\w+n't|it's|you're|they're)\b/i), []);
});

/** Words that pages once had for what now has others. */
const LEFT = [
  "seconds [",
  "Approve unlocks once",
  "the agent is told",
  "to mint its token",
  "Revoke this approval",
  "by this requester, denied",
  "They are not shown",
  "Let us talk",
  "Another reason",
  "fits these filters",
  "What holds where no rule speaks",
  "as dangerous as a tool can be, and",
  "It only reads",
  "It can destroy something",
  "Doing it twice",
  "It reaches beyond",
  "Two people approve it",
  "Rubber-stamping",
  "one passkey only",
  "shown only once",
  "It is shown only now",
  "stop everything…",
];

/** The lines by which a merge tells two versions apart that nobody chose between. */
const LEFT_BY_MERGE = /^(?:<{7}|>{7}|\|{7}) /m;

Deno.test("no file has what a merge leaves between two versions", async () => {
  const left: string[] = [];
  for (const path of await projectFiles()) {
    if (!/\.(tsx?|md|json|css|ya?ml)$/.test(path)) continue;
    if (LEFT_BY_MERGE.test(await projectText(path))) left.push(path);
  }
  assert.deepEqual(left, []);
  assert.match(`one\n${"<".repeat(7)} ours\n`, LEFT_BY_MERGE);
  assert.match(`${">".repeat(7)} theirs`, LEFT_BY_MERGE);
});

Deno.test("what has a new word is not called by its old one", async () => {
  const lines = await linesOf(...PAGES, "lib/sheet/", "routes/fields/");
  for (const words of LEFT) {
    const pattern = new RegExp(words.replaceAll(/[[\]]/g, "\\$&"));
    assert.deepEqual(found(lines, pattern), [], words);
  }
});
