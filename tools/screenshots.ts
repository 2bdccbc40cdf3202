/// <reference lib="dom" />
import { TestBrowser } from "../tests/helpers/browser.ts";
import { PAGE_STATES, stage, startForPages } from "../tests/helpers/page_states.ts";
import { type Stop, stopName, stopsOf, visit } from "../tests/helpers/page_walk.ts";

/**
 * Takes a picture of every page: with nothing, one, very many and very long things on it, and after
 * a form was refused, on a phone and a desk, light and dark. To be looked at by people.
 *
 * deno task screenshots [FOLDER] [PART OF A PAGE'S NAME]
 */
const [folder = "screenshots", only = ""] = Deno.args;
const WIDTHS = [390, 1280] as const;
const SCHEMES = ["light", "dark"] as const;

await Deno.mkdir(folder, { recursive: true });
await using countersign = await startForPages();
await using browser = await TestBrowser.start();
let taken = 0;
for (const state of PAGE_STATES) {
  const staged = await stage(countersign, state);
  const stops = stopsOf(staged).filter((stop) =>
    stopName(stop).includes(only) && (stop.look === "page" || state === "one")
  );
  for (const width of WIDTHS) {
    for (const scheme of SCHEMES) {
      const tab = await browser.open({ origin: countersign.origin, width, scheme });
      tab.expected.push(/status of 4\d\d/);
      await tab.context.addCookies([
        { name: "countersign_session", value: staged.owner.secret, url: countersign.origin },
      ]);
      for (const stop of stops) {
        const name = `${folder}/${stopName(stop)}.${state}.${width}.${scheme}.png`;
        await keep(name, stop, async () => {
          await visit(tab, stop);
          await tab.page.screenshot({ path: name, fullPage: true });
        });
      }
      await tab.close();
    }
  }
}
console.log(`${taken} pictures in ${folder}/`);

async function keep(name: string, stop: Stop, take: () => Promise<void>): Promise<void> {
  try {
    await take();
    taken++;
    if (taken % 20 === 0) console.log(`${taken} pictures…`);
  } catch (error) {
    console.error(`${name}: ${stop.path}: ${error instanceof Error ? error.message : error}`);
  }
}
