import assert from "node:assert/strict";
import { PROBLEMS } from "../../routes/http/problems.ts";
import { REFUSAL_NEXT } from "../../routes/mcp/refusal.ts";
import { MCP_TOOLS, toolsMarkdown } from "../../routes/mcp/tools.ts";
import { projectText } from "../helpers/project_files.ts";

/** The cells of a table, whatever the formatter makes of their widths. */
const cells = (text: string) =>
  text.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.split("|").map((cell) => cell.trim().replace(/^-+$/, "---"))
  );

Deno.test("the table of tools in docs/mcp.md is what `deno task docs` writes", async () => {
  const written = await projectText("docs/mcp.md");
  const [, table = ""] = /<!-- tools -->(.*)<!-- \/tools -->/s.exec(written) ?? [];
  assert.deepEqual(cells(table), cells(toolsMarkdown()), "run `deno task docs`");
});

Deno.test("every tool is described in true sentences, and asks for no credential", () => {
  for (const { name, title, description, input } of MCP_TOOLS) {
    assert.match(name, /^[a-z_]{1,64}$/);
    assert.match(title, /^[A-Z][^.]+$/, name);
    assert.match(description, /^[A-Z].*\.$/, name);
    assert.ok(description.length < 500, name);
    assert.ok(!Object.keys(input.shape).some((field) => /password|secret|code$/.test(field)), name);
  }
});

Deno.test("a next step of a refusal is a sentence, and names no route", () => {
  for (const [code, next] of Object.entries(REFUSAL_NEXT)) {
    if (next === null) {
      assert.ok(code in PROBLEMS);
      continue;
    }
    if (typeof next === "function") continue;
    assert.match(next, /^[A-Z].*\.$/, code);
    assert.doesNotMatch(next, /\/v1\//, code);
  }
});
