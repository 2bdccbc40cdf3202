import assert from "node:assert/strict";
import { seeEnrolment } from "../../lib/confirming/enrolment.ts";
import { ConfirmingOrg } from "../helpers/confirming.ts";
import { finish, linkOf } from "../helpers/enrolling.ts";
import { Countersign } from "../helpers/countersign.ts";

/** The link by which a user makes a passkey on our page. */

async function count(it: ConfirmingOrg): Promise<number> {
  const options = { key: it.keeper };
  const got = await it.org.countersign.request("GET", "/v1/users/u1/passkeys", options);
  return got.body.passkeys.length;
}

Deno.test("a link makes one passkey, of twenty who follow it at once and ever after", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const secret = await linkOf(it);
  const answers = await Promise.all(Array.from({ length: 20 }, () => finish(it, secret)));
  assert.equal(answers.filter((one) => one === null).length, 1);
  assert.deepEqual(new Set(answers), new Set([null, "confirmation_gone"]));
  assert.equal(await finish(it, secret), "confirmation_gone");
  assert.equal(await count(it), 1);
});

Deno.test("a link counts for a quarter of an hour, for its own ceremony, and while its key may make one", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const late = await linkOf(it);
  assert.equal(await finish(it, late, "another"), "assertion_not_accepted");
  countersign.clock.advance(15 * 60 * 1000);
  assert.equal(await finish(it, late), "confirmation_gone");
  assert.equal(await seeEnrolment(countersign.services, late), null);

  const keys = await it.org.get("/v1/api-keys", it.org.management);
  const orphan = await linkOf(it);
  assert.equal((await seeEnrolment(countersign.services, orphan))?.user_id, "u1");
  const { id } = keys.body.data.find((one: { user_passkeys?: boolean }) => one.user_passkeys);
  const revoked = await it.org.manage("DELETE", `/v1/api-keys/${id}`);
  assert.ok(revoked.status < 300, revoked.text);
  assert.equal(await seeEnrolment(countersign.services, orphan), null);
  assert.equal(await finish(it, orphan), "confirmation_gone");
});

Deno.test("only a key that an owner made for it makes links, and none for an address of e-mail", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  for (const key of [it.org.management, it.org.standard, it.org.approver]) {
    assert.equal((await it.post("/v1/users/u1/enrolment", {}, key)).body.code, "wrong_tier");
  }
  const named = await it.post("/v1/users/ann%40example.com/enrolment", {}, it.keeper);
  assert.equal(named.status, 422, named.text);
});
