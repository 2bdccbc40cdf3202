/// <reference lib="dom" />
import assert from "node:assert/strict";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { enter } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { HOSTILE } from "../helpers/visitor.ts";

const scriptOf = ({ page }: Tab) => page.locator("pre code").first().innerText();

Deno.test("browser: the API Builder writes the script while it is typed, without loading the page", async (t) => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  await org.tool("delete_server");
  const owner = await org.signedIn("owner");
  await using browser = await TestBrowser.start();
  const { origin } = countersign;
  const tab = await browser.open({ origin });
  await enter(tab, countersign, owner);
  const { page } = tab;
  await tab.goto("/api-builder");
  await page.evaluate(() => document.documentElement.classList.add("never-loaded-again"));

  await t.step("a form is added by Enter, and the next one begins empty", async () => {
    await page.locator("#field-tool-name").fill("refund_payment");
    await page.keyboard.press("Enter");
    await page.getByText("Added: tool refund_payment").waitFor();
    assert.match(await scriptOf(tab), /send PUT '\/v1\/tools\/refund_payment'/);
    assert.equal(await page.locator("#field-tool-name").inputValue(), "");
  });

  await t.step("what is half typed stays while another language is looked at", async () => {
    await page.locator("#field-tool-name").fill("half typed");
    await page.getByRole("link", { name: "Python" }).click();
    await page.getByText("seed.py").first().waitFor();
    assert.match(await scriptOf(tab), /send\("PUT", "\/v1\/tools\/refund_payment"/);
    assert.equal(await page.locator("#field-tool-name").inputValue(), "half typed");
  });

  await t.step("a form that is refused stays as it was typed, and says why", async () => {
    await page.locator("#field-tool-parameters").fill("{");
    await page.getByRole("button", { name: "Add the tool" }).click();
    await page.getByText("is not JSON").first().waitFor();
    assert.equal(await page.locator("#field-tool-name").inputValue(), "half typed");
    assert.equal(await page.locator("#field-tool-parameters").inputValue(), "{");
  });

  await t.step("hostile text is shown as text", async () => {
    await page.getByText("Tenant: a customer of yours").click();
    await page.locator("#field-tenant-id").fill(HOSTILE.markup + HOSTILE.bidi);
    await page.getByRole("button", { name: "Add the tenant" }).click();
    await page.getByText("In the script").waitFor();
    await page.getByText("1 tool, 1 tenant").first().waitFor();
    assert.equal(await page.evaluate(() => "ran" in globalThis), false);
  });

  await t.step("the policy document begins with the policy as it is", async () => {
    await page.getByRole("link", { name: "Policy document" }).click();
    await page.locator("pre", { hasText: "policy_version" }).first().waitFor();
    const { tools, tenants } = JSON.parse(await scriptOf(tab));
    assert.deepEqual(tools.map(({ name }: { name: string }) => name), [
      "delete_server",
      "refund_payment",
    ]);
    assert.equal(tenants[0].id, HOSTILE.markup + HOSTILE.bidi);
  });

  await t.step("what was added can be taken out again, and saved", async () => {
    await page.getByRole("link", { name: /^Remove tenant/ }).click();
    await page.getByText("So far: 1 tool.").waitFor();
    const begun = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download policy.json" }).click();
    const download = await begun;
    assert.equal(download.suggestedFilename(), "policy.json");
    const saved = JSON.parse(await Deno.readTextFile(await download.path()));
    assert.deepEqual(saved, JSON.parse(await scriptOf(tab)));
  });

  await t.step("it was one page all along, whose address now holds what was typed", async () => {
    assert.equal(await page.locator("html.never-loaded-again").count(), 1);
    const before = await scriptOf(tab);
    await page.reload();
    await tab.hydrated();
    assert.equal(await scriptOf(tab), before);
  });

  await t.step("axe-core finds nothing, on a phone in the dark as well", async () => {
    assert.deepEqual(await tab.axe(), []);
    const phone = await browser.open({ origin, width: 390, scheme: "dark" });
    await enter(phone, countersign, owner);
    await phone.goto(page.url());
    assert.deepEqual(await phone.axe(), []);
    assert.equal(await phone.scrollsSideways(), false);
  });
});
