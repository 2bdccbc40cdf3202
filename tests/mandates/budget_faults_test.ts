import assert from "node:assert/strict";
import { CallOrg, READ } from "../helpers/call_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { checked, granted, published, shop } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { notSent } from "../helpers/scripted_upstreams.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** What would let more be spent than a budget allows: counted back twice, or in another's place. */

const MINUTE_MS = 60_000;

const cost = (estimated_cost_micros: number, more: object = {}) => ({
  estimated_cost_micros,
  ...more,
});

function settle(org: TestOrg, decision_id: string, actual_cost_micros: number) {
  return org.post("/v1/budgets/settle", { decision_id, actual_cost_micros });
}

Deno.test("what was counted before a budget was set anew is taken back from nothing of it", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  const put = (period: string) =>
    org.manage("PUT", "/v1/budgets/org", { limit_micros: 10, period });
  const settled = async () => (await org.get("/v1/budgets?scope=org")).body.data[0].settled;
  for (const anew of [() => org.manage("DELETE", "/v1/budgets/org"), () => put("day")]) {
    await put("total");
    const before = await checked(org, id, cost(10));
    assert.equal(before.permission, "allowed");
    countersign.clock.advance(1);
    await anew();
    countersign.clock.advance(1);
    await put("total");
    assert.equal((await checked(org, id, cost(10))).permission, "allowed");
    assert.equal((await settle(org, before.decision_id, 0)).status, 200);
    assert.equal(await settled(), 10);
    assert.equal((await checked(org, id, cost(1))).permission, "disabled");
    countersign.clock.advance(1);
    await org.manage("DELETE", "/v1/budgets/org");
    countersign.clock.advance(1);
  }
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("a token that is minted while the log is ahead of the clock is void when what it held is free", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { budget: { limit_micros: 10, period: "total" } });
  const { clock } = countersign;
  clock.set(4 * MINUTE_MS);
  await checked(org, id, cost(0));
  clock.set(-4 * MINUTE_MS);
  const body = { tool_name: "refund", mandate_id: id, ttl_seconds: 60, ...cost(10) };
  const mint = () => org.post("/v1/tokens/mint", body);
  const first = await mint();
  assert.equal(first.status, 201, first.text);
  assert.equal((await mint()).body.resolved_from, "mandate_budget");
  const [minted] = await entriesOf(org, "token.minted");
  assert.ok(String(minted?.data.held_until) > String(minted?.data.expires_at));
  // As by another node whose clock is ahead: the log goes on, and what was held is free.
  clock.set(5 * MINUTE_MS);
  assert.equal((await mint()).status, 201);
  clock.set(-5 * MINUTE_MS);
  const consume = { token: first.body.token, tool_name: "refund" };
  assert.equal((await org.post("/v1/tokens/consume", consume)).body.code, "token_expired");
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("what a call reserved is not settled beside its end, which may give it back", async () => {
  await using it = await CallOrg.start();
  await published(it.org, "shop", {
    agent: "assistant",
    scopes: [{ tool: READ, decision: "allow" }],
  });
  const id = await granted(it.org, { budget: { limit_micros: 10, period: "total" } });
  const call = (micros: number) => it.call(READ, { mandate_id: id, estimated_cost_micros: micros });
  assert.equal((await call(6)).status, 200);
  it.upstreams.answer = async () => {
    const [entry] = await entriesOf(it.org, "token.consumed");
    const { decision_id } = entry?.data ?? {};
    const got = await settle(it.org, String(decision_id), 0);
    assert.equal(got.body.code, "reservation_not_found", got.text);
    return notSent("unreachable");
  };
  assert.equal((await call(4)).body.code, "upstream_unreachable");
  assert.equal((await it.org.get(`/v1/mandates/${id}`)).body.budget.settled, 6);
  await it.log();
});

Deno.test("each entry by which what counts under a mandate may change has its number", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { budget: { limit_micros: 10, period: "total" } });
  const { token } = await checked(org, id, cost(4, { mint: true }));
  await org.post("/v1/tokens/consume", { token, tool_name: "refund" });
  const log = { token, tool_name: "refund", execution_result: "success", cost_micros: 1 };
  assert.equal((await org.post("/v1/executions/log", log)).status, 201);
  const unreported = await checked(org, id, cost(4, { mint: true }));
  await org.post("/v1/tokens/consume", { token: unreported.token, tool_name: "refund" });
  countersign.clock.advance(60 * MINUTE_MS);
  await org.post("/v1/executions/log", { ...log, token: unreported.token });
  const told = (await verifiedLog(countersign.services.deps, org.id))
    .map(({ entry }) => entry)
    .filter(({ subject }) => subject.mandate === id);
  assert.deepEqual(told.map(({ type, data }) => [data.mandate_seq, type]), [
    [1, "mandate.granted"],
    [2, "permission.checked"],
    [3, "token.minted"],
    [4, "token.consumed"],
    [5, "execution.logged"],
    [6, "permission.checked"],
    [7, "token.minted"],
    [8, "token.consumed"],
    [9, "execution.logged"],
    [10, "execution.logged"],
  ]);
});

Deno.test("while the clock is in doubt nothing is granted and nothing is counted", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { budget: { limit_micros: 10, period: "day" } });
  await checked(org, id, cost(4));
  for (const step of [6 * MINUTE_MS, -6 * MINUTE_MS]) {
    countersign.clock.set(step);
    const body = { tool_name: "refund", mandate_id: id, ...cost(4) };
    const got = await org.post("/v1/permissions/check", body);
    assert.deepEqual([got.status, got.body.code], [503, "clock"]);
    countersign.clock.set(-step);
  }
  assert.equal((await checked(org, id, cost(0))).budget.settled, 4);
});

Deno.test("a clock that steps back and forth within what is accepted opens no window twice", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, {
    budget: { limit_micros: 10, period: "day" },
    expires_at: new Date(countersign.clock.now + 400 * 24 * 60 * MINUTE_MS).toISOString(),
  });
  const windows: number[] = [];
  const { clock } = countersign;
  for (let day = 0; day < 20; day++) {
    for (const step of [2, -4, 4, -2]) {
      clock.set(step * MINUTE_MS);
      if ((await checked(org, id, cost(10))).permission !== "allowed") continue;
      const entry = (await entriesOf(org, "permission.checked")).at(-1);
      const [reserved] = entry?.data.reserved as { window: number }[];
      windows.push(reserved?.window ?? 0);
    }
    clock.advance(24 * 60 * MINUTE_MS);
  }
  assert.equal(new Set(windows).size, windows.length);
  assert.ok(windows.length >= 20, `${windows.length}`);
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("a settlement counts once however it races with the end of its mandate, and after it, too", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  await using other = await countersign.another();
  const id = await granted(org, { budget: { limit_micros: 100, period: "total" } });
  const costs = [3, 10, 17];
  const reserved = [];
  for (const _ of costs) reserved.push(await checked(org, id, cost(10)));
  const got = await Promise.all([
    ...reserved.map(({ decision_id }, i) => settle(org, decision_id, costs[i] ?? 0)),
    other.request("POST", `/v1/mandates/${id}/revoke`, {
      key: org.standard,
      body: { by: "user" },
    }),
    ...reserved.map(({ decision_id }, i) =>
      other.request("POST", "/v1/budgets/settle", {
        key: org.standard,
        body: { decision_id, actual_cost_micros: costs[i] },
      })
    ),
  ]);
  assert.deepEqual(got.map(({ status }) => status), Array(7).fill(200));
  const { budget, state } = (await org.get(`/v1/mandates/${id}`)).body;
  assert.deepEqual([state, budget.settled, budget.reserved], ["revoked", 30, 0]);
  assert.equal((await entriesOf(org, "budget.settled")).length, 3);
  const [first] = reserved;
  assert.equal((await settle(org, first.decision_id, 9)).body.code, "already_settled");
  await verifiedLog(countersign.services.deps, org.id);
});
