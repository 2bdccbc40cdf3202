import assert from "node:assert/strict";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import type { Tab, TabOptions, TestBrowser } from "../helpers/browser.ts";
import { enter } from "../helpers/browser_people.ts";
import type { SignedInOptions } from "../helpers/countersign.ts";
import type { DecisionOrg, Person } from "../helpers/decision_org.ts";

/** A member at a browser of their own, with a passkey on its device. */
export interface MemberAtBrowser {
  readonly person: Person;
  readonly tab: Tab;
}

/** Signs a member in at a new browser, without the ceremonies of sign-in and enrolment. */
export async function memberAtBrowser(
  browser: TestBrowser,
  it: DecisionOrg,
  role: MemberRecord["role"],
  options:
    & SignedInOptions
    & Pick<TabOptions, "width" | "scheme" | "timezone" | "script" | "serviceWorker"> = {},
): Promise<MemberAtBrowser> {
  const { width, scheme, timezone, script, serviceWorker, ...session } = options;
  const { countersign } = it;
  const person = await it.person(role, session);
  const tab = await browser.open({
    origin: countersign.origin,
    passkeys: true,
    ...(width === undefined ? {} : { width }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(script === undefined ? {} : { script }),
    ...(serviceWorker === undefined ? {} : { serviceWorker }),
  });
  const [credential] = person.authenticator.credentials;
  assert.ok(credential !== undefined);
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", credential.keys.privateKey);
  const standard = (base64url: string) =>
    Uint8Array.fromBase64(base64url, { alphabet: "base64url" }).toBase64();
  await tab.addCredential({
    credentialId: standard(credential.id),
    isResidentCredential: true,
    rpId: credential.rpId,
    privateKey: new Uint8Array(pkcs8).toBase64(),
    userHandle: standard(credential.userHandle),
    signCount: 0,
  });
  await enter(tab, countersign, person.session);
  return { person, tab };
}

/** The button that approves, on the page of a request. */
export function approveButton({ page }: Tab) {
  return page.getByRole("button", { name: "Approve", exact: true });
}

/** Waits until nothing stands in the way of Approve any more. */
export async function unlocked(tab: Tab): Promise<void> {
  await tab.page.locator(".decision-approve button[aria-disabled=false]").waitFor();
}

/** Denies on the page of a request, in the sheet that opens over it. */
export async function denyOnPage(
  tab: Tab,
  { reason, note, pause = false }: {
    readonly reason?: string;
    readonly note?: string;
    readonly pause?: boolean;
  },
): Promise<void> {
  const { page } = tab;
  await page.getByRole("button", { name: "Deny", exact: true }).click();
  const sheet = page.getByRole("dialog");
  if (reason !== undefined) await sheet.getByLabel(reason).check();
  if (note !== undefined) await sheet.getByLabel("Note").fill(note);
  if (pause) await sheet.getByLabel("Pause the agent too").check();
  await sheet.getByRole("button", { name: "Deny" }).click();
  await statusOf(tab, "Denied");
  await tab.hydrated();
}

/** Has the whole page on the screen, part after part, as somebody who reads it. */
export async function readToTheEnd({ page }: Tab): Promise<void> {
  await page.evaluate(async () => {
    const drawn = () => new Promise((resolve) => requestAnimationFrame(resolve));
    for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight / 3) {
      scrollTo({ top, behavior: "instant" });
      await drawn();
      await drawn();
    }
  });
}

/** Reads a request that is open, and approves it by passkey; the page then loads itself again. */
export async function signOnPage(tab: Tab): Promise<void> {
  await readToTheEnd(tab);
  const loaded = tab.page.waitForEvent("load");
  await approveButton(tab).click();
  await loaded;
  await tab.hydrated();
}

/** The same for the last level: the page then says that it is approved. */
export async function approveOnPage(tab: Tab): Promise<void> {
  await signOnPage(tab);
  await statusOf(tab, "Approved");
}

/** Waits until the page of a request shows a status. */
export async function statusOf({ page }: Tab, words: string): Promise<void> {
  await page.locator(".approval-head .badge", { hasText: words }).waitFor();
}
