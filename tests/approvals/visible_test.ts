import assert from "node:assert/strict";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import type { Got } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";

const idsOf = (got: Got): string[] => got.body.data.map(({ id }: { id: string }) => id);

Deno.test("an agent sees its own requests only", async () => {
  await using it = await ApprovalOrg.start();
  const agent = await it.org.agent();
  const own = await it.pending({}, agent);
  const others = await it.pending();
  assert.equal((await it.get(own.id, agent)).status, 200);
  assertProblem(await it.get(others.id, agent), 404, "not_found");
  assertProblem(await it.get(others.reference, agent), 404, "not_found");
  assertProblem(await it.cancel(others.id, agent), 404, "not_found");
  assertProblem(await it.revoke(others.id, agent), 404, "not_found");
  assert.deepEqual(idsOf(await it.org.get("/v1/approvals", agent)), [own.id]);
});

Deno.test("arguments and notes go to the requester and to approver keys only", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending({ arguments: { secret: 1 } });
  await it.decide(id, "approve", { note: "only this once" });
  const other = await it.org.key("standard");
  for (const key of [it.org.standard, it.org.approver]) {
    const { body } = await it.get(id, key);
    assert.deepEqual(body.arguments, { secret: 1 });
    assert.equal(body.decisions[0].note, "only this once");
  }
  const { body } = await it.get(id, other);
  assert.equal(body.arguments, null);
  assert.equal(body.decisions[0].note, null);
  const [listed] = (await it.org.get("/v1/approvals", other)).body.data;
  assert.equal(listed.arguments, null);
  assert.equal((await it.get(id)).body.review, undefined);
});

Deno.test("another org's requests do not exist", async () => {
  await using it = await ApprovalOrg.start();
  const { id, reference } = await it.pending();
  const stranger = await it.countersign.org();
  for (const name of [id, reference]) {
    assertProblem(await stranger.get(`/v1/approvals/${name}`), 404, "not_found");
    for (const act of ["cancel", "revoke"]) {
      const got = await stranger.post(`/v1/approvals/${name}/${act}`, undefined);
      assertProblem(got, 404, "not_found");
    }
    const got = await stranger.post(`/v1/approvals/${name}/decide`, {
      decision: "approve",
      decided_by: "ann@example.com",
    }, stranger.approver);
    assertProblem(got, 404, "not_found");
  }
  assert.deepEqual(idsOf(await stranger.get("/v1/approvals")), []);
  assert.equal((await it.get(id)).body.status, "pending");
});

Deno.test("a management key neither asks nor reads requests", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  assertProblem(await it.ask({}, it.org.management), 403, "wrong_tier");
  assertProblem(await it.get(id, it.org.management), 403, "wrong_tier");
  assertProblem(await it.org.get("/v1/approvals", it.org.management), 403, "wrong_tier");
});

Deno.test("tenants are walls for requests too", async () => {
  await using it = await ApprovalOrg.start();
  const acme = await it.org.key("standard", { tenant_ids: ["acme"] });
  const both = await it.org.key("standard", { tenant_ids: ["acme", "beta"] });
  assertProblem(await it.ask({ tenant_id: "beta" }, acme), 403, "tenant_not_permitted");
  assertProblem(await it.ask({}, both), 403, "tenant_not_permitted");
  const filled = await it.pending({}, acme);
  assert.equal(filled.tenant_id, "acme");
  assert.equal((await it.ask({ tenant_id: "acme" }, acme)).body.id, filled.id);

  const beta = await it.pending({ tenant_id: "beta" });
  const none = await it.pending();
  assertProblem(await it.get(beta.id, acme), 404, "not_found");
  assertProblem(await it.get(none.id, acme), 404, "not_found");
  assert.deepEqual(idsOf(await it.org.get("/v1/approvals", acme)), [filled.id]);
  assert.deepEqual(idsOf(await it.org.get("/v1/approvals", both)), [beta.id, filled.id]);
  const filtered = await it.org.get("/v1/approvals?tenant_id=beta", acme);
  assertProblem(filtered, 403, "tenant_not_permitted");
  const approver = await it.org.key("approver", { tenant_ids: ["acme"] });
  assertProblem(await it.decide(beta.id, "approve", {}, approver), 404, "not_found");
  assert.equal((await it.decide(filled.id, "approve", {}, approver)).status, 200);
});

Deno.test("GET /v1/approvals filters and pages, the newest first", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.tool("other", { default_permission: "requires_approval" });
  const ids: string[] = [];
  const times: string[] = [];
  for (let n = 0; n < 5; n++) {
    const tool_name = n === 3 ? "other" : TOOL;
    const made = await it.pending({ method: `M${n}`, tool_name });
    ids.unshift(made.id);
    times.unshift(made.created_at);
    it.countersign.clock.advance(1000);
  }
  const list = async (query: string) => idsOf(await it.org.get(`/v1/approvals?${query}`));
  assert.deepEqual(await list(""), ids);
  assert.deepEqual(await list("tool_name=other"), [ids[1]]);
  assert.deepEqual(await list(`since=${times[1]}`), ids.slice(0, 2));
  assert.deepEqual(await list(`until=${times[1]}`), ids.slice(2));
  assert.deepEqual(await list(`since=${times[3]}&until=${times[1]}`), ids.slice(2, 4));
  await it.decide(ids[0]!, "deny");
  await it.cancel(ids[2]!);
  assert.deepEqual(await list("status=pending"), [ids[1], ids[3], ids[4]]);
  assert.deepEqual(await list("status=denied"), [ids[0]]);
  assert.deepEqual(await list("status=cancelled"), [ids[2]]);
  assert.deepEqual(await list("status=approved"), []);

  for (const filter of ["", "&status=pending"]) {
    const paged: string[] = [];
    let cursor = "";
    do {
      const got = await it.org.get(`/v1/approvals?limit=2${filter}${cursor}`);
      assert.ok(got.body.data.length <= 2);
      paged.push(...idsOf(got));
      cursor = got.body.next_cursor === null ? "" : `&cursor=${got.body.next_cursor}`;
    } while (cursor !== "");
    assert.deepEqual(paged, await list(filter.slice(1)));
  }
});

Deno.test("GET /v1/approvals refuses a query that does not fit", async () => {
  await using it = await ApprovalOrg.start();
  const queries = [
    "limit=0",
    "limit=201",
    "status=open",
    "since=yesterday",
    "cursor=AAAA",
    "nosuch=1",
    "limit=1&limit=2",
  ];
  for (const query of queries) {
    assertProblem(await it.org.get(`/v1/approvals?${query}`), 422, "invalid_request");
  }
  const { id } = await it.pending();
  for (const query of ["wait=61", "wait=-1", "wait=x", "wait=1.5"]) {
    assertProblem(await it.org.get(`/v1/approvals/${id}?${query}`), 422, "invalid_request");
  }
});
