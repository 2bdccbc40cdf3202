import assert from "node:assert/strict";
import { putMember, removeMember } from "../../lib/people/members.ts";
import { oauthClientKey } from "../../lib/store/keys.ts";
import type { RegisteredClient } from "../../lib/store/records/oauth.ts";
import { Countersign } from "../helpers/countersign.ts";
import { challengeOf, fault, OAuthWorld, REDIRECT, VERIFIER } from "../helpers/oauth_world.ts";

/** What a request that is wrong leads to: a page, or the client by a redirect. */
async function answerTo(world: OAuthWorld, query: string) {
  const response = await world.authorize(query);
  const text = await response.text();
  const location = response.headers.get("location");
  return { status: response.status, text, to: location === null ? null : new URL(location) };
}

Deno.test("PKCE downgrade: no challenge, `plain`, or no method is refused at the client", async () => {
  await using world = await OAuthWorld.start();
  for (
    const changes of [
      { code_challenge: null, code_challenge_method: null },
      { code_challenge: null },
      { code_challenge_method: "plain" },
      { code_challenge_method: null },
      { code_challenge: VERIFIER.slice(1) },
      { code_challenge: `${VERIFIER}=` },
    ] as Record<string, string | null>[]
  ) {
    const { status, to } = await answerTo(world, world.query(changes));
    assert.equal(status, 303, JSON.stringify(changes));
    assert.equal(to?.searchParams.get("error"), "invalid_request");
    assert.equal(to?.searchParams.get("code"), null);
  }
});

Deno.test("PKCE downgrade: a code is not given out without its verifier", async () => {
  await using world = await OAuthWorld.start();
  const code = await world.code();
  fault(
    await world.token({ grant_type: "authorization_code", code, redirect_uri: REDIRECT }),
    "invalid_request",
  );
  for (const code_verifier of [challengeOf(VERIFIER), "x", "ü".repeat(43), "w".repeat(129)]) {
    fault(await world.exchange(code, { code_verifier }), "invalid_grant");
  }
  assert.equal((await world.exchange(code)).status, 200);
});

Deno.test("redirect mismatch: an address that the client did not declare is never led to", async () => {
  await using world = await OAuthWorld.start();
  world.client_id = await world.registered({
    redirect_uris: ["https://app.example/done", REDIRECT, "cursor://anysphere.cursor-mcp/done"],
  });
  for (
    const redirect_uri of [
      "https://evil.example/done",
      "https://app.example/done/",
      "https://app.example/done?x=1",
      "https://app.example/done#x",
      "https://app.example:444/done",
      "https://user@app.example/done",
      "http://app.example/done",
      "https://app.example.evil.example/done",
      "HTTPS://app.example/done",
      "http://127.0.0.1:4711/other",
      "http://localhost:4711/callback",
      "http://127.0.0.1:4711/callback?x=1",
      "https://127.0.0.1:4711/callback",
      "http://127.0.0.2:4711/callback",
      "http://2130706433/callback",
      "cursor://anysphere.cursor-mcp/other",
      "javascript://anysphere.cursor-mcp/%0aalert(1)",
      "//127.0.0.1:4711/callback",
      "/callback",
    ]
  ) {
    const { status, to, text } = await answerTo(world, world.query({ redirect_uri }));
    assert.equal(status, 400, redirect_uri);
    assert.equal(to, null);
    assert.match(text, /did not declare/);
  }
  const none = await answerTo(world, world.query({ redirect_uri: null }));
  assert.equal(none.status, 400);
});

Deno.test("redirect: an address that a computer would open is no address of a client", async () => {
  await using world = await OAuthWorld.start();
  for (const redirect_uri of ["postgresql://evil.example", "ssh://evil.example/x", "ldap://a.b/"]) {
    const redirect_uris = [redirect_uri];
    const refused = await world.register({ client_name: "Tester", redirect_uris });
    assert.equal(refused.status, 400, redirect_uri);
    assert.equal(refused.body.error, "invalid_redirect_uri");
    // As one that was registered before, when more schemes were taken.
    const key = oauthClientKey(world.client_id);
    const { kv } = world.services.deps;
    const { value } = await kv.get<RegisteredClient>([...key]);
    await kv.set([...key], { ...value, redirect_uris });
    const query = world.query({ redirect_uri });
    const { status, to, text } = await answerTo(world, query);
    assert.equal(status, 400, redirect_uri);
    assert.equal(to, null);
    assert.ok(!text.includes(`href="${redirect_uri}`));
    assert.equal((await world.tick(query)).status, 422);
  }
});

Deno.test("consent shows where the answer goes, the authority of an app's address too", async () => {
  await using world = await OAuthWorld.start();
  for (
    const [redirect_uri, shown] of [
      ["cursor://evil.example/oauth/callback", "cursor://evil.example"],
      ["com.example.app://evil.example:5432/x", "com.example.app://evil.example:5432"],
      ["com.example.app:/x", "com.example.app:"],
      ["https://app.example/done", "app.example"],
      [REDIRECT, "127.0.0.1:4711"],
    ] as const
  ) {
    const client_id = await world.registered({ redirect_uris: [redirect_uri] });
    const page = await (await world.authorize(world.query({ client_id, redirect_uri }))).text();
    const text = page.replaceAll(/<[^>]+>/g, " ").replaceAll(/\s+/g, " ");
    assert.ok(text.includes(`Answer goes to ${shown} `), shown);
  }
});

Deno.test("open redirect: a request that is wrong on purpose leads nobody to a stranger's host", async () => {
  await using world = await OAuthWorld.start();
  for (const redirect_uri of ["https://evil.example/done", "cursor://evil.example/done"]) {
    const client_id = await world.registered({ redirect_uris: [redirect_uri] });
    const query = world.query({ client_id, redirect_uri, response_type: "token" });
    const { status, to, text } = await answerTo(world, query);
    assert.equal(status, 400);
    assert.equal(to, null);
    const back = /href="([^"]*error=unsupported[^"]*)"/.exec(text)?.[1]?.replaceAll("&amp;", "&");
    const url = new URL(back ?? assert.fail(text));
    assert.equal(`${url.protocol}//${url.host}${url.pathname}`, redirect_uri);
    assert.equal(url.searchParams.get("iss"), world.origin);
    assert.match(text, /Go back to/);
  }
});

Deno.test("redirect: to this computer any port will do, as programs learn theirs late", async () => {
  await using world = await OAuthWorld.start();
  world.client_id = await world.registered({
    redirect_uris: ["http://127.0.0.1/", "http://localhost:33418/", "http://[::1]/done"],
  });
  for (
    const redirect_uri of [
      "http://127.0.0.1:50123/",
      "http://localhost/",
      "http://localhost:1/",
      "http://[::1]:8080/done",
    ]
  ) {
    const response = await world.authorize(world.query({ redirect_uri }));
    assert.equal(response.status, 200, redirect_uri);
    await response.body?.cancel();
  }
});

Deno.test("redirect mismatch: a code is exchanged for the address that it was sent to", async () => {
  await using world = await OAuthWorld.start();
  const code = await world.code();
  const redirect_uri = "http://127.0.0.1:4712/callback";
  fault(await world.exchange(code, { redirect_uri }), "invalid_grant");
});

Deno.test("mix-up: every answer says by `iss` whose it is, errors as well", async () => {
  await using world = await OAuthWorld.start();
  const denied = await answerTo(world, world.query({ response_type: "token" }));
  assert.equal(denied.to?.searchParams.get("error"), "unsupported_response_type");
  assert.equal(denied.to?.searchParams.get("iss"), world.origin);
  assert.equal(denied.to?.searchParams.get("state"), "some state");
  const page = await (await world.authorize(world.query())).text();
  const deny = /href="([^"]*error=access_denied[^"]*)"/.exec(page)?.[1]?.replaceAll("&amp;", "&");
  const url = new URL(deny ?? assert.fail(page));
  assert.equal(url.searchParams.get("iss"), world.origin);
  assert.equal(url.searchParams.get("state"), "some state");
});

Deno.test("mix-up: a code is not given out to another client", async () => {
  await using world = await OAuthWorld.start();
  const code = await world.code();
  const other = await world.registered();
  fault(await world.exchange(code, { client_id: other }), "invalid_grant");
  const { body } = await world.exchange(code);
  fault(await world.refresh(body.refresh_token, { client_id: other }), "invalid_grant");
  assert.equal((await world.refresh(body.refresh_token)).status, 200);
});

Deno.test("open redirect: who is not signed in is led nowhere by an error", async () => {
  await using world = await OAuthWorld.start();
  const response = await world.authorize(world.query({ response_type: "token" }), null);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /Sign in/);
});

Deno.test("unanswerable requests are shown to the person and sent to nobody", async () => {
  await using world = await OAuthWorld.start();
  const good = world.query();
  for (
    const query of [
      "",
      world.query({ client_id: null }),
      world.query({ client_id: "ocl_01kdvdna00e5g8vszbz26gnfrh" }),
      world.query({ client_id: "<img src=x onerror=alert(1)>" }),
      `${good}&state=twice`,
      `${good}&redirect_uri=${encodeURIComponent("https://evil.example")}`,
      `${good}&client_id=${world.client_id}`,
      `${good}&%3Cscript%3E=1&%3Cscript%3E=2`,
      world.query({ state: "s".repeat(4000) }),
    ]
  ) {
    const { status, to, text } = await answerTo(world, query);
    assert.equal(status, 400, query);
    assert.equal(to, null);
    assert.match(text, /This connection cannot be made/);
    assert.ok(!/<img|<script>/.test(text));
  }
});

Deno.test("a token for another resource is neither asked for nor given out", async () => {
  await using world = await OAuthWorld.start();
  for (const resource of ["https://other.example/mcp", world.origin, `${world.origin}/mcp/x`]) {
    const { to } = await answerTo(world, world.query({ resource }));
    assert.equal(to?.searchParams.get("error"), "invalid_target", resource);
  }
  const code = await world.code({ resource: `${world.resource}/` });
  fault(await world.exchange(code, { resource: "https://other.example/mcp" }), "invalid_target");
  const { body } = await world.exchange(code);
  fault(
    await world.refresh(body.refresh_token, { resource: "https://other.example/mcp" }),
    "invalid_target",
  );
  assert.equal((await world.present(body.access_token))?.resource, world.resource);
});

Deno.test("scope escalation: nothing beyond what was asked, ticked and granted", async () => {
  await using world = await OAuthWorld.start();
  const asked = world.query({ scope: "mcp:read" });
  const beyond = await world.tick(asked, { scopes: ["mcp:read", "mcp:write"] });
  assert.equal(beyond.status, 422, beyond.text);
  const unsigned = await world.tick(world.query(), {
    scopes: ["mcp:read"],
    tells: { scopes: ["mcp:read", "mcp:write"] },
  });
  assert.equal(unsigned.body.code, "assertion_not_accepted");
  const { refresh_token, scope } = await world.tokens({}, { scopes: ["mcp:read"] });
  assert.equal(scope, "mcp:read");
  fault(await world.refresh(refresh_token, { scope: "mcp:read mcp:write" }), "invalid_scope");
  assert.equal((await world.refresh(refresh_token)).body.scope, "mcp:read");
});

Deno.test("org escalation: an org that is not the person's, or was not signed for, is refused", async () => {
  await using world = await OAuthWorld.start();
  const own = await world.joined("approver");
  const foreign = await world.people.countersign.org();
  for (const orgs of [[foreign.id], [world.org, foreign.id], ["org_made_up"], []]) {
    const got = await world.tick(world.query(), { orgs });
    assert.equal(got.status, 422, got.text);
  }
  const unsigned = await world.tick(world.query(), { tells: { orgs: [world.org, own.id] } });
  assert.equal(unsigned.body.code, "assertion_not_accepted");
  const { access_token } = await world.tokens({}, { orgs: [own.id] });
  const access = await world.present(access_token);
  assert.deepEqual(access?.orgs.map(({ id }) => id), [own.id]);
});

Deno.test("a role that is lowered after the consent lowers what the tokens reach, at once", async () => {
  await using world = await OAuthWorld.start();
  const org = await world.joined("approver");
  const { access_token, refresh_token } = await world.tokens({}, { orgs: [org.id] });
  const { email } = world.ruled.owner;
  const ruler = await org.signedIn("owner");
  await org.as(ruler, "manage_members", putMember(email, { role: "viewer", groups: [] }, "req_x"));
  assert.deepEqual((await world.present(access_token))?.scopes, ["mcp:read"]);
  const got = await world.refresh(refresh_token);
  assert.equal(got.body.scope, "mcp:read");
  fault(await world.refresh(got.body.refresh_token, { scope: "mcp:write" }), "invalid_scope");
});

Deno.test("a membership that ends after the consent ends what the tokens reach there, at once", async () => {
  await using world = await OAuthWorld.start();
  const org = await world.joined("admin");
  const { access_token, refresh_token } = await world.tokens({}, { orgs: [org.id, world.org] });
  const { email } = world.ruled.owner;
  const ruler = await org.signedIn("owner");
  await org.as(ruler, "manage_members", removeMember(email, "req_x"));
  assert.deepEqual((await world.present(access_token))?.orgs.map(({ id }) => id), [world.org]);
  assert.equal((await world.refresh(refresh_token)).status, 200);
  // Whoever is invited again has to consent again.
  await org.member(email, { role: "admin", account: world.account, has_passkey: true });
  assert.deepEqual((await world.present(access_token))?.orgs.map(({ id }) => id), [world.org]);
  const ended = (await world.people.log(org.id)).filter(({ type }) => type === "oauth.revoked");
  assert.deepEqual(ended.map(({ data }) => data.because), ["membership_ended"]);
});

Deno.test("a code of somebody whose membership ended meanwhile gives nothing", async () => {
  await using world = await OAuthWorld.start();
  const org = await world.joined("admin");
  const code = await world.code({}, { orgs: [org.id] });
  const ruler = await org.signedIn("owner");
  await org.as(ruler, "manage_members", removeMember(world.ruled.owner.email, "req_x"));
  fault(await world.exchange(code), "invalid_grant");
});

Deno.test("a viewer lets nothing write, and a member on hold lets nothing at all", async () => {
  await using world = await OAuthWorld.start();
  const viewed = await world.joined("viewer");
  const got = await world.tick(world.query(), { orgs: [viewed.id], scopes: ["mcp:write"] });
  assert.equal(got.status, 403, got.text);
  assert.equal(got.body.code, "role_required");
  const { access_token } = await world.tokens({}, { orgs: [viewed.id] });
  assert.deepEqual((await world.present(access_token))?.scopes, ["mcp:read"]);
  const { now } = world.clock;
  const hold = { role: "owner", account: world.account, held_until: now + 1000 } as const;
  const joined = await world.joined("owner");
  await joined.member(world.ruled.owner.email, hold);
  const refused = await world.tick(world.query(), { orgs: [joined.id] });
  assert.equal(refused.body.code, "recovery_held", refused.text);
});

Deno.test("a replayed consent assertion allows nothing", async () => {
  await using world = await OAuthWorld.start();
  const query = world.query();
  const begun = await world.post("/oauth/consent", { request: query });
  const finish = await world.signed(query, begun.body);
  assert.equal((await world.post("/oauth/consent/finish", finish)).status, 200);
  const again = await world.post("/oauth/consent/finish", finish);
  assert.equal(again.body.code, "assertion_not_accepted");
  const other = await world.post("/oauth/consent", { request: query });
  const moved = await world.post("/oauth/consent/finish", { ...finish, nonce: other.body.nonce });
  assert.equal(moved.body.code, "assertion_not_accepted");
});

Deno.test("a consent is signed for this request and by this session's person alone", async () => {
  await using world = await OAuthWorld.start();
  const query = world.query();
  for (
    const signs of [
      { client_id: "ocl_other" },
      { redirect_uri: "https://evil.example" },
      { code_challenge: challengeOf("x".repeat(43)) },
      { resource: "https://other.example/mcp" },
      { issuer: "https://evil.example" },
      { nonce: "A".repeat(43) },
      { scopes: ["mcp:read"] },
      { orgs: [] },
    ]
  ) {
    const got = await world.tick(query, { signs });
    assert.equal(got.body.code, "assertion_not_accepted", JSON.stringify(signs));
  }
  for (
    const lies of [{ userVerified: false }, { origin: "https://evil.example" }, { tamper: true }]
  ) {
    const got = await world.tick(query, { lies });
    assert.equal(got.body.code, "assertion_not_accepted", JSON.stringify(lies));
  }
  const begun = await world.post("/oauth/consent", { request: query });
  const finish = await world.signed(query, begun.body);
  const other = await world.ruled.owner.signIn();
  const stolen = await world.post("/oauth/consent/finish", finish, other.secret);
  assert.equal(stolen.body.code, "assertion_not_accepted");

  const ann = world.people.person("ann@example.com");
  await ann.accept(await world.people.invited(world.ruled.session, ann.email));
  const again = await world.post("/oauth/consent", { request: query });
  const { allowCredentials: _owners, ...options } = again.body.options;
  const hers = await world.signed(query, { ...again.body, options }, {}, ann);
  const foreign = await world.post("/oauth/consent/finish", hers);
  assert.equal(foreign.body.code, "assertion_not_accepted");
  assert.equal(foreign.body.why, "wrong_user");
});

Deno.test("an assertion for another purpose is no consent, and a consent is no other purpose", async () => {
  await using world = await OAuthWorld.start();
  const query = world.query();
  const fresh = await world.post("/session/fresh", {});
  const finish = await world.signed(query, fresh.body);
  const got = await world.post("/oauth/consent/finish", finish);
  assert.equal(got.body.code, "assertion_not_accepted");
  const begun = await world.post("/oauth/consent", { request: query });
  const signed = await world.signed(query, begun.body);
  const { nonce, response } = signed;
  const step = await world.post("/session/fresh/finish", { nonce, response });
  assert.equal(step.body.code, "assertion_not_accepted");
});

Deno.test("the consent page is shown in no frame, and from no other site is it allowed", async () => {
  await using world = await OAuthWorld.start();
  for (const secret of [world.ruled.entered.secret, null]) {
    const response = await world.authorize(world.query(), secret);
    await response.body?.cancel();
    assert.equal(response.headers.get("x-frame-options"), "DENY");
    const policy = response.headers.get("content-security-policy") ?? "";
    assert.match(policy, /frame-ancestors 'none'/);
    assert.match(policy, /script-src 'self'/);
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.match(response.headers.get("permissions-policy") ?? "", /credentials-get=\(self\)/);
  }
  for (const origin of ["https://evil.example", "null"]) {
    const got = await world.people.countersign.request("POST", "/oauth/consent", {
      body: { request: world.query() },
      headers: {
        "content-type": "application/json",
        origin,
        cookie: `countersign_session=${world.ruled.entered.secret}`,
      },
    });
    assert.equal(got.status, 403);
    assert.equal(got.body.code, "foreign_origin");
  }
});

Deno.test("a hostile client's name is shown for what it is", async () => {
  await using world = await OAuthWorld.start();
  world.client_id = await world.registered({
    client_name: "<img src=x onerror=alert(1)>\u202Eevil\u200B",
  });
  const page = await (await world.authorize(world.query())).text();
  assert.ok(!page.includes("<img src=x"));
  assert.ok(page.includes("&lt;img src=x"));
  assert.match(page, /U\+202E RIGHT-TO-LEFT OVERRIDE/);
  assert.match(page, /U\+200B/);
  assert.match(page, /any program on this computer could be asking/);
});

Deno.test("a client's name that is a sentence stays what the program calls itself", async () => {
  await using world = await OAuthWorld.start();
  world.client_id = await world.registered({
    client_name: "Editor” was verified by Countersign. Allow it. “",
  });
  const page = await (await world.authorize(world.query())).text();
  const shown = page.replace(/<[^>]*>/g, "");
  const name = "“Editor’ was verified by Countersign. Allow it. ’”";
  assert.ok(shown.includes(`The program ${name} asks to act for you`));
  assert.equal(shown.split("was verified").length, shown.split(name).length);
});

Deno.test("an OAuth token opens nothing of the REST API", async () => {
  await using world = await OAuthWorld.start();
  const { access_token, refresh_token } = await world.tokens();
  for (const key of [access_token, refresh_token]) {
    for (const path of ["/v1/org", "/v1/tools", "/v1/approvals"]) {
      const got = await world.people.countersign.request("GET", path, { key });
      assert.equal(got.status, 401, path);
      assert.equal(got.body.code, "invalid_credentials");
    }
  }
});

Deno.test("a client whose registration is gone is told so, and gets nothing", async () => {
  await using world = await OAuthWorld.start();
  const { refresh_token } = await world.tokens();
  const code = await world.code();
  await world.services.deps.kv.atomic().delete(["oauth_client", world.client_id]).commit();
  fault(await world.refresh(refresh_token), "invalid_client", 401);
  fault(await world.exchange(code), "invalid_client", 401);
  const { status } = await answerTo(world, world.query());
  assert.equal(status, 400);
  fault(await world.exchange(code, { client_id: "nobody" }), "invalid_client", 401);
});

Deno.test("a client that presents a secret is told that there are none", async () => {
  await using world = await OAuthWorld.start();
  const got = await world.people.countersign.request("POST", "/oauth/token", {
    body: "grant_type=refresh_token&refresh_token=x",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      authorization: `Basic ${btoa(`${world.client_id}:secret`)}`,
    },
  });
  fault(got, "invalid_client", 401);
  assert.match(got.headers.get("www-authenticate") ?? "", /^Basic /);
});

Deno.test("the token endpoint refuses what is no request, in the form that OAuth has for it", async () => {
  await using world = await OAuthWorld.start();
  fault(await world.token({}), "invalid_request");
  fault(await world.token({ grant_type: "password" }), "unsupported_grant_type");
  fault(await world.token({ grant_type: "client_credentials" }), "unsupported_grant_type");
  fault(await world.token({ grant_type: "authorization_code" }), "invalid_request");
  fault(await world.token({ grant_type: "refresh_token" }), "invalid_request");
  fault(
    await world.form("/oauth/token", "grant_type=refresh_token&client_id=a&client_id=b"),
    "invalid_request",
  );
  const json = await world.people.countersign.request("POST", "/oauth/token", {
    body: { grant_type: "refresh_token" },
    headers: { "content-type": "application/json" },
  });
  fault(json, "invalid_request");
  const { status } = await world.people.countersign.request("GET", "/oauth/token");
  assert.equal(status, 405);
});

Deno.test("a client that refreshes without end is told to wait, and keeps what it has", async () => {
  await using world = await OAuthWorld.start();
  let { refresh_token } = await world.tokens();
  for (let i = 0; i < 60; i++) {
    const got = await world.refresh(refresh_token);
    assert.equal(got.status, 200, got.text);
    refresh_token = got.body.refresh_token;
  }
  const over = await world.refresh(refresh_token);
  assert.equal(over.status, 429, over.text);
  assert.equal(over.body.error, "temporarily_unavailable");
  assert.equal(over.headers.get("retry-after"), "60");
  world.clock.advance(60_000);
  assert.equal((await world.refresh(refresh_token)).status, 200);
});

Deno.test("wrong codes and tokens are counted like every credential that is not accepted", async () => {
  await using world = await OAuthWorld.start();
  for (let i = 0; i < 3; i++) fault(await world.exchange("x"), "invalid_grant");
  await world.services.failedAttempts.flush();
  const failed = (await world.people.log()).filter(({ type }) => type === "auth.failed");
  assert.deepEqual(failed.map(({ data }) => data.count), [3]);
});

Deno.test("no answer of the token endpoint depends on a cookie, and each may be read by any page", async () => {
  await using countersign = await Countersign.start();
  for (const path of ["/oauth/token", "/oauth/revoke", "/oauth/register"]) {
    const preflight = await fetch(countersign.origin + path, {
      method: "OPTIONS",
      headers: { origin: "https://app.example", "access-control-request-method": "POST" },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
    assert.equal(preflight.headers.get("access-control-allow-credentials"), null);
    const got = await countersign.request("POST", path, {
      body: "{",
      headers: { origin: "https://app.example" },
    });
    assert.equal(got.status, 400);
    assert.equal(got.headers.get("access-control-allow-origin"), "*");
    assert.equal(got.headers.get("set-cookie"), null);
  }
});
