import assert from "node:assert/strict";
import { fromBase64Url } from "../../lib/base/bytes.ts";
import { finishEnrolment, seeEnrolment } from "../../lib/confirming/enrolment.ts";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import { parseRegistrationResponse } from "../../lib/passkeys/responses.ts";
import { ceremonyStatement } from "../../lib/passkeys/statement.ts";
import { Refusal } from "../../lib/refusal.ts";
import { ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign } from "../helpers/countersign.ts";
import { SoftwareAuthenticator } from "../helpers/software_authenticator.ts";

/** The link by which a user makes a passkey on our page. */

async function linkOf(it: ConfirmingOrg, key = it.keeper): Promise<string> {
  const made = await it.post("/v1/users/u1/enrolment", {}, key);
  assert.equal(made.status, 201, made.text);
  const secret = new URL(made.body.url).pathname.split("/").at(-1) ?? "";
  assert.equal(fromBase64Url(secret)?.length, 32);
  return secret;
}

/** Makes a passkey by a link; the code of what refused it. */
async function finish(it: ConfirmingOrg, secret: string, signed = secret): Promise<string | null> {
  const { services } = it.org.countersign;
  const { url } = services.settings;
  const made = await new SoftwareAuthenticator({ origin: url.origin }).enrol({
    rp: { id: url.hostname, name: "Countersign" },
    user: { id: "dTE", name: "u1", displayName: "" },
    challenge: challengeText(ceremonyStatement("enrolment", url.origin, signed)),
    pubKeyCredParams: [],
  });
  try {
    const sent = parseRegistrationResponse(JSON.stringify(made));
    assert.ok(sent !== null);
    await finishEnrolment(services, secret, sent, "req");
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

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
