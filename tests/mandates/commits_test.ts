import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { CHECK, granted, shop } from "../helpers/mandates.ts";
import { WatchedStore } from "../helpers/watched_store.ts";

const BUDGET = { limit_micros: 1_000_000, period: "month" };

Deno.test("checks under many mandates share commits, and however many limits each counts against, ten checks a commit are enough", async () => {
  using kv = await Deno.openKv(":memory:");
  const store = new WatchedStore(kv);
  // Over KV Connect a store may take ten checks a commit.
  const variables = {
    COUNTERSIGN_KV: "https://kv.example.com",
    COUNTERSIGN_SECRET: "0123456789abcdef0123456789abcdef",
  };
  await using countersign = await Countersign.start({ kv: store, variables });
  const org = await shop(await countersign.org(), {
    agent: "shop-assistant",
    scopes: [{
      tool: "refund",
      decision: "allow",
      budget: BUDGET,
      limits: { max_per_minute: 1000, max_per_hour: 1000, max_per_day: 1000 },
    }],
  });
  for (const scope of ["org", "agent:shop-assistant", "user:u1", "tenant:acme"]) {
    assert.equal((await org.manage("PUT", `/v1/budgets/${scope}`, BUDGET)).status, 201);
  }
  const fields = { tenant_id: "acme", budget: BUDGET, uses: 1000 };
  const ids = await Promise.all(Array.from({ length: 8 }, () => granted(org, fields)));
  const round = () =>
    Promise.all(Array.from({ length: 80 }, (_, i) =>
      org.post(CHECK, {
        tool_name: "refund",
        tenant_id: "acme",
        mandate_id: ids[i % ids.length],
        estimated_cost_micros: 1,
        mint: i % 4 === 0,
      })));
  await round();
  const before = store.seen.length;
  const got = await round();
  assert.ok(got.every(({ body }) => body.permission === "allowed"));
  const commits = store.seen.slice(before);
  assert.ok(commits.every(({ checks }) => checks <= 10), JSON.stringify(commits[0]));
  assert.ok(commits.length < 80, `${commits.length} commits for 80 checks`);
  const { budget, uses_left } = (await org.get(`/v1/mandates/${ids[0]}`)).body;
  assert.deepEqual([budget.settled + budget.reserved, uses_left], [20, 980]);
});
