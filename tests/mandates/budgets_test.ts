import assert from "node:assert/strict";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { BUNDLE, CHECK, checked, grant, granted, shop } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { eventsOf, hearEverything } from "../helpers/outbox.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const MINUTE_MS = 60_000;

const TEN = { limit_micros: 10, period: "total" };

async function spender(org: TestOrg, budget: object = TEN, bundle: object = BUNDLE) {
  await shop(org, bundle);
  return await granted(org, { budget });
}

async function left(org: TestOrg, id: string) {
  const { settled, reserved, available, overrun } = (await org.get(`/v1/mandates/${id}`)).body
    .budget;
  return { settled, reserved, available, overrun };
}

const cost = (estimated_cost_micros: number, more: object = {}) => ({
  estimated_cost_micros,
  ...more,
});

function settle(org: TestOrg, decision_id: string, actual_cost_micros: number): Promise<Got> {
  return org.post("/v1/budgets/settle", { decision_id, actual_cost_micros });
}

Deno.test("a check under a budget reserves its estimate, and is refused where there is no room", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  const first = await checked(org, id, cost(6));
  assert.equal(first.permission, "allowed");
  assert.deepEqual(first.budget, {
    limit: 10,
    settled: 6,
    reserved: 0,
    available: 4,
    overrun: 0,
    window_ends_at: null,
  });
  const over = await checked(org, id, cost(5));
  assert.deepEqual([over.permission, over.resolved_from], ["disabled", "mandate_budget"]);
  assert.equal(over.chain.permission, "allowed");
  assert.equal((await checked(org, id, cost(4))).permission, "allowed");
  assert.deepEqual(await left(org, id), { settled: 10, reserved: 0, available: 0, overrun: 0 });
  const [entry] = await entriesOf(org, "permission.checked");
  assert.deepEqual(entry?.data.reserved, [{ scope: "mandate", window: 0, micros: 6 }]);
  assert.equal(entry?.data.estimated_cost_micros, 6);
});

Deno.test("an estimate that is missing or no amount of money is refused, and counts nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  const ask = (fields: object) =>
    org.post(CHECK, { tool_name: "refund", mandate_id: id, ...fields });
  const missing = await ask({});
  assert.deepEqual([missing.status, missing.body.code], [422, "estimate_required"]);
  for (const estimated_cost_micros of [-1, 0.5, "5", 2 ** 53]) {
    assert.equal((await ask({ estimated_cost_micros })).status, 422);
  }
  assert.equal((await left(org, id)).settled, 0);
});

Deno.test("an estimate of nothing counts as the least one", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org, { ...TEN, min_estimate_micros: 4 });
  const asked = [];
  for (let i = 0; i < 3; i++) asked.push((await checked(org, id, cost(0))).permission);
  assert.deepEqual(asked, ["allowed", "allowed", "disabled"]);
});

Deno.test("what is refused or asked spends nothing, and above the soft limit the user is asked", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org, { ...TEN, ask_above_micros: 5 });
  const asked = await checked(org, id, cost(6, { request: true, reason: "much", mint: true }));
  assert.deepEqual([asked.permission, asked.resolved_from], [
    "requires_approval",
    "mandate_budget",
  ]);
  assert.equal(asked.approval.estimated_cost_micros, 6);
  assert.equal((await checked(org, id, cost(11))).permission, "disabled");
  assert.equal((await left(org, id)).available, 10);
  await org.manage("PATCH", "/v1/tools/refund", { default_permission: "disabled" });
  assert.equal((await checked(org, id, cost(1))).resolved_from, "tool_default");
  assert.equal((await left(org, id)).available, 10);
  await org.manage("PATCH", "/v1/tools/refund", { default_permission: "allowed" });

  assert.deepEqual(asked.seats, ["user"]);
  await org.post(`/v1/confirmations/${asked.nonce}`, { decision: "approve" }, org.approver);
  const mint = (estimate: number) =>
    org.post("/v1/tokens/mint", {
      tool_name: "refund",
      mandate_id: id,
      approval_id: asked.approval.id,
      ...cost(estimate),
    });
  // What was approved covers no more than what the approver was shown.
  const dearer = await mint(7);
  assert.deepEqual([dearer.body.code, dearer.body.differs], [
    "action_mismatch",
    ["/estimated_cost_micros"],
  ]);
  assert.equal((await left(org, id)).available, 10);
  assert.equal((await mint(6)).status, 201);
  assert.deepEqual(await left(org, id), { settled: 0, reserved: 6, available: 4, overrun: 0 });
  const [minted] = await entriesOf(org, "token.minted");
  assert.deepEqual(minted?.data.reserved, [{ scope: "mandate", window: 0, micros: 6 }]);
});

Deno.test("a run token that is never consumed gives back what it held, one that is consumed does not", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  const one = await checked(org, id, cost(4, { mint: true }));
  await checked(org, id, cost(5, { mint: true }));
  assert.deepEqual(await left(org, id), { settled: 0, reserved: 9, available: 1, overrun: 0 });
  const consumed = await org.post("/v1/tokens/consume", { token: one.token, tool_name: "refund" });
  assert.equal(consumed.status, 200);
  assert.deepEqual(await left(org, id), { settled: 4, reserved: 5, available: 1, overrun: 0 });
  countersign.clock.advance(6 * MINUTE_MS);
  assert.deepEqual(await left(org, id), { settled: 4, reserved: 0, available: 6, overrun: 0 });
  assert.equal((await checked(org, id, cost(6))).permission, "allowed");
});

Deno.test("a run token's execution settles it by its cost, which may be above the limit", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  const run = async (estimate: number, cost_micros: number | null) => {
    const { token } = await checked(org, id, cost(estimate, { mint: true }));
    const log = { token, tool_name: "refund", execution_result: "success", cost_micros };
    assert.equal((await org.post("/v1/executions/log", log)).status, 201);
    return (await left(org, id)).settled;
  };
  assert.equal(await run(5, 2), 2);
  assert.equal(await run(3, null), 5);
  assert.equal(await run(1, 9), 14);
  assert.deepEqual(await left(org, id), { settled: 14, reserved: 0, available: 0, overrun: 4 });
  assert.equal((await checked(org, id, cost(0))).permission, "disabled");
});

Deno.test("a run that nobody reports stays spent, and a late report settles it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  const { token } = await checked(org, id, cost(5, { mint: true }));
  await org.post("/v1/tokens/consume", { token, tool_name: "refund" });
  countersign.clock.advance(120 * MINUTE_MS);
  assert.equal((await left(org, id)).settled, 5);
  const late = { token, tool_name: "refund", execution_result: "success", cost_micros: 1 };
  const logged = await org.post("/v1/executions/log", late);
  assert.equal(logged.body.late, true, logged.text);
  assert.equal((await left(org, id)).settled, 1);
});

Deno.test("a decision without a run token is settled once, by whoever asked", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const stranger = await countersign.org();
  const id = await spender(org);
  const { decision_id } = await checked(org, id, cost(6));
  const denied = await checked(org, id, cost(7));
  const first = await settle(org, decision_id, 2);
  assert.deepEqual([first.status, first.body.delta_micros], [200, -4], first.text);
  assert.deepEqual((await settle(org, decision_id, 2)).body, first.body);
  const other = await settle(org, decision_id, 3);
  assert.deepEqual([other.status, other.body.code], [409, "already_settled"]);
  assert.equal((await left(org, id)).settled, 2);

  const another = await org.key("standard");
  const nobodys: Got[] = [
    await settle(org, denied.decision_id, 0),
    await settle(stranger, decision_id, 2),
    await settle(org, "dec_01kdvdna00e000000000000000", 2),
    await org.post("/v1/budgets/settle", { decision_id, actual_cost_micros: 2 }, another),
  ];
  const { token, decision_id: minted } = await checked(org, id, cost(1, { mint: true }));
  assert.match(token, /^cs_run_/);
  nobodys.push(await settle(org, minted, 0));
  for (const got of nobodys) {
    assert.deepEqual([got.status, got.body.code], [404, "reservation_not_found"], got.text);
  }
});

Deno.test("of many settlements at once one counts", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  const { decision_id } = await checked(org, id, cost(10));
  const got = await Promise.all(
    Array.from({ length: 20 }, (_, i) => settle(org, decision_id, i % 5)),
  );
  const taken = got.filter(({ status }) => status === 200);
  assert.equal(taken.length, 4);
  assert.equal((await left(org, id)).settled, taken[0]?.body.actual_cost_micros);
  assert.equal((await entriesOf(org, "budget.settled")).length, 1);
});

Deno.test("a mint that names its check takes over what that reserved, once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  const { decision_id } = await checked(org, id, cost(8));
  const mint = (fields: object) =>
    org.post("/v1/tokens/mint", { tool_name: "refund", mandate_id: id, ...cost(8), ...fields });
  const anew = await mint({});
  assert.deepEqual([anew.status, anew.body.resolved_from], [403, "mandate_budget"], anew.text);
  const wrong: readonly [object, string][] = [
    [{ resource_id: "other" }, "action_mismatch"],
    [cost(9), "action_mismatch"],
    [{ decision_id: "dec_01kdvdna00e000000000000000" }, "reservation_not_found"],
  ];
  for (const [fields, code] of wrong) {
    assert.equal((await mint({ decision_id, ...fields })).body.code, code);
  }
  assert.equal((await left(org, id)).settled, 8);
  const taken = await mint({ decision_id });
  assert.equal(taken.status, 201, taken.text);
  assert.deepEqual(await left(org, id), { settled: 8, reserved: 0, available: 2, overrun: 0 });
  assert.equal((await mint({ decision_id })).body.code, "already_settled");
  assert.equal((await settle(org, decision_id, 0)).body.code, "already_settled");
  const log = { token: taken.body.token, tool_name: "refund", execution_result: "success" };
  assert.equal((await org.post("/v1/executions/log", { ...log, cost_micros: 3 })).status, 201);
  assert.deepEqual(await left(org, id), { settled: 3, reserved: 0, available: 7, overrun: 0 });
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("what a check allowed stays spent whatever becomes of a token that names it: unused, for less, refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  await org.manage("PATCH", "/v1/tools/refund", {
    parameters: { type: "object", properties: { amount: { type: "integer" } } },
  });
  const mint = (decision_id: string, fields: object) =>
    org.post("/v1/tokens/mint", { tool_name: "refund", mandate_id: id, decision_id, ...fields });
  const unused = await checked(org, id, cost(3));
  assert.equal((await mint(unused.decision_id, cost(3))).status, 201);
  const cheaper = await checked(org, id, cost(3));
  assert.equal((await mint(cheaper.decision_id, cost(0))).status, 201);
  const misfit = { arguments: { amount: "much" } };
  const refused = await checked(org, id, cost(3, misfit));
  const got = await mint(refused.decision_id, cost(3, misfit));
  assert.equal(got.body.code, "invalid_arguments", got.text);
  const all = { settled: 9, reserved: 0, available: 1, overrun: 0 };
  assert.deepEqual(await left(org, id), all);
  countersign.clock.advance(61 * MINUTE_MS);
  assert.deepEqual(await left(org, id), all);
  // No token came of it, so whoever asked may still say what it cost.
  assert.equal((await settle(org, refused.decision_id, 1)).status, 200);
  assert.equal((await left(org, id)).settled, 7);
  // One that reserves by itself authorizes nothing where it is not used.
  assert.equal((await checked(org, id, cost(3, { mint: true }))).permission, "allowed");
  countersign.clock.advance(6 * MINUTE_MS);
  assert.equal((await left(org, id)).settled, 7);
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("an allowed check whose token is not minted after all gives back what it counted", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  await org.manage("PATCH", "/v1/tools/refund", {
    parameters: { type: "object", required: ["amount"] },
  });
  for (let i = 0; i < 3; i++) {
    const body = { tool_name: "refund", mandate_id: id, mint: true, ...cost(8) };
    assert.equal((await org.post(CHECK, body)).body.code, "invalid_arguments");
  }
  assert.equal((await left(org, id)).available, 10);
  const [settled] = await entriesOf(org, "budget.settled");
  assert.equal(settled?.data.actual_cost_micros, 0);
});

Deno.test("an action counts against all budgets or none: its user's, agent's, tenant's, scope's, the org's", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await shop(org, {
    ...BUNDLE,
    scopes: [{ tool: "refund", decision: "allow", budget: { limit_micros: 90, period: "day" } }],
  });
  const body = { limit_micros: 100, period: "month" };
  const scopes = ["org", "user:u1", "agent:shop-assistant", "tenant:acme"];
  for (const scope of scopes) {
    assert.equal((await org.manage("PUT", `/v1/budgets/${scope}`, body)).status, 201);
  }
  const id = await granted(org, { tenant_id: "acme", budget: { ...TEN, limit_micros: 95 } });
  const spend = (micros: number) => checked(org, id, cost(micros, { tenant_id: "acme" }));
  assert.equal((await spend(60)).permission, "allowed");
  const settled = async () => {
    const { body } = await org.get("/v1/budgets");
    return Object.fromEntries(
      body.data.map(({ scope, settled }: { scope: string; settled: number }) => [scope, settled]),
    );
  };
  assert.deepEqual(await settled(), {
    "agent:shop-assistant": 60,
    org: 60,
    "tenant:acme": 60,
    "user:u1": 60,
  });
  assert.equal((await spend(31)).resolved_from, "mandate_budget");
  assert.equal(Object.values(await settled()).every((micros) => micros === 60), true);

  // Another user of the same org, agent and tenant.
  const other = await granted(org, { user_id: "u2", tenant_id: "acme" });
  const more = await checked(org, other, cost(40, { tenant_id: "acme" }));
  assert.equal(more.permission, "allowed");
  assert.equal((await spend(1)).permission, "disabled");
  const entries = await entriesOf(org, "permission.checked");
  assert.doesNotMatch(JSON.stringify(entries), /u1|u2/);

  assert.equal((await org.get("/v1/budgets?scope=user:u1")).body.data[0].settled, 60);
  const raised = await org.manage("PUT", "/v1/budgets/org", { ...body, limit_micros: 1000 });
  assert.deepEqual([raised.status, raised.body.settled], [200, 100]);
  assert.equal((await org.manage("DELETE", "/v1/budgets/tenant:acme")).status, 200);
  assert.equal((await org.manage("DELETE", "/v1/budgets/tenant:acme")).status, 404);
  for (const scope of ["everybody", "user:", "user:ann@example.com", "mandate:x"]) {
    const path = `/v1/budgets/${encodeURIComponent(scope)}`;
    assert.equal((await org.manage("PUT", path, body)).status, 422, scope);
  }
});

Deno.test("a budget of a day begins anew with the day, and what was reserved before stays there", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org, { limit_micros: 10, period: "day" });
  const { decision_id } = await checked(org, id, cost(10));
  assert.equal((await checked(org, id, cost(1))).permission, "disabled");
  countersign.clock.advance(24 * 60 * MINUTE_MS);
  assert.equal((await checked(org, id, cost(9))).permission, "allowed");
  assert.equal((await settle(org, decision_id, 0)).status, 200);
  assert.equal((await left(org, id)).settled, 9);
});

Deno.test("a scope may be used so often in a minute, and what is refused does not count", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), {
    ...BUNDLE,
    scopes: [{ tool: "refund", decision: "allow", limits: { max_per_minute: 2, max_per_day: 3 } }],
  });
  const id = await granted(org);
  const ask = async () => (await checked(org, id)).resolved_from;
  assert.deepEqual([await ask(), await ask(), await ask()], [
    "tool_default",
    "tool_default",
    "mandate_rate",
  ]);
  countersign.clock.advance(MINUTE_MS);
  assert.deepEqual([await ask(), await ask()], ["tool_default", "mandate_rate"]);
});

Deno.test("the same idempotency key spends once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  const body = { tool_name: "refund", mandate_id: id, ...cost(4) };
  for (let i = 0; i < 4; i++) {
    const got = await org.post(CHECK, body, org.standard, { "idempotency-key": "one" });
    assert.equal(got.body.permission, "allowed");
  }
  assert.equal((await left(org, id)).settled, 4);
});

Deno.test("of many checks on one budget from two nodes as many are allowed as there is room for", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await using other = await countersign.another();
  const id = await spender(org, { limit_micros: 70, period: "total" });
  const body = { tool_name: "refund", mandate_id: id, ...cost(10) };
  const got = await Promise.all(Array.from({ length: 120 }, (_, i) => {
    const node = i % 2 === 0 ? countersign : other;
    return node.request("POST", CHECK, { key: org.standard, body: { ...body, mint: i % 3 === 0 } });
  }));
  assert.ok(got.every(({ status }) => status === 200));
  assert.equal(got.filter(({ body }) => body.permission === "allowed").length, 7);
  const { settled, reserved } = await left(org, id);
  assert.equal(settled + reserved, 70);
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("a budget that makes no sense is refused where it is written", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const wrong = [
    { limit_micros: -1, period: "total" },
    { limit_micros: 2 ** 53, period: "total" },
    { limit_micros: 1.5, period: "total" },
    { limit_micros: 1, period: "minute" },
    { limit_micros: 1 },
    { limit_micros: 1, period: "day", on_silence: "keep" },
  ];
  for (const budget of wrong) {
    assert.equal((await grant(org, { budget })).status, 422, JSON.stringify(budget));
  }
});

Deno.test("what a budget has come to is told once a window: most of it, all of it, more than it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org, { limit_micros: 10, period: "day" });
  await hearEverything(org);
  const told = async () =>
    (await eventsOf(countersign.services.deps.kv, org.id)).flatMap(({ happening }) =>
      happening.type === "budget.threshold" || happening.type === "budget.overrun"
        ? [`${happening.type} ${happening.percent} of ${happening.mandate}`]
        : []
    );
  const first = await checked(org, id, cost(8));
  await checked(org, id, cost(1));
  assert.deepEqual(await told(), [`budget.threshold 80 of ${id}`]);
  await checked(org, id, cost(1));
  await settle(org, first.decision_id, 13);
  assert.deepEqual(await told(), [
    `budget.threshold 80 of ${id}`,
    `budget.threshold 100 of ${id}`,
    `budget.overrun 150 of ${id}`,
  ]);
  countersign.clock.advance(24 * 60 * MINUTE_MS);
  await checked(org, id, cost(10));
  assert.equal((await told()).length, 4);
});

Deno.test("a budget that is raised is told of anew, by what is spent of the higher limit", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org, { limit_micros: 1000, period: "total" });
  await hearEverything(org);
  const set = (limit_micros: number) =>
    org.manage("PUT", "/v1/budgets/user:u1", { limit_micros, period: "total" });
  const told = async () =>
    (await eventsOf(countersign.services.deps.kv, org.id)).flatMap(({ happening }) =>
      happening.type === "budget.threshold" && happening.scope_kind === "user"
        ? [`${happening.percent} of ${happening.limit_micros}`]
        : []
    );
  await set(10);
  await checked(org, id, cost(10));
  await set(20);
  await checked(org, id, cost(1));
  assert.deepEqual(await told(), ["100 of 10"]);
  await checked(org, id, cost(5));
  // The same limit again tells nothing twice.
  await set(20);
  await checked(org, id, cost(1));
  await checked(org, id, cost(3));
  assert.deepEqual(await told(), ["100 of 10", "80 of 20", "100 of 20"]);
});

Deno.test("an organization says at which shares of a budget it is told; nobody is told of what it leaves out", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const id = await spender(org);
  await hearEverything(org);
  const set = (budget_alert_percent: unknown) =>
    org.manage("PATCH", "/v1/org", { budget_alert_percent });
  for (const wrong of [[0], [101], [80, 80], [90, 80], [0.5], ["80"], 80, null]) {
    assert.equal((await set(wrong)).status, 422, JSON.stringify(wrong));
  }
  const told = async () =>
    (await eventsOf(countersign.services.deps.kv, org.id)).flatMap(({ happening }) =>
      happening.type === "budget.threshold" ? [happening.percent] : []
    );
  assert.deepEqual((await set([10, 30, 50])).body.budget_alert_percent, [10, 30, 50]);
  await checked(org, id, cost(1));
  await checked(org, id, cost(3));
  assert.deepEqual(await told(), [10, 30]);
  assert.equal((await set([])).status, 200);
  await checked(org, id, cost(6));
  assert.deepEqual(await told(), [10, 30]);
});
