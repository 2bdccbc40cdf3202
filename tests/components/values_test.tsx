import assert from "node:assert/strict";
import type { ComponentChild } from "preact";
import { renderToString } from "preact-render-to-string";
import { ApprovalList } from "../../components/approval_list.tsx";
import { JsonView } from "../../components/json_view.tsx";
import { RequestArguments } from "../../components/request.tsx";
import { UntrustedText } from "../../components/untrusted.tsx";
import type { JsonObject } from "../../lib/base/json.ts";
import { type ApprovalRow, shortValues } from "../../lib/sheet/row.ts";
import type { SheetComparison } from "../../lib/sheet/sheet.ts";

const html = (node: ComponentChild) => renderToString(<>{node}</>);

/** What a reader sees: the page without its markup. */
function textOf(node: ComponentChild): string {
  return html(node).replaceAll(/<[^>]*>/g, "")
    .replaceAll("&lt;", "<").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

const count = (text: string, part: string) => text.split(part).length - 1;

const call = (
  args: JsonObject,
  schema: JsonObject | null = null,
  comparison: SheetComparison | null = null,
) => <RequestArguments args={args} schema={schema} comparison={comparison} />;

/** Whether the parts stand on the page in this order. */
function assertInOrder(page: string, ...parts: string[]): void {
  const at = parts.map((part) => page.indexOf(part));
  assert.ok(at.every((place, i) => place >= 0 && (i === 0 || place > at[i - 1]!)), `${at}`);
}

Deno.test("JsonView() shows every key and value whole", () => {
  const long = "x".repeat(10_000);
  const value = { "<b>": long, list: [1, [true, null]], empty: {}, none: [], blank: "", six: 6 };
  const shown = textOf(<JsonView value={value} />);
  for (const part of ["<b>", long, "true", "null", "empty list", "empty text", "six6"]) {
    assert.ok(shown.includes(part), `"${part.slice(0, 20)}" is not shown`);
  }
});

Deno.test("a text that reads as another value is in quotation marks, which no copy has", () => {
  for (const text of ["5", "-1.5e3", "true", "NULL", " a", "a ", '"a"', "[1"]) {
    const page = html(<JsonView value={{ text }} />);
    assert.ok(page.includes("json-quoted"), text);
  }
  for (const value of ["pay_5", "2026-11-30", "a b", 5, true, null]) {
    assert.ok(!html(<JsonView value={{ value }} />).includes("json-quoted"), String(value));
  }
});

Deno.test("arguments stand in the order of the schema, then as received, short before long", () => {
  const long = "long ".repeat(60);
  const page = textOf(call(
    { zeta: "z-value", body: long, alpha: "a-value", second: "s-value", first: "f-value" },
    { properties: { first: {}, body: {}, second: {} } },
  ));
  assertInOrder(page, "f-value", "s-value", "z-value", "a-value", "long long");
  const nested = textOf(call(
    { at: { y: "y-value", x: "x-value" } },
    { properties: { at: { $ref: "#/$defs/at" } }, $defs: { at: { properties: { x: {}, y: {} } } } },
  ));
  assertInOrder(nested, "x-value", "y-value");
});

Deno.test("titles of the schema stand beside the raw keys, through references", () => {
  const page = textOf(call({ amount: 5, lines: [{ sku: "a" }] }, {
    $defs: { money: { title: "Amount in cents" } },
    properties: {
      amount: { $ref: "#/$defs/money" },
      lines: { items: { properties: { sku: { title: "Article" } } } },
    },
  }));
  assert.ok(page.includes("amountAmount in cents5"), page);
  assert.ok(page.includes("skuArticlea"), page);
});

Deno.test("a schema that names nothing is said so once; a stranger among named ones has a badge", () => {
  for (const schema of [null, { type: "object" }, { properties: {} }]) {
    const page = textOf(call({ a: 1, b: { c: 2 } }, schema));
    assert.equal(count(page, "The tool describes no arguments."), 1);
    assert.ok(!page.includes("Not in schema"));
  }
  const schema = {
    properties: { known: { properties: { inner: {} } } },
    patternProperties: { "^x-": { title: "Extension" } },
  };
  const args = { known: { inner: 1, odd: { deep: 2 } }, "x-a": 1, iban: "DE89" };
  const page = textOf(call(args, schema));
  assert.equal(count(page, "Not in schema"), 2);
  assert.ok(page.includes("DE89Not in schema"), page);
  assert.ok(!page.includes("describes no arguments"));
});

Deno.test("numbers are grouped by space alone, so that their text is what was sent", () => {
  const page = html(<JsonView value={{ a: 4_000_000, b: -12345.678, c: 2026, d: "4000000" }} />);
  assert.equal(count(page, "digit-group"), 3 + 2);
  const shown = textOf(<JsonView value={{ a: 4_000_000, b: -12345.678, c: 1e21 }} />);
  assert.equal(shown, "a4000000b-12345.678c1e+21");
});

Deno.test("in a row a number is grouped as on its page, and a text of digits is not", () => {
  const row: ApprovalRow = {
    id: "apr_1",
    reference: "REF-QEDA1C0D-C7KX",
    state: "pending",
    tool_name: "refund_payment",
    resource: null,
    tenant: null,
    method: null,
    requester: { id: "agt_1", type: "agent", name: "billing-bot" },
    reason: "asked for",
    values: shortValues(null, { amount: 4_000_000, account: "4000000" }),
    dangers: null,
    level: 1,
    levels: 1,
    created_at: 0,
    expires_at: 60_000,
    decided_at: null,
    stuck: false,
    guard: null,
    acts_as: null,
  };
  const list = <ApprovalList rows={[row]} now={0} allWait />;
  assert.equal(count(html(list), "digit-group"), 3);
  assert.ok(textOf(list).includes("amount 4000000"), textOf(list));
});

Deno.test("beside a value stands what the last approved call had, and what this one lacks", () => {
  const comparison: SheetComparison = {
    id: "apr_1",
    reference: "REF-1",
    decided_at: 0,
    same_requester: true,
    same_action: false,
    arguments_known: true,
    more: false,
    differences: [
      { pointer: "/arguments/amount", kind: "changed", before: 999_900, after: 4_000_000 },
      { pointer: "/arguments/note", kind: "changed", before: "Damaged", after: "Returned" },
      { pointer: "/arguments/body", kind: "changed", before: "a\nb\nc", after: "d" },
      { pointer: "/arguments/limit", kind: "removed", before: 5, after: null },
      { pointer: "/tenant_id", kind: "changed", before: "acme", after: "globex" },
    ],
  };
  const args = { amount: 4_000_000, note: "Returned", body: "d", same: 1 };
  const page = textOf(call(args, null, comparison));
  assert.ok(page.includes("amount4000000was 9999004.0×"), page);
  assert.ok(page.includes("noteReturnedwas Damaged"), page);
  assert.ok(page.includes("was 3 lines, 5 characters"), page);
  assert.ok(page.includes("limitNot in this call was 5"), page);
  assert.equal(count(page, "was "), 4);
});

Deno.test("an edit is a difference with its file as title, and its raw texts below", () => {
  const pair = { path: "src/a.ts", newText: "const b = 2;\nsame", oldText: "const b = 1;\nsame" };
  const page = html(call(pair));
  const viewer = page.slice(page.indexOf("<figure"));
  assertInOrder(viewer, "viewer-title", "src/a.ts", "diff-removed", "diff-added", "<summary>Raw");
  assert.ok(page.includes("<del>1</del>"), page);
  assert.ok(page.includes("<ins>2</ins>"), page);
  const raw = page.slice(page.indexOf("<summary>Raw"));
  assertInOrder(raw, "oldText", "const b = 1;", "newText", "const b = 2;");
  // What stays is shown too.
  assert.equal(count(page.slice(0, page.indexOf("<summary>Raw")), ">same\n"), 1);

  const edits = { path: "src/b.ts", edits: [pair, pair].map(({ path: _, ...edit }) => edit) };
  const many = textOf(call(edits));
  assertInOrder(many, "path", "src/b.ts", "2 edits", "Edit 1 of 2", "Edit 2 of 2", "Raw");
});

Deno.test("a patch is shown by its hunks, what is no whole patch as the text that it is", () => {
  const diff = "--- a/x.ts\n+++ b/x.ts\n@@ -1 +1 @@\n-let a\n+let b\n";
  const page = html(call({ diff }));
  assert.match(page, /viewer-title"><bdi[^>]*>x\.ts</);
  assert.ok(page.includes("<del>a</del>"));
  const broken = html(call({ diff: `${diff}+smuggled\n` }));
  assert.ok(!broken.includes("diff-added"));
  assert.ok(broken.includes("smuggled"));
});

Deno.test("texts that differ in too much are shown one after the other, and it is said", () => {
  const lines = (word: string) => Array.from({ length: 700 }, (_, i) => word + i).join("\n");
  const page = textOf(call({ old_text: lines("a"), new_text: lines("b") }));
  assertInOrder(page, "old_text: too many lines differ", "a699", "new_text: too many", "b699");
});

Deno.test("a long value says its language and size, numbers its lines and folds those that repeat", () => {
  const statement = `SELECT 1;\n${"\n".repeat(500)}DROP TABLE users;`;
  const page = html(call({ statement }));
  assert.ok(page.includes(">SQL, 502 lines, 527 characters<"), page);
  assert.ok(page.includes("Lines 3 to 501 are the same as line 2"));
  assert.ok(page.includes('data-n="502"'));
  assert.ok(page.includes("Words that change data: DROP in line 502"));
  assert.match(page, /<a class="viewer-jump" href="#(arguments[^"]*)">/);
  const [, target] = /<a class="viewer-jump" href="#(arguments[^"]*)">/.exec(page) ?? [];
  assert.ok(page.includes(`id="${target}"`));
  assert.ok(!page.includes("style="));
});

Deno.test("what a value holds is text on the page, whatever its language", () => {
  const evil = '<img src=x onerror="alert(1)">\u202egnp';
  const args = {
    html: `<p>${evil}</p>`,
    command: evil,
    sql: `select '${evil}' from t`,
    old_text: evil,
    new_text: `${evil}\n`,
    url: `https://x/${evil.replaceAll(" ", "")}`,
    long: evil.repeat(50),
  };
  // What an island is made of again stands in an attribute, which nobody reads.
  const page = html(call(args)).replaceAll(/data-props="[^"]*"/g, "");
  assert.ok(!page.includes("<img"));
  assert.ok(!page.includes("\u202e"));
  assert.ok(page.includes("U+202E RIGHT-TO-LEFT OVERRIDE"));
});

Deno.test("values and addresses run from left to right, prose as its first letter does", () => {
  const address = "محمد@example.com";
  assert.match(html(<UntrustedText text={address} mono />), /^<bdi class="[^"]*" dir="ltr">/);
  assert.match(html(<UntrustedText text={address} />), /^<bdi class="[^"]*" dir="ltr">/);
  assert.match(html(<UntrustedText text="شركة الأمل" />), /^<bdi class="[^"]*">/);
  const page = html(call({ to: address, name: "محمد", plain: "Bo" }));
  assert.equal(count(page, "Mixes directions"), 1);
  assert.equal(count(page, "Right-to-left text"), 1);
  assert.ok(page.includes("U+0645"));
  assert.ok(page.includes("Arabic letter"));
});
