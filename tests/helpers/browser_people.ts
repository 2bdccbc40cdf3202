import assert from "node:assert/strict";
import { SESSION_LIFE_MS } from "../../lib/identity/sessions.ts";
import { makeSetUpLink } from "../../lib/people/set_up.ts";
import type { Tab } from "./browser.ts";
import { Countersign, type SignedIn, TestOrg } from "./countersign.ts";
import type { MailBox } from "./mail_box.ts";

/** What people do in a browser to get in, step by step as they do it. */

export interface FirstRun {
  /** The org that was made; it has no keys. */
  readonly org: TestOrg;
  readonly email: string;
  /** In groups, as the page showed them. */
  readonly recovery_codes: readonly string[];
}

/**
 * Follows a fresh set-up link until the Quickstart: organization, address, code, passkey, recovery
 * codes. The tab has to have an authenticator.
 */
export async function firstRun(
  tab: Tab,
  countersign: Countersign,
  { email = "olivia@example.com", organization = "Acme" } = {},
): Promise<FirstRun> {
  const link = await makeSetUpLink(countersign.services);
  assert.ok(link !== null, "the deployment has an owner already");
  await tab.goto(new URL(link.url).pathname);
  if (link.organization === null) await tab.page.getByLabel("Organization").fill(organization);
  if (link.email === null) await tab.page.getByLabel("Your e-mail address").fill(email);
  await tab.page.getByRole("button", { name: "Send me the code" }).click();
  await typeCode(tab, countersign.mail, link.email ?? email);
  const recovery_codes = await createPasskey(tab);
  await goOnFromCodes(tab);
  await tab.page.waitForURL("**/quickstart");
  await tab.hydrated();
  return { org: await newestOrg(countersign), email: link.email ?? email, recovery_codes };
}

/** Accepts an invitation for somebody who has no account yet. */
export async function acceptInvitationAs(
  tab: Tab,
  mail: MailBox,
  { email, link }: { readonly email: string; readonly link: string },
): Promise<readonly string[]> {
  await tab.goto(new URL(link).pathname);
  await tab.page.getByRole("button", { name: "Send me the code" }).click();
  await typeCode(tab, mail, email);
  const codes = await createPasskey(tab);
  await goOnFromCodes(tab);
  await tab.page.waitForURL(({ pathname }) => pathname === "/");
  return codes;
}

/** Types the newest code that was mailed to an address. */
export async function typeCode(tab: Tab, mail: MailBox, email: string): Promise<void> {
  const field = tab.page.getByLabel("Six-digit code");
  await field.waitFor();
  const code = mail.to(email).at(-1)?.subject.match(/^[0-9]{6}/)?.[0];
  assert.ok(code !== undefined, `no code was mailed to ${email}`);
  await field.fill(code);
  await tab.page.getByRole("button", { name: "Go on" }).click();
}

/** Has the device make a passkey, which the page asks of it by itself, and reads the codes. */
export async function createPasskey(tab: Tab): Promise<readonly string[]> {
  await tab.page.getByRole("heading", { name: "Store your recovery codes" }).waitFor();
  await tab.hydrated();
  return await tab.page.locator(".recovery-codes code").allInnerTexts();
}

/** Says that the codes are stored. */
export async function goOnFromCodes(tab: Tab): Promise<void> {
  await tab.page.getByLabel("I have stored them").check();
  await tab.page.getByRole("button", { name: "Go on" }).click();
}

/** Signs in by the passkey of the tab's device and waits for the page that comes after it. */
export async function signInByPasskey(tab: Tab, to = "/"): Promise<void> {
  await tab.goto(to === "/" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(to)}`);
  await tab.page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await tab.page.waitForURL(({ pathname, search }) => pathname + search === to);
  await tab.hydrated();
}

/** Gives the tab the session of somebody who was signed in without any ceremony. */
export async function enter(
  tab: Tab,
  countersign: Countersign,
  { secret }: Pick<SignedIn, "secret">,
): Promise<void> {
  await tab.context.addCookies([{
    name: "countersign_session",
    value: secret,
    url: countersign.origin,
    httpOnly: true,
    sameSite: "Lax",
    expires: Math.floor((Date.now() + SESSION_LIFE_MS) / 1000),
  }]);
}

async function newestOrg(countersign: Countersign): Promise<TestOrg> {
  const { kv } = countersign.services.deps;
  const ids = await Array.fromAsync(kv.list({ prefix: ["org"] }), ({ key }) => String(key[1]));
  const newest = ids.toSorted().at(-1);
  assert.ok(newest !== undefined, "no organization was made");
  return new TestOrg(countersign, newest);
}
