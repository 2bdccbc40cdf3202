import fc from "fast-check";
import assert from "node:assert/strict";
import { type DiffRow, lineDiff, patchIn } from "../../lib/sheet/line_diff.ts";
import { textLines } from "../../lib/sheet/value_lines.ts";

const text = fc.array(fc.constantFrom("a", "b b", "c c c", "", " ", "d\r"), { maxLength: 12 })
  .map((lines) => lines.join("\n"));

const joined = (rows: readonly DiffRow[], end: string) =>
  rows.map(({ parts }) => parts.map((part) => part.text).join("")).join(end);

const signs = (rows: readonly DiffRow[]) =>
  rows.map(({ kind, parts }) =>
    `${{ same: " ", added: "+", removed: "-", about: "@" }[kind]}${
      parts.map((part) => part.changed ? `[${part.text}]` : part.text).join("")
    }`
  );

Deno.test("lineDiff() holds every line of both texts, in their order", () => {
  fc.assert(fc.property(text, text, (before, after) => {
    const diff = lineDiff({ before, after });
    assert.ok(diff);
    // Where all lines of both end alike, lines are shown without their ends.
    const end = textLines(before).crlf && textLines(after).crlf ? "\r\n" : "\n";
    const of = (other: DiffRow["kind"]) =>
      joined(diff.rows.filter(({ kind }) => kind !== other), end);
    assert.equal(of("added"), before);
    assert.equal(of("removed"), after);
    assert.equal(diff.added, diff.rows.filter(({ kind }) => kind === "added").length);
  }));
});

Deno.test("lineDiff() shows which words of a line changed, and numbers lines by their own text", () => {
  const diff = lineDiff({
    before: "if (!session || session.expires < now) return null;\nreturn session;",
    after: "if (!session) return null;\nreturn session;",
  });
  assert.deepEqual(signs(diff?.rows ?? []), [
    "-if (!session[ || session.expires < now]) return null;",
    "+if (!session) return null;",
    " return session;",
  ]);
  assert.deepEqual(diff?.rows.map(({ number }) => number), [1, 1, 2]);
  // Nothing in common: the whole line changed, and no word is marked.
  assert.deepEqual(signs(lineDiff({ before: "alpha", after: "beta" })?.rows ?? []), [
    "-alpha",
    "+beta",
  ]);
});

Deno.test("lineDiff() shows a change of white space or of line ends as one", () => {
  assert.deepEqual(signs(lineDiff({ before: "a\r\nb", after: "a\nb" })?.rows ?? []), [
    "-a[\r]",
    "+a",
    " b",
  ]);
  assert.deepEqual(signs(lineDiff({ before: "a\r\nb", after: "a\r\nc" })?.rows ?? []), [
    " a",
    "-b",
    "+c",
  ]);
});

Deno.test("lineDiff() does not line up texts that differ in very many lines", () => {
  const lines = (word: string) => Array.from({ length: 2000 }, (_, i) => word + i).join("\n");
  assert.equal(lineDiff({ before: lines("a"), after: lines("b") }), null);
});

const PATCH = `diff --git a/src/x.ts b/src/x.ts
--- a/src/x.ts
+++ b/src/x.ts
@@ -3,3 +3,3 @@ function f() {
 one
--- two old
+++ two new
 three
\\ No newline at end of file`;

Deno.test("patchIn() reads a patch by its own counts, not by how its lines begin", () => {
  const patch = patchIn(PATCH);
  assert.equal(patch?.path, "src/x.ts");
  assert.deepEqual([patch?.added, patch?.removed], [1, 1]);
  assert.deepEqual(signs(patch?.rows ?? []), [
    "@diff --git a/src/x.ts b/src/x.ts",
    "@--- a/src/x.ts",
    "@+++ b/src/x.ts",
    "@@@ -3,3 +3,3 @@ function f() {",
    " one",
    "-[--] two [old]",
    "+[++] two [new]",
    " three",
    "@\\ No newline at end of file",
  ]);
  assert.deepEqual(patch?.rows.map(({ number }) => number).slice(4, 8), [3, 4, 4, 5]);
});

Deno.test("patchIn() takes no text that miscounts its lines, or is no patch", () => {
  for (
    const other of [
      "",
      "just text",
      "- a list\n- of two",
      PATCH.replace("-3,3", "-3,9"),
      PATCH.replace("+3,3", "+3,1"),
      `${PATCH}\n+smuggled`,
      "@@ -1 +1 @@\n-a\nb",
    ]
  ) assert.equal(patchIn(other), null, other);
});
