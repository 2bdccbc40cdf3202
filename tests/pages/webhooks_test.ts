import assert from "node:assert/strict";
import type { HostFetch } from "../../lib/deps.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { rowsOf } from "../helpers/page_html.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const PATH = "/notifications/webhooks";
const NEW = {
  url: "https://hooks.example.com/countersign",
  events: ["approval.created", "approval.decided"],
  description: "billing",
};
const SECRET = /whsec_[A-Za-z0-9+/=]{44}/;

/** A host outside that answers so, and what it was sent. */
class Receiver {
  status = 204;
  text = "";
  readonly bodies: string[] = [];

  readonly fetch: HostFetch = ({ body }) => {
    this.bodies.push(new TextDecoder().decode(body));
    const { status, text } = this;
    return Promise.resolve({
      status,
      headers: new Headers(),
      body: text === "" ? null : new Response(text).body,
    });
  };
}

async function start() {
  const receiver = new Receiver();
  const countersign = await Countersign.start({ deps: { hosts: receiver.fetch } });
  const org = await countersign.org();
  return { countersign, org, receiver, owner: await Visitor.of(org, "owner") };
}

/** Makes a webhook by the form, and says where its page is. */
async function made(owner: Visitor, fields = {}): Promise<{ secret: string; path: string }> {
  const got = await owner.send(PATH, "create", { ...NEW, ...fields });
  assert.equal(got.status, 200, got.text);
  const [path = ""] = /\/notifications\/webhooks\/whk_[0-9a-z]+/.exec(got.html) ?? [];
  return { secret: SECRET.exec(got.text)?.[0] ?? "", path };
}

/** Asks for an approval, and does what is due. */
async function asked(org: TestOrg): Promise<void> {
  await org.tool("refund", { default_permission: "requires_approval" });
  const got = await org.post("/v1/approvals", { tool_name: "refund", reason: "it broke" });
  assert.equal(got.status, 201, got.text);
  await swept(org.countersign);
}

async function swept({ services, clock }: Countersign): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await sweep(services, clock.now);
}

Deno.test("webhooks are for who configures; others have neither the pages nor the tabs", async () => {
  const { countersign: started, org, owner } = await start();
  await using _ = started;
  const { path } = await made(owner);
  for (const role of ["approver", "viewer"] as const) {
    const visitor = await Visitor.of(org, role);
    for (const page of [PATH, path, "/notifications/channels"]) {
      assert.equal((await visitor.get(page)).status, 403, `${role} ${page}`);
    }
    assert.ok(!(await visitor.get("/notifications")).html.includes(PATH), role);
  }
  const admin = await Visitor.of(org, "admin");
  assert.match((await admin.get("/notifications")).text, /Mine Channels Webhooks/);
  assert.equal((await admin.get(path)).status, 200);
});

Deno.test("a webhook is made under a passkey, its secret is shown this once, and it is listed", async () => {
  const { countersign: started, org, owner } = await start();
  await using _ = started;
  const unsure = await Visitor.of(org, "owner", { fresh: false });
  assert.match((await unsure.send(PATH, "create", NEW)).text, /Confirm it is you/);
  assert.equal(rowsOf((await owner.get(PATH)).html).length, 0);
  const { secret, path } = await made(owner, { description: HOSTILE.markup });
  assert.match(secret, SECRET);
  for (const page of [PATH, path]) {
    const { html, text } = await owner.get(page);
    assert.doesNotMatch(text, SECRET);
    assert.ok(text.includes(HOSTILE.markup) && !html.includes("<img"), page);
  }
  const row = rowsOf((await owner.get(PATH)).html).at(-1) ?? "";
  assert.match(row, /https:\/\/hooks\.example\.com\/countersign Active 2 of requests .* Never/);
});

Deno.test("what is wrong with a webhook stands beside its field", async () => {
  const { countersign: started, owner } = await start();
  await using _ = started;
  const cases: [Record<string, string | string[]>, RegExp][] = [
    [{ url: "http://hooks.example.com/" }, /id="field-url-error"/],
    [{ url: "https://10.0.0.1/" }, /id="field-url-error"/],
    [{ url: "https://user:word@hooks.example.com/" }, /id="field-url-error"/],
    [{ url: "nothing" }, /id="field-url-error"/],
    [{ events: [] }, /id="field-events-error"/],
    [{ events: ["approval.dreamt"] }, /id="field-events-error"/],
    [{ description: "x".repeat(1000) }, /id="field-description-error"/],
  ];
  for (const [fields, expected] of cases) {
    const got = await owner.send(PATH, "create", { ...NEW, ...fields });
    assert.equal(got.status, 422, JSON.stringify(fields));
    assert.match(got.html, expected, JSON.stringify(fields));
  }
  assert.equal(rowsOf((await owner.get(PATH)).html).length, 0);
});

Deno.test("a test shows on the page what came back, and no more of it than may be shown", async () => {
  const { countersign: started, owner, receiver } = await start();
  await using _ = started;
  const { path } = await made(owner);
  const sent = await owner.send(path, "test");
  assert.match(sent.text, /Sent, answered 204/);
  assert.match(receiver.bodies.at(-1) ?? "", /"type":"webhook.test"/);
  receiver.status = 500;
  receiver.text = `no room for ann@example.com ${HOSTILE.markup}${"x".repeat(1000)}`;
  const failed = await owner.send(path, "test");
  assert.match(failed.text, /It didn't arrive, answered 500/);
  assert.match(failed.text, /It said: no room for/);
  assert.doesNotMatch(failed.text, /ann@example\.com|x{257}/);
  assert.ok(!failed.html.includes("<img"));
});

Deno.test("each delivery is shown with its tries, and is replayed and recovered", async () => {
  const { countersign: started, org, owner, receiver } = await start();
  await using countersign = started;
  const { path } = await made(owner);
  receiver.status = 503;
  await asked(org);
  const page = await owner.get(path);
  const row = rowsOf(page.html).find((one) => one.includes("approval.created")) ?? "";
  assert.match(row, /approval\.created Tried again .*503.* of 8, next in \d+ s/);
  assert.match(page.text, /Failing for \d+ s, \d try/);
  assert.match(page.text, /answers with 2xx within 15 seconds/);
  assert.match((await owner.get("/notifications")).text, /Broken: 1 webhook/);
  const [delivery = ""] = /dlv_[0-9a-z]+/.exec(page.html) ?? [];
  assert.match((await owner.get(`${path}/deliveries/${delivery}`)).text, /Answered 503/);
  assert.equal((await owner.get(`${path}/deliveries/dlv_none`)).status, 404);
  receiver.status = 204;
  countersign.clock.advance(60_000);
  await swept(countersign);
  assert.match((await owner.get(path)).text, /approval\.created Sent 204/);
  assert.doesNotMatch((await owner.get("/notifications")).text, /Broken/);
  const before = receiver.bodies.length;
  const replayed = await owner.send(path, "replay", { delivery });
  assert.equal(replayed.notice, "It is sent once more.");
  await swept(countersign);
  assert.equal(receiver.bodies.length, before + 1);
  assert.match((await owner.get(`${path}?show=failed`)).text, /No delivery failed/);
  const none = await owner.send(path, "recover", { since: "2026-01-01T00:00" });
  assert.equal(none.notice, "There was nothing to send again.");
  assert.equal((await owner.send(path, "recover", { since: "" })).status, 422);
});

Deno.test("a webhook that is gone is red with its next step, and is turned on again", async () => {
  const { countersign: started, org, owner, receiver } = await start();
  await using countersign = started;
  const { path } = await made(owner);
  receiver.status = 410;
  await asked(org);
  const page = await owner.get(path);
  assert.match(page.text, /Stopped: the other side says that it is gone/);
  assert.match(page.text, /It answered 410\. Remove the webhook if that is so/);
  assert.match(rowsOf((await owner.get(PATH)).html).at(-1) ?? "", /Stopped: it is gone/);
  assert.match((await owner.send(path, "on")).notice ?? "", /It is on again/);
  receiver.status = 204;
  const missed = await owner.send(path, "recover", { since: "2020-01-01T00:00" });
  assert.equal(missed.notice, "One delivery is sent again.");
  await swept(countersign);
  assert.match((await owner.get(path)).text, /approval\.created Sent 204/);
  assert.match((await owner.send(path, "off")).notice ?? "", /It is off/);
  assert.match((await owner.get(path)).text, /Off .*Turn on/);
});

Deno.test("rotating shows the new secret once, and a second time within a day only by force", async () => {
  const { countersign: started, owner } = await start();
  await using _ = started;
  const { secret, path } = await made(owner);
  const rotated = await owner.send(path, "rotate");
  const next = SECRET.exec(rotated.text)?.[0];
  assert.ok(next !== undefined && next !== secret);
  assert.match(rotated.text, /For 24 hours the secret before signs as well/);
  assert.match((await owner.get(path)).text, /Two secrets, until/);
  assert.equal((await owner.send(path, "rotate")).status, 409);
  assert.match((await owner.send(path, "rotate", { force: "on" })).text, SECRET);
  const changed = { ...NEW, url: "https://other.example.com/", description: "" };
  assert.equal((await owner.send(path, "change", changed)).notice, "Saved.");
  assert.match((await owner.get(path)).text, /other\.example\.com/);
  const removed = await owner.send(path, "remove");
  assert.equal(removed.to, PATH);
  assert.equal((await owner.get(path)).status, 404);
});
