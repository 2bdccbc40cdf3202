/// <reference lib="dom" />
import assert from "node:assert/strict";
import { firstPrograms, TOKEN_VARIABLE } from "../../lib/onboarding/programs.ts";
import { waysToConnect } from "../../lib/onboarding/ways.ts";
import { TestBrowser } from "../helpers/browser.ts";
import { enter } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { runPrinted } from "../helpers/printed_program.ts";
import { lookFaults } from "../helpers/page_look.ts";

Deno.test("browser: from the Quickstart to an agent that asks, by what its Copy buttons give", async (t) => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const owner = await org.signedIn("owner", { email: "olivia@example.com" });
  await using browser = await TestBrowser.start();
  const { origin } = countersign;
  const tab = await browser.open({ origin });
  await enter(tab, countersign, owner);
  const { page } = tab;
  await tab.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  const ways = waysToConnect(origin);
  /** What the Copy button of a block gives. */
  const copied = async (label: string) => {
    const block = page.locator(".code", { has: page.getByText(label, { exact: true }) }).first();
    await block.getByRole("button", { name: "Copy" }).click();
    await block.getByText("Copied").waitFor();
    return await page.evaluate(() => navigator.clipboard.readText());
  };
  let exported = "";

  await t.step("an agent is made, and its token is shown once", async () => {
    await tab.goto("/quickstart");
    await page.getByRole("button", { name: "Make the agent" }).click();
    await page.getByText("you won't see it again").waitFor();
    await tab.hydrated();
    exported = await copied("In the terminal where your agent will run");
    assert.match(exported, new RegExp(`^export ${TOKEN_VARIABLE}='cs_agent_[0-9a-z]+'$`));
  });

  await t.step("another tab is shown by the keyboard, and the token stays in sight", async () => {
    await page.evaluate(() => document.documentElement.classList.add("never-loaded-again"));
    await page.getByRole("link", { name: "curl" }).focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("agent.mts", { exact: true }).waitFor();
    const focused = await page.evaluate(() => document.activeElement?.textContent);
    assert.equal(focused, "TypeScript");
    assert.equal(await page.locator(".connect [aria-current]").innerText(), "TypeScript");
    assert.equal(new URL(page.url()).searchParams.get("with"), "typescript");
    assert.equal(await page.locator("html.never-loaded-again").count(), 1);
    assert.ok(await page.getByText(exported).isVisible());
  });

  await t.step("each block of each tab has a Copy button that gives all of it", async () => {
    for (const way of ways) {
      await page.getByRole("link", { name: way.label, exact: true }).click();
      await page.getByText(way.intro).waitFor();
      for (const { label, text } of way.blocks) assert.equal(await copied(label), text, way.label);
    }
  });

  await t.step("what was copied runs, and the page moves on by itself when it asks", async () => {
    await page.locator(".live-live").waitFor();
    await page.getByRole("link", { name: "Python", exact: true }).click();
    const { file = "" } = firstPrograms(origin).find(({ language }) => language === "Python") ?? {};
    const text = await copied(file);
    const running = runPrinted(`${exported}\n${await copied("Terminal")}`, {
      files: { [file]: text },
    });
    await page.getByText("The first check has come").waitFor();
    await page.getByRole("link", { name: "What waits" }).click();
    await page.waitForURL("**/approvals");
    await page.getByRole("link", { name: /hello_world/ }).first().click();
    await page.waitForURL("**/approvals/apr_*");
    const { pathname } = new URL(page.url());
    const denied = await org.post(`/v1${pathname}/decide`, {
      decision: "deny",
      decided_by: "olivia@example.com",
    }, org.approver);
    assert.equal(denied.status, 200, denied.text);
    const { code, err } = await running;
    assert.equal(code, 1);
    assert.match(
      err,
      new RegExp(`^Waiting for a human: ${origin}${pathname}\nhello_world did not run`),
    );
  });

  await t.step(
    "axe-core finds nothing and the tabs look as pages do, in both themes and widths",
    async () => {
      for (const width of [390, 1280] as const) {
        for (const scheme of ["light", "dark"] as const) {
          const other = await browser.open({ origin, width, scheme });
          await enter(other, countersign, owner);
          for (const { key } of ways) {
            await other.goto(`/quickstart?with=${key}`);
            assert.deepEqual(await other.axe(), [], `${key} ${width} ${scheme}`);
            assert.deepEqual(await lookFaults(other), [], `${key} ${width} ${scheme}`);
            const wide = await other.page.evaluate(() =>
              document.documentElement.scrollWidth - document.documentElement.clientWidth
            );
            assert.equal(wide, 0, `${key} scrolls sideways at ${width}`);
          }
          await other.close();
        }
      }
    },
  );
});

Deno.test("browser: without script each tab of the Quickstart is a page of its own", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  await using browser = await TestBrowser.start();
  const { origin } = countersign;
  const tab = await browser.open({ origin });
  await enter(tab, countersign, owner);
  const { page } = tab;
  await page.route("**/*.js", (route) => route.abort());
  tab.expected.push(/net::ERR_FAILED/);
  await page.goto("/quickstart");
  for (const { label, key, intro } of waysToConnect(origin)) {
    await page.getByRole("link", { name: label, exact: true }).click();
    await page.waitForURL(`**/quickstart?with=${key}#connect`);
    await page.getByText(intro).waitFor();
  }
});
