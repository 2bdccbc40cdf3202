import assert from "node:assert/strict";
import { SESSION_IDLE_MS } from "../../lib/identity/sessions.ts";
import { putMember, removeMember } from "../../lib/people/members.ts";
import { removePasskey } from "../../lib/people/passkeys.ts";
import { endSessionOf } from "../../lib/people/sessions.ts";
import { sessionKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { sessionRecord } from "../../lib/store/records/people.ts";
import { TOOL } from "../helpers/approval_org.ts";
import { TestBrowser } from "../helpers/browser.ts";
import {
  approveButton,
  type MemberAtBrowser,
  memberAtBrowser,
  readToTheEnd,
  unlocked,
} from "./browser_member.ts";
import { enter } from "../helpers/browser_people.ts";
import { CLIENT, DecisionOrg, Person } from "../helpers/decision_org.ts";
import { presentSession } from "../helpers/people.ts";
import { SoftwareAuthenticator } from "../helpers/software_authenticator.ts";

/** An argument that is private. */
const SECRET = "iban-of-the-customer";
/** The reason of every request here. */
const REASON = "it is old";

/** Has a page believe that nobody looks at it, or somebody again. */
async function setHidden({ page }: MemberAtBrowser["tab"], hidden: boolean): Promise<void> {
  await page.evaluate((hidden: boolean) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

/** The session of a person, as it is stored. */
async function sessionOf({ it, session }: Person) {
  return await presentSession(it.countersign.services.deps, session.secret) ?? assert.fail();
}

/** Gives a person a passkey on another device than the browser's. */
async function enrolElsewhere({ it, session }: Person): Promise<void> {
  await new Person(it, session, new SoftwareAuthenticator(it.countersign)).enrol();
}

/** Opens a request and reads it, so that Approve is all that is left to do. */
async function openRead(it: DecisionOrg, { tab, person }: MemberAtBrowser): Promise<string> {
  // Each for another server: asking for the same one again would join the request before.
  const resource_id = `of ${person.id}`;
  const { id } = await it.pending({
    tool_name: TOOL,
    resource_id,
    arguments: { force: true, note: SECRET },
  });
  await tab.goto(`/approvals/${id}`);
  await readToTheEnd(tab);
  await unlocked(tab);
  return id;
}

/** Waits until a page follows a stream. */
async function follows({ page }: MemberAtBrowser["tab"], stream: string): Promise<void> {
  await page.waitForResponse((response) => new URL(response.url()).pathname === stream);
}

/** That the whole page is gone, in the browser's memory of its elements too, and says why. */
async function assertTakenAway({ tab }: MemberAtBrowser, title: string, why: string) {
  const { page } = tab;
  await page.getByRole("heading", { name: title, exact: true }).waitFor();
  await page.getByText(why, { exact: true }).waitFor();
  assert.equal(await page.locator(".shell, x-island, form, [data-props]").count(), 0);
  assert.equal(await page.title(), `${title} · Countersign`);
  assert.ok(!(await page.content()).includes(SECRET));
}

async function assertSignInIsNext({ tab }: MemberAtBrowser) {
  const { pathname, search } = new URL(tab.page.url());
  await tab.page.getByRole("link", { name: "Sign in" }).click();
  await tab.page.waitForURL((url) =>
    url.pathname === "/sign-in" && url.searchParams.get("to") === pathname + search
  );
}

const SIGNED_OUT = [
  "Signed out",
  "You were signed out: this session was ended, here or elsewhere.",
] as const;
const REMOVED = ["No longer a member", "You are no longer a member of test."] as const;

Deno.test("browser: a session that is ended elsewhere takes every open page away", async (t) => {
  await using it = await DecisionOrg.start();
  const { services } = it.countersign;
  await using browser = await TestBrowser.start();

  for (
    const [name, path, stream] of [
      ["inbox", "/approvals", "/approvals/live"],
      ["quickstart", "/quickstart", "/quickstart/live"],
      ["activity", "/activity", "/activity/live"],
      ["overview", "/", "/session/live"],
      ["tools", "/tools", "/session/live"],
    ] as const
  ) {
    await t.step(name, async () => {
      const member = await memberAtBrowser(browser, it, "approver");
      const { tab, person } = member;
      const followed = follows(tab, stream);
      await tab.goto(path);
      await followed;
      const other = await sessionOf(await person.elsewhere());
      await endSessionOf(services, other, person.session.caller.session_id, CLIENT);
      await assertTakenAway(member, ...SIGNED_OUT);
      await assertSignInIsNext(member);
    });
  }

  await t.step("activity, where its list does not follow the log", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { tab, person } = member;
    await tab.goto("/activity");
    const followed = follows(tab, "/session/live");
    await tab.page.getByRole("switch", { name: "Live" }).click();
    await followed;
    const other = await sessionOf(await person.elsewhere());
    await endSessionOf(services, other, person.session.caller.session_id, CLIENT);
    await assertTakenAway(member, ...SIGNED_OUT);
  });

  await t.step("the page of a request: nothing is left to read or press", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { tab, person } = member;
    const id = await openRead(it, member);
    await tab.page.getByText(SECRET).first().waitFor();
    const other = await sessionOf(await person.elsewhere());
    await endSessionOf(services, other, person.session.caller.session_id, CLIENT);
    await assertTakenAway(member, ...SIGNED_OUT);
    assert.equal(await it.status(id), "pending");
  });

  await t.step("a page that was not looked at meanwhile", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { tab, person } = member;
    await openRead(it, member);
    await setHidden(tab, true);
    const other = await sessionOf(await person.elsewhere());
    await endSessionOf(services, other, person.session.caller.session_id, CLIENT);
    assert.ok((await tab.page.content()).includes(SECRET));
    tab.expected.push(/status of 401/);
    await setHidden(tab, false);
    await assertTakenAway(member, ...SIGNED_OUT);
  });
});

Deno.test("browser: a page is not for whoever signs in next in the same browser", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const member = await memberAtBrowser(browser, it, "approver");
  const { tab } = member;
  await openRead(it, member);
  await setHidden(tab, true);
  await enter(tab, it.countersign, (await it.person("owner")).session);
  await setHidden(tab, false);
  const why =
    "In this browser somebody else has signed in, or another organization was switched to.";
  await assertTakenAway(member, "Not this account’s page any more", why);
});

Deno.test("browser: a page that lies open for twelve hours is taken away", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const member = await memberAtBrowser(browser, it, "approver");
  await openRead(it, member);
  it.countersign.clock.advance(SESSION_IDLE_MS);
  await assertTakenAway(member, "Signed out", "Your session ended after 12 hours without use.");
});

Deno.test("browser: a removed passkey approves nothing, and ends the sessions it began", async (t) => {
  await using it = await DecisionOrg.start();
  const { services } = it.countersign;
  await using browser = await TestBrowser.start();

  await t.step("where the session began with another one", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { tab, person } = member;
    const [onDevice] = person.passkeys;
    await enrolElsewhere(person);
    const id = await openRead(it, member);
    const other = await sessionOf(await person.elsewhere());
    await removePasskey(services, other, onDevice?.credential_id ?? "", CLIENT);
    await approveButton(tab).click();
    await tab.page.getByRole("alert").filter({ hasText: "passkey" }).waitFor();
    assert.equal(await it.status(id), "pending");
  });

  await t.step("where the session began with it", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { person } = member;
    const [onDevice] = person.passkeys;
    await enrolElsewhere(person);
    const credential_id = onDevice?.credential_id ?? "";
    const key = sessionKey(person.session.hash);
    const record = (await readRecord(services.deps.kv, key, sessionRecord))?.value;
    await it.org.transact((transaction) => transaction.set(key, { ...record, credential_id }));
    const id = await openRead(it, member);
    const other = await sessionOf(await person.elsewhere());
    await removePasskey(services, other, credential_id, CLIENT);
    await assertTakenAway(member, ...SIGNED_OUT);
    await assertSignInIsNext(member);
    assert.equal(await it.status(id), "pending");
  });
});

Deno.test("browser: a changed role takes effect on open pages, and on the next click", async (t) => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const owner = await it.person("owner");
  const become = async ({ person }: MemberAtBrowser, role: "viewer" | "approver") => {
    const { email } = person.session.caller;
    const put = putMember(email, { role, groups: [] }, CLIENT.request_id);
    await it.org.as(owner.session, "manage_members", put);
  };

  await t.step("the open page of a request loses its arguments and its buttons", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { tab } = member;
    await openRead(it, member);
    await tab.page.getByText("force", { exact: true }).waitFor();
    await become(member, "viewer");
    await tab.page.getByText("Not shown: your role can't see arguments").waitFor();
    assert.equal(await approveButton(tab).count(), 0);
    assert.equal(await tab.page.getByText("force", { exact: true }).count(), 0);
  });

  await t.step("a page that heard nothing of it is refused", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { tab } = member;
    await tab.page.route("**/live", () => {});
    tab.expected.push(/status of 403/, /ERR_/);
    const id = await openRead(it, member);
    await become(member, "viewer");
    await approveButton(tab).click();
    await tab.page.getByRole("alert").first().waitFor();
    await tab.page.getByRole("button", { name: "Deny", exact: true }).click();
    await tab.page.getByRole("dialog").getByRole("button", { name: "Deny" }).click();
    await tab.page.getByRole("heading", { level: 1 }).filter({ hasNotText: TOOL }).waitFor();
    assert.equal(await it.status(id), "pending");
  });

  await t.step("who is a member no more is told so, and not to sign in", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { tab, person } = member;
    await openRead(it, member);
    const { email } = person.session.caller;
    await it.org.as(
      owner.session,
      "manage_members",
      removeMember(email, CLIENT.request_id),
    );
    await assertTakenAway(member, ...REMOVED);
    await tab.page.getByRole("link", { name: "Your organizations" }).click();
    await tab.page.waitForURL(({ pathname }) => pathname === "/organizations");
  });

  await t.step("private parts of the log go with the role that may read them", async () => {
    const member = await memberAtBrowser(browser, it, "owner");
    const { tab, person } = member;
    const [asked] = await it.entries("approval.created");
    await tab.goto(`/activity/${asked?.index}`);
    await tab.page.getByRole("button", { name: /private/i }).click();
    await tab.page.getByText(REASON).first().waitFor();
    const put = putMember(person.session.caller.email, { role: "admin", groups: [] }, "req_x");
    await it.org.as(owner.session, "manage_members", put);
    await tab.page.getByText(/Your role/).waitFor();
    assert.equal(await tab.page.getByText(REASON).count(), 0);
  });
});
