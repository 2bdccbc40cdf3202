import assert from "node:assert/strict";
import {
  changeChannel,
  type ChannelChange,
  type ChannelWrite,
  createChannel,
  listChannels,
  MOST_CHANNELS,
  type NewChannel,
  removeChannel,
  testChannel,
} from "../../lib/channels/channels.ts";
import { CHANNEL_KINDS } from "../../lib/channels/kinds.ts";
import { asCaller, type CallerOperation } from "../../lib/identity/acting.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import type { ChannelKind } from "../../lib/store/records/channel.ts";
import { APPROVAL_EVENTS } from "../../lib/store/records/event.ts";
import { HOUR, MINUTE, settle } from "../helpers/alerted.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { TestClock } from "../helpers/countersign.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { refused } from "../helpers/refused.ts";
import { addressee, answer, Providers, SECRET, textsIn } from "./providers.ts";

/** An org whose channels are told through providers in memory. */
class ChannelOrg implements AsyncDisposable {
  private constructor(readonly it: ApprovalOrg, readonly providers: Providers) {}

  static async start(variables: Record<string, string> = {}): Promise<ChannelOrg> {
    const providers = new Providers();
    const it = await ApprovalOrg.start({
      clock: new TestClock(Date.now()),
      deps: { hosts: providers.fetch },
      variables,
    });
    return new ChannelOrg(it, providers);
  }

  async manage<L, R>(operation: CallerOperation<L, R>) {
    const { ledgers, credentials } = this.it.countersign.services;
    const presented = await credentials.present(this.it.org.management);
    return await ledgers.transact(this.it.org.id, asCaller(presented, ["management"], operation));
  }

  make(kind: ChannelKind, fields: Partial<NewChannel> = {}) {
    return this.manage(createChannel(asked(kind, fields), WRITE));
  }

  async channel(id: string) {
    const all = await listChannels(this.it.countersign.services.deps.kv, this.it.org.id);
    return all.find((one) => one.id === id) ?? assert.fail(`no channel ${id}`);
  }

  /** Does all that comes due within so long, milliseconds. */
  async pass(milliseconds: number, step = MINUTE): Promise<void> {
    const { services, clock } = this.it.countersign;
    for (let passed = 0; passed <= milliseconds; passed += step) {
      for (let turn = 0; turn < 3; turn++) await sweep(services, clock.now);
      clock.advance(step);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.it[Symbol.asyncDispose]();
  }
}

const WRITE: ChannelWrite = { request_id: "req_test", named: new Set() };

function asked(kind: ChannelKind, fields: Partial<NewChannel> = {}): NewChannel {
  const { settings: { kind: _kind, ...rest }, secret } = addressee(kind);
  return {
    name: "Ops",
    kind,
    secret: kind === "telegram" ? `123456:${SECRET}` : secret,
    fields: rest,
    events: APPROVAL_EVENTS,
    scope: "team",
    ...fields,
  };
}

/** The titles of what Slack was sent. */
const titles = (requests: readonly { readonly body: unknown }[]) =>
  requests.map(({ body }) => textsIn((body as { blocks: unknown }).blocks)[2]);

/** What only the people of the organization may see, and what a reason must not become. */
const OURS = /ARGUMENTS|CONTEXT|end-user-77|me@example|evil\.example|cs_(?:live|mgmt|agent|appr)_/;

Deno.test("channels of every kind are told of every event, with nothing that is nobody's business", async () => {
  await using world = await ChannelOrg.start();
  for (const kind of CHANNEL_KINDS) await world.make(kind);
  let number = 0;
  const asks = () =>
    world.it.pending({
      arguments: { word: `ARGUMENTS ${++number}` },
      context: { why: "CONTEXT" },
      tenant_id: "end-user-77",
      reason: "<!channel> it is *old*, ask me@example.com or https://evil.example @everyone",
    });
  const told = async (id: string, reference: string) => {
    await world.pass(0);
    const received = world.providers.taken();
    const hosts = new Set(received.map(({ host }) => host));
    assert.equal(hosts.size, 6, [...hosts].join());
    for (const { body, url, headers } of received) {
      assert.doesNotMatch(JSON.stringify([body, url, headers]), OURS);
      // What resolves an incident names it and says nothing else.
      const text = JSON.stringify([body, headers]);
      if (/"resolve/.test(text) || body === null) continue;
      assert.match(text, new RegExp(reference));
      assert.match(text, new RegExp(`/approvals/${id}`));
      assert.match(text, /delete_server/);
    }
  };
  const first = await asks();
  await told(first.id, first.reference);
  await world.it.decide(first.id, "approve", { note: "ARGUMENTS look fine" });
  await told(first.id, first.reference);
  await world.it.revoke(first.id);
  await told(first.id, first.reference);
  const second = await asks();
  await told(second.id, second.reference);
  await world.it.decide(second.id, "deny");
  await told(second.id, second.reference);
  const third = await asks();
  await told(third.id, third.reference);
  await world.it.cancel(third.id);
  await told(third.id, third.reference);
  const fourth = await asks();
  await told(fourth.id, fourth.reference);
  world.it.countersign.clock.now = Date.parse(fourth.expires_at) + 1;
  await told(fourth.id, fourth.reference);
});

Deno.test("what happens to a request is told in its order, each thing once", async () => {
  await using world = await ChannelOrg.start();
  await world.make("slack");
  const first = await world.it.pending();
  await world.pass(0);
  await world.it.decide(first.id, "approve");
  await world.pass(0);
  await world.it.revoke(first.id);
  await world.pass(0);
  const second = await world.it.pending({ arguments: { n: 2 } });
  await world.pass(0);
  await world.it.cancel(second.id);
  await world.pass(0);
  await world.it.pending({ arguments: { n: 3 } });
  await world.pass(2 * HOUR, 10 * MINUTE);
  assert.deepEqual(titles(world.providers.taken()), [
    "Approval wanted",
    "Approved",
    "Approval revoked",
    "Approval wanted",
    "Cancelled",
    "Approval wanted",
    "Expired, nobody decided",
  ]);
});

Deno.test("a channel hears of what it chose, and of what stands at its level", async () => {
  const providers = new Providers();
  await using it = await DecisionOrg.start({ deps: { hosts: providers.fetch } });
  await it.secondLevel();
  const one = await it.person("approver", { groups: [1] });
  const two = await it.person("approver", { groups: [2] });
  const channels = {
    team: {},
    one: { scope: "level_1" },
    two: { scope: "level_2" },
    expiries: { events: ["approval.expired"] },
  };
  for (const [name, fields] of Object.entries(channels)) {
    const secret = `https://${name}.example/S3CR3T`;
    const got = await it.org.manage("POST", "/v1/channels", {
      name,
      kind: "slack",
      secret,
      ...fields,
    });
    assert.equal(got.status, 201, got.text);
  }
  const heard = async () => {
    await settle(it);
    return Object.fromEntries(providers.taken().map((one) => [one.host, titles([one])[0]]));
  };
  const { id } = await it.pending();
  const wanted = "Approval wanted";
  assert.deepEqual(await heard(), { "team.example": wanted, "one.example": wanted });
  await one.approve(id);
  const second = "Second approval wanted";
  assert.deepEqual(await heard(), { "team.example": second, "two.example": second });
  await two.approve(id);
  assert.deepEqual(await heard(), { "team.example": "Approved", "two.example": "Approved" });
});

Deno.test("PagerDuty: one incident over every event and every lost try, resolved by the id it was given", async () => {
  await using world = await ChannelOrg.start();
  await world.make("pagerduty");
  const { pagerduty, by } = world.providers;
  // It takes the first try, and its answer is lost.
  let isLost = true;
  by["api.pagerduty.com"] = (request) => {
    const taken = pagerduty.answer(request);
    if (!isLost) return taken;
    isLost = false;
    return answer(502);
  };
  const { id } = await world.it.pending();
  await world.pass(2 * MINUTE, 5000);
  assert.deepEqual(pagerduty.incidents.map(({ key, status }) => [key, status]), [
    [`countersign:${id}`, "triggered"],
  ]);
  assert.deepEqual(world.providers.taken().map(({ method }) => method), ["POST", "GET"]);
  await world.it.decide(id, "deny");
  await world.pass(0);
  assert.deepEqual(
    world.providers.taken().map(({ method, url }) => [method, new URL(url).pathname]),
    [
      ["PUT", "/incidents/P1"],
    ],
  );
  assert.deepEqual(pagerduty.incidents.map(({ status }) => status), ["resolved"]);
});

Deno.test("PagerDuty: a request that was decided before it could be told opens no incident", async () => {
  await using world = await ChannelOrg.start();
  await world.make("pagerduty");
  const { pagerduty, by } = world.providers;
  by["api.pagerduty.com"] = () => answer(503);
  const { id } = await world.it.pending();
  await world.pass(0);
  await world.it.decide(id, "deny");
  delete by["api.pagerduty.com"];
  await world.pass(10 * MINUTE);
  assert.deepEqual(pagerduty.incidents, []);
});

Deno.test("a channel that its provider calls gone is disabled: the log says so, and each owner is told", async () => {
  await using world = await ChannelOrg.start();
  await world.it.org.signedIn("owner", { email: "olga@example.com" });
  await world.it.org.signedIn("admin", { email: "adam@example.com" });
  const { id } = await world.make("slack", { name: "Secret ops" });
  world.providers.by["hooks.example"] = () => answer(410, "channel_is_archived");
  await world.it.pending();
  await world.pass(0);
  const channel = await world.channel(id);
  assert.deepEqual([channel.status, channel.disabled_why], ["disabled", "gone"]);
  const [entry] = await world.it.entries("channel.disabled");
  assert.deepEqual([entry?.subject.channel, entry?.data.why], [id, "gone"]);
  await settle(world.it);
  const { sent } = world.it.countersign.mail;
  const letters = sent.filter(({ subject }) => subject.includes("no longer sends"));
  assert.deepEqual(letters.map(({ to }) => to), ["olga@example.com"]);
  assert.match(letters[0]?.subject ?? "", new RegExp(`the Slack channel ${id}`));
  // Nothing is sent there until somebody switches it on again.
  world.providers.taken();
  await world.it.pending({ arguments: { n: 2 } });
  await world.pass(HOUR);
  assert.deepEqual(world.providers.taken(), []);
  delete world.providers.by["hooks.example"];
  await world.manage(changeChannel(id, { status: "active" }, WRITE));
  await world.it.pending({ arguments: { n: 3 } });
  await world.pass(0);
  assert.equal(world.providers.taken().length, 1);
});

Deno.test("what is refused is not tried again; what is late is, as long as it is asked to wait", async () => {
  await using world = await ChannelOrg.start();
  await world.make("ntfy");
  world.providers.by["ntfy.example"] = () => answer(401, { error: "unauthorized" });
  await world.it.pending();
  await world.pass(10 * MINUTE);
  assert.equal(world.providers.taken().length, 1);
  let times = 0;
  world.providers.by["ntfy.example"] = () =>
    ++times === 1 ? answer(429, "", { "retry-after": "600" }) : answer(200);
  await world.it.pending({ arguments: { n: 2 } });
  await world.pass(9 * MINUTE);
  assert.equal(times, 1);
  await world.pass(3 * MINUTE);
  assert.equal(times, 2);
});

Deno.test("owners are told of a channel that takes nothing: of a void key at once, of silence after an hour, once a day", async () => {
  await using world = await ChannelOrg.start();
  await world.it.org.signedIn("owner", { email: "olga@example.com" });
  await world.it.org.signedIn("admin", { email: "adam@example.com" });
  const { id } = await world.make("ntfy");
  const { by } = world.providers;
  const letters = async () => {
    await settle(world.it);
    return world.it.countersign.mail.sent.filter(({ subject }) => subject.includes("cannot send"));
  };
  let asked = 0;
  const ask = () => world.it.pending({ arguments: { n: ++asked } });
  by["ntfy.example"] = () => answer(401, { error: "unauthorized" });
  await ask();
  await world.pass(0);
  const [letter, ...others] = await letters();
  assert.deepEqual([letter?.to, others], ["olga@example.com", []]);
  assert.match(letter?.subject ?? "", new RegExp(`the ntfy channel ${id}`));
  assert.match(letter?.text ?? "", /\/notifications/);
  assert.doesNotMatch(`${letter?.subject}${letter?.text}`, new RegExp(SECRET));
  await ask();
  await world.pass(0);
  assert.equal((await letters()).length, 1, "not again within a day");
  // Silence: nothing is said of what the next tries may mend.
  delete by["ntfy.example"];
  await ask();
  await world.pass(24 * HOUR, HOUR);
  by["ntfy.example"] = () => answer(503);
  await ask();
  await world.pass(50 * MINUTE);
  assert.equal((await letters()).length, 1);
  await world.pass(3 * HOUR);
  assert.equal((await letters()).length, 2);
  assert.equal((await world.channel(id)).status, "active");
});

Deno.test("whatever a provider answers, it decides nothing", async () => {
  await using world = await ChannelOrg.start();
  for (const kind of CHANNEL_KINDS) await world.make(kind);
  const { id } = await world.it.pending();
  const yes = { ok: true, decision: "approve", approval: id, actions: [{ value: "approve" }] };
  for (
    const host of ["hooks.example", "ntfy.example", "gotify.example", "api.telegram.org"]
  ) {
    world.providers.by[host] = () => answer(200, { ...yes, result: yes });
  }
  world.providers.by["api.pagerduty.com"] = () => answer(201, { incident: { id: "P1", ...yes } });
  await world.pass(0);
  assert(world.providers.taken().length >= CHANNEL_KINDS.length);
  assert.equal((await world.it.get(id)).body.status, "pending");
  assert.deepEqual(await world.it.entries("approval.decided"), []);
});

Deno.test("a secret is in no entry, list, failure or test, even where a provider repeats it", async () => {
  await using world = await ChannelOrg.start();
  const { services } = world.it.countersign;
  for (const kind of CHANNEL_KINDS) {
    const { id } = await world.make(kind);
    await world.manage(changeChannel(id, { secret: asked(kind).secret, name: "Others" }, WRITE));
  }
  for (const host of ["hooks.example", "ntfy.example", "gotify.example"]) {
    world.providers.by[host] = ({ url }) => answer(400, `what is ${url} and ${SECRET}?`);
  }
  for (const host of ["api.pagerduty.com", "events.pagerduty.com", "api.telegram.org"]) {
    world.providers.by[host] = ({ url }) => answer(400, `what is ${url} and ${SECRET}?`);
  }
  await world.it.pending();
  await world.pass(HOUR);
  for (const channel of await listChannels(services.deps.kv, world.it.org.id)) {
    const said = await testChannel(services, world.it.org.id, channel);
    assert.equal(said.outcome, "failed", channel.settings.kind);
    assert.match(said.answer ?? "", /answered 400/);
    assert([...said.answer ?? ""].length <= 256);
    assert.doesNotMatch(JSON.stringify([said, channel]), /S3CR3T/);
  }
  assert.doesNotMatch(JSON.stringify(await world.it.entries()), /S3CR3T/);
  const readable = (_name: string, value: unknown) =>
    value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
  for await (const { value } of services.deps.kv.list({ prefix: [] })) {
    assert.doesNotMatch(JSON.stringify(value, readable) ?? "", /S3CR3T/);
  }
});

Deno.test("of a secret no part is shown where what a provider answers is cut, nor one written in escapes", async () => {
  await using world = await ChannelOrg.start();
  const { services } = world.it.countersign;
  const { id } = await world.make("gotify");
  const test = async () => await testChannel(services, world.it.org.id, await world.channel(id));
  for (let before = 100; before < 200; before++) {
    const words = `${`${SECRET} `.repeat(4)}${"x".repeat(before)} ${SECRET}`;
    world.providers.by["gotify.example"] = () => answer(400, words);
    const { answer: said } = await test();
    assert.doesNotMatch(said ?? "", /S3/, `after ${before} characters`);
    world.it.countersign.clock.advance(MINUTE);
  }
  const escaped = `{"error": "no ${SECRET.replace("3", "\\u0033")}"}`;
  world.providers.by["gotify.example"] = () => answer(400, escaped);
  assert.equal((await test()).answer, "Gotify answered 400: no [secret]");
});

Deno.test("a channel whose host the operator names no more can still be disabled", async () => {
  await using world = await ChannelOrg.start();
  const url = "http://gotify.internal";
  const named = new Set(["gotify.internal"]);
  const { id } = await world.manage(
    createChannel(asked("gotify", { fields: { url } }), { ...WRITE, named }),
  );
  const changed = await world.manage(changeChannel(id, { status: "disabled" }, WRITE));
  assert.equal(changed.status, "disabled");
});

Deno.test("a channel is made, changed, removed, each with its entry, and none twenty-first", async () => {
  await using world = await ChannelOrg.start();
  const made = await world.make("slack");
  const changed = await world.manage(changeChannel(made.id, {
    name: "Night shift",
    scope: "level_1",
    events: ["approval.created"],
  }, WRITE));
  assert.deepEqual(changed, {
    ...made,
    name: "Night shift",
    scope: "level_1",
    events: ["approval.created"],
  });
  const [entry] = await world.it.entries("channel.changed");
  assert.deepEqual([entry?.data.kind, entry?.data.events, entry?.data.scope], [
    "slack",
    ["approval.created"],
    "level_1",
  ]);
  assert.doesNotMatch(JSON.stringify(entry), /Night shift/);
  await world.manage(removeChannel(made.id, "req_test"));
  await refused(world.manage(removeChannel(made.id, "req_test")), "not_found");
  await refused(world.manage(changeChannel(made.id, { name: "x" }, WRITE)), "not_found");
  await world.it.pending();
  await world.pass(0);
  assert.deepEqual(world.providers.taken(), []);
  for (let n = 0; n < MOST_CHANNELS; n++) await world.make("ntfy");
  await refused(world.make("ntfy"), "too_many_channels");
});

Deno.test("a secret does not go along to another server", async () => {
  await using world = await ChannelOrg.start();
  const { services } = world.it.countersign;
  const change = (id: string, change: ChannelChange) =>
    world.manage(changeChannel(id, change, WRITE));
  const headers = async (id: string) => {
    world.providers.taken();
    await testChannel(services, world.it.org.id, await world.channel(id));
    return JSON.stringify(world.providers.taken().map(({ headers }) => headers));
  };
  const { id } = await world.make("ntfy", { secret: SECRET });
  assert.match(await headers(id), new RegExp(SECRET));
  await change(id, { fields: { topic: "another" } });
  assert.match(await headers(id), new RegExp(SECRET));
  await change(id, { fields: { url: "https://ntfy.evil.example" } });
  assert.doesNotMatch(await headers(id), new RegExp(SECRET));
  const gotify = await world.make("gotify");
  await change(gotify.id, { fields: { url: "https://GOTIFY.example/push" } });
  const beside = { fields: { url: "https://gotify.example/of-others" } };
  await refused(change(gotify.id, beside), "invalid_request");
  const moved = { fields: { url: "https://gotify.evil.example" } };
  const { errors } = await refused(change(gotify.id, moved), "invalid_request");
  assert.deepEqual(errors.map(({ path }) => path), ["/secret"]);
  await change(gotify.id, { ...moved, secret: "another" });
});

Deno.test("what no provider could be reached by is refused, and never repeated", async () => {
  await using world = await ChannelOrg.start();
  for (
    const [kind, fields, path] of [
      ["slack", { secret: "" }, "/secret"],
      ["slack", { secret: "http://hooks.slack.com/services/x" }, "/secret"],
      ["slack", { secret: "https://user:hunter2@hooks.slack.com/x" }, "/secret"],
      ["teams", { secret: "https://169.254.169.254/latest" }, "/secret"],
      ["discord", { secret: "https://localhost/x" }, "/secret"],
      ["slack", { fields: { topic: "x" } }, "/topic"],
      ["pagerduty", { fields: { service_id: "PABC" } }, "/from"],
      ["pagerduty", { fields: { from: "a@b\r\nx: y", service_id: "PABC" } }, "/from"],
      ["pagerduty", { fields: { from: "a@b.example", service_id: "../x" } }, "/service_id"],
      ["pagerduty", { secret: "with space" }, "/secret"],
      ["ntfy", { fields: { url: "https://ntfy.example", topic: "a/b" } }, "/topic"],
      ["ntfy", { fields: { url: "http://10.0.0.7", topic: "a" } }, "/url"],
      ["gotify", { fields: { url: "https://gotify.example/?x" } }, "/url"],
      ["gotify", { secret: "" }, "/secret"],
      ["telegram", { secret: "123:../../x" }, "/secret"],
      ["telegram", { fields: { chat_id: "1\n2" } }, "/chat_id"],
    ] as const
  ) {
    const { errors: [problem] } = await refused(world.make(kind, fields), "invalid_request");
    assert.equal(problem?.path, path, JSON.stringify([kind, fields]));
    assert.doesNotMatch(problem?.message ?? "", /hunter2/);
  }
  // A token is not needed where a topic is open.
  await world.make("ntfy", { secret: "" });
});
