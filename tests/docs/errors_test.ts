import assert from "node:assert/strict";
import { errorsMarkdown } from "../../routes/docs/documentation.ts";
import { type ProblemCode, PROBLEMS } from "../../routes/http/problems.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { Countersign } from "../helpers/countersign.ts";
import { projectText } from "../helpers/project_files.ts";

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

/** Without line breaks and with one space, as the formatter may fold lines. */
const unfolded = (text: string) => text.replace(/\s+/g, " ").trim();

Deno.test("docs/errors.md is what `deno task docs` writes", async () => {
  const written = await projectText("docs/errors.md");
  assert.equal(unfolded(written), unfolded(errorsMarkdown()), "run `deno task docs`");
});

Deno.test("every code has a status of an error, and a title, meaning and next step in words", () => {
  for (const code of CODES) {
    const { status, title, meaning, advice } = PROBLEMS[code];
    assert.ok(status >= 400 && status < 600, code);
    assert.match(code, /^[a-z]+(_[a-z]+)*$/);
    assert.doesNotMatch(title, /\.$/, code);
    assert.match(meaning, /^[A-Z].*\.$/, code);
    assert.match(advice, /^[A-Z].*\.$/, code);
  }
});

Deno.test("the page of errors has an anchor for every code, where `type` points", async () => {
  await using countersign = await Countersign.start();
  const { status, text, headers } = await countersign.request("GET", "/docs/errors");
  assert.equal(status, 200);
  assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
  for (const code of CODES) assert.ok(text.includes(`id="${code}"`), code);
});

Deno.test("a route names no refusal twice", () => {
  for (const { method, path, refusals = [] } of ROUTES) {
    assert.equal(new Set(refusals).size, refusals.length, `${method} ${path}`);
  }
});
