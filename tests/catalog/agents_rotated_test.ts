import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { approvalsTopic } from "../../lib/ledger/commit.ts";
import { startDueWork, sweep } from "../../lib/server/due_worker.ts";
import { agentKey, approvalKey, approvalPendingPrefix } from "../../lib/store/keys.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { consume, entriesOf } from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";

/** What a new token for an agent does to what was asked and minted with the old one. */

const REFUND = { tool_name: "refund", arguments: { amount: 5 } };
const OTHER = { tool_name: "refund", arguments: { amount: 6 } };

class Rotations implements AsyncDisposable {
  id = "";
  token = "";

  private constructor(readonly countersign: Countersign, readonly org: TestOrg) {}

  static async start(): Promise<Rotations> {
    const countersign = await Countersign.start();
    const org = await countersign.org();
    await org.tool("refund", { default_permission: "requires_approval" });
    await org.tool("look");
    await org.member("ann@example.com", {
      role: "admin",
      account: "acc_ann",
      has_passkey: true,
    });
    const it = new Rotations(countersign, org);
    const made = await org.manage("POST", "/v1/agents", { name: "agent" });
    [it.id, it.token] = [made.body.id, made.body.token];
    return it;
  }

  /** Gives the agent a new token, which it uses from then on. */
  async rotate(body?: unknown): Promise<void> {
    const got = await this.org.manage("POST", `/v1/agents/${this.id}/rotate`, body);
    assert.equal(got.status, 200, got.text);
    this.token = got.body.token;
  }

  async ask(action: JsonObject = REFUND, key = this.token) {
    return await this.org.post("/v1/approvals", { ...action, reason: "asked" }, key);
  }

  decide(id: string) {
    const body = { decision: "approve", decided_by: "ann@example.com" };
    return this.org.post(`/v1/approvals/${id}/decide`, body, this.org.approver);
  }

  async approved(action: JsonObject = REFUND): Promise<string> {
    const { id } = (await this.ask(action)).body;
    assert.equal((await this.decide(id)).status, 200);
    return id;
  }

  mint(action: JsonObject, approval_id?: string) {
    const named = approval_id === undefined ? {} : { approval_id };
    return this.org.post("/v1/tokens/mint", { ...action, ...named }, this.token);
  }

  /** The state of a request as the store has it, whoever looked or did not. */
  async stored(id: string): Promise<unknown> {
    const { kv } = this.countersign.services.deps;
    const { value } = await kv.get<{ progress: JsonObject }>(approvalKey(this.org.id, id));
    const { state, because = null } = value?.progress ?? {};
    return [state, because];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.countersign[Symbol.asyncDispose]();
  }
}

Deno.test("a rotation cancels what is pending or unused, and whoever looks is told at once", async () => {
  await using it = await Rotations.start();
  const pending = (await it.ask(OTHER)).body.id;
  const approved = await it.approved();
  const foreign = (await it.ask(REFUND, it.org.standard)).body.id;
  await it.rotate();
  // Nobody has noted it yet, and it counts already.
  assertProblem(await it.decide(pending), 409, "approval_not_pending");
  assertProblem(await it.mint(REFUND, approved), 409, "approval_not_approved");
  for (const id of [pending, approved]) {
    const { body } = await it.org.get(`/v1/approvals/${id}`);
    assert.deepEqual([body.status, body.ended_because], ["cancelled", "rotated"]);
  }
  assert.equal((await it.org.get(`/v1/approvals/${foreign}`)).body.status, "pending");
  const entries = await entriesOf(it.org, "approval.cancelled");
  assert.deepEqual(
    entries.map(({ subject, data }) => [subject.approval, data.because, data.was]),
    [[pending, "rotated", "pending"], [approved, "rotated", "approved"]],
  );
  const [rotated] = await entriesOf(it.org, "agent.rotated");
  assert.equal(rotated?.data.keep_requests, false);
});

Deno.test("the inbox hears of it without anybody's looking", async () => {
  await using it = await Rotations.start();
  const { services } = it.countersign;
  const ids = [(await it.ask(OTHER)).body.id, await it.approved()];
  const worker = startDueWork(services);
  try {
    const cancelled = async () => {
      const states = await Promise.all(ids.map((id) => it.stored(id)));
      return states.every((state) => String(state) === "cancelled,rotated");
    };
    let listening = services.ledgers.listen(approvalsTopic(it.org.id));
    await it.rotate();
    while (!await cancelled()) {
      await listening.news;
      listening.stop();
      listening = services.ledgers.listen(approvalsTopic(it.org.id));
    }
    listening.stop();
  } finally {
    await worker.stop();
  }
  const { kv } = services.deps;
  const rows = kv.list({ prefix: [...approvalPendingPrefix(it.org.id)] });
  assert.deepEqual(await Array.fromAsync(rows), []);
});

Deno.test("after it the agent asks anew: nothing of before is joined or used", async () => {
  await using it = await Rotations.start();
  const before = (await it.ask(OTHER)).body.id;
  await it.approved();
  await it.rotate();
  const again = await it.ask(OTHER);
  assert.equal(again.status, 201);
  assert.notEqual(again.body.id, before);
  // A check that would use what was approved asks as well.
  const checking = { ...REFUND, request: true, mint: true, reason: "asked" };
  const { body } = await it.org.post("/v1/permissions/check", checking, it.token);
  assert.deepEqual([body.token, body.approval.status], [undefined, "pending"]);
  assert.equal((await it.decide(body.approval.id)).status, 200);
  assert.equal((await it.mint(REFUND, body.approval.id)).status, 201);
  // A worker that comes late leaves what was asked since.
  await sweep(it.countersign.services, it.countersign.clock.now);
  assert.equal((await it.org.get(`/v1/approvals/${again.body.id}`)).body.status, "pending");
});

Deno.test("a planned rotation keeps requests, approvals and tokens", async () => {
  await using it = await Rotations.start();
  const pending = (await it.ask(OTHER)).body.id;
  const approved = await it.approved();
  const { token } = (await it.mint({ tool_name: "look" })).body;
  await it.rotate({ keep_requests: true });
  await sweep(it.countersign.services, it.countersign.clock.now);
  assert.equal((await it.decide(pending)).status, 200);
  for (const [action, id] of [[OTHER, pending], [REFUND, approved]] as const) {
    assert.equal((await it.mint(action, id)).status, 201);
  }
  assert.equal((await consume(it.org, token, { tool_name: "look" })).status, 200);
  const [rotated] = await entriesOf(it.org, "agent.rotated");
  assert.equal(rotated?.data.keep_requests, true);
});

Deno.test("what one rotation voided the next one does not bring back by keeping", async () => {
  await using it = await Rotations.start();
  const approved = await it.approved();
  const { token } = (await it.mint({ tool_name: "look" })).body;
  await it.rotate({});
  await it.rotate({ keep_requests: true });
  const got = await consume(it.org, token, { tool_name: "look" });
  assertProblem(got, 403, "token_revoked");
  assert.equal(got.body.reason, "rotated");
  assertProblem(await it.mint(REFUND, approved), 409, "approval_not_approved");
});

Deno.test("a rotation writes the same however many tokens it voids", async () => {
  const writes = [];
  for (const count of [1, 40]) {
    await using it = await Rotations.start();
    const tokens = [];
    for (let i = 0; i < count; i++) {
      tokens.push((await it.mint({ tool_name: "look" })).body.token);
    }
    const { kv } = it.countersign.services.deps;
    const rows = async () => (await Array.fromAsync(kv.list({ prefix: [] }))).length;
    const before = await rows();
    await it.rotate();
    writes.push(await rows() - before);
    for (const token of tokens) {
      const got = await consume(it.org, token, { tool_name: "look" });
      assert.equal(got.body.reason, "rotated");
    }
  }
  assert.equal(writes[0], writes[1]);
});

Deno.test("records of before say nothing of versions, and a rotation voids them", async () => {
  await using it = await Rotations.start();
  const { kv } = it.countersign.services.deps;
  const approved = await it.approved();
  const forget = async (key: readonly string[], field: string) => {
    const { value } = await kv.get<Record<string, unknown>>([...key]);
    assert.ok(value !== null && field in value);
    const { [field]: _none, ...before } = value;
    await kv.set([...key], before);
  };
  await forget(agentKey(it.org.id, it.id), "void_before");
  await forget(approvalKey(it.org.id, approved), "policy_version");
  await using other = await Countersign.start({
    kv,
    clock: it.countersign.clock,
    secret: it.countersign.secret,
  });
  const read = () => other.request("GET", `/v1/approvals/${approved}`, { key: it.org.standard });
  assert.equal((await read()).body.status, "approved");
  await it.rotate();
  assert.equal((await read()).body.ended_because, "rotated");
});

Deno.test("a rotation that says something else is refused, and changes nothing", async () => {
  await using it = await Rotations.start();
  for (const body of [{ keep_requests: "no" }, { keep: true }, [], "null"]) {
    const got = await it.org.manage("POST", `/v1/agents/${it.id}/rotate`, body);
    assertProblem(got, 422, "invalid_request");
  }
  assert.equal((await it.mint({ tool_name: "look" })).status, 201);
});
