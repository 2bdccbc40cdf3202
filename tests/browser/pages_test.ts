/// <reference lib="dom" />
import assert from "node:assert/strict";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { PAGE_STATES, type PageState, stage, startForPages } from "../helpers/page_states.ts";
import { stopName, stopsOf, visit } from "../helpers/page_walk.ts";

/** Promises that every page of the manifest keeps: a new page is among them. */

const SIGHTS = [
  { state: "one", width: 390, scheme: "light" },
  { state: "long", width: 390, scheme: "dark" },
  { state: "many", width: 1280, scheme: "light" },
] as const satisfies { state: PageState; width: 390 | 1280; scheme: "light" | "dark" }[];

/** Most bytes of script, as they travel, that a page may have. */
const SCRIPT_BUDGET = 40 * 1024;

/** What the page's scripts weigh compressed. */
async function scriptBytes(tab: Tab): Promise<number> {
  return await tab.page.evaluate(() =>
    // By name: what a page keeps for later is asked for once more, and comes from the cache.
    [
      ...new Map(
        performance.getEntriesByType("resource")
          .filter((entry) => entry instanceof PerformanceResourceTiming)
          .filter(({ name }) => name.endsWith(".js"))
          .map(({ name, encodedBodySize }) => [name, encodedBodySize]),
      ).values(),
    ].reduce((sum, bytes) => sum + bytes, 0)
  );
}

Deno.test("every page is sound for people with disabilities, and scrolls one way only", async (t) => {
  await using countersign = await startForPages();
  await using browser = await TestBrowser.start();
  for (const { state, width, scheme } of SIGHTS) {
    assert.ok(PAGE_STATES.includes(state));
    const staged = await stage(countersign, state);
    await using tab = await browser.open({ origin: countersign.origin, width, scheme });
    tab.expected.push(/status of 4\d\d/);
    await tab.context.addCookies([
      { name: "countersign_session", value: staged.owner.secret, url: countersign.origin },
    ]);
    for (const stop of stopsOf(staged)) {
      if (stop.look === "error" && state !== "one") continue;
      await t.step(`${stopName(stop)}, ${state}, ${width} px, ${scheme}`, async () => {
        await visit(tab, stop);
        assert.deepEqual(await tab.axe(), []);
        assert.equal(await tab.scrollsSideways(), false, "it scrolls sideways");
        assert.equal(await tab.page.locator("h1").count(), 1, "one heading of the first order");
        assert.match(await tab.page.title(), / · Countersign$/);
        assert.ok(
          await scriptBytes(tab) < SCRIPT_BUDGET,
          `${await scriptBytes(tab)} bytes of script`,
        );
      });
    }
  }
});
