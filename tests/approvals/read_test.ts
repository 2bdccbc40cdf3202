import assert from "node:assert/strict";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** The readings that the log tells of. */
async function readings(it: ApprovalOrg) {
  const log = await verifiedLog(it.countersign.services.deps, it.org.id);
  return log.map(({ entry }) => entry).filter(({ type }) => type === "approval.read");
}

Deno.test("an approver key that reads a request's arguments is one entry, however often it polls", async () => {
  await using it = await ApprovalOrg.start();
  const asked = await it.pending({ arguments: { secret: 1 } });
  for (let i = 0; i < 5; i++) {
    const got = await it.get(i % 2 === 0 ? asked.id : asked.reference, it.org.approver);
    assert.deepEqual(got.body.arguments, { secret: 1 });
  }
  const polled = await it.org.get(`/v1/approvals/${asked.id}?wait=0`, it.org.approver);
  assert.equal(polled.status, 200);
  const [entry, ...more] = await readings(it);
  assert.deepEqual(more, []);
  assert.equal(entry?.actor.type, "api_key");
  assert.equal(entry.subject.approval, asked.id);
  assert.equal(entry.subject.tool, asked.tool_name);
  assert.equal(entry.data.view_digest, asked.view_digest);
  assert.equal(entry.data.action_digest, asked.action_digest);
  assert.ok("client_digest" in entry.data);
});

Deno.test("what is added to a request is another view, and read as such; each key reads for itself", async () => {
  await using it = await ApprovalOrg.start();
  const asked = await it.pending();
  const other = await it.org.key("approver");
  for (const key of [it.org.approver, other, it.org.approver]) await it.get(asked.id, key);
  const again = await it.ask({ reason: "still" });
  assert.equal(again.status, 200);
  for (let i = 0; i < 2; i++) await it.get(asked.id, it.org.approver);
  const told = (await readings(it)).map(({ actor, data }) => [actor.id, data.view_digest]);
  assert.equal(told.length, 3);
  assert.equal(new Set(told.map(([key]) => key)).size, 2);
  const { view_digest } = again.body;
  assert.notEqual(view_digest, asked.view_digest);
  assert.equal(told.filter(([, digest]) => digest === view_digest).length, 1);
});

Deno.test("a list shows arguments too: one entry for each request that it shows", async () => {
  await using it = await ApprovalOrg.start();
  const asked = [];
  for (let i = 0; i < 12; i++) asked.push(await it.pending({ arguments: { i } }));
  await it.get(asked[3].id, it.org.approver);
  const lists = await Promise.all(
    [1, 2, 3].map(() => it.org.get("/v1/approvals?status=pending", it.org.approver)),
  );
  for (const { status, body } of lists) {
    assert.equal(status, 200);
    assert.equal(body.data.length, 12);
    assert.notEqual(body.data[0].arguments, null);
  }
  const told = (await readings(it)).map(({ subject }) => String(subject.approval));
  assert.deepEqual(told.sort(), asked.map(({ id }) => id).sort());
});

Deno.test("deciding shows the arguments to the key that did not look before", async () => {
  await using it = await ApprovalOrg.start();
  const blind = await it.pending({ arguments: { i: 1 } });
  const got = await it.decide(blind.id, "deny");
  assert.deepEqual(got.body.arguments, { i: 1 });
  const looked = await it.pending({ arguments: { i: 2 } });
  await it.get(looked.id, it.org.approver);
  await it.decide(looked.id, "approve");
  const refused = await it.pending({ arguments: { i: 3 } });
  await it.decide(refused.id, "approve", { decided_by: "nobody@example.com" });
  const told = (await readings(it)).map(({ subject }) => subject.approval);
  assert.deepEqual(told, [blind.id, looked.id], "what is refused shows nothing");
});

Deno.test("who asked reads their own, and who may not see arguments reads none: no entry", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending();
  const other = await it.org.key("standard");
  for (const key of [it.org.standard, other]) {
    await it.get(id, key);
    await it.org.get("/v1/approvals", key);
  }
  assert.deepEqual(await readings(it), []);
});

Deno.test("readings on two nodes at once are one entry", async () => {
  await using it = await ApprovalOrg.start();
  await using second = await Countersign.start({
    kv: it.countersign.services.deps.kv,
    secret: it.countersign.secret,
  });
  const { id } = await it.pending();
  const headers = { "x-api-key": it.org.approver };
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => {
    const node = i % 2 === 0 ? it.countersign : second;
    const path = i % 3 === 0 ? "/v1/approvals" : `/v1/approvals/${id}`;
    return node.request("GET", path, { headers });
  }));
  for (const got of answers) assert.equal(got.status, 200, got.text);
  assert.equal((await readings(it)).length, 1);
});

Deno.test("readings and decisions by a key fit a commit over KV Connect, which takes ten checks", async () => {
  const variables = {
    COUNTERSIGN_KV: "https://kv.example.com/connect",
    COUNTERSIGN_SECRET: "0123456789abcdef".repeat(4),
  };
  await using it = await ApprovalOrg.start({ variables });
  assert.equal(it.countersign.services.ledgers.limits.checks, 7);
  for (let i = 0; i < 5; i++) await it.pending({ arguments: { i } });
  const { id } = await it.pending();
  const listed = await it.org.get("/v1/approvals", it.org.approver);
  assert.equal(listed.body.data.length, 6);
  assert.equal((await readings(it)).length, 6);
  const body = { decision: "approve", decided_by: "ann@example.com" };
  const headers = { "idempotency-key": "one" };
  const decided = await it.org.post(
    `/v1/approvals/${id}/decide`,
    body,
    it.org.approver,
    headers,
  );
  assert.equal(decided.status, 200, decided.text);
});
