/// <reference lib="dom" />
import assert from "node:assert/strict";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { PAGE_STATES, type PageState, stage, startForPages } from "../helpers/page_states.ts";
import { stopName, stopsOf, visit } from "../helpers/page_walk.ts";
import { lookFaults } from "../helpers/page_look.ts";

/** Promises that every page of the manifest keeps: a new page is among them. */

const SIGHTS = [
  { state: "one", width: 390, scheme: "light" },
  { state: "long", width: 390, scheme: "dark" },
  { state: "many", width: 1280, scheme: "light" },
  { state: "arabic", width: 1280, scheme: "dark" },
] as const satisfies { state: PageState; width: 390 | 1280; scheme: "light" | "dark" }[];

/** Most bytes of script, as they travel, that a page may have; and one of a request. */
const SCRIPT_BUDGET = 40 * 1024;
const REQUEST_SCRIPT_BUDGET = 60 * 1024;

/** Most scripts that the page of a request asks for. */
const REQUEST_SCRIPTS = 6;

/** What each of the page's scripts weighs compressed. */
async function scriptSizes(tab: Tab): Promise<number[]> {
  return await tab.page.evaluate(() => // By name: what a page keeps for later is asked for once more, and comes from the cache.
  [
    ...new Map(
      performance.getEntriesByType("resource")
        .filter((entry) => entry instanceof PerformanceResourceTiming)
        .filter(({ name }) => name.endsWith(".js"))
        .map(({ name, encodedBodySize }) => [name, encodedBodySize]),
    ).values(),
  ]);
}

/** How many requests of the list are whole on the first screen. */
async function rowsInSight(tab: Tab): Promise<number> {
  return await tab.page.evaluate(() =>
    [...document.querySelectorAll(".approval-row")]
      .filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length
  );
}

Deno.test("every page is sound for people with disabilities, reads well, and scrolls one way only", async (t) => {
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
        assert.deepEqual(await lookFaults(tab), []);
        if (stop.path === "/approvals" && state === "many") {
          assert.ok(await rowsInSight(tab) >= 12, `${await rowsInSight(tab)} requests in sight`);
        }
        // The narrowest phone, or a desk at 200 % zoom.
        const narrow = width === 390 ? { width: 320, height: 640 } : { width: 640, height: 400 };
        await tab.page.setViewportSize(narrow);
        assert.equal(await tab.scrollsSideways(), false, `it scrolls at ${narrow.width} px`);
        if (width === 390) {
          await tab.setTextSize(2);
          assert.equal(
            await tab.scrollsSideways(),
            false,
            "it scrolls with text of twice the size",
          );
          await tab.setTextSize(1);
        }
        await tab.page.setViewportSize({ width, height: width === 390 ? 844 : 800 });
        assert.equal(await tab.page.locator("h1").count(), 1, "one heading of the first order");
        assert.match(await tab.page.title(), / · Countersign$/);
        const sizes = await scriptSizes(tab);
        const bytes = sizes.reduce((sum, size) => sum + size, 0);
        const isRequest = stop.page.path === "/approvals/:id";
        const budget = isRequest ? REQUEST_SCRIPT_BUDGET : SCRIPT_BUDGET;
        assert.ok(bytes < budget, `${bytes} bytes of script`);
        if (isRequest) assert.ok(sizes.length <= REQUEST_SCRIPTS, `${sizes.length} scripts`);
      });
    }
  }
});

Deno.test("what does not look as it is to look is found", async () => {
  await using countersign = await startForPages();
  await using browser = await TestBrowser.start();
  const staged = await stage(countersign, "one");
  for (const width of [390, 1280] as const) {
    await using tab = await browser.open({ origin: countersign.origin, width });
    await tab.context.addCookies([
      { name: "countersign_session", value: staged.owner.secret, url: countersign.origin },
    ]);
    await tab.goto("/");
    assert.deepEqual(await lookFaults(tab), []);
    await tab.page.evaluate(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(`
        .approval-row { height: 42px; max-height: none; padding: 20px 0; }
        .button { min-height: 20px; height: 20px; padding: 0; }
        .button-danger { background: var(--danger-fill) !important; }
        .page-description, .approval-row-values { font: italic 700 1rem sans-serif; }
        .stats, .stat { border: 1px solid; min-height: 60px; }
        .reference { width: 3rem; overflow-wrap: anywhere; }
        .late { margin-inline-start: calc(100% - 4rem); }
      `);
      document.adoptedStyleSheets = [sheet];
      const main = document.querySelector("main");
      const reference = document.createElement("p");
      reference.className = "reference";
      reference.textContent = "REF-QEDA1C0D-C7KX";
      main?.append(reference);
      const address = document.createElement("bdi");
      address.className = "untrusted late";
      address.textContent = "a-b-somebody@example.com";
      const line = document.createElement("p");
      line.append(address);
      main?.append(line);
      for (let copies = 0; copies < 2; copies++) {
        const button = document.createElement("button");
        button.className = "button button-danger";
        button.textContent = "Stop";
        main?.append(button);
      }
    });
    const faults = (await lookFaults(tab)).join("\n");
    for (
      const fault of [
        width === 390 ? /a target of 20 px/ : /a row of \d+ px/,
        /2 elements are filled red/,
        /italic: bdi/,
        /"a-b-somebody@example.com" is broken/,
        /weight 700: /,
        /a frame in a frame: div\.stat/,
        /"REF-.*" is broken/,
      ]
    ) assert.match(faults, fault);
  }
});
