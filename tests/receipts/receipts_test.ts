import assert from "node:assert/strict";
import { erasePrivate } from "../../lib/ledger/erase_private.ts";
import { makeFirstKey } from "../../lib/receipts/receipt_keys.ts";
import { Countersign } from "../helpers/countersign.ts";
import { checked, granted, shop } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { eventful, payloadOf, receiptedEntries, receiptPath } from "../helpers/receipts.ts";

const ROTATE = "/v1/receipts/rotate-key";

Deno.test("whatever has a receipt is told by it: what it is, of whom, and where it stands in the log", async () => {
  await using countersign = await Countersign.start();
  const org = await eventful(countersign);
  const told = [];
  for (const { entry, index, leaf_hash } of await receiptedEntries(countersign, org)) {
    const got = await org.get(receiptPath(entry), org.management);
    assert.equal(got.status, 200, `${entry.type}: ${got.text}`);
    assert.equal(got.body.status, "signed");
    const claims = payloadOf(got.body.receipt);
    assert.equal(claims.workspace_id, org.id);
    assert.equal(claims.issued_at, entry.at);
    const log = `${new URL(countersign.origin).host}/log/${org.id}`;
    assert.deepEqual((claims.context as { countersign: unknown }).countersign, {
      log,
      index,
      leaf_hash,
    });
    assert.equal(claims.authorization_id === null, claims.policy_ref === null);
    told.push([claims.action ?? claims.event, claims.decision, claims.user_id]);
  }
  assert.deepEqual(told, [
    ["authorization.create", "authorization_granted", "u1"],
    ["authorization.revoke", "authorization_revoked", "u1"],
    ["authorization.create", "authorization_granted", "u1"],
    ["mail", "allow", ""],
    ["refund", "deny", ""],
    ["refund", "allow", "u1"],
    ["budget.settle", "budget_settled", "u1"],
    ["refund", "allow", "u1"],
    ["budget.settle", "budget_settled", "u1"],
    ["mail", "confirm", "u1"],
    ["confirmation.resolve", "confirmation_approved", "u1"],
    ["wire", "escalate", "u1"],
    ["escalation.resolve", "escalation_rejected", "u1"],
    ["wipe", "deny", "u1"],
    ["mail", "confirm", "u1"],
    ["mail", "allow", "u1"],
    ["authorization.create", "authorization_granted", "ü😀"],
    ["authorization.revoke", "authorization_revoked", "ü😀"],
  ]);
});

Deno.test("a receipt has the same bytes every time, on every node and after a rotation", async () => {
  const kv = await Deno.openKv(":memory:");
  await using one = await Countersign.start({ kv });
  await using other = await Countersign.start({ kv, secret: one.secret, clock: one.clock });
  const org = await shop(await one.org());
  const id = await granted(org);
  const path = receiptPath({ id: (await checked(org, id)).decision_id });
  const first = await org.get(path);
  assert.equal(first.status, 200, first.text);
  assert.equal((await org.post(ROTATE, {}, org.management)).status, 201);
  assert.equal((await org.get(path)).text, first.text);
  const elsewhere = await fetch(`${other.origin}${path}`, {
    headers: { authorization: `Bearer ${org.standard}` },
  });
  assert.equal(await elsewhere.text(), first.text);
  kv.close();
});

Deno.test("the key of receipts is made by an entry when the first is asked for, once for all who ask", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const path = receiptPath({ id: (await checked(org, null)).decision_id });
  const keysPath = `/.well-known/countersign/receipt-keys/${org.id}`;
  assert.deepEqual((await org.get(keysPath)).body.keys, []);
  const texts = await Promise.all(
    Array.from({ length: 8 }, async () => (await org.get(path)).text),
  );
  assert.equal(new Set(texts).size, 1);
  const { keys, workspace_id } = (await org.get(keysPath)).body;
  assert.deepEqual([keys.length, workspace_id], [1, org.id]);
  const made = await entriesOf(org, "key.set");
  assert.equal(made.length, 1);
  assert.deepEqual(
    [made[0]?.subject.key, made[0]?.data.public_key, made[0]?.data.active_from, made[0]?.index],
    [keys[0].key_id, keys[0].public_key, keys[0].active_from, keys[0].entry.index],
  );
});

Deno.test("after a rotation each time has its key, and the moment of the rotation has the old one", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const kidOf = async (decision: string) => {
    const { receipt } = (await org.get(receiptPath({ id: decision }))).body;
    return JSON.parse(atob(receipt.protected)).kid;
  };
  const before = (await checked(org, null)).decision_id;
  const old = await kidOf(before);
  const rotated = await org.post(ROTATE, {}, org.management);
  assert.deepEqual([rotated.status, rotated.body.retired_key_id], [201, old], rotated.text);
  const within = (await checked(org, null)).decision_id;
  countersign.clock.advance(1);
  const after = (await checked(org, null)).decision_id;
  assert.deepEqual([await kidOf(before), await kidOf(within)], [old, old]);
  assert.equal(await kidOf(after), rotated.body.key_id);
  const { keys } = (await org.get(`/.well-known/countersign/receipt-keys/${org.id}`)).body;
  assert.equal(keys[0].active_until, keys[1].active_from);
  assert.equal(keys[1].active_until, null);
  assert.equal((await org.post(ROTATE, {}, org.standard)).body.code, "wrong_tier");
});

Deno.test("once the user of a mandate is erased, no receipt can name them: 410", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  const { decision_id } = await checked(org, id);
  assert.equal((await org.get(receiptPath({ id: decision_id }))).status, 200);
  const [grant = assert.fail("no grant")] = await entriesOf(org, "mandate.granted");
  await erasePrivate(countersign.services.ledgers, org.id, {
    index: grant.index,
    names: ["user_id"],
    actor: { type: "system", id: "test" },
  });
  for (const entry of [{ id: decision_id }, grant]) {
    const got = await org.get(receiptPath(entry));
    assert.deepEqual([got.status, got.body.code], [410, "erased"], got.text);
  }
  assert.equal((await org.get(`/v1/receipts/${decision_id}`)).status, 200);
});

Deno.test("a receipt is for who asked, inside of their wall; anything else is not found", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const tenant = { tenant_id: "acme" };
  const id = await granted(org, tenant);
  const path = receiptPath({ id: (await checked(org, id, tenant)).decision_id });
  const walled = await org.key("standard", { tenant_ids: ["acme"] });
  const elsewhere = await org.key("standard", { tenant_ids: ["globex"] });
  const agent = await org.agent();
  const stranger = await countersign.org();
  const seen = async (key: string) => {
    const got = await org.get(path, key);
    return got.status === 200 ? 200 : got.body.code;
  };
  assert.deepEqual([await seen(org.standard), await seen(org.management), await seen(walled)], [
    200,
    200,
    200,
  ]);
  assert.equal(await seen(elsewhere), "not_found");
  assert.equal(await seen(agent), "not_found");
  assert.equal(await seen(stranger.standard), "not_found");
  assert.equal(await seen(org.approver), "wrong_tier");
  for (const type of ["bundle.published", "key.set"]) {
    const [entry] = await entriesOf(org, type);
    const got = await org.get(receiptPath(entry ?? assert.fail(`no ${type}`)));
    assert.deepEqual([got.status, got.body.code], [404, "not_found"]);
  }
});

Deno.test("the other form is named in the query, which no other id takes", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const { decision_id } = await checked(org, await granted(org));
  const path = receiptPath({ id: decision_id });
  const four = (await org.get(`${path}?format=allowly-4`)).body.receipt;
  assert.equal(four.schema_version, "4");
  assert.equal("policy_ref" in four, false);
  const five = (await org.get(`${path}?format=allowly-5`)).text;
  assert.equal(five, (await org.get(path)).text);
  assert.equal((await org.get(`${path}?format=allowly-3`)).status, 422);
  assert.equal((await org.get(`/v1/receipts/${decision_id}?format=allowly-5`)).status, 422);
});

Deno.test("attack: the receipt of a check under a mandate of somebody else tells nothing of that mandate", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const theirs = await granted(org, { tenant_id: "acme", user_id: "somebody" });
  const elsewhere = await org.key("standard", { tenant_ids: ["globex"] });
  const asked = await checked(org, theirs, {}, elsewhere);
  assert.equal(asked.resolved_from, "mandate_not_found");
  const got = await org.get(receiptPath({ id: asked.decision_id }), elsewhere);
  assert.equal(got.status, 200, got.text);
  const claims = JSON.parse(
    atob(got.body.receipt.payload.replaceAll("-", "+").replaceAll("_", "/")),
  );
  assert.deepEqual([claims.user_id, claims.authorization_id, claims.policy_ref], ["", null, null]);
});

Deno.test("the first key is made once, however often it is wanted", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const { deps, ledgers } = countersign.services;
  for (let i = 0; i < 3; i++) await ledgers.transact(org.id, makeFirstKey(deps, org.id));
  assert.equal((await entriesOf(org, "key.set")).length, 1);
});
