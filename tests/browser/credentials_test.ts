/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TestBrowser } from "../helpers/browser.ts";
import { firstRun } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { OidcProvider } from "../helpers/oidc_provider.ts";

Deno.test("a member connects an account at its provider, by a passkey, a sign-in and a consent there", async () => {
  await using provider = await OidcProvider.start();
  await using countersign = await Countersign.start({
    localhost: true,
    variables: { COUNTERSIGN_PRIVATE_HOSTS: provider.host },
  });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, passkeys: true });
  const { org } = await firstRun(tab, countersign);
  await org.key("management");
  const { page } = tab;
  // The provider's own pages are its to answer for.
  tab.expected.push(/127\.0\.0\.1|fonts\.googleapis\.com/);
  const { status, text } = await org.manage("POST", "/v1/credentials", {
    name: "Notes",
    kind: "oauth2",
    origins: ["https://notes.example.com"],
    oauth: { issuer: provider.issuer, scope: "openid email offline_access notes:run" },
  });
  assert.equal(status, 201, text);

  countersign.clock.advance(10 * 60 * 1000);
  await tab.goto("/credentials");
  await page.getByText("Needs a person").waitFor();
  await page.getByRole("link", { name: "Connect", exact: true }).click();
  const passkey = page.getByRole("button", { name: /passkey/ });
  await passkey.waitFor();
  await tab.hydrated();
  await passkey.click();
  await page.locator("input[name=login]").fill("ann");
  await page.locator("input[name=password]").fill("x");
  await page.locator("button[type=submit]").click();
  await page.locator("button[type=submit]", { hasText: "Continue" }).click();
  await page.getByText("Notes is connected.").waitFor();
  await page.getByText("ann@accounts.example").waitFor();
  await page.getByText("Ready").waitFor();
  assert.deepEqual(provider.granted.map(({ ok }) => ok), [true]);
});
