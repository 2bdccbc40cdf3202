import assert from "node:assert/strict";
import { CLIENT_NEW_MS, clientOf } from "../../lib/oauth/client.ts";
import { DEPLOYMENT_ORG, oauthDocumentKey } from "../../lib/store/keys.ts";
import { OAuthWorld, REDIRECT } from "../helpers/oauth_world.ts";

const DOCUMENT = "https://client.example/client.json";

/** A client that a document describes, which nobody has asked for yet. */
function documented(world: OAuthWorld, redirect_uris: readonly string[] = [REDIRECT]) {
  const body = { client_id: DOCUMENT, client_name: "Documented", redirect_uris };
  const { sites } = world.people.countersign;
  sites.answer(DOCUMENT, { body });
  world.client_id = DOCUMENT;
  return sites;
}

/** The names and versions of all rows. */
async function rows(world: OAuthWorld): Promise<string[]> {
  const { kv } = world.services.deps;
  const all = await Array.fromAsync(kv.list({ prefix: [] }));
  return all.map(({ key, versionstamp }) => `${key.join(" ")} ${versionstamp}`);
}

Deno.test("fetch cannon: for whoever is not signed in nobody is asked, and nothing is kept", async () => {
  await using world = await OAuthWorld.start();
  const registered = world.query();
  const sites = documented(world);
  const before = await rows(world);
  for (
    const [query, status] of [
      [registered, 200],
      [world.query(), 200],
      [world.query({ response_type: "token" }), 200],
      [world.query({ redirect_uri: "https://evil.example/" }), 200],
      [world.query({ client_id: `${world.origin}/oauth/authorize?client_id=${DOCUMENT}` }), 400],
      [world.query({ client_id: "ocl_unknown" }), 400],
      [world.query({ state: "s".repeat(4000) }), 400],
    ] as const
  ) {
    for (const secret of [null, "a".repeat(43)]) {
      const response = await world.authorize(query, secret);
      assert.equal(response.status, status, query);
      assert.equal(response.headers.get("location"), null);
      const page = await response.text();
      assert.ok(!page.includes("Documented"));
      if (status === 200) assert.match(page, /Sign in/);
    }
  }
  assert.deepEqual(sites.asked, []);
  assert.deepEqual(await rows(world), before);
  const page = await (await world.authorize(world.query())).text();
  assert.match(page, /Documented/);
  assert.equal(sites.asked.length, 1);
  const kept = await world.services.deps.kv.get([...oauthDocumentKey(DOCUMENT)]);
  assert.ok(kept.value !== null);
});

Deno.test("a document vouches for no program on this computer, over https neither", async () => {
  for (const redirect_uri of ["https://localhost:8443/done", "https://127.0.0.1/done"]) {
    await using world = await OAuthWorld.start();
    documented(world, [redirect_uri]);
    const page = await (await world.authorize(world.query({ redirect_uri }))).text();
    assert.ok(!page.includes("domain verified"), redirect_uri);
    assert.match(page, /any program on this computer could be asking/);
    await world.code({ redirect_uri });
    const [authorized] = (await world.people.log(world.org))
      .filter(({ type }) => type === "oauth.authorized");
    assert.equal(authorized?.data.verified, false);
  }
});

Deno.test("a document that anybody may put on a well-known host does not vouch for another's address", async () => {
  const { host } = new URL(DOCUMENT);
  for (
    const [redirect_uri, isElsewhere] of [
      ["https://evil.example/done", true],
      [`https://not${host}/done`, true],
      [`https://${host}.evil.example/done`, true],
      [`https://${host}:8443/done`, true],
      [`https://${host}/done`, false],
      [`https://app.${host}/done`, false],
    ] as const
  ) {
    await using world = await OAuthWorld.start();
    documented(world, [redirect_uri]);
    const page = await (await world.authorize(world.query({ redirect_uri }))).text();
    assert.match(page, /domain verified/);
    assert.equal(page.includes("does not answer for"), isElsewhere, redirect_uri);
  }
});

Deno.test("registration flood: what nobody lets do anything ends in a week", async () => {
  await using world = await OAuthWorld.start();
  const unused = await world.registered();
  await world.code();
  world.clock.advance(CLIENT_NEW_MS - 1);
  assert.ok("client" in await clientOf(world.services, unused));
  world.clock.advance(1);
  assert.ok("refused" in await clientOf(world.services, unused));
  assert.ok("client" in await clientOf(world.services, world.client_id), "one in use stays");
});

Deno.test("registration flood: addresses of one client have a length together", async () => {
  await using world = await OAuthWorld.start();
  const uris = (count: number) =>
    Array.from({ length: count }, (_, i) => `https://app.example/${i}/${"a".repeat(900)}`);
  const over = await world.register({ client_name: "Huge", redirect_uris: uris(5) });
  assert.equal(over.status, 400);
  assert.equal(over.body.error, "invalid_redirect_uri");
  assert.match(over.body.error_description, /4000 characters/);
  const fits = await world.register({ client_name: "Large", redirect_uris: uris(4) });
  assert.equal(fits.status, 201, fits.text);
});

Deno.test("strangers at the token endpoints grow no org's log, and no row", async () => {
  await using world = await OAuthWorld.start();
  const before = await rows(world);
  await world.exchange("c".repeat(43));
  await world.refresh("cs_rt_nonsense");
  await world.form("/oauth/revoke", { token: "cs_at_nonsense" });
  await world.register({ redirect_uris: [] });
  const grown = (await rows(world)).filter((row) => !before.includes(row));
  // Attempts are noted in the deployment's own log, once a minute and source.
  assert.deepEqual(grown.filter((row) => !row.includes(DEPLOYMENT_ORG)), []);
});
