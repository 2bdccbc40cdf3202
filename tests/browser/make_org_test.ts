/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TestBrowser } from "../helpers/browser.ts";
import { firstRun } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";

Deno.test("a person makes a second organization from the menu, and switches between the two", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, width: 390, passkeys: true });
  const { page } = tab;
  await firstRun(tab, countersign);

  const dock = page.getByRole("navigation", { name: "Shortcuts" });
  await dock.getByText("Menu", { exact: true }).click();
  await dock.getByLabel("Organization Acme, switch").click();
  await page.getByRole("link", { name: "Make another organization" }).click();
  await page.getByRole("heading", { name: "Choose an organization" }).waitFor();
  await page.getByText("Make another organization").click();
  assert.deepEqual(await tab.axe(), []);
  assert.equal(await tab.scrollsSideways(), false);
  await page.getByLabel("Name of the organization").fill("Second");
  // By now the passkey was shown too long ago.
  countersign.clock.advance(5 * 60_000);
  await page.getByRole("button", { name: "Make it" }).click();
  await page.getByRole("heading", { name: "Confirm it is you" }).waitFor();
  await tab.hydrated();
  await page.getByRole("button", { name: /passkey/ }).click();
  await page.getByText("Second is made, and you are its owner.").waitFor();

  await dock.getByText("Menu", { exact: true }).click();
  await dock.getByLabel("Organization Second, switch").click();
  assert.deepEqual(await tab.axe(), []);
  await page.getByRole("button", { name: "Acme", exact: true }).click();
  await dock.getByLabel("Organization Acme, switch").waitFor({ state: "attached" });
});
