import assert from "node:assert/strict";
import { sweep } from "../../lib/server/due_worker.ts";
import * as keys from "../../lib/store/keys.ts";
import { fault, OAuthWorld, REDIRECT, VERIFIER } from "../helpers/oauth_world.ts";

/** The life of a consent: asked, given, exchanged, refreshed, ended. */

Deno.test("a client gets from a consent to tokens that reach what was ticked", async () => {
  await using world = await OAuthWorld.start();
  const got = await world.tick(world.query());
  const redirect = new URL(got.body.redirect);
  assert.equal(redirect.origin + redirect.pathname, REDIRECT);
  assert.equal(redirect.searchParams.get("state"), "some state");
  assert.equal(redirect.searchParams.get("iss"), world.origin);
  const answer = await world.exchange(redirect.searchParams.get("code") ?? "");
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.deepEqual(Object.keys(answer.body).sort(), [
    "access_token",
    "expires_in",
    "refresh_token",
    "scope",
    "token_type",
  ]);
  assert.equal(answer.body.token_type, "Bearer");
  assert.equal(answer.body.expires_in, 3600);
  assert.equal(answer.body.scope, "mcp:read mcp:write");
  const access = await world.present(answer.body.access_token);
  assert.deepEqual(access?.scopes, ["mcp:read", "mcp:write"]);
  assert.deepEqual(access?.orgs.map(({ id, name }) => ({ id, name })), [
    { id: world.org, name: "Acme" },
  ]);
  assert.equal(access?.resource, `${world.origin}/mcp`);
  assert.equal(access?.account, world.account);
});

Deno.test("every step of a grant stands in the log of its org and of the deployment", async () => {
  await using world = await OAuthWorld.start();
  const first = await world.tokens();
  const second = await world.refresh(first.refresh_token);
  const revoked = await world.form("/oauth/revoke", { token: second.body.refresh_token });
  assert.equal(revoked.status, 200);
  const ofGrant = ["oauth.authorized", "oauth.issued", "oauth.refreshed", "oauth.revoked"];
  for (const org of [world.org, keys.DEPLOYMENT_ORG]) {
    const types = await world.people.types(org);
    const expected = org === world.org ? ofGrant : ["oauth.registered", ...ofGrant];
    assert.deepEqual(types.filter((type) => type.startsWith("oauth.")), expected, org);
  }
  const [authorized] = (await world.people.log(world.org))
    .filter(({ type }) => type === "oauth.authorized");
  assert.equal(authorized?.actor.type, "member");
  assert.deepEqual(authorized?.data.scopes, ["mcp:read", "mcp:write"]);
  assert.equal(authorized?.data.redirect, "127.0.0.1:4711");
  assert.equal(authorized?.data.verified, false);
  assert.match(String(authorized?.data.credential), /^sha256:/);
});

Deno.test("the store holds no code, token or verifier", async () => {
  await using world = await OAuthWorld.start();
  const code = await world.code();
  const { body: first } = await world.exchange(code);
  const { body: second } = await world.refresh(first.refresh_token);
  const secrets = [code, VERIFIER, first.access_token, first.refresh_token, second.access_token];
  const encoder = new TextEncoder();
  for await (const { key, value } of world.services.deps.kv.list({ prefix: [] })) {
    const text = JSON.stringify(
      [key, value],
      (_, part) =>
        part instanceof Uint8Array
          ? new TextDecoder("latin1").decode(part)
          : typeof part === "bigint"
          ? String(part)
          : part,
    );
    for (const secret of [...secrets, second.refresh_token]) {
      assert.ok(!text.includes(secret), `${key.join(" ")} holds ${secret}`);
      assert.ok(encoder.encode(secret).length > 0);
    }
  }
});

Deno.test("a code is good for a minute and for one exchange", async () => {
  await using world = await OAuthWorld.start();
  const late = await world.code();
  world.clock.advance(60_000);
  fault(await world.exchange(late), "invalid_grant");
  const code = await world.code();
  world.clock.advance(59_999);
  assert.equal((await world.exchange(code)).status, 200);
  fault(await world.exchange(code), "invalid_grant");
});

Deno.test("a consent whose code nobody redeems ends with the code", async () => {
  await using world = await OAuthWorld.start();
  await world.code();
  const grants = () =>
    world.services.ledgers.transact(world.org, { plan: ({ snapshot }) => snapshot.grants.size });
  assert.equal(await grants(), 1);
  world.clock.advance(60_000);
  await sweep(world.services, world.clock.now);
  assert.equal(await grants(), 0);
  assert.ok((await world.people.types(world.org)).includes("oauth.revoked"));
});

Deno.test("a code replayed by who holds its verifier ends the grant that it gave", async () => {
  await using world = await OAuthWorld.start();
  const code = await world.code();
  const { body } = await world.exchange(code);
  assert.ok(await world.present(body.access_token) !== null);
  fault(await world.exchange(code), "invalid_grant");
  assert.equal(await world.present(body.access_token), null);
  fault(await world.refresh(body.refresh_token), "invalid_grant");
  const log = await world.people.log(world.org);
  const reuse = log.filter(({ type }) => type === "oauth.reuse_detected");
  assert.deepEqual(reuse.map(({ data }) => data.reused), ["code"]);
});

Deno.test("a code that leaked without its verifier neither gives tokens nor ends the grant", async () => {
  await using world = await OAuthWorld.start();
  const code = await world.code();
  fault(await world.exchange(code, { code_verifier: "w".repeat(43) }), "invalid_grant");
  const { body, status } = await world.exchange(code);
  assert.equal(status, 200);
  fault(await world.exchange(code, { code_verifier: "w".repeat(43) }), "invalid_grant");
  assert.ok(await world.present(body.access_token) !== null);
});

Deno.test("an access token is good for an hour, a refresh token for 30 days of rest", async () => {
  await using world = await OAuthWorld.start();
  const day = 24 * 60 * 60 * 1000;
  const first = await world.tokens();
  world.clock.advance(60 * 60 * 1000 - 1);
  assert.ok(await world.present(first.access_token) !== null);
  world.clock.advance(1);
  assert.equal(await world.present(first.access_token), null);
  let { refresh_token } = first;
  for (let i = 0; i < 3; i++) {
    world.clock.advance(29 * day);
    await sweep(world.services, world.clock.now);
    const got = await world.refresh(refresh_token);
    assert.equal(got.status, 200, got.text);
    refresh_token = got.body.refresh_token;
  }
  world.clock.advance(30 * day);
  fault(await world.refresh(refresh_token), "invalid_grant");
  await sweep(world.services, world.clock.now);
  const rows = await Array.fromAsync(
    world.services.deps.kv.list({ prefix: [...keys.accountGrantPrefix(world.account)] }),
  );
  assert.equal(rows.length, 0);
});

Deno.test("a refresh gives as much as was granted, or less when asked", async () => {
  await using world = await OAuthWorld.start();
  const { refresh_token } = await world.tokens();
  const less = await world.refresh(refresh_token, { scope: "mcp:read offline_access" });
  assert.equal(less.body.scope, "mcp:read");
  assert.deepEqual((await world.present(less.body.access_token))?.scopes, ["mcp:read"]);
  const all = await world.refresh(less.body.refresh_token);
  assert.equal(all.body.scope, "mcp:read mcp:write");
});

Deno.test("revocation ends an access token alone, and with a refresh token everything", async () => {
  await using world = await OAuthWorld.start();
  const first = await world.tokens();
  const access = await world.form("/oauth/revoke", {
    token: first.access_token,
    token_type_hint: "access_token",
    client_id: world.client_id,
  });
  assert.equal(access.status, 200);
  assert.equal(access.text, "");
  assert.equal(await world.present(first.access_token), null);
  const second = await world.refresh(first.refresh_token);
  assert.equal(second.status, 200);
  const ended = await world.form("/oauth/revoke", { token: first.refresh_token });
  assert.equal(ended.status, 200);
  assert.equal(await world.present(second.body.access_token), null);
  fault(await world.refresh(second.body.refresh_token), "invalid_grant");
  const snapshot = await world.services.ledgers.transact(world.org, {
    plan: (transaction) => transaction.snapshot,
  });
  assert.equal(snapshot.grants.size, 0);
});

Deno.test("revocation answers the same for what is no token, and for another client's", async () => {
  await using world = await OAuthWorld.start();
  const { access_token, refresh_token } = await world.tokens();
  const other = await world.registered();
  for (
    const form of [
      { token: "cs_rt_nothing" },
      { token: "x" },
      { token: refresh_token, client_id: other },
      { token: access_token, client_id: "made up" },
    ] as Record<string, string>[]
  ) {
    const got = await world.form("/oauth/revoke", form);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.text, "");
  }
  assert.ok(await world.present(access_token) !== null);
  assert.equal((await world.refresh(refresh_token)).status, 200);
  fault(await world.form("/oauth/revoke", {}), "invalid_request");
});

const DOCUMENT = "https://claude.ai/oauth/client-metadata";

/** A client that a document at its own address describes. */
function documented(world: OAuthWorld): void {
  const document = {
    client_id: DOCUMENT,
    client_name: "Claude",
    redirect_uris: ["https://claude.ai/api/mcp/auth_callback", "http://localhost/callback"],
  };
  world.people.countersign.sites.answer(DOCUMENT, { body: document });
  world.client_id = DOCUMENT;
}

Deno.test("a client with a document of its own is domain verified, and gets to its tokens", async () => {
  await using world = await OAuthWorld.start();
  documented(world);
  const redirect_uri = "https://claude.ai/api/mcp/auth_callback";
  const page = await (await world.authorize(world.query({ redirect_uri }))).text();
  assert.match(page, /domain verified/);
  assert.match(page, /claude\.ai/);
  assert.ok(!page.includes("nverified: "));
  const code = await world.code({ redirect_uri });
  const got = await world.exchange(code, { redirect_uri });
  assert.equal(got.status, 200, got.text);
  const access = await world.present(got.body.access_token);
  assert.equal(access?.client_id, DOCUMENT);
  const [authorized] = (await world.people.log(world.org))
    .filter(({ type }) => type === "oauth.authorized");
  assert.equal(authorized?.data.verified, true);
  assert.equal((await world.refresh(got.body.refresh_token)).status, 200);
});

Deno.test("a document vouches for no program on this computer: its answer may go to any", async () => {
  await using world = await OAuthWorld.start();
  documented(world);
  const redirect_uri = "http://localhost:50505/callback";
  const page = await (await world.authorize(world.query({ redirect_uri }))).text();
  assert.match(page, /unverified/);
  assert.ok(!page.includes("domain verified"));
  assert.match(page, /any program on this computer could be asking/);
  assert.match(page, /localhost:50505/);
});
