import assert from "node:assert/strict";
import { writeEvent } from "../../lib/events/event.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { endpointDuePrefix } from "../../lib/store/news_keys.ts";
import { listRecords } from "../../lib/store/kv.ts";
import { dueWork } from "../../lib/store/records/log.ts";
import { deliverWebhook } from "../../lib/webhooks/sending.ts";
import { DAY, HOUR, MINUTE } from "../helpers/alerted.ts";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { verified, WebhookOrg } from "./webhook_org.ts";

Deno.test("deliveries are listed with each try, the newest first, in pages", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org }, receivers } = world;
  const { record } = await world.webhook();
  let tries = 0;
  receivers.answer = () => ({ status: tries++ === 0 ? 500 : 200 });
  for (const method of ["A", "B", "C"]) {
    await world.it.pending({ method });
    await world.pass(0);
  }
  await world.pass(HOUR);
  const path = `/v1/webhooks/${record.id}/deliveries`;
  const first = await org.manage("GET", `${path}?limit=2`);
  assert.equal(first.status, 200, first.text);
  const last = await org.manage("GET", `${path}?limit=2&cursor=${first.body.next_cursor}`);
  assert.equal(last.body.next_cursor, null);
  const rows = [...first.body.data, ...last.body.data];
  assert.equal(rows.length, 3);
  const times = rows.map(({ attempts }) => attempts[0].at);
  assert.deepEqual(times, times.toSorted().reverse());
  const [, , oldest] = rows;
  assert.match(oldest.id, /^dlv_/);
  assert.match(oldest.event_id, /^evt_/);
  assert.deepEqual(oldest, {
    id: oldest.id,
    event_id: oldest.event_id,
    type: "approval.created",
    state: "sent",
    replay: false,
    next_at: null,
    attempts: [
      { at: oldest.attempts[0].at, status: 500, error: "The endpoint answered 500." },
      { at: oldest.attempts[1].at, status: 200 },
    ],
  });
  assertProblem(await org.manage("GET", "/v1/webhooks/whk_none/deliveries"), 404, "not_found");
});

Deno.test("more than a sweep takes up of an endpoint is sent all the same, by that sweep", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org, countersign: { services, clock } }, receivers } = world;
  await world.webhook({ events: ["kill_switch.changed"] });
  for (let part = 0; part < 4; part++) {
    await org.transact((transaction) => {
      for (let n = 0; n < 40; n++) {
        const id = `agt_${part}_${n}`;
        writeEvent(transaction, { type: "kill_switch.changed", scope: "agent", id, active: true });
      }
    });
  }
  // The first tells the events, the second finds what is due of them.
  await sweep(services, clock.now);
  await sweep(services, clock.now);
  const ids = receivers.taken().map(({ body }) => JSON.parse(body).data.id);
  assert.equal(new Set(ids).size, 160);
});

Deno.test("sent again it is inert: signed by now's secret, also to one that is disabled, and no sign of health", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org }, receivers } = world;
  const { record } = await world.webhook();
  const path = `/v1/webhooks/${record.id}`;
  await world.it.pending();
  await world.pass(0);
  const [first = assert.fail()] = receivers.taken();
  const { secret } = (await org.manage("POST", `${path}/rotate`, { force: true })).body;
  await org.manage("PATCH", path, { status: "disabled" });
  const before = (await org.manage("GET", path)).body;
  const [{ id }] = (await org.manage("GET", `${path}/deliveries`)).body.data;
  const replay = `${path}/deliveries/${id}/replay`;

  receivers.answer = () => ({ status: 410 });
  const queued = await org.manage("POST", replay);
  assert.equal(queued.status, 202, queued.text);
  assert.deepEqual([queued.body.state, queued.body.replay], ["queued", true]);
  await world.pass(0);
  const [again = assert.fail()] = receivers.taken();
  assert.equal(again.headers["webhook-id"], first.headers["webhook-id"]);
  verified(secret, again);
  assert.deepEqual(await world.it.entries("webhook.disabled"), []);

  // Failed it can be sent again, too, and its success is none of the webhook.
  receivers.answer = () => ({});
  await org.manage("POST", replay);
  await world.pass(0);
  const [done] = (await org.manage("GET", `${path}/deliveries`)).body.data;
  assert.equal(done.state, "sent");
  assert.deepEqual(done.attempts.map(({ status }: { status: number }) => status), [200, 410, 200]);
  assert.deepEqual((await org.manage("GET", path)).body, before);
  assertProblem(
    await org.manage("POST", `${path}/deliveries/dlv_none/replay`),
    404,
    "not_found",
  );
});

Deno.test("what was missed is sent since a time: what failed, and what was never sent", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org, countersign: { clock } }, receivers } = world;
  const { record } = await world.webhook();
  const path = `/v1/webhooks/${record.id}`;
  const ask = async (method: string) => (await world.it.pending({ method })).id;
  const early = await ask("early");
  receivers.answer = () => ({ status: 500 });
  await world.pass(2 * DAY, HOUR);
  const since = new Date(clock.now).toISOString();
  const failed = await ask("failed");
  await world.pass(2 * DAY, HOUR);
  receivers.answer = () => ({});
  const sent = await ask("sent");
  await world.pass(MINUTE);
  await org.manage("PATCH", path, { status: "disabled" });
  const missed = [await ask("missed"), await ask("missed, too")];
  await world.pass(MINUTE);
  receivers.taken();
  await org.manage("PATCH", path, { status: "active" });
  const recovered = await org.manage("POST", `${path}/recover`, { since });
  assert.equal(recovered.status, 202, recovered.text);
  assert.deepEqual(recovered.body, { queued: 3, more_since: null });
  await world.pass(MINUTE);
  const told = receivers.taken().map(({ body }) => JSON.parse(body).data.approval);
  assert.deepEqual(told.sort(), [failed, ...missed].sort());
  assert.ok(!told.includes(early) && !told.includes(sent));
  const again = await org.manage("POST", `${path}/recover`, { since });
  assert.deepEqual(again.body, { queued: 0, more_since: null });
  const all = await org.manage("POST", `${path}/recover`, { since: "1960-01-01T00:00:00Z" });
  assert.deepEqual(all.body, { queued: 1, more_since: null });
});

Deno.test("what was recovered before it was told is not told a second time", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org, countersign: { clock, services } }, receivers } = world;
  const { record } = await world.webhook();
  const since = new Date(clock.now).toISOString();
  await world.it.pending();
  const got = await org.manage("POST", `/v1/webhooks/${record.id}/recover`, { since });
  assert.equal(got.body.queued, 1);
  const selector = { prefix: endpointDuePrefix() };
  for await (const { value } of listRecords(services.deps.kv, selector, dueWork)) {
    if (value.kind === "webhook_delivery") await deliverWebhook(services, value);
  }
  assert.equal(receivers.taken().length, 1);
  await world.pass(HOUR);
  assert.deepEqual(receivers.taken(), []);
});

Deno.test("a test shows the status and at most 256 scrubbed characters of the answer", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org }, receivers } = world;
  const { record, secret } = await world.webhook({ events: ["tool.drifted"] });
  const path = `/v1/webhooks/${record.id}/test`;
  receivers.answer = () => ({ status: 200, body: "thank you" });
  assert.deepEqual((await org.manage("POST", path)).body, {
    outcome: "sent",
    status: 200,
    answer: "thank you",
  });
  const [received = assert.fail()] = receivers.taken();
  const { type, data } = verified(secret, received);
  assert.deepEqual([type, data], ["webhook.test", { webhook_id: record.id }]);
  const body = `ask jane@example.com\n${"x".repeat(5000)}`;
  receivers.answer = () => ({ status: 503, body });
  const tested = (await org.manage("POST", path)).body;
  assert.equal(tested.status, 503);
  assert.ok(tested.answer.startsWith("ask [e-mail] xxx"), tested.answer);
  assert.equal([...tested.answer].length, 256);
  assert.equal(tested.error, "The endpoint answered 503.");
  assert.deepEqual(await world.deliveries(record.id), []);
});

Deno.test("a process that ends between tries: another one goes on, by the same id", async () => {
  const kv = await Deno.openKv(":memory:");
  {
    await using world = await WebhookOrg.start({ kv });
    const { it: { countersign }, receivers } = world;
    const { record } = await world.webhook();
    receivers.answer = () => ({ status: 500 });
    await world.it.pending();
    await world.pass(0);
    const [before = assert.fail()] = receivers.taken();
    receivers.answer = () => ({});
    const { clock, secret } = countersign;
    await using node = await Countersign.start({
      kv,
      clock,
      secret,
      deps: { hosts: receivers.fetch },
    });
    clock.advance(HOUR);
    await sweep(node.services, clock.now);
    const [after = assert.fail()] = receivers.taken();
    assert.equal(after.headers["webhook-id"], before.headers["webhook-id"]);
    const [delivery] = await world.deliveries(record.id);
    assert.deepEqual(delivery?.attempts.map(({ status }) => status), [500, 200]);
  }
  kv.close();
});
