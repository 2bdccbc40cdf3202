import assert from "node:assert/strict";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { BUNDLE, CHECK, checked, granted, published, shop } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

const TEN = { limit_micros: 10, period: "total" };

const RUN = { tool_name: "refund" };

const cost = (estimated_cost_micros: number, more: object = {}) => ({
  estimated_cost_micros,
  ...more,
});

async function left(org: TestOrg, id: string) {
  const { settled, reserved } = (await org.get(`/v1/mandates/${id}`)).body.budget;
  return { settled, reserved };
}

const settle = (org: TestOrg, decision_id: string, actual_cost_micros: number): Promise<Got> =>
  org.post("/v1/budgets/settle", { decision_id, actual_cost_micros });

Deno.test("attack: one reservation settled, taken over and ended with its mandate all at once counts once", async () => {
  await using countersign = await Countersign.start();
  await using other = await countersign.another();
  const org = await shop(await countersign.org());
  let [settlements, mints] = [0, 0];
  for (let round = 0; round < 8; round++) {
    const id = await granted(org, { budget: TEN });
    const { decision_id } = await checked(org, id, cost(8));
    const mint = (node: Countersign) =>
      node.request("POST", "/v1/tokens/mint", {
        key: org.standard,
        body: { ...RUN, mandate_id: id, decision_id, ...cost(8) },
      });
    const got = await Promise.all([
      ...round % 2 === 0 ? [] : [mint(countersign), mint(other)],
      ...Array.from(
        { length: 12 },
        (_, i) =>
          (i % 2 === 0 ? countersign : other).request("POST", "/v1/budgets/settle", {
            key: org.standard,
            body: { decision_id, actual_cost_micros: i % 6 },
          }),
      ),
      ...round % 3 === 0 ? [org.post(`/v1/mandates/${id}/revoke`, { by: "user" })] : [],
    ]);
    const settled = got.filter(({ status, body }) => status === 200 && "delta_micros" in body);
    const minted = got.filter(({ status }) => status === 201);
    assert.ok(minted.length <= 1);
    // What is said a second time is answered as the first time.
    assert.equal(new Set(settled.map(({ body }) => body.audit.index)).size, 1 - minted.length);
    const counts = settled[0]?.body.actual_cost_micros ?? 8;
    assert.deepEqual(await left(org, id), { settled: counts, reserved: 0 });
    settlements += settled.length > 0 ? 1 : 0;
    mints += minted.length;
  }
  assert.equal(settlements + mints, 8);
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("attack: one run reported many times at once, at different costs, is settled once", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { budget: TEN });
  const { token, decision_id } = await checked(org, id, cost(8, { mint: true }));
  const got = await Promise.all([
    ...Array.from(
      { length: 12 },
      (_, cost_micros) =>
        org.post("/v1/executions/log", { ...RUN, token, execution_result: "success", cost_micros }),
    ),
    settle(org, decision_id, 0),
  ]);
  const logged = got.filter(({ status }) => status === 201);
  assert.equal(logged.length, 1);
  const [entry] = await entriesOf(org, "execution.logged");
  assert.deepEqual(await left(org, id), { settled: entry?.data.cost_micros, reserved: 0 });
});

Deno.test("attack: an action that is said to cost nothing, a hundred times, spends the least estimate each time", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { budget: { ...TEN, min_estimate_micros: 1 } });
  const got = await Promise.all(Array.from({ length: 100 }, () => checked(org, id, cost(0))));
  assert.equal(got.filter(({ permission }) => permission === "allowed").length, 10);
});

Deno.test("attack: an estimate that is left out, or is no amount, is refused by every way in and counts nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { budget: { ...TEN, ask_above_micros: 0 } });
  const ways = (fields: object): Promise<Got>[] => {
    const body = { ...RUN, mandate_id: id, ...fields };
    return [
      org.post(CHECK, body),
      org.post(CHECK, { ...body, mint: true, request: true, reason: "r" }),
      org.post("/v1/tokens/mint", body),
      org.post("/v1/approvals", { ...body, reason: "r" }),
    ];
  };
  const amounts = [-1, -0.5, 0.5, "5", 2 ** 53, 1e300, true, [], {}];
  for (const estimated_cost_micros of amounts) {
    for (const got of await Promise.all(ways({ estimated_cost_micros }))) {
      assert.equal(got.status, 422, JSON.stringify(estimated_cost_micros));
    }
  }
  for (const missing of [{}, { estimated_cost_micros: null }]) {
    for (const got of await Promise.all(ways(missing))) {
      assert.deepEqual([got.status, got.body.code], [422, "estimate_required"], got.text);
    }
    const checks = [{ ...RUN, mandate_id: id, ...missing }];
    const batch = await org.post("/v1/permissions/check-batch", { checks });
    assert.equal(batch.body.results[0].error.code, "estimate_required", batch.text);
  }
  assert.deepEqual(await left(org, id), { settled: 0, reserved: 0 });
});

Deno.test("attack: a limit raised by publishing the bundle again counts for no mandate that there is", async () => {
  await using countersign = await Countersign.start();
  const limited = (limit_micros: number) => ({
    ...BUNDLE,
    scopes: [{
      tool: "refund",
      decision: "allow",
      budget: { limit_micros, period: "total" },
      limits: { max_per_day: limit_micros },
    }],
  });
  const org = await shop(await countersign.org(), limited(2));
  const id = await granted(org);
  await checked(org, id, cost(2));
  await published(org, "shop", limited(1000));
  assert.equal((await checked(org, id, cost(1))).resolved_from, "mandate_budget");
  const next = await granted(org);
  assert.equal((await checked(org, next, cost(900))).permission, "allowed");
});

Deno.test("attack: a clock that is set opens no window: back a little it is the same one, further nothing is counted", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const { clock } = countersign;
  const id = await granted(org, { budget: { limit_micros: 10, period: "day" } });
  assert.equal((await checked(org, id, cost(10))).permission, "allowed");
  const refused = async () => {
    const got = await org.post(CHECK, { ...RUN, mandate_id: id, ...cost(1) });
    assert.deepEqual([got.status, got.body.code], [503, "clock"], got.text);
  };
  for (const days of [1, 31, -1]) {
    clock.set(days * DAY_MS);
    await refused();
    clock.set(-days * DAY_MS);
  }
  // The day passes: its window opens once, and not again in the minutes that come twice.
  clock.advance(DAY_MS);
  assert.equal((await checked(org, id, cost(10))).permission, "allowed");
  clock.set(-4 * 60 * 1000);
  assert.equal((await checked(org, id, cost(1))).resolved_from, "mandate_budget");
  clock.set(4 * 60 * 1000);
  assert.equal((await checked(org, id, cost(1))).resolved_from, "mandate_budget");
  assert.deepEqual(await left(org, id), { settled: 10, reserved: 0 });
});

Deno.test("attack: at the millisecond at which a mandate is over nothing of it is allowed, minted or consumed", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const { clock } = countersign;
  const expires_at = new Date(clock.now + 60_000).toISOString();
  const id = await granted(org, { budget: TEN, expires_at });
  const one = await checked(org, id, cost(1, { mint: true }));
  const two = await checked(org, id, cost(1));
  clock.advance(59_999);
  assert.equal((await checked(org, id, cost(1))).permission, "allowed");
  clock.advance(1);
  assert.equal((await checked(org, id, cost(1))).resolved_from, "mandate_expired");
  const consumed = await org.post("/v1/tokens/consume", { ...RUN, token: one.token });
  assert.equal(consumed.body.code, "token_expired", consumed.text);
  const mint = { ...RUN, mandate_id: id, decision_id: two.decision_id, ...cost(1) };
  assert.equal((await org.post("/v1/tokens/mint", mint)).status, 403);
  // What was allowed in time may still be said to have cost something.
  assert.equal((await settle(org, two.decision_id, 3)).status, 200);
});

Deno.test("attack: a budget of another organization, agent or user is neither read, settled nor spent", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const stranger = await shop(await countersign.org());
  const limit = { limit_micros: 5, period: "total" };
  for (const scope of ["org", "user:u1", "agent:shop-assistant"]) {
    assert.equal((await org.manage("PUT", `/v1/budgets/${scope}`, limit)).status, 201);
  }
  assert.deepEqual((await stranger.get("/v1/budgets")).body.data, []);
  assert.equal((await stranger.manage("DELETE", "/v1/budgets/user:u1")).status, 404);
  const theirs = await granted(stranger, { budget: TEN });
  const { decision_id } = await checked(stranger, theirs, cost(9));
  assert.equal((await settle(org, decision_id, 0)).body.code, "reservation_not_found");
  const { data } = (await org.get("/v1/budgets")).body;
  assert.ok(data.every(({ settled }: { settled: number }) => settled === 0));
  // A name of a scope is no way to a row of another kind.
  for (const scope of ["mandate:" + theirs, "uses:" + theirs, "rate:day:x:refund", "user:", "x"]) {
    const path = `/v1/budgets/${encodeURIComponent(scope)}`;
    assert.equal((await org.manage("PUT", path, limit)).status, 422, scope);
    assert.equal((await org.get(`/v1/budgets?scope=${encodeURIComponent(scope)}`)).status, 422);
  }
});
