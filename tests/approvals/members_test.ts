import assert from "node:assert/strict";
import { listApprovals, NO_FILTER } from "../../lib/approvals/list.ts";
import { approvalsTopic, approvalTopic } from "../../lib/ledger/commit.ts";
import { reviewApproval } from "../../lib/sheet/review.ts";
import { TOOL } from "../helpers/approval_org.ts";
import { DecisionOrg, type Person } from "../helpers/decision_org.ts";

Deno.test("members see every request, and arguments only where they may decide", async () => {
  await using it = await DecisionOrg.start();
  const { services } = it.countersign;
  const viewer = await it.person("viewer");
  const one = await it.person("approver", { groups: [1] });
  const two = await it.person("approver", { groups: [2] });
  const admin = await it.person("admin");
  const single = await it.pending({ arguments: { id: 7 } });
  await it.org.tool("twice", {
    default_permission: "requires_approval",
    requires_second_approval: true,
  });
  const double = await it.pending({ arguments: { id: 7 }, tool_name: "twice" });
  const inside = async (person: Person, id: string) => {
    const seen = await person.see(id);
    const review = await reviewApproval(services, it.org.id, seen);
    assert.equal(seen.arguments !== null, seen.inside);
    assert.equal(review !== null, seen.inside);
    assert.equal(seen.reason, "it is old");
    return seen.inside;
  };
  const table: [Person, boolean, boolean][] = [
    [viewer, false, false],
    [one, true, true],
    [two, false, true],
    [admin, true, true],
  ];
  for (const [person, ofSingle, ofDouble] of table) {
    const { role, groups } = person.session.member;
    assert.equal(await inside(person, single.id), ofSingle, `${role} ${groups}, one level`);
    assert.equal(await inside(person, double.id), ofDouble, `${role} ${groups}, two levels`);
  }
});

Deno.test("listApprovals() finds for a member what waits for them", async () => {
  await using it = await DecisionOrg.start();
  const { services } = it.countersign;
  const agent = await it.org.agent();
  const one = await it.person("approver", { groups: [1] });
  const two = await it.person("approver", { groups: [2] });
  const viewer = await it.person("viewer");
  const list = async (person: Person, filter: Partial<typeof NO_FILTER>) => {
    const { snapshot, caller } = await it.org.as(person.session, "see_requests", {
      plan: ({ snapshot }, caller) => ({ snapshot, caller }),
    });
    const page = { filter: { ...NO_FILTER, ...filter }, limit: 50, after: null };
    const { items } = await listApprovals(services, caller, snapshot, page);
    return items.map(({ record }) => record.method);
  };
  await it.pending({ method: "A" });
  await it.secondLevel();
  const { id } = await it.pending({ method: "B" });
  const own = await it.pending({ method: "C" }, agent);
  await one.approve(id);
  await one.deny(own.id);

  const waits = { waits_for_me: true };
  assert.deepEqual(await list(one, waits), ["A"]);
  assert.deepEqual(await list(two, waits), ["B"]);
  assert.deepEqual(await list(viewer, waits), []);
  assert.deepEqual(await list(viewer, {}), ["C", "B", "A"]);
  assert.deepEqual(await list(viewer, { requester: own.requested_by.id }), ["C"]);
  assert.deepEqual(await list(viewer, { status: "pending" }), ["B", "A"]);
  assert.deepEqual(await list(viewer, { tenant: "acme" }), []);
});

Deno.test("news of every change of a request, its token and its run reach who follows", async () => {
  await using it = await DecisionOrg.start();
  const { ledgers } = it.countersign.services;
  const ann = await it.person("owner");
  const news = async (topic: string, act: () => Promise<unknown>) => {
    const listening = ledgers.listen(topic);
    await act();
    await listening.news;
    listening.stop();
  };
  const all = approvalsTopic(it.org.id);
  let id = "";
  await news(all, async () => id = (await it.pending()).id);
  await news(all, () => it.ask());
  const one = approvalTopic(it.org.id, id);
  await news(one, () => it.ask());
  await news(one, () => ann.approve(id));
  let token = "";
  await news(one, async () => token = (await it.mint(id)).body.token);
  await news(one, () => it.org.post("/v1/tokens/consume", { token, tool_name: TOOL }));
  const report = { tool_name: TOOL, token, execution_result: "success" };
  await news(one, () => it.org.post("/v1/executions/log", report));
});
