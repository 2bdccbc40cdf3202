import assert from "node:assert/strict";
import { sweep } from "../../lib/server/due_worker.ts";
import { approvalKey } from "../../lib/store/keys.ts";
import { AppUser, ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign, type Got } from "../helpers/countersign.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";

/** A user's passkey goes, for somebody stole it: what it said yes to counts no longer, on any node. */

const REFUND = { tool_name: "refund" };

async function answered(countersign: Countersign, bundle?: object) {
  const it = await ConfirmingOrg.make(countersign, bundle);
  const stays = new AppUser();
  const stolen = new AppUser();
  const keys = { stays: await stays.enrol(), stolen: await stolen.enrol() };
  await it.passkeys("u1", [keys.stays, keys.stolen]);
  countersign.clock.advance(1000);
  const approved = async (n: number, by = stolen) => {
    const asked = await it.ask({ arguments: { n } });
    const got = await it.approve(asked.nonce, by);
    assert.equal(got.status, 200, got.text);
    return asked.approval.id as string;
  };
  const mint = (approval_id: string, n: number, on = countersign): Promise<Got> =>
    on.request("POST", "/v1/tokens/mint", {
      key: it.org.standard,
      body: { ...REFUND, mandate_id: it.mandate, approval_id, arguments: { n } },
    });
  return { it, stays, stolen, keys, approved, mint };
}

Deno.test("attack: what a stolen passkey said yes to is minted no more once the passkey is removed, on any node", async () => {
  await using countersign = await Countersign.start();
  await using other = await countersign.another();
  const { it, stays, keys, approved, mint } = await answered(countersign);
  const byStolen = await approved(1);
  const byOther = await approved(2, stays);
  assert.equal((await it.passkeys("u1", [keys.stays])).status, 200);
  const refused = await mint(byStolen, 1, other);
  assert.deepEqual([refused.body.code, refused.body.ended_because], [
    "approval_not_approved",
    "decider_barred",
  ], refused.text);
  // The one that stays goes on, and so does what it said yes to.
  assert.equal((await mint(byOther, 2)).status, 201);
  assert.equal((await approved(3, stays)).slice(0, 4), "apr_");
});

Deno.test("attack: replacing the passkey, or putting it back, brings nothing back", async () => {
  await using countersign = await Countersign.start();
  const { it, keys, approved, mint } = await answered(countersign);
  const first = await approved(1);
  const second = await approved(2);
  // Other sites, or another key under its name, make it another passkey.
  const elsewhere = { ...keys.stolen, origins: ["https://other.example.com"] };
  await it.passkeys("u1", [keys.stays, elsewhere]);
  await it.passkeys("u1", [keys.stays, keys.stolen]);
  assert.equal((await mint(first, 1)).body.code, "approval_not_approved");
  await it.passkeys("u1", []);
  assert.equal((await mint(second, 2)).body.code, "approval_not_approved");
});

Deno.test("attack: an unspent run token by a stolen passkey's yes is void once the passkey went", async () => {
  await using countersign = await Countersign.start();
  const { it, stays, keys, approved, mint } = await answered(countersign);
  const tokens = [
    (await mint(await approved(1), 1)).body.token,
    (await mint(await approved(2, stays), 2)).body.token,
  ];
  await it.passkeys("u1", [keys.stays]);
  const consume = (token: string, n: number) =>
    it.org.post("/v1/tokens/consume", { ...REFUND, token, arguments: { n } });
  const stolen = await consume(tokens[0], 1);
  assert.deepEqual(
    [stolen.body.code, stolen.body.reason],
    ["token_revoked", "levels"],
    stolen.text,
  );
  assert.equal((await consume(tokens[1], 2)).status, 200);
});

Deno.test("what waits for members behind a yes of a passkey that went is cancelled, with nobody looking", async () => {
  await using countersign = await Countersign.start();
  const bundle = {
    agent: "shop-assistant",
    scopes: [{
      tool: "refund",
      decision: "confirm",
      conditions: [{ when: [{ field: "/n", op: "gt", value: 0 }], decision: "escalate" }],
    }],
  };
  const { it, stays, keys, approved } = await answered(countersign, bundle);
  const { org } = it;
  const waits = await approved(1);
  const stands = await approved(2, stays);
  assert.equal((await org.get(`/v1/approvals/${waits}`)).body.level, 1);
  await it.passkeys("u1", [keys.stays]);
  const decide = (id: string) =>
    org.post(
      `/v1/approvals/${id}/decide`,
      { decision: "approve", decided_by: "ann@example.com" },
      org.approver,
    );
  const late = await decide(waits);
  assert.deepEqual([late.body.code, late.body.ended_because], [
    "approval_not_pending",
    "decider_barred",
  ]);
  assert.equal((await decide(stands)).body.status, "approved");
  const third = await approved(3, stays);
  await it.passkeys("u1", []);
  await sweep(countersign.services, countersign.clock.now);
  const cancelled = await entriesOf(org, "approval.cancelled");
  assert.deepEqual(
    new Set(cancelled.map(({ subject }) => subject.approval)),
    new Set([
      waits,
      stands,
      third,
    ]),
  );
  assert.ok(cancelled.every(({ data }) => data.because === "decider_barred"));
});

Deno.test("attack: an approver key that said yes for a user is revoked, and so is the token that came by it", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const made = await it.org.manage("GET", "/v1/api-keys");
  const approver = await it.org.key("approver");
  const asked = await it.ask();
  assert.equal((await it.answer(asked.nonce, { decision: "approve" }, approver)).status, 200);
  const minted = await it.org.post("/v1/tokens/mint", {
    ...REFUND,
    mandate_id: it.mandate,
    approval_id: asked.approval.id,
  });
  assert.equal(minted.status, 201, minted.text);
  const before = new Set(made.body.data.map(({ id }: { id: string }) => id));
  const keys = await it.org.manage("GET", "/v1/api-keys");
  const { id } = keys.body.data.find((key: { id: string }) => !before.has(key.id));
  assert.equal((await it.org.manage("DELETE", `/v1/api-keys/${id}`)).status, 200);
  const got = await it.org.post("/v1/tokens/consume", { ...REFUND, token: minted.body.token });
  assert.deepEqual([got.body.code, got.body.reason], ["token_revoked", "levels"], got.text);
});

Deno.test("of a yes whose row does not say which passkey gave it, any that went since ends it", async () => {
  await using countersign = await Countersign.start();
  const { it, keys, approved, mint } = await answered(countersign);
  const [first, second] = [await approved(1), await approved(2)];
  const { deps } = countersign.services;
  for (const id of [first, second]) {
    const key = approvalKey(it.org.id, id);
    const { value } = await deps.kv.get<Record<string, Record<string, object>>>(key);
    assert.ok(value !== null);
    const { credential: _gone, ...answer } = value.user_seat?.answer as Record<string, unknown>;
    await deps.kv.set(key, { ...value, user_seat: { ...value.user_seat, answer } });
  }
  assert.equal((await mint(first, 1)).status, 201);
  await it.passkeys("u1", [keys.stolen]);
  assert.equal((await mint(second, 2)).body.code, "approval_not_approved");
});
