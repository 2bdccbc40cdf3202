import assert from "node:assert/strict";
import { AFTER_GUARDS, BEFORE_GUARDS, PERSONAL_KINDS } from "../../lib/store/records/vocabulary.ts";
import { type Figure, rowOf, sampleFigures } from "../../tools/guards_figures.ts";
import { Countersign } from "../helpers/countersign.ts";
import { projectText } from "../helpers/project_files.ts";

/** What docs/guards.md says of the guards is so. */

/** A table in Markdown without the blanks that a formatter puts into it. */
const squeezed = (text: string) => text.replaceAll(/ +/g, " ");

/** The share, in percent, that the page has for some texts. */
function shareOf(page: string, what: string): number {
  const row = squeezed(page).split("\n").find((line) => line.startsWith(`| ${what} |`));
  const share = /\(([\d.]+) %\)/.exec(row ?? "")?.[1];
  return share === undefined ? assert.fail(`no figure of ${what}`) : Number(share);
}

Deno.test("the figures of our own sample are what the page says", async () => {
  const page = squeezed(await projectText("docs/guards.md"));
  for (const figure of sampleFigures()) {
    assert.ok(page.includes(rowOf(figure)), `${rowOf(figure)}\nRun deno task guards:figures`);
    if (figure.wanted === "none") assert.equal(figure.found, 0, figure.what);
    if (figure.wanted === "all") assert.equal(figure.found, figure.of, figure.what);
  }
});

Deno.test("the page that the service has of the figures is made from the same", async () => {
  const page = squeezed(await projectText("docs/guards.md"));
  const figures: Figure[] = JSON.parse(await projectText("routes/docs/guard_figures.json"));
  assert.ok(figures.length > 10);
  for (const figure of figures) assert.ok(page.includes(rowOf(figure)), figure.what);
  await using countersign = await Countersign.start();
  const { status, text } = await countersign.request("GET", "/docs/guards", {});
  assert.equal(status, 200);
  for (const { found, of } of figures) assert.ok(text.includes(`<td>${found} of ${of}</td>`));
});

Deno.test("of the published corpora no more than one usual answer of a hundred is taken for anything", async () => {
  const page = await projectText("docs/guards.md");
  for (
    const what of [
      "AgentDojo, tool outputs: injection",
      "AgentDojo, tool outputs: credentials",
      "AgentDojo, tool outputs: changed by default",
      "bastioncorpus, benign",
    ]
  ) assert.ok(shareOf(page, what) <= 1, what);
  // What the page has to own up to.
  assert.ok(shareOf(page, "AgentDojo, goals as a plain order") <= 5);
});

Deno.test("the page names every guard, and every kind of personal data", async () => {
  const page = await projectText("docs/guards.md");
  for (const kind of [...BEFORE_GUARDS, ...AFTER_GUARDS, ...PERSONAL_KINDS]) {
    assert.ok(page.includes(`\`${kind}\``), kind);
  }
});
