/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TOOL } from "../helpers/approval_org.ts";
import { TestBrowser } from "../helpers/browser.ts";
import {
  approveButton,
  memberAtBrowser,
  readToTheEnd,
  signOnPage,
  unlocked,
} from "./browser_member.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";

/** Attacks that only the page of a request can stop: what it does not show, it does not sign. */

const ACTION = { tool_name: TOOL, resource_id: "server-1", arguments: { force: true } };

Deno.test("attack: the page signs for level 2 while it shows level 1", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  await page.route("**/live", () => {});
  tab.expected.push(/ERR_FAILED|ERR_ABORTED/);
  const first = await it.person("owner");
  await it.org.member("two@example.com", { groups: [2] });
  const { id } = await it.pending(ACTION);
  await tab.goto(`/approvals/${id}`);
  await readToTheEnd(tab);
  await unlocked(tab);
  // Somebody else approves level 1, and this page hears nothing of it.
  await first.approve(id);
  await approveButton(tab).click();
  await page.getByRole("alert").filter({ hasText: "Load the page again" }).waitFor();
  assert.equal(await it.status(id), "pending");
  assert.equal((await it.get(id)).body.decisions.length, 1);
  // Once it shows what it is about to sign, it signs.
  await tab.goto(`/approvals/${id}`);
  await signOnPage(tab);
  assert.equal(await it.status(id), "approved");
});

Deno.test("attack: a statement about something else than the page shows is handed to it", async (t) => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  const { id } = await it.pending(ACTION);
  const other = await it.pending({ ...ACTION, resource_id: "production" });
  const altered: Record<string, unknown>[] = [
    { approval: other.id },
    { org: "org_00000000000000000000000000" },
    { issuer: "https://evil.example" },
    { level: 2 },
  ];
  const sent: string[] = [];
  page.on("request", (request) => sent.push(request.url()));
  for (const facts of altered) {
    await t.step(Object.keys(facts).join(), async () => {
      await page.unrouteAll();
      await page.route("**/statement", async (route) => {
        const response = await route.fetch();
        const body = await response.json();
        await route.fulfill({ response, json: { ...body, facts: { ...body.facts, ...facts } } });
      });
      await tab.goto(`/approvals/${id}`);
      await readToTheEnd(tab);
      await unlocked(tab);
      await approveButton(tab).click();
      await page.getByRole("alert").filter({ hasText: "Nothing was approved" }).waitFor();
      assert.ok(sent.every((url) => !url.endsWith("/approve")));
      assert.equal(await it.status(id), "pending");
    });
  }
});

Deno.test("attack: the Back button shows the next person at the device what the last one saw", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  const { id } = await it.pending({ ...ACTION, arguments: { card: "4111 1111" } });
  await tab.goto(`/approvals/${id}`);
  await page.getByText("4111 1111").first().waitFor();
  await tab.goto("/sign-out");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
  await page.goBack();
  await page.goBack();
  await page.waitForURL(/\/sign-in\?to=/);
  assert.ok(!(await page.content()).includes("4111 1111"));
});
