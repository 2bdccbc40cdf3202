/// <reference lib="dom" />
import assert from "node:assert/strict";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { memberAtBrowser } from "./browser_member.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";

/** An inbox of one large group, a small one, and single requests; what expires first comes first. */
async function inbox(): Promise<{ it: DecisionOrg; bot: string; ids: string[] }> {
  const it = await DecisionOrg.start();
  for (const [tool, risk_level] of [["refund", "high"], ["mail", "low"], ["sql", "critical"]]) {
    await it.org.tool(tool ?? "", {
      default_permission: "requires_approval",
      risk_level: risk_level ?? "",
    });
  }
  const bot = await it.org.agent({ name: "billing-bot" });
  const clerk = await it.org.agent({ name: "clerk" });
  const ids: string[] = [];
  const ask = async (token: string, tool_name: string, resource_id: string, seconds: number) => {
    const body = { tool_name, resource_id, timeout_seconds: seconds, arguments: { amount: 4000 } };
    ids.push((await it.pending(body, token)).id);
  };
  await ask(clerk, "sql", "prod", 200);
  for (let n = 0; n < 12; n++) await ask(bot, "refund", `order-${n}`, 1000 + n);
  for (let n = 0; n < 4; n++) await ask(clerk, "refund", `parcel-${n}`, 2000 + n);
  await ask(bot, "mail", "list", 3000);
  return { it, bot, ids };
}

/** The requests that are on the screen, by what each is about. */
async function subjects({ page }: Tab): Promise<string[]> {
  return await page.locator(".approval-row-subject:visible").allInnerTexts();
}

const box = ({ page }: Tab, name: string | RegExp) => page.getByRole("checkbox", { name });

const focused = ({ page }: Tab) =>
  page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.request ?? null);

Deno.test("browser: the inbox goes by keyboard alone, and no key of it approves", async () => {
  const { it, ids } = await inbox();
  await using _ = it;
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "approver");
  const { page } = tab;
  await tab.goto("/approvals");
  // The list is one stop for Tab, whatever its length.
  assert.equal(await page.locator('.inbox-form a[tabindex="0"]').count(), 1);
  await page.keyboard.press("j");
  assert.equal(await focused(tab), ids[0]);
  await page.keyboard.press("j");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("k");
  assert.equal(await focused(tab), ids[1]);
  // Behind the five that are shown of the group comes the next one.
  for (let n = 0; n < 5; n++) await page.keyboard.press("j");
  assert.equal(await focused(tab), ids[13]);
  await page.keyboard.press("x");
  await page.getByText("1 selected").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("d");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.getByText("1 selected").waitFor();
  await page.keyboard.press("a");
  await page.keyboard.press("Control+d");
  assert.equal(await page.locator("dialog").count(), 0);

  await page.keyboard.press("/");
  assert.ok(
    await page.getByRole("searchbox").evaluate((field) => field === document.activeElement),
  );
  await page.keyboard.type("jxdk");
  assert.equal(await page.getByRole("searchbox").inputValue(), "jxdk");
  await page.getByText("1 selected").waitFor();

  await page.locator(`[data-request="${ids[14]}"]`).focus();
  await page.keyboard.press("x");
  await page.keyboard.press("d");
  await page.getByRole("dialog", { name: "Deny 2 requests" }).waitFor();
  assert.deepEqual(await tab.axe(), []);
  await page.keyboard.press("j");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focused(tab), ids[14], "the focus is where it was");
  await page.keyboard.press("d");
  await page.keyboard.press("2");
  assert.ok(await page.getByRole("radio", { name: "Wrong amount" }).isChecked());
  await page.getByLabel("Note").focus();
  await page.keyboard.type("3 parcels");
  assert.ok(await page.getByRole("radio", { name: "Wrong amount" }).isChecked());
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+Enter");
  await page.getByText("2 requests are denied; their agents are told.").waitFor();
  assert.deepEqual([await it.status(ids[13] ?? ""), await it.status(ids[14] ?? "")], [
    "denied",
    "denied",
  ]);
  await tab.hydrated();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/approvals/${ids[0]}`);
  assert.equal(await it.status(ids[0] ?? ""), "pending");

  await tab.goto("/approvals?q=order");
  await page.keyboard.press("u");
  await page.waitForURL("**/approvals?view=mine");
});

Deno.test("browser: single keys can be switched off, and the arrows still go through the list", async () => {
  const { it, ids } = await inbox();
  await using _ = it;
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  await tab.goto("/security");
  await page.getByRole("checkbox", { name: "Single keys work in this browser" }).uncheck();
  await tab.goto("/approvals");
  for (const key of ["j", "x", "d", "/"]) await page.keyboard.press(key);
  assert.equal(await focused(tab), null);
  assert.equal(await page.locator("dialog, .bulk-bar").count(), 0);
  await page.locator(`[data-request="${ids[0]}"]`).focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(tab), ids[1]);
  await tab.goto("/security");
  await page.getByRole("checkbox", { name: "Single keys work in this browser" }).check();
  await tab.goto("/approvals");
  await page.keyboard.press("j");
  assert.equal(await focused(tab), ids[0]);
});

Deno.test("browser: a group is opened, chosen and denied as a whole", async () => {
  const { it, ids } = await inbox();
  await using _ = it;
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  await tab.goto("/approvals");
  assert.equal((await subjects(tab)).length, 11);
  await page.getByText("Show 7 more").click();
  assert.equal((await subjects(tab)).length, 18);
  const all = box(tab, /Select all 12 of billing-bot/);
  await all.check();
  await page.getByText("12 selected").waitFor();
  await box(tab, /^Select REF/).nth(1).uncheck();
  await page.getByText("11 selected").waitFor();
  assert.ok(await all.evaluate((one) => (one as HTMLInputElement).indeterminate));
  await page.getByRole("button", { name: "Clear Esc" }).click();
  await page.getByText("11 selected").waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Deny 12" }).click();
  await page.getByRole("dialog", { name: "Deny 12 requests" }).waitFor();
  await page.getByText(/^12 of billing-bot …\S{6}, refund\. None of it can run\.$/).waitFor();
  await page.getByLabel("Looks suspicious").check();
  await page.getByLabel("Pause the agents too").check();
  await page.getByRole("dialog").getByRole("button", { name: "Deny 12" }).click();
  await page.getByText("12 requests are denied; their agents are told. The agent is paused")
    .waitFor();
  const statuses = await Promise.all(ids.map((id) => it.status(id)));
  assert.deepEqual(
    statuses.map((status) => status === "denied"),
    ids.map((_, n) => n > 0 && n < 13),
  );
  assert.equal((await subjects(tab)).length, 6);
});

Deno.test("browser: what comes and what goes leaves what was chosen, opened and focused as it is", async () => {
  const { it, bot, ids } = await inbox();
  await using _ = it;
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  await tab.goto("/approvals");
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByText("Show 7 more").click();
  await box(tab, /^Select REF/).nth(1).check();
  await box(tab, /^Select REF/).nth(8).check();
  await page.locator(`[data-request="${ids[8]}"]`).focus();
  await it.cancel(ids[1] ?? "", bot);
  await page.getByText("1 selected").waitFor();
  await it.pending(
    { tool_name: "refund", resource_id: "new", timeout_seconds: 900, arguments: {} },
    bot,
  );
  await page.getByRole("link", { name: "new", exact: true }).waitFor();
  await page.getByText("Show 7 more").waitFor();
  assert.ok((await subjects(tab)).includes("order-11"), "the group is still open");
  assert.ok(await box(tab, /^Select REF/).nth(8).isChecked());
  assert.equal(await focused(tab), ids[8]);
  await page.getByText("1 selected").waitFor();
  await page.locator('[data-waiting="mine"]', { hasText: "18" }).waitFor();
  // A group that is new by itself: a second request of what stood alone.
  await it.pending({ tool_name: "mail", resource_id: "list-2", arguments: {} }, bot);
  await box(tab, /Select all 2 of billing-bot/).waitFor();
  assert.equal(await focused(tab), ids[8]);
});

Deno.test("browser: without script the inbox is narrowed, opened and denied from", async () => {
  const { it, ids } = await inbox();
  await using _ = it;
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner", { script: false });
  const { page } = tab;
  await page.goto("/approvals");
  await page.getByText("Tool", { exact: true }).click();
  await page.getByRole("link", { name: "refund 16" }).click();
  await page.getByRole("link", { name: "Tool: refund" }).waitFor();
  await page.getByRole("searchbox").fill("parcel");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/approvals?view=mine&tool_name=refund&q=parcel");
  assert.deepEqual(await subjects(tab), ["parcel-0", "parcel-1", "parcel-2", "parcel-3"]);
  const deny = page.getByRole("button", { name: "Deny selected…" });
  assert.equal(await deny.isVisible(), false, "nothing is chosen");
  await box(tab, /^Select REF/).nth(1).check();
  await box(tab, /^Select REF/).nth(2).check();
  await deny.click();
  await page.getByRole("heading", { name: "Deny 2 requests" }).waitFor();
  assert.equal(await tab.scrollsSideways(), false);
  await page.getByLabel("Not now").check();
  await page.getByRole("button", { name: "Deny 2" }).click();
  await page.getByText("2 requests are denied; their agents are told.").waitFor();
  assert.deepEqual(await subjects(tab), ["parcel-0", "parcel-3"]);
  await page.getByRole("link", { name: "Clear" }).click();
  await page.getByText("Show 7 more").click();
  assert.equal((await subjects(tab)).length, 16);
  assert.equal(await it.status(ids[14] ?? ""), "denied");
});

Deno.test("browser: at least twelve requests stand on the first screen of a desk, and every look of the inbox is sound", async (t) => {
  const { it } = await inbox();
  await using _ = it;
  await using browser = await TestBrowser.start();
  for (const width of [1280, 390] as const) {
    for (const scheme of ["light", "dark"] as const) {
      await t.step(`${width} px, ${scheme}`, async () => {
        const { tab } = await memberAtBrowser(browser, it, "owner", { width, scheme });
        const { page } = tab;
        await tab.goto("/approvals?group=none");
        await page.getByText("Live", { exact: true }).waitFor();
        const heights = await page.locator(".approval-row").evaluateAll((rows) =>
          rows.filter((row) => row.getBoundingClientRect().bottom <= innerHeight)
            .map((row) => row.getBoundingClientRect().height)
        );
        if (width === 1280) {
          assert.ok(heights.length >= 12, `${heights.length} requests in sight`);
          assert.ok(heights.every((height) => height <= 40), `${heights}`);
        }
        await box(tab, /^Select REF/).nth(2).check();
        assert.deepEqual(await tab.axe(), []);
        await page.getByRole("button", { name: "Deny 1…" }).click();
        assert.deepEqual(await tab.axe(), []);
        await page.getByRole("button", { name: "Cancel" }).click();
        await page.getByText("Tool", { exact: true }).click();
        assert.deepEqual(await tab.axe(), []);
        assert.equal(await tab.scrollsSideways(), false);
        await tab.goto("/approvals");
        await tab.assertSound("grouped and opened");
        await page.setViewportSize({ width: 320, height: 640 });
        assert.equal(await tab.scrollsSideways(), false, "it scrolls at 320 px");
        await tab.close();
      });
    }
  }
});
