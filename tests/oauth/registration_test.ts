import assert from "node:assert/strict";
import { CLIENT_UNUSED_MS, clientOf } from "../../lib/oauth/client.ts";
import {
  registerClient,
  REGISTRATIONS_OF_ALL,
  REGISTRATIONS_OF_ONE,
} from "../../lib/oauth/register.ts";
import { sourceOf } from "../../lib/identity/limits.ts";
import { oauthRegistrationsKey } from "../../lib/store/keys.ts";
import { Countersign } from "../helpers/countersign.ts";
import { OAuthWorld, REDIRECT } from "../helpers/oauth_world.ts";
import { CLIENT } from "../helpers/people.ts";

const HOUR = 60 * 60 * 1000;
const BODY = { client_name: "Tester", redirect_uris: [REDIRECT] };

Deno.test("a client registers itself, and gets what RFC 7591 says and no secret", async () => {
  await using world = await OAuthWorld.start();
  const got = await world.register({
    client_name: "Cursor",
    redirect_uris: [
      "cursor://anysphere.cursor-mcp/oauth/callback",
      "weird://x",
      "http://localhost:8787/callback",
      "https://www.cursor.com/agents/mcp/oauth/callback",
    ],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "client_secret_post",
    application_type: "native",
    scope: "anything at all",
    logo_uri: "https://evil.example/logo.png",
    software_id: { not: "a string" },
  });
  assert.equal(got.status, 201, got.text);
  assert.equal(got.headers.get("cache-control"), "no-store");
  const { client_id, ...rest } = got.body;
  assert.match(client_id, /^ocl_/);
  assert.deepEqual(rest, {
    client_id_issued_at: Math.floor(world.clock.now / 1000),
    client_name: "Cursor",
    redirect_uris: [
      "cursor://anysphere.cursor-mcp/oauth/callback",
      "http://localhost:8787/callback",
      "https://www.cursor.com/agents/mcp/oauth/callback",
    ],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    scope: "mcp:read mcp:write mcp:run",
  });
});

Deno.test("a registration without an address that is allowed is refused, and says why", async () => {
  await using world = await OAuthWorld.start();
  for (
    const [body, error] of [
      [{ client_name: "x" }, "invalid_redirect_uri"],
      [{ redirect_uris: [] }, "invalid_redirect_uri"],
      [{ redirect_uris: "https://a.example" }, "invalid_redirect_uri"],
      [{ redirect_uris: [1] }, "invalid_redirect_uri"],
      [{ redirect_uris: ["http://a.example/"] }, "invalid_redirect_uri"],
      [{ redirect_uris: Array(51).fill("https://a.example/") }, "invalid_redirect_uri"],
      [[], "invalid_client_metadata"],
      ["{", "invalid_client_metadata"],
      ['{"redirect_uris":["https://a.example"],"redirect_uris":[]}', "invalid_client_metadata"],
    ]
  ) {
    const got = await world.register(body);
    assert.equal(got.status, 400, got.text);
    assert.equal(got.body.error, error, got.text);
  }
});

Deno.test("a name is cut to what a page has room for, and one that is none gets a word", async () => {
  await using world = await OAuthWorld.start();
  for (
    const [name, expected] of [
      ["n".repeat(500), "n".repeat(100)],
      ["🦀".repeat(200), "🦀".repeat(100)],
      ["  ", "Unnamed client"],
      [undefined, "Unnamed client"],
      [{}, "Unnamed client"],
    ]
  ) {
    const got = await world.register({ ...BODY, client_name: name });
    assert.equal(got.body.client_name, expected);
  }
});

Deno.test("a registration flood from one address ends with its limit, and with the hour", async () => {
  await using world = await OAuthWorld.start();
  for (let i = 1; i < REGISTRATIONS_OF_ONE; i++) {
    assert.equal((await world.register(BODY)).status, 201);
  }
  const over = await Promise.all([world.register(BODY), world.register(BODY)]);
  for (const got of over) {
    assert.equal(got.status, 429, got.text);
    assert.equal(got.headers.get("retry-after"), "3600");
  }
  world.clock.advance(HOUR);
  assert.equal((await world.register(BODY)).status, 201);
});

Deno.test("a registration flood from everywhere ends with the limit of all", async () => {
  await using countersign = await Countersign.start();
  const { services, clock } = countersign;
  const before = Array<number>(REGISTRATIONS_OF_ALL - 3).fill(clock.now);
  await services.deps.kv.set([...oauthRegistrationsKey("all")], { at: before });
  const answers = await Promise.all(
    Array.from(
      { length: 8 },
      (_, i) => registerClient(services, BODY, { ...CLIENT, ip: `2001:db8:${i}::1` }),
    ),
  );
  assert.equal(answers.filter((answer) => "retry_after_seconds" in answer).length, 5);
});

Deno.test("sourceOf() takes a network of IPv6 for one address", () => {
  assert.equal(sourceOf("192.0.2.1"), "192.0.2.1");
  assert.equal(sourceOf("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(sourceOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
  assert.equal(sourceOf("2001:DB8:0001:2::9"), "2001:db8:1:2");
  assert.equal(sourceOf("2001:db8::9"), "2001:db8:0:0");
  assert.equal(sourceOf("::1"), "0:0:0:0");
});

Deno.test("a registration is an entry of the deployment's log, small, and of no organization's", async () => {
  await using world = await OAuthWorld.start();
  const before = (await world.people.log(world.org)).length;
  const long = `https://${"h".repeat(60)}.${"i".repeat(60)}.example/done`;
  const got = await world.register({
    client_name: "n".repeat(500),
    redirect_uris: [REDIRECT, long, ...[1, 2, 3].map((n) => `https://app${n}.example/${n}`)],
  });
  const entry = (await world.people.log()).at(-1);
  assert.equal(entry?.type, "oauth.registered");
  assert.deepEqual(entry.actor, { type: "system", id: "registration" });
  assert.deepEqual(entry.subject, { client: got.body.client_id });
  const { client_name, redirects, redirect_uris } = entry.data;
  assert.equal(client_name, "n".repeat(100));
  assert.deepEqual(redirects, ["127.0.0.1:4711", new URL(long).host.slice(0, 100), "app1.example"]);
  assert.equal(redirect_uris, 5);
  assert.ok("client_digest" in entry.data, "where from stands in the private part");
  assert.equal((await world.people.log(world.org)).length, before);
  const refused = await world.register({ redirect_uris: [] });
  assert.equal(refused.status, 400);
  assert.equal((await world.people.log()).at(-1)?.id, entry.id, "a refusal adds nothing");
});

Deno.test("a registration that nobody uses ends after 90 days; one in use stays", async () => {
  await using world = await OAuthWorld.start();
  const unused = await world.registered();
  let { refresh_token } = await world.tokens();
  for (let days = 0; days < 90; days += 15) {
    world.clock.advance(15 * 24 * HOUR);
    const got = await world.refresh(refresh_token);
    assert.equal(got.status, 200, got.text);
    refresh_token = got.body.refresh_token;
  }
  assert.equal(CLIENT_UNUSED_MS, 90 * 24 * HOUR);
  assert.ok("refused" in await clientOf(world.services, unused));
  assert.ok("client" in await clientOf(world.services, world.client_id));
});
