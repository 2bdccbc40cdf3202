/// <reference lib="dom" />
import assert from "node:assert/strict";
import { invite, type InvitedFields } from "../../lib/people/invitations.ts";
import { makeSetUpLink } from "../../lib/people/set_up.ts";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import {
  createPasskey,
  firstRun,
  goOnFromCodes,
  signInByPasskey,
  typeCode,
} from "../helpers/browser_people.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";
import { CLIENT, presentSession } from "../helpers/people.ts";

/** A clock of the present: browsers end cookies by their own. */
const start = () => Countersign.start({ localhost: true, clock: new TestClock(Date.now()) });

async function cookieOf(tab: Tab): Promise<string> {
  const cookies = await tab.context.cookies();
  return cookies.find(({ name }) => name === "countersign_session")?.value ?? "";
}

Deno.test("in a browser: from the set-up link to the Quickstart, out and in again", async () => {
  await using countersign = await start();
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, passkeys: true });
  const { recovery_codes, email } = await firstRun(tab, countersign);
  assert.equal(new Set(recovery_codes).size, 10);
  const first = await cookieOf(tab);
  await tab.page.getByRole("button", { name: "Sign out" }).first().click();
  await tab.page.waitForURL("**/sign-in");
  await tab.page.getByText("You are signed out.").waitFor();
  assert.equal(await presentSession(countersign.services.deps, first), null);
  await signInByPasskey(tab, "/security");
  await tab.page.getByText(`How you, ${email}, get in.`).waitFor();
  await tab.page.getByText("10 of 10").waitFor();
});

Deno.test("in a browser: a person who is not verified does not get in, and is told", async () => {
  await using countersign = await start();
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, width: 390, passkeys: true });
  await firstRun(tab, countersign);
  // The page's stream would complain of the lost session.
  await tab.page.goto("about:blank");
  await tab.context.clearCookies();
  await tab.setUserVerified(false);
  await tab.goto("/sign-in");
  const button = tab.page.getByRole("button", { name: "Sign in with a passkey" });
  await button.click();
  await tab.page.getByRole("alert").getByText("The passkey wasn't shown").waitFor();
  await tab.setUserVerified(true);
  // By keyboard, as everything.
  await button.focus();
  await tab.page.keyboard.press("Enter");
  await tab.page.waitForURL(({ pathname }) => pathname === "/");
});

Deno.test("in a browser: one inside of an app, without passkeys, says at once where to go instead", async () => {
  await using countersign = await start();
  const session = await makeSetUpLink(countersign.services);
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, width: 390 });
  const { page } = tab;
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, "PublicKeyCredential"));
  const bar = page.getByRole("alert").getByText("Open the same link in the device's own browser");
  await tab.goto("/sign-in");
  await bar.waitFor();
  await tab.goto(new URL(session?.url ?? "").pathname);
  await page.getByLabel("Organization").fill("Acme");
  await page.getByLabel("Your e-mail address").fill("olivia@example.com");
  await page.getByRole("button", { name: "Send me the code" }).click();
  await typeCode(tab, countersign.mail, "olivia@example.com");
  await bar.waitFor();
  await page.getByRole("button", { name: "Create passkey" }).click();
  await bar.waitFor();
});

Deno.test("in a browser: a second passkey is added once the first was shown again", async () => {
  const clock = new TestClock(Date.now());
  await using countersign = await Countersign.start({ localhost: true, clock });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, passkeys: true });
  await firstRun(tab, countersign);
  clock.advance(5 * 60_000);
  await tab.goto("/security");
  await tab.page.getByRole("link", { name: "Add a passkey" }).click();
  await tab.page.getByRole("heading", { name: "Confirm it is you" }).waitFor();
  await tab.hydrated();
  await tab.page.getByRole("button", { name: "Confirm with your passkey" }).click();
  await tab.page.getByLabel("Name").waitFor();
  await tab.hydrated();
  await tab.page.getByRole("button", { name: "Create passkey" }).click();
  // The device holds one of the account, and makes no second.
  await tab.page.getByText("This device already has a passkey for your account").waitFor();
  await tab.removeAuthenticator();
  await tab.addAuthenticator();
  await tab.page.getByLabel("Name").fill("Second laptop");
  await tab.page.getByRole("button", { name: "Create passkey" }).click();
  await tab.page.waitForURL("**/security");
  await tab.page.getByRole("link", { name: "Second laptop" }).waitFor();
});

Deno.test("in a browser: lost passkeys, found recovery codes", async () => {
  await using countersign = await start();
  await using browser = await TestBrowser.start();
  const { origin } = countersign;
  const lost = await browser.open({ origin, passkeys: true });
  const { email, recovery_codes } = await firstRun(lost, countersign);
  const tab = await browser.open({ origin, width: 390, passkeys: true });
  await tab.goto("/sign-in");
  await tab.page.getByRole("link", { name: "Lost your passkeys?" }).click();
  await tab.page.getByLabel("Your e-mail address").fill(email);
  await tab.page.getByRole("button", { name: "Send me the code" }).click();
  await tab.page.getByLabel("Recovery code").fill(recovery_codes[4] ?? "");
  const code = countersign.mail.to(email).at(-1)?.subject.slice(0, 6) ?? "";
  await tab.page.getByLabel("Six-digit code").fill(code);
  await tab.page.getByRole("button", { name: "End them, and go on" }).click();
  assert.equal((await createPasskey(tab)).length, 10);
  await goOnFromCodes(tab);
  await tab.page.waitForURL("**/security");
  await tab.page.getByText("Your account was recovered").waitFor();
  await lost.page.goto("/security");
  await lost.page.waitForURL("**/sign-in?to=%2Fsecurity");
});

Deno.test("in a browser: every step is accessible in both themes and fits a phone", async () => {
  await using countersign = await start();
  await using browser = await TestBrowser.start();
  const { origin, services, mail } = countersign;
  const owner = await browser.open({ origin, width: 390, passkeys: true });
  for (const scheme of ["light", "dark"] as const) {
    const check = async (tab: Tab, what: string) => {
      await tab.hydrated();
      await tab.page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      assert.deepEqual(await tab.axe(), [], `${what}, ${scheme}`);
      assert.equal(await tab.scrollsSideways(), false, what);
    };
    const stepsTo = async (tab: Tab, path: string, email: string) => {
      await tab.goto(path);
      await check(tab, "start");
      for (const label of ["Organization", "Your e-mail address"]) {
        const field = tab.page.getByLabel(label);
        if (await field.isVisible()) await field.fill(label === "Organization" ? "Acme" : email);
      }
      await tab.page.getByRole("button", { name: "Send me the code" }).click();
      const code = tab.page.getByLabel("Six-digit code");
      await code.waitFor();
      await check(tab, "code");
      await code.fill(mail.to(email).at(-1)?.subject.slice(0, 6) ?? "");
      // The page asks the device by itself: this once it gets nothing, and waits for a press.
      await tab.setUserVerified(false);
      await tab.page.getByRole("button", { name: "Go on" }).click();
      const create = tab.page.getByRole("button", { name: "Create passkey" });
      await create.waitFor();
      await check(tab, "passkey");
      await tab.setUserVerified(true);
      await create.click();
      await createPasskey(tab);
      await check(tab, "codes");
      await goOnFromCodes(tab);
    };
    const link = await makeSetUpLink(services);
    if (link !== null) {
      await stepsTo(owner, new URL(link.url).pathname, "olivia@example.com");
      await owner.page.waitForURL("**/quickstart");
    }
    const session = await presentSession(services.deps, await cookieOf(owner)) ?? assert.fail();
    const invited: InvitedFields = { email: `${scheme}@example.com`, role: "viewer", groups: [] };
    const invitation = await invite(services, session, invited, CLIENT);
    const guest = await browser.open({ origin, width: 390, passkeys: true, scheme });
    await stepsTo(guest, new URL(invitation.link).pathname, invited.email);
    for (
      const path of [
        "/sign-in",
        "/organizations",
        "/security",
        "/security/new-passkey",
        "/security/delete-account",
        "/recover",
        `/security/passkeys/${session.record.credential_id}`,
      ]
    ) {
      await owner.goto(path);
      await check(owner, path);
    }
  }
});
