import assert from "node:assert/strict";
import { holdUntil } from "../../lib/approvals/hold.ts";
import { apiKeyKey } from "../../lib/store/keys.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { HeldTimers, WAIT_MS } from "../helpers/held_timers.ts";
import { assertProblem } from "../helpers/refused.ts";

async function start(timers: HeldTimers): Promise<ApprovalOrg> {
  return await ApprovalOrg.start({ deps: { timer: timers.timer } });
}

const waiting = (it: ApprovalOrg, id: string, key = it.org.standard) =>
  it.org.get(`/v1/approvals/${id}?wait=30`, key);

Deno.test("GET ?wait answers at once when somebody decides", async () => {
  const timers = new HeldTimers();
  await using it = await start(timers);
  const { id } = await it.pending();
  for (const decision of ["approve", "deny"] as const) {
    const made = decision === "approve" ? id : (await it.pending({ method: "B" })).id;
    const held = timers.looking();
    const answer = waiting(it, made);
    await held;
    await it.decide(made, decision);
    assert.equal((await answer).body.status, decision === "approve" ? "approved" : "denied");
  }
  assert.equal((await waiting(it, id)).body.status, "approved");
});

Deno.test("GET ?wait answers with what is pending when the time is up", async () => {
  await using it = await start(new HeldTimers(5));
  const { id } = await it.pending();
  const got = await waiting(it, id);
  assert.equal(got.status, 200);
  assert.equal(got.body.status, "pending");
});

Deno.test("GET ?wait sees what another node decides, and what time does", async () => {
  const timers = new HeldTimers(WAIT_MS, 5);
  await using it = await start(timers);
  const { services, clock, secret } = it.countersign;
  await using other = await Countersign.start({ kv: services.deps.kv, clock, secret });
  const { id } = await it.pending();
  const held = timers.looking();
  const answer = waiting(it, id);
  await held;
  await other.request("POST", `/v1/approvals/${id}/decide`, {
    key: it.org.approver,
    body: { decision: "approve", decided_by: "ann@example.com" },
  });
  assert.equal((await answer).body.status, "approved");

  const late = await it.pending({ method: "B" });
  const expiring = waiting(it, late.id);
  await timers.looking();
  clock.advance(3_600_000);
  assert.equal((await expiring).body.status, "expired");
});

Deno.test("GET ?wait ends when its key is revoked", async () => {
  const timers = new HeldTimers(WAIT_MS, 5);
  await using it = await start(timers);
  const { id } = await it.pending();
  const held = timers.looking();
  const answer = waiting(it, id);
  await held;
  await it.org.transact((transaction) => {
    const { apiKeys } = transaction.snapshot;
    const [key] = [...apiKeys.values()].filter(({ tier }) => tier === "standard");
    transaction.deletePolicy(apiKeyKey(it.org.id, key?.id ?? ""));
  });
  assertProblem(await answer, 401, "invalid_credentials");
});

Deno.test("a credential holds 50 calls, and those of clients that went away do not count", async () => {
  const timers = new HeldTimers();
  await using it = await start(timers);
  const { id } = await it.pending();
  const url = `http://127.0.0.1:${it.countersign.server.addr.port}/v1/approvals/${id}?wait=30`;
  const clients = Array.from({ length: 50 }, () => new AbortController());
  const calls = clients.map(({ signal }) =>
    fetch(url, { headers: { "x-api-key": it.org.standard }, signal })
  );
  await timers.holding(50);
  assertProblem(await waiting(it, id), 429, "too_many_pending");
  assert.equal((await it.get(id)).status, 200);
  clients.forEach((client) => client.abort());
  for (const { status } of await Promise.allSettled(calls)) assert.equal(status, "rejected");
  await timers.holding(0);
  const answer = waiting(it, id);
  await timers.holding(1);
  await it.decide(id, "approve");
  assert.equal((await answer).body.status, "approved");
});

Deno.test("a held call ends when the process stops", async () => {
  const timers = new HeldTimers();
  await using it = await start(timers);
  const stopping = new AbortController();
  const services = { ...it.countersign.services, stopping: stopping.signal };
  let looks = 0;
  const held = timers.looking();
  const wait = { credential: "key", topic: "t", seconds: 30, gone: new AbortController().signal };
  const answer = holdUntil(services, wait, () => Promise.resolve(++looks), () => false);
  await held;
  stopping.abort();
  assert.equal(await answer, 2);
  assert.equal(await holdUntil(services, wait, () => Promise.resolve("last"), () => false), "last");
});
