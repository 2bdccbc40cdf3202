/// <reference lib="dom" />
import assert from "node:assert/strict";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { enter, firstRun } from "../helpers/browser_people.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { HOSTILE } from "../helpers/visitor.ts";

/** An org with something on every page, written by somebody who means harm. */
async function filled(org: TestOrg): Promise<string[]> {
  const wordy = `${HOSTILE.markup}${HOSTILE.bidi} ${"unbroken".repeat(900)}`;
  await org.tool(`restart/${"long_name_".repeat(10)}x`, {
    description: wordy,
    category: HOSTILE.markup,
    tags: [HOSTILE.markup, "t".repeat(64)],
    parameters: { type: "object", title: wordy },
    kill_switch: { active: true, reason: HOSTILE.markup },
  });
  const tool_name = "stop";
  await org.tool(tool_name, { category: "ops", tags: ["dangerous"] });
  await org.manage("PUT", "/v1/tenants/acme", {});
  const resource_id = HOSTILE.markup.padEnd(128, "w");
  const rules = [
    { selector: { tool_name }, permission: "allowed", note: HOSTILE.markup },
    { selector: { tool_name, tenant_id: "acme" }, permission: "disabled" },
    {
      selector: { tool_name, resource_id },
      permission: "requires_approval",
      note: "n".repeat(500),
    },
    { selector: { tag: "dangerous" }, permission: "requires_approval" },
  ];
  const made: string[] = [];
  for (const rule of rules) made.push((await org.manage("PUT", "/v1/rules", rule)).body.id);
  await org.manage("PUT", "/v1/resources/server", {
    name: HOSTILE.markup,
    metadata: { [HOSTILE.markup]: wordy },
  });
  await org.post("/v1/permissions/check", { tool_name: "drop_tables" });
  return [
    "/tools",
    "/tools/new",
    "/tools/discovered",
    "/tools/categories?name=ops",
    "/tools/stop",
    "/tools/stop?view=edit",
    "/tools/stop?view=history",
    `/tools/restart/${"long_name_".repeat(10)}x`,
    "/tools/drop_tables",
    "/rules",
    `/rules?tool_name=stop&tenant_id=acme&rule=${made[2]}`,
    "/rules?tool_name=stop&tenant_id=acme&level=resource_tool_method&half=tenant",
    `/rules/${made[2]}`,
    "/rules/explain?tool_name=stop&tenant_id=acme&resource_id=server",
    "/resources",
    "/resources/server",
  ];
}

Deno.test("the pages of tools, rules and resources are sound on a phone and on a desk, in both themes", async (t) => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const paths = await filled(org);
  const owner = await org.signedIn("owner");
  await using browser = await TestBrowser.start();
  const looks = [{ width: 390, scheme: "light" }, { width: 1280, scheme: "dark" }] as const;
  for (const look of looks) {
    await t.step(`${look.width} px, ${look.scheme}`, async () => {
      await using tab = await browser.open({ origin: countersign.origin, ...look });
      await enter(tab, countersign, owner);
      for (const path of paths) {
        await tab.goto(path);
        await tab.assertSound(path);
      }
    });
  }
});

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
