/// <reference lib="dom" />
import { TestBrowser } from "../helpers/browser.ts";
import { enter } from "../helpers/browser_people.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { grow, plainDraft } from "../helpers/evidence.ts";
import { HOSTILE } from "../helpers/visitor.ts";

/** Entries and requests by somebody who means harm, and long ones. */
async function filled(org: TestOrg): Promise<string[]> {
  const wordy = `${HOSTILE.markup}${HOSTILE.bidi} ${"unbroken".repeat(90)}`;
  const tool = "refund_payment".padEnd(128, "_long");
  await org.tool(tool, { default_permission: "requires_approval" });
  const agent = await org.agent({ name: `${HOSTILE.markup}${"w".repeat(60)}` });
  await org.post("/v1/approvals", { tool_name: tool, reason: wordy }, agent);
  const subject = { tool: HOSTILE.markup, tenant: "t".repeat(128), resource: HOSTILE.bidi };
  await grow(org, [{ ...plainDraft(1), subject, data: { wordy, [HOSTILE.markup]: "short" } }]);
  const last =
    (await org.post("/v1/permissions/check", { tool_name: tool }, agent)).body.audit.index;
  return [
    "/",
    "/?days=90",
    "/activity",
    "/activity?type=approval.created&since=yesterday",
    "/activity?tenant_id=nobody&order=asc",
    ...[0, 1, 2, 3].map((before) => `/activity/${last - before}`),
    "/activity/evidence",
    "/verify",
  ];
}

Deno.test("the pages of Overview and Activity are sound on a phone and on a desk, in both themes", async (t) => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const paths = await filled(org);
  const owner = await org.signedIn("owner");
  await using browser = await TestBrowser.start();
  const looks = [{ width: 390, scheme: "light" }, { width: 1280, scheme: "dark" }] as const;
  for (const look of looks) {
    await t.step(`${look.width} px, ${look.scheme}`, async () => {
      await using tab = await browser.open({ origin: countersign.origin, ...look });
      await enter(tab, countersign, owner);
      for (const path of paths) {
        await tab.goto(path);
        if (/\/\d$/.test(path)) await tab.page.locator(".checks").waitFor();
        await tab.assertSound(path);
      }
    });
  }
});
