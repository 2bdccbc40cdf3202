import assert from "node:assert/strict";
import { TestBrowser } from "../helpers/browser.ts";
import { memberAtBrowser } from "./browser_member.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";

/** What sends data out is saved on a phone, each time under a passkey. */

Deno.test("on a phone a webhook is added and a channel tested, with the passkey asked for between", async () => {
  const asked: string[] = [];
  await using it = await DecisionOrg.start({
    deps: {
      hosts: ({ url }) => {
        asked.push(url);
        return Promise.resolve({ status: 204, headers: new Headers(), body: null });
      },
    },
  });
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "admin", { fresh: false, width: 390 });
  await using _ = tab;
  const { page } = tab;
  await tab.goto("/notifications");
  await page.getByRole("link", { name: "Webhooks", exact: true }).click();
  await page.getByLabel("Address").fill("https://hooks.example.com/");
  await page.getByLabel("approval.created").check();
  await page.getByLabel("kill_switch.changed").check();
  await page.getByRole("button", { name: "Add webhook" }).click();
  await page.getByRole("heading", { name: "Confirm it is you" }).waitFor();
  await tab.hydrated();
  await page.getByRole("button", { name: "Confirm with your passkey" }).click();
  await page.getByText(/^whsec_/).waitFor();
  await tab.assertSound("the secret");
  await page.getByRole("link", { name: "To the webhook" }).click();
  await page.getByText("approval.created, kill_switch.changed").waitFor();

  await tab.goto("/notifications/channels");
  await page.getByRole("link", { name: "Add channel" }).click();
  await page.getByRole("link", { name: "ntfy" }).click();
  await page.getByLabel("Name").fill("On call");
  await page.getByLabel("Server").fill("https://ntfy.example.com");
  await page.getByLabel("Topic").fill("approvals");
  await page.getByRole("button", { name: "Add channel" }).click();
  await page.getByText("The channel is added").waitFor();
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByRole("status").filter({ hasText: "Sent, answered 204" }).waitFor();
  assert.deepEqual(asked, ["https://ntfy.example.com/approvals"]);
  await tab.assertSound("the outcome of a test");
});
