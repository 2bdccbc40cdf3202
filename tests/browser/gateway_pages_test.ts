/// <reference lib="dom" />
import assert from "node:assert/strict";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { signOnPage } from "./browser_member.ts";
import { firstRun } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { lookFaults } from "../helpers/page_look.ts";
import { UpstreamServer } from "../helpers/upstream_server.ts";

/** That a page is good on a phone. */
async function sound(tab: Tab): Promise<void> {
  assert.equal(await tab.scrollsSideways(), false, `${tab.page.url()} scrolls sideways`);
  assert.deepEqual(await tab.axe(), []);
  assert.deepEqual(await lookFaults(tab), []);
}

Deno.test("on a phone: a host is connected, its call waits, is approved and answered, and its upstream is moved", async () => {
  const schema = { type: "object" };
  const tools = [{ name: "read", description: "Reads a note.", inputSchema: schema }];
  await using server = new UpstreamServer({ era: "modern", tools });
  await using countersign = await Countersign.start({
    localhost: true,
    variables: { COUNTERSIGN_PRIVATE_HOSTS: server.host },
  });
  const { origin } = countersign;
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin, passkeys: true, width: 390 });
  await tab.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  const { org } = await firstRun(tab, countersign);
  const { page } = tab;
  const confirm = async (said: RegExp) => {
    const button = page.getByRole("button", { name: /passkey/ });
    await button.waitFor();
    await tab.hydrated();
    await button.click();
    await page.getByText(said).waitFor();
  };
  const wait = () => countersign.clock.advance(10 * 60 * 1000);

  await tab.goto("/connect");
  await page.getByText("There is no upstream yet.").waitFor();
  await sound(tab);
  await page.getByRole("link", { name: "Add an upstream" }).click();
  await page.getByLabel("URL").fill(server.url);
  wait();
  await page.getByRole("button", { name: "Add upstream" }).click();
  await confirm(/server is added/);
  await page.getByLabel("Tick read").check();
  await page.getByLabel("I have checked these four").check();
  wait();
  await page.getByRole("button", { name: "Approve", exact: true }).click();
  await confirm(/server\/read is approved/);

  await tab.goto("/connect?upstream=server");
  await page.getByText("1 tool of server can be called").waitFor();
  await page.getByRole("link", { name: "curl" }).click();
  assert.equal(new URL(page.url()).search, "?upstream=server&with=curl");
  await page.locator("#connect .code", { hasText: "/v1/calls" }).getByRole("button").click();
  await page.getByText("Copied").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /curl -sS .*\/v1\/calls.*"tool_name":"server\/read"/s);
  await sound(tab);

  const token = await org.agent({ name: "note-taker" });
  const ask = () => org.post("/v1/calls", { tool_name: "server/read", reason: "To know." }, token);
  assert.equal((await ask()).status, 202);
  await page.getByRole("link", { name: "Calls", exact: true }).click();
  await page.getByRole("link", { name: "server/read" }).click();
  await page.getByText("Waits for a person").waitFor();
  await sound(tab);
  await page.getByRole("link", { name: "Open the request" }).click();
  await tab.hydrated();
  await page.getByRole("link", { name: "The call that asked for it" }).waitFor();
  await signOnPage(tab);
  await page.getByRole("status").filter({ hasText: "Approved." }).waitFor();
  await page.getByRole("link", { name: "The call that asked for it" }).click();
  const happened = page.getByRole("list", { name: "From asking to answer" });
  await happened.getByText(/^Approved by olivia@example\.com/).waitFor();
  await page.getByText("Approved, and not run yet").waitFor();
  await tab.hydrated();
  // The page moves on by itself, and is the same document all the while.
  await page.evaluate(() => document.body.dataset.same = "yes");
  const ran = await ask();
  assert.deepEqual([ran.status, ran.body.status], [200, "completed"], ran.text);
  await happened.getByText(/^Answered/).waitFor();
  assert.equal(await page.evaluate(() => document.body.dataset.same), "yes");
  await page.getByRole("link", { name: /token\.consumed/ }).waitFor();
  await sound(tab);

  await tab.goto("/upstreams/server");
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByLabel("Seconds a call may take").fill("20");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByText("20 s a call").waitFor();
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByLabel("Headers").fill("X-Region: eu");
  await sound(tab);
  wait();
  await page.getByRole("button", { name: "Save" }).click();
  await confirm(/server is another server now/);
  await page.getByRole("link", { name: "read", exact: true }).click();
  await page.getByText("The upstream is somewhere else than when you approved").waitFor();
  await sound(tab);
  wait();
  await page.getByRole("button", { name: "Approve the new form" }).click();
  await confirm(/server\/read is approved/);
  assert.equal(server.asked.at(-1)?.headers.get("x-region"), "eu");
});
