import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";
import { granted, published } from "../helpers/mandates.ts";
import { notSent } from "../helpers/scripted_upstreams.ts";

/** What calls count against the budget of the mandate that they are made under. */

async function mandated(it: CallOrg): Promise<string> {
  await published(it.org, "shop", {
    agent: "assistant",
    scopes: [READ, WIPE].map((tool) => ({ tool, decision: "allow" })),
  });
  return await granted(it.org, { budget: { limit_micros: 10, period: "total" } });
}

async function settled(it: CallOrg, id: string): Promise<number> {
  const { settled, reserved } = (await it.org.get(`/v1/mandates/${id}`)).body.budget;
  assert.equal(reserved, 0);
  return settled;
}

Deno.test("a call settles at its estimate, and one that was not sent gives it back", async () => {
  await using it = await CallOrg.start();
  const mandate_id = await mandated(it);
  const call = (micros: number, fields: JsonObject = {}) =>
    it.call(READ, { mandate_id, estimated_cost_micros: micros, ...fields });
  assert.equal((await call(4)).status, 200);
  assert.equal(await settled(it, mandate_id), 4);
  it.upstreams.answer = () => notSent("unreachable");
  assert.equal((await call(5)).body.code, "upstream_unreachable");
  assert.equal(await settled(it, mandate_id), 4);
  const over = await call(7);
  assert.deepEqual([over.body.code, over.body.resolved_from], ["tool_disabled", "mandate_budget"]);
  assert.equal((await call(5, { arguments: { id: 5 } })).body.code, "invalid_arguments");
  assert.equal(await settled(it, mandate_id), 4);
  assert.equal((await it.call(READ, { mandate_id })).body.code, "estimate_required");
  await it.log();
});

Deno.test("a call that people approve counts when it runs, and no more than what they were shown", async () => {
  await using it = await CallOrg.start();
  const mandate_id = await mandated(it);
  const call = (micros: number) =>
    it.call(WIPE, { mandate_id, estimated_cost_micros: micros, arguments: { id: "n1" } });
  const waiting = await call(4);
  assert.equal(waiting.status, 202, waiting.text);
  assert.equal(await settled(it, mandate_id), 0);
  await it.yes(waiting);
  const dearer = await call(5);
  assert.equal(dearer.status, 202, dearer.text);
  assert.notEqual(dearer.body.approval.id, waiting.body.approval.id);
  await it.yes(dearer);
  assert.equal((await call(5)).status, 200);
  assert.equal(await settled(it, mandate_id), 5);
  assert.equal(it.sent, 1);
  await it.log();
});
