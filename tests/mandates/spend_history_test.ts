import assert from "node:assert/strict";
import { type DaySpent, spentByDay } from "../../lib/mandates/spend_history.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { checked, granted, shop } from "../helpers/mandates.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const MINUTE_MS = 60_000;

const DAY_MS = 24 * 60 * MINUTE_MS;

const RUN = { tool_name: "refund" };

/** The sums of the last three days, each as `reported estimated held`. */
async function history({ countersign, id }: TestOrg, mandate: string): Promise<string[]> {
  const log = await verifiedLog(countersign.services.deps, id);
  const about = log.map(({ entry }) => entry).filter(({ subject }) => subject.mandate === mandate);
  return spentByDay(about, countersign.clock.now, 3)
    .map(({ reported, estimated, held }: DaySpent) => `${reported} ${estimated} ${held}`);
}

const cost = (estimated_cost_micros: number, more: object = {}) => ({
  estimated_cost_micros,
  ...more,
});

Deno.test("what was spent by day is what the counter of the budget says: estimated, held, reported, given back", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { budget: { limit_micros: 1000, period: "total" } });
  const counted = async () => {
    const { settled, reserved } = (await org.get(`/v1/mandates/${id}`)).body.budget;
    return settled + reserved;
  };
  const agrees = async (expected: readonly string[]) => {
    const days = await history(org, id);
    assert.deepEqual(days, expected);
    const sum = days.flatMap((day) => day.split(" ").map(Number)).reduce((a, b) => a + b, 0);
    assert.equal(sum, await counted());
  };
  await agrees(["0 0 0", "0 0 0", "0 0 0"]);
  const { decision_id } = await checked(org, id, cost(10));
  await checked(org, id, cost(2000));
  await agrees(["0 0 0", "0 0 0", "0 10 0"]);
  await org.post("/v1/budgets/settle", { decision_id, actual_cost_micros: 7 });
  await agrees(["0 0 0", "0 0 0", "7 0 0"]);

  countersign.clock.advance(DAY_MS);
  await checked(org, id, cost(20, { mint: true }));
  const run = await checked(org, id, cost(30, { mint: true }));
  await agrees(["0 0 0", "7 0 0", "0 0 50"]);
  await org.post("/v1/tokens/consume", { ...RUN, token: run.token });
  await agrees(["0 0 0", "7 0 0", "0 30 20"]);
  countersign.clock.advance(10 * MINUTE_MS);
  await agrees(["0 0 0", "7 0 0", "0 30 0"]);
  const report = { ...RUN, token: run.token, execution_result: "success", cost_micros: 33 };
  await org.post("/v1/executions/log", report);
  await agrees(["0 0 0", "7 0 0", "33 0 0"]);

  // A check that a mint takes over counts once, and stays.
  const before = await checked(org, id, cost(40));
  const mint = { ...RUN, mandate_id: id, decision_id: before.decision_id, ...cost(40) };
  assert.equal((await org.post("/v1/tokens/mint", mint)).status, 201);
  countersign.clock.advance(DAY_MS);
  await agrees(["7 0 0", "33 40 0", "0 0 0"]);
});

Deno.test("what the user approved, and what a budget forgets, is spent as the counter says", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const budget = { limit_micros: 100, period: "total", ask_above_micros: 5, on_silence: "release" };
  const id = await granted(org, { budget });
  const asked = await checked(org, id, cost(8, { request: true, reason: "much" }));
  await org.post(`/v1/confirmations/${asked.nonce}`, { decision: "approve" }, org.approver);
  assert.deepEqual(await history(org, id), ["0 0 0", "0 0 0", "0 0 0"]);
  const mint = { ...RUN, mandate_id: id, approval_id: asked.approval.id, ...cost(8) };
  const minted = await org.post("/v1/tokens/mint", mint);
  assert.equal(minted.status, 201, minted.text);
  assert.deepEqual(await history(org, id), ["0 0 0", "0 0 0", "0 0 8"]);
  await org.post("/v1/tokens/consume", { ...RUN, token: minted.body.token });
  assert.deepEqual(await history(org, id), ["0 0 0", "0 0 0", "0 8 0"]);

  const quiet = await granted(org, { budget: { ...budget, ask_above_micros: null } });
  await checked(org, quiet, cost(3));
  assert.deepEqual(await history(org, quiet), ["0 0 0", "0 0 0", "0 0 3"]);
  countersign.clock.advance(61 * MINUTE_MS);
  assert.deepEqual(await history(org, quiet), ["0 0 0", "0 0 0", "0 0 0"]);
});
