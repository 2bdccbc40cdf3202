import assert from "node:assert/strict";
import { approvalOrgCountKey } from "../../lib/store/keys.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { assertProblem } from "../helpers/refused.ts";

Deno.test("a requester has 20 pending requests, and room again when one ends", async () => {
  await using it = await ApprovalOrg.start();
  const ids: string[] = [];
  for (let n = 0; n < 20; n++) ids.push((await it.pending({ method: `M${n}` })).id);
  it.countersign.clock.advance(60_000);
  const refused = await it.ask({ method: "one more" });
  assertProblem(refused, 429, "too_many_pending");
  assert.equal(refused.headers.get("retry-after"), "60");
  // Joining makes nothing new, and another requester is not held up.
  assert.equal((await it.ask({ method: "M3" })).status, 200);
  assert.equal((await it.ask({}, await it.org.key("standard"))).status, 201);

  const room = async (n: string) => assert.equal((await it.ask({ method: n })).status, 201, n);
  const full = async (n: string) =>
    assertProblem(await it.ask({ method: n }), 429, "too_many_pending");
  await it.cancel(ids[0]!);
  await room("after a cancellation");
  await full("x");
  await it.decide(ids[1]!, "deny");
  await room("after a denial");
  await full("x");
  await it.decide(ids[2]!, "approve");
  await room("after an approval");
  await full("x");
  // Those that expired do not count, although nobody has noted it yet.
  it.countersign.clock.advance(3_540_000);
  await room("after the first have expired");
});

Deno.test("a requester makes 30 new requests a minute", async () => {
  await using it = await ApprovalOrg.start();
  for (let n = 0; n < 30; n++) {
    const { id } = await it.pending({ method: `M${n}` });
    await it.cancel(id);
    it.countersign.clock.advance(1000);
  }
  const refused = await it.ask({ method: "one more" });
  assertProblem(refused, 429, "too_many_pending");
  assert.equal(refused.headers.get("retry-after"), "30");
  it.countersign.clock.advance(30_000);
  assert.equal((await it.ask({ method: "one more" })).status, 201);
});

Deno.test("an org has 500 pending requests", async () => {
  await using it = await ApprovalOrg.start();
  const deadline = it.countersign.clock.now + 1000;
  await it.org.transact((transaction) =>
    transaction.setGuarded(approvalOrgCountKey(it.org.id), { deadlines: Array(499).fill(deadline) })
  );
  const { id } = await it.pending();
  assertProblem(await it.ask({ method: "B" }), 429, "too_many_pending");
  await it.cancel(id);
  assert.equal((await it.ask({ method: "B" })).status, 201);
  assertProblem(await it.ask({ method: "C" }), 429, "too_many_pending");
  it.countersign.clock.advance(1000);
  assert.equal((await it.ask({ method: "C" })).status, 201);
});

Deno.test("a flood of askings for one action ends at fifty, and is refused without growing", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  const answers = await Promise.all(Array.from({ length: 60 }, () => it.ask()));
  const statuses = answers.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [...Array(50).fill(200), ...Array(10).fill(429)]);
  assert.equal((await it.entries("approval.asked_again", id)).length, 50);
  const { review } = (await it.get(id, it.org.approver)).body;
  assert.equal(review.asked_again.length, 50);
  assert.equal(review.view.asked_again.length, 50);
  assert.equal((await it.decide(id, "approve")).status, 200);
});

Deno.test("a flood of new requests from many sides stays within the limits of each", async () => {
  await using it = await ApprovalOrg.start();
  const agents = await Promise.all([1, 2, 3].map(() => it.org.agent()));
  const floods = agents.flatMap((agent) =>
    Array.from({ length: 25 }, (_, n) => it.ask({ method: `M${n}` }, agent))
  );
  const statuses = (await Promise.all(floods)).map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 201).length, 60);
  assert.equal(statuses.filter((status) => status === 429).length, 15);
  for (const agent of agents) {
    const { data } = (await it.org.get("/v1/approvals?status=pending&limit=200", agent)).body;
    assert.equal(data.length, 20);
  }
});
