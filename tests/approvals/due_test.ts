import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { approvalTopic, schedule } from "../../lib/ledger/commit.ts";
import { startDueWork, sweep } from "../../lib/server/due_worker.ts";
import { duePrefix, toolKey } from "../../lib/store/keys.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";

const HOUR = 3_600_000;

/** What is due, but for what is told of it. */
async function dueKinds({ countersign }: ApprovalOrg): Promise<string[]> {
  const kinds: string[] = [];
  for await (const { key } of countersign.services.deps.kv.list({ prefix: duePrefix() })) {
    const kind = String(key[2]);
    if (!/^(alert|event)_/.test(kind)) kinds.push(kind);
  }
  return kinds;
}

/** Changes a tool as the catalog does: the record, and the work that follows from it. */
async function changeTool({ org }: ApprovalOrg, fields: JsonObject): Promise<void> {
  await org.transact((transaction) => {
    const tool = transaction.snapshot.tool(TOOL);
    transaction.setPolicy(toolKey(org.id, TOOL), { ...tool, ...fields });
    schedule(transaction, { kind: "tool_changed", at: transaction.at, id: TOOL });
  });
}

Deno.test("a request expires by being read after its deadline, and not a moment before", async () => {
  await using it = await ApprovalOrg.start();
  const { id, expires_at } = await it.pending();
  it.countersign.clock.advance(HOUR - 1);
  assert.equal((await it.get(id)).body.status, "pending");
  it.countersign.clock.advance(1);
  const got = (await it.get(id)).body;
  assert.equal(got.status, "expired");
  assert.equal(got.decided_at, null);
  const [entry] = await it.entries("approval.expired", id);
  assert.equal(entry?.data.expired_at, expires_at);
  assert.deepEqual(entry?.actor, { type: "system", id: "approvals" });
  await it.get(id);
  assert.equal((await it.entries("approval.expired", id)).length, 1);
  assert.deepEqual(await dueKinds(it), []);
  assert.equal((await it.ask()).status, 201);
});

Deno.test("a clock that is set back while work is taken up loses none: it is done when it is time", async () => {
  await using it = await ApprovalOrg.start();
  const { services, clock } = it.countersign;
  const { id } = await it.pending();
  // The sweep began by a clock that was ahead; the commit has the one that was set right.
  await sweep(services, clock.now + 2 * HOUR);
  assert.deepEqual(await it.entries("approval.expired", id), []);
  assert.deepEqual(await dueKinds(it), ["approval_ends"]);
  clock.advance(HOUR);
  await sweep(services, clock.now);
  assert.equal((await it.entries("approval.expired", id)).length, 1);
  assert.deepEqual(await dueKinds(it), []);
});

Deno.test("a decision, a cancellation or a list after the deadline finds it expired", async () => {
  await using it = await ApprovalOrg.start();
  const [a, b, c] = [
    await it.pending({ method: "A" }),
    await it.pending({ method: "B" }),
    await it.pending({ method: "C" }),
  ];
  it.countersign.clock.advance(HOUR);
  const decided = await it.decide(a.id, "approve");
  assertProblem(decided, 409, "approval_not_pending");
  assert.equal(decided.body.approval_status, "expired");
  assertProblem(await it.cancel(b.id), 409, "approval_not_pending");
  assert.deepEqual((await it.org.get("/v1/approvals?status=pending")).body.data, []);
  const expired = (await it.org.get("/v1/approvals?status=expired")).body.data;
  assert.deepEqual(expired.map(({ id }: { id: string }) => id), [c.id, b.id, a.id]);
  for (const { id } of [a, b, c]) {
    assert.equal((await it.entries("approval.expired", id)).length, 1);
    assert.equal((await it.entries("approval.decided", id)).length, 0);
  }
});

Deno.test("a late asking for the same action makes a new request", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  it.countersign.clock.advance(HOUR);
  const next = await it.pending();
  assert.notEqual(next.id, id);
  assert.equal((await it.entries("approval.expired", id)).length, 1);
});

Deno.test("a sweep notes what has expired or lapsed, once", async () => {
  await using it = await ApprovalOrg.start();
  const pending = await it.pending();
  const approved = await it.approved({ method: "B" });
  const { services, clock } = it.countersign;
  await sweep(services, clock.now);
  assert.deepEqual((await dueKinds(it)).sort(), ["approval_ends", "approval_lapses"]);
  clock.advance(HOUR);
  await Promise.all([sweep(services, clock.now), sweep(services, clock.now)]);
  await sweep(services, clock.now);
  assert.deepEqual(await dueKinds(it), []);
  assert.equal((await it.entries("approval.expired", pending.id)).length, 1);
  assert.equal((await it.entries("approval.lapsed", approved.id)).length, 1);
});

Deno.test("two nodes that sweep at once do each thing once", async () => {
  await using it = await ApprovalOrg.start();
  const { services, clock, secret } = it.countersign;
  await using other = await Countersign.start({ kv: services.deps.kv, clock, secret });
  const ids: string[] = [];
  for (let n = 0; n < 15; n++) ids.push((await it.pending({ method: `M${n}` })).id);
  clock.advance(HOUR);
  await Promise.all([sweep(services, clock.now), sweep(other.services, clock.now)]);
  const ended = (await it.entries("approval.expired")).map(({ subject }) => subject.approval);
  assert.deepEqual(ended.sort(), ids.sort());
  assert.deepEqual(await dueKinds(it), []);
});

Deno.test("a malformed row of due work holds nothing else up", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  const { services, clock } = it.countersign;
  await services.deps.kv.set(["due", 0, "nonsense", it.org.id, "x"], { surprise: true });
  await services.deps.kv.set(["due", 1, "approval_ends", it.org.id, "apr_gone"], {
    kind: "approval_ends",
    at: 1,
    org: it.org.id,
    id: "apr_gone",
  });
  clock.advance(HOUR);
  await sweep(services, clock.now);
  assert.equal((await it.entries("approval.expired", id)).length, 1);
  assert.deepEqual(await dueKinds(it), ["nonsense"]);
});

Deno.test("work that the store refuses stays for the next sweep", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  const { services, clock } = it.countersign;
  clock.advance(HOUR);
  const { ledgers } = services;
  const failing = Object.create(ledgers, {
    transact: { value: () => Promise.reject(new Error("no store")) },
  });
  await sweep({ ...services, ledgers: failing }, clock.now);
  assert.deepEqual(await dueKinds(it), ["approval_ends"]);
  await sweep(services, clock.now);
  assert.equal((await it.entries("approval.expired", id)).length, 1);
});

Deno.test("a message of the queue notes a lapse at its time", async () => {
  await using it = await ApprovalOrg.start({ deps: { queues: true } });
  const { services, clock } = it.countersign;
  await it.org.tool("quick", { default_permission: "requires_approval", approval_use_seconds: 1 });
  const worker = startDueWork(services);
  const { id } = await it.approved({ tool_name: "quick" });
  const listening = services.ledgers.listen(approvalTopic(it.org.id, id));
  clock.advance(1000);
  await listening.news;
  assert.equal((await it.entries("approval.lapsed", id)).length, 1);
  listening.stop();
  await worker.stop();
});

Deno.test("the worker sweeps when it starts", async () => {
  await using it = await ApprovalOrg.start();
  const { services, clock } = it.countersign;
  const { id } = await it.pending();
  clock.advance(HOUR);
  const worker = startDueWork(services);
  await worker.stop();
  assert.equal((await it.entries("approval.expired", id)).length, 1);
});

Deno.test("a changed definition of the tool cancels what is pending or unused", async () => {
  await using it = await ApprovalOrg.start();
  const { services, clock } = it.countersign;
  const pending = await it.pending({ method: "A" });
  const swept = await it.pending({ method: "B" });
  const approved = await it.approved({ method: "C" });
  const used = await it.approved({ method: "D" });
  assert.equal((await it.mint(used.id, { method: "D" })).status, 201);
  const denied = await it.pending({ method: "E" });
  await it.decide(denied.id, "deny");

  await changeTool(it, { tags: ["new"], required_tier: 0 });
  assert.equal((await it.get(pending.id)).body.status, "pending");
  await changeTool(it, { description: "does something else now" });
  assertProblem(await it.decide(pending.id, "approve"), 409, "approval_not_pending");
  const minted = await it.mint(approved.id, { method: "C" });
  assertProblem(minted, 409, "approval_not_approved");
  assert.equal(minted.body.approval_status, "cancelled");
  await sweep(services, clock.now);
  for (const { id } of [pending, swept, approved]) {
    const [entry, ...more] = await it.entries("approval.cancelled", id);
    assert.equal(entry?.data.because, "tool_changed");
    assert.deepEqual(more, []);
    const { body } = await it.get(id);
    assert.equal(body.status, "cancelled");
    assert.equal(body.ended_because, "tool_changed");
  }
  assert.equal((await it.get(used.id)).body.status, "approved");
  assert.equal((await it.get(denied.id)).body.status, "denied");
  assert.equal((await dueKinds(it)).filter((kind) => kind === "tool_changed").length, 0);
  assert.equal((await it.ask({ method: "A" })).status, 201);
});

Deno.test("a tool that is removed cancels what is pending for it", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  await it.org.transact((transaction) => transaction.deletePolicy(toolKey(it.org.id, TOOL)));
  assert.equal((await it.get(id)).body.ended_because, "tool_changed");
});

Deno.test("a change of many requests' tool cancels them all", async () => {
  await using it = await ApprovalOrg.start();
  const keys = await Promise.all([1, 2, 3, 4, 5, 6].map(() => it.org.key("standard")));
  const asked = keys.flatMap((key) =>
    Array.from({ length: 20 }, (_, n) => it.ask({ method: `M${n}` }, key))
  );
  for (const { status } of await Promise.all(asked)) assert.equal(status, 201);
  await changeTool(it, { risk_level: "critical" });
  await sweep(it.countersign.services, it.countersign.clock.now);
  assert.equal((await it.entries("approval.cancelled")).length, 120);
});

Deno.test("a restart keeps what is pending, its deadline and its view", async () => {
  const kv = await Deno.openKv(":memory:");
  const before = await ApprovalOrg.start({ kv });
  const { clock, secret } = before.countersign;
  const { id, expires_at } = await before.pending({ arguments: { a: 1 } });
  await before[Symbol.asyncDispose]();
  {
    await using countersign = await Countersign.start({ kv, clock, secret });
    const get = () =>
      countersign.request("GET", `/v1/approvals/${id}`, { key: before.org.standard });
    const got = (await get()).body;
    assert.equal(got.status, "pending");
    assert.equal(got.expires_at, expires_at);
    assert.deepEqual(got.arguments, { a: 1 });
    clock.advance(HOUR);
    await sweep(countersign.services, clock.now);
    assert.equal((await get()).body.status, "expired");
  }
  kv.close();
});
