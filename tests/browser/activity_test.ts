/// <reference lib="dom" />
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { enter, firstRun } from "../helpers/browser_people.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { grow, plainDraft, publishedKeys } from "../helpers/evidence.ts";

/** The list of Activity, and what stands over it. */
class Tail {
  constructor(readonly tab: Tab, readonly org: TestOrg) {}

  get first() {
    return this.tab.page.locator(".entry-row").first();
  }

  get toggle() {
    return this.tab.page.getByRole("switch", { name: "Live" });
  }

  /** Waits until the top of the list says so. */
  async shows(text: string): Promise<void> {
    await this.first.getByText(text).waitFor();
  }

  async says(text: string): Promise<void> {
    await this.tab.page.getByText(text).waitFor();
  }

  async check(tool_name: string): Promise<void> {
    await this.org.post("/v1/permissions/check", { tool_name });
  }
}

Deno.test("Activity goes on by itself, and holds still while somebody is at the list", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  for (const tool of ["one", "two", "three", "four", "five"]) await org.tool(tool);
  await grow(org, Array.from({ length: 60 }, (_, number) => plainDraft(number)));
  await using browser = await TestBrowser.start();
  await using tab = await browser.open({ origin: countersign.origin });
  await enter(tab, countersign, await org.signedIn("viewer"));
  await tab.goto("/activity");
  const { page } = tab;
  const tail = new Tail(tab, org);
  assert.equal(await page.locator(".entry-row").count(), 50);
  assert.equal(await tail.toggle.getAttribute("aria-checked"), "true");

  await tail.check("one");
  await tail.shows("asked to run one");
  assert.equal(await page.locator(".entry-row").count(), 50);

  await tail.first.hover();
  await tail.check("two");
  await tail.says("1 new, shown when you leave the list");
  await tail.shows("asked to run one");
  await page.getByRole("heading", { name: "Activity" }).hover();
  await tail.shows("asked to run two");

  await tail.first.getByRole("link").focus();
  await tail.check("three");
  await tail.says("1 new, shown when you leave the list");
  await tail.shows("asked to run two");
  await page.keyboard.press("Shift+Tab");
  await tail.shows("asked to run three");

  await tail.toggle.press("Space");
  await tail.says("New entries aren't shown.");
  await tail.check("four");
  await tail.shows("asked to run three");
  await tail.toggle.press("Space");
  await tail.shows("asked to run four");

  await tab.goto("/activity?tool_name=five");
  await tail.says("No entry matches yet");
  await tail.check("four");
  await tail.check("five");
  await tail.shows("asked to run five");
  assert.equal(await page.locator(".entry-row").count(), 1);
});

Deno.test("the browser itself proves an entry, and refuses one that was altered on the way", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  await org.tool("restart");
  await grow(org, Array.from({ length: 40 }, (_, number) => plainDraft(number)));
  const { body } = await org.post("/v1/permissions/check", { tool_name: "restart" });
  const { index, leaf_hash } = body.audit;
  await grow(org, Array.from({ length: 40 }, (_, number) => plainDraft(number)));
  await using browser = await TestBrowser.start();
  await using tab = await browser.open({ origin: countersign.origin });
  await enter(tab, countersign, await org.signedIn("viewer"));
  const { page } = tab;
  const path = `/activity/${index}`;
  await tab.goto(path);
  await page.getByText("Your browser computed it: this entry is in the log").waitFor();
  assert.deepEqual(await page.locator(".check .badge").allInnerTexts(), [
    "Holds",
    "Holds",
    "Holds",
    "Left to you",
  ]);
  assert.ok((await page.locator(".check").first().innerText()).includes(leaf_hash));
  assert.ok(await page.getByText(/All \d+ steps to the root/).isVisible());

  const altered: readonly [string, string][] = [
    ["&quot;allowed&quot;", "&quot;disabled&quot;"],
    [`&quot;size&quot;:`, `&quot;size&quot;:1`],
  ];
  for (const [from, to] of altered) {
    await page.route(`**${path}`, async (route) => {
      const response = await route.fetch();
      const html = await response.text();
      assert.ok(html.includes(from));
      await route.fulfill({ response, body: html.replaceAll(from, to) });
    });
    await tab.goto(path);
    await page.getByText("The proof doesn't hold").waitFor();
    assert.equal(await page.locator(".check .badge-danger").count(), 1);
    await page.unroute(`**${path}`);
  }
});

Deno.test("a receipt is checked without any network, accepted and refused", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  await org.tool("restart");
  const { body } = await org.post("/v1/permissions/check", { tool_name: "restart" });
  const receipt = (await org.get(`/v1/receipts/${body.decision_id}`)).text;
  const { keys: [key] } = await publishedKeys(org);
  await using browser = await TestBrowser.start();
  await using tab = await browser.open({ origin: countersign.origin, serviceWorker: true });
  const { page, context } = tab;
  tab.expected.push(/ERR_INTERNET_DISCONNECTED/);
  await tab.goto("/verify");
  const button = page.getByRole("button", { name: "Check this receipt" });
  const heading = (name: string) => page.locator(".notice-title", { hasText: name });

  await button.click();
  await page.getByText("Paste a receipt, or choose its file.").waitFor();
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    const files = performance.getEntriesByType("resource").map(({ name }) => name)
      .filter((name) => /\/assets\/[0-9a-f]{16}\//.test(name));
    const isKept = async () =>
      (await Promise.all(["/verify", ...files].map((file) => caches.match(file)))).every(Boolean);
    while (!await isKept()) await new Promise(requestAnimationFrame);
  });
  await context.setOffline(true);
  await page.getByLabel("Receipt, as text").fill(receipt);
  await button.press("Enter");
  await heading("It fits together, but anyone could have made it").waitFor();
  assert.deepEqual(await tab.axe(), []);

  await page.getByLabel("The log's key as you know it").fill(key?.kid ?? assert.fail());
  assert.equal(await page.locator(".checks").count(), 0, "what was found was of another input");
  await button.press("Enter");
  await heading("Proven: this entry is in the log").waitFor();

  await page.getByLabel("Receipt, as text").fill(receipt.replace('"allowed"', '"disabled"'));
  await button.press("Enter");
  await heading("This receipt proves nothing").waitFor();
  await page.getByText("was changed after it was written").waitFor();

  // Again, with the server out of reach from the start, and by a file.
  await page.goto("/verify");
  await tab.hydrated();
  await page.getByLabel("Receipt, as a file").setInputFiles({
    name: "receipt.json",
    mimeType: "application/json",
    buffer: Buffer.from(receipt),
  });
  await page.getByLabel("The log's key as you know it").fill(key?.kid ?? "");
  await button.press("Enter");
  await heading("Proven: this entry is in the log").waitFor();
});

Deno.test("an owner shows the passkey and reads a private part", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  await using tab = await browser.open({ origin: countersign.origin, passkeys: true });
  const { org } = await firstRun(tab, countersign);
  await org.key("standard");
  await org.tool("refund", { default_permission: "requires_approval" });
  await org.post("/v1/approvals", { tool_name: "refund", reason: "because of the twins" });
  const [{ index }] = (await org.get("/v1/activity?type=approval.created")).body.data;
  countersign.clock.advance(10 * 60 * 1000);
  await tab.goto(`/activity/${index}`);
  await tab.page.getByRole("button", { name: "Show the private part" }).click();
  await tab.page.getByRole("heading", { name: "Confirm it is you" }).waitFor();
  await tab.hydrated();
  await tab.page.getByRole("button", { name: "Confirm with your passkey" }).click();
  await tab.page.getByText("because of the twins").waitFor();
  assert.deepEqual(await tab.axe(), []);
});
