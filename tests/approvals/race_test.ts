import assert from "node:assert/strict";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type Got } from "../helpers/countersign.ts";

const succeeded = (answers: readonly Got[]) => answers.filter(({ status }) => status < 300).length;

Deno.test("50 parallel askings make one request", async () => {
  await using it = await ApprovalOrg.start();
  const answers = await Promise.all(Array.from({ length: 50 }, () => it.ask({ method: "DELETE" })));
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.equal(answers.filter(({ status }) => status === 200).length, 49);
  assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
  assert.equal((await it.entries("approval.created")).length, 1);
  assert.equal((await it.entries("approval.asked_again")).length, 49);
});

Deno.test("approve, deny and cancel at once: one wins, and the log says which", async () => {
  await using it = await ApprovalOrg.start();
  const winners = new Set<string>();
  for (let round = 0; round < 25; round++) {
    const { id } = await it.pending({ method: `M${round}` });
    const acts = [
      () => it.decide(id, "approve"),
      () => it.decide(id, "deny"),
      () => it.cancel(id),
    ];
    const turn = round % 3;
    const answers = await Promise.all(
      [...acts.slice(turn), ...acts.slice(0, turn)].map((act) => act()),
    );
    assert.equal(succeeded(answers), 1);
    const [winner] = answers.filter(({ status }) => status === 200);
    const { status } = (await it.get(id)).body;
    assert.equal(status, winner?.body.status);
    winners.add(status);
    const ends = (await it.entries(undefined, id)).filter(({ type }) =>
      type !== "approval.created" && type !== "approval.read"
    );
    assert.equal(ends.length, 1);
    const said = ends[0]?.type === "approval.decided" ? ends[0].data.decision : "cancel";
    assert.equal(
      said,
      { approved: "approve", denied: "deny", cancelled: "cancel" }[status as string],
    );
    if (status === "approved") await it.revoke(id);
    it.countersign.clock.advance(3000);
  }
  assert.ok(winners.size > 1, [...winners].join());
});

Deno.test("a decision on two nodes at once counts once", async () => {
  await using it = await ApprovalOrg.start();
  const { services, clock, secret } = it.countersign;
  await using other = await Countersign.start({ kv: services.deps.kv, clock, secret });
  for (let round = 0; round < 15; round++) {
    const { id } = await it.pending({ method: `M${round}` });
    const answers = await Promise.all([
      it.decide(id, "approve"),
      other.request("POST", `/v1/approvals/${id}/decide`, {
        key: it.org.approver,
        body: { decision: "deny", decided_by: "ann@example.com" },
      }),
      other.request("POST", `/v1/approvals/${id}/cancel`, { key: it.org.standard }),
    ]);
    assert.equal(succeeded(answers), 1);
    const moves = (await it.entries(undefined, id)).filter(({ type }) => type !== "approval.read");
    assert.equal(moves.length, 2);
    clock.advance(3000);
  }
});

Deno.test("the deadline and a decision at once: one wins", async () => {
  await using it = await ApprovalOrg.start();
  const { clock } = it.countersign;
  for (let round = 0; round < 20; round++) {
    const { id } = await it.pending({ method: `M${round}`, timeout_seconds: 60 });
    clock.advance(59_999);
    const racing = [it.decide(id, "deny"), it.get(id), it.cancel(id), it.get(id)];
    clock.advance(1);
    const answers = await Promise.all(racing);
    const ends = (await it.entries(undefined, id)).filter(({ type }) =>
      type !== "approval.created" && type !== "approval.read"
    );
    assert.equal(ends.length, 1);
    const { status } = (await it.get(id)).body;
    assert.equal(
      status,
      {
        "approval.expired": "expired",
        "approval.decided": "denied",
        "approval.cancelled": "cancelled",
      }[ends[0]?.type ?? ""],
    );
    const acts = [answers[0], answers[2]].filter((answer) => answer?.status === 200);
    assert.equal(acts.length, status === "expired" ? 0 : 1);
  }
});

Deno.test("20 parallel mints of one approval make one token", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.approved();
  const answers = await Promise.all(Array.from({ length: 20 }, () => it.mint(id)));
  assert.equal(succeeded(answers), 1);
  for (const { status, body } of answers) {
    if (status !== 201) assert.equal(body.code, "approval_used");
  }
  assert.equal((await it.entries("token.minted")).length, 1);
});

Deno.test("revoke and mint at once: whatever comes first, a revoked approval runs nothing", async () => {
  await using it = await ApprovalOrg.start();
  for (let round = 0; round < 20; round++) {
    const method = `M${round}`;
    const { id } = await it.approved({ method });
    const acts = [() => it.mint(id, { method }), () => it.revoke(id)];
    const [first, second] = round % 2 === 0 ? acts : acts.reverse();
    await Promise.all([first!(), second!(), it.revoke(id)]);
    const { status, token_id } = (await it.get(id)).body;
    assert.equal(status, "revoked");
    assert.equal((await it.entries("approval.revoked", id)).length, 1);
    const minted = await it.entries("token.minted");
    const own = minted.filter(({ subject }) => subject.approval === id);
    assert.equal(own.length, token_id === null ? 0 : 1);
    it.countersign.clock.advance(3000);
  }
});

Deno.test("revoke and consume at once: the action runs, or the approval is revoked", async () => {
  await using it = await ApprovalOrg.start();
  for (let round = 0; round < 20; round++) {
    const method = `M${round}`;
    const { id } = await it.approved({ method });
    const { token } = (await it.mint(id, { method })).body;
    const [consumed, revoked] = await Promise.all([
      it.org.post("/v1/tokens/consume", { token, tool_name: TOOL, method }),
      it.revoke(id),
    ]);
    assert.equal(succeeded([consumed, revoked]), 1, consumed.text + revoked.text);
    it.countersign.clock.advance(3000);
  }
});
