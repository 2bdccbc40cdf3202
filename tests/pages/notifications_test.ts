import assert from "node:assert/strict";
import { listDeliveries, readPreference } from "../../lib/alerts/preferences.ts";
import { listSubscriptions, subscribePush } from "../../lib/alerts/subscriptions.ts";
import * as news from "../../lib/store/news_keys.ts";
import type { AlertDelivery } from "../../lib/store/records/alert.ts";
import { Countersign, type SignedIn, type TestOrg } from "../helpers/countersign.ts";
import { MailBox } from "../helpers/mail_box.ts";
import { rowsOf } from "../helpers/page_html.ts";
import { CLIENT } from "../helpers/people.ts";
import { PushBrowser } from "../helpers/push_browser.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const PATH = "/notifications";
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

class NoMailServer extends MailBox {
  override readonly configured: boolean = false;
}

/** A delivery that failed for good. */
async function failed(
  org: TestOrg,
  { member }: SignedIn,
  fields: Partial<Extract<AlertDelivery, { state: "failed" }>> = {},
): Promise<void> {
  const { services, clock } = org.countersign;
  const id = services.ids.make("dlv", clock.now);
  const record: AlertDelivery = {
    id,
    kind: "new_request",
    event: null,
    approval: "apr_x",
    member: member.id,
    channel: "mail",
    subscription: null,
    attempts: 5,
    last_error: "550 mailbox unavailable",
    created_at: clock.now,
    expires_at: clock.now + 1_000_000,
    state: "failed",
    ended_at: clock.now,
    ...fields,
  };
  await services.deps.kv.set(news.alertDeliveryKey(org.id, id), record);
}

/** A request of the page's own script. */
async function post(visitor: Visitor, path: string, body: unknown) {
  const { countersign } = visitor.org;
  return await countersign.request("POST", path, {
    body,
    headers: {
      origin: countersign.origin,
      cookie: `countersign_session=${visitor.session.secret}`,
      "content-type": "application/json",
      "user-agent": FIREFOX,
    },
  });
}

Deno.test("a member chooses what they are told, for themself alone", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  const viewer = await Visitor.of(org, "viewer");
  const other = await org.signedIn("owner", {});
  const before = await readPreference(kv, org.id, other.member.id);
  const saved = await viewer.send(PATH, "prefer", { mail: ["decided"], push: [] });
  assert.deepEqual([saved.to, saved.notice], [PATH, "Saved."]);
  const off = { new_request: false, second_level: false, nearing_expiry: false, decided: false };
  assert.deepEqual(await readPreference(kv, org.id, viewer.session.member.id), {
    mail: { ...off, decided: true },
    push: off,
  });
  assert.deepEqual(await readPreference(kv, org.id, other.member.id), before);
  const { html, text } = await viewer.get(PATH);
  const ticked = [...html.matchAll(/name="(mail|push)" value="(\w+)"( checked)?/g)]
    .filter(([, , , checked]) => checked !== undefined).map(([, channel, kind]) => [channel, kind]);
  assert.deepEqual(ticked, [["mail", "decided"]]);
  assert.match(text, /As a viewer you hear only how requests/);
});

Deno.test("an alert that is none is refused beside its field", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer");
  const got = await viewer.send(PATH, "prefer", { mail: ["everything"] });
  assert.equal(got.status, 422);
  assert.match(got.html, /id="field-mail-error".*must be one of the alerts/s);
});

Deno.test("the page says plainly that there is no mail server", async () => {
  await using countersign = await Countersign.start({ deps: { mail: new NoMailServer() } });
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  assert.match((await owner.get(PATH)).text, /No mail server is set up .* SMTP_URL/);
  const test = await owner.send(PATH, "test");
  assert.match(test.text, /There was nowhere to send it/);
  await using other = await Countersign.start();
  const configured = await Visitor.of(await other.org(), "owner");
  assert.doesNotMatch((await configured.get(PATH)).text, /No mail server/);
});

Deno.test("a browser is subscribed by the page's script, listed, and removed by its person only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  const viewer = await Visitor.of(org, "viewer");
  const made = await post(viewer, `${PATH}/push`, {
    ...new PushBrowser().subscription,
    expirationTime: null,
  });
  assert.equal(made.status, 200);
  const { id } = made.body;
  assert.deepEqual(made.body.browsers.map(({ name }: { name: string }) => name), [
    "Firefox on Linux",
  ]);
  assert.match((await viewer.get(PATH)).text, /Firefox on Linux/);
  const other = await Visitor.of(org, "owner");
  assert.doesNotMatch((await other.get(PATH)).text, /Firefox on Linux/);
  assert.equal((await other.send(PATH, "remove_browser", { id })).status, 404);
  assert.equal((await post(other, `${PATH}/push/remove`, { id })).status, 404);
  assert.equal((await listSubscriptions(kv, viewer.session.caller.account)).length, 1);
  assert.equal((await viewer.send(PATH, "remove_browser", { id })).to, PATH);
  assert.equal((await listSubscriptions(kv, viewer.session.caller.account)).length, 0);
  const again = await viewer.send(PATH, "remove_browser", { id });
  assert.equal(again.status, 404);
  assert.match(again.text, /There is no push subscription/);
});

Deno.test("a subscription that leads into the network of the server is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const { keys: of } = new PushBrowser().subscription;
  for (
    const endpoint of ["http://push.example.com/x", "https://127.0.0.1/x", "file:///etc/passwd"]
  ) {
    const got = await post(owner, `${PATH}/push`, { endpoint, keys: of });
    assert.equal(got.status, 422, endpoint);
  }
});

Deno.test("a test goes over every way, through what sends alerts, and says what came of it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const { email } = owner.session.member;
  const browser = new PushBrowser();
  await org.as(
    owner.session,
    "read",
    subscribePush(browser.subscription, { ...CLIENT, user_agent: FIREFOX }),
  );
  const sent = await owner.send(PATH, "test");
  assert.equal(sent.status, 200);
  assert.match(sent.text, new RegExp(`Mail to ${email} Sent`));
  assert.match(sent.text, /Firefox on Linux Sent/);
  assert.equal(countersign.mail.to(email).length, 1);
  const [request] = countersign.pushes.sent;
  assert.ok(request !== undefined);
  assert.equal(browser.read(request).url, `${countersign.origin}/notifications`);

  countersign.mail.failure = `550 no mailbox for ${email}`;
  countersign.pushes.answer = { status: 500, retry_after_seconds: null };
  const broken = await owner.send(PATH, "test");
  assert.match(broken.text, /Failed 550 no mailbox for/);
  assert.doesNotMatch(broken.text, /no mailbox for owner/, "the address is scrubbed");
  assert.match(broken.text, /The push service answered 500/);

  countersign.pushes.answer = { status: 410, retry_after_seconds: null };
  const gone = await owner.send(PATH, "test");
  assert.match(gone.text, /takes no pushes any more\. It is off the list now/);
  const { kv } = countersign.services.deps;
  assert.equal((await listSubscriptions(kv, owner.session.caller.account)).length, 0);
  assert.deepEqual(await listDeliveries(countersign.services, org.id), []);
});

Deno.test("nobody floods their mailbox with tests", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer");
  for (let i = 0; i < 3; i++) assert.equal((await viewer.send(PATH, "test")).status, 200);
  const refused = await viewer.send(PATH, "test");
  assert.equal(refused.status, 429);
  assert.match(refused.text, /One thing isn't right yet/);
  assert.equal(countersign.mail.sent.length, 3);
  countersign.clock.advance(60_000);
  assert.equal((await viewer.send(PATH, "test")).status, 200);
});

Deno.test("owners and admins see what did not arrive at anybody, others their own", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const approver = await Visitor.of(org, "approver", { email: "anna@example.com" });
  assert.match((await owner.get(PATH)).text, /Nothing failed/);
  await failed(org, approver.session, { last_error: `451 ${HOSTILE.markup}${HOSTILE.bidi}` });
  await failed(org, owner.session, {
    channel: "push",
    last_error: "The push service answered 403.",
  });
  const all = await owner.get(PATH);
  const rows = rowsOf(all.html).filter((row) => row.includes("A new request"));
  assert.equal(rows.length, 2);
  assert.match(rows.join(), /Push to you.*answered 403.*Turn pushes off and on again/);
  assert.match(rows.join(), /Mail to anna@example\.com.*451 .*SMTP_URL/);
  assert.ok(!all.html.includes("<img") && !all.html.includes("\u202E"));
  assert.match(all.html, /href="\/approvals\/apr_x"/);
  const own = rowsOf((await approver.get(PATH)).html);
  assert.equal(own.filter((row) => row.includes("A new request")).length, 1);
  const viewer = await Visitor.of(org, "viewer");
  assert.match((await viewer.get(PATH)).text, /Nothing failed/);
});

Deno.test("of many failures the newest fifty are shown, and that is said", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  for (let i = 0; i < 60; i++) await failed(org, owner.session);
  const { html, text } = await owner.get(PATH);
  assert.equal(rowsOf(html).filter((row) => row.includes("A new request")).length, 50);
  assert.match(text, /These are the newest 50/);
});
