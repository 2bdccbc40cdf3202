/// <reference lib="dom" />
import assert from "node:assert/strict";
import { endSessionOf } from "../../lib/people/sessions.ts";
import { TestBrowser } from "../helpers/browser.ts";
import { CLIENT, DecisionOrg } from "../helpers/decision_org.ts";
import { presentSession } from "../helpers/people.ts";
import { approveButton, memberAtBrowser, readToTheEnd, unlocked } from "./browser_member.ts";

const OFFLINE = "You're offline, so nothing was sent. What you typed stays here";

Deno.test("browser: without a connection a denial stays as it was typed, and goes once there is one", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "approver", { width: 390 });
  const { page, context } = tab;
  tab.expected.push(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
  const { id } = await it.pending();
  await tab.goto(`/approvals/${id}`);
  await page.getByRole("button", { name: "Deny", exact: true }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByLabel("Note").fill("Not during the freeze");
  await context.setOffline(true);
  const deny = sheet.getByRole("button", { name: "Deny" });
  await deny.click();
  await sheet.getByRole("alert").getByText(OFFLINE).waitFor();
  // Pressed again it says so once.
  await deny.click();
  assert.equal(await sheet.getByText(OFFLINE).count(), 1);
  assert.equal(await it.status(id), "pending");
  await context.setOffline(false);
  await sheet.getByText(OFFLINE).waitFor({ state: "detached" });
  assert.equal(await sheet.getByLabel("Note").inputValue(), "Not during the freeze");
  await deny.click();
  await page.locator(".approval-head .badge", { hasText: "Denied" }).waitFor();
  assert.equal((await it.get(id)).body.decisions[0].note, "Not during the freeze");
  // A lone button in a row says so as well, and moves nothing aside.
  await tab.goto("/");
  await page.getByRole("link", { name: "Menu" }).or(page.getByText("Menu", { exact: true }))
    .click();
  await context.setOffline(true);
  const out = page.getByRole("button", { name: "Sign out" });
  const before = await out.boundingBox();
  await out.click();
  await page.getByText("You're offline: nothing was sent.").waitFor();
  const after = await out.boundingBox();
  assert.ok(Math.abs((after?.x ?? 999) - (before?.x ?? 0)) < 60);
  assert.equal(await tab.scrollsSideways(), false);
  await context.setOffline(false);
  await out.click();
  await page.waitForURL("**/sign-in");
});

Deno.test("browser: what is shown without a connection claims nothing of a decision just made, and is that of the build", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "approver", { serviceWorker: true });
  const { page, context } = tab;
  tab.expected.push(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
  await tab.goto("/approvals");
  // What a build of before left in this browser.
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    const built = await caches.open("built files");
    for (const kept of await built.keys()) await built.delete(kept);
    await built.put("/assets/0000000000000000/client.js", new Response(""));
    const offline = await caches.open("offline");
    await offline.put("/assets/offline.html", new Response("<p>Nothing has been decided</p>"));
  });
  await tab.goto("/activity");
  await page.waitForFunction(async () => {
    const kept = await (await caches.open("offline")).match("/assets/offline.html");
    return !(await kept?.text())?.includes("Nothing has been decided");
  });
  const { id } = await it.pending();
  await tab.goto(`/approvals/${id}`);
  await readToTheEnd(tab);
  await unlocked(tab);
  // The decision arrives, and the connection is gone before the page that tells so.
  await page.route("**/approve", async (route) => {
    const response = await route.fetch();
    await context.setOffline(true);
    await route.fulfill({ response });
  });
  await approveButton(tab).click();
  await page.getByRole("heading", { name: "Countersign can't be reached" }).waitFor();
  assert.equal(await it.status(id), "approved");
  await page.getByText("It may have arrived").waitFor();
  assert.equal(await page.getByText(/nothing (has|was)/i).count(), 0);
  await context.setOffline(false);
  await page.getByRole("link", { name: "Try again" }).click();
  await page.locator(".approval-head .badge", { hasText: "Approved" }).waitFor();
});

Deno.test("browser: Approve in a session that has ended leads to signing in, though the page heard nothing of it", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab, person } = await memberAtBrowser(browser, it, "approver", { width: 390 });
  const { page } = tab;
  tab.expected.push(/status of 40[19]/, /ERR_FAILED|ERR_ABORTED/);
  await page.route("**/live", () => {});
  const first = await it.pending({ resource_id: "one" });
  await tab.goto(`/approvals/${first.id}`);
  await readToTheEnd(tab);
  await unlocked(tab);
  // What cannot be done is said with what to do instead.
  await it.cancel(first.id);
  await approveButton(tab).click();
  await page.getByRole("alert").getByText("Nothing is left to decide").waitFor();
  const { id } = await it.pending({ resource_id: "two" });
  await tab.goto(`/approvals/${id}`);
  await readToTheEnd(tab);
  await unlocked(tab);
  const session = await presentSession(it.countersign.services.deps, person.session.secret);
  assert.ok(session !== null);
  await endSessionOf(it.countersign.services, session, session.record.id, CLIENT);
  await approveButton(tab).click();
  await page.getByRole("heading", { name: "Signed out", exact: true }).waitFor();
  assert.equal(await page.locator(".shell, x-island, form").count(), 0);
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.waitForURL(({ searchParams }) => searchParams.get("to") === `/approvals/${id}`);
  assert.equal(await it.status(id), "pending");
});
