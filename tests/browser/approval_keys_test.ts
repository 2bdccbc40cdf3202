/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TOOL } from "../helpers/approval_org.ts";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { denyOnPage, memberAtBrowser, readToTheEnd, statusOf, unlocked } from "./browser_member.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";

/** The page of one request by keyboard alone, and as a screen reader finds it. */

const request = (n: number) => ({ tool_name: TOOL, resource_id: `server-${n}`, arguments: { n } });

/** What has the focus, by its name or its words. */
async function focused({ page }: Tab): Promise<string> {
  return await page.evaluate(() =>
    document.activeElement?.getAttribute("aria-label") ??
      (document.activeElement as HTMLElement | null)?.innerText ?? ""
  );
}

Deno.test("browser: by keyboard alone one is denied and the next approved", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page: { keyboard }, page } = tab;
  const agent = await it.org.agent({ name: "cleaner" });
  const { id } = await it.pending(request(1), agent);
  const { id: next } = await it.pending(request(2), agent);
  await tab.goto(`/approvals/${id}`);

  await keyboard.press("d");
  const sheet = page.getByRole("dialog");
  await sheet.waitFor();
  assert.match(await focused(tab), /^Deny delete_server/);
  await keyboard.press("Escape");
  await sheet.waitFor({ state: "detached" });
  assert.equal(await it.status(id), "pending");

  await keyboard.press("d");
  await sheet.waitFor();
  await keyboard.press("2");
  assert.equal(await sheet.getByLabel("Wrong amount").isChecked(), true);
  await keyboard.press("Tab");
  // In the note a digit is a digit, a letter a letter, and Enter a new line.
  await keyboard.type("d3");
  await keyboard.press("Enter");
  await keyboard.type("n?");
  assert.equal(await sheet.getByLabel("Note").inputValue(), "d3\nn?");
  assert.equal(await sheet.getByLabel("Wrong amount").isChecked(), true);
  await keyboard.press("Control+Enter");
  await statusOf(tab, "Denied");
  await tab.hydrated();
  const { body } = await it.get(id, agent);
  assert.deepEqual(
    [body.status, body.decisions[0].quick_reason, body.decisions[0].note],
    ["denied", "wrong_amount", "d3\nn?"],
  );
  assert.match(await focused(tab), /^Denied\./);

  await keyboard.press("n");
  await page.waitForURL(`**/approvals/${next}`);
  await tab.hydrated();
  // Read by the keys that scroll, then Tab, Enter and the passkey.
  for (let pages = 0; pages < 4; pages++) await keyboard.press("PageDown");
  await readToTheEnd(tab);
  await unlocked(tab);
  for (let tabs = 0; tabs < 60 && (await focused(tab)) !== "Approve"; tabs++) {
    await keyboard.press("Tab");
  }
  assert.equal(await focused(tab), "Approve");
  const loaded = page.waitForEvent("load");
  await keyboard.press("Enter");
  await loaded;
  await statusOf(tab, "Approved");
  await tab.hydrated();
  assert.equal(await it.status(next), "approved");
  assert.match(await focused(tab), /^Approved\./);
  await keyboard.press("u");
  await page.waitForURL("**/approvals");
});

Deno.test("browser: Enter in the sheet denies with the reason that its key chose", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "approver");
  const { id } = await it.pending(request(1));
  await tab.goto(`/approvals/${id}`);
  await tab.page.keyboard.press("d");
  await tab.page.getByRole("dialog").waitFor();
  await tab.page.keyboard.press("5");
  await tab.page.keyboard.press("Enter");
  await statusOf(tab, "Denied");
  assert.equal((await it.get(id)).body.decisions[0].quick_reason, "suspicious");
});

Deno.test("browser: no key approves, and a field takes every key for itself", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  const { id } = await it.pending(request(1));
  await tab.goto(`/approvals/${id}`);
  await readToTheEnd(tab);
  await unlocked(tab);
  const keys = ["Enter", " ", ..."abcefghijklmnopqrstvwxyzADNUY0123456789/.,+-="];
  for (const key of keys) await page.keyboard.press(key);
  for (const key of ["Control+Enter", "Control+d", "Alt+d", "Meta+Enter"]) {
    await page.keyboard.press(key);
  }
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(new URL(page.url()).pathname, `/approvals/${id}`);
  await page.getByText("Note for the record").click();
  await page.getByLabel("Note").pressSequentially("dun?");
  assert.equal(await page.getByLabel("Note").inputValue(), "dun?");
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(await it.status(id), "pending");

  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("?");
  const listed = page.getByRole("dialog", { name: "Keys" });
  await listed.getByText("No key approves.").waitFor();
  // Over the page that it covers no other key does anything.
  await page.keyboard.press("d");
  assert.equal(await page.getByRole("dialog").count(), 1);
});

Deno.test("browser: u leads back to the list as it was left, also after a decision and the next request", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  const { id } = await it.pending(request(1));
  const { id: next } = await it.pending(request(2));
  const view = "/approvals?view=waiting&q=delete&group=none";
  await tab.goto(view);
  await page.locator(`[data-request="${id}"]`).click();
  await page.waitForURL(`**/approvals/${id}`);
  await tab.hydrated();
  await page.locator(`nav.breadcrumb a[href="${view}"]`).waitFor();
  await denyOnPage(tab, { reason: "Not now", note: "" });
  // The stream tells of it before the page that the form leads to is there.
  await page.waitForURL(`**/approvals/${id}?decided=1`);
  await tab.hydrated();
  await page.keyboard.press("n");
  await page.waitForURL(`**/approvals/${next}`);
  await tab.hydrated();
  await page.keyboard.press("u");
  await page.waitForURL(`**${view}`);

  // From elsewhere there is no such list, and no site says where a key leads.
  await tab.goto("/");
  await page.locator(`a[href="/approvals/${next}"]`).first().click();
  await page.waitForURL(`**/approvals/${next}`);
  await tab.hydrated();
  await page.keyboard.press("u");
  await page.waitForURL("**/approvals");
});

Deno.test("browser: who switches single keys off has none, and every button still works", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "approver");
  const { page } = tab;
  const { id } = await it.pending(request(1));
  await tab.goto("/security");
  // Before the page has looked at what this browser keeps, it is ticked and cannot be changed.
  const keys = page.getByRole("checkbox", {
    name: "Single keys work in this browser",
    disabled: false,
  });
  await keys.uncheck();
  await tab.goto(`/approvals/${id}`);
  for (const key of ["?", "u", "d"]) await page.keyboard.press(key);
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(new URL(page.url()).pathname, `/approvals/${id}`);
  await page.getByRole("button", { name: "Deny", exact: true }).click();
  await page.keyboard.press("3");
  assert.equal(await page.getByRole("radio", { checked: true }).count(), 0);
  await page.keyboard.press("Escape");
  await tab.goto("/security");
  await keys.check();
  await tab.goto(`/approvals/${id}`);
  await page.keyboard.press("d");
  await page.getByRole("dialog").waitFor();
});

Deno.test("browser: the accessibility tree of a request, in the order in which it is read", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  const agent = await it.org.agent({ name: "cleaner" });
  const { id } = await it.pending(request(1), agent);
  await it.pending(request(2), agent);
  await tab.goto(`/approvals/${id}`);
  const tree = await treeOf(tab);
  inOrder(tree, [
    /^- navigation "Breadcrumb"/,
    /^- link "Approvals"/,
    /^- timer/,
    /^- status/,
    /^- heading "cleaner …\w{6} wants to run delete_server on server-1" \[level=1\]/,
    /^- group "Danger"/,
    /^- blockquote/,
    /^- heading "Arguments" \[level=2\]/,
    /^- complementary "About this request"/,
    /^- heading "Why it waits" \[level=2\]/,
    /^- heading "Who asks" \[level=2\]/,
    /^- heading "Last approved call" \[level=2\]/,
    /^- heading "What happened" \[level=2\]/,
    /^- list "What happened so far"/,
    /^- group "Decision"/,
    /^- status/,
    /^- button "Deny"/,
    /^- button "Approve"/,
  ]);

  await page.keyboard.press("d");
  await page.getByRole("dialog").waitFor();
  inOrder(await treeOf(tab), [
    /^- dialog "Deny delete_server for cleaner …\w{6}"/,
    /^- heading .* \[level=2\]/,
    /^- group "Why"/,
    /^- radio "Wrong target"$/,
    /^- radio "Other"$/,
    /^- textbox "Note optional"/,
    /^- checkbox "Pause the agent too"/,
    /^- button "Cancel"/,
    /^- button "Deny"/,
  ]);
  await page.keyboard.press("Escape");

  // What others do is said where a screen reader hears it, in a place that was there before.
  await page.evaluate(() => {
    const region = document.querySelector(".outcome");
    if (region !== null) region.id = "was-there";
  });
  const other = await it.person("approver", { email: "bo@example.com" });
  await other.deny(id);
  await page.locator("#was-there[role=status]", { hasText: "Denied by bo@example.com." }).waitFor();
  inOrder(await treeOf(tab), [
    /^- status/,
    /^- link "1 more: Next"/,
    /^- heading .* \[level=1\]/,
    /^- heading "Why it waited" \[level=2\]/,
  ]);
});

/** The roles and names of what a page holds, one a line, in the order in which it is read. */
async function treeOf({ page }: Tab): Promise<string[]> {
  const tree = await page.locator("main").ariaSnapshot();
  // Names with a colon in them come in quotation marks.
  return tree.split("\n").map((line) => line.trim().replace(/^- '(.*)'/, "- $1"));
}

/** Asserts that lines match these, each after the one before. */
function inOrder(lines: readonly string[], wanted: readonly RegExp[]): void {
  let from = 0;
  for (const pattern of wanted) {
    const at = lines.findIndex((line, index) => index >= from && pattern.test(line));
    assert.ok(at >= 0, `${pattern} is not behind line ${from} of\n${lines.join("\n")}`);
    from = at + 1;
  }
}
