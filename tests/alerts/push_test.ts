import assert from "node:assert/strict";
import { listSubscriptions } from "../../lib/alerts/subscriptions.ts";
import { EndpointRefused } from "../../lib/outside/push.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { INVITED } from "../helpers/countersign.ts";
import { approver, browserOf, deliveries, settle } from "../helpers/alerted.ts";

Deno.test("a push reaches each browser of an approver, and one that is gone is forgotten", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  const bob = await approver(it, "bob@example.com");
  const browsers = [await browserOf(it, bob), await browserOf(it, bob)];
  const { pushes, services } = it.countersign;
  const { id } = await it.pending({ arguments: { a: "SECRETARGUMENT" } });
  await settle(it);
  assert.equal(pushes.sent.length, 2);
  for (const browser of browsers) {
    const request = pushes.sent.find(({ endpoint }) => endpoint === browser.endpoint);
    assert.ok(request !== undefined);
    const payload = browser.read(request);
    assert.equal(payload.tag, id);
    assert.equal(payload.url, `${services.settings.url.origin}/approvals/${id}`);
    assert.ok(!JSON.stringify(payload).includes("SECRETARGUMENT"));
    assert.equal(request.headers.ttl, "3600");
  }
  pushes.answer = { status: 410, retry_after_seconds: null };
  await it.pending({ method: "B" });
  await settle(it);
  assert.deepEqual(await listSubscriptions(services.deps.kv, bob.caller.account), []);
  assert.deepEqual(await deliveries(it, { failed: true }), []);
  await it.pending({ method: "C" });
  await settle(it);
  assert.equal(pushes.sent.length, 4);
});

Deno.test("a push service that asks for time gets it; one that refuses is not asked again", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  const bob = await approver(it, "bob@example.com");
  await browserOf(it, bob);
  const { pushes, clock } = it.countersign;
  pushes.answer = { status: 429, retry_after_seconds: 600 };
  await it.pending({ method: "A" });
  await settle(it);
  const pushed = async () => (await deliveries(it)).find(({ channel }) => channel === "push");
  const waiting = await pushed();
  assert.equal(waiting?.state === "queued" && waiting.next_at, clock.now + 600_000);
  pushes.answer = { status: 403, retry_after_seconds: null };
  clock.advance(600_000);
  await settle(it);
  const refused = await pushed();
  assert.equal(refused?.state, "failed");
  assert.equal(refused?.attempts, 2);
  assert.equal((await it.entries("alert.failed")).length, 1);
});

Deno.test("an endpoint that nothing may be sent to fails at once", async () => {
  const push = () =>
    Promise.reject(new EndpointRefused("The push endpoint is in a private network."));
  await using it = await ApprovalOrg.start({ deps: { push } }, INVITED);
  await browserOf(it, await approver(it, "bob@example.com"));
  await it.pending();
  await settle(it);
  const [failed] = await deliveries(it, { failed: true });
  assert.equal(failed?.attempts, 1);
  assert.match(failed?.last_error ?? "", /private network/);
});
