/// <reference lib="dom" />
import assert from "node:assert/strict";
import { PAGES } from "../../routes/manifest.ts";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { enter } from "../helpers/browser_people.ts";
import { startForPages } from "../helpers/page_states.ts";
import { stopName, stopsOf, visit } from "../helpers/page_walk.ts";
import { WebPerson } from "../helpers/web_person.ts";
import { plantedOrg, SHORT } from "./hostile_org.ts";

/** Attacks by what agents, members and strangers write, on whoever reads it in a browser. */

/** What a page took for markup, and texts on it whose reader is deceived. */
async function harmDone(tab: Tab): Promise<string[]> {
  return await tab.page.evaluate(() => {
    const harm: string[] = [];
    const planted = document.querySelectorAll(
      "img[src='x'], svg[onload], script:not([src]), [onerror], a[href^='javascript:' i], " +
        "form[action^='javascript:' i], base, meta[http-equiv='refresh'], iframe, object, embed",
    );
    for (const { outerHTML } of planted) harm.push(`markup: ${outerHTML.slice(0, 200)}`);
    const deceives =
      /(?![\n\r\t])\p{Cc}|[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|[\u{e0000}-\u{e0fff}]/u;
    const texts = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
      // A field that is edited holds what is stored, and nothing else.
      if (node.parentElement?.tagName === "TEXTAREA") continue;
      const text = node.textContent ?? "";
      if (!deceives.test(text)) continue;
      harm.push(`text in ${node.parentElement?.outerHTML.slice(0, 120)}: ${escape(text)}`);
    }
    for (const element of document.querySelectorAll("[title], [aria-label], [alt]")) {
      for (const name of ["title", "aria-label", "alt"]) {
        const text = element.getAttribute(name) ?? "";
        if (deceives.test(text)) harm.push(`${name} of ${element.tagName}: ${escape(text)}`);
      }
    }
    return harm;
  });
}

Deno.test("attack: what agents, members and browsers say of themselves runs on some page, or deceives there", async (t) => {
  await using countersign = await startForPages();
  await using browser = await TestBrowser.start();
  const staged = await plantedOrg(countersign);
  await using tab = await browser.open({ origin: countersign.origin });
  tab.expected.push(/status of 4\d\d/);
  const ran: string[] = [];
  await tab.page.exposeFunction("ran", (where: string) => void ran.push(where));
  tab.page.on("dialog", (dialog) => {
    ran.push("dialog");
    void dialog.dismiss();
  });
  await enter(tab, countersign, staged.owner);
  const stops = [
    ...stopsOf(staged).map((stop) => ({ name: stopName(stop), go: () => visit(tab, stop) })),
    ...staged.more.map((path) => ({ name: path, go: () => tab.goto(path) })),
    ...["/nothing/%E2%80%AE%3Csvg%20onload=ran()%3E", "/%E2%81%A6"].map((path) => ({
      name: path,
      go: () => tab.goto(path),
    })),
  ];
  for (const { name, go } of stops) {
    await t.step(name, async () => {
      await go();
      assert.deepEqual(await harmDone(tab), []);
      assert.deepEqual(ran, []);
    });
  }
  await t.step("the private part of every entry", async () => {
    for (const path of staged.more.filter((one) => one.startsWith("/activity/"))) {
      await tab.goto(path);
      const form = tab.page.locator("form", { has: tab.page.locator("[value='private']") });
      if (await form.count() === 0) continue;
      await Promise.all([tab.page.waitForNavigation(), form.getByRole("button").click()]);
      await tab.hydrated();
      assert.deepEqual(await harmDone(tab), []);
    }
    assert.deepEqual(ran, []);
  });
  await t.step("what deceives is shown, and marked", async () => {
    for (const path of [staged.paths["/approvals/:id"] ?? "", "/tools/refund"]) {
      await tab.goto(path);
      await tab.page.getByText("U+202E RIGHT-TO-LEFT OVERRIDE").first().waitFor();
      await tab.page.getByText("<img src=x onerror=ran('img')>").first().waitFor();
    }
  });
  await t.step("the pages of somebody who was invited or asked, and is not signed in", async () => {
    // A stream that is open would complain of the lost session.
    await tab.page.goto("about:blank");
    await tab.context.clearCookies();
    const linked = ["/invitation/:link", "/confirm/:nonce", "/enrol/:link"];
    for (const path of [...linked.map((one) => staged.paths[one] ?? ""), "/sign-in", "/recover"]) {
      await tab.goto(path);
      assert.deepEqual(await harmDone(tab), []);
    }
    assert.deepEqual(ran, []);
  });
  // That the hook works where a script does run: the debugger's own is not bound by the policy.
  await tab.devtools.send("Runtime.evaluate", { expression: "ran('really')" });
  await tab.page.evaluate(() => 0);
  assert.deepEqual(ran, ["really"]);
});

Deno.test("attack: a link whose query or path is markup plants it in a page", async (t) => {
  await using countersign = await startForPages();
  const org = await countersign.org();
  const { secret } = await org.signedIn("owner", {});
  const web = WebPerson.with(countersign, secret);
  const names = "q name tool_name tenant_id resource_id method tag category level rule as status " +
    "since until cursor order type actor view to passkey again decision";
  const filled = (path: string, text: string) => path.replaceAll(/:[a-z_]+(\{[^}]*\})?/g, text);
  const [markup, deceptive] = [SHORT, "\u202eexe.png"].map(encodeURIComponent);
  for (const { path } of PAGES) {
    await t.step(path, async () => {
      for (const name of ["", ...names.split(" ")]) {
        for (const text of [markup, deceptive]) {
          const asked = filled(path, text ?? "") + (name === "" ? "" : `?${name}=${text}`);
          const { html } = await web.get(asked);
          assert.ok(!html.includes("<svg onload"), asked);
          const shown = html.replaceAll(/<textarea[^>]*>[^<]*/g, "").replaceAll(/<[^>]*>/g, "");
          assert.ok(!shown.includes("\u202e"), asked);
        }
      }
    });
  }
});
