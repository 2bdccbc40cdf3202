import assert from "node:assert/strict";
import { LEASE_MS, LOST } from "../../lib/events/deliver.ts";
import { FAILING_MS } from "../../lib/endpoints/health.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { DAY, HOUR, MINUTE } from "../helpers/alerted.ts";
import { Countersign } from "../helpers/countersign.ts";
import { FailingStore, FAULTS } from "../helpers/failing_store.ts";
import type { Answered } from "./receivers.ts";
import { assertRefused, URL, verified, WebhookOrg } from "./webhook_org.ts";

Deno.test("an event arrives signed, says the request and not what it is about, once", async () => {
  await using world = await WebhookOrg.start();
  const { secret, record } = await world.webhook();
  const other = await world.webhook({
    url: "https://other.example.com/",
    events: ["tool.drifted"],
  });
  const { id, reference } = await world.it.pending({ arguments: { word: "ARGUMENTS" } });
  await world.pass(HOUR);
  const [received, ...more] = world.receivers.taken();
  assert.deepEqual(more, []);
  assert.equal(received?.url, URL);
  assert.equal(received?.headers["content-type"], "application/json");
  const { type, timestamp, data } = verified(secret, received ?? assert.fail());
  assert.equal(type, "approval.created");
  assert.match(timestamp, /^\d{4}-.*Z$/);
  assert.deepEqual(data, {
    approval: id,
    reference,
    tool_name: "delete_server",
    reason: "it is old",
    level: 1,
    expires_at: data.expires_at,
    url: `${world.it.countersign.origin}/approvals/${id}`,
  });
  const [delivery] = await world.deliveries(record.id);
  assert.equal(delivery?.state, "sent");
  assert.equal(received?.headers["webhook-id"], delivery?.event);
  assert.deepEqual(await world.deliveries(other.record.id), []);
  assertRefused(other.secret, received);
});

Deno.test("a changed byte, an old time and another id do not verify", async () => {
  await using world = await WebhookOrg.start();
  const { secret } = await world.webhook();
  await world.it.pending();
  await world.pass(0);
  const [received = assert.fail()] = world.receivers.taken();
  const { headers, body } = received;
  verified(secret, received);
  const changed = (name: string, value: string) => ({
    ...received,
    headers: { ...headers, [name]: value },
  });
  assertRefused(secret, { ...received, body: body.replace("it is old", "it is new") });
  assertRefused(secret, { ...received, body: `${body} ` });
  assertRefused(secret, changed("webhook-id", "evt_another"));
  const at = Number(headers["webhook-timestamp"]);
  assertRefused(secret, changed("webhook-timestamp", String(at - 1)));
  assertRefused(secret, changed("webhook-timestamp", String(at - 301)));
  assertRefused(secret, changed("webhook-signature", `v1,${btoa("0".repeat(32))}`));
});

Deno.test("each try has the one id and is signed anew, until it arrives", async () => {
  await using world = await WebhookOrg.start();
  const { secret, record } = await world.webhook();
  let left = 4;
  world.receivers.answer = () => left-- > 0 ? { status: 503 } : { status: 202 };
  const { clock, services } = world.it.countersign;
  await world.it.pending();
  const received = [];
  for (let tries = 0; tries < 600 && left >= 0; tries++) {
    for (let turn = 0; turn < 3; turn++) await sweep(services, clock.now);
    // Verified at once: by the clock of this computer the others come early.
    for (const one of world.receivers.taken()) {
      received.push(one);
      if (received.length === 1) verified(secret, one);
    }
    clock.advance(5000);
  }
  assert.equal(received.length, 5);
  assert.equal(new Set(received.map(({ headers }) => headers["webhook-id"])).size, 1);
  assert.equal(new Set(received.map(({ body }) => body)).size, 1);
  assert.equal(new Set(received.map(({ headers }) => headers["webhook-timestamp"])).size, 5);
  const [delivery] = await world.deliveries(record.id);
  assert.equal(delivery?.state, "sent");
  assert.deepEqual(delivery?.attempts.map(({ status }) => status), [503, 503, 503, 503, 202]);
});

Deno.test("a try that counts as lost is gone on with, and what comes of it late changes nothing", async () => {
  await using world = await WebhookOrg.start();
  const { it: { countersign: { services, clock } }, receivers } = world;
  const { record } = await world.webhook();
  const { promise: late, resolve } = Promise.withResolvers<Answered>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  receivers.answer = () => {
    ask();
    return late;
  };
  await world.it.pending();
  const slow = sweep(services, clock.now);
  await asked;
  clock.advance(LEASE_MS);
  receivers.answer = () => ({ status: 500 });
  await sweep(services, clock.now);
  resolve({ status: 200 });
  await slow;
  const [waiting] = await world.deliveries(record.id);
  assert.equal(waiting?.state, "queued");
  assert.deepEqual(waiting?.attempts.map(({ error }) => error), [LOST]);
  receivers.answer = () => ({ status: 204 });
  await world.pass(MINUTE);
  const [done] = await world.deliveries(record.id);
  assert.equal(done?.state, "sent");
  assert.deepEqual(done?.attempts.map(({ status }) => status), [null, 204]);
});

Deno.test("410 disables at once: an entry, an event to others, a mail to each owner", async () => {
  await using world = await WebhookOrg.start();
  const { it, receivers } = world;
  const owner = await it.org.signedIn("owner", { email: "own@example.com" });
  const { record } = await world.webhook();
  const other = await world.webhook({
    url: "https://ops.example.com/",
    events: ["webhook.disabled"],
  });
  receivers.answer = ({ url }) => ({ status: url === URL ? 410 : 200 });
  await it.pending({ method: "A" });
  await world.pass(0);
  const [first, told = assert.fail(), ...more] = receivers.taken();
  assert.deepEqual(more, []);
  assert.equal(first?.url, URL);
  assert.deepEqual(verified(other.secret, told).data, { webhook_id: record.id, why: "gone" });
  const [entry] = await it.entries("webhook.disabled");
  assert.deepEqual(entry?.subject, { webhook: record.id });
  assert.equal(entry?.data.why, "gone");
  const mails = it.countersign.mail.sent.filter(({ to }) => to === owner.member.email);
  assert.ok(mails.some(({ subject }) => subject.includes("hooks.example.com")));
  // What happens from now on is kept for it, and not sent.
  await it.pending({ method: "B" });
  await world.pass(DAY, HOUR);
  assert.deepEqual(receivers.taken(), []);
  assert.equal((await world.deliveries(record.id)).length, 1);
});

Deno.test("five days and eight tries without one success disable; one success begins anew", async () => {
  await using world = await WebhookOrg.start();
  const { it, receivers } = world;
  const { record } = await world.webhook();
  receivers.answer = () => ({ status: 500 });
  for (let day = 0; day * DAY < FAILING_MS - DAY; day++) {
    await it.pending({ method: `A${day}` });
    await world.pass(DAY - HOUR, HOUR);
  }
  assert.deepEqual(await it.entries("webhook.disabled"), []);
  receivers.answer = () => ({});
  await it.pending({ method: "works" });
  await world.pass(HOUR, HOUR);
  receivers.answer = () => ({ status: 500 });
  for (let day = 0; day * DAY <= FAILING_MS; day++) {
    assert.deepEqual(await it.entries("webhook.disabled"), [], `day ${day}`);
    await it.pending({ method: `B${day}` });
    await world.pass(DAY - HOUR, HOUR);
  }
  await world.pass(DAY, HOUR);
  const [entry] = await it.entries("webhook.disabled");
  assert.equal(entry?.data.why, "failing");
  assert.deepEqual(entry?.subject, { webhook: record.id });
});

for (const fault of FAULTS) {
  Deno.test(`at least once by the one id, by two nodes: a call of the store ${fault}, each in turn`, async () => {
    let calls = 1;
    for (let number = 1; number <= calls; number += 2) {
      const kv = await Deno.openKv(":memory:");
      {
        await using world = await WebhookOrg.start({ kv });
        const { it: { countersign: { clock, secret, services } }, receivers } = world;
        const store = new FailingStore(kv);
        await using node = await Countersign.start({
          kv: store,
          clock,
          secret,
          deps: { timer: store.timer, hosts: receivers.fetch },
        });
        const { record } = await world.webhook();
        const { id } = await world.it.pending();
        const from = store.calls;
        let struck = false;
        store.fault = (call) => {
          if (call.number - from !== number) return null;
          struck = true;
          return fault;
        };
        const failing = async () => {
          for (let turn = 0; turn < 3; turn++) {
            await sweep(node.services, clock.now).catch(() => {});
          }
        };
        const sound = async () => {
          if (number % 4 === 1) await sweep(services, clock.now);
        };
        await Promise.all([failing(), sound()]);
        await store.heal();
        for (let turn = 0; turn < 4; turn++) {
          await sweep(services, clock.now);
          clock.advance(5 * MINUTE);
        }
        const where = `${fault} ${number}`;
        const [delivery, ...more] = await world.deliveries(record.id);
        assert.deepEqual(more, [], where);
        assert.equal(delivery?.state, "sent", where);
        const received = receivers.taken();
        assert.ok(received.length >= 1, where);
        for (const { headers, body } of received) {
          assert.equal(headers["webhook-id"], delivery?.event, where);
          assert.equal(JSON.parse(body).data.approval, id, where);
        }
        if (struck) calls = Math.max(calls, number + 2);
      }
      kv.close();
    }
    assert.ok(calls > 12, `${calls} calls were struck`);
  });
}
