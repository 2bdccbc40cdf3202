/// <reference lib="dom" />
import assert from "node:assert/strict";
import { pollLogin } from "../../lib/oauth/device_token.ts";
import { TestBrowser } from "../helpers/browser.ts";
import { firstRun, signInByPasskey } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { CLIENT } from "../helpers/people.ts";

const FORM = { "content-type": "application/x-www-form-urlencoded" };

async function ask(countersign: Countersign, device_name: string) {
  const body = new URLSearchParams({ client_id: "countersign-cli", device_name }).toString();
  const got = await countersign.request("POST", "/oauth/device_authorization", {
    body,
    headers: FORM,
  });
  assert.equal(got.status, 200, got.text);
  return got.body as { device_code: string; user_code: string };
}

Deno.test("a person types the code of a terminal, sees who asks, and lets it in with their passkey", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, width: 390, passkeys: true });
  const { page } = tab;
  // A wrong code is answered so.
  tab.expected.push(/403/);
  await firstRun(tab, countersign);
  // Somebody who is not signed in comes by the address that the terminal shows.
  await page.goto("about:blank");
  await tab.context.clearCookies();
  await signInByPasskey(tab, "/device");

  const poll = ({ device_code }: { device_code: string }) =>
    pollLogin(countersign.services, { client_id: "countersign-cli", device_code }, CLIENT);
  const first = await ask(countersign, "build-box <b>\u0430dmin</b>");
  await page.getByLabel("Code").fill("bbbb bbbb");
  await page.keyboard.press("Enter");
  await page.getByText("No computer waits under this code").first().waitFor();
  await page.getByLabel("Code").fill(first.user_code.toLowerCase());
  await page.getByRole("button", { name: "Show who asks" }).click();
  await page.getByRole("heading", { name: "Who asks" }).waitFor();
  await tab.hydrated();
  assert.equal(await page.locator("main b").count(), 0, "a name is no markup");
  await tab.assertSound("who asks");
  await page.getByRole("button", { name: "Deny: this isn't mine" }).click();
  await page.getByText("The terminal is told, and gets nothing").waitFor();
  const denied = await poll(first);
  assert.ok("error" in denied && denied.error === "access_denied");

  for (const [gives, label] of [["agent", null], ["standard", "A standard key"]] as const) {
    const asked = await ask(countersign, "build-box");
    await tab.goto("/device");
    await page.getByLabel("Code").fill(asked.user_code);
    await page.getByRole("button", { name: "Show who asks" }).click();
    await page.getByRole("heading", { name: "Who asks" }).waitFor();
    await tab.hydrated();
    if (label !== null) await page.getByLabel(label).check();
    await page.getByRole("button", { name: "Let it in with your passkey" }).click();
    await page.getByText("comes for its secret within seconds").waitFor();
    const given = await poll(asked);
    assert.ok("secret" in given, JSON.stringify(given));
    assert.equal(given.gives, gives);
  }
});
