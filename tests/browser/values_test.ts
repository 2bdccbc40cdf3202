/// <reference lib="dom" />
import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import {
  approveButton,
  approveOnPage,
  memberAtBrowser,
  readToTheEnd,
  unlocked,
} from "./browser_member.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";

/** What an approver reads of a request's arguments: that it is what runs, and how it is laid out. */

const EDIT: JsonObject = {
  path: "src/auth/session.ts",
  edits: [
    {
      oldText: "if (!session || session.expires < now) return null;\nreturn session.member;",
      newText: "if (!session) return null;\nreturn session.member;",
    },
    { oldText: "const MAX_AGE = 12 * HOUR;", newText: "const MAX_AGE = 365 * DAY;" },
  ],
  dryRun: false,
};

const INVITE: JsonObject = {
  to: "محمد@example.com",
  role: "admin\u200b",
  greeting: "مرحبا محمد، أهلا بك في Northgate",
};

/** A long text in which one line stands between many of one kind. */
const STATEMENT = [
  ...Array.from({ length: 120 }, (_, i) => `INSERT INTO t VALUES (${i});`),
  ...Array.from({ length: 400 }, () => ""),
  "DROP TABLE audit;",
  ...Array.from({ length: 60 }, (_, i) => `INSERT INTO u VALUES (${i});`),
].join("\n");

async function asked(it: DecisionOrg, tool: string, args: JsonObject, parameters?: JsonObject) {
  await it.org.tool(tool, {
    default_permission: "requires_approval",
    ...(parameters === undefined ? {} : { parameters }),
  });
  const { id } = await it.pending({ tool_name: tool, arguments: args });
  return id as string;
}

/** Where a stretch of the text of an element stands on the screen, pixels from its left edge. */
async function leftOf(tab: Tab, selector: string, part: string): Promise<number> {
  return await tab.page.locator(selector).first().evaluate((element, part) => {
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode as Text;
      const at = text.data.indexOf(part);
      if (at < 0) continue;
      const range = document.createRange();
      range.setStart(text, at);
      range.setEnd(text, at + part.length);
      return range.getBoundingClientRect().left;
    }
    return NaN;
  }, part);
}

/** Whether the page is as every page has to be. */
async function assertWellMade(tab: Tab): Promise<void> {
  assert.deepEqual(await tab.axe(), []);
  assert.equal(await tab.scrollsSideways(), false);
  assert.equal(await tab.page.locator("[style]").count(), 0);
}

Deno.test("browser: an address that begins from right to left keeps its domain at its end", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  await tab.goto(`/approvals/${await asked(it, "send_invite", INVITE)}`);
  const to = page.locator(".json-member", { hasText: "@example.com" });
  const name = await leftOf(tab, ".json-member bdi:has-text('@example.com')", "محمد");
  const domain = await leftOf(tab, ".json-member bdi:has-text('@example.com')", "@example.com");
  assert.ok(name < domain, `the name at ${name}, the domain at ${domain}`);
  assert.equal(await to.locator("dd bdi").first().textContent(), INVITE.to);

  await to.getByText("Mixes directions").waitFor();
  const points = to.getByRole("list", { name: "Characters in their order" });
  assert.equal(await points.isVisible(), false);
  await to.getByText("Characters", { exact: true }).click();
  assert.deepEqual(await points.locator("li > :first-child").allTextContents(), [
    "U+0645",
    "U+062D",
    "U+0645",
    "U+062F",
    "",
  ]);
  await page.getByText("U+200B ZERO WIDTH SPACE").waitFor();
  await assertWellMade(tab);
  // Nothing that was opened is in the way of a decision.
  await approveOnPage(tab);
});

Deno.test("browser: letters of both directions stay within their value and their line", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const sql = "UPDATE people\nSET name = 'محمد', role = 'شركة'\nWHERE id = 7";
  await tab.goto(`/approvals/${await asked(it, "run_sql", { statement: sql, next: "x" })}`);
  const name = await leftOf(tab, ".viewer-lines", "محمد");
  const role = await leftOf(tab, ".viewer-lines", "شركة");
  const between = await leftOf(tab, ".viewer-lines", "role");
  assert.ok(name < between && between < role, `${name}, ${between}, ${role}`);
  await tab.page.locator(".viewer").getByText("Mixes directions").waitFor();
});

Deno.test("browser: an edit is read as what goes and what comes, and raw", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  const id = await asked(it, "edit_file", EDIT);
  await tab.goto(`/approvals/${id}`);
  const viewer = page.getByRole("figure");
  assert.equal(await viewer.locator(".viewer-title").textContent(), "src/auth/session.ts");
  assert.deepEqual(await viewer.locator("del").allTextContents(), [
    " || session.expires < now",
    "12",
    "HOUR",
  ]);
  assert.deepEqual(await viewer.locator("ins").allTextContents(), ["365", "DAY"]);
  // The old line stands above the new one, whatever their names are in the alphabet.
  const lines = await viewer.locator("pre").first().locator(".viewer-line").evaluateAll((all) =>
    all.map((line) => line.className.split(" diff-")[1])
  );
  assert.deepEqual(lines, ["removed", "added", "same", "removed", "added"]);
  await viewer.getByText("Seen").waitFor();

  await readToTheEnd(tab);
  await unlocked(tab);
  await viewer.getByText("Raw").click();
  const [first] = EDIT.edits as { oldText: string }[];
  const raw = viewer.locator("details pre").first();
  assert.equal(await raw.textContent(), `${first?.oldText}\n`);
  await assertWellMade(tab);
  await approveOnPage(tab);
  const { body } = await it.get(id, it.org.approver);
  assert.equal(JSON.stringify(body.review.view.arguments), JSON.stringify(EDIT));
});

Deno.test("browser: a long value is unlocked by reading it, not by jumping to its end", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner", { width: 390 });
  const { page } = tab;
  const id = await asked(it, "run_sql", { statement: STATEMENT, database: "prod" });
  await tab.goto(`/approvals/${id}`);
  const viewer = page.getByRole("figure");
  await viewer.getByText(/^SQL, 581 lines, [\d,]+ characters$/).waitFor();
  await viewer.getByText("Lines 122 to 520 are the same as line 121").waitFor();
  await viewer.getByText("Words that change data: INSERT in line 1, DROP in line 521").waitFor();
  await viewer.getByText(/^Read to line \d+ of 581$|^Not read yet$/).waitFor();

  await page.getByRole("button", { name: /^Show statement( from line \d+)?$/ }).waitFor();

  await viewer.getByRole("link", { name: "To the end" }).click();
  await page.waitForFunction(() => scrollY > 1000);
  await viewer.getByText(/^Read to line \d+ of 581$|^Not read yet$/).waitFor();
  assert.equal(await viewer.getByText("Seen").count(), 0);
  assert.equal(await approveButton(tab).isDisabled(), true);

  await readToTheEnd(tab);
  await viewer.getByText("Seen").waitFor();
  await unlocked(tab);
  await assertWellMade(tab);
  await approveOnPage(tab);
});

Deno.test("browser: what is selected of a number is what was sent", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  await tab.goto(`/approvals/${await asked(it, "refund", { amount: 4_000_000, five: "5" })}`);
  const selected = await tab.page.locator(".json-member dd").evaluateAll((values) =>
    values.map((value) => {
      getSelection()?.selectAllChildren(value);
      return getSelection()?.toString();
    })
  );
  assert.deepEqual(selected, ["4000000", "5"]);
});

Deno.test("browser: the value of the last approved call stands beside this one's", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const before = await asked(it, "refund", { amount: 999_900, currency: "EUR", limit: 5 });
  await (await it.person("approver")).approve(before);
  const { id } = await it.pending({
    tool_name: "refund",
    arguments: { amount: 4_000_000, currency: "EUR" },
  });
  await tab.goto(`/approvals/${id}`);
  const row = (name: string) => tab.page.locator(".json-member", { hasText: name });
  assert.equal(await row("amount").locator(".json-was").textContent(), "was 9999004.0×");
  assert.equal(await row("currency").locator(".json-was").count(), 0);
  await row("limit").getByText("Not in this call").waitFor();
});

Deno.test("browser: arguments are read without script, folds and raw texts among them", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab: { page } } = await memberAtBrowser(browser, it, "owner", { script: false });
  await page.goto(`/approvals/${await asked(it, "edit_file", EDIT)}`);
  await page.getByText("const MAX_AGE = 365 * DAY;").first().waitFor();
  await page.getByText("Raw").click();
  await page.locator("details pre", { hasText: "const MAX_AGE = 12 * HOUR;" }).waitFor();
  await page.goto(`/approvals/${await asked(it, "run_sql", { statement: STATEMENT })}`);
  await page.getByText("DROP TABLE audit;").waitFor();
});

for (const width of [390, 1280] as const) {
  for (const scheme of ["light", "dark"] as const) {
    Deno.test(`browser: values of every kind are sound at ${width} px in the ${scheme} theme`, async () => {
      await using it = await DecisionOrg.start();
      await using browser = await TestBrowser.start();
      const { tab } = await memberAtBrowser(browser, it, "owner", { width, scheme });
      const args = {
        ...EDIT,
        ...INVITE,
        command: 'sudo rm -rf "/var/log" # old',
        url: "https://bank.example@evil.example/path?x=1",
        list: ["a", { deep: [1, null, 12345678.5] }],
        statement: STATEMENT,
        html: '<p class="x">Hello</p>\n<!-- note -->',
        json: '{"a": [1, true, null], "b": "c"}',
        body: "# Title\n\n- one\n- two `code`",
        patch: "--- a/x.ts\n+++ b/x.ts\n@@ -1,2 +1,2 @@\n one\n-two old\n+two new\n",
        word: "x".repeat(3000),
      };
      const id = await asked(it, "everything", args, { properties: { path: {}, to: {} } });
      await tab.goto(`/approvals/${id}`);
      await assertWellMade(tab);
      for (const folded of await tab.page.locator("main details").all()) {
        await folded.evaluate((element) => (element as HTMLDetailsElement).open = true);
      }
      await assertWellMade(tab);
    });
  }
}
