import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { CHECK, checked, granted, shop } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const MINUTE_MS = 60_000;

const FORGETS = { limit_micros: 10, period: "total", on_silence: "release" };

async function mandate(org: TestOrg, id: string) {
  return (await org.get(`/v1/mandates/${id}`)).body;
}

async function left(org: TestOrg, id: string) {
  const { settled, reserved } = (await mandate(org, id)).budget;
  return { settled, reserved };
}

const cost = (estimated_cost_micros: number, more: object = {}) => ({
  estimated_cost_micros,
  ...more,
});

Deno.test("a mandate of so many uses allows that many, and what is refused, asked or taken back uses none", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { uses: 3 });
  assert.deepEqual([(await mandate(org, id)).uses, (await mandate(org, id)).uses_left], [3, 3]);
  const first = await checked(org, id);
  assert.deepEqual([first.permission, first.mandate.uses_left], ["allowed", 2]);

  await org.manage("PATCH", "/v1/tools/refund", { default_permission: "disabled" });
  assert.equal((await checked(org, id)).mandate.uses_left, 2);
  await org.manage("PATCH", "/v1/tools/refund", {
    default_permission: "allowed",
    parameters: { type: "object", required: ["amount"] },
  });
  const body = { tool_name: "refund", mandate_id: id, mint: true };
  assert.equal((await org.post(CHECK, body)).body.code, "invalid_arguments");
  await org.manage("PATCH", "/v1/tools/refund", { parameters: null });
  assert.equal((await mandate(org, id)).uses_left, 2);

  // The mint of a check is the same use, a mint by itself another one.
  const mint = (fields: object) =>
    org.post("/v1/tokens/mint", { tool_name: "refund", mandate_id: id, ...fields });
  assert.equal((await mint({})).status, 201);
  const last = await checked(org, id);
  assert.equal(last.mandate.uses_left, 0);
  const over = await checked(org, id);
  assert.deepEqual([over.permission, over.resolved_from, over.mandate.uses_left], [
    "disabled",
    "mandate_rate",
    0,
  ]);
  const listed = (await org.get("/v1/mandates?user_id=u1")).body.data[0];
  assert.deepEqual([listed.uses, listed.uses_left], [3, 0]);
  const other = await granted(org, { replaces: id });
  assert.equal((await mandate(org, other)).uses_left, null);
  assert.equal("uses_left" in (await checked(org, other)).mandate, false);
  const [granted_entry] = await entriesOf(org, "mandate.granted");
  assert.equal(granted_entry?.data.uses, 3);
});

Deno.test("of many checks at once on a mandate of so many uses, that many are allowed", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { uses: 7 });
  const all = await Promise.all(Array.from({ length: 40 }, () => checked(org, id)));
  assert.equal(all.filter(({ permission }) => permission === "allowed").length, 7);
  for (const uses of [0, -1, 0.5, "3", 2 ** 53]) {
    const grant = { user_id: "u1", bundle: { id: "shop" }, uses };
    assert.equal((await org.post("/v1/mandates", grant, org.management)).status, 422);
  }
});

Deno.test("a budget that forgets gives back what a check alone reserved after an hour, and the entry says so", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { budget: FORGETS });
  assert.equal((await mandate(org, id)).budget.on_silence, "release");
  const { decision_id } = await checked(org, id, cost(4));
  const silent = await checked(org, id, cost(5));
  assert.deepEqual(await left(org, id), { settled: 0, reserved: 9 });
  assert.equal((await checked(org, id, cost(2))).permission, "disabled");
  const [entry] = await entriesOf(org, "permission.checked");
  const until = countersign.clock.now + 60 * MINUTE_MS;
  assert.deepEqual(entry?.data.reserved, [{ scope: "mandate", window: 0, micros: 4, until }]);
  const settle = (decision_id: string, actual_cost_micros: number) =>
    org.post("/v1/budgets/settle", { decision_id, actual_cost_micros });
  assert.equal((await settle(decision_id, 3)).status, 200);
  assert.deepEqual(await left(org, id), { settled: 3, reserved: 5 });
  countersign.clock.advance(61 * MINUTE_MS);
  assert.deepEqual(await left(org, id), { settled: 3, reserved: 0 });
  // What is said later counts all the same, once.
  assert.equal((await settle(silent.decision_id, 6)).status, 200);
  assert.deepEqual(await left(org, id), { settled: 9, reserved: 0 });
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("what a budget that forgets gives a token is the token's: held, spent when it is used, and settled", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { budget: FORGETS });
  const run = { tool_name: "refund" };
  const { token } = await checked(org, id, cost(4, { mint: true }));
  assert.deepEqual(await left(org, id), { settled: 0, reserved: 4 });
  assert.equal((await org.post("/v1/tokens/consume", { ...run, token })).status, 200);
  await checked(org, id, cost(3, { mint: true }));
  countersign.clock.advance(6 * MINUTE_MS);
  assert.deepEqual(await left(org, id), { settled: 4, reserved: 0 });

  // A check that a mint takes over is silent no more: it stays spent.
  const { decision_id } = await checked(org, id, cost(5));
  const minted = await org.post("/v1/tokens/mint", {
    ...run,
    mandate_id: id,
    decision_id,
    ...cost(5),
  });
  assert.equal(minted.status, 201, minted.text);
  assert.deepEqual(await left(org, id), { settled: 9, reserved: 0 });
  countersign.clock.advance(61 * MINUTE_MS);
  assert.deepEqual(await left(org, id), { settled: 9, reserved: 0 });
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("a check names the caller's session; one that looks personal stands where it can be erased", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  await checked(org, null, { session_id: "chat-7" });
  await checked(org, null, { session_id: "ann@example.com" });
  await checked(org, null);
  const checks = [{ tool_name: "refund", session_id: "chat-8" }];
  assert.equal((await org.post("/v1/permissions/check-batch", { checks })).status, 200);
  const entries = await entriesOf(org, "permission.checked");
  const shown = entries.map(({ data }) => data.session_id);
  assert.deepEqual(shown, ["chat-7", null, undefined, "chat-8"]);
  assert.doesNotMatch(JSON.stringify(entries.map(({ data }) => data)), /example/);
  const log = await verifiedLog(countersign.services.deps, org.id);
  assert.equal(log.length > 0, true);
});

Deno.test("a mint for what a check allowed is no second use, even where the limit that it counted against is gone", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { uses: 1 });
  const limit = { limit_micros: 10, period: "total" };
  assert.equal((await org.manage("PUT", "/v1/budgets/org", limit)).status, 201);
  const { decision_id } = await checked(org, id, cost(1));
  assert.equal((await org.manage("DELETE", "/v1/budgets/org")).status, 200);
  const fields = { tool_name: "refund", mandate_id: id, ...cost(1), decision_id };
  const minted = await org.post("/v1/tokens/mint", fields);
  assert.equal(minted.status, 201, minted.text);
  assert.equal((await mandate(org, id)).uses_left, 0);
  const last = (await entriesOf(org, "permission.checked")).at(-1);
  assert.deepEqual([last?.data.reserved, last?.data.took_over], [undefined, decision_id]);
  await verifiedLog(countersign.services.deps, org.id);
});
