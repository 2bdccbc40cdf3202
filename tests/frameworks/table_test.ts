import assert from "node:assert/strict";
import { projectText } from "../helpers/project_files.ts";
import { concerned } from "./changed.ts";
import { FRAMEWORKS } from "./list.ts";
import { type Results, resultsText, withTables } from "./results.ts";

/** What is published of the guards for frameworks is what was measured last. */

const NAMES = FRAMEWORKS.map(({ name }) => name);

Deno.test("the table of frameworks is that of the last run, in which every guard passed every case", async () => {
  const text = await projectText("tests/frameworks/results.json");
  const results: Results = JSON.parse(text);
  assert.equal(resultsText(results), text);
  assert.deepEqual(Object.keys(results), NAMES);
  for (const [name, { cases }] of Object.entries(results)) {
    assert.equal(Object.keys(cases).length, 12, name);
    for (const [title, outcome] of Object.entries(cases)) {
      assert.equal(outcome, "passed", `${name}: ${title}`);
    }
  }
  const page = await projectText("docs/frameworks.md");
  assert.equal(withTables(page, results), page);
});

Deno.test("the page of a framework is one screen, and has its program", async () => {
  for (const framework of FRAMEWORKS) {
    const { flow } = framework;
    const name = framework.within ?? framework.name;
    const page = await projectText(`docs/frameworks/${name}.md`);
    assert.match(page, flow === undefined ? /^```(js|python|sh)\n/m : /^```json\n/m, name);
    assert.ok(page.split("\n").length <= 46, `${name}: more than 45 lines`);
  }
});

Deno.test("a change of a guard has its framework tried, one of the client all of its language", () => {
  const names = (...paths: string[]) => concerned(paths).map(({ name }) => name);
  const of = (language: string) =>
    FRAMEWORKS.filter((one) => one.language === language).map(({ name }) => name);
  assert.deepEqual(names("lib/tokens/consume.ts", "clients/typescript/src/cli/logs.ts"), []);
  assert.deepEqual(names("clients/typescript/src/cli/hook.ts"), ["claude-code", "codex"]);
  assert.deepEqual(names("clients/typescript/src/ai.ts"), ["ai"]);
  assert.deepEqual(names("clients/n8n/nodes/Countersign/run.ts"), ["n8n"]);
  assert.deepEqual(names("docs/frameworks/ai.md"), ["ai"]);
  assert.deepEqual(names("tests/frameworks/ai/driver.mjs"), ["ai"]);
  const both = ["openai-agents", "openai-agents-mcp"];
  assert.deepEqual(names("tests/frameworks/openai-agents/model.mjs"), both);
  assert.deepEqual(names("clients/typescript/src/guard.ts"), of("typescript"));
  assert.deepEqual(names("clients/python/src/countersign_sdk/_guard.py"), of("python"));
  assert.deepEqual(names("tests/frameworks/conformance.ts"), NAMES);
});
