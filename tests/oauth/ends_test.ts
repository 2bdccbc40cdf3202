import assert from "node:assert/strict";
import { asMember } from "../../lib/identity/acting.ts";
import { deleteOrg } from "../../lib/leaving/org.ts";
import { deleteAccount } from "../../lib/leaving/person.ts";
import { allowConsent } from "../../lib/oauth/consent.ts";
import { assertionResponse } from "../../lib/passkeys/responses.ts";
import { redeemRecoveryCode, sendRecoveryCode } from "../../lib/people/recover.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import * as keys from "../../lib/store/keys.ts";
import { fault, OAuthWorld } from "../helpers/oauth_world.ts";
import { CLIENT } from "../helpers/people.ts";

/** What else ends with a person, an org or an account: what programs did in their name. */

async function rows(world: OAuthWorld, prefix: readonly string[]): Promise<number> {
  const list = world.services.deps.kv.list({ prefix: [...prefix] });
  return (await Array.fromAsync(list)).length;
}

Deno.test("deleting an account ends every grant of it, and leaves no row of them", async () => {
  await using world = await OAuthWorld.start();
  const org = await world.joined("admin");
  await org.signedIn("owner");
  // Else the last owner could not leave.
  const { org: first } = world;
  await world.people.countersign.services.ledgers.transact(first, {
    plan(transaction) {
      transaction.setPolicy(keys.memberKey(first, "other@example.com"), {
        id: transaction.id("usr"),
        email: "other@example.com",
        role: "owner",
        groups: [],
        account: "acc_other",
        has_passkey: true,
        held_until: null,
        created_at: transaction.at,
      });
    },
  });
  const { access_token, refresh_token } = await world.tokens({}, { orgs: [org.id, first] });
  await deleteAccount(world.services, world.ruled.session, CLIENT);
  assert.equal(await world.present(access_token), null);
  fault(await world.refresh(refresh_token), "invalid_grant");
  assert.equal(await rows(world, keys.accountGrantPrefix(world.account)), 0);
  for (const id of [org.id, first]) assert.equal(await rows(world, keys.grantPrefix(id)), 0);
});

Deno.test("deleting an org ends what programs reached there, and there alone", async () => {
  await using world = await OAuthWorld.start();
  const other = await world.joined("admin");
  const { access_token } = await world.tokens({}, { orgs: [world.org, other.id] });
  await world.services.ledgers.transact(
    world.org,
    asMember(world.ruled.session, "delete_org", deleteOrg("Acme", CLIENT)),
  );
  assert.deepEqual((await world.present(access_token))?.orgs.map(({ id }) => id), [other.id]);
  await sweep(world.services, world.clock.now);
  assert.equal(await rows(world, keys.grantPrefix(world.org)), 0);
});

Deno.test("a recovery ends every grant of the account", async () => {
  await using world = await OAuthWorld.start();
  const { access_token, refresh_token } = await world.tokens();
  const { email, flow } = world.ruled.owner;
  const [recovery_code = ""] = world.ruled.entered.recovery_codes;
  await sendRecoveryCode(world.services, { email, flow }, CLIENT);
  const code = world.people.codeFor(email);
  await redeemRecoveryCode(world.services, { flow, code, recovery_code }, CLIENT);
  assert.equal(await world.present(access_token), null);
  fault(await world.refresh(refresh_token), "invalid_grant");
  assert.equal(await rows(world, keys.accountGrantPrefix(world.account)), 0);
  assert.equal(await rows(world, keys.grantPrefix(world.org)), 0);
  const ended = (await world.people.log(world.org)).filter(({ type }) => type === "oauth.revoked");
  assert.deepEqual(ended.map(({ data }) => data.because), ["recovery"]);
});

Deno.test("a grant that a crash left without its code ends by itself", async () => {
  await using world = await OAuthWorld.start();
  const { ledgers } = world.services;
  const transact = ledgers.transact.bind(ledgers);
  // The process dies after the first commit: no org has the grant, and nobody the code.
  const broken = { ...world.services, ledgers: Object.create(ledgers) };
  broken.ledgers.transact = (org: string, operation: Parameters<typeof transact>[1]) =>
    org === world.org && operation.load !== undefined
      ? Promise.reject(new Error("the process died"))
      : transact(org, operation);
  const query = world.query();
  const begun = await world.post("/oauth/consent", { request: query });
  const ticked = { scopes: ["mcp:read"] as const, orgs: [world.org] };
  const { nonce, response } = await world.signed(query, begun.body, ticked);
  const given = { ...ticked, nonce, response: assertionResponse.parse(response) };
  await assert.rejects(
    allowConsent(broken, world.ruled.session, given, CLIENT),
    /the process died/,
  );
  assert.equal(await rows(world, keys.accountGrantPrefix(world.account)), 1);
  assert.equal(await rows(world, keys.grantPrefix(world.org)), 0);
  world.clock.advance(60_000);
  await sweep(world.services, world.clock.now);
  assert.equal(await rows(world, keys.accountGrantPrefix(world.account)), 0);
});
