import assert from "node:assert/strict";
import { seeInvitation } from "../../lib/people/accept_invitation.ts";
import { Countersign, INVITED, type TestOrg } from "../helpers/countersign.ts";
import { MailBox } from "../helpers/mail_box.ts";
import { hiddenFields, rowsOf, shownIn } from "../helpers/page_html.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const memberOf = (org: TestOrg, email: string) =>
  org.transact(({ snapshot }) => snapshot.members.get(email) ?? null);
const linkIn = (html: string) => /\/invitation\/[A-Za-z0-9_-]+/.exec(html)?.[0] ?? null;
const path = (email: string) => `/team/${encodeURIComponent(email)}`;

class NoMailServer extends MailBox {
  override readonly configured: boolean = false;
}

Deno.test("the team shows role, groups and whether each member can sign in", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer", { email: "vera@example.com" });
  await org.signedIn("owner", { email: "olga@example.com", groups: [1, 2] });
  await org.signedIn("approver", { email: "held@example.com", held: true });
  await org.member("waits@example.com", INVITED);
  const { status, html } = await viewer.get("/team");
  assert.equal(status, 200);
  const row = (email: string) => rowsOf(html).find((one) => one.includes(email)) ?? "";
  assert.match(row("olga@example.com"), /Owner.*Level 1 Level 2.*Passkey/);
  assert.match(row("held@example.com"), /Approver.*None.*Passkey On hold/);
  assert.match(row("waits@example.com"), /Not invited yet/);
  assert.match(row("vera@example.com"), /You.*Viewer/);
  // Each right of the table is there in words.
  assert.match(html, /Delete the organization/);
  assert.equal(hiddenFields(html, "invite"), null);
});

Deno.test("an invitation goes out by mail, and its link is shown this once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const fields = { email: "New@Example.com", role: "admin", groups: ["2"] };
  const made = await owner.send("/team", "invite", fields);
  assert.equal(made.status, 200);
  assert.match(made.text, /on its way by mail/);
  const link = linkIn(made.html);
  assert.ok(link !== null);
  assert.ok(countersign.mail.to("new@example.com")[0]?.text.includes(link));
  const { role, groups, account } = await memberOf(org, "new@example.com") ?? {};
  assert.deepEqual([role, groups, account], ["admin", [2], null]);
  const list = await owner.get("/team?view=invitations");
  assert.match(list.text, /new@example\.com/);
  assert.equal(linkIn(list.html), null);
  assert.match((await owner.get("/team")).text, /new@example\.com .*Invited/);
});

Deno.test("without a mail server the page says to hand the link over", async () => {
  await using countersign = await Countersign.start({ deps: { mail: new NoMailServer() } });
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  assert.match((await owner.get("/team")).text, /you get the link to hand over/);
  const made = await owner.send("/team", "invite", { email: "a@example.com", role: "viewer" });
  assert.match(made.text, /has no mail server, so nothing was mailed/);
  assert.ok(linkIn(made.html) !== null);
});

Deno.test("a mail that is not taken is told, and the link can be handed over", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  countersign.mail.failure = "550 no";
  const made = await owner.send("/team", "invite", { email: "a@example.com", role: "viewer" });
  assert.match(made.text, /didn't take the mail/);
  assert.ok(linkIn(made.html) !== null);
});

Deno.test("what is wrong with an invitation stands beside its field, as it was typed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const cases: [Record<string, string | string[]>, RegExp][] = [
    [{ email: "nonsense", role: "viewer" }, /id="field-email-error".*must be an e-mail address/s],
    [{ email: "a@example.com", role: "king" }, /id="field-role-error".*must be one of the roles/s],
    [
      { email: "a@example.com", role: "viewer", groups: ["1"] },
      /id="field-groups-error".*must be empty for a viewer/s,
    ],
    [
      { email: owner.session.member.email, role: "viewer" },
      /last_owner|would be left without an owner/s,
    ],
  ];
  for (const [fields, expected] of cases) {
    const got = await owner.send("/team", "invite", fields);
    assert.ok(got.status === 422 || got.status === 409, `${got.status}`);
    assert.match(got.html, expected);
    assert.ok(got.html.includes(`value="${fields.email}"`));
  }
  const other = await org.signedIn("approver", {});
  const again = { email: other.member.email, role: "approver" };
  const got = await owner.send("/team", "invite", again);
  assert.equal(got.status, 422);
  assert.match(got.html, /is the address of a member already/);
});

Deno.test("inviting asks for a passkey, holding what was typed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner", { fresh: false });
  const fields = { email: "a@example.com", role: "approver", groups: ["1", "2"] };
  const asked = await owner.send("/team", "invite", fields);
  assert.match(asked.text, /Confirm it is you/);
  assert.match(asked.html, /name="email">\s*a@example\.com/);
  assert.equal(asked.html.match(/name="groups"/g)?.length, 2);
  assert.equal(await memberOf(org, "a@example.com"), null);
});

Deno.test("a new link makes the one before void; withdrawing ends the membership", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const email = "a@example.com";
  const first = linkIn((await owner.send("/team", "invite", { email, role: "viewer" })).html) ?? "";
  const second = linkIn((await owner.send("/team", "resend", { email })).html) ?? "";
  assert.notEqual(first, second);
  const isVoid = (link: string) =>
    assert.rejects(seeInvitation(countersign.services, link.slice("/invitation/".length)), {
      code: "link_not_valid",
    });
  await isVoid(first);
  await seeInvitation(countersign.services, second.slice("/invitation/".length));
  const gone = await owner.send(path(email), "withdraw", { email });
  assert.equal(gone.to, "/team?view=invitations");
  await isVoid(second);
  assert.equal(await memberOf(org, email), null);
  const none = await owner.send("/team", "resend", { email });
  assert.equal(none.status, 404);
  assert.match(none.text, /There is no invitation of a@example\.com/);
});

Deno.test("who is a member by configuration is invited from their page, as they are", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.member("waits@example.com", { role: "approver", groups: [1], ...INVITED });
  const owner = await Visitor.of(org, "owner");
  const page = await owner.get(path("waits@example.com"));
  const { do: does = "", ...fields } = hiddenFields(page.html, "invite") ?? {};
  assert.equal(does, "invite");
  const made = await owner.send(path("waits@example.com"), "invite", fields);
  assert.ok(linkIn(made.html) !== null);
  assert.deepEqual((await memberOf(org, "waits@example.com"))?.groups, [1]);
});

Deno.test("role and groups change, and not over what somebody else changed meanwhile", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const { member: { email } } = await org.signedIn("approver", {});
  const shown = shownIn((await owner.get(path(email))).html, "change");
  const changed = await owner.send(path(email), "change", { shown, role: "admin", groups: ["2"] });
  assert.equal(changed.to, path(email));
  const { role, groups } = await memberOf(org, email) ?? {};
  assert.deepEqual([role, groups], ["admin", [2]]);
  const stale = await owner.send(path(email), "change", { shown, role: "viewer" });
  assert.equal(stale.status, 422);
  assert.match(stale.text, /Somebody changed it while this form was open/);
  assert.equal((await memberOf(org, email))?.role, "admin");
});

Deno.test("the last owner stays: the page says so, and a forged form is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const { email } = owner.session.member;
  const page = await owner.get(path(email));
  assert.match(page.text, /The only owner who can sign in/);
  assert.equal(hiddenFields(page.html, "remove"), null);
  assert.match(page.html, /value="admin"[^>]* disabled/);
  const shown = shownIn(page.html, "change");
  for (
    const [does, fields] of [["change", { shown, role: "viewer" }], ["remove", {}]] as [
      string,
      Record<string, string>,
    ][]
  ) {
    const got = await owner.send(path(email), does, fields);
    assert.equal(got.status, 409);
    assert.match(got.text, /would be left without an owner who can sign in/);
  }
  await org.signedIn("owner", {});
  assert.notEqual(hiddenFields((await owner.get(path(email))).html, "remove"), null);
});

Deno.test("a member is removed, and leaves by themself", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const { member: { email } } = await org.signedIn("viewer", {});
  assert.equal((await owner.send(path(email), "remove")).to, "/team");
  assert.equal(await memberOf(org, email), null);
  assert.equal((await owner.get(path(email))).status, 404);
  const admin = await Visitor.of(org, "admin");
  assert.match((await admin.get(path(admin.session.member.email))).text, /Leave this organization/);
  await admin.send(path(admin.session.member.email), "remove");
  assert.equal((await admin.get("/team")).to, "/organizations");
});

Deno.test("an admin neither gives nor takes the role of an owner", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const admin = await Visitor.of(org, "admin");
  const { member: { email } } = await org.signedIn("owner", {});
  await org.signedIn("owner", {});
  assert.ok(!(await admin.get("/team")).html.includes('value="owner"'));
  const page = await admin.get(path(email));
  assert.match(page.text, /Your role is below theirs/);
  assert.equal(hiddenFields(page.html, "change"), null);
  assert.equal((await admin.send(path(email), "remove")).status, 403);
  const invited = await admin.send("/team", "invite", { email: "a@example.com", role: "owner" });
  assert.equal(invited.status, 403);
  assert.equal(await memberOf(org, "a@example.com"), null);
});

Deno.test("another owner ends the hold of a recovery; the held one cannot", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const held = await Visitor.of(org, "owner", { held: true });
  const { email } = held.session.member;
  const own = await held.get(path(email));
  assert.match(own.text, /Another owner can end it earlier/);
  assert.equal(hiddenFields(own.html, "confirm"), null);
  const refused = await held.send(path(email), "confirm");
  assert.match(refused.text, /on hold until/);
  const admin = await Visitor.of(org, "admin");
  assert.equal(hiddenFields((await admin.get(path(email))).html, "confirm"), null);
  const owner = await Visitor.of(org, "owner");
  assert.notEqual(hiddenFields((await owner.get(path(email))).html, "confirm"), null);
  const ended = await owner.send(path(email), "confirm");
  assert.equal(ended.notice, `The hold of ${email} is over.`);
  assert.equal((await memberOf(org, email))?.held_until, null);
});

Deno.test("the team is warned of what it cannot decide", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner", { email: "olga@example.com" });
  assert.doesNotMatch((await owner.get("/team")).text, /second approval needs|Nobody else could/);
  await org.tool("wire", { requires_second_approval: true });
  await org.manage("PATCH", "/v1/org", { separation_of_duties: true });
  const members_behind = [owner.session.member.id];
  await org.agent({ name: HOSTILE.markup, members_behind });
  const { text, html } = await owner.get("/team");
  assert.match(
    text,
    /wire needs two different people, and nobody who could sign is in the group Level 2/,
  );
  assert.match(text, /olga@example\.com answers for <img src=x/);
  assert.ok(!html.includes("<img"));
  const page = await owner.get(path("olga@example.com"));
  assert.ok(page.text.includes(HOSTILE.markup) && !page.html.includes("<img"));
});

Deno.test("five hundred members come fifty at a time, each once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner", { email: "zoe@example.com" });
  for (let from = 0; from < 500; from += 100) {
    const emails = Array.from({ length: 100 }, (_, i) => `m${from + i}@example.com`);
    await Promise.all(emails.map((email) => org.member(email)));
  }
  const seen: string[] = [];
  let next: string | null = "/team";
  while (next !== null) {
    const { html } = await owner.get(next);
    const found = [...html.matchAll(/class="row-link" href="\/team\/([^"]+)"/g)];
    assert.ok(found.length <= 50);
    seen.push(...found.map(([, email = ""]) => email));
    next = /href="([^"]+)" rel="next"/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? null;
  }
  assert.equal(seen.length, 501);
  assert.equal(new Set(seen).size, 501);
});
