import assert from "node:assert/strict";
import { GRACE_MS } from "../../lib/oauth/refresh.ts";
import { fault, OAuthWorld, type Tokens } from "../helpers/oauth_world.ts";

Deno.test("of 50 parallel redemptions of one code one gives tokens", async () => {
  await using world = await OAuthWorld.start();
  const code = await world.code();
  const answers = await Promise.all(Array.from({ length: 50 }, () => world.exchange(code)));
  const given = answers.filter(({ status }) => status === 200);
  assert.equal(given.length, 1);
  for (const got of answers) if (got.status !== 200) fault(got, "invalid_grant");
  const log = await world.people.types(world.org);
  assert.equal(log.filter((type) => type === "oauth.issued").length, 1);
});

Deno.test("parallel refreshes of an honest client all get the same successor, and go on", async () => {
  await using world = await OAuthWorld.start();
  const { refresh_token } = await world.tokens();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => world.refresh(refresh_token)),
  );
  const bodies = answers.map(({ status, body, text }) => {
    assert.equal(status, 200, text);
    return body as Tokens;
  });
  assert.equal(new Set(bodies.map((body) => body.refresh_token)).size, 1);
  assert.equal(new Set(bodies.map((body) => body.access_token)).size, 1);
  const [first] = bodies;
  assert.ok(await world.present(first?.access_token ?? "") !== null);
  // One whose answer got lost asks again within the grace, also after another went on.
  assert.equal((await world.refresh(first?.refresh_token ?? "")).status, 200);
  world.clock.advance(GRACE_MS - 1);
  const late = await world.refresh(refresh_token);
  assert.equal(late.body.refresh_token, first?.refresh_token);
  assert.equal(late.body.expires_in, 3600 - 30);
});

Deno.test("a refresh token that is used again after the grace ends the grant, thief and owner alike", async () => {
  await using world = await OAuthWorld.start();
  const first = await world.tokens();
  const second = await world.refresh(first.refresh_token);
  world.clock.advance(GRACE_MS);
  fault(await world.refresh(first.refresh_token), "invalid_grant");
  assert.equal(await world.present(first.access_token), null);
  assert.equal(await world.present(second.body.access_token), null);
  fault(await world.refresh(second.body.refresh_token), "invalid_grant");
  const log = await world.people.log(world.org);
  const reuse = log.filter(({ type }) => type === "oauth.reuse_detected");
  assert.deepEqual(reuse.map(({ data }) => data.reused), ["refresh_token"]);
  const { snapshot } = await world.services.ledgers.transact(world.org, {
    plan: (transaction) => transaction,
  });
  assert.equal(snapshot.grants.size, 0);
});

Deno.test("parallel reuses of an old refresh token are detected once", async () => {
  await using world = await OAuthWorld.start();
  const first = await world.tokens();
  await world.refresh(first.refresh_token);
  world.clock.advance(GRACE_MS);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => world.refresh(first.refresh_token)),
  );
  for (const got of answers) fault(got, "invalid_grant");
  const types = await world.people.types(world.org);
  assert.equal(types.filter((type) => type === "oauth.reuse_detected").length, 1);
});

Deno.test("a refresh and a revocation at the same moment leave no token", async () => {
  await using world = await OAuthWorld.start();
  for (let i = 0; i < 5; i++) {
    const { refresh_token } = await world.tokens();
    const [refreshed] = await Promise.all([
      world.refresh(refresh_token),
      world.form("/oauth/revoke", { token: refresh_token }),
    ]);
    if (refreshed.status === 200) {
      assert.equal(await world.present(refreshed.body.access_token), null);
    } else {
      fault(refreshed, "invalid_grant");
    }
  }
});

Deno.test("one signed consent gives one code, however often it is sent", async () => {
  await using world = await OAuthWorld.start();
  const query = world.query();
  const begun = await world.post("/oauth/consent", { request: query });
  const finish = await world.signed(query, begun.body);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => world.post("/oauth/consent/finish", finish)),
  );
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  for (const { status, body } of answers) {
    if (status !== 200) assert.equal(body.code, "assertion_not_accepted");
  }
});
