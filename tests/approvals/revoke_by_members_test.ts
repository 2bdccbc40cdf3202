import assert from "node:assert/strict";
import { revokeApproval } from "../../lib/approvals/end.ts";
import { Refusal } from "../../lib/refusal.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import type { SignedIn } from "../helpers/countersign.ts";

const CLIENT = { via: "dashboard", ip: null, user_agent: null, request_id: "req_test" } as const;

async function revoke({ org }: ApprovalOrg, by: SignedIn, id: string): Promise<string> {
  try {
    const result = await org.as(by, "see_requests", revokeApproval(id, CLIENT));
    return result.record.progress.state;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

Deno.test("An approval is revoked by its decider, an admin or an owner, and by no other member", async () => {
  await using it = await ApprovalOrg.start();
  const { org } = it;
  const decider = await org.signedIn("approver", { email: "decider@example.com", fresh: false });
  for (const role of ["owner", "admin", "approver", "viewer"] as const) {
    const { id } = await it.pending({ method: role });
    await it.decide(id, "approve", { decided_by: decider.member.email });
    const other = await org.signedIn(role, { fresh: false, held: true });
    const may = role === "owner" || role === "admin";
    assert.equal(await revoke(it, other, id), may ? "revoked" : "not_the_requester", role);
    if (!may) assert.equal(await revoke(it, decider, id), "revoked");
    const [entry] = await it.entries("approval.revoked", id);
    assert.deepEqual(entry?.actor, { type: "member", id: (may ? other : decider).member.id });
  }
});

Deno.test("The member behind an agent revokes what was approved for it", async () => {
  await using it = await ApprovalOrg.start();
  const behind = await it.org.signedIn("viewer");
  const agent = await it.org.agent({ members_behind: [behind.member.id] });
  const { id } = await it.approved({}, agent);
  assert.equal(await revoke(it, behind, id), "revoked");
});

Deno.test("A member's revoking voids the unspent token, and comes too late for a spent one", async () => {
  await using it = await ApprovalOrg.start();
  const owner = await it.org.signedIn("owner");
  const consume = (token: string) =>
    it.org.post("/v1/tokens/consume", { token, tool_name: "delete_server" });
  const unspent = await it.approved();
  const minted = await it.mint(unspent.id);
  assert.equal(await revoke(it, owner, unspent.id), "revoked");
  assert.equal((await consume(minted.body.token)).body.code, "token_revoked");
  const spent = await it.approved();
  const { body } = await it.mint(spent.id);
  assert.equal((await consume(body.token)).status, 200);
  assert.equal(await revoke(it, owner, spent.id), "approval_used");
});

Deno.test("A pending request is denied, not revoked, and another org's is not found", async () => {
  await using it = await ApprovalOrg.start();
  const owner = await it.org.signedIn("owner");
  const { id } = await it.pending();
  assert.equal(await revoke(it, owner, id), "approval_not_approved");
  const elsewhere = await it.countersign.org();
  const stranger = await elsewhere.signedIn("owner");
  await assert.rejects(
    elsewhere.as(stranger, "see_requests", revokeApproval(id, CLIENT)),
    (error: unknown) => error instanceof Refusal && error.code === "not_found",
  );
});
