import assert from "node:assert/strict";
import { AppUser, ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** The user's own passkey, over exactly what they were shown, on the application's own site. */

Deno.test("B8: the user's passkey signs the statement at the application's site, and what it approved is minted once", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const user = new AppUser();
  const put = await it.passkeys("u1", [await user.enrol()]);
  assert.equal(put.status, 200, put.text);
  countersign.clock.advance(1000);

  const asked = await it.ask();
  assert.deepEqual(asked.seats, ["user"]);
  assert.deepEqual([asked.approval.level, asked.approval.levels, asked.approval.seat], [
    0,
    0,
    "user",
  ]);
  const approved = await it.approve(asked.nonce, user);
  assert.equal(approved.status, 200, approved.text);
  assert.equal(approved.body.id, asked.confirmation.id);

  const mint = () =>
    it.org.post("/v1/tokens/mint", {
      tool_name: "refund",
      mandate_id: it.mandate,
      approval_id: asked.approval.id,
    });
  const minted = await mint();
  assert.equal(minted.status, 201, minted.text);
  assert.equal((await mint()).body.code, "approval_used");
  const consumed = await it.org.post("/v1/tokens/consume", {
    token: minted.body.token,
    tool_name: "refund",
  });
  assert.equal(consumed.status, 200, consumed.text);
});

Deno.test("a yes to what was asked while the log was ahead of its end is accepted offline", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const { clock, services } = countersign;
  const user = new AppUser();
  await it.passkeys("u1", [await user.enrol()]);
  const tool = { approval_timeout_seconds: 60 };
  assert.equal((await it.org.manage("PATCH", "/v1/tools/refund", tool)).status, 200);
  const ahead = 4 * 60_000;
  clock.set(ahead);
  await it.ask({ resource_id: "first" });
  clock.set(-ahead);
  const asked = await it.ask({ resource_id: "second" });
  const approved = await it.approve(asked.nonce, user);
  assert.equal(approved.status, 200, approved.text);
  await verifiedLog(services.deps, it.org.id);
});
