/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TOOL } from "../helpers/approval_org.ts";
import { TestBrowser } from "../helpers/browser.ts";
import { memberAtBrowser } from "./browser_member.ts";
import { TestClock } from "../helpers/countersign.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";

/** Every moment that a page tells whole: what is read, and what its tooltip has. */
const TOLD = () =>
  [...document.querySelectorAll<HTMLTimeElement>("time.time")].flatMap((time) => {
    const words = time.querySelector(".time-absolute");
    return words === null ? [] : [[words.textContent, time.title, time.dateTime]];
  });

Deno.test("browser: moments are told in the reader's own time, in UTC beside it and without script", async () => {
  await using it = await DecisionOrg.start();
  it.countersign.clock.now = Date.UTC(2026, 6, 1, 23, 30);
  await using browser = await TestBrowser.start();
  const far = await memberAtBrowser(browser, it, "owner", { timezone: "Asia/Tokyo" });
  const bare = await memberAtBrowser(browser, it, "owner", { script: false });
  const { id } = await it.pending({ tool_name: TOOL, arguments: {} });
  // In an island, and outside of one.
  for (const path of [`/approvals/${id}`, "/activity/1"]) {
    await far.tab.goto(path);
    await far.tab.page.locator("time.time[title]").first().waitFor();
    const [told] = await far.tab.page.evaluate(TOLD);
    assert.match(told?.[0] ?? "", /^2 Jul( 2026)?, 08:30$/, path);
    assert.equal(told?.[1], "1 Jul 2026, 23:30 UTC", path);
    await bare.tab.page.goto(path);
    const text = await bare.tab.page.locator(".time-absolute").first().textContent();
    assert.equal(text, "1 Jul 2026, 23:30 UTC", path);
  }
});

Deno.test("browser: a device that slept learns from the server how long is left", async () => {
  await using it = await DecisionOrg.start({ clock: new TestClock(Date.now()) });
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "approver", { width: 390 });
  const { page } = tab;
  // A phone that sleeps stops this clock.
  await page.addInitScript(() => {
    const woke = performance.now();
    performance.now = () => woke;
  });
  const { id } = await it.pending();
  await tab.goto(`/approvals/${id}`);
  const left = page.locator(".approval-head .countdown-left");
  await left.getByText(/^(1 h 00|59) min/).waitFor();
  const hide = (hidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await hide(true);
  it.countersign.clock.advance(55 * 60_000);
  await hide(false);
  await left.getByText(/^(5 min 00|4 min)/).waitFor();
});
