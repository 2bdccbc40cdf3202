import assert from "node:assert/strict";
import { CHANNEL_KINDS, providerOf } from "../../lib/channels/kinds.ts";
import type { HostFetch } from "../../lib/deps.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import type { ChannelKind } from "../../lib/store/records/channel.ts";
import { APPROVAL_EVENTS } from "../../lib/store/records/event.ts";
import { Countersign } from "../helpers/countersign.ts";
import { rowsOf } from "../helpers/page_html.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const PATH = "/notifications/channels";
const SECRET = "SECRETOFTHECHANNEL";
const ADDRESS = `https://hooks.example.com/services/${SECRET}`;

/** What the form of each kind sends besides name, scope and events. */
const FIELDS: Readonly<Record<ChannelKind, Readonly<Record<string, string>>>> = {
  slack: { secret: ADDRESS },
  teams: { secret: ADDRESS },
  discord: { secret: ADDRESS },
  mattermost: { secret: ADDRESS },
  pagerduty: { secret: SECRET, from: "ann@example.com", service_id: "PABC123", region: "eu" },
  pagerduty_events: { secret: SECRET, region: "us" },
  ntfy: { secret: "", url: "https://ntfy.example.com", topic: "approvals" },
  gotify: { secret: SECRET, url: "https://gotify.example.com" },
  telegram: { secret: `1:${SECRET}`, chat_id: "-1001" },
};

function fieldsOf(kind: ChannelKind, fields: Readonly<Record<string, string | string[]>> = {}) {
  return {
    kind,
    name: `ops ${kind}`,
    scope: "team",
    events: [...APPROVAL_EVENTS],
    ...FIELDS[kind],
    ...fields,
  };
}

/** An org with an owner who looks, and providers that answer alike. */
class World implements AsyncDisposable {
  status = 200;
  text = "ok";

  private constructor(readonly countersign: Countersign, readonly owner: Visitor) {}

  static async start(): Promise<World> {
    let world: World | null = null;
    const hosts: HostFetch = () => {
      const { status, text } = world ?? assert.fail("it is asked before it is there");
      return Promise.resolve({ status, headers: new Headers(), body: new Response(text).body });
    };
    const countersign = await Countersign.start({ deps: { hosts } });
    const owner = await Visitor.of(await countersign.org(), "owner");
    return world = new World(countersign, owner);
  }

  /** Adds a channel by its form, and says where its page is. */
  async added(kind: ChannelKind, fields = {}): Promise<string> {
    const got = await this.owner.send(`${PATH}/new?kind=${kind}`, "create", fieldsOf(kind, fields));
    assert.equal(got.status, 303, got.text);
    return got.to ?? "";
  }

  async asked(): Promise<void> {
    const { org } = this.owner;
    await org.tool("refund", { default_permission: "requires_approval" });
    const got = await org.post("/v1/approvals", { tool_name: "refund", reason: "it broke" });
    assert.equal(got.status, 201, got.text);
    await this.swept();
  }

  async swept(): Promise<void> {
    const { services, clock } = this.countersign;
    for (let turn = 0; turn < 3; turn++) await sweep(services, clock.now);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.countersign[Symbol.asyncDispose]();
  }
}

Deno.test("a channel of each kind is added by its own form; its secret stands on no page again", async () => {
  await using world = await World.start();
  const { owner } = world;
  const kinds = await owner.get(`${PATH}/new`);
  for (const kind of CHANNEL_KINDS) {
    assert.ok(kinds.html.includes(`${PATH}/new?kind=${kind}`), kind);
    const form = await owner.get(`${PATH}/new?kind=${kind}`);
    for (const field of Object.keys(FIELDS[kind])) {
      assert.ok(form.html.includes(`name="${field}"`), `${kind}: ${field}`);
    }
    const page = await owner.get(await world.added(kind));
    assert.ok(page.text.includes(`ops ${kind} Active`), page.text);
    assert.ok(page.text.includes(providerOf(kind).name), kind);
    assert.ok(!page.html.includes(SECRET), kind);
  }
  const list = await owner.get(PATH);
  assert.equal(rowsOf(list.html).length, CHANNEL_KINDS.length + 1);
  assert.ok(!list.html.includes(SECRET));
});

Deno.test("adding, saving and turning on ask for a passkey; what is wrong stands at its field", async () => {
  await using world = await World.start();
  const { owner } = world;
  const path = await world.added("slack");
  assert.equal((await owner.send(path, "off")).status, 303);
  const unsure = await Visitor.of(owner.org, "owner", { fresh: false });
  for (
    const [page, action, fields] of [
      [`${PATH}/new?kind=slack`, "create", fieldsOf("slack")],
      [path, "change", { name: "x", scope: "team", events: ["approval.created"], secret: "" }],
      [path, "on", {}],
    ] as const
  ) {
    assert.match((await unsure.send(page, action, fields)).text, /Confirm it is you/, action);
  }
  const cases: [ChannelKind, Record<string, string | string[]>, string][] = [
    ["slack", { secret: "" }, "secret"],
    ["slack", { secret: `http://hooks.example.com/${SECRET}` }, "secret"],
    ["teams", { secret: `https://10.0.0.1/${SECRET}` }, "secret"],
    ["slack", { name: "" }, "name"],
    ["slack", { events: [] }, "events"],
    ["slack", { scope: "everybody" }, "scope"],
    ["pagerduty", { service_id: "" }, "service_id"],
    ["pagerduty", { from: "nobody" }, "from"],
    ["ntfy", { url: "https://localhost" }, "url"],
    ["telegram", { chat_id: "x y" }, "chat_id"],
    ["telegram", { secret: SECRET }, "secret"],
  ];
  for (const [kind, fields, field] of cases) {
    const got = await owner.send(`${PATH}/new?kind=${kind}`, "create", fieldsOf(kind, fields));
    assert.equal(got.status, 422, `${kind} ${field}`);
    assert.ok(got.html.includes(`id="field-${field}-error"`), `${kind} ${field}: ${got.text}`);
    assert.ok(!got.html.includes(SECRET), `${kind} ${field} shows the secret`);
  }
});

Deno.test("a test shows on the page what the provider answered", async () => {
  await using world = await World.start();
  const { owner } = world;
  const path = await world.added("slack", { name: HOSTILE.markup });
  const sent = await owner.send(path, "test");
  assert.match(sent.text, /Sent, answered 200/);
  assert.ok(sent.text.includes(HOSTILE.markup) && !sent.html.includes("<img"));
  [world.status, world.text] = [403, `action_prohibited ${ADDRESS} ${HOSTILE.markup}`];
  const failed = await owner.send(path, "test");
  assert.match(failed.text, /It didn't arrive, answered 403/);
  assert.match(failed.text, /action_prohibited/);
  assert.ok(!failed.html.includes(SECRET));
  assert.ok(!failed.html.includes("<img"));
});

Deno.test("a channel whose provider calls it gone is red with its next step, and mended by saving", async () => {
  await using world = await World.start();
  const { owner } = world;
  const path = await world.added("slack");
  [world.status, world.text] = [410, "channel_is_archived"];
  await world.asked();
  const page = await owner.get(path);
  assert.match(page.text, /Stopped: the other side says that it is gone/);
  assert.match(page.text, /Make a new webhook there, and paste its address here/);
  assert.match(page.text, /approval\.created Failed .*channel_is_archived/);
  assert.match((await owner.get("/notifications")).text, /Broken: 1 channel /);
  assert.match(rowsOf((await owner.get(PATH)).html).at(-1) ?? "", /Stopped: it is gone/);
  [world.status, world.text] = [200, "ok"];
  const saved = await owner.send(path, "change", {
    name: "ops",
    scope: "level_2",
    events: ["approval.created"],
    secret: ADDRESS,
  });
  assert.match(saved.notice ?? "", /Saved/);
  assert.equal((await owner.send(path, "on")).status, 303);
  assert.match((await owner.get(path)).text, /ops Active .*Hears of Level 2/);
  assert.match((await owner.send(path, "remove")).notice ?? "", /The channel ops is removed/);
  assert.equal((await owner.get(path)).status, 404);
});

Deno.test("what a channel missed while it was off is sent again, within its own scope", async () => {
  await using world = await World.start();
  const { owner } = world;
  const every = await world.added("slack");
  const second = await world.added("discord", { scope: "level_2" });
  for (const path of [every, second]) await owner.send(path, "off");
  await world.asked();
  for (const path of [every, second]) {
    assert.match((await owner.get(path)).text, /Nothing was sent within the last 30 days/);
    await owner.send(path, "on");
  }
  const since = { since: "2020-01-01T00:00" };
  assert.equal((await owner.send(every, "recover", since)).notice, "One delivery is sent again.");
  const none = await owner.send(second, "recover", since);
  assert.equal(none.notice, "There was nothing to send again.");
  await world.swept();
  const page = await owner.get(every);
  assert.match(page.text, /approval\.created Sent 200/);
  const [delivery = ""] = /dlv_[0-9a-z]+/.exec(page.html) ?? [];
  assert.match((await owner.get(`${every}/deliveries/${delivery}`)).text, /Answered 200/);
  assert.equal((await owner.send(every, "replay", { delivery })).notice, "It is sent once more.");
});

Deno.test("the cards are shown as they are sent, for each provider and whatever happened", async () => {
  await using world = await World.start();
  const { owner } = world;
  for (const news of ["requested", "escalated", "approved", "denied", "expired", "test"]) {
    const { status, text } = await owner.get(`${PATH}/cards?news=${news}`);
    assert.equal(status, 200, news);
    for (const kind of CHANNEL_KINDS) assert.ok(text.includes(providerOf(kind).name), kind);
  }
  const { html, text } = await owner.get(`${PATH}/cards`);
  assert.match(text, /Slack Approval wanted .* Risk .* Expires .* Open the request What is sent/);
  assert.ok(html.includes("allowed_mentions"));
  assert.match((await owner.get(`${PATH}/cards?news=denied`)).text, /Resolves its incident/);
});
