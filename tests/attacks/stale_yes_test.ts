import assert from "node:assert/strict";
import { ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign } from "../helpers/countersign.ts";
import { CHECK, granted, shop } from "../helpers/mandates.ts";
import { assertProblem } from "../helpers/refused.ts";

/** What was said yes to before something was closed, tried again behind it. */

const CLOSED = { tool_name: "refund", resource_id: "order-1" };

Deno.test("attack: what was allowed on a resource is not repeated once that is closed to mandates", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  await using other = await countersign.another();
  const mandate_id = await granted(org);
  const open = { ...CLOSED, mandate_id, resource_id: "order-2" };
  const asks: readonly [path: string, body: object, key: string][] = [
    [CHECK, { ...CLOSED, mandate_id }, "one"],
    ["/v1/permissions/check-batch", { checks: [open, { ...CLOSED, mandate_id }] }, "two"],
    [
      "/allowly/v1/check",
      { authorization_id: mandate_id, actions: ["refund"], resource: "order-1", context: {} },
      "three",
    ],
    [CHECK, open, "open"],
    [CHECK, CLOSED, "none"],
  ];
  const ask = (node: Countersign, [path, body, key]: (typeof asks)[number]) =>
    node.request("POST", path, {
      key: org.standard,
      body,
      headers: { "idempotency-key": key },
    });
  for (const one of asks) {
    const got = await ask(countersign, one);
    assert.equal(got.status, 200, got.text);
    assert.ok(/"(allowed|allow)"/.test(got.text), got.text);
    const again = await ask(other, one);
    assert.equal(again.text, got.text);
  }
  assert.equal((await org.manage("PUT", "/v1/tombstones/order-1")).status, 201);
  for (const node of [countersign, other]) {
    for (const one of asks) {
      const got = await ask(node, one);
      if (one[2] === "open" || one[2] === "none") assert.equal(got.status, 200, got.text);
      else assertProblem(got, 409, "idempotency_stale");
    }
  }
});

Deno.test("attack: an approver key answers for no user once the organization leaves that to passkeys", async () => {
  await using countersign = await Countersign.start();
  for (const setting of [{ confirm_by: "passkey" }, { api_decisions: false }]) {
    const it = await ConfirmingOrg.make(countersign);
    const { org } = it;
    const yes = { decision: "approve" };
    const action = (amount: number) => ({ tool_name: "refund", arguments: { amount } });
    const mint = (approval_id: string, amount: number) =>
      org.post("/v1/tokens/mint", { ...action(amount), mandate_id: it.mandate, approval_id });
    const ask = (amount: number) => it.ask({ arguments: { amount } });
    const [open, said, minted] = [await ask(1), await ask(2), await ask(3)];
    for (const { nonce } of [said, minted]) {
      assert.equal((await it.answer(nonce, yes, org.approver)).status, 200);
    }
    const { body: { token } } = await mint(minted.approval.id, 3);

    assert.equal((await org.manage("PATCH", "/v1/org", setting)).status, 200);
    const shown = await it.post(`/v1/confirmations/${open.nonce}/statement`);
    assert.equal(shown.body.confirm_by, "passkey");
    assertProblem(await it.answer(open.nonce, yes, org.approver), 403, "passkey_required");
    const used = await mint(said.approval.id, 2);
    assertProblem(used, 409, "approval_not_approved");
    const consumed = await org.post("/v1/tokens/consume", { token, ...action(3) });
    assertProblem(consumed, 403, "token_revoked");
    // Whoever has the nonce says no all the same.
    assert.equal((await it.answer(open.nonce, { decision: "deny" })).status, 200);
  }
});
