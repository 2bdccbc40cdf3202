import assert from "node:assert/strict";
import { BACKOFF_MS } from "../../lib/alerts/delivery.ts";
import { LEASE_MS } from "../../lib/events/deliver.ts";
import type { Mail } from "../../lib/deps.ts";
import { approvalTopic } from "../../lib/ledger/commit.ts";
import { consoleMailer, MailFailed } from "../../lib/outside/mailer.ts";
import { startDueWork, sweep } from "../../lib/server/due_worker.ts";
import type { Services } from "../../lib/services.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { Countersign, INVITED } from "../helpers/countersign.ts";
import {
  approver,
  browserOf,
  DAY,
  deliveries,
  dueKinds,
  HOUR,
  mailed,
  MINUTE,
  settle,
} from "../helpers/alerted.ts";

Deno.test("an alert that comes up after the decision is not sent", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  const { id } = await it.pending();
  const { mail, clock, services } = it.countersign;
  mail.failure = "421 busy";
  await settle(it);
  await it.decide(id, "approve");
  mail.failure = null;
  clock.advance(HOUR);
  await sweep(services, clock.now);
  assert.deepEqual(mailed(it), []);
  const [delivery] = await deliveries(it);
  assert.equal(delivery?.state, "skipped");
  assert.match(delivery?.last_error ?? "", /moved on/);
});

Deno.test("a mail that fails is tried again, later each time, until it is taken", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  const { mail, clock } = it.countersign;
  mail.failure = "421 4.7.0 bob@example.com: try again later";
  await it.pending({ timeout_seconds: 3600 });
  await settle(it);
  for (const [tries, wait] of BACKOFF_MS.slice(1, 3).entries()) {
    const [delivery] = await deliveries(it);
    assert.equal(delivery?.state, "queued");
    assert.equal(delivery?.attempts, tries + 1);
    assert.equal(delivery?.last_error, "421 4.7.0 [e-mail]: try again later");
    clock.advance(wait - 1);
    await settle(it);
    assert.equal((await deliveries(it))[0]?.attempts, tries + 1);
    clock.advance(1);
    await settle(it);
  }
  mail.failure = null;
  clock.advance(BACKOFF_MS[3]);
  await settle(it);
  assert.deepEqual(mailed(it), ["bob@example.com"]);
  const [delivery] = await deliveries(it);
  assert.equal(delivery?.state, "sent");
  assert.equal(delivery?.attempts, 4);
  assert.deepEqual(await it.entries("alert.failed"), []);
});

Deno.test("a mail that is never taken has failed after five tries: shown, and in the log", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await it.settings({ approval_timeout_seconds: 86_400 });
  const bob = await approver(it, "bob@example.com");
  await approver(it, "eve@example.com");
  const { mail, clock } = it.countersign;
  mail.before = ({ to }) => {
    const isBob = to === "bob@example.com";
    return isBob ? Promise.reject(new MailFailed(`550 no such person ${to}`)) : Promise.resolve();
  };
  const { id } = await it.pending();
  for (const wait of BACKOFF_MS) {
    clock.advance(wait);
    await settle(it);
  }
  const [failed, ...more] = await deliveries(it, { failed: true });
  assert.deepEqual(more, []);
  assert.equal(failed?.member, bob.member.id);
  assert.equal(failed?.attempts, BACKOFF_MS.length);
  assert.equal(failed?.last_error, "550 no such person [e-mail]");
  const [entry, ...others] = await it.entries("alert.failed");
  assert.deepEqual(others, []);
  assert.equal(entry?.subject.approval, id);
  assert.equal(entry?.subject.member, bob.member.id);
  assert.deepEqual(entry?.data, {
    alert: "new_request",
    attempts: 5,
    channel: "mail",
    delivery: failed?.id,
    event: failed?.event,
  });
  assert.equal((await deliveries(it)).length, 2);
  assert.equal((await deliveries(it, { member: bob.member.id })).length, 1);
  clock.advance(DAY);
  await settle(it);
  assert.equal(mail.to("bob@example.com").length, 0);
  clock.advance(30 * DAY);
  assert.deepEqual(await deliveries(it), []);
});

Deno.test("a process that dies while it sends loses nothing: another goes on after a while", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  const { services, clock } = it.countersign;
  await it.pending();
  await sweep(services, clock.now);
  // It takes the delivery on, sends it, and dies before it can note so.
  let commits = 0;
  const transact: Services["ledgers"]["transact"] = (org, operation) =>
    ++commits === 1 ? services.ledgers.transact(org, operation) : Promise.reject(new Error("dead"));
  const dying = Object.create(services.ledgers, { transact: { value: transact } });
  await sweep({ ...services, ledgers: dying }, clock.now);
  assert.deepEqual(mailed(it), ["bob@example.com"]);
  assert.equal((await deliveries(it))[0]?.state, "queued");
  await settle(it);
  assert.deepEqual(mailed(it), [], "somebody is at it, for all that is known");
  clock.advance(LEASE_MS);
  await settle(it);
  clock.advance(BACKOFF_MS[1]);
  await settle(it);
  assert.deepEqual(mailed(it), ["bob@example.com"]);
  const [delivery] = await deliveries(it);
  assert.equal(delivery?.state, "sent");
  assert.equal(delivery?.attempts, 2);
});

Deno.test("a process that dies between the request and its alert leaves it due", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  const { services, clock, secret } = it.countersign;
  await it.pending();
  const { kv } = services.deps;
  await using other = await Countersign.start({ kv, clock, secret });
  for (let turn = 0; turn < 3; turn++) await sweep(other.services, clock.now);
  assert.deepEqual(other.mail.sent.map(({ to }) => to), ["bob@example.com"]);
});

Deno.test("two nodes that deliver at once send each alert once", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  for (let n = 0; n < 12; n++) await approver(it, `a${n}@example.com`);
  const { services, clock, secret, mail } = it.countersign;
  await using other = await Countersign.start({ kv: services.deps.kv, clock, secret });
  await it.pending();
  for (let turn = 0; turn < 4; turn++) {
    await Promise.all([sweep(services, clock.now), sweep(other.services, clock.now)]);
  }
  const sent = [...mail.sent, ...other.mail.sent].map(({ to }) => to).sort();
  assert.deepEqual(sent, Array.from({ length: 12 }, (_, n) => `a${n}@example.com`).sort());
  assert.deepEqual(await dueKinds(it), ["alert_nearing_expiry", "approval_ends"]);
});

Deno.test("more approvers than one commit tells are each told once", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  for (let n = 0; n < 45; n++) await approver(it, `a${n}@example.com`);
  await it.pending();
  await settle(it);
  await settle(it);
  const sent = mailed(it);
  assert.equal(sent.length, 45);
  assert.equal(new Set(sent).size, 45);
});

Deno.test("a mail server that hangs holds up no deadline", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  const { services, clock, mail } = it.countersign;
  const { promise: hanging, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: asked, resolve: begin } = Promise.withResolvers<void>();
  mail.before = () => {
    begin();
    return hanging;
  };
  const { id } = await it.pending();
  const worker = startDueWork(services);
  await asked;
  clock.advance(HOUR);
  const listening = services.ledgers.listen(approvalTopic(it.org.id, id));
  const sweeping = sweep(services, clock.now);
  await listening.news;
  assert.equal((await it.entries("approval.expired", id)).length, 1);
  listening.stop();
  letGo();
  await sweeping;
  await worker.stop();
});

for (const queues of [false, true]) {
  const how = queues ? "by the queue" : "without a queue";
  Deno.test(`${how} an alert goes out with the commit that causes it`, async () => {
    await using it = await ApprovalOrg.start({ deps: { queues } }, INVITED);
    await approver(it, "bob@example.com");
    const { services, mail } = it.countersign;
    const worker = startDueWork(services);
    const { promise: came, resolve } = Promise.withResolvers<Mail>();
    mail.before = (mail) => Promise.resolve(resolve(mail));
    await it.pending();
    assert.equal((await came).to, "bob@example.com");
    await worker.stop();
  });
}

Deno.test("a member who leaves hears nothing more", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  const { mail, clock } = it.countersign;
  mail.failure = "421 busy";
  await it.pending();
  await settle(it);
  assert.equal((await it.org.manage("DELETE", "/v1/members/bob%40example.com")).status, 200);
  mail.failure = null;
  clock.advance(MINUTE);
  await settle(it);
  assert.deepEqual(mailed(it), []);
  assert.equal((await deliveries(it))[0]?.state, "skipped");
});

Deno.test("where no mail server is set, alerts do not fill the console", async () => {
  const printed: string[] = [];
  const mail = consoleMailer((text) => printed.push(text));
  await using it = await ApprovalOrg.start({ deps: { mail } }, INVITED);
  await browserOf(it, await approver(it, "bob@example.com"));
  await it.pending();
  await settle(it);
  assert.deepEqual(printed, []);
  assert.deepEqual((await deliveries(it)).map(({ channel }) => channel), ["push"]);
});
