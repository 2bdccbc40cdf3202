import assert from "node:assert/strict";
import { acceptInvitation } from "../../lib/people/accept_invitation.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import { TestOrg } from "../helpers/countersign.ts";
import { rule } from "../helpers/member_deeds.ts";
import { CLIENT, People, type Person } from "../helpers/people.ts";
import { codesOf, type Fetched, WebPerson } from "../helpers/web_person.ts";

const HOUR = 60 * 60_000;
const JO = "jo@example.com";
const ANN = "ann@example.com";
const SECRET = "iban-of-the-customer";
const MACHINE = { trust_tier: "0", tenant_ids: "", expires_at: "", rate_limit_per_minute: "" };

/** An org with two owners, and what an agent asks for in it. */
interface World {
  readonly people: People;
  readonly org: TestOrg;
  readonly ann: WebPerson;
  readonly agent: string;
  /** A request that waits. */
  readonly pending: string;
  readonly codes: readonly string[];
  readonly owner: Person;
}

async function world(people: People): Promise<World> {
  const { countersign } = people;
  const { session, entered, owner } = await people.withOwner(JO);
  const second = people.person(ANN);
  const joined = await second.accept(await people.invited(session, ANN, "owner"));
  const org = new TestOrg(countersign, entered.org);
  const ann = WebPerson.with(countersign, joined.secret, second.authenticator);
  await org.tool("refund", { default_permission: "requires_approval" });
  const made = await ann.send("/agents", "create", { ...MACHINE, name: "billing" });
  const agent = /cs_agent_\w+/.exec(made.text)?.[0] ?? assert.fail(made.text);
  const asked = await org.post("/v1/approvals", {
    tool_name: "refund",
    arguments: { to: SECRET, amount: 999_999 },
    reason: "asked",
  }, agent);
  assert.equal(asked.status, 201, asked.text);
  return {
    people,
    org,
    ann,
    agent,
    pending: asked.body.id,
    codes: entered.recovery_codes,
    owner,
  };
}

/** Comes back in by the mailbox and a recovery code, with a passkey of a new device. */
async function recovered({ people, codes }: World): Promise<WebPerson> {
  const web = new WebPerson(people.countersign);
  await web.follow("/recover", "send_code", { email: JO });
  const typed = { code: people.codeFor(JO), recovery_code: codes[0] ?? "" };
  const { to, html } = await web.follow("/recover", "confirm_code", typed);
  const done = await web.send(to, "finish", await web.enrol(html));
  assert.equal(codesOf(done.html).length, 10, done.text);
  return web;
}

function assertHeld(got: Fetched, what: string): void {
  assert.equal(got.status, 403, `${what}: ${got.text}`);
  assert.match(got.html, /recovery_held|on hold until/, what);
}

function memberOf(org: TestOrg, email: string): Promise<MemberRecord | undefined> {
  return org.transact(({ snapshot }) => snapshot.members.get(email));
}

/** Lets the agent run the tool without asking. */
function allow(web: WebPerson): Promise<Fetched> {
  const fields = { level: "tool", tool_name: "refund", permission: "allowed" };
  return web.send("/rules?level=tool", "make", fields);
}

/** Shows the passkey once more, as the page that asks for it does. */
async function confirm(web: WebPerson): Promise<void> {
  const shown = await web.show("step-up", "/session/fresh");
  assert.equal(shown.status, 200, shown.text);
}

async function settings(web: WebPerson, hours: number): Promise<Fetched> {
  const { html } = await web.get("/settings");
  const form = html.split("<form").find((one) => one.includes('value="deciding"')) ?? "";
  const shown = /name="shown" value="([0-9a-f]{64})"/.exec(form)?.[1] ?? assert.fail("no form");
  const fields = { shown, strict_levels: "on", recovery_hold_hours: String(hours) };
  return await web.send("/settings", "deciding", fields);
}

Deno.test("attack: who recovers an owner's account loosens nothing and reads nothing private while the org holds them", async () => {
  await using people = await People.start();
  const it = await world(people);
  const { org, pending, agent } = it;
  const thief = await recovered(it);
  // Their session began by the new passkey just now, and they show it again.
  await confirm(thief);

  assertHeld(await allow(thief), "a rule that allows");
  const check = await org.post("/v1/permissions/check", { tool_name: "refund" }, agent);
  assert.equal(check.body.permission, "requires_approval");
  assertHeld(await settings(thief, 0), "no hold for the next");
  assertHeld(await thief.send("/activity/evidence", "rotate_key"), "the key of the log");
  const both = { private: "on" };
  assertHeld(await thief.send("/activity/evidence", "export", both), "the private export");
  assertHeld(await thief.send("/activity/evidence/export", "export"), "the export itself");
  assertHeld(await thief.send("/activity/1", "private"), "an entry's private parts");
  const page = await thief.get(`/approvals/${pending}`);
  assert.equal(page.status, 200);
  assert.ok(!page.html.includes(SECRET), "the arguments");
  for (const path of ["/", "/settings", "/security", `/approvals/${pending}`]) {
    assert.match((await thief.get(path)).text, /Your account was recovered Until 2 Jan 2026/, path);
  }
  assertHeld(await thief.post(`/approvals/${pending}/statement`, {}), "an approval");
  assertHeld(await thief.send(`/approvals/${pending}`, "deny"), "a denial");
  assertHeld(await thief.send(`/team/${JO}`, "confirm"), "their own recovery");
  assertHeld(await thief.send(`/team/${ANN}`, "remove"), "the other owner");
  const key = { ...MACHINE, name: "x", tier: "standard" };
  assertHeld(await thief.send("/api-keys", "create", key), "a key");
  const gone = await thief.send("/security/delete-account", "delete_account", { email: JO });
  assertHeld(gone, "the account");
  assert.equal((await org.transact(({ snapshot }) => snapshot.org)).recovery_hold_hours, 24);

  const stopped = await thief.send("/", "stop", { reason: "I lost my laptop" });
  assert.equal(stopped.status, 303, stopped.text);
  assert.equal((await org.transact(({ snapshot }) => snapshot.org)).kill_switch.active, true);
  assertHeld(await thief.send("/settings", "release"), "letting it go on");
  const types = await people.types(org.id);
  for (const never of ["rule.set", "log_key.rotated", "audit.private_read", "api_key.created"]) {
    assert.ok(!types.includes(never), never);
  }
});

Deno.test("another owner's setting shortens no hold that runs; their confirmation ends it", async () => {
  await using people = await People.start();
  const it = await world(people);
  const { org, ann } = it;
  const jo = await recovered(it);
  const until = people.clock.now + 24 * HOUR;
  assert.equal((await settings(ann, 0)).status, 303);
  assert.equal((await memberOf(org, JO))?.held_until, until);
  assertHeld(await allow(jo), "the hold goes on");
  people.clock.advance(10 * 60_000);
  const unconfirmed = await ann.send(`/team/${JO}`, "confirm");
  assert.match(unconfirmed.text, /Confirming a recovery needs your passkey once more/);
  await confirm(ann);
  assert.equal((await ann.send(`/team/${JO}`, "confirm")).status, 303);
  // What they showed while they were held was their passkey all the same: now it can count.
  assert.match((await allow(jo)).text, /needs your passkey once more/);
  await confirm(jo);
  assert.equal((await allow(jo)).status, 303);
});

Deno.test("the hold ends by itself at its time", async () => {
  await using people = await People.start();
  const it = await world(people);
  await rule(it.org, "other", "allowed");
  const jo = await recovered(it);
  people.clock.advance(11 * HOUR);
  assert.equal((await jo.get("/")).status, 200);
  people.clock.advance(11 * HOUR);
  assert.equal((await jo.get("/")).status, 200);
  people.clock.advance(2 * HOUR - 1);
  await confirm(jo);
  assertHeld(await allow(jo), "the last millisecond");
  people.clock.advance(1);
  assert.equal((await allow(jo)).status, 303);
});

Deno.test("an org that somebody joins after a recovery holds them as those of before do", async () => {
  await using people = await People.start();
  const it = await world(people);
  const { clock, countersign, services } = people;
  const jo = await recovered(it);
  const since = clock.now;
  const session = await people.session(jo.session ?? "");
  const join = async (hours: number) => {
    const org = await countersign.org();
    await org.manage("PATCH", "/v1/org", { recovery_hold_hours: Math.max(24, hours) });
    const ruler = await org.signedIn("owner");
    const link = await people.invited(await people.session(ruler.secret), JO, "owner");
    await acceptInvitation(services, session, link, CLIENT);
    return { org, ruler: WebPerson.with(countersign, ruler.secret) };
  };
  clock.advance(HOUR);
  const { org, ruler } = await join(48);
  assert.equal((await memberOf(org, JO))?.held_until, since + 48 * HOUR);
  assertHeld(await allow(jo), "the org that they joined");
  const entry = (await people.log(org.id)).find(({ type }) => type === "member.accepted");
  assert.equal(entry?.data.held_until, new Date(since + 48 * HOUR).toISOString());
  assert.equal((await ruler.send(`/team/${JO}`, "confirm")).status, 303);
  assert.equal((await memberOf(org, JO))?.held_until, null);
  // Who is removed and invited again is held again: nobody there has confirmed anything.
  assert.equal((await ruler.send(`/team/${JO}`, "remove")).status, 303);
  const again = await people.invited(await people.session(ruler.session ?? ""), JO, "owner");
  await acceptInvitation(services, session, again, CLIENT);
  assert.equal((await memberOf(org, JO))?.held_until, since + 48 * HOUR);
  clock.advance(11 * HOUR);
  assert.equal((await jo.get("/")).status, 200);
  clock.advance(11 * HOUR);
  assert.equal((await jo.get("/")).status, 200);
  clock.advance(HOUR);
  assert.equal((await memberOf((await join(24)).org, JO))?.held_until, null);
});
