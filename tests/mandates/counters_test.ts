import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { CHECK, checked, granted, shop } from "../helpers/mandates.ts";
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

Deno.test("a limit counts from the moment it is set, and no more once it is taken off, however often was asked before", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  const question = { tenant_id: "acme", estimated_cost_micros: 1 };
  const ask = async () => (await checked(org, id, question)).resolved_from;
  const limit = { limit_micros: 1, period: "total" };
  for (const scope of ["org", "agent:shop-assistant", "user:u1", "tenant:acme"]) {
    for (let turn = 0; turn < 2; turn++) {
      assert.deepEqual([await ask(), await ask()], ["tool_default", "tool_default"], scope);
      const put = await org.manage("PUT", `/v1/budgets/${scope}`, limit);
      assert.equal(put.status, 201, put.text);
      assert.deepEqual([await ask(), await ask()], ["tool_default", "mandate_budget"], scope);
      assert.equal((await org.manage("DELETE", `/v1/budgets/${scope}`)).status, 200);
    }
  }
});

Deno.test("checks that share a commit with whoever sets a limit, or ends their mandate, come before it or after it", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const question = { tool_name: "refund", tenant_id: "acme", estimated_cost_micros: 1 };
  for (let round = 0; round < 6; round++) {
    const mandate_id = await granted(org, { user_id: `u${round}` });
    const ask = () => org.post(CHECK, { ...question, mandate_id });
    await ask();
    await ask();
    const isLimit = round % 2 === 0;
    const change = () =>
      isLimit
        ? org.manage("PUT", `/v1/budgets/user:u${round}`, { limit_micros: 5, period: "total" })
        : org.post(`/v1/mandates/${mandate_id}/revoke`, { by: "operator" }, org.management);
    const [, changed] = await Promise.all([ask(), change(), ...Array.from({ length: 8 }, ask)]);
    assert.ok(changed.status < 300, changed.text);
    await ask();
    const entries = await entriesOf(org, "permission.checked");
    const about = entries.filter(({ subject }) => subject.mandate === mandate_id);
    const counted = about.filter(({ data }) => data.reserved !== undefined);
    if (isLimit) {
      const got = await org.get(`/v1/budgets?scope=user:u${round}`, org.management);
      const body = got.body.data[0];
      assert.equal(body.reserved + body.settled, counted.length);
      assert.ok(counted.length <= 5 && counted.length > 0, `${counted.length} counted`);
      assert.equal(about.at(-1)?.data.resolved_from, "mandate_budget");
      continue;
    }
    const all = (await Promise.all([
      entriesOf(org, "mandate.revoked"),
      entriesOf(org, "permission.checked"),
    ])).flat().toSorted((a, b) => a.index - b.index);
    const end = all.findIndex(({ type, subject }) =>
      type === "mandate.revoked" && subject.mandate === mandate_id
    );
    assert.notEqual(end, -1);
    const after = all.slice(end).filter(({ type, subject }) =>
      type === "permission.checked" && subject.mandate === mandate_id
    );
    assert.ok(after.length > 0);
    for (const { data } of after) assert.equal(data.resolved_from, "mandate_revoked");
  }
});

Deno.test("what one process knows of a mandate ends with what another one does to it", async () => {
  await using countersign = await Countersign.start();
  await using other = await countersign.another();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  const ask = async () =>
    (await checked(org, id, { tenant_id: "acme", estimated_cost_micros: 1 })).resolved_from;
  const there = (method: string, path: string, body: object) =>
    other.request(method, path, { key: org.management, body });
  assert.deepEqual([await ask(), await ask()], ["tool_default", "tool_default"]);
  const limit = { limit_micros: 1, period: "total" };
  assert.equal((await there("PUT", "/v1/budgets/tenant:acme", limit)).status, 201);
  assert.deepEqual([await ask(), await ask()], ["tool_default", "mandate_budget"]);
  assert.equal((await there("POST", `/v1/mandates/${id}/revoke`, { by: "operator" })).status, 200);
  assert.equal(await ask(), "mandate_revoked");
});
