import assert from "node:assert/strict";
import { asMember } from "../../lib/identity/acting.ts";
import { removeMember } from "../../lib/people/members.ts";
import { People, presentSession, wrongCode } from "../helpers/people.ts";
import { HOSTILE } from "../helpers/visitor.ts";
import { codesOf, islandProps, WebPerson } from "../helpers/web_person.ts";

const PASSKEY = /^\/(set-up|invitation)\/[^/?]+\?passkey=[A-Za-z0-9_-]{43}$/;

Deno.test("set-up leads from the link to the codes, and each page may be loaded again", async () => {
  await using people = await People.start();
  const path = `/set-up/${await people.setUpLink()}`;
  const web = new WebPerson(people.countersign);
  assert.match((await web.get(path)).text, /This makes an organization, and you its owner/);
  const named = { organization: "Acme", email: "Jo@Example.com" };
  const code = await web.follow(path, "send_code", named);
  assert.equal(code.to, path);
  assert.match(code.text, /A code was sent to jo@example\.com/);
  assert.match((await web.get(path)).text, /Enter the code/);
  assert.match((await web.get(`${path}?again=1`)).text, /Send me the code/);
  const typed = people.codeFor("jo@example.com");
  const spaced = `${typed.slice(0, 3)} ${typed.slice(3)}`;
  const passkey = await web.follow(path, "confirm_code", { code: spaced });
  assert.match(passkey.to, PASSKEY);
  assert.match((await web.get(passkey.to)).text, /Create your passkey/);
  const { options } = islandProps(passkey.html, "enrol");
  assert.equal(options.user.name, "jo@example.com");
  const done = await web.send(passkey.to, "finish", await web.enrol(passkey.html));
  assert.equal(done.status, 200, done.text);
  assert.equal(codesOf(done.html).length, 10);
  assert.match(codesOf(done.html)[0] ?? "", /^([0-9a-z]{5}-){4}[0-9a-z]{6}$/);
  assert.ok(web.session !== undefined);
  assert.equal((await web.send(path, "stored", { stored: "on" })).to, "/quickstart");
  assert.match((await web.get(passkey.to)).text, /You are signed in .*Go to the Quickstart/);
  const stranger = await new WebPerson(people.countersign).get(path);
  assert.equal(stranger.status, 404);
  assert.match(stranger.text, /Link not valid/);
});

Deno.test("set-up says what is wrong beside the field", async () => {
  await using people = await People.start();
  const path = `/set-up/${await people.setUpLink()}`;
  const web = new WebPerson(people.countersign);
  const wrong = await web.send(path, "send_code", { organization: "", email: "jo" });
  assert.equal(wrong.status, 422);
  assert.match(wrong.html, /value="jo"/);
  assert.match(wrong.text, /must be an e-mail address/);
  await web.send(path, "send_code", { organization: HOSTILE.markup, email: "jo@example.com" });
  const code = wrongCode(people.codeFor("jo@example.com"));
  const refused = await web.send(path, "confirm_code", { code });
  assert.equal(refused.status, 403);
  assert.match(refused.html, /id="field-code-error"/);
  for (let tries = 1; tries < 5; tries++) await web.send(path, "confirm_code", { code });
  const over = await web.send(path, "confirm_code", { code });
  assert.match(over.text, /The code is wrong.*Send me the code/);
});

Deno.test("a passkey that is made without the page's own ceremony is refused, and may be made anew", async () => {
  await using people = await People.start();
  const path = `/set-up/${await people.setUpLink()}`;
  const web = new WebPerson(people.countersign);
  await web.send(path, "send_code", { organization: "Acme", email: "jo@example.com" });
  const code = people.codeFor("jo@example.com");
  const { to, html } = await web.follow(path, "confirm_code", { code });
  const elsewhere = await web.enrol(html, { origin: "https://evil.example" });
  const refused = await web.send(to, "finish", elsewhere);
  assert.equal(refused.status, 403);
  assert.match(refused.text, /Create your passkey/);
  const thief = new WebPerson(people.countersign);
  assert.match((await thief.get(to)).text, /Send me the code/);
  assert.equal((await thief.send(to, "finish", await web.enrol(html))).status, 403);
  assert.equal((await web.send(to, "finish", { nonce: "x", response: "{}" })).status, 422);
  assert.equal((await web.send(to, "finish", await web.enrol(html))).status, 200);
});

Deno.test("an invitation shows who invites whom to what, and ends with the codes", async () => {
  await using people = await People.start();
  const { session } = await people.withOwner("jo@example.com");
  const link = await people.invited(session, "ann@example.com", "approver");
  const path = `/invitation/${link}`;
  const web = new WebPerson(people.countersign);
  const page = await web.get(path);
  assert.match(page.text, /To Acme For ann@example\.com As \S*approver From jo@example\.com/i);
  await web.follow(path, "send_code");
  const code = people.codeFor("ann@example.com");
  const { to, html } = await web.follow(path, "confirm_code", { code });
  assert.match(to, PASSKEY);
  const done = await web.send(to, "finish", await web.enrol(html));
  assert.equal(codesOf(done.html).length, 10);
  assert.equal((await web.send(path, "stored")).to, "/");
});

Deno.test("an invitation to somebody with an account: a button when signed in, no code otherwise", async () => {
  await using people = await People.start();
  const { countersign } = people;
  const { session, entered, owner } = await people.withOwner("jo@example.com");
  const other = await countersign.org();
  const inOther = await other.signedIn("owner");
  const link = await people.invited(await people.session(inOther.secret), owner.email, "viewer");
  const path = `/invitation/${link}`;
  const stranger = new WebPerson(countersign);
  const first = await stranger.get(path);
  assert.ok(first.html.includes(`/sign-in?to=${encodeURIComponent(path)}`));
  const mails = countersign.mail.to(owner.email).length;
  assert.match(
    (await stranger.follow(path, "send_code")).text,
    /A code was sent to jo@example\.com/,
  );
  const letter = countersign.mail.to(owner.email)[mails];
  assert.match(letter?.subject ?? "", /You have a passkey/);
  for (const code of ["000000", "123456"]) {
    assert.equal((await stranger.send(path, "confirm_code", { code })).status, 403);
  }
  const foreign = WebPerson.with(countersign, inOther.secret);
  assert.match((await foreign.get(path)).text, /for another address than yours/);
  assert.equal((await foreign.send(path, "accept")).status, 404);
  const web = WebPerson.with(countersign, entered.secret);
  assert.match((await web.get(path)).text, /You are signed in as jo@example\.com/);
  assert.equal((await web.send(path, "accept")).to, "/");
  const { record } = await people.session(entered.secret);
  assert.equal(record.org, other.id);
  assert.equal(session.record.org, entered.org);
});

Deno.test("sign-in is by passkey, under a secret that no browser chose", async () => {
  await using people = await People.start();
  const { countersign } = people;
  const { owner } = await people.withOwner();
  const planted = "A".repeat(43);
  const web = WebPerson.with(countersign, planted, owner.authenticator);
  const page = await web.get("/sign-in?to=/approvals");
  assert.equal(islandProps(page.html, "sign_in").to, "/approvals");
  assert.ok(page.html.includes('href="/recover"'));
  const done = await web.show("sign-in", "/session/sign-in", { to: "/approvals?status=pending" });
  assert.deepEqual(done.json, { to: "/approvals?status=pending" });
  assert.notEqual(web.session, planted);
  assert.ok(!web.cookies.has("countersign_flow"), "the secret from before is gone");
  assert.equal((await web.get("/approvals")).status, 200);
  const old = web.session ?? "";
  await web.show("sign-in", "/session/sign-in");
  assert.equal(await presentSession(people.services.deps, old), null);
  assert.match((await web.get("/sign-in")).text, /You are signed in as jo@example\.com/);
});

Deno.test("sign-in leads to no other site", async () => {
  await using people = await People.start();
  const { owner } = await people.withOwner();
  const web = new WebPerson(people.countersign, owner.authenticator);
  for (
    const to of [
      "https://evil.example",
      "//evil.example",
      "/\\evil.example",
      "javascript:alert(1)",
      "/%0d%0aset-cookie:x",
    ]
  ) {
    const { json } = await web.show("sign-in", "/session/sign-in", { to });
    assert.ok(json.to === "/" || json.to.startsWith("/%0d"), json.to);
    const page = await web.get(`/sign-in?to=${encodeURIComponent(to)}`);
    assert.ok(!page.html.includes("evil.example"));
  }
});

Deno.test("sign-in by a passkey of another device offers one on this device, then goes on", async () => {
  await using people = await People.start();
  const { owner } = await people.withOwner();
  const web = new WebPerson(people.countersign, owner.authenticator);
  const lies = { attachment: "cross-platform" } as const;
  const { json } = await web.show("sign-in", "/session/sign-in", { to: "/approvals" }, lies);
  assert.equal(json.to, "/security/new-passkey?to=%2Fapprovals");
  const offer = await web.get(json.to);
  assert.match(offer.text, /Add a passkey on this device\?.*Not now/);
  assert.ok(offer.html.includes('<a href="/approvals">Not now</a>'));
  const device = WebPerson.with(people.countersign, web.session ?? "");
  const added = await device.send(json.to, "add", {
    ...await device.enrol(offer.html),
    name: "Desk",
  });
  assert.equal(added.to, "/approvals");
  assert.match((await web.get("/security")).text, /Desk/);
});

Deno.test("an unknown passkey, and one used for another purpose, sign nobody in", async () => {
  await using people = await People.start();
  const { countersign } = people;
  const { owner, entered } = await people.withOwner();
  const stranger = new WebPerson(countersign);
  const { json } = await stranger.post("/session/sign-in", {});
  await stranger.authenticator.enrol({
    rp: { id: "localhost", name: "x" },
    user: { id: "eA", name: "x", displayName: "x" },
    challenge: "eA",
    pubKeyCredParams: [],
  });
  const response = await stranger.authenticator.assert(json.options);
  const refused = await stranger.post("/session/sign-in/finish", { nonce: json.nonce, response });
  assert.equal(refused.status, 403);
  assert.equal(refused.json.code, "assertion_not_accepted");
  const web = WebPerson.with(countersign, entered.secret, owner.authenticator);
  const step = await web.post("/session/fresh", {});
  const fresh = await owner.authenticator.assert(step.json.options);
  const used = { nonce: step.json.nonce, response: fresh };
  assert.equal((await web.post("/session/sign-in/finish", used)).status, 403);
  assert.equal((await stranger.post("/session/fresh/finish", used)).status, 401);
  const done = await web.post("/session/fresh/finish", used);
  assert.match(done.json.fresh_until, /^20\d\d-/);
});

Deno.test("signing out ends the session, here and in the store", async () => {
  await using people = await People.start();
  const { entered } = await people.withOwner();
  const web = WebPerson.with(people.countersign, entered.secret);
  assert.match((await web.get("/sign-out")).text, /Ends the session of this browser/);
  const { to, text } = await web.follow("/sign-out", "sign_out");
  assert.equal(to, "/sign-in");
  assert.match(text, /You are signed out\./);
  assert.equal(web.session, undefined);
  assert.equal(await presentSession(people.services.deps, entered.secret), null);
  assert.equal((await web.send("/sign-out", "sign_out")).to, "/sign-in");
});

Deno.test("one chooses among one's orgs, and hears when a membership has ended", async () => {
  await using people = await People.start();
  const { countersign, services } = people;
  const { session, entered, org } = await people.withOwner("jo@example.com");
  const ann = people.person("ann@example.com");
  const joined = await ann.accept(await people.invited(session, ann.email, "admin"));
  const other = await countersign.org();
  const inOther = await other.signedIn("owner");
  const link = await people.invited(await people.session(inOther.secret), ann.email, "viewer");
  const web = WebPerson.with(countersign, joined.secret, ann.authenticator);
  await web.send(`/invitation/${link}`, "accept");
  const page = await web.get("/organizations");
  assert.match(page.text, /test viewer.*Acme admin/);
  assert.equal((await web.send("/switch-org", "switch_org", { org })).to, "/");
  assert.equal((await people.session(joined.secret)).record.org, org);
  const unknown = await web.send("/switch-org", "switch_org", { org: "org_unknown" });
  assert.equal(unknown.status, 404);
  assert.match(unknown.text, /Choose an organization/);
  await services.ledgers.transact(
    org,
    asMember(session, "manage_members", removeMember(ann.email, "req_test")),
  );
  const away = await web.get("/security");
  assert.equal(away.to, "/organizations");
  assert.match(
    (await web.get("/organizations")).text,
    /Your membership of the organization that you were looking at has ended.*test viewer/,
  );
  assert.equal((await WebPerson.with(countersign, entered.secret).get("/security")).status, 200);
});

Deno.test("security: passkeys are renamed and removed under a fresh assertion", async () => {
  await using people = await People.start();
  const { countersign, clock } = people;
  const { owner, entered } = await people.withOwner();
  const web = WebPerson.with(countersign, entered.secret, owner.authenticator);
  const first = await web.get("/security");
  assert.match(first.text, /Passkey 1 On one device This session now Not yet/);
  assert.match(first.text, /Your only passkey is on one device/);
  const path = `/security/passkeys/${entered.session.credential_id}`;
  assert.match((await web.get(path)).text, /It is your only one here/);
  const named = await web.follow(path, "rename", { name: HOSTILE.markup });
  assert.ok(named.text.includes(HOSTILE.markup) && !named.html.includes("<img"));
  assert.equal((await web.send(path, "rename", { name: HOSTILE.bidi })).status, 422);
  const last = await web.send(path, "remove");
  assert.equal(last.status, 409);
  assert.match(last.text, /It is your only passkey here/);

  clock.advance(5 * 60_000);
  const held = await web.get("/security/new-passkey");
  assert.match(held.text, /Adding a passkey needs your passkey once more/);
  await web.show("step-up", "/session/fresh");
  const device = WebPerson.with(countersign, entered.secret);
  const page = await device.get("/security/new-passkey");
  const made = { ...await device.enrol(page.html), name: "Phone" };
  assert.equal((await device.send("/security/new-passkey", "add", made)).to, "/security");
  const both = await web.get("/security");
  assert.match(both.text, /Phone On one device/);
  assert.ok(!both.text.includes("Your only passkey"));

  const removed = await web.follow(path, "remove");
  assert.equal(removed.to, "/sign-in");
  assert.match(removed.text, /with it this session: sign in with another one/);
  assert.equal(await presentSession(people.services.deps, entered.secret), null);
  assert.equal((await web.get("/security/passkeys/unknown")).to?.startsWith("/sign-in"), true);
});

Deno.test("security: sessions are told apart and ended, and what they stream ends too", async () => {
  await using people = await People.start();
  const { countersign } = people;
  const { owner, entered } = await people.withOwner();
  const second = await owner.signIn();
  const web = WebPerson.with(countersign, entered.secret, owner.authenticator);
  assert.match((await web.get("/security")).text, /Sessions .*This one/);
  const stream = await fetch(`${countersign.origin}/approvals/live?view=waiting`, {
    headers: { cookie: `countersign_session=${second.secret}`, accept: "text/event-stream" },
  });
  assert.equal(stream.status, 200);
  const ended = await web.send("/security", "end_session", { session: second.session.id });
  assert.equal(ended.to, "/security");
  assert.match(await stream.text(), /event: ended\ndata: .*session_ended/);
  const unknown = await web.send("/security", "end_session", { session: second.session.id });
  assert.equal(unknown.status, 404);
  await owner.signIn();
  const others = await web.follow("/security", "end_others");
  assert.match(
    others.text,
    /Ended: 1 other session, no browser for pushes, no connected program\./,
  );
  await web.send("/security", "end_session", { session: entered.session.id });
  assert.equal(web.session, undefined);
});

Deno.test("security: new recovery codes are shown once and void the old", async () => {
  await using people = await People.start();
  const { countersign, clock } = people;
  const { owner, entered } = await people.withOwner();
  const web = WebPerson.with(countersign, entered.secret, owner.authenticator);
  assert.match((await web.get("/security")).text, /10 of 10 are left/);
  const shown = await web.send("/security", "new_codes");
  const codes = codesOf(shown.html);
  assert.equal(codes.length, 10);
  assert.ok(
    !codes.map((code) => code.replaceAll("-", "")).includes(entered.recovery_codes[0] ?? ""),
  );
  assert.ok(!(await web.get("/security")).html.includes(codes[0] ?? "none"));
  clock.advance(5 * 60_000);
  const confirm = await web.send("/security", "new_codes");
  assert.match(confirm.text, /Making new recovery codes needs your passkey once more/);
  assert.equal(codesOf(confirm.html).length, 0);
});

Deno.test("security: an account is deleted by who types its address", async () => {
  await using people = await People.start();
  const { countersign } = people;
  const { session } = await people.withOwner("jo@example.com");
  const ann = people.person("ann@example.com");
  const joined = await ann.accept(await people.invited(session, ann.email, "viewer"));
  const web = WebPerson.with(countersign, joined.secret, ann.authenticator);
  assert.match((await web.get("/security")).text, /Delete your account/);
  const path = "/security/delete-account";
  const wrong = await web.send(path, "delete_account", { email: "jo@example.com" });
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /must be your address, ann@example\.com/);
  const gone = await web.follow(path, "delete_account", { email: "Ann@example.com" });
  assert.match(gone.text, /Your account is deleted\./);
  const { json } = await web.post("/session/sign-in", {});
  const response = await ann.authenticator.assert(json.options);
  const refused = await web.post("/session/sign-in/finish", { nonce: json.nonce, response });
  assert.equal(refused.status, 403);
});

Deno.test("recovery looks the same for everybody until both codes are right", async () => {
  await using people = await People.start();
  const { countersign } = people;
  const { entered } = await people.withOwner("jo@example.com");
  people.clock.advance(60 * 60_000);
  const pages = await Promise.all(
    ["jo@example.com", "no@example.com"].map(async (email) => {
      const web = new WebPerson(countersign);
      const asked = await web.follow("/recover", "send_code", { email });
      assert.equal(asked.to, "/recover");
      const tried = { code: "000000", recovery_code: "0".repeat(26) };
      const refused = await web.send("/recover", "confirm_code", tried);
      assert.equal(refused.status, 403);
      return [asked.text, refused.text].map((text) => text.replaceAll(email, ""));
    }),
  );
  assert.deepEqual(pages[0], pages[1]);
  const web = new WebPerson(countersign);
  await web.follow("/recover", "send_code", { email: " Jo@example.com " });
  const code = people.codeFor("jo@example.com");
  const [recovery_code = ""] = entered.recovery_codes;
  const passkey = await web.follow("/recover", "confirm_code", { code, recovery_code });
  assert.match(passkey.to, /^\/recover\?passkey=/);
  assert.match((await web.get(passkey.to)).text, /Create your passkey/);
  const done = await web.send(passkey.to, "finish", await web.enrol(passkey.html));
  assert.equal(codesOf(done.html).length, 10);
  assert.equal((await web.send("/recover", "stored")).to, "/security");
  assert.match((await web.get("/security")).text, /Your account was recovered Until 2 Jan 2026/);
  assert.equal(await presentSession(people.services.deps, entered.secret), null);
});

Deno.test("a link that was made up is not valid, wherever it is tried", async () => {
  await using people = await People.start();
  const web = new WebPerson(people.countersign);
  const made = "A".repeat(43);
  for (const path of [`/set-up/${made}`, `/invitation/${made}`, `/recover/acc_x/${made}`]) {
    const page = await web.get(path);
    assert.equal(page.status, 404, path);
    assert.match(page.text, /Link not valid/);
  }
  assert.equal((await web.send(`/recover/acc_x/${made}`, "begin")).status, 404);
});
