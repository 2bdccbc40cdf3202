/// <reference lib="dom" />
import assert from "node:assert/strict";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { firstRun } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";

/** Presses Tab until what has the focus is as wanted. */
async function tabTo(tab: Tab, selector: string): Promise<void> {
  for (let i = 0; i < 80; i++) {
    await tab.page.keyboard.press("Tab");
    if (await tab.page.locator(`${selector}:focus`).count() > 0) return;
  }
  assert.fail(`The keyboard does not reach ${selector}`);
}

Deno.test("an owner works off a discovered tool by keyboard alone, confirms by passkey, and rules it", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, passkeys: true });
  const { org } = await firstRun(tab, countersign);
  await org.key("standard");
  await org.post("/v1/permissions/check", { tool_name: "drop_tables" });
  countersign.clock.advance(10 * 60 * 1000);

  await tab.goto("/tools");
  const { keyboard } = tab.page;
  await tabTo(tab, ".discovered summary");
  await keyboard.press("Enter");
  await tabTo(tab, 'input[name="annotations_acknowledged"]');
  await keyboard.press("Space");
  await tabTo(tab, 'input[name="default_permission"]');
  await keyboard.press("Space");
  await tabTo(tab, 'button[value="approve"]');
  await keyboard.press("Enter");
  const confirm = tab.page.getByRole("button", { name: /passkey/ });
  await confirm.waitFor();
  await tab.hydrated();
  await confirm.press("Enter");
  await tab.page.getByText("drop_tables is approved.").waitFor();

  await tab.goto("/rules?tool_name=drop_tables");
  await tabTo(tab, 'a[href*="level=tool&"]');
  await keyboard.press("Enter");
  await tab.page.getByRole("heading", { name: "Make a rule" }).waitFor();
  await tab.hydrated();
  await tab.page.locator("#make .rule-level[aria-current]").focus();
  await tabTo(tab, 'input[name="permission"]');
  await keyboard.press("ArrowUp");
  await tabTo(tab, "#make button");
  await keyboard.press("Enter");
  await tab.page.getByText("The rule is made and in force.").waitFor();
  const { body } = await org.post("/v1/permissions/check", { tool_name: "drop_tables" });
  assert.deepEqual([body.permission, body.resolved_from], ["disabled", "org_tool"]);
});
