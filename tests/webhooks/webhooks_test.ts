import assert from "node:assert/strict";
import { sendTest } from "../../lib/webhooks/sending.ts";
import { OVERLAP_MS } from "../../lib/webhooks/signing.ts";
import {
  changeWebhook,
  createWebhook,
  MOST_WEBHOOKS,
  removeWebhook,
  rotateWebhook,
  type WebhookChange,
} from "../../lib/webhooks/webhooks.ts";
import { eventsOf } from "../helpers/outbox.ts";
import { assertProblem, refused } from "../helpers/refused.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { assertRefused, URL, verified, WebhookOrg } from "./webhook_org.ts";

Deno.test("a webhook is made, read, changed and removed by a management key, its secret told once", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org, countersign } } = world;
  const fields = { url: URL, events: ["tool.drifted", "approval.created"], description: "ops" };
  const made = await org.manage("POST", "/v1/webhooks", fields);
  assert.equal(made.status, 201, made.text);
  const { secret, ...webhook } = made.body;
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.deepEqual(webhook, {
    id: webhook.id,
    url: URL,
    events: ["approval.created", "tool.drifted"],
    description: "ops",
    status: "active",
    disabled_why: null,
    last_success_at: null,
    failing_since: null,
    rotating_until: null,
    created_at: webhook.created_at,
  });
  const path = `/v1/webhooks/${webhook.id}`;
  assert.deepEqual((await org.manage("GET", path)).body, webhook);
  assert.deepEqual((await org.manage("GET", "/v1/webhooks")).body, {
    data: [webhook],
    next_cursor: null,
  });
  const changed = await org.manage("PATCH", path, { status: "disabled" });
  assert.deepEqual(changed.body, { ...webhook, status: "disabled" });
  for (const key of [org.standard, org.approver]) {
    assertProblem(await org.get("/v1/webhooks", key), 403, "wrong_tier");
    assertProblem(await org.post("/v1/webhooks", fields, key), 403, "wrong_tier");
  }
  const removed = await org.manage("DELETE", path);
  assert.deepEqual(removed.body, { ...webhook, status: "disabled", removed: true });
  assertProblem(await org.manage("GET", path), 404, "not_found");

  const entries = await world.it.entries();
  const own = entries.filter(({ type }) => type.startsWith("webhook."));
  assert.deepEqual(own.map(({ type }) => type), [
    "webhook.made",
    "webhook.changed",
    "webhook.removed",
  ]);
  // Neither the address nor the secret lies open in the log, or anything of the secret in the store.
  const log = JSON.stringify(entries);
  assert.ok(!log.includes("hooks.example.com"));
  for await (const { key, value } of countersign.services.deps.kv.list({ prefix: [] })) {
    const text = Deno.inspect([key, value], { strAbbreviateSize: Infinity, iterableLimit: 1e6 });
    assert.ok(!text.includes(secret.slice(6, 30)), JSON.stringify(key));
  }
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("a member needs a fresh passkey to have more sent, and none to stop it", async () => {
  await using world = await WebhookOrg.start();
  const { org } = world.it;
  const write = { request_id: "req_test", named: new Set<string>() };
  const fields = { url: URL, events: ["tool.drifted"], description: "" } as const;
  const stale = await org.signedIn("admin", { fresh: false });
  const fresh = await org.signedIn("admin");
  const viewer = await org.signedIn("viewer");
  const create = createWebhook({ ...fields, events: [...fields.events] }, write);
  await refused(org.as(viewer, "configure", create), "role_required");
  await refused(org.as(stale, "configure", create), "fresh_assertion_required");
  const { record: { id } } = await org.as(fresh, "configure", create);
  const changes: WebhookChange[] = [
    { url: "https://other.example.com/" },
    { events: ["approval.created"] },
    { status: "active" },
  ];
  for (const change of changes) {
    const changing = org.as(stale, "configure", changeWebhook(id, change, write));
    await refused(changing, "fresh_assertion_required");
  }
  const rotating = rotateWebhook(id, { force: true, request_id: "req_test" });
  await refused(org.as(stale, "configure", rotating), "fresh_assertion_required");
  await org.as(stale, "configure", changeWebhook(id, { status: "disabled" }, write));
  await org.as(stale, "configure", removeWebhook(id, "req_test"));
});

Deno.test("an org has twenty webhooks, active or not, and room again for each that is removed", async () => {
  await using world = await WebhookOrg.start();
  const { org } = world.it;
  const body = { url: URL, events: ["tool.drifted"] };
  let last = "";
  for (let number = 0; number < MOST_WEBHOOKS; number++) {
    const got = await org.manage("POST", "/v1/webhooks", body);
    assert.equal(got.status, 201);
    last = got.body.id;
  }
  await org.manage("PATCH", `/v1/webhooks/${last}`, { status: "disabled" });
  assertProblem(await org.manage("POST", "/v1/webhooks", body), 409, "too_many_webhooks");
  await org.manage("DELETE", `/v1/webhooks/${last}`);
  const made = await Promise.all([1, 2, 3].map(() => org.manage("POST", "/v1/webhooks", body)));
  assert.deepEqual(made.map(({ status }) => status).sort(), [201, 409, 409]);
});

Deno.test("the policy moves only when what is heard does, and an org without webhooks writes nothing", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org, countersign: { services: { deps: { kv } } } } } = world;
  const version = async () => (await org.get("/v1/policy", org.management)).body.policy_version;
  const none = await version();
  await world.it.pending({ method: "A" });
  assert.deepEqual(await eventsOf(kv, org.id), []);
  const first = await world.webhook();
  assert.equal(await version(), none + 1);
  const second = await world.webhook();
  assert.equal(await version(), none + 1);
  await world.it.pending({ method: "B" });
  assert.equal((await eventsOf(kv, org.id)).length, 1);
  await org.manage("DELETE", `/v1/webhooks/${first.record.id}`);
  assert.equal(await version(), none + 1);
  await org.manage("PATCH", `/v1/webhooks/${second.record.id}`, { status: "disabled" });
  await world.it.pending({ method: "C" });
  assert.equal((await eventsOf(kv, org.id)).length, 2, "it can be told later");
  await org.manage("DELETE", `/v1/webhooks/${second.record.id}`);
  assert.equal(await version(), none + 2);
  await world.it.pending({ method: "D" });
  assert.equal((await eventsOf(kv, org.id)).length, 2);
});

Deno.test("a message under way as its webhook's secret is rotated is signed by both, the first time and again", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org, countersign: { clock, services } }, receivers } = world;
  let { record } = await world.webhook();
  for (const time of ["first", "second"]) {
    // What its sender read before.
    const before = record;
    ({ record } = await world.manage(
      rotateWebhook(record.id, { force: false, request_id: "req_test" }),
    ));
    await sendTest(services, org.id, before);
    const [sent = assert.fail(time)] = receivers.taken();
    assert.equal(sent.headers["webhook-signature"]?.split(" ").length, 2, time);
    clock.advance(OVERLAP_MS);
  }
});

Deno.test("two secrets sign for a day after a rotation, and a second one within it has to be meant", async () => {
  await using world = await WebhookOrg.start();
  const { it: { org, countersign: { clock } }, receivers } = world;
  const { secret: old, record } = await world.webhook();
  const path = `/v1/webhooks/${record.id}/rotate`;
  const rotated = await org.manage("POST", path);
  assert.equal(rotated.status, 200, rotated.text);
  const { secret } = rotated.body;
  assert.notEqual(secret, old);
  await world.it.pending({ method: "A" });
  await world.pass(0);
  const [both = assert.fail()] = receivers.taken();
  assert.equal(both.headers["webhook-signature"]?.split(" ").length, 2);
  verified(old, both);
  verified(secret, both);
  const running = await org.manage("POST", path);
  assertProblem(running, 409, "rotation_running");
  assert.equal(running.body.until, rotated.body.rotating_until);
  const forced = await org.manage("POST", path, { force: true });
  assert.equal(forced.status, 200, forced.text);
  await world.it.pending({ method: "B" });
  await world.pass(0);
  const [anew = assert.fail()] = receivers.taken();
  verified(forced.body.secret, anew);
  verified(secret, anew);
  assertRefused(old, anew);
  clock.advance(OVERLAP_MS);
  await world.it.pending({ method: "C" });
  await world.pass(0);
  const [alone = assert.fail()] = receivers.taken();
  assert.equal(alone.headers["webhook-signature"]?.split(" ").length, 1);
  assert.equal((await org.manage("POST", path)).status, 200);
});
