import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { checked, granted, shop } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";

/** Which limits an action under a mandate counts against. */

Deno.test("what an action counts against goes by its own tool and tenant, whatever was asked before", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), {
    agent: "shop-assistant",
    scopes: [
      { tool: "refund", decision: "allow", budget: { limit_micros: 4, period: "total" } },
      { tool: "tag:money", decision: "allow", budget: { limit_micros: 3, period: "total" } },
    ],
  });
  const id = await granted(org);
  // The text of a tenant that there is not must not be taken for one of that name.
  const limit = { limit_micros: 1, period: "total" };
  assert.equal((await org.manage("PUT", "/v1/budgets/tenant:null", limit)).status, 201);
  const ask = async (fields: object) =>
    (await checked(org, id, { estimated_cost_micros: 1, ...fields })).resolved_from;
  assert.equal(await ask({}), "tool_default");
  assert.equal(await ask({ tenant_id: "null" }), "tool_default");
  assert.equal(await ask({ tenant_id: "null" }), "mandate_budget");
  assert.equal(await ask({}), "tool_default");
  // A tag that the tool gets counts from the next check on, and no more once it is gone.
  await org.manage("PATCH", "/v1/tools/refund", { tags: ["money"] });
  const { reserved } = (await entriesOf(org, "permission.checked")).at(-1)?.data ?? {};
  assert.deepEqual((reserved as { scope: string }[]).map(({ scope }) => scope), ["scope:refund"]);
  assert.equal(await ask({}), "tool_default");
  const last = (await entriesOf(org, "permission.checked")).at(-1)?.data.reserved;
  assert.deepEqual((last as { scope: string }[]).map(({ scope }) => scope), [
    "scope:refund",
    "scope:tag:money",
  ]);
});
