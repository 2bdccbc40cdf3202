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

Deno.test("attack: a tag that a tool gets takes away what its mandates say of that, also from run tokens", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const tagged = (decision: string, more: object = {}) =>
    granted(org, {
      bundle: undefined,
      agent: "shop-assistant",
      scopes: [{ tool: "refund", decision: "allow" }, { tag: "risky", decision, ...more }],
    });
  const action = (amount: number) => ({ tool_name: "refund", arguments: { amount } });
  const minted = async (mandate_id: string) => {
    const got = await org.post(CHECK, { ...action(1), mandate_id, mint: true });
    assert.ok(got.body.token, got.text);
    return got.body.token as string;
  };
  const parent = await tagged("deny");
  const part = await org.post("/v1/mandates", {
    parent,
    scopes: [{ tool: "refund", decision: "allow" }],
  }, org.management);
  const when = (value: number) => ({
    conditions: [{ when: [{ field: "/amount", op: "eq", value }], decision: "deny" }],
  });
  const tokens = {
    deny: await minted(parent),
    "deny above": await minted(part.body.id),
    confirm: await minted(await tagged("confirm")),
    escalate: await minted(await tagged("escalate")),
    "a condition that holds": await minted(await tagged("allow", when(1))),
  };
  const good = {
    allow: await minted(await tagged("allow")),
    "a condition that does not hold": await minted(await tagged("allow", when(2))),
  };
  assert.equal((await org.manage("PATCH", "/v1/tools/refund", { tags: ["risky"] })).status, 200);
  for (const [what, token] of Object.entries(tokens)) {
    const looked = await org.post("/v1/tokens/verify", { token, ...action(1) });
    assert.deepEqual([what, looked.body.code, looked.body.reason], [
      what,
      "token_revoked",
      "mandate",
    ]);
    assertProblem(
      await org.post("/v1/tokens/consume", { token, ...action(1) }),
      403,
      "token_revoked",
    );
  }
  for (const [what, token] of Object.entries(good)) {
    const got = await org.post("/v1/tokens/consume", { token, ...action(1) });
    assert.equal(got.status, 200, `${what} ${got.text}`);
  }

  // What an approver key said yes to is not what the mandate has of that tag: the user's own passkey.
  await org.manage("PATCH", "/v1/tools/refund", { tags: [] });
  const mandate_id = await granted(org, {
    bundle: undefined,
    agent: "shop-assistant",
    scopes: [
      { tool: "refund", decision: "confirm" },
      { tag: "risky", decision: "confirm", confirm_by: "passkey" },
    ],
  });
  const said: string[] = [];
  for (const amount of [1, 2]) {
    const asked = await org.post(CHECK, {
      ...action(amount),
      mandate_id,
      request: true,
      reason: "please",
    });
    const path = `/v1/confirmations/${asked.body.nonce}`;
    assert.equal((await org.post(path, { decision: "approve" }, org.approver)).status, 200);
    said.push(asked.body.approval.id);
  }
  const [one, two] = said;
  const mint = (approval_id: string | undefined, amount: number) =>
    org.post("/v1/tokens/mint", { ...action(amount), mandate_id, approval_id });
  const { body: { token } } = await mint(one, 1);
  await org.manage("PATCH", "/v1/tools/refund", { tags: ["risky"] });
  assertProblem(await mint(two, 2), 409, "approval_required");
  const late = await org.post("/v1/tokens/consume", { token, ...action(1) });
  assertProblem(late, 403, "token_revoked");
});
