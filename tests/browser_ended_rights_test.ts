import assert from "node:assert/strict";
import { putMember, removeMember } from "../lib/catalog/members.ts";
import { presentSession } from "../lib/identity/sessions.ts";
import { endSessionOf } from "../lib/people/end_sessions.ts";
import { removePasskey } from "../lib/people/remove_passkey.ts";
import { sessionKey } from "../lib/store/keys.ts";
import { readRecord } from "../lib/store/kv.ts";
import { sessionRecord } from "../lib/store/records/people.ts";
import { TOOL } from "./approval_fixture.ts";
import { TestBrowser } from "./browser_fixture.ts";
import {
  approveButton,
  type MemberAtBrowser,
  memberAtBrowser,
  readToTheEnd,
} from "./browser_member.ts";
import { CLIENT, DecisionOrg, Person } from "./decision_fixture.ts";
import { SoftwareAuthenticator } from "./software_authenticator.ts";

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
  const { id } = await it.pending({ tool_name: TOOL, resource_id, arguments: { force: true } });
  await tab.goto(`/approvals/${id}`);
  await readToTheEnd(tab);
  await tab.page.locator("button:enabled", { hasText: "Approve" }).waitFor();
  return id;
}

async function assertSignInIsNext({ tab }: MemberAtBrowser, click: () => Promise<void>) {
  await click();
  await tab.page.waitForURL(({ pathname }) => pathname === "/sign-in");
}

Deno.test("browser: a session that is ended elsewhere ends open streams, and the next click", async (t) => {
  await using it = await DecisionOrg.start();
  const { services } = it.countersign;
  await using browser = await TestBrowser.start();

  for (const [name, path] of [["inbox", "/approvals"], ["quickstart", "/quickstart"]] as const) {
    await t.step(name, async () => {
      const member = await memberAtBrowser(browser, it, "approver");
      const { tab, person } = member;
      await tab.goto(path);
      await tab.page.locator(".live-live").waitFor();
      const other = await sessionOf(await person.elsewhere());
      await endSessionOf(services, other, person.session.caller.session_id, CLIENT);
      const ended = tab.page.locator(".live-ended");
      await ended.waitFor();
      assert.equal(await ended.getByRole("link", { name: "Sign in" }).count(), 1);
      await assertSignInIsNext(
        member,
        () => tab.page.getByRole("link", { name: "Approvals" }).first().click(),
      );
    });
  }

  await t.step("the page of a request: nothing is left to press", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { tab, person } = member;
    const id = await openRead(it, member);
    const other = await sessionOf(await person.elsewhere());
    await endSessionOf(services, other, person.session.caller.session_id, CLIENT);
    await tab.page.locator(".live-ended").waitFor();
    assert.equal(await approveButton(tab).count(), 0);
    assert.equal(await it.status(id), "pending");
  });
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
    const { tab, person } = member;
    const [onDevice] = person.passkeys;
    await enrolElsewhere(person);
    const credential_id = onDevice?.credential_id ?? "";
    const key = sessionKey(person.session.hash);
    const record = (await readRecord(services.deps.kv, key, sessionRecord))?.value;
    await it.org.transact((transaction) => transaction.set(key, { ...record, credential_id }));
    const id = await openRead(it, member);
    const other = await sessionOf(await person.elsewhere());
    await removePasskey(services, other, credential_id, CLIENT);
    await tab.page.locator(".live-ended").waitFor();
    await assertSignInIsNext(member, async () => {
      await tab.page.getByRole("link", { name: "Activity" }).first().click();
    });
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
    await tab.page.getByText("They are not shown: your role does not include them").waitFor();
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
    await tab.page.getByRole("heading", { level: 1 }).filter({ hasNotText: TOOL }).waitFor();
    assert.equal(await it.status(id), "pending");
  });

  await t.step("who is a member no more sees the stream end", async () => {
    const member = await memberAtBrowser(browser, it, "approver");
    const { tab, person } = member;
    await openRead(it, member);
    const { email } = person.session.caller;
    await it.org.as(
      owner.session,
      "manage_members",
      removeMember(email, CLIENT.request_id),
    );
    await tab.page.locator(".live-ended").waitFor();
    assert.equal(await approveButton(tab).count(), 0);
  });
});
