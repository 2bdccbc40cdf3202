/// <reference lib="dom" />
import { TestBrowser } from "../helpers/browser.ts";
import { enter } from "../helpers/browser_people.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { HOSTILE } from "../helpers/visitor.ts";

/** An org with something on every page, written by somebody who means harm. */
async function filled(org: TestOrg): Promise<string[]> {
  const wordy = `${HOSTILE.markup}${HOSTILE.bidi} ${"unbroken".repeat(900)}`;
  await org.tool(`restart/${"long_name_".repeat(10)}x`, {
    description: wordy,
    category: HOSTILE.markup,
    tags: [HOSTILE.markup, "t".repeat(64)],
    parameters: { type: "object", title: wordy },
    kill_switch: { active: true, reason: HOSTILE.markup },
  });
  const tool_name = "stop";
  await org.tool(tool_name, { category: "ops", tags: ["dangerous"] });
  await org.manage("PUT", "/v1/tenants/acme", {});
  const resource_id = HOSTILE.markup.padEnd(128, "w");
  const rules = [
    { selector: { tool_name }, permission: "allowed", note: HOSTILE.markup },
    { selector: { tool_name, tenant_id: "acme" }, permission: "disabled" },
    {
      selector: { tool_name, resource_id },
      permission: "requires_approval",
      note: "n".repeat(500),
    },
    { selector: { tag: "dangerous" }, permission: "requires_approval" },
  ];
  const made: string[] = [];
  for (const rule of rules) made.push((await org.manage("PUT", "/v1/rules", rule)).body.id);
  await org.manage("PUT", "/v1/resources/server", {
    name: HOSTILE.markup,
    metadata: { [HOSTILE.markup]: wordy },
  });
  await org.post("/v1/permissions/check", { tool_name: "drop_tables" });
  return [
    "/tools",
    "/tools/new",
    "/tools/discovered",
    "/tools/categories?name=ops",
    "/tools/stop",
    "/tools/stop?view=edit",
    "/tools/stop?view=guards",
    "/tools/stop?view=history",
    "/guards",
    `/tools/restart/${"long_name_".repeat(10)}x`,
    "/tools/drop_tables",
    "/rules",
    `/rules?tool_name=stop&tenant_id=acme&rule=${made[2]}`,
    "/rules?tool_name=stop&tenant_id=acme&level=resource_tool_method&half=tenant",
    `/rules/${made[2]}`,
    "/rules/explain?tool_name=stop&tenant_id=acme&resource_id=server",
    "/resources",
    "/resources/server",
  ];
}

Deno.test("the pages of tools, rules and resources are sound on a phone and on a desk, in both themes", async (t) => {
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
        await tab.assertSound(path);
      }
    });
  }
});
